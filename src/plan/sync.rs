//! State sync: who begins with a snapshot of the living chain, which block it trusts, and whom it asks.

use std::collections::BTreeMap;

use super::{
    Options,
    endpoints::ports,
    lifecycle::{self, Life},
};
use crate::{
    chain::{
        config::Parsed,
        profile::{HomePath, SetKeys},
        render::Sync,
    },
    cluster::{Cluster, Node},
    facts::{Facts, NodeFacts, Trusted},
    types::ids::{HostAddr, PeerAddr},
    types::{code::Code, diagnostic::Diagnostic},
};

/// CometBFT wants one to ask and another to compare with.
const SERVERS: usize = 2;
const MOST_SERVERS: usize = 4;

/// Nodes that are to take a snapshot at their first start. At a birth there is none to take.
fn joining<'a>(
    cluster: &'a Cluster,
    facts: &'a Facts,
    options: &'a Options,
) -> impl Iterator<Item = &'a Node> {
    let lives = lifecycle::of_cluster(cluster, facts) == Life::Live;
    let joins = move |node: &&Node| {
        lives
            && node.state_sync
            && options.touches(&node.name)
            && lifecycle::of_node(cluster, node, facts) < Life::Started
    };
    cluster.nodes.iter().filter(joins)
}

/// Whether the chain has to be asked for a block that can be trusted, before anything is decided.
pub fn wants_trust(cluster: &Cluster, facts: &Facts, options: &Options) -> bool {
    joining(cluster, facts, options).next().is_some()
}

pub fn refusals(cluster: &Cluster, facts: &Facts, options: &Options) -> Vec<Diagnostic> {
    joining(cluster, facts, options).filter_map(|node| refusal(cluster, node, facts)).collect()
}

fn refusal(cluster: &Cluster, node: &Node, facts: &Facts) -> Option<Diagnostic> {
    let reached = servers(cluster, node, facts).len();
    if reached < SERVERS {
        let message =
            format!("state_sync wants {SERVERS} running nodes whose RPC it reaches, and there are {reached}");
        let advice = "set `rpc_bind` to the private_ip of two nodes and `loomctl up --roll` (their RPC then answers \
                      whoever reaches that address), or leave state_sync out: it takes all blocks then";
        return Some(Diagnostic::refusal(Code::SyncServers, Some(&node.name), message).help(advice));
    }
    let why = match &facts.trusted {
        Some(Ok(trusted)) => {
            let agree = servers_that_agree(cluster, node, facts, trusted).len();
            if agree >= SERVERS {
                return None;
            }
            format!("only {agree} of the {reached} nodes whose RPC it reaches has block {}", trusted.height)
        }
        Some(Err(why)) => why.clone(),
        None => "the chain was not asked".to_owned(),
    };
    let message = format!("state_sync has no block to trust: {why}");
    let advice = "look at the chain with `loomctl verify`, or leave state_sync out: it takes all blocks then";
    Some(Diagnostic::refusal(Code::NoTrustedBlock, Some(&node.name), message).help(advice))
}

/// What the node's own configuration says of state sync; `None`: nothing beyond what init wrote.
pub fn of_node(cluster: &Cluster, node: &Node, facts: &Facts, seen: &NodeFacts) -> Option<Sync> {
    if !node.state_sync {
        return None;
    }
    // It is read at the first start only: who has started keeps what it was started with (S2).
    if lifecycle::of_node(cluster, node, facts) >= Life::Started {
        return Some(Sync::Kept(kept(cluster, seen)));
    }
    let trusted = facts.trusted.as_ref()?.as_ref().ok()?;
    let servers = servers_that_agree(cluster, node, facts, trusted);
    Some(Sync::From { height: trusted.height, hash: trusted.hash.clone(), servers })
}

fn kept(cluster: &Cluster, seen: &NodeFacts) -> BTreeMap<HomePath, SetKeys> {
    let of_file = |(path, keys): (&HomePath, &SetKeys)| {
        let file = cluster.profile.files.get(path)?;
        let parsed = Parsed::of(file.format, seen.text(&path.under(seen.home.as_ref()?))?)?;
        let values = keys.keys().filter_map(|key| Some((key.clone(), parsed.key(key)?)));
        Some((path.clone(), values.collect()))
    };
    cluster.profile.state_sync.iter().filter_map(of_file).collect()
}

fn servers_that_agree(cluster: &Cluster, node: &Node, facts: &Facts, trusted: &Trusted) -> Vec<PeerAddr> {
    let reached = servers(cluster, node, facts).into_iter();
    reached.filter(|(name, _)| trusted.by.contains(&name.name)).map(|(_, at)| at).take(MOST_SERVERS).collect()
}

/// Running nodes whose RPC this one reaches, by the addresses that they listen on.
fn servers<'a>(cluster: &'a Cluster, node: &Node, facts: &Facts) -> Vec<(&'a Node, PeerAddr)> {
    let server = |other: &'a Node| {
        let seen = facts.nodes.get(&other.name).filter(|seen| seen.unit.is_running())?;
        let rpc = ports(cluster, other, seen).remove(&cluster.profile.rpc_port())?;
        let bind = HostAddr::new(rpc.bind.as_str()).ok()?;
        let (any, own) = match bind.ip() {
            Some(ip) => (ip.is_unspecified(), ip.is_loopback()),
            None => (false, bind.as_str() == "localhost"),
        };
        let reached = !own || other.machine == node.machine;
        let host = if any { other.private_ip.clone() } else { bind };
        reached.then_some((other, PeerAddr { host, port: rpc.port }))
    };
    cluster.nodes.iter().filter(|other| other.name != node.name).filter_map(server).collect()
}
