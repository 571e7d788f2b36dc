//! The begin of a run: connect, take the lock, learn what the machines are.

use std::collections::{BTreeMap, BTreeSet};

use super::{How, Run, Sends, actor, learn_scopes, named, targets};
use crate::{
    cluster::Cluster,
    facts::{Facts, MachineFacts},
    fleet::{Answer, Early, Fleet, Lock, nothing_early},
    plan::{Options, decided, early, preflight, removed},
    remote::{download, error::HostError},
    session::{binary, error::Failure, joined},
    types::{code::Code, diagnostic::Diagnostic, event::Events, ids::NodeName},
    verify::baseline::{self, Heights},
};

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
            removed: BTreeSet::new(),
            leaves: None,
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
        self.pass_over_removed(&connected, how).await;
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
        decided::keep(&mut self.cluster, &self.facts);
        self.may_be_absent(errors, how)?;
        self.targets = self.present();
        Ok(())
    }

    /// A host that nobody reaches may be one whose node was removed from the cluster: then the others remember that (S17). They are
    /// asked only where somebody is missing.
    async fn pass_over_removed(&mut self, missing: &BTreeMap<usize, HostError>, how: &How) {
        let own = |machine: &usize| {
            let mut nodes = self.cluster.nodes.iter().filter(|node| node.machine == *machine);
            nodes.all(|node| how.removes.as_ref() == Some(&node.name))
        };
        self.leaves = missing.keys().copied().find(own);
        if !missing.keys().any(|machine| self.is_missed(*machine, how)) {
            return;
        }
        let reached = targets(&self.cluster, &Facts::default()).into_iter();
        let reached: Vec<_> = reached.filter(|target| !missing.contains_key(&target.machine)).collect();
        let mut facts = Facts::default();
        for (machine, answer) in self.fleet.inspect(&reached).await {
            if let Ok((seen, nodes)) = answer {
                facts.machines.insert(machine, seen);
                facts.nodes.extend(named(&reached, machine, nodes));
            }
        }
        let gone = removed::left_out(&self.cluster, &facts);
        let is_gone = |machine: &usize| {
            let mut nodes = self.cluster.nodes.iter().filter(|node| node.machine == *machine);
            nodes.all(|node| gone.contains(&node.name))
        };
        self.removed = missing.keys().copied().filter(is_gone).collect();
    }

    /// A machine may be missing where none of its nodes is touched; a lock that somebody holds is not passed over.
    fn may_be_absent(&mut self, errors: BTreeMap<usize, HostError>, how: &How) -> Result<(), Failure> {
        let (fatal, absent): (BTreeMap<_, _>, BTreeMap<_, _>) =
            errors.into_iter().partition(|(machine, e)| {
                self.is_missed(*machine, how)
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

    /// The run touches one of its nodes.
    fn is_missed(&self, machine: usize, how: &How) -> bool {
        let mut nodes = self.cluster.nodes.iter().filter(|node| node.machine == machine);
        let is_touched = |name: &NodeName| how.only.as_ref().is_none_or(|limit| limit.contains(name));
        !self.is_gone(machine) && nodes.any(|node| is_touched(&node.name))
    }

    fn is_gone(&self, machine: usize) -> bool {
        self.removed.contains(&machine) || self.leaves == Some(machine)
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
        let node = if let Some(name) = &how.lock_host {
            self.cluster.nodes.iter().find(|node| node.name.as_str() == name).ok_or_else(|| {
                Failure::Input(vec![Diagnostic::error(format!(
                    "--lock-host: there is no host {name} in the inventory"
                ))])
            })?
        } else {
            // The first that is not gone, as whoever runs it without the gone ones in the inventory.
            let mut nodes = self.cluster.nodes.iter();
            let stays = nodes.find(|node| !self.is_gone(node.machine));
            stays.ok_or(Failure::Here("the cluster has no nodes".to_owned()))?
        };
        if self.absent.contains_key(&node.machine) {
            let message = format!("the cluster's lock is on {}, which cannot be reached", node.name);
            let advice = "name another host for it with --lock-host; every run must name the same until that host is back";
            let refusal = Diagnostic::refusal(Code::LockHostLost, Some(&node.name), message).help(advice);
            return Err(Failure::Refused(vec![refusal]));
        }
        Ok(node.machine)
    }
}
