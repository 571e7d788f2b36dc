//! `down`: stop everything; `--destroy` removes what we manage and what the chain has made, but keys only if asked.

use std::collections::BTreeMap;

use super::{
    Goal, Planned, Stage, lifecycle, preflight, quorum,
    world::{Outcome, World},
};
use crate::{
    cluster::{Cluster, Node, Program},
    facts::{Facts, NodeFacts, UnitFacts, manifest::EntryKind},
    steps::{Disabled, EmptyGone, Gone, Reload, Step, Stopped, TOOL_STAGING, Unsigned, Unused, staging},
    types::ids::{NodeName, Sha256},
    types::{code::Code, diagnostic::Diagnostic, stage::StageName},
};

/// A unit of that name that we did not install is not ours to stop, nor is one that nobody would stop left behind.
pub fn only_ours(world: &World<'_>) -> Outcome {
    let nodes: Vec<_> = world.touched().collect();
    Outcome::refused(not_ours(world.cluster, &nodes))
}

pub fn stop(world: &World<'_>) -> Outcome {
    let cluster = world.cluster;
    let nodes: Vec<_> = world.touched().collect();
    let options = world.options;
    // Without its services the chain's own program does not run either.
    let is_meant = |program: &Program<'_>| program.service.is_none() || options.concerns(program);
    let stop = of(&nodes, StageName::Stop, |node, seen| {
        let meant = || cluster.programs(node).rev().filter(is_meant).map(|program| program.unit_name.clone());
        let mut steps: Vec<Step> = meant().map(|unit| Step::Stopped(Stopped { unit })).collect();
        // What is stopped by hand stays stopped over a reboot only if it is disabled as well.
        let units = meant();
        steps.extend(units.filter(|_| seen.manifest.is_some()).map(|unit| Step::Disabled(Disabled { unit })));
        steps
    });
    let refusal = stop.as_ref().and_then(|stop| quorum::may_stop(cluster, world.facts, world.options, stop));
    refusal.map_or_else(|| stop.into(), |refusal| Outcome::refused([refusal]))
}

pub fn all_stopped(world: &World<'_>) -> Outcome {
    Outcome::refused(still_running(world.cluster, world.facts))
}

pub fn remove(world: &World<'_>) -> Outcome {
    let nodes: Vec<_> = world.touched().collect();
    let keys = world.options.goal == Goal::DestroyKeys;
    of(&nodes, StageName::Destroy, |node, seen| removal(world.cluster, node, seen, keys)).into()
}

/// What depends on another program of its node is stopped before it.
pub(super) fn stopped(cluster: &Cluster, node: &Node) -> Vec<Step> {
    let units = cluster.programs(node).rev().map(|program| program.unit_name.clone());
    units.map(|unit| Step::Stopped(Stopped { unit })).collect()
}

pub(super) fn of(
    nodes: &[(&Node, &NodeFacts)],
    name: StageName,
    steps: impl Fn(&Node, &NodeFacts) -> Vec<Step>,
) -> Option<Stage> {
    let steps: BTreeMap<NodeName, Vec<Planned>> = nodes
        .iter()
        .map(|(node, seen)| (node.name.clone(), super::called_for::called_for(steps(node, seen), seen)))
        .collect();
    let stage = Stage::of(name, steps)?;
    // What others have put something into stays: that alone is no work left to do.
    let best_effort = |p: &Planned| matches!(p.step, Step::EmptyGone(_) | Step::Unused(_));
    let work = stage.steps.values().flatten().any(|planned| !best_effort(planned));
    work.then_some(stage)
}

fn not_ours(cluster: &Cluster, nodes: &[(&Node, &NodeFacts)]) -> Vec<Diagnostic> {
    nodes
        .iter()
        .flat_map(|(node, seen)| {
            let is_listed = |program: &Program<'_>| match (program.service, &seen.manifest) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(_), Some(manifest)) => {
                    manifest.services.iter().any(|entry| entry.unit == *program.unit_name)
                }
            };
            let runs = move |program: &Program<'_>| {
                !is_listed(program) && !seen.unit_of(program.unit_name).is_stopped()
            };
            cluster.programs(node).filter(runs).map(move |program| (node, program.unit_name))
        })
        .map(|(node, unit)| {
            let message = format!("{unit}.service runs, but loomctl has not installed it");
            Diagnostic::refusal(Code::ForeignUnit, Some(&node.name), message)
                .help(format!("stop it with `{} stop` if you mean it", cluster.scope(node).systemctl()))
        })
        .chain(nodes.iter().flat_map(|(node, seen)| gone_services(node, seen)))
        .collect()
}

/// Services that were installed by another profile: nobody would stop them.
fn gone_services(node: &Node, seen: &NodeFacts) -> Vec<Diagnostic> {
    let entries = seen.manifest.iter().flat_map(|manifest| &manifest.services);
    let gone = entries.filter(|entry| node.services.iter().all(|service| service.name != entry.service));
    let refuse = |entry| {
        Diagnostic::refusal(Code::GoneService, Some(&node.name), preflight::gone_service(entry))
            .help(preflight::GONE_SERVICE)
    };
    gone.map(refuse).collect()
}

