//! How an inventory has moved on from the chain that it is of: hosts that are new to it, hosts that it has lost. Reported;
//! who is gone from the inventory is not touched.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    lifecycle::{self, Life},
    removed,
};
use crate::{
    chain::{genesis::validators_of, peers},
    cluster::{Cluster, Node, Role},
    facts::{Facts, NodeFacts},
    types::{
        code::Code,
        diagnostic::Diagnostic,
        ids::{NodeId, ValidatorKey},
    },
};

pub fn warnings(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    if lifecycle::of_cluster(cluster, facts) != Life::Live {
        return Vec::new();
    }
    let voteless = cluster.nodes.iter().filter_map(|node| joins_without_vote(cluster, node, facts));
    let others = lost_peers(cluster, facts).into_iter().chain(lost_validators(cluster, facts));
    voteless.chain(others).chain(of_the_birth(cluster, facts)).collect()
}

/// Powers and votes that the inventory says otherwise than the chain's own document, which is never written again.
fn of_the_birth(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let Some(members) = facts.nodes.values().find_map(|seen| members(cluster, seen)) else {
        return Vec::new();
    };
    let differs = |node: &Node| {
        let key = facts.nodes.get(&node.name)?.validator_key.as_ref()?;
        let born = members.iter().find(|member| member.key.value == key.value)?.power.get();
        let wanted = match (node.role, node.power) {
            (Role::Validator, None) => return None,
            (Role::Validator, Some(power)) if power.get() == born => return None,
            (Role::Validator, Some(power)) => format!("power {}", power.get()),
            _ => "a role without a vote".to_owned(),
        };
        let message = format!("{wanted}, and the chain was born with its vote and a power of {born}");
        let help = "the inventory counts at the birth only; later a vote is changed by the chain's own means";
        let warning = Diagnostic::warning(message).coded(Code::VoteOfBirth).help(help);
        Some(warning.of_host(node.name.as_str()))
    };
    cluster.nodes.iter().filter_map(differs).collect()
}

/// A validator by its role, but the chain was born without it.
fn joins_without_vote(cluster: &Cluster, node: &Node, facts: &Facts) -> Option<Diagnostic> {
    let joins = node.role == Role::Validator && lifecycle::of_node(cluster, node, facts) == Life::Absent;
    (joins && facts.nodes.contains_key(&node.name)).then(|| {
        let message = "it joins a chain that lives without it: a full node, until the chain itself gives its key a vote";
        let warning = Diagnostic::warning(message).coded(Code::JoinsWithoutVote).of_host(node.name.as_str());
        warning.help("`role: full` says the same")
    })
}

/// Nodes that those of the inventory dial by what stands on their hosts, and that it does not name any more. It says so
/// until their files have been written without them.
fn lost_peers(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut known: BTreeSet<&NodeId> =
        facts.nodes.values().filter_map(|seen| seen.node_id.as_ref()).collect();
    known.extend(removed::keys(facts).0);
    if cluster.nodes.iter().any(|node| !facts.nodes.contains_key(&node.name)) {
        // Who could not be asked may be any of them.
        return Vec::new();
    }
    let mut lost: BTreeMap<(NodeId, String), Vec<&str>> = BTreeMap::new();
    for node in &cluster.nodes {
        let Some(seen) = facts.nodes.get(&node.name) else { continue };
        let peers: BTreeSet<_> = seen
            .files
            .values()
            .filter_map(|file| file.content.as_deref())
            .flat_map(|text| peers::all_in(&cluster.profile, text))
            .collect();
        for (id, at) in peers.into_iter().filter(|(id, _)| !known.contains(id) && !names(node, id)) {
            lost.entry((id, at)).or_default().push(node.name.as_str());
        }
    }
    let line = |((id, at), by): ((NodeId, String), Vec<&str>)| {
        let message = format!(
            "their peer {id} at {at} is no host of the inventory: it was taken out, and is not touched"
        );
        let warning = Diagnostic::warning(message).coded(Code::LostPeer).of_hosts(by);
        warning.help("it runs on; to end it, put it back and use `loomctl down --limit NODE`")
    };
    lost.into_iter().map(line).collect()
}

/// What a person wrote into the inventory is no trace of a host that was taken out of it.
fn names(node: &Node, id: &NodeId) -> bool {
    let settings = node.settings.values().flat_map(serde_json::Map::values);
    let unit = node.unit.values().flat_map(indexmap::IndexMap::values);
    settings.chain(unit).any(|value| value.to_string().contains(id.as_str()))
}

/// Validators of the chain's own document that no host of the inventory has the key of.
fn lost_validators(cluster: &Cluster, facts: &Facts) -> Option<Diagnostic> {
    let keys: Vec<_> = facts.nodes.values().filter_map(|seen| seen.validator_key.as_ref()).collect();
    if keys.len() < facts.nodes.len() || facts.nodes.len() < cluster.nodes.len() {
        return None;
    }
    let members = facts.nodes.values().find_map(|seen| members(cluster, seen))?;
    let (_, removed) = removed::keys(facts);
    let is_known = |key: &ValidatorKey| keys.iter().chain(&removed).any(|known| known.value == key.value);
    let lost: Vec<_> = members.iter().filter(|member| !is_known(&member.key)).collect();
    let power = |of: &mut dyn Iterator<Item = i64>| of.map(i128::from).sum::<i128>();
    let all = power(&mut members.iter().map(|member| member.power.get()));
    let gone = power(&mut lost.iter().map(|member| member.power.get()));
    (!lost.is_empty()).then(|| {
        let message = format!(
            "{} of the {} validators of the genesis, with {gone} of {all} voting power, are no hosts of the inventory: \
             not touched, and not looked after",
            lost.len(),
            members.len()
        );
        Diagnostic::warning(message).coded(Code::LostValidators)
    })
}

/// Of the first document that names validators.
fn members(cluster: &Cluster, seen: &NodeFacts) -> Option<Vec<crate::chain::genesis::Validator>> {
    cluster.profile.documents.iter().find_map(|(name, document)| {
        let text = seen.text(&document.path.under(seen.home.as_ref()?))?;
        validators_of(&cluster.profile, name, text).ok().filter(|members| !members.is_empty())
    })
}
