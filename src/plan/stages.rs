//! The stages of a birth and of every later run, in their order: accounts, fetch, prepare, agree and start.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Class, Options, Planned, Refusal, Stage, Upload, ask, birth,
    life::{self, Life},
    node::{self, Wanted},
    relay,
    roll::Waiting,
    spread::each,
};
use crate::{
    chain::peers,
    cluster::{Cluster, Node, Source},
    facts::{
        Facts, NodeFacts,
        manifest::{FORMAT, Manifest},
    },
    steps::{Init, Run, Step, staging},
    types::ids::{RemotePath, Sha256},
};

/// The nodes that this run touches, with what is known of them.
fn touched<'a>(
    cluster: &'a Cluster,
    facts: &'a Facts,
    options: &'a Options,
) -> impl Iterator<Item = (&'a Node, &'a NodeFacts)> {
    cluster
        .nodes
        .iter()
        .filter(|node| options.touches(&node.name))
        .filter_map(|node| Some((node, facts.nodes.get(&node.name)?)))
}

/// Keeps the steps that the facts call for.
pub(super) fn called_for(steps: Vec<Step>, seen: &NodeFacts) -> Vec<Planned> {
    steps.into_iter().filter_map(|step| step.wanted(seen).map(|why| Planned { step, why })).collect()
}

/// Accounts that nodes are to run as, where `create_user` asks for them.
pub fn accounts(cluster: &Cluster, facts: &Facts, options: &Options) -> Option<Stage> {
    let mut steps = BTreeMap::new();
    for (node, seen) in touched(cluster, facts, options) {
        if may_create_user(cluster, node, seen) {
            let called = called_for(vec![Step::Account { user: node.user.clone() }], seen);
            steps.insert(node.name.clone(), called);
        }
    }
    Stage::of("accounts", steps)
}

