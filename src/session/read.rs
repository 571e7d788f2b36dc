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
    fleet::{Fleet, Member},
    remote::{error::HostError, host::Host},
    session::{
        converge::{How, learn_scopes, members},
        error::Failure,
    },
    types::{event::Events, ids::NodeName},
};

pub struct Look {
    pub cluster: Cluster,
    pub fleet: Fleet,
    /// The machines that are looked at, those that are lost included.
    pub members: Vec<Member>,
    pub facts: Facts,
    /// Why a machine could not be reached or asked.
    pub lost: BTreeMap<usize, HostError>,
}

impl Look {
    /// `only`: the nodes that are looked at; `None`: all. No other node's machine is dialled.
    pub async fn reach(
        mut cluster: Cluster,
        events: Events,
        how: How,
        only: Option<&BTreeSet<NodeName>>,
    ) -> Result<Self, Failure> {
        let here = |e: std::io::Error| Failure::Here(format!("no folder for control sockets: {e}"));
        let mut fleet = Fleet::new(events, how.interrupt, how.forks, how.limit).map_err(here)?;
        let asked = |cluster: &Cluster| narrowed(members(cluster, &Facts::default()), only);
        let lost = fleet.connect(&asked(&cluster)).await;
        learn_scopes(&mut cluster, &fleet);
        let members = asked(&cluster);
        Ok(Self { cluster, fleet, members, facts: Facts::default(), lost })
    }

    /// Asks those that were reached what they are; who gives no answer is lost as well.
    pub async fn gather(&mut self) {
        let reached: Vec<Member> = self.reached().map(|(member, _)| member.clone()).collect();
        for (machine, answer) in self.fleet.look(&reached).await {
            let member = reached.iter().find(|member| member.machine == machine);
            let questions = member.map_or(&[][..], |member| &member.questions);
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
        let is_lost = |member: &&Member| self.lost.contains_key(&member.machine);
        let lost: Vec<Member> = self.members.iter().filter(is_lost).cloned().collect();
        for member in &lost {
            self.fleet.forget(member.machine).await;
        }
        if let Ok(errors) = tokio::time::timeout(limit, self.fleet.connect(&lost)).await {
            self.lost = errors;
        }
        learn_scopes(&mut self.cluster, &self.fleet);
        let only = self.nodes().map(|node| node.name.clone()).collect();
        self.members = narrowed(members(&self.cluster, &Facts::default()), Some(&only));
    }

    pub fn reached(&self) -> impl Iterator<Item = (&Member, &Arc<Host>)> {
        let there = |member: &&Member| !self.lost.contains_key(&member.machine);
        self.members
            .iter()
            .filter(there)
            .filter_map(|member| Some((member, self.fleet.host(member.machine)?)))
    }

    /// The nodes that are looked at, in inventory order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        let asked = |node: &&Node| {
            self.members.iter().flat_map(|member| &member.questions).any(|q| q.node == node.name)
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
pub fn narrowed(mut members: Vec<Member>, only: Option<&BTreeSet<NodeName>>) -> Vec<Member> {
    if let Some(only) = only {
        for member in &mut members {
            member.questions.retain(|question| only.contains(&question.node));
        }
        members.retain(|member| !member.questions.is_empty());
    }
    members
}
