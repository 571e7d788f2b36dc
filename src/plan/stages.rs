//! The stages of a birth and of every later run, in their order: accounts, fetch, prepare, agree and start.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Pending, Planned, Stage, Upload, Wants, ask, birth,
    called_for::called_for,
    endpoints,
    lifecycle::{self, Life},
    node::{self, RunsOn, Wanted},
    relay,
    spread::each,
    world::{Outcome, World},
};
use crate::{
    chain::peers,
    cluster::{Cluster, Node, Program, Source},
    facts::{
        Facts, NodeFacts,
        manifest::{FORMAT, Manifest, ServiceEntry},
    },
    steps::{self, Account, Binary, Fetch, File, Folder, Gone, Init, Link, Run, Step, Stopped, staging},
    types::{
        diagnostic::Diagnostic,
        ids::{NodeName, RemotePath},
        stage::StageName,
    },
};

/// Accounts that nodes are to run as, where `create_user` asks for them.
pub fn accounts(world: &World<'_>) -> Outcome {
    let mut steps = BTreeMap::new();
    for (node, seen) in world.touched() {
        if may_create_user(world.cluster, node, seen) {
            let called = called_for(vec![Step::Account(Account { user: node.user.clone() })], seen);
            steps.insert(node.name.clone(), called);
        }
    }
    Stage::of(StageName::Accounts, steps).into()
}

/// Only before init: a new account may have another uid than the one that the node's files belong to.
pub fn may_create_user(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> bool {
    node.create_user && !lifecycle::is_ours(cluster, node, seen)
}

/// Binaries from a URL whose checksum nobody knows: pulled and hashed, before anything else is decided.
pub fn fetch(world: &World<'_>) -> Outcome {
    let World { cluster, facts, .. } = *world;
    let mut steps = BTreeMap::new();
    for (node, seen) in world.touched() {
        let fetch = |program: Program<'_>| {
            let Source::Url(url) = &program.binary.source else { return None };
            let (name, relayed) = (program.file.to_string(), relay::hindrance(node, program.binary, facts));
            let unknown = ask::sha256_of(node, program.binary, facts).is_none();
            unknown.then(|| Step::Fetch(Fetch { name, url: url.to_string(), relayed }))
        };
        let fetches = cluster.programs(node).filter_map(fetch).collect();
        steps.insert(node.name.clone(), called_for(fetches, seen));
    }
    Stage::of(StageName::Fetch, steps).into()
}

/// Binary, folder, init: after it every node has keys and pristine documents.
pub fn prepare(world: &World<'_>) -> Outcome {
    let World { cluster, facts, .. } = *world;
    let mut steps = BTreeMap::new();
    let mut uploads: BTreeMap<usize, Vec<Upload>> = BTreeMap::new();
    let touched: Vec<_> = world.touched().collect();
    let called = each(&touched, |(node, seen)| called_for(preparation(cluster, node, facts, seen), seen));
    for ((node, _), called) in touched.into_iter().zip(called) {
        // The manifest alone is brought up to date with what comes later.
        if called.iter().all(|planned| matches!(planned.step, Step::Manifest(_))) {
            continue;
        }
        for upload in cluster.programs(node).filter_map(|program| upload(cluster, node, program, &called)) {
            let uploads = uploads.entry(node.machine).or_default();
            if !uploads.contains(&upload) {
                uploads.push(upload);
            }
        }
        steps.insert(node.name.clone(), called);
    }
    let stage = Stage::of(StageName::Prepare, steps);
    stage.map(|stage| Stage { uploads, ..stage }).into()
}

fn upload(cluster: &Cluster, node: &Node, program: Program<'_>, called: &[Planned]) -> Option<Upload> {
    let (Source::File(source), sha256) = (&program.binary.source, program.binary.sha256()?) else {
        return None;
    };
    let path = cluster.binary_path(node, program, sha256);
    let wanted =
        |planned: &&Planned| matches!(&planned.step, Step::Binary(Binary { path: at, .. }) if *at == path);
    called.iter().find(wanted)?;
    Some(Upload { source: source.clone(), sha256: sha256.clone(), name: program.file.to_string() })
}

fn preparation(cluster: &Cluster, node: &Node, facts: &Facts, seen: &NodeFacts) -> Vec<Step> {
    let (Some(home), Some(account), Some(sha256)) =
        (&seen.home, &seen.account, ask::binary_sha256(node, facts))
    else {
        return Vec::new();
    };
    let owner = format!("{}:{}", node.user, account.group);
    let state = cluster.state_folder(node);
    let path = cluster.binary_path(node, cluster.main(node), sha256);
    let binaries: Vec<Step> =
        cluster.programs(node).filter_map(|program| binary(cluster, node, program, facts)).collect();
    // First of all: what is made from here on can be found and removed again. One that says more is not written back to
    // one that says less.
    let listed = seen.manifest.is_none().then(|| {
        Step::Manifest(steps::Manifest {
            path: manifest_path(&state),
            manifest: manifest_of(cluster, node, home, facts, &[]),
        })
    });
    let init = if lifecycle::is_ours(cluster, node, seen) {
        // A run that was cut off after its last file had gone to its place; an init of ours that was not ends with this.
        Step::Gone(Gone { path: staging(home) })
    } else {
        Step::Init(init(cluster, node, seen, &path, home))
    };
    let folder = Step::Folder(Folder { path: home.clone(), owner, mode: 0o755, strict: false });
    listed.into_iter().chain(binaries).chain([folder, init]).collect()
}