/// Only before init: an account made anew may have another uid than the one that the node's files belong to.
pub fn may_create_user(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> bool {
    node.create_user && !life::is_ours(cluster, node, seen)
}

/// Binaries from a URL whose checksum nobody knows: pulled and hashed, before anything else is decided.
pub fn fetch(cluster: &Cluster, facts: &Facts, options: &Options) -> Option<Stage> {
    let mut steps = BTreeMap::new();
    for (node, seen) in touched(cluster, facts, options) {
        if let Source::Url(url) = &node.binary.source
            && ask::binary_sha256(node, facts).is_none()
        {
            let (name, relayed) = (cluster.profile.binary.name.to_string(), relay::hindrance(node, facts));
            let step = Step::Fetch { name, url: url.to_string(), relayed };
            steps.insert(node.name.clone(), called_for(vec![step], seen));
        }
    }
    Stage::of("fetch", steps)
}

/// Binary, folder, init: after it every node has keys and pristine documents.
pub fn prepare(cluster: &Cluster, facts: &Facts, options: &Options) -> Option<Stage> {
    let mut steps = BTreeMap::new();
    let mut uploads: BTreeMap<usize, Vec<Upload>> = BTreeMap::new();
    let touched: Vec<_> = touched(cluster, facts, options).collect();
    let called = each(&touched, |(node, seen)| called_for(preparation(cluster, node, facts, seen), seen));
    for ((node, _), called) in touched.into_iter().zip(called) {
        // The manifest alone is brought up to date with what comes later.
        if called.iter().all(|planned| matches!(planned.step, Step::Manifest { .. })) {
            continue;
        }
        if let Some(upload) = upload(cluster, node, &called) {
            let uploads = uploads.entry(node.machine).or_default();
            if !uploads.contains(&upload) {
                uploads.push(upload);
            }
        }
        steps.insert(node.name.clone(), called);
    }
    let mut stage = Stage::of("prepare", steps)?;
    stage.uploads = uploads;
    Some(stage)
}

fn upload(cluster: &Cluster, node: &Node, called: &[Planned]) -> Option<Upload> {
    let Source::File(source) = &node.binary.source else { return None };
    let wanted = |planned: &&Planned| matches!(planned.step, Step::Binary { .. });
    called.iter().find(wanted)?;
    let name = cluster.profile.binary.name.to_string();
    Some(Upload { source: source.clone(), sha256: node.binary.sha256()?.clone(), name })
}

fn preparation(cluster: &Cluster, node: &Node, facts: &Facts, seen: &NodeFacts) -> Vec<Step> {
    let (Some(home), Some(account), Some(sha256)) =
        (&seen.home, &seen.account, ask::binary_sha256(node, facts))
    else {
        return Vec::new();
    };
    let owner = format!("{}:{}", node.user, account.group);
    let state = cluster.state_folder(node);
    let path = cluster.binary_path(node, sha256);
    let url = match &node.binary.source {
        Source::Url(url) => Some(url.to_string()),
        Source::File(_) => None,
    };
    // First of all: what is made from here on can be found and removed again. One that says more is not written back to
    // one that says less.
    let listed = seen.manifest.is_none().then(|| Step::Manifest {
        path: manifest_path(&state),
        manifest: manifest_of(cluster, node, home, Some(sha256), &[]),
    });
    let init = if life::is_ours(cluster, node, seen) {
        // A run that was cut off after its last file had gone to its place; an init of ours that was not ends with this.
        Step::Gone { path: staging(home) }
    } else {
        Step::Init(init(cluster, node, seen, &path, home))
    };
    let (sha256, relayed) = (sha256.clone(), relay::hindrance(node, facts));
    let folder = Step::Folder { path: home.clone(), owner, mode: 0o755, strict: false };
    listed.into_iter().chain([Step::Binary { path, sha256, url, relayed }, folder, init]).collect()
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
    binary: Option<&Sha256>,
    steps: &[Step],
) -> Arc<Manifest> {
    Manifest {
        format: FORMAT,
        loomctl: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: cluster.name.to_string(),
        node: node.name.to_string(),
        profile: cluster.profile.name.clone(),
        unit: node.unit_name.to_string(),
        home: home.clone(),
        binary_sha256: binary.cloned(),
        pinned: node.binary.pinned.is_some(),
        paths: node::managed(cluster, node, home, binary, steps),
    }
    .into()
}

/// Genesis, configuration, unit, start: all nodes at the same moment, since below quorum nobody makes a block.
pub fn agree_and_start(
    cluster: &Cluster,
    facts: &Facts,
    options: &Options,
) -> Result<(Option<Stage>, Vec<Waiting>), Vec<Refusal>> {
    let documents = birth::documents(cluster, facts)?;
    let live = life::of_cluster(cluster, facts) == Life::Live;
    let (mut steps, mut waiting, mut refusals) = (BTreeMap::new(), Vec::new(), Vec::new());
    let everybody = node::peers(cluster, facts);
    peers::check(&everybody).map_err(|why| vec![Refusal::new(Class::Safety, None, why.to_string())])?;
    let network = cluster.peering(&everybody);
    let touched: Vec<_> = touched(cluster, facts, options).collect();
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
            Err(found) => refusals.extend::<Vec<Refusal>>(found),
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    Ok((Stage::of("start", steps), waiting))
}

/// One node at its start, with everything that is known of it.
struct Starting<'a> {
    cluster: &'a Cluster,
    node: &'a Node,
    facts: &'a Facts,
    seen: &'a NodeFacts,
    wanted: &'a Wanted,
}

