//! Who dials whom, and how that is written for the chain.

mod placement;
pub mod strategy;
pub mod topology;

use std::collections::BTreeMap;

use super::{placeholders::filled, profile::Profile};
use crate::types::{
    code::Code,
    ids::{HostAddr, NodeId, NodeName, PeerAddr},
};
pub use strategy::Strategy;
use topology::{Role, Spot, Topology};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    pub spot: Spot,
    pub id: NodeId,
    pub addr: PeerAddr,
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

impl PeersError {
    pub fn code(&self) -> Code {
        match self {
            Self::SameId { .. } => Code::ClonedNode,
            Self::SameAddress { .. } => Code::SameAddress,
            Self::Unknown(_) => Code::NotRendered,
        }
    }
}

/// All nodes as peers of each other. Made once and asked for each node.
pub struct Peering<'a> {
    peers: BTreeMap<&'a NodeName, &'a PeerInfo>,
    seeds: Vec<&'a PeerInfo>,
    topology: Topology<'a>,
    /// Nodes of a joined network, which everybody may know: those to dial, and seeds.
    outside: (&'a [PeerInfo], &'a [PeerInfo]),
}

impl<'a> Peering<'a> {
    /// The list has been through `check`, or its ids do not matter.
    pub fn of(all: &'a [PeerInfo], strategy: Strategy) -> Self {
        Self {
            peers: all.iter().map(|peer| (&peer.spot.name, peer)).collect(),
            seeds: all.iter().filter(|peer| peer.spot.role == Role::Seed).collect(),
            topology: Topology::of(all.iter().map(|peer| &peer.spot), strategy),
            outside: Default::default(),
        }
    }

    /// The same, with nodes that belong to nobody here: those to dial, and seeds.
    #[must_use]
    pub fn with(mut self, outside: (&'a [PeerInfo], &'a [PeerInfo])) -> Self {
        self.outside = outside;
        self
    }

    pub fn peer(&self, node: &NodeName) -> Option<&'a PeerInfo> {
        self.peers.get(node).copied()
    }

    /// The nodes that `node` dials, in the order of their names, since another order of the inventory is no change;
    /// never itself. Connected over all nodes by construction.
    ///
    /// Beyond the mesh, a node that joins changes only the lists that it then stands in.
    pub fn peers_of(&self, node: &NodeName) -> Result<Vec<PeerInfo>, PeersError> {
        let me = self.peer(node).ok_or_else(|| PeersError::Unknown(node.clone()))?;
        let dialled = self.topology.dialled(&me.spot);
        let mut peers: Vec<PeerInfo> =
            dialled.into_iter().filter_map(|name| self.peer(name).cloned()).collect();
        peers.sort_unstable_by(|a, b| a.spot.name.cmp(&b.spot.name));
        peers.dedup();
        peers.extend(self.strangers(self.outside.0));
        Ok(peers)
    }

    /// The seeds that a node may ask for more peers: none of them itself, and none that it may not know.
    pub fn seeds_of(&self, me: &Spot) -> Vec<PeerInfo> {
        let others = self.seeds.iter().filter(|seed| seed.spot.name != me.name && !me.is_hidden());
        others.map(|seed| (*seed).clone()).chain(self.strangers(self.outside.1)).collect()
    }

    /// Those that are no node of ours.
    fn strangers(&self, outside: &'a [PeerInfo]) -> impl Iterator<Item = PeerInfo> {
        outside.iter().filter(|peer| self.peers.values().all(|own| own.id != peer.id)).cloned()
    }
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

/// One peer as the profile writes it; an IPv6 address in brackets.
pub fn peer_text(profile: &Profile, peer: &PeerInfo) -> String {
    written(profile, peer.id.as_str(), &peer.addr)
}

/// The ids that a text has for a peer at this address, written as the profile writes it.
pub fn ids_at<'a>(
    profile: &Profile,
    addr: &PeerAddr,
    text: &'a str,
) -> impl Iterator<Item = NodeId> + use<'a> {
    const ID: &str = "\0";
    let around = written(profile, ID, addr);
    let (before, behind) = around.split_once(ID).unwrap_or_default();
    let (before, behind) = (before.to_owned(), behind.to_owned());
    let ends: Vec<usize> =
        if behind.is_empty() { Vec::new() } else { text.match_indices(&behind).map(|(at, _)| at).collect() };
    ends.into_iter().filter_map(move |at| {
        let whole = !text[at + behind.len()..].starts_with(|c: char| c.is_ascii_digit());
        let id = text[..at].rsplit(|c: char| !c.is_ascii_hexdigit()).next()?;
        let begins = text[..at - id.len()].ends_with(&before);
        NodeId::new(id).ok().filter(|_| whole && begins)
    })
}

