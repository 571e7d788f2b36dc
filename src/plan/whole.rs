//! Everything that belongs on each node's host, whether it is there already or not.

use std::collections::{BTreeMap, BTreeSet};

use super::{birth, endpoints, node};
use crate::{
    chain::peers::{self, PeerInfo},
    cluster::Cluster,
    facts::Facts,
    steps::Step,
    types::{code::Code, diagnostic::Diagnostic, ids::NodeName},
};

/// The nodes as peers, each of them: a list that lacks one is a network that lacks one.
pub fn everybody(cluster: &Cluster, facts: &Facts) -> Result<Vec<PeerInfo>, Vec<Diagnostic>> {
    let everybody = endpoints::peers(cluster, facts);
    let known: BTreeSet<&NodeName> = everybody.iter().map(|peer| &peer.spot.name).collect();
    let unknown = cluster.nodes.iter().filter(|node| !known.contains(&node.name));
    let refuse = |name: &NodeName| {
        let message = if facts.nodes.contains_key(name) {
            "it has no node key yet in these facts"
        } else {
            "it is not in these facts"
        };
        Diagnostic::refusal(Code::FactsIncomplete, Some(name), message)
            .help("take the facts of all hosts once the keys are there: `loomctl facts --json >FILE`")
    };
    let refusals: Vec<Diagnostic> = unknown.map(|node| refuse(&node.name)).collect();
    if !refusals.is_empty() {
        return Err(refusals);
    }
    peers::check(&everybody).map_err(|why| vec![Diagnostic::refusal(why.code(), None, why.to_string())])?;
    Ok(everybody)
}

/// Genesis documents, configuration, links and units, by node. Neither binaries nor our own manifest: these hold what
/// only a host knows.
pub fn whole(cluster: &Cluster, facts: &Facts) -> Result<BTreeMap<NodeName, Vec<Step>>, Vec<Diagnostic>> {
    let everybody = everybody(cluster, facts)?;
    let network = cluster.peering(&everybody);
    let documents = birth::documents(cluster, facts)?;
    let (mut all, mut refusals) = (BTreeMap::new(), Vec::new());
    for node in &cluster.nodes {
        match node::wanted(cluster, node, facts, &documents, &network) {
            Ok(wanted) => drop(all.insert(node.name.clone(), wanted.steps)),
            Err(found) => refusals.extend(found),
        }
    }
    if refusals.is_empty() { Ok(all) } else { Err(refusals) }
}
