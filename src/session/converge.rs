//! One run on a cluster: connect, gather, then stage after stage until there is none.

mod begin;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;

use crate::{
    cluster::Cluster,
    facts::{Facts, NodeFacts},
    fleet::{Fleet, Target},
    plan::{Gate, Next, Options, Stage, ask, evidence::Evidence, predict, removed, roll, sync},
    remote::error::HostError,
    session::{apply, error::Failure, joined},
    types::{
        diagnostic::Diagnostic,
        ids::{NodeName, ValidatorKey},
        interrupt::Interrupt,
    },
    verify::{
        Limits,
        baseline::Heights,
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
    /// Of these: whose nodes are removed from the cluster, or are just being.
    pub not_missed: BTreeSet<usize>,
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
    /// The node that this run removes: its machine may be gone for good.
    pub removes: Option<NodeName>,
    pub limits: Limits,
    pub interrupt: Interrupt,
}

impl Run {
    fn present(&self) -> Vec<Target> {
        let all = targets(&self.cluster, &self.facts).into_iter();
        all.filter(|target| !self.absent.contains_key(&target.machine)).collect()
    }

    /// From here on nodes that were removed from the cluster are none of it (S17): neither planned, nor looked at. Who they are, in
    /// warnings.
    pub fn leave_removed_out(&mut self) -> Vec<Diagnostic> {
        let warnings = removed::warnings(&self.cluster, &self.facts);
        if let Cow::Owned(remaining) = removed::remaining(&self.cluster, &self.facts) {
            self.cluster = remaining;
            self.targets = self.present();
        }
        warnings
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
    // One whose nodes were all removed is no part of the cluster any more.
    let machines = cluster.machines.iter().enumerate().filter(|(_, machine)| !machine.nodes.is_empty());
    machines.map(target).collect()
}

/// `user@host`, for people who find our lock or read the audit log.
pub fn actor() -> String {
    let user =
        std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "root".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", host.trim())
}
