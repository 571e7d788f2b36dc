//! Where a node listens, and under which names and addresses the others know it.

use std::collections::{BTreeMap, BTreeSet};

use super::{ask, spread::each};
use crate::{
    chain::{
        peers::{PeerInfo, ids_at},
        ports::{PortUse, p2p, ports_of},
        profile::{ConfigFile, HomePath},
        render::{NodeContext, ServiceContext, ports_of_node},
    },
    cluster::{Cluster, Node, Program, Service},
    facts::{Facts, NodeFacts},
    types::ids::{NodeId, PeerAddr, RemotePath},
};

/// Everything that rendering wants but the peers.
pub(super) fn context(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<NodeContext> {
    let home = seen.home.clone()?;
    let base = |(path, file): (&HomePath, &ConfigFile)| {
        let name = if file.base.is_some() { ask::kept_name(path) } else { ask::adopted_name(path) };
        Some((path.clone(), seen.pristine.get(&name)?.clone()))
    };
    let init_files = cluster.profile.files.iter().filter_map(base).collect();
    Some(NodeContext {
        basics: cluster.basics(node),
        binary: cluster.started(node, cluster.main(node)),
        shown: shown(seen, &home).clone(),
        home,
        user: node.user.clone(),
        external_address: PeerAddr {
            host: node.public_ip.clone().unwrap_or_else(|| node.private_ip.clone()),
            port: 0,
        },
        spot: node.spot(),
        peers: Vec::new(),
        seeds: Vec::new(),
        sync: None,
        unit: node.unit.clone(),
        services: services(cluster, node),
        rootless: cluster.scope(node).login_user().is_some(),
        systemd: seen.systemd,
        init_files,
    })
}

fn services(cluster: &Cluster, node: &Node) -> Vec<ServiceContext> {
    let context = |(program, service): (Program<'_>, &Service)| ServiceContext {
        name: service.name.clone(),
        unit_name: service.unit_name.clone(),
        binary: cluster.started(node, program),
        unit: service.unit.clone(),
    };
    cluster.programs(node).zip(&node.services).map(context).collect()
}

/// The node's ports as its own configuration will have them; before its init, as the inventory and the profile say.
pub fn ports(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> BTreeMap<String, PortUse> {
    let own = context(cluster, node, seen).and_then(|context| ports_of_node(&cluster.profile, &context));
    own.unwrap_or_else(|| ports_of(&cluster.profile, &BTreeMap::new(), &node.ports, node.rpc_bind.as_ref()))
}

/// Where the nodes connect to each other; those whose identity is not known yet are left out.
pub fn peers(cluster: &Cluster, facts: &Facts) -> Vec<PeerInfo> {
    let unseen = NodeFacts::default();
    let peer = |node: &Node| {
        let seen = facts.nodes.get(&node.name);
        let port = p2p(&ports(cluster, node, seen.unwrap_or(&unseen)))?;
        let addr = PeerAddr { host: node.private_ip.clone(), port };
        let id = match seen {
            Some(seen) => seen.node_id.clone(),
            None => remembered(cluster, facts, &addr),
        };
        Some(PeerInfo { spot: node.spot(), id: id?, addr })
    };
    each(&cluster.nodes, peer).into_iter().flatten().collect()
}

/// The id of a node whose host cannot be asked, as the files of most others have it: who is down stays their peer. Where they
/// do not agree, nobody knows it.
fn remembered(cluster: &Cluster, facts: &Facts, addr: &PeerAddr) -> Option<NodeId> {
    let mut votes: BTreeMap<NodeId, usize> = BTreeMap::new();
    for seen in facts.nodes.values() {
        let texts = seen.files.values().filter_map(|file| file.content.as_deref());
        let named: BTreeSet<NodeId> = texts.flat_map(|text| ids_at(&cluster.profile, addr, text)).collect();
        for id in named {
            *votes.entry(id).or_default() += 1;
        }
    }
    let most = votes.values().copied().max()?;
    let mut first = votes.into_iter().filter(|(_, count)| *count == most).map(|(id, _)| id);
    first.next().filter(|_| first.next().is_none())
}

/// The id at a node's address in the files of the others: it has been there before.
pub fn known_as(cluster: &Cluster, node: &Node, facts: &Facts) -> Option<NodeId> {
    let port = p2p(&ports(cluster, node, &NodeFacts::default()))?;
    remembered(cluster, facts, &PeerAddr { host: node.private_ip.clone(), port })
}

/// The folder that systemd can show the node, where it cannot look at the node's own (see `NodeFacts::shown`).
pub(super) fn shown<'a>(seen: &'a NodeFacts, home: &'a RemotePath) -> &'a RemotePath {
    seen.shown.as_ref().unwrap_or(home)
}
