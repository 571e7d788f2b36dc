//! The stage that starts a cluster's nodes, and who waits until it may be restarted.

use std::collections::BTreeMap;

use super::{
    Pending, Planned, Stage, Wants, birth,
    called_for::called_for,
    endpoints,
    lifecycle::{self, Life},
    manifest,
    node::{self, RunsOn, Wanted},
    spread::each,
    world::{Outcome, World},
};
use crate::{
    chain::peers,
    cluster::{Cluster, Node, Program},
    facts::{Facts, NodeFacts},
    steps::{File, Link, Run, Step, Stopped},
    types::{
        diagnostic::Diagnostic,
        ids::{NodeName, RemotePath, Sha256},
        stage::StageName,
    },
};

/// Genesis, configuration, unit, start: all nodes at the same moment, since below quorum nobody makes a block. Who would have
/// to be restarted on a live chain waits.
pub fn start(world: &World<'_>) -> Outcome {
    match agreed(world) {
        Err(refusals) => Outcome::Refused(refusals),
        Ok((Some(stage), _)) => Outcome::Stage(stage),
        Ok((None, _)) if world.options.consent.roll => Outcome::Nothing,
        Ok((None, waiting)) => Outcome::Pending(waiting.into_iter().map(Waiting::pending).collect()),
    }
}

/// What is to be done on all nodes now, and who waits until it may be restarted.
pub(super) fn agreed(world: &World<'_>) -> Result<(Option<Stage>, Vec<Waiting>), Vec<Diagnostic>> {
    let World { cluster, facts, .. } = *world;
    let documents = birth::documents(cluster, facts)?;
    let live = lifecycle::of_cluster(cluster, facts) == Life::Live;
    let (mut steps, mut waiting, mut refusals) = (BTreeMap::new(), Vec::new(), Vec::new());
    let everybody = endpoints::peers(cluster, facts);
    peers::check(&everybody).map_err(|why| vec![Diagnostic::refusal(why.code(), None, why.to_string())])?;
    let network = cluster.peering(&everybody);
    let touched: Vec<_> = world.touched().collect();
    let start = |(node, seen): &(&Node, &NodeFacts)| {
        let wanted = node::wanted(cluster, node, facts, &documents, &network)?;
        Ok((node.name.clone(), Starting { cluster, node, facts, seen, wanted: &wanted }.planned(live)))
    };
    for started in each(&touched, start) {
        match started {
            Ok((node, (planned, waits))) => {
                waiting.extend(waits);
                steps.insert(node, planned);
            }
            Err(found) => refusals.extend::<Vec<Diagnostic>>(found),
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    Ok((Stage::of(StageName::Start, steps), waiting))
}

/// A node that runs something else than its files say, and the steps that end with its restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    pub node: NodeName,
    pub what: String,
    pub steps: Vec<Planned>,
}

impl Waiting {
    pub fn pending(self) -> Pending {
        Pending { node: self.node, what: self.what, wants: Wants::Restart }
    }
}

/// What is to become of one program of a node.
pub(super) struct Turn<'a> {
    pub program: Program<'a>,
    pub run: Run,
    /// systemd has to read its files again.
    pub reload: bool,
    /// As in `Unit`.
    pub runs: Option<Sha256>,
}

/// The units in their order. Whoever depends on a service that is started is stopped first and started behind it: without its
/// service it does not take part any more, though its process may stay (CometBFT stops all but itself).
pub(super) fn in_order(cluster: &Cluster, node: &Node, seen: &NodeFacts, turns: &[Turn<'_>]) -> Vec<Planned> {
    let below = turns.iter().any(|turn| turn.program.service.is_some() && turn.run != Run::Leave);
    let depends = |turn: &&Turn<'_>| {
        below && turn.program.service.is_none() && seen.unit_of(turn.program.unit_name).is_running()
    };
    let units = turns.iter().map(|turn| {
        let run = if depends(&turn) { Run::Restart } else { turn.run };
        node::unit_step(cluster, node, Some(seen), turn.program, run, turn.reload, turn.runs.as_ref())
    });
    let unit = |turn: &Turn<'_>| turn.program.unit_name.clone();
    let stop = turns.iter().find(depends).map(|turn| Step::Stopped(Stopped { unit: unit(turn) }));
    called_for(stop.into_iter().chain(units).collect(), seen)
}

/// One node at its start, with everything that is known of it.
struct Starting<'a> {
    cluster: &'a Cluster,
    node: &'a Node,
    facts: &'a Facts,
    seen: &'a NodeFacts,
    wanted: &'a Wanted,
}

/// What is to become of one program at its node's start.
struct Starts<'a> {
    program: Program<'a>,
    on: &'a RunsOn,
    runs: bool,
    /// Why the running process is not what its files say.
    stale: Option<String>,
}

