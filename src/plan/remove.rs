//! `remove`: a node leaves its cluster for good. It is stopped, all hosts remember it (S17), and the others do not dial it any more:
//! their configuration is written by the phases of `up`, their restarts wait for a consent as there (S8). What the run is told
//! beside the node, `limit`, are the others that it touches.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Options, Planned, Stage,
    called_for::called_for,
    down, endpoints,
    lifecycle::{self, Life},
    preflight,
    preflight::keys::sign_state_is_whole,
    removed, roll, start,
    world::{Outcome, World},
};
use crate::{
    chain::genesis::validators_of,
    cluster::{Cluster, LocalBinary, Node},
    facts::{
        Facts, NodeFacts,
        removed::{FORMAT, Holds, Tombstone},
    },
    steps::{self, Step},
    types::{
        code::Code,
        diagnostic::Diagnostic,
        ids::{NodeId, NodeName, ValidatorKey},
        stage::StageName,
    },
};

/// What is decided about a node, and what is written down of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    pub node: NodeName,
    /// RFC 3339 in UTC, and `user@host`.
    pub time: String,
    pub who: String,
}

/// The node, and what its host says of it; `None`: its host was not reached.
type Own<'a> = (&'a Removal, &'a Node, Option<&'a NodeFacts>);

fn own<'a>(world: &World<'a>) -> Option<Own<'a>> {
    let removal = world.options.removal.as_ref()?;
    Some((removal, world.cluster.node(&removal.node)?, world.facts.nodes.get(&removal.node)))
}

/// Everything that could stop it later, before anything is done.
pub fn may_go(world: &World<'_>) -> Outcome {
    let World { cluster, facts, .. } = *world;
    let Some((removal, node, _)) = own(world) else { return Outcome::Nothing };
    let refuse = |message: &str, advice: &str| {
        Outcome::refused([Diagnostic::refusal(Code::NotRemovable, Some(&node.name), message).help(advice)])
    };
    let unusable = removed::unusable(facts);
    if !unusable.is_empty() {
        return Outcome::Refused(unusable);
    }
    if lifecycle::of_cluster(cluster, facts) < Life::Live {
        return refuse(
            "the chain has made no block yet, so nobody has to remember it",
            "take it out of the inventory; what has started already begins again without it by `loomctl up --reset-unborn`",
        );
    }
    let gone: BTreeSet<NodeName> = [removal.node.clone()].into();
    if facts.nodes.keys().all(|name| gone.contains(name)) {
        return refuse(
            "no other node is there that could remember it",
            "to end the last node of a cluster: `loomctl down`",
        );
    }
    if let [first, ..] = removed::bared(cluster, &gone)[..] {
        let message = format!("it is the last sentry that {first} stays behind");
        return refuse(
            &message,
            "give that validator another sentry (`sentries:`), and run `loomctl up --roll` first",
        );
    }
    match only_own(world, down::only_ours) {
        Outcome::Nothing => in_others(world, preflight::accept),
        refused => refused,
    }
}

/// As `stop` does: what stops with it is weighed, and it does not start with its host.
pub fn stop(world: &World<'_>) -> Outcome {
    match only_own(world, down::stop) {
        Outcome::Refused(refusals) => {
            Outcome::Refused(refusals.into_iter().map(|r| leave_first(world, r)).collect())
        }
        outcome => outcome,
    }
}

/// A vote that is taken away first costs nobody anything.
fn leave_first(world: &World<'_>, refusal: Diagnostic) -> Diagnostic {
    let Some((removal, ..)) = own(world).filter(|_| refusal.code == Code::Standstill) else { return refusal };
    refusal.help(format!(
        "let the chain take its vote away first (`loomctl remove {} --check` says how), or accept a standstill with --allow-halt",
        removal.node
    ))
}

/// All hosts that are there remember it, its own among them.
pub fn remember(world: &World<'_>) -> Outcome {
    let Some(stone) = stone(world) else { return Outcome::Nothing };
    let stone = Arc::new(stone);
    write(world, |_| vec![Arc::clone(&stone)])
}

/// What the others' files say, of those that run; who is down gets them with the next `up`.
pub fn others(world: &World<'_>) -> Outcome {
    in_others(world, start::start)
}

/// The others' restarts, where somebody has said yes.
pub fn roll(world: &World<'_>) -> Outcome {
    in_others(world, roll::restart)
}

