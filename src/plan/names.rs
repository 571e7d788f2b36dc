//! Names of hosts that nodes need.

use std::collections::BTreeSet;

use crate::{
    chain::{peers::PeerInfo, profile::Profile},
    cluster::{Cluster, Node},
    types::ids::{HostAddr, NodeId, PeerAddr},
};

/// Names, no addresses, that a node's host has to know, or the node ends at its start: whom it dials, and what it announces as its
/// own. The choice of peers goes by their names alone, so it needs no keys.
pub fn needed(cluster: &Cluster, node: &Node) -> BTreeSet<String> {
    let is_name = |host: &HostAddr| host.ip().is_none();
    let announced = |node: &Node| node.public_ip.clone().unwrap_or_else(|| node.private_ip.clone());
    let mut names = BTreeSet::new();
    if announces(&cluster.profile) && is_name(&announced(node)) {
        names.insert(announced(node).to_string());
    }
    if cluster.nodes.iter().any(|other| is_name(&other.private_ip)) {
        names.extend(dialled(cluster, node).filter(is_name).map(|host| host.to_string()));
    }
    names
}

fn announces(profile: &Profile) -> bool {
    profile.files.values().any(|file| file.set.values().any(|value| value == "{external_address}"))
}

fn dialled(cluster: &Cluster, node: &Node) -> impl Iterator<Item = HostAddr> {
    let peer = |node: &Node| {
        let addr = PeerAddr { host: node.private_ip.clone(), port: 1 };
        Some(PeerInfo { spot: node.spot(), id: NodeId::new("0".repeat(40)).ok()?, addr })
    };
    let all: Vec<PeerInfo> = cluster.nodes.iter().filter_map(peer).collect();
    let network = cluster.peering(&all);
    let peers = network.peers_of(&node.name).unwrap_or_default().into_iter();
    let dialled = peers.chain(network.seeds_of(&node.spot()));
    dialled
        .filter(|peer| peer.spot.name != node.name)
        .map(|peer| peer.addr.host)
        .collect::<Vec<_>>()
        .into_iter()
}
