//! One run on a cluster: connect, gather, then stage after stage until there is none.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;

use crate::{
    cluster::Cluster,
    facts::{Facts, MachineFacts, NodeFacts},
    fleet::{Answer, Early, Fleet, Lock, Target, nothing_early},
    plan::{Gate, Next, Options, Stage, ask, early, evidence::Evidence, predict, preflight, roll, sync},
    remote::{download, error::HostError},
    session::{apply, binary, error::Failure, joined},
    types::{
        code::Code,
        diagnostic::Diagnostic,
        event::Events,
        ids::{NodeName, ValidatorKey},
        interrupt::Interrupt,
    },
    verify::{
        Limits,
        baseline::{self, Heights},
        cost::{self, Cost},
        evidence, gate, trusted, voting,
    },
};

/// Everything that a command on hosts works with.
pub struct Run {
    pub cluster: Cluster,
    pub fleet: Fleet,
    pub targets: Vec<Target>,
    pub facts: Facts,
    /// Machines that could not be asked, and that this run does not touch.
    pub absent: BTreeMap<usize, HostError>,
    /// `node: step` of everything that changed something.
    pub changed: Vec<(String, String)>,
    /// The heights that nodes said when the run began.
    pub first: Heights,
    /// Nodes that did not sign when it was waited for, and the chain's height then.
    silent: BTreeMap<NodeName, u64>,
    /// The chain's height before the first restart.
    restarts_from: Option<u64>,
    /// What the restarts have cost the chain.
    pub cost: Option<Cost>,
    /// For what is waited for between stages.
    pub limits: Limits,
    who: String,
    /// The same with process and command: as whom this run holds its locks.
    holder: String,
}

/// When binaries may go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sends {
    #[default]
    Never,
    /// In the stage that wants them.
    Late,
    /// As soon as a machine has answered.
    Early,
}

#[derive(Debug, Clone)]
pub struct How {
    pub forks: usize,
    pub limit: Duration,
    /// What is being done, for the lock and the audit log: `loomctl up`.
    pub what: String,
    /// Whether to hold the cluster's lock, and how long to wait for it.
    pub lock: Option<Duration>,
    /// `--lock-host`: whose machine holds the cluster's lock, instead of the first one.
    pub lock_host: Option<String>,
    pub sends: Sends,
    /// Whether it ends in a proof: how high the nodes are is asked as early as possible then.
    pub proves: bool,
    /// Whether binaries are hashed whatever their stamps say.
    pub deep: bool,
    /// Nodes that the run touches; the others' machines may be down. `None`: all.
    pub only: Option<BTreeSet<NodeName>>,
    pub limits: Limits,
    pub interrupt: Interrupt,
}

impl Run {
    /// Connects to all machines, takes the lock if asked to, and learns what they are.
    ///
    /// On failure the fleet comes back too, so that it can be closed.
    pub async fn begin(
        mut cluster: Cluster,
        events: Events,
        how: How,
    ) -> Result<Self, (Failure, Option<Fleet>)> {
        let here = |e: std::io::Error| (Failure::Here(format!("no folder for control sockets: {e}")), None);
        let mut fleet = Fleet::new(events, how.interrupt.clone(), how.forks, how.limit).map_err(here)?;
        fleet.deep = how.deep;
        let names = binary::named(&cluster);
        let hashing = tokio::task::spawn_blocking(move || binary::measure(names));
        let targets = targets(&cluster, &Facts::default());
        let connected = fleet.connect(&targets).await;
        learn_scopes(&mut cluster, &fleet);
        let measured = match hashing.await {
            Ok(measured) => measured,
            Err(e) => return Err((Failure::Here(e.to_string()), Some(fleet))),
        };
        let problems = binary::note(&mut cluster, measured, how.sends != Sends::Never);
        if !problems.is_empty() {
            return Err((Failure::Input(problems), Some(fleet)));
        }
        let mut run = Self {
            cluster,
            fleet,
            targets: Vec::new(),
            facts: Facts { downloads_here: download::is_possible(), ..Facts::default() },
            absent: BTreeMap::new(),
            changed: Vec::new(),
            first: Heights::new(),
            silent: BTreeMap::new(),
            restarts_from: None,
            cost: None,
            limits: how.limits.clone(),
            who: actor(),
            holder: format!("{} (pid {}) with `{}`", actor(), std::process::id(), how.what),
        };
        match run.reached(connected, &how).await {
            Ok(()) => Ok(run),
            Err(failure) => Err((failure, Some(run.fleet))),
        }
    }

