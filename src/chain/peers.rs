//! Who dials whom, and how that is written for the chain.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    profile::Profile,
    topology::{Role, Spot, dialled},
};
use crate::model::ids::{NodeId, NodeName, PeerAddr};

/// Up to here every node dials every other; beyond, that would grow with the square of the nodes.
pub const MESH_LIMIT: usize = 32;

/// Beyond the mesh, a node dials its two ring neighbours and this many others: with the two it stays below the
/// 10 outbound connections that Tendermint allows itself.
pub const OTHERS: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    pub spot: Spot,
    pub id: NodeId,
    pub addr: PeerAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// `Mesh` up to `MESH_LIMIT` nodes, then the ring and others chosen by the names' hash.
    #[default]
    Auto,
    Mesh,
    Ring,
}

/// Two nodes that are one to the chain (S4), or a node that is not in the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeersError {
    #[error("{second} has the same node id as {first} ({id}): cloned machines?")]
    SameId { first: NodeName, second: NodeName, id: NodeId },
    #[error("{second} has the same peer address as {first} ({addr})")]
    SameAddress { first: NodeName, second: NodeName, addr: String },
    #[error("{0} is not among the nodes")]
    Unknown(NodeName),
}

/// The nodes that `node` dials, in the order of their names, since another order of the inventory is no change;
/// never itself. Connected over all nodes by construction.
///
/// Beyond the mesh, a node that joins changes only the lists that it then stands in.
pub fn peers_for(node: &NodeName, all: &[PeerInfo], strategy: Strategy) -> Result<Vec<PeerInfo>, PeersError> {
    check(all)?;
    peers_of_checked(node, all, strategy)
}

/// The same for a list that has been through `check`, which is as long as the list and so is not for every node.
pub fn peers_of_checked(
    node: &NodeName,
    all: &[PeerInfo],
    strategy: Strategy,
) -> Result<Vec<PeerInfo>, PeersError> {
    let Some(me) = all.iter().find(|peer| peer.spot.name == *node) else {
        return Err(PeersError::Unknown(node.clone()));
    };
    let spots: Vec<&Spot> = all.iter().map(|peer| &peer.spot).collect();
    let dialled = dialled(&me.spot, &spots, strategy);
    let mut peers: Vec<PeerInfo> =
        all.iter().filter(|peer| dialled.contains(&&peer.spot.name)).cloned().collect();
    peers.sort_unstable_by(|a, b| a.spot.name.cmp(&b.spot.name));
    Ok(peers)
}

/// The seeds that a node may ask for more peers: none of them itself, and none that it may not know.
pub fn seeds_of(me: &Spot, all: &[PeerInfo]) -> Vec<PeerInfo> {
    let seed =
        |peer: &&PeerInfo| peer.spot.role == Role::Seed && peer.spot.name != me.name && !me.is_hidden();
    all.iter().filter(seed).cloned().collect()
}

/// Of the nodes that know each other, `node` among them, those that it dials; never itself.
pub(super) fn chosen<'a>(node: &NodeName, all: &[&'a NodeName], strategy: Strategy) -> Vec<&'a NodeName> {
    let others = match strategy {
        Strategy::Auto if all.len() > MESH_LIMIT => OTHERS,
        Strategy::Auto | Strategy::Mesh => all.len(),
        Strategy::Ring => 0,
    };
    let mut chosen = ring_neighbours(node, all);
    if others > 0 {
        let mut ranked: Vec<_> = all.iter().map(|name| (rank(node, name), *name)).collect();
        ranked.retain(|(_, name)| *name != node);
        ranked.sort_unstable();
        chosen.extend(ranked.into_iter().take(others).map(|(_, name)| name));
    }
    chosen.retain(|name| *name != node);
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Twice the same id or address can never be in a list: the document that this replaces had it in its example.
pub fn check(all: &[PeerInfo]) -> Result<(), PeersError> {
    let (mut ids, mut addresses) = (BTreeMap::new(), BTreeMap::new());
    for peer in all {
        let name = &peer.spot.name;
        if let Some(first) = ids.insert(&peer.id, name) {
            let (first, second) = (first.clone(), name.clone());
            return Err(PeersError::SameId { first, second, id: peer.id.clone() });
        }
        if let Some(first) = addresses.insert(peer.addr.to_string(), name) {
            let (first, second) = (first.clone(), name.clone());
            return Err(PeersError::SameAddress { first, second, addr: peer.addr.to_string() });
        }
    }
    Ok(())
}

/// The nodes on a ring in the order of their names' hash, so that who joins moves two neighbours only.
fn ring_neighbours<'a>(node: &NodeName, all: &[&'a NodeName]) -> Vec<&'a NodeName> {
    let mut ring: Vec<_> = all.iter().map(|name| (hash(name.as_str()), *name)).collect();
    ring.sort_unstable();
    let Some(at) = ring.iter().position(|(_, name)| *name == node) else { return Vec::new() };
    let length = ring.len();
    vec![ring[(at + 1) % length].1, ring[(at + length - 1) % length].1]
}

