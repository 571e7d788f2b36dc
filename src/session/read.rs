//! A look at a cluster: connects and asks, and changes nothing. A host that cannot be reached is lost, and the others
//! are looked at all the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    cluster::{Cluster, Node},
    facts::Facts,
    fleet::{Fleet, Target},
    remote::{error::HostError, host::Host},
    session::{
        converge::{How, learn_scopes, targets},
        error::Failure,
    },
    types::{event::Events, ids::NodeName},
};

pub struct ReadSession {
    pub cluster: Cluster,
    pub fleet: Fleet,
    /// The machines that are looked at, those that are lost included.
    pub targets: Vec<Target>,
    pub facts: Facts,
    /// Why a machine could not be reached or asked.
    pub lost: BTreeMap<usize, HostError>,
}

impl ReadSession {
    /// `only`: the nodes that are looked at; `None`: all. No other node's machine is dialled.
    pub async fn reach(
        mut cluster: Cluster,
        events: Events,
        how: How,
        only: Option<&BTreeSet<NodeName>>,
    ) -> Result<Self, Failure> {
        let here = |e: std::io::Error| Failure::Here(format!("no folder for control sockets: {e}"));
        let mut fleet = Fleet::new(events, how.interrupt, how.forks, how.limit).map_err(here)?;
        let asked = |cluster: &Cluster| narrowed(targets(cluster, &Facts::default()), only);
        let lost = fleet.connect(&asked(&cluster)).await;
        learn_scopes(&mut cluster, &fleet);
        let targets = asked(&cluster);
        Ok(Self { cluster, fleet, targets, facts: Facts::default(), lost })
    }

    /// Asks those that were reached what they are; who gives no answer is lost as well.
    pub async fn gather(&mut self) {
        let reached: Vec<Target> = self.reached().map(|(target, _)| target.clone()).collect();
        for (machine, answer) in self.fleet.inspect(&reached).await {
            let target = reached.iter().find(|target| target.machine == machine);
            let questions = target.map_or(&[][..], |target| &target.questions);
            match answer {
                Ok((facts, nodes)) => {
                    self.facts.machines.insert(machine, facts);
                    let named = |(number, node)| Some((questions.get::<usize>(number)?.node.clone(), node));
                    self.facts.nodes.extend(nodes.into_iter().filter_map(named));
                }
                Err(error) => drop(self.lost.insert(machine, error)),
            }
        }
    }

    /// Connects again to those that were lost, as far as that takes no longer than `limit`.
    pub async fn reach_again(&mut self, limit: Duration) {
        let is_lost = |target: &&Target| self.lost.contains_key(&target.machine);
        let lost: Vec<Target> = self.targets.iter().filter(is_lost).cloned().collect();
        for target in &lost {
            self.fleet.forget(target.machine).await;
        }
        if let Ok(errors) = tokio::time::timeout(limit, self.fleet.connect(&lost)).await {
            self.lost = errors;
        }
        learn_scopes(&mut self.cluster, &self.fleet);
        let only = self.nodes().map(|node| node.name.clone()).collect();
        self.targets = narrowed(targets(&self.cluster, &Facts::default()), Some(&only));
    }

    pub fn reached(&self) -> impl Iterator<Item = (&Target, &Arc<Host>)> {
        let there = |target: &&Target| !self.lost.contains_key(&target.machine);
        self.targets
            .iter()
            .filter(there)
            .filter_map(|target| Some((target, self.fleet.host(target.machine)?)))
    }

    /// The nodes that are looked at, in inventory order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        let asked = |node: &&Node| {
            self.targets.iter().flat_map(|target| &target.questions).any(|q| q.node == node.name)
        };
        self.cluster.nodes.iter().filter(asked)
    }

    /// What lost hosts are for the command as a whole.
    pub fn failure(&self) -> Option<Failure> {
        if self.fleet.interrupt.is_set() {
            return Some(Failure::Interrupted);
        }
        let named =
            |(machine, error): (&usize, &HostError)| (self.cluster.machine_name(*machine), error.clone());
        (!self.lost.is_empty()).then(|| Failure::Hosts(self.lost.iter().map(named).collect()))
    }
}

/// The machines of these nodes alone.
pub fn narrowed(mut targets: Vec<Target>, only: Option<&BTreeSet<NodeName>>) -> Vec<Target> {
    if let Some(only) = only {
        for target in &mut targets {
            target.questions.retain(|question| only.contains(&question.node));
        }
        targets.retain(|target| !target.questions.is_empty());
    }
    targets
}
