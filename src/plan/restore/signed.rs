//! What a key that goes back may have signed, and whether somebody may still sign with it (S13).

use crate::{
    cluster::{Cluster, Node, backup::Kept},
    facts::{Facts, NEAR, NodeFacts},
    plan::{
        evidence::{Evidence, Signing},
        lifecycle::{self, Life},
    },
    types::{code::Code, diagnostic::Diagnostic, ids::NodeName},
};

pub(super) fn may_still_sign(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    seen: &NodeFacts,
    kept: &Kept,
    shown: &Evidence,
) -> Option<Diagnostic> {
    let runs = cluster.programs(node).find(|program| !seen.unit_of(program.unit_name).is_stopped());
    if let Some(program) = runs {
        let active = &seen.unit_of(program.unit_name).active;
        return Some(
            Diagnostic::refusal(
                Code::MaySign,
                Some(&node.name),
                format!("{}.service is {active} there: it may still sign", program.unit_name),
            )
            .help("stop it (`loomctl down --limit NODE`) and run again"),
        );
    }
    let stop = "find the process that signs with this key and stop it for good, then run again";
    match shown.signing(&kept.validator_key) {
        Signing::Signs(height) => {
            let message = format!(
                "its key signs elsewhere: the chain has its signature at height {height}{}",
                shown.shown_by(&kept.validator_key)
            );
            let message = [message].into_iter().chain(shown.contradictions()).collect::<Vec<_>>().join("; ");
            return Some(Diagnostic::refusal(Code::MaySign, Some(&node.name), message).help(stop));
        }
        Signing::NotKnown => {
            let message =
                "its signature stands in one of the last commits, and too few blocks have come since";
            return Some(
                Diagnostic::refusal(Code::SignedUnknown, Some(&node.name), message)
                    .help("wait for five more blocks and run again"),
            );
        }
        Signing::Silent | Signing::Stands => {}
    }
    if shown.peers.contains(&kept.node_id) {
        let message = format!("a node with its id {} is connected to the others", kept.node_id);
        return Some(Diagnostic::refusal(Code::MaySign, Some(&node.name), message).help(stop));
    }
    if !is_live(cluster, facts, kept) {
        return None;
    }
    let Some(height) = shown.height() else {
        let message =
            "the chain is live, and no node says how far it is: what this key has signed cannot be known";
        let advice =
            "start the others first (`loomctl up --limit 'all:!NODE'`), and run again when they make blocks";
        return Some(Diagnostic::refusal(Code::SignedUnknown, Some(&node.name), message).help(advice));
    };
    if let Some(why) = shown.contradictions().into_iter().chain(ahead(facts, height)).next() {
        let message = format!("what this key has signed cannot be known: {why}");
        return Some(Diagnostic::refusal(Code::SignedUnknown, Some(&node.name), message).help(
            "nodes that are behind: wait until they have caught up. A node that says what is not so: stop it              (`loomctl down --limit NODE`), and run again",
        ));
    }
    // Who votes on a block has seen the one before it.
    (kept.signed_height > height.saturating_add(1)).then(|| {
        let message = format!(
            "by the backup its key has signed at height {}, but the nodes are at {height} only",
            kept.signed_height
        );
        Diagnostic::refusal(Code::BackupAhead, Some(&node.name), message).help(
            "the nodes that run are behind (wait until they have caught up), or it is another chain than the backup's",
        )
    })
}

/// A sign state far above what the nodes have: they are behind, or its host says what is not so.
fn ahead(facts: &Facts, height: u64) -> Option<String> {
    let signed = |(name, seen): (&NodeName, &NodeFacts)| Some((seen.signed_height?, name.clone()));
    let (signed, name) = facts.nodes.iter().filter_map(signed).max()?;
    (signed > height.saturating_add(NEAR))
        .then(|| format!("the sign state of {name} stands at height {signed}, and the nodes are at {height}"))
}

pub(super) fn is_live(cluster: &Cluster, facts: &Facts, kept: &Kept) -> bool {
    lifecycle::of_cluster(cluster, facts) == Life::Live || kept.signed_height > 1
}

/// One above everything that the key can have signed: what is voted on is one above the last block, and whoever has
/// signed at a height has seen that it is voted on.
pub(super) fn first_height(cluster: &Cluster, facts: &Facts, kept: &Kept, shown: &Evidence) -> Option<u64> {
    cluster.profile.sign_state.as_ref()?;
    let height = shown.height().filter(|_| is_live(cluster, facts, kept))?;
    let signed = facts.nodes.values().filter_map(|seen| seen.signed_height).max().unwrap_or(0);
    Some(signed.max(kept.signed_height).max(height.saturating_add(1)).saturating_add(1))
}