fn rank(node: &NodeName, other: &NodeName) -> [u8; 32] {
    // A name holds no slash, so no two pairs are one text.
    hash(&format!("{node}/{other}"))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// One peer as the profile writes it; an IPv6 address in brackets.
pub fn peer_text(profile: &Profile, peer: &PeerInfo) -> String {
    let with_port = peer.addr.to_string();
    let host = with_port.rsplit_once(':').map_or(with_port.as_str(), |(host, _)| host);
    profile
        .peers
        .format
        .replace("{id}", peer.id.as_str())
        .replace("{port}", &peer.addr.port.to_string())
        .replace("{host}", host)
}

/// All of a node's peers as the profile writes them; empty where there are none.
pub fn peers_string(profile: &Profile, peers: &[PeerInfo]) -> String {
    let each: Vec<_> = peers.iter().map(|peer| peer_text(profile, peer)).collect();
    each.join(&profile.peers.separator)
}

/// The same as a file of their own: a JSON list.
pub fn peers_list(profile: &Profile, peers: &[PeerInfo]) -> String {
    let each: Vec<_> = peers.iter().map(|peer| peer_text(profile, peer)).collect();
    format!("{:#}\n", serde_json::Value::from(each))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{Strategy, *};
    use crate::model::ids::HostAddr;

    fn node(number: usize) -> PeerInfo {
        PeerInfo {
            spot: Spot {
                name: NodeName::new(format!("node-{number}")).unwrap(),
                role: Role::Validator,
                behind: Vec::new(),
            },
            id: NodeId::new(format!("{number:040x}")).unwrap(),
            addr: PeerAddr {
                host: HostAddr::new(format!("10.0.{}.{}", number / 250, number % 250)).unwrap(),
                port: 26656,
            },
        }
    }

    fn nodes(count: usize) -> Vec<PeerInfo> {
        (0..count).map(node).collect()
    }

    fn names(peers: &[PeerInfo]) -> BTreeSet<String> {
        peers.iter().map(|peer| peer.spot.name.to_string()).collect()
    }

    fn reached(all: &[PeerInfo], strategy: Strategy) -> usize {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for peer in all {
            for other in names(&peers_for(&peer.spot.name, all, strategy).unwrap()) {
                edges.entry(peer.spot.name.to_string()).or_default().insert(other.clone());
                edges.entry(other).or_default().insert(peer.spot.name.to_string());
            }
        }
        let (mut seen, mut open) = (BTreeSet::new(), vec![all[0].spot.name.to_string()]);
        while let Some(name) = open.pop() {
            if seen.insert(name.clone()) {
                open.extend(edges.get(&name).into_iter().flatten().cloned());
            }
        }
        seen.len()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn peers_are_connected_bounded_and_never_oneself(count in 1_usize..300) {
            let all = nodes(count);
            for strategy in [Strategy::Auto, Strategy::Ring] {
                prop_assert_eq!(reached(&all, strategy), count);
                for peer in &all {
                    let dialled = peers_for(&peer.spot.name, &all, strategy).unwrap();
                    prop_assert!(!dialled.contains(peer));
                    prop_assert_eq!(names(&dialled).len(), dialled.len());
                    match strategy {
                        Strategy::Auto if count <= MESH_LIMIT => prop_assert_eq!(dialled.len(), count - 1),
                        Strategy::Auto => prop_assert!(dialled.len() < 10 && dialled.len() >= OTHERS),
                        _ => prop_assert!(dialled.len() <= 2),
                    }
                }
            }
        }

        #[test]
        fn who_joins_changes_only_the_lists_that_it_stands_in(count in 33_usize..300, order in any::<bool>()) {
            let before = nodes(count);
            let mut after = before.clone();
            after.insert(if order { 0 } else { count }, node(count));
            for peer in &before {
                let old = names(&peers_for(&peer.spot.name, &before, Strategy::Auto).unwrap());
                let new = names(&peers_for(&peer.spot.name, &after, Strategy::Auto).unwrap());
                let listed = new.contains(node(count).spot.name.as_str());
                prop_assert!(listed || new == old);
            }
        }
    }

    #[test]
    fn one_node_has_no_peers_and_a_stranger_is_an_error() {
        let all = nodes(1);
        assert!(peers_for(&all[0].spot.name, &all, Strategy::Auto).unwrap().is_empty());
        assert!(matches!(peers_for(&node(7).spot.name, &all, Strategy::Auto), Err(PeersError::Unknown(_))));
    }

    #[test]
    fn s4_the_same_id_twice_is_refused_by_name() {
        let mut all = nodes(3);
        all[2].id = all[0].id.clone();
        let error = peers_for(&all[1].spot.name, &all, Strategy::Auto).unwrap_err();
        assert!(error.to_string().starts_with("node-2 has the same node id as node-0"), "{error}");
    }

    #[test]
    fn each_chain_writes_peers_its_own_way() {
        let mut peers = nodes(2);
        peers[1].addr.host = HostAddr::new("fd00::1").unwrap();
        let text = |chain: &str| peers_string(&Profile::builtin(chain).unwrap(), &peers);
        let (a, b) = (peers[0].id.as_str(), peers[1].id.as_str());
        assert_eq!(text("loom"), format!("tcp://{a}@10.0.0.0:26656,tcp://{b}@[fd00::1]:26656"));
        assert_eq!(text("cometbft"), format!("{a}@10.0.0.0:26656,{b}@[fd00::1]:26656"));
    }
}