/// The node's own sign state has to be the last word of its key.
pub fn may_return(world: &World<'_>) -> Outcome {
    let Some((_, node, seen)) = own(world) else { return Outcome::Nothing };
    let Some(seen) = seen else {
        let message = "its host is not reached, and what comes back goes by the keys that are there now";
        return Outcome::refused([Diagnostic::refusal(Code::Unreachable, Some(&node.name), message)]);
    };
    let old = sign_state_is_whole(node, world.facts, seen);
    Outcome::refused(removed::unusable(world.facts).into_iter().chain(old))
}

/// Nothing is held against the node that was removed; where its host has other keys by now, or none, its name is free, and its
/// old keys are not.
pub fn forget(world: &World<'_>) -> Outcome {
    let World { cluster, .. } = *world;
    let Some((removal, node, seen)) = own(world) else { return Outcome::Nothing };
    let undone = |stone: &Arc<Tombstone>| {
        let is_its = stone.cluster == cluster.name && stone.node == node.name;
        let has_keys = seen.is_some_and(|seen| removed::has_keys_of(seen, stone));
        let holds = if has_keys { Holds::Nothing } else { Holds::Keys };
        (is_its && holds < stone.holds).then(|| {
            let (time, who) = (removal.time.clone(), removal.who.clone());
            Arc::new(Tombstone { time, who, holds, ..(**stone).clone() })
        })
    };
    write(world, |there| there.removed.iter().filter_map(undone).collect())
}

/// The stage that writes tombstones on the hosts of the nodes that the run touches, and on the removed node's own.
fn write(world: &World<'_>, stones: impl Fn(&NodeFacts) -> Vec<Arc<Tombstone>>) -> Outcome {
    let World { cluster, facts, options, .. } = *world;
    let mut steps: BTreeMap<NodeName, Vec<Planned>> = BTreeMap::new();
    for node in &cluster.nodes {
        let is_own = options.removal.as_ref().is_some_and(|removal| removal.node == node.name);
        let Some(seen) = facts.nodes.get(&node.name).filter(|_| is_own || options.touches(&node.name)) else {
            continue;
        };
        let scope = cluster.scope(node);
        let step = |stone: Arc<Tombstone>| {
            let path = scope.path_of(&format!("{}/.removed/{}", stone.cluster, stone.file_name()));
            Step::Tombstone(steps::Tombstone { path, owner: scope.owner(), stone })
        };
        steps.insert(node.name.clone(), called_for(stones(seen).into_iter().map(step).collect(), seen));
    }
    Stage::of(StageName::Remove, steps).into()
}

/// What is to be remembered. What a host remembers already, by a run that was cut off, is what the others are told.
pub fn stone(world: &World<'_>) -> Option<Tombstone> {
    let World { cluster, facts, .. } = *world;
    let (removal, node, seen) = own(world)?;
    let identity = identity(cluster, facts, node, seen);
    let new = Tombstone {
        format: FORMAT,
        loomctl: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: cluster.name.clone(),
        chain_id: cluster.chain_id.clone(),
        node: node.name.clone(),
        node_id: identity.0,
        validator_key: identity.1,
        time: removal.time.clone(),
        who: removal.who.clone(),
        holds: Holds::Node,
    };
    let known = facts.nodes.values().flat_map(|seen| &seen.removed);
    let mut same: Vec<&Tombstone> = known
        .map(AsRef::as_ref)
        .filter(|stone| stone.holds == Holds::Node && stone.identity() == new.identity())
        .collect();
    same.sort_by_key(|a| a.text());
    Some(same.first().map_or(new, |first| (*first).clone()))
}

/// By its own host. Of one that is gone: its id as the others dial it, and the validator's key that the chain has for it.
fn identity(
    cluster: &Cluster,
    facts: &Facts,
    node: &Node,
    seen: Option<&NodeFacts>,
) -> (Option<NodeId>, Option<ValidatorKey>) {
    if let Some(seen) = seen {
        return (seen.node_id.clone(), seen.validator_key.clone());
    }
    // Once the others' files are without it, their tombstones know it.
    let told = facts.nodes.values().flat_map(|seen| &seen.removed);
    let told = told.filter(|stone| stone.holds == Holds::Node && stone.cluster == cluster.name);
    // A host that names another node's keys there would have all others refuse these.
    let is_its = |stone: &&Arc<Tombstone>| {
        stone.node == node.name && facts.nodes.values().all(|seen| !removed::has_keys_of(seen, stone))
    };
    if let Some(stone) = told.filter(is_its).max_by_key(|stone| stone.node_id.is_some()) {
        return (stone.node_id.clone(), stone.validator_key.clone());
    }
    (endpoints::known_as(cluster, node, facts), key_of_absent(cluster, facts, node))
}