fn binary(cluster: &Cluster, node: &Node, program: Program<'_>, facts: &Facts) -> Option<Step> {
    let sha256 = ask::sha256_of(node, program.binary, facts)?.clone();
    let url = match &program.binary.source {
        Source::Url(url) => Some(url.to_string()),
        Source::File(_) => None,
    };
    let (path, relayed) =
        (cluster.binary_path(node, program, &sha256), relay::hindrance(node, program.binary, facts));
    Some(Step::Binary(Binary { path, sha256, url, relayed }))
}

fn init(cluster: &Cluster, node: &Node, seen: &NodeFacts, binary: &RemotePath, home: &RemotePath) -> Init {
    let profile = &cluster.profile;
    let mut argv = vec![binary.to_string()];
    argv.extend(profile.init_argv(&cluster.basics(node), &staging(home)));
    let account = seen.account.clone();
    let user_home = account.as_ref().map_or_else(|| home.clone(), |a| a.home.clone());
    Init {
        home: home.clone(),
        user_home: if profile.init.own_home { staging(home) } else { user_home },
        state: cluster.state_folder(node),
        unit: node.unit_name.clone(),
        sandbox: node::sandbox(cluster, node, seen, home),
        keep: ask::kept(cluster),
        makes: profile.init.makes.iter().map(|made| made.path.to_string()).collect(),
        before: node::before_init(cluster, node, home),
        drops: profile.init.drops.iter().map(ToString::to_string).collect(),
        prints: profile.init.prints.as_ref().map(|prints| (prints.to.to_string(), prints.of.to_string())),
        argv,
    }
}

fn manifest_path(state: &RemotePath) -> RemotePath {
    state.join("manifest.json").unwrap_or_else(|_| state.clone())
}

fn manifest_of(
    cluster: &Cluster,
    node: &Node,
    home: &RemotePath,
    facts: &Facts,
    steps: &[Step],
) -> Arc<Manifest> {
    let service = |program: Program<'_>| {
        Some(ServiceEntry {
            service: program.service?.clone(),
            unit: program.unit_name.clone(),
            binary: program.file.clone(),
            binary_sha256: ask::sha256_of(node, program.binary, facts).cloned(),
            pinned: program.binary.pinned.is_some(),
        })
    };
    Manifest {
        format: FORMAT,
        loomctl: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: cluster.name.to_string(),
        node: node.name.to_string(),
        profile: cluster.profile.name.clone(),
        unit: node.unit_name.to_string(),
        home: home.clone(),
        binary_sha256: ask::binary_sha256(node, facts).cloned(),
        pinned: node.binary.pinned.is_some(),
        services: cluster.programs(node).filter_map(service).collect(),
        paths: node::managed(cluster, node, home, facts, steps),
    }
    .into()
}

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
        let listed = Step::Manifest(steps::Manifest {
            path: manifest_path(&cluster.state_folder(node)),
            manifest: manifest_of(cluster, node, &wanted.home, self.facts, &wanted.steps),
        });
        let why = listed.wanted(seen).or_else(|| changes.then(|| "what it lists has changed".to_owned()));
        planned.extend(why.filter(|_| manifest).map(|why| Planned { step: listed, why }));
        planned.extend(units);
        planned
    }

    /// The units in their order. Whoever depends on a service that is restarted, or was down, is stopped first and started behind
    /// it: without its service it does not take part any more, though its process may stay (CometBFT stops all but itself).
    fn units(&self, programs: &[Starts<'_>], restart: bool, changes: &[Planned]) -> Vec<Planned> {
        let Self { cluster, node, seen, .. } = *self;
        let restarts = |starts: &Starts<'_>| restart && starts.stale.is_some();
        let is_new = |starts: &Starts<'_>| restarts(starts) || !starts.runs;
        let below = programs.iter().any(|starts| starts.program.service.is_some() && is_new(starts));
        let mut units = Vec::new();
        for starts in programs {
            let Starts { program, on, runs, .. } = starts;
            let depends = below && program.service.is_none();
            let unit = seen.unit_of(program.unit_name);
            let run = match runs {
                true if restarts(starts) || depends => Run::Restart,
                true => Run::Leave,
                // Once is enough: why it does not stay up is for the verification to say.
                false if unit.tried && changes.is_empty() => Run::Leave,
                false => Run::Start,
            };
            let file = cluster.scope(node).unit_path(program.unit_name);
            let is_file =
                |planned: &Planned| matches!(&planned.step, Step::File(File { path, .. }) if *path == file);
            let reload = unit.needs_reload || changes.iter().any(is_file);
            units.push(node::unit_step(cluster, node, *program, run, reload, &on.runs));
        }
        let main = programs.iter().find(|starts| starts.program.service.is_none() && starts.runs && below);
        let stop = main.map(|starts| Step::Stopped(Stopped { unit: starts.program.unit_name.clone() }));
        called_for(stop.into_iter().chain(units).collect(), seen)
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
