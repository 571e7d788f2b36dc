//! V6: every node sees a peer, and all nodes hang together.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CheckId, Row,
    majority::majority,
    view::{UNKNOWN, View},
};
use crate::{
    cluster::Node,
    types::{code::Code, ids::NodeId},
};

pub fn connected(view: &View<'_>) -> Vec<Row> {
    let groups = groups(&edges(view));
    let of = |node: &Node| groups.get(own_id(view, node)?).copied();
    let main = majority(&view.looked_at().filter_map(of).collect::<Vec<_>>());
    let alone = view.cluster.nodes.len() < 2 && view.cluster.joined.is_none();
    // The way between two may lead over a node that is not looked at.
    let partly = view.nodes.len() < view.cluster.nodes.len();
    let row = |node: &Node| {
        let check = Row::new(CheckId::V6, &node.name, "peers");
        if alone {
            return check.expected("nothing: it is the only node").ok("no peers to have");
        }
        let check = check.expected("at least one peer, and a way to every other node");
        let Some(peers) = view.answer(node).and_then(|rpc| rpc.peers.as_ref()) else {
            return match view.answer(node).and_then(|rpc| rpc.peer_count) {
                None => check.not_known(UNKNOWN),
                Some(0) => check.failed(Code::NoPeers, "no peers"),
                Some(count) => check.ok(format!("{count} peers; no probe says which")),
            };
        };
        if peers.is_empty() {
            return check.failed(Code::NoPeers, "no peers");
        }
        let names: Vec<&str> = peers.iter().filter_map(|id| name_of(view, id)).collect();
        let seen = format!("{} peers ({})", peers.len(), names.join(", "));
        if partly || of(node) == main {
            check.ok(seen)
        } else {
            check.failed(Code::Apart, format!("{seen}, but no way to the others"))
        }
    };
    view.looked_at().map(row).collect()
}

fn own_id<'a>(view: &'a View<'_>, node: &Node) -> Option<&'a NodeId> {
    view.answer(node).and_then(|rpc| rpc.status.as_ref()?.node_id.as_ref())
}

fn name_of<'a>(view: &'a View<'_>, id: &NodeId) -> Option<&'a str> {
    let is_it = |node: &&Node| {
        let known = view.now.nodes.get(&node.name).or_else(|| view.before.nodes.get(&node.name));
        known.and_then(|seen| seen.node_id.as_ref()) == Some(id)
    };
    view.cluster.nodes.iter().find(is_it).map(|node| node.name.as_str())
}

fn edges<'a>(view: &'a View<'_>) -> Vec<(&'a NodeId, Vec<&'a NodeId>)> {
    let of = |node: &Node| Some((own_id(view, node)?, view.answer(node)?.peers.iter().flatten().collect()));
    view.looked_at().filter_map(of).collect()
}

/// The number of each id's group: two are in one when there is a way between them. Of two that answer both have to see each
/// other: one that names everybody joins nobody.
fn groups<'a>(edges: &[(&'a NodeId, Vec<&'a NodeId>)]) -> BTreeMap<&'a NodeId, usize> {
    let seen: BTreeMap<&NodeId, BTreeSet<&NodeId>> =
        edges.iter().map(|(from, peers)| (*from, peers.iter().copied().collect())).collect();
    let mut ways: BTreeMap<&NodeId, BTreeSet<&NodeId>> = BTreeMap::new();
    for (from, peers) in &seen {
        ways.entry(from).or_default();
        for to in peers.iter().filter(|to| seen.get(*to).is_none_or(|back| back.contains(from))) {
            ways.entry(from).or_default().insert(to);
            ways.entry(to).or_default().insert(from);
        }
    }
    let mut groups = BTreeMap::new();
    for (number, start) in ways.keys().enumerate() {
        let mut open = vec![*start];
        while let Some(id) = open.pop() {
            if !groups.contains_key(id) {
                groups.insert(id, number);
                open.extend(ways.get(id).into_iter().flatten());
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn v6_a_ring_hangs_together_and_two_pairs_do_not() {
        let ids: Vec<NodeId> = (0..4).map(|n| NodeId::new(format!("{n:040x}")).unwrap()).collect();
        let ring: Vec<_> = (0..4).map(|n| (&ids[n], vec![&ids[(n + 1) % 4], &ids[(n + 3) % 4]])).collect();
        let numbers: BTreeSet<usize> = groups(&ring).into_values().collect();
        assert_eq!(numbers.len(), 1);
        // Who does not answer is where the others see it.
        let pairs = vec![(&ids[0], vec![&ids[1]]), (&ids[2], vec![&ids[3]]), (&ids[3], vec![&ids[2]])];
        let found = groups(&pairs);
        assert_eq!(found[&ids[0]], found[&ids[1]]);
        assert_ne!(found[&ids[0]], found[&ids[2]]);
        let all: Vec<_> = ids.iter().collect();
        let liar = vec![
            (&ids[0], all),
            (&ids[1], vec![&ids[0]]),
            (&ids[2], vec![&ids[3]]),
            (&ids[3], vec![&ids[2]]),
        ];
        let found = groups(&liar);
        assert_eq!(found[&ids[0]], found[&ids[1]]);
        assert_ne!(found[&ids[0]], found[&ids[2]], "one that names everybody joins nobody");
    }
}
