//! Restarts on a live chain (S8): with consent only, one node after another, and never so many at once that blocks stop.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Gate, Options, Pending, Shows, Stage, Wants, ask,
    lifecycle::{self, Life},
    quorum::{Power, node_of},
    start::{self, Waiting},
    world::{Outcome, World},
};
use crate::{
    cluster::{Cluster, LocalBinary, Node},
    facts::Facts,
    types::{code::Code, diagnostic::Diagnostic, ids::NodeName, stage::StageName},
};

/// The next of those that wait, where somebody has said yes.
pub fn restart(world: &World<'_>) -> Outcome {
    if !world.options.consent.roll {
        return Outcome::Nothing;
    }
    match start::agreed(world) {
        Err(refusals) => Outcome::Refused(refusals),
        Ok((_, waiting)) => first(world, waiting),
    }
}

/// The first of them, if it may go down now.
pub(super) fn first(world: &World<'_>, waiting: Vec<Waiting>) -> Outcome {
    let Some(first) = spared(world, waiting) else { return Outcome::Nothing };
    match shows(world, &first.node) {
        Err(refusal) => Outcome::Refused(vec![refusal]),
        Ok(shows) => {
            let steps = [(first.node.clone(), first.steps)].into();
            let gate = Some(Gate { node: first.node, shows, soak: None });
            Outcome::Stage(Stage { name: StageName::Roll, steps, uploads: BTreeMap::new(), gate })
        }
    }
}

/// The first; of a run that may choose, the one whose turn to propose is the furthest away: a proposer that is not there costs
/// its chain a round. Who proposes nothing costs none.
fn spared(world: &World<'_>, waiting: Vec<Waiting>) -> Option<Waiting> {
    let World { cluster, facts, options, .. } = *world;
    let voters = facts.voting.iter().filter(|_| options.spares_proposers).flat_map(|voting| &voting.voters);
    let turns: BTreeMap<&NodeName, u64> = voters
        .filter_map(|voter| Some((&node_of(cluster, facts, voter)?.name, voter.proposes_at?)))
        .collect();
    let nobodys = |waiting: &Waiting| turns.get(&waiting.node).copied().unwrap_or(u64::MAX);
    let last = waiting.iter().map(nobodys).max()?;
    waiting.into_iter().find(|waiting| nobodys(waiting) == last)
}

/// Who keeps its binary until it may be given another one.
pub fn upgrade(world: &World<'_>) -> Outcome {
    Outcome::Pending(world.upgrades.to_vec())
}

/// Whether the node may go down now, and what it has to show before the next may.
pub(super) fn shows(world: &World<'_>, name: &NodeName) -> Result<Shows, Diagnostic> {
    let World { cluster, facts, .. } = *world;
    let halt = world.options.consent.halt;
    let refuse = |code, message: String, advice: &str| {
        Err(Diagnostic::refusal(code, Some(name), message).help(advice))
    };
    if !cluster.profile.quorum.counts() {
        return Ok(if halt { Shows::Answer } else { Shows::Blocks });
    }
    let Some(voting) = &facts.voting else {
        return if halt {
            Ok(Shows::Answer)
        } else {
            refuse(
                Code::NoVoters,
                "it cannot be restarted: no node says who votes, so nobody knows whether blocks would go on"
                    .to_owned(),
                "start the nodes that are down (`loomctl up`), or accept a standstill with --allow-halt",
            )
        };
    };
    if let Some(disagree) = &voting.disagree {
        return if halt {
            Ok(Shows::Answer)
        } else {
            refuse(
                Code::NoVoters,
                format!("it cannot be restarted: {disagree}, so nobody knows whether blocks would go on"),
                "find out which of them is wrong (`loomctl verify`) and stop it, or accept a standstill with --allow-halt",
            )
        };
    }
    let power = Power::of(cluster, facts, voting, &BTreeSet::from([name]));
    if power.stops() && !halt {
        return refuse(
            Code::Standstill,
            format!("its restart would take {}", power.offline(voting)),
            "bring the others up first, or accept a standstill with --allow-halt",
        );
    }
    Ok(match power.goes_on() {
        true if power.own > 0 => Shows::Commit,
        true => Shows::Blocks,
        false => Shows::Answer,
    })
}