/// S13: a sign state goes back to zero only when every node of the cluster is seen stopped.
fn still_running(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    cluster
        .nodes
        .iter()
        .filter(|node| {
            let seen = facts.nodes.get(&node.name);
            !seen.is_some_and(|seen| seen.units().all(UnitFacts::is_stopped))
        })
        .map(|node| {
            let running = |seen: &'_ NodeFacts| {
                let unit = seen.units().find(|unit| !unit.is_stopped());
                unit.map_or_else(|| seen.unit.active.clone(), |unit| unit.active.clone())
            };
            let state = facts.nodes.get(&node.name).map_or_else(|| "not seen".to_owned(), running);
            let message = format!("{} is {state}: the chain may still go on", node.name);
            Diagnostic::refusal(Code::StillRunning, Some(&node.name), message)
                .help("`--destroy` wants every node of the cluster stopped: run `loomctl down` for all of them first")
        })
        .collect()
}

fn removal(cluster: &Cluster, node: &Node, seen: &NodeFacts, delete_keys: bool) -> Vec<Step> {
    let (Some(home), profile) = (&seen.home, &cluster.profile) else { return Vec::new() };
    let state = cluster.state_folder(node);
    let gone = |path| Step::Gone(Gone { path });
    let initialised = lifecycle::is_ours(cluster, node, seen) || lifecycle::is_restored(cluster, node, seen);
    let complete = lifecycle::is_staged(seen);
    let staged = (delete_keys || !complete).then(|| gone(staging(home)));
    // Without a manifest nothing there is ours, but what a killed init left in its staging folder.
    let Some(manifest) = &seen.manifest else {
        let keys = delete_keys && (initialised || complete);
        let keys = keys.then(|| key_removal(cluster, seen, node)).into_iter().flatten();
        return staged.into_iter().chain(keys).collect();
    };
    let mut steps: Vec<Step> = manifest
        .paths
        .iter()
        .filter(|entry| {
            matches!(entry.kind, EntryKind::Unit | EntryKind::File | EntryKind::Link | EntryKind::Genesis)
        })
        .map(|entry| gone(entry.path.clone()))
        .collect();
    // A birth that was cut off has made these before it could list them.
    let of_program = |program: Program<'_>| {
        let unit = cluster.scope(node).unit_path(program.unit_name);
        [Some(unit), cluster.started(node, program).parent()].into_iter().flatten()
    };
    let unlisted = cluster.programs(node).flat_map(of_program).chain([super::node::link(cluster, home)]);
    let unlisted = unlisted.map(gone).filter(|step| !steps.contains(step));
    steps.extend(unlisted.collect::<Vec<_>>());
    let data = profile.chain_data.iter().filter(|path| !profile.is_sign_state(path));
    steps.extend(data.map(|path| gone(path.under(home))));
    steps.extend(staged);
    steps.push(Step::Reload(Reload));
    if delete_keys {
        let keys = key_removal(cluster, seen, node).into_iter().filter(|step| !steps.contains(step));
        steps.extend(keys.collect::<Vec<_>>());
    } else {
        steps.extend(Unsigned::of(profile, home));
        let records = cluster.programs(node).map(super::node::record);
        steps.extend(records.filter_map(|record| state.join(&record).ok()).map(gone));
        steps.extend(state.join("manifest.json").ok().map(gone));
    }
    let main = manifest.binary_sha256.iter().chain(manifest.kept());
    let main = main.map(|sum| (&cluster.profile.binary.name, sum));
    let services =
        manifest.services.iter().filter_map(|one| Some((&one.binary, one.binary_sha256.as_ref()?)));
    let cached = |(file, sum): (_, &Sha256)| cluster.scope(node).path_of(&format!("bin/{sum}/{file}"));
    steps.extend(services.chain(main).map(cached).map(|path| Step::Unused(Unused { path })));
    steps
}

/// Keys, whatever else `init` has made (before the first start no manifest lists it, and without our record the next
/// `up` would take it for somebody else's), our own record of the node, and the folders that are empty then.
fn key_removal(cluster: &Cluster, seen: &NodeFacts, node: &Node) -> Vec<Step> {
    let (Some(home), profile) = (&seen.home, &cluster.profile) else { return Vec::new() };
    let mut files = profile.key_files();
    files.extend(profile.init.makes.iter().map(|made| &made.path));
    files.extend(profile.written().map(|(path, _)| path));
    files.extend(profile.left_by_tool());
    files.sort();
    files.dedup();
    let mut steps: Vec<Step> = files.iter().map(|path| Step::Gone(Gone { path: path.under(home) })).collect();
    // A key that was cut off on its way.
    steps.extend(home.join(TOOL_STAGING).ok().map(|path| Step::Gone(Gone { path })));
    let mut folders: Vec<_> =
        profile.init.makes.iter().filter_map(|made| made.path.under(home).parent()).collect();
    folders.extend(profile.chain_data.iter().filter_map(|path| path.under(home).parent()));
    folders.extend(profile.kept_unless_empty.iter().map(|path| path.under(home)));
    folders.sort_by_key(|path| std::cmp::Reverse(path.as_str().len()));
    folders.dedup();
    steps.extend(
        folders
            .into_iter()
            .filter(|path| path.is_below(home))
            .map(|path| Step::EmptyGone(EmptyGone { path })),
    );
    steps.push(Step::Gone(Gone { path: cluster.state_folder(node) }));
    steps
}