impl Starting<'_> {
    fn programs(&self) -> Vec<Starts<'_>> {
        let programs = self.cluster.programs(self.node).zip(&self.wanted.programs);
        let starts = programs.map(|(program, on)| {
            let runs = self.seen.unit_of(program.unit_name).is_running();
            let stale = if runs { self.stale(program, on) } else { None };
            Starts { program, on, runs, stale }
        });
        starts.collect()
    }

    /// What is to be done on the node now, and what waits until it may be restarted.
    fn planned(&self, live: bool) -> (Vec<Planned>, Option<Waiting>) {
        let programs = self.programs();
        let stale = programs.iter().find(|starts| starts.stale.is_some());
        let waits = stale.filter(|_| live).and_then(|starts| starts.stale.clone());
        // The link says what a crash would start: on a live chain it moves with the restart, not before; and where it is new,
        // since an older loomctl had the unit start another one, so does the unit's file with another binary.
        let scope = self.cluster.scope(self.node);
        let new: Vec<(RemotePath, RemotePath)> = programs
            .iter()
            .filter(|starts| waits.is_some() && self.is_new(starts.program))
            .map(|Starts { program, .. }| {
                (self.cluster.started(self.node, *program), scope.unit_path(program.unit_name))
            })
            .collect();
        let moves = |step: &Step| match step {
            Step::Link(Link { path, .. }) => self.seen.has(path) || new.iter().any(|(link, _)| link == path),
            Step::File(File { path, .. }) => new.iter().any(|(_, unit)| unit == path),
            _ => false,
        };
        let (later, now): (Vec<Step>, Vec<Step>) = self
            .wanted
            .steps
            .iter()
            .cloned()
            .partition(|step| waits.is_some() && moves(step) && step.wanted(self.seen).is_some());
        let planned = self.with_units(now, &programs, waits.is_none(), later.is_empty());
        let steps = |what| (what, self.with_units(later, &programs, true, true));
        let waiting = waits.map(steps);
        (planned, waiting.map(|(what, steps)| Waiting { node: self.node.name.clone(), what, steps }))
    }

    /// The link that its unit starts is not there yet, and it would lead to another binary than the one that runs.
    fn is_new(&self, program: Program<'_>) -> bool {
        let Self { cluster, node, facts, seen, .. } = *self;
        !seen.has(&cluster.started(node, program))
            && seen.has(&cluster.scope(node).unit_path(program.unit_name))
            && node::other_binary(cluster, node, program, facts, seen).is_some()
    }

    /// Those of the steps that the facts call for, and the units; `restart`: programs that run something else than their files
    /// say may be restarted. Inodes and times in the manifest go stale with every change, so it is written again with it, before
    /// the start; but not with a binary that is not in place yet.
    fn with_units(
        &self,
        steps: Vec<Step>,
        programs: &[Starts<'_>],
        restart: bool,
        manifest: bool,
    ) -> Vec<Planned> {
        let Self { cluster, node, seen, wanted, .. } = *self;
        let mut planned = called_for(steps, seen);
        let changes = !planned.is_empty();
        let units = self.units(programs, restart, &planned);
        let listed = manifest::step(cluster, node, &wanted.home, self.facts, &wanted.steps);
        let why = listed.wanted(seen).or_else(|| changes.then(|| "what it lists has changed".to_owned()));
        planned.extend(why.filter(|_| manifest).map(|why| Planned { step: listed, why }));
        planned.extend(units);
        planned
    }

    /// What is to become of each program; `restart`: those that run something else than their files say.
    fn units(&self, programs: &[Starts<'_>], restart: bool, changes: &[Planned]) -> Vec<Planned> {
        let Self { cluster, node, seen, .. } = *self;
        let mut turns = Vec::new();
        for Starts { program, on, runs, stale } in programs {
            let unit = seen.unit_of(program.unit_name);
            let run = match runs {
                true if restart && stale.is_some() => Run::Restart,
                true => Run::Leave,
                // Once is enough: why it does not stay up is for the verification to say.
                false if unit.tried && changes.is_empty() => Run::Leave,
                false => Run::Start,
            };
            let file = cluster.scope(node).unit_path(program.unit_name);
            let is_file =
                |planned: &Planned| matches!(&planned.step, Step::File(File { path, .. }) if *path == file);
            let reload = unit.needs_reload || changes.iter().any(is_file);
            turns.push(Turn { program: *program, run, reload, runs: Some(on.runs.clone()) });
        }
        in_order(cluster, node, seen, &turns)
    }

    /// Why the running process is not what its files say; `None`: it is.
    ///
    /// What we started ourselves is written down. What systemd started since (a crash, a reboot) has read the files as
    /// they were then: fine, if they are right and have not changed after that start.
    fn stale(&self, program: Program<'_>, on: &RunsOn) -> Option<String> {
        let Self { cluster, node, facts, seen, wanted } = *self;
        if let Some(why) = node::other_binary(cluster, node, program, facts, seen) {
            return Some(why);
        }
        let unit = seen.unit_of(program.unit_name);
        let recorded = match program.service {
            None => seen.started.as_ref(),
            Some(_) => seen.services.get(program.unit_name).and_then(|service| service.started.as_ref()),
        };
        if recorded.is_some_and(|(invocation, runs)| *invocation == unit.invocation && *runs == on.runs) {
            return None;
        }
        let machine = facts.machines.get(&node.machine)?;
        let started = machine.clock - machine.uptime + unit.started_monotonic;
        for path in &on.inputs {
            let Some(file) = seen.file(path) else { return Some(format!("{path} was missing")) };
            if file.ctime.parse::<f64>().is_ok_and(|changed| changed > started) {
                return Some(format!("{path} has changed since it started"));
            }
        }
        let differs = wanted.steps.iter().find(|step| {
            step.text().is_some_and(|(path, _)| on.inputs.contains(path)) && step.wanted(seen).is_some()
        })?;
        Some(format!("{} is not what it runs on", differs.name()))
    }
}
