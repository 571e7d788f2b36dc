//! `start` and `restart`: nodes with the files that their hosts have. Nothing of them is written.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Planned, Stage,
    lifecycle::{self, Life},
    roll,
    start::{Turn, Waiting, in_order},
    world::{Outcome, World},
};
use crate::{
    cluster::{Node, Program},
    facts::NodeFacts,
    steps::Run,
    types::{code::Code, diagnostic::Diagnostic, ids::NodeName, stage::StageName},
};

/// What was never started has nothing yet that could be.
pub fn is_installed(world: &World<'_>) -> Outcome {
    let World { cluster, facts, .. } = *world;
    let lacks = |(node, seen): &(&Node, &NodeFacts)| {
        seen.manifest.is_none() || lifecycle::of_node(cluster, node, facts) < Life::Started
    };
    let refuse = |(node, _): (&Node, &NodeFacts)| {
        let message = "it has never been started";
        Diagnostic::refusal(Code::NotInstalled, Some(&node.name), message)
            .help("bring it up with `loomctl up`, which sets up what is missing")
    };
    Outcome::refused(world.touched().filter(lacks).map(refuse))
}

/// What does not run and was not started by this run, on all nodes at once: nobody goes offline by it.
pub fn start(world: &World<'_>) -> Outcome {
    let starts = |program: &Program<'_>, seen: &NodeFacts| {
        let unit = seen.unit_of(program.unit_name);
        let due = world.options.concerns(program) && !unit.is_running() && !unit.tried;
        if due { Run::Start } else { Run::Leave }
    };
    let steps = world.touched().map(|(node, seen)| (node.name.clone(), turns(world, node, seen, starts)));
    Stage::of(StageName::Start, steps.collect()).into()
}

/// The next that this run has not restarted, if all of them may be; a chain without blocks loses none.
pub fn restart(world: &World<'_>) -> Outcome {
    let World { cluster, options, .. } = *world;
    let is_due = |program: &Program<'_>, seen: &NodeFacts| {
        options.concerns(program) && !seen.unit_of(program.unit_name).tried
    };
    let restarts = |program: &Program<'_>, seen: &NodeFacts| {
        if is_due(program, seen) { Run::Restart } else { Run::Leave }
    };
    let due =
        |(node, seen): &(&Node, &NodeFacts)| cluster.programs(node).any(|program| is_due(&program, seen));
    let waiting = world.touched().filter(due).map(|(node, seen)| {
        let mut steps = turns(world, node, seen, restarts);
        for planned in &mut steps {
            "requested".clone_into(&mut planned.why);
        }
        Waiting { node: node.name.clone(), what: "requested".to_owned(), steps }
    });
    one_after_another(world, waiting.filter(|waiting| !waiting.steps.is_empty()).collect())
}

/// The next of those that wait, if all of them may be; all at once where no block is lost by it.
pub(super) fn one_after_another(world: &World<'_>, waiting: Vec<Waiting>) -> Outcome {
    let World { cluster, facts, .. } = *world;
    if lifecycle::of_cluster(cluster, facts) < Life::Live {
        let all: BTreeMap<_, _> = waiting.into_iter().map(|waiting| (waiting.node, waiting.steps)).collect();
        return Stage::of(StageName::Start, all).into();
    }
    // Over the budget nothing of it is done: who is refused later would be left with the others' restarts for nothing.
    let refused = waiting.iter().filter_map(|waiting| roll::shows(world, &waiting.node).err());
    match refused.collect::<Vec<_>>() {
        refusals if refusals.is_empty() => {}
        refusals => return Outcome::Refused(refusals),
    }
    soaked(world, roll::first(world, waiting))
}

/// After the last of the canaries the chain makes some blocks before anybody else is restarted.
fn soaked(world: &World<'_>, outcome: Outcome) -> Outcome {
    let (Outcome::Stage(mut stage), Some(canary)) = (outcome.clone(), world.options.canary) else {
        return outcome;
    };
    let tried = |(_, seen): &(&Node, &NodeFacts)| seen.units().any(|unit| unit.tried);
    let before: BTreeSet<&NodeName> = world.touched().filter(tried).map(|(node, _)| &node.name).collect();
    let is_last = before.len() + 1 == canary.nodes;
    if let Some(gate) = stage.gate.as_mut().filter(|_| is_last) {
        gate.soak = Some(canary.blocks);
    }
    Outcome::Stage(stage)
}

fn turns(
    world: &World<'_>,
    node: &Node,
    seen: &NodeFacts,
    run: impl Fn(&Program<'_>, &NodeFacts) -> Run,
) -> Vec<Planned> {
    let mut turns = Vec::new();
    for program in world.cluster.programs(node) {
        let reload = seen.unit_of(program.unit_name).needs_reload;
        turns.push(Turn { program, run: run(&program, seen), reload, runs: None });
    }
    if turns.iter().all(|turn| turn.run == Run::Leave) {
        return Vec::new();
    }
    in_order(world.cluster, node, seen, &turns)
}
