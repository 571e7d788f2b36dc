//! `upgrade` and `rollback`: another binary under the files that the hosts have. It is on every host and has run there before
//! the first node is given it.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Planned, Stage, Upload, ask,
    called_for::called_for,
    goal::Goal,
    manifest, node, restart, stages,
    start::Waiting,
    versions,
    world::{Outcome, World},
};
use crate::{
    cluster::Node,
    facts::{
        NodeFacts,
        manifest::{Manifest, Prepared},
    },
    steps::{self, Run, Step, Trial},
    types::stage::StageName,
};

/// The binary on the host, tried, and written down as prepared. Nothing runs it yet.
pub fn prepare(world: &World<'_>) -> Outcome {
    let World { cluster, .. } = *world;
    let mut steps = BTreeMap::new();
    let mut uploads: BTreeMap<usize, Vec<Upload>> = BTreeMap::new();
    for (node, seen) in world.touched() {
        let called = called_for(preparation(world, node, seen).unwrap_or_default(), seen);
        if let Some(upload) = stages::upload(cluster, node, cluster.main(node), &called) {
            stages::once(&mut uploads, node, upload);
        }
        steps.insert(node.name.clone(), called);
    }
    let stage = Stage::of(StageName::Prepare, steps);
    stage.map(|stage| Stage { uploads, ..stage }).into()
}

/// `None`: the node has it, or was prepared for it.
fn preparation(world: &World<'_>, node: &Node, seen: &NodeFacts) -> Option<Vec<Step>> {
    let World { cluster, facts, options, .. } = *world;
    let (planned, home) = (ask::binary_sha256(node, facts)?, seen.home.as_ref()?);
    let manifest = seen.manifest.as_ref()?;
    let is_prepared = versions::prepared(node, facts).is_some_and(|of| of.binary_sha256 == *planned);
    if is_prepared || manifest.binary_sha256.as_ref() == Some(planned) {
        return None;
    }
    let program = cluster.main(node);
    // What is gone back to is there, or nothing can go back to it.
    let sent = (options.goal != Goal::Rollback).then(|| stages::binary(cluster, node, program, facts));
    let arguments = cluster.profile.binary.version.clone();
    let trial = Trial {
        home: home.clone(),
        unit: node.unit_name.clone(),
        sandbox: node::sandbox(cluster, node, seen, home),
        binary: cluster.binary_path(node, program, planned),
        sha256: planned.clone(),
        arguments,
    };
    let trial = (!trial.arguments.is_empty()).then_some(Step::Trial(trial));
    let prepared = Some(Prepared { binary_sha256: planned.clone(), at: versions::now(node, facts) });
    let written = written(world, node, &Manifest { prepared, ..(**manifest).clone() });
    Some(sent.flatten().into_iter().chain(trial).chain([written]).collect())
}

fn written(world: &World<'_>, node: &Node, manifest: &Manifest) -> Step {
    let path = manifest::path(&world.cluster.state_folder(node));
    Step::Manifest(steps::Manifest { path, manifest: Arc::new(manifest.planned()) })
}

/// Link, manifest, restart: one node after another on a live chain. A node that is down is given it and stays down.
pub fn go(world: &World<'_>) -> Outcome {
    let (mut idle, mut waiting) = (BTreeMap::new(), Vec::new());
    for (node, seen) in world.touched() {
        let Some(exchange) = exchange(world, node, seen) else { continue };
        if seen.unit.is_running() {
            waiting.push(exchange);
        } else {
            idle.insert(node.name.clone(), exchange.steps);
        }
    }
    match Stage::of(StageName::Start, idle) {
        Some(stage) => Outcome::Stage(stage),
        None => restart::one_after_another(world, waiting),
    }
}

/// `None`: the node has it and runs it.
fn exchange(world: &World<'_>, node: &Node, seen: &NodeFacts) -> Option<Waiting> {
    let World { cluster, facts, .. } = *world;
    let (planned, home) = (ask::binary_sha256(node, facts)?, seen.home.as_ref()?);
    let (before, program) = (seen.manifest.as_ref()?, cluster.main(node));
    let is_listed = before.binary_sha256.as_ref() == Some(planned);
    let is_other = node::other_binary(cluster, node, program, facts, seen).is_some();
    let restarts = seen.unit.is_running() && !seen.unit.tried && (is_other || !is_listed);
    if is_listed && !restarts {
        return None;
    }
    let what = match &before.binary_sha256 {
        Some(before) if !is_listed => {
            format!("its binary {} becomes {}", before.short(), planned.short())
        }
        _ => format!("it does not run the binary {} yet", planned.short()),
    };
    let links = node::links(cluster, node, home, program, planned);
    let written = versions::exchanged(cluster, node, facts, before).map(|new| written(world, node, &new));
    let run = if restarts { Run::Restart } else { Run::Leave };
    let reload = seen.unit_of(program.unit_name).needs_reload;
    let unit = node::unit_step(cluster, node, Some(seen), program, run, reload, None);
    let steps: Vec<Planned> = called_for(links.chain(written).chain([unit]).collect(), seen)
        .into_iter()
        .map(|planned| match &planned.step {
            Step::Unit(_) => Planned { why: what.clone(), ..planned },
            _ => planned,
        })
        .collect();
    Some(Waiting { node: node.name.clone(), what, steps })
}