    /// Gathers from the machines that are connected, under the lock if there is to be one.
    async fn reached(&mut self, connected: BTreeMap<usize, HostError>, how: &How) -> Result<(), Failure> {
        self.may_be_absent(connected, how)?;
        self.targets = self.present();
        let lock = match how.lock {
            Some(wait) => Some(Lock {
                cluster: self.cluster.name.to_string(),
                first: self.lock_machine(how)?,
                who: self.holder.clone(),
                wait,
            }),
            None => None,
        };
        let (cluster, targets) = (&self.cluster, &self.targets);
        let options = Options { limit: how.only.clone(), ..Options::default() };
        let early = |machine: usize, (seen, nodes): &Answer| {
            let mut facts = Facts::default();
            facts.machines.insert(machine, seen.clone());
            facts.nodes.extend(named(targets, machine, nodes.clone()));
            early::uploads(cluster, machine, &facts, &options)
        };
        let early: Early<'_> = if how.sends == Sends::Early { &early } else { &nothing_early };
        let first = how.proves.then(|| baseline::Baseline::begin(&self.fleet, &self.cluster));
        let answers = self.fleet.gather(&self.targets, lock.as_ref(), early).await;
        self.first = first.map(|first| first.said()).unwrap_or_default();
        let mut errors = BTreeMap::new();
        for (machine, answer) in answers {
            match answer {
                Ok((facts, nodes)) => {
                    self.facts.machines.insert(machine, facts);
                    self.take_nodes(machine, nodes);
                }
                Err(error) => drop(errors.insert(machine, error)),
            }
        }
        joined::note_what_hosts_hold(&mut self.cluster, &self.facts);
        self.may_be_absent(errors, how)?;
        self.targets = self.present();
        Ok(())
    }

    /// A machine may be missing where none of its nodes is touched; a lock that somebody holds is not passed over.
    fn may_be_absent(&mut self, errors: BTreeMap<usize, HostError>, how: &How) -> Result<(), Failure> {
        let touched = |machine: &usize| {
            let nodes = self.cluster.nodes.iter().filter(|node| node.machine == *machine);
            how.only
                .as_ref()
                .is_none_or(|limit| nodes.map(|node| &node.name).any(|name| limit.contains(name)))
        };
        let (fatal, absent): (BTreeMap<_, _>, BTreeMap<_, _>) =
            errors.into_iter().partition(|(machine, e)| {
                touched(machine)
                    || matches!(e, HostError::Locked(..) | HostError::Twice { .. } | HostError::Interrupted)
            });
        let twice: Vec<Diagnostic> =
            fatal.iter().filter_map(|(machine, error)| self.twice(*machine, error)).collect();
        if !twice.is_empty() {
            return Err(Failure::Input(twice));
        }
        if !fatal.is_empty() {
            let name = |(machine, e)| (self.cluster.machine_name(machine), e);
            return Err(Failure::Hosts(fatal.into_iter().map(name).collect()));
        }
        self.absent.extend(absent);
        Ok(())
    }

    /// Of a machine that this run has locked already, as another one.
    fn twice(&self, machine: usize, error: &HostError) -> Option<Diagnostic> {
        let HostError::Twice { identity, .. } = error else { return None };
        let is_it = |seen: &MachineFacts| {
            seen.identity().is_some_and(|seen| seen == identity.each_ref().map(String::as_str))
        };
        let (first, _) = self.facts.machines.iter().find(|(_, seen)| is_it(seen))?;
        Some(preflight::machines::same(&self.cluster, *first, machine))
    }