impl Starting<'_> {
    /// What is to be done on the node now, and what waits until it may be restarted.
    fn planned(&self, live: bool) -> (Vec<Planned>, Option<Waiting>) {
        let running = self.seen.unit.is_running();
        let outdated = if running { self.stale() } else { None };
        let (run, waits) = match outdated {
            Some(what) if live => (Run::Leave, Some(what)),
            Some(_) => (Run::Restart, None),
            None => (if running { Run::Leave } else { Run::Start }, None),
        };
        // The link says what a crash would start: on a live chain it moves with the restart, not before; and where it is new,
        // since an older loomctl had the unit start another one, so does the unit's file with another binary.
        let (started, unit) = (node::started(self.cluster, self.node), self.cluster.unit_path(self.node));
        let other = || node::other_binary(self.cluster, self.node, self.facts, self.seen).is_some();
        let new = waits.is_some() && !self.seen.has(&started) && self.seen.has(&unit) && other();
        let moves = |step: &Step| match step {
            Step::Link { path, .. } => self.seen.has(path) || (new && *path == started),
            Step::File { path, .. } => new && *path == unit,
            _ => false,
        };
        let (later, now): (Vec<Step>, Vec<Step>) = self
            .wanted
            .steps
            .iter()
            .cloned()
            .partition(|step| waits.is_some() && moves(step) && step.wanted(self.seen).is_some());
        let planned = self.with_unit(now, run, later.is_empty());
        let steps = |what| (what, self.with_unit(later, Run::Restart, true));
        let waiting = waits.map(steps);
        (planned, waiting.map(|(what, steps)| Waiting { node: self.node.name.clone(), what, steps }))
    }

    /// Those of the steps that the facts call for, and the unit. Inodes and times in the manifest go stale with every
    /// change, so it is written again with it, before the start; but not with a binary that is not in place yet.
    fn with_unit(&self, steps: Vec<Step>, run: Run, manifest: bool) -> Vec<Planned> {
        let Self { cluster, node, seen, wanted, .. } = *self;
        let mut planned = called_for(steps, seen);
        let unit_path = cluster.unit_path(node);
        let reload = seen.unit.needs_reload
            || planned.iter().any(|p| matches!(&p.step, Step::File { path, .. } if *path == unit_path));
        let state = cluster.state_folder(node);
        let listed = Step::Manifest {
            path: manifest_path(&state),
            manifest: manifest_of(
                cluster,
                node,
                &wanted.home,
                ask::binary_sha256(node, self.facts),
                &wanted.steps,
            ),
        };
        let changes = !planned.is_empty();
        // Once is enough: why it does not stay up is for the verification to say.
        let run = if run == Run::Start && seen.unit.tried && !changes { Run::Leave } else { run };
        let (name, runs) = (node.unit_name.clone(), wanted.runs.clone());
        let unit = called_for(vec![Step::Unit { name, run, reload, state, runs }], seen);
        let why = listed.wanted(seen).or_else(|| changes.then(|| "what it lists has changed".to_owned()));
        planned.extend(why.filter(|_| manifest).map(|why| Planned { step: listed, why }));
        planned.extend(unit);
        planned
    }

    /// Why the running process is not what its files say; `None`: it is.
    ///
    /// What we started ourselves is written down. What systemd started since (a crash, a reboot) has read the files as
    /// they were then: fine, if they are right and have not changed after that start.
    fn stale(&self) -> Option<String> {
        let Self { cluster, node, facts, seen, wanted } = *self;
        if let Some(why) = node::other_binary(cluster, node, facts, seen) {
            return Some(why);
        }
        let recorded = seen.started.as_ref();
        if recorded
            .is_some_and(|(invocation, runs)| *invocation == seen.unit.invocation && *runs == wanted.runs)
        {
            return None;
        }
        let machine = facts.machines.get(&node.machine)?;
        let started = machine.clock - machine.uptime + seen.unit.started_monotonic;
        for path in &wanted.inputs {
            let Some(file) = seen.file(path) else { return Some(format!("{path} was missing")) };
            if file.ctime.parse::<f64>().is_ok_and(|changed| changed > started) {
                return Some(format!("{path} has changed since it started"));
            }
        }
        let differs = wanted.steps.iter().find(|step| {
            step.text().is_some_and(|(path, _)| wanted.inputs.contains(path)) && step.wanted(seen).is_some()
        })?;
        Some(format!("{} is not what it runs on", differs.name()))
    }
}