/// Its key by its name in the genesis; else the only one that nobody who was asked has.
fn key_of_absent(cluster: &Cluster, facts: &Facts, node: &Node) -> Option<ValidatorKey> {
    let held: BTreeSet<&str> =
        facts.nodes.values().filter_map(|seen| Some(seen.validator_key.as_ref()?.value.as_str())).collect();
    let of_host = |seen: &NodeFacts| {
        cluster.profile.documents.iter().find_map(|(name, document)| {
            let text = seen.text(&document.path.under(seen.home.as_ref()?))?;
            validators_of(&cluster.profile, name, text).ok().filter(|members| !members.is_empty())
        })
    };
    let members = facts.nodes.values().find_map(of_host).unwrap_or_default();
    let free = members.iter().filter(|member| !held.contains(member.key.value.as_str()));
    let named = free.clone().find(|member| member.name.as_deref() == Some(node.name.as_str()));
    let voters = facts.voting.iter().flat_map(|voting| &voting.voters).map(|voter| &voter.key);
    let mut unheld: Vec<&ValidatorKey> = free.map(|member| &member.key).chain(voters).collect();
    unheld.retain(|key| !held.contains(key.value.as_str()));
    unheld.sort();
    unheld.dedup();
    let absent = cluster.validators().filter(|node| !facts.nodes.contains_key(&node.name)).count();
    let only = || unheld.first().filter(|_| unheld.len() == 1 && absent == 1).map(|key| (*key).clone());
    named.map(|member| member.key.clone()).or_else(only)
}

/// A phase over the node alone.
fn only_own(world: &World<'_>, phase: fn(&World<'_>) -> Outcome) -> Outcome {
    let Some((removal, ..)) = own(world) else { return Outcome::Nothing };
    let options = Options { limit: Some([removal.node.clone()].into()), ..world.options.clone() };
    phase(&World { options: &options, ..*world })
}

/// A phase over those of the others that are touched and run, in a cluster without the node. They keep the programs that they have.
fn in_others(world: &World<'_>, phase: fn(&World<'_>) -> Outcome) -> Outcome {
    let World { cluster, facts, options, .. } = *world;
    let Some((removal, ..)) = own(world) else { return Outcome::Nothing };
    let mut gone = removed::left_out(cluster, facts);
    gone.insert(removal.node.clone());
    let mut rest = removed::without(cluster, &gone);
    keep_programs(&mut rest, facts);
    let is_meant = |node: &&Node| {
        let runs = |seen: &NodeFacts| seen.manifest.is_some() && seen.unit.may_run();
        options.touches(&node.name) && facts.nodes.get(&node.name).is_some_and(runs)
    };
    let limit = rest.nodes.iter().filter(is_meant).map(|node| node.name.clone()).collect();
    let options = Options { limit: Some(limit), ..options.clone() };
    phase(&World { cluster: &rest, options: &options, ..*world })
}

/// A removal gives nobody another binary.
fn keep_programs(cluster: &mut Cluster, facts: &Facts) {
    for node in &mut cluster.nodes {
        let Some(manifest) = facts.nodes.get(&node.name).and_then(|seen| seen.manifest.as_ref()) else {
            continue;
        };
        let of_service = |name| manifest.services.iter().find(|entry| entry.service == name);
        let services = node.services.iter_mut().filter_map(|service| {
            let entry = of_service(service.name.clone())?;
            Some((&mut service.binary, entry.binary_sha256.as_ref()?, entry.pinned))
        });
        let own = manifest.binary_sha256.as_ref().map(|sum| (&mut node.binary, sum, manifest.pinned));
        for (binary, sum, pinned) in services.chain(own) {
            binary.pinned = pinned.then(|| sum.clone());
            binary.local = Some(LocalBinary { sha256: sum.clone(), arch: None, loader: None, size: 0 });
        }
    }
}