    /// The machine with the cluster's lock: every run has to take the same.
    fn lock_machine(&self, how: &How) -> Result<usize, Failure> {
        let node = match &how.lock_host {
            Some(name) => {
                self.cluster.nodes.iter().find(|node| node.name.as_str() == name).ok_or_else(|| {
                    Failure::Input(vec![Diagnostic::error(format!(
                        "--lock-host: there is no host {name} in the inventory"
                    ))])
                })?
            }
            None => self.cluster.nodes.first().ok_or(Failure::Here("the cluster has no nodes".to_owned()))?,
        };
        if self.absent.contains_key(&node.machine) {
            let message = format!("the cluster's lock is on {}, which cannot be reached", node.name);
            let advice = "name another host for it with --lock-host; every run must name the same until that host is back";
            let refusal = Diagnostic::refusal(Code::LockHostLost, Some(&node.name), message).help(advice);
            return Err(Failure::Refused(vec![refusal]));
        }
        Ok(node.machine)
    }

    fn present(&self) -> Vec<Target> {
        let all = targets(&self.cluster, &self.facts).into_iter();
        all.filter(|target| !self.absent.contains_key(&target.machine)).collect()
    }

    fn take_nodes(&mut self, machine: usize, nodes: BTreeMap<usize, NodeFacts>) {
        let named: Vec<_> = named(&self.targets, machine, nodes).collect();
        for (name, mut seen) in named {
            self.facts.nodes.get(&name).iter().for_each(|before| seen.remember(before));
            self.facts.nodes.insert(name, seen);
        }
    }

    /// Who votes on the chain now, for whoever decides on restarts. Who did not show a commit when it was waited for
    /// has not signed until it does: its older signatures say nothing of now.
    pub async fn ask_the_chain(&mut self) {
        let mut voting = voting::ask(&self.fleet, &self.targets, &self.cluster, &self.facts).await;
        for voter in voting.iter_mut().flat_map(|voting| &mut voting.voters) {
            let silent = |(name, height): (&NodeName, &u64)| {
                let key = self.facts.nodes.get(name).and_then(|seen| seen.validator_key.as_ref());
                key == Some(&voter.key) && voter.confirmed <= *height
            };
            voter.signed &= !self.silent.iter().any(silent);
        }
        self.facts.voting = voting;
    }

    /// Everything that hosts do not say and that has to be known before anything is decided.
    pub async fn ask_what_is_wanted(&mut self, options: &Options) {
        let mut interrupt = self.fleet.interrupt.clone();
        tokio::select! {
            () = joined::note(&mut self.cluster, &self.facts) => {}
            // Whoever goes on looks at the interrupt itself.
            () = interrupt.wait() => {}
        }
        if roll::starts_a_validator(&self.cluster, &self.facts, options) {
            self.ask_the_chain().await;
        }
        if sync::wants_trust(&self.cluster, &self.facts, options) {
            let trusted = trusted::ask(&self.fleet, &self.targets, &self.cluster, &self.facts).await;
            self.facts.trusted = Some(trusted);
        }
    }

    /// What the chain shows before keys go back to a host: whether one of these still signs is waited for.
    pub async fn shown(&self, keys: &BTreeSet<ValidatorKey>) -> Evidence {
        evidence::ask(&self.fleet, &self.targets, &self.cluster, &self.facts, keys).await
    }

    /// The same, once those that were just started have signed; who does not counts as offline.
    pub async fn ask_once_all_sign(&mut self) {
        self.ask_the_chain().await;
        let late = roll::late(&self.cluster, &self.facts);
        let waits =
            late.iter().map(|gate| gate::wait(&self.fleet, &self.cluster, &self.facts, gate, &self.limits));
        let shown = join_all(waits).await;
        let height = self.facts.voting.as_ref().map_or(0, |voting| voting.height);
        let failed = late.iter().zip(shown).filter(|(_, shown)| shown.is_err());
        self.silent.extend(failed.map(|(gate, _)| (gate.node.clone(), height)));
        if !late.is_empty() {
            self.ask_the_chain().await;
        }
    }

    /// Stage after stage, as `next` decides on what is known by then; between two of them what the first one's gate wants.
    pub async fn converge(
        &mut self,
        mut next: impl FnMut(&Cluster, &Facts) -> Next,
    ) -> Result<Vec<crate::plan::Pending>, Failure> {
        let mut last: Option<Stage> = None;
        loop {
            if self.fleet.interrupt.is_set() {
                return Err(Failure::Interrupted);
            }
            match next(&self.cluster, &self.facts) {
                Next::Done(pending) => return Ok(pending),
                Next::Refused(refusals) => return Err(Failure::Refused(refusals)),
                Next::Stage(stage) => {
                    if last.as_ref() == Some(&stage) {
                        return Err(Failure::NoProgress(stuck(&stage)));
                    }
                    if let (Some(_), Some(voting)) = (&stage.gate, &self.facts.voting) {
                        self.restarts_from.get_or_insert(voting.height);
                    }
                    self.carry_out(&stage).await?;
                    if let Some(gate) = &stage.gate {
                        self.pass(gate).await?;
                    }
                    last = Some(stage);
                }
            }
        }
    }

