//! Where a node, and so the cluster, stands in its life. When readings disagree, the more cautious one counts.

use super::spread::each;
use crate::{
    cluster::{Cluster, Node},
    facts::{Facts, NodeFacts, Voting},
    steps::staging,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    /// No keys.
    Absent,
    /// Keys, and the documents as init made them.
    Prepared,
    /// It has run: its first start has fixed the documents in its state. A block may exist.
    Started,
    /// A block exists.
    Live,
}

pub fn of_node(cluster: &Cluster, node: &Node, facts: &Facts) -> Life {
    let Some(seen) = facts.nodes.get(&node.name) else { return Life::Absent };
    let Some(home) = &seen.home else { return Life::Absent };
    // Nothing there says what was signed: unless the chain itself says that there is no block, there may be one.
    if cluster.profile.sign_state.is_none() && seen.has(&cluster.profile.started.under(home)) {
        return if says_no_block(cluster, facts) { Life::Started } else { Life::Live };
    }
    // Who signs at height 2 has seen the commit of block 1.
    if seen.signed_height.is_some_and(|height| height > 1) {
        Life::Live
    } else if seen.has(&cluster.profile.started.under(home)) || seen.signed_height == Some(1) {
        Life::Started
    } else if has_keys(cluster, seen) {
        Life::Prepared
    } else {
        Life::Absent
    }
}

/// All that answer say so, and not one alone of several: what follows from it may remove the chain's state.
fn says_no_block(cluster: &Cluster, facts: &Facts) -> bool {
    let Some(voting) = &facts.voting else { return false };
    let asked = !voting.heights.is_empty() && (voting.alone().is_none() || cluster.nodes.len() == 1);
    asked && !voting.has_block()
}

/// Init has run, or the node was adopted: the marker that comes last is there.
pub fn is_ours(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> bool {
    cluster.state_folder(node).join("initialised").is_ok_and(|marker| seen.has(&marker))
}

/// `keys restore` has been there: its keys are the node's, though its init has not run yet.
pub fn is_restored(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> bool {
    cluster.state_folder(node).join("restored").is_ok_and(|marker| seen.has(&marker))
}

/// Its init has ended and was cut off while its files went to their places: keys are in there.
pub fn is_staged(seen: &NodeFacts) -> bool {
    let complete = seen.home.as_ref().and_then(|home| staging(home).join(".complete").ok());
    complete.is_some_and(|mark| seen.has(&mark))
}

/// The furthest that any node has come, or that the chain itself says.
pub fn of_cluster(cluster: &Cluster, facts: &Facts) -> Life {
    if facts.voting.as_ref().is_some_and(Voting::has_block) {
        return Life::Live;
    }
    let furthest = each(&cluster.nodes, |node| of_node(cluster, node, facts)).into_iter().max();
    match furthest.unwrap_or(Life::Absent) {
        // Its nodes do not sign, so that no file of theirs says how far the network is: it was there before them.
        Life::Started if cluster.joined.is_some() => Life::Live,
        life => life,
    }
}

fn has_keys(cluster: &Cluster, seen: &NodeFacts) -> bool {
    let Some(home) = &seen.home else { return false };
    seen.has(&cluster.profile.node_key.file.under(home))
        && seen.has(&cluster.profile.validator_key.file.under(home))
}

/// Where the chain keeps one.
pub fn lacks_sign_state(cluster: &Cluster, seen: &NodeFacts) -> bool {
    cluster.profile.sign_state.is_some() && seen.signed_height.is_none()
}