fn written(profile: &Profile, id: &str, addr: &PeerAddr) -> String {
    let with_port = addr.to_string();
    let (host, port) = with_port.rsplit_once(':').unwrap_or((&with_port, ""));
    let value = |word: &str| match word {
        "id" => Some(id.to_owned()),
        "host" => Some(host.to_owned()),
        "port" => Some(port.to_owned()),
        other => Some(format!("{{{other}}}")),
    };
    filled(&profile.peers.format, value).unwrap_or_default()
}

/// A peer as the profile writes it: its id and address.
pub fn parsed(profile: &Profile, text: &str) -> Option<(NodeId, PeerAddr)> {
    let (before, rest) = profile.peers.format.split_once("{id}")?;
    let (between, rest) = rest.split_once("{host}")?;
    let (colon, behind) = rest.split_once("{port}")?;
    let (id, at) = text.strip_prefix(before)?.split_once(between)?;
    let (host, port) = at.strip_suffix(behind)?.rsplit_once(colon)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let addr = PeerAddr { host: HostAddr::new(host).ok()?, port: port.parse().ok()? };
    let id = NodeId::new(id).ok()?;
    (written(profile, id.as_str(), &addr) == text).then_some((id, addr))
}

/// Every peer of a text that has other words around it, written as the profile writes one: its id and `HOST:PORT`.
pub fn all_in(profile: &Profile, text: &str) -> Vec<(NodeId, String)> {
    let Some((before, rest)) = profile.peers.format.split_once("{id}") else { return Vec::new() };
    let Some((between, _)) = rest.split_once("{host}") else { return Vec::new() };
    if between.is_empty() {
        return Vec::new();
    }
    let peer = |(at, _): (usize, &str)| {
        let id = text[..at].rsplit(|c: char| !c.is_ascii_hexdigit()).next()?;
        let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '[' | ']'));
        let place = text[at + between.len()..].split(ends).next()?;
        let begins = text[..at - id.len()].ends_with(before);
        Some((NodeId::new(id).ok().filter(|_| begins)?, place.to_owned()))
    };
    text.match_indices(between).filter_map(peer).collect()
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

    use super::{
        Strategy,
        strategy::{MESH_LIMIT, OTHERS},
        *,
    };
    use crate::types::ids::HostAddr;

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

    #[test]
    fn a_peer_is_found_again_as_its_profile_writes_it() {
        for (chain, digits) in [("cometbft", 40), ("loom", 40), ("kaia", 128)] {
            let profile = Profile::builtin(chain).unwrap();
            let with = |number: usize| PeerInfo {
                id: NodeId::new(format!("{number:0digits$x}")).unwrap(),
                ..node(number)
            };
            let all: Vec<PeerInfo> = (1..=12).map(with).collect();
            let text = all.iter().map(|peer| peer_text(&profile, peer)).collect::<Vec<_>>().join(",");
            for peer in &all {
                let found: Vec<NodeId> = ids_at(&profile, &peer.addr, &text).collect();
                assert_eq!(found, std::slice::from_ref(&peer.id), "{chain}");
            }
            let elsewhere = PeerAddr { port: 2665, ..all[0].addr.clone() };
            assert_eq!(ids_at(&profile, &elsewhere, &text).count(), 0, "{chain}: a port is a whole number");
        }
    }

    #[test]
    fn peers_are_found_among_other_words() {
        for (chain, digits) in [("cometbft", 40), ("loom", 40), ("kaia", 128)] {
            let profile = Profile::builtin(chain).unwrap();
            let id = NodeId::new("ab".repeat(digits / 2)).unwrap();
            let peer = PeerInfo { id: id.clone(), ..node(7) };
            let text = format!("peers = \"{0},{0}\" # me@example.org", peer_text(&profile, &peer));
            let expected = (id, "10.0.0.7:26656".to_owned());
            assert_eq!(all_in(&profile, &text), [expected.clone(), expected], "{chain}");
        }
        let kaia = Profile::builtin("kaia").unwrap();
        assert!(
            all_in(&kaia, &format!("{}@10.0.0.7:26656", "ab".repeat(64))).is_empty(),
            "not as kaia writes it"
        );
    }

    fn nodes(count: usize) -> Vec<PeerInfo> {
        (0..count).map(node).collect()
    }

    /// Who dials whom, by number.
    fn lists(all: &[PeerInfo], strategy: Strategy) -> Vec<BTreeSet<usize>> {
        let numbers: BTreeMap<_, _> =
            all.iter().enumerate().map(|(number, peer)| (&peer.spot.name, number)).collect();
        let network = Peering::of(all, strategy);
        let of = |peer: &PeerInfo| network.peers_of(&peer.spot.name).unwrap();
        all.iter().map(|peer| of(peer).iter().map(|peer| numbers[&peer.spot.name]).collect()).collect()
    }

    /// In the graph of connections, whoever dialled: how many are reached, and the most that one node is dialled by.
    fn reached_and_dialled(lists: &[BTreeSet<usize>]) -> (usize, usize) {
        let mut dialled_by = vec![BTreeSet::new(); lists.len()];
        for (node, dials) in lists.iter().enumerate() {
            for other in dials {
                dialled_by[*other].insert(node);
            }
        }
        let (mut seen, mut open) = (BTreeSet::new(), vec![0]);
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(lists[node].union(&dialled_by[node]));
            }
        }
        (seen.len(), dialled_by.iter().map(BTreeSet::len).max().unwrap())
    }

    /// What holds of every number of nodes: one network, nobody dials itself, nobody dials or is dialled by more than
    /// Tendermint allows a node (10 and 40).
    fn is_sound(count: usize) {
        let all = nodes(count);
        for strategy in [Strategy::Auto, Strategy::Ring] {
            let lists = lists(&all, strategy);
            let (reached, most) = reached_and_dialled(&lists);
            assert_eq!(reached, count, "{strategy:?}: one network");
            assert!(most < 40, "{strategy:?}: one of {count} nodes is dialled by {most}");
            for (node, dials) in lists.iter().enumerate() {
                assert!(!dials.contains(&node));
                let wanted = match strategy {
                    Strategy::Auto if count <= MESH_LIMIT => count - 1,
                    Strategy::Auto => 2 + OTHERS,
                    _ => 2.min(count - 1),
                };
                assert_eq!(dials.len(), wanted, "{strategy:?}: what one of {count} nodes dials");
            }
        }
    }

    /// One more node at a place of the inventory: only lists that it then stands in are other ones, and these are few.
    fn who_joins_is_noticed_by_few(count: usize, at: usize) {
        let (before, mut after) = (nodes(count), nodes(count));
        after.insert(at, node(count));
        let (old, new) = (lists(&before, Strategy::Auto), lists(&after, Strategy::Auto));
        let moved = |number: usize| number + usize::from(number >= at);
        let mut changed = 0;
        for (number, dials) in old.iter().enumerate() {
            let now = &new[moved(number)];
            let same = dials.iter().map(|other| moved(*other)).eq(now.iter().copied());
            assert!(same || now.contains(&at), "node {number} of {count} dials others, and not the new one");
            changed += usize::from(!same);
        }
        assert!(changed < 40, "one node more changes {changed} of {count} lists");
    }

    #[test]
    fn up_to_ten_thousand_nodes_are_one_network_within_bounds_and_stable() {
        for count in (1..=70).chain([127, 128, 129, 500, 1000, 3000, 10_000]) {
            is_sound(count);
        }
        for count in [33, 34, 50, 128, 1000, 10_000] {
            who_joins_is_noticed_by_few(count, count / 2);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn peers_are_connected_bounded_and_stable(count in 33_usize..600, at in any::<prop::sample::Index>()) {
            is_sound(count);
            who_joins_is_noticed_by_few(count, at.index(count + 1));
        }
    }

    #[test]
    fn one_node_has_no_peers_and_a_stranger_is_an_error() {
        let all = nodes(1);
        let network = Peering::of(&all, Strategy::Auto);
        assert!(network.peers_of(&all[0].spot.name).unwrap().is_empty());
        assert!(matches!(network.peers_of(&node(7).spot.name), Err(PeersError::Unknown(_))));
    }

    #[test]
    fn s4_the_same_id_twice_is_refused_by_name() {
        let mut all = nodes(3);
        all[2].id = all[0].id.clone();
        let error = check(&all).unwrap_err();
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