    /// Of a run that has restarted nodes of a chain that makes blocks.
    pub async fn count_cost(&mut self) {
        if let Some(from) = self.restarts_from.filter(|_| !self.fleet.interrupt.is_set()) {
            self.cost = cost::since(from, &self.fleet, &self.cluster, &self.facts, &self.limits).await;
        }
    }

    async fn pass(&mut self, gate: &Gate) -> Result<(), Failure> {
        let result = gate::wait(&self.fleet, &self.cluster, &self.facts, gate, &self.limits).await;
        if self.fleet.interrupt.is_set() {
            return Err(Failure::Interrupted);
        }
        result.map_err(|why| Failure::Gate(gate.node.to_string(), why))?;
        self.ask_the_chain().await;
        Ok(())
    }

    async fn carry_out(&mut self, stage: &Stage) -> Result<(), Failure> {
        // The binary's checksum may have become known since: the questions name it.
        self.targets = self.present();
        let by = apply::By { cluster: self.cluster.name.as_str(), who: &self.who, holder: &self.holder };
        let begun = std::time::Instant::now();
        let results = apply::stage(&self.fleet, &self.targets, stage, by).await;
        self.facts.pass(begun.elapsed());
        let mut errors = Vec::new();
        for (machine, worked) in results {
            self.changed.extend(worked.changed.into_iter().map(|(node, step)| (node.to_string(), step)));
            match worked.result {
                Ok(done) => {
                    if let Some(facts) = self.facts.machines.get_mut(&machine) {
                        facts.pulled.extend(done.pulled.pulled);
                        facts.unpulled.extend(done.pulled.unpulled);
                    }
                    self.take_nodes(machine, done.nodes);
                }
                Err(error) => errors.push((self.cluster.machine_name(machine), error)),
            }
        }
        predict::tried(stage, &mut self.facts);
        if errors.is_empty() { Ok(()) } else { Err(Failure::Hosts(errors)) }
    }
}

/// Nodes by their names instead of the numbers of their questions.
fn named(
    targets: &[Target],
    machine: usize,
    nodes: BTreeMap<usize, NodeFacts>,
) -> impl Iterator<Item = (NodeName, NodeFacts)> {
    let target = targets.iter().find(|target| target.machine == machine);
    let name = move |number: usize| Some(target?.questions.get(number)?.node.clone());
    nodes.into_iter().filter_map(move |(number, node)| Some((name(number)?, node)))
}

fn stuck(stage: &Stage) -> String {
    let steps = stage.steps.iter().flat_map(|(node, steps)| {
        steps.iter().map(move |planned| format!("{node}: {} ({})", planned.step.name(), planned.why))
    });
    steps.collect::<Vec<_>>().join("; ")
}

/// Whose systemd it is on each machine that is connected: a login without root says so itself.
pub fn learn_scopes(cluster: &mut Cluster, fleet: &Fleet) {
    for (number, machine) in cluster.machines.iter_mut().enumerate() {
        if let Some(host) = fleet.host(number) {
            machine.scope = host.scope().clone();
        }
    }
}

/// The machines with what is to be asked of their nodes, as far as it is known by now.
pub fn targets(cluster: &Cluster, facts: &Facts) -> Vec<Target> {
    let target = |(number, machine): (usize, &crate::cluster::Machine)| Target {
        machine: number,
        name: cluster.machine_name(number),
        login: Arc::clone(&machine.login),
        questions: machine
            .nodes
            .iter()
            .map(|&node| ask::question(cluster, &cluster.nodes[node], facts))
            .collect(),
    };
    cluster.machines.iter().enumerate().map(target).collect()
}

/// `user@host`, for people who find our lock or read the audit log.
fn actor() -> String {
    let user =
        std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "root".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", host.trim())
}