/// Whether a validator of a live chain is about to be started: then the chain is asked first what it knows of its key.
pub fn starts_a_validator(cluster: &Cluster, facts: &Facts, options: &Options) -> bool {
    let stopped = |node: &Node| {
        options.touches(&node.name)
            && facts
                .nodes
                .get(&node.name)
                .is_some_and(|seen| seen.validator_key.is_some() && !seen.unit.is_running())
    };
    lifecycle::of_cluster(cluster, facts) == Life::Live && cluster.validators().any(stopped)
}

/// Who was started so many seconds ago may have signed the last commits before that, and not be there now.
const JUST_STARTED: f64 = 60.0;

/// Nodes that run but have not signed lately, or were started a moment ago, however they looked just then: they have to show a commit before others are
/// restarted. Nobody is waited for on a chain that stands.
pub fn late(cluster: &Cluster, facts: &Facts) -> Vec<Gate> {
    let Some(voting) = &facts.voting else { return Vec::new() };
    let quorum = cluster.profile.quorum;
    let (mut late, mut total, mut up) = (Vec::new(), 0, 0);
    for voter in &voting.voters {
        let node = node_of(cluster, facts, voter);
        let seen = node.and_then(|node| facts.nodes.get(&node.name));
        let runs = seen.map(|seen| seen.unit.may_run());
        total += quorum.weight(voter.power);
        up += if runs.unwrap_or(voter.signed) { quorum.weight(voter.power) } else { 0 };
        let (Some(node), Some(seen), Some(true)) = (node, seen, runs) else { continue };
        let uptime = facts.machines.get(&node.machine).map_or(0.0, |machine| machine.uptime);
        if !voter.signed || seen.unit.tried || uptime - seen.unit.started_monotonic < JUST_STARTED {
            late.push(Gate { node: node.name.clone(), shows: Shows::Commit, soak: None });
        }
    }
    if quorum.goes_on(up, total) { late } else { Vec::new() }
}

/// A node of a live chain keeps the binary that it has until it may be given another one; what waits for that.
pub fn keep_binaries<'a>(
    cluster: &'a Cluster,
    facts: &Facts,
    options: &Options,
) -> (Cow<'a, Cluster>, Vec<Pending>) {
    let (mut kept, mut pending) = (Cow::Borrowed(cluster), Vec::new());
    let free = options.consent.roll && options.consent.upgrade;
    if free || lifecycle::of_cluster(cluster, facts) != Life::Live {
        return (kept, pending);
    }
    for (number, node) in cluster.nodes.iter().enumerate().filter(|(_, node)| options.touches(&node.name)) {
        let Some(manifest) = facts.nodes.get(&node.name).and_then(|seen| seen.manifest.as_ref()) else {
            continue;
        };
        for (at, program) in cluster.programs(node).enumerate() {
            let (there, pinned) = match program.service {
                None => (manifest.binary_sha256.as_ref(), manifest.pinned),
                Some(service) => {
                    let entry = manifest.services.iter().find(|entry| entry.service == *service);
                    (
                        entry.and_then(|entry| entry.binary_sha256.as_ref()),
                        entry.is_some_and(|entry| entry.pinned),
                    )
                }
            };
            let (Some(there), Some(planned)) = (there, ask::sha256_of(node, program.binary, facts)) else {
                continue;
            };
            if there == planned {
                continue;
            }
            let of = program.service.map_or_else(String::new, |service| format!(" of {service}"));
            let what = format!("its binary{of} {} becomes {}", there.short(), planned.short());
            pending.push(Pending { node: node.name.clone(), what, wants: Wants::Upgrade });
            if let Some(binary) = kept.to_mut().nodes[number].binaries_mut().nth(at) {
                binary.pinned = pinned.then(|| there.clone());
                binary.local = Some(LocalBinary { sha256: there.clone(), arch: None, loader: None, size: 0 });
            }
        }
    }
    (kept, pending)
}
