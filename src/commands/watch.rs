//! `loomctl status --watch`: looks again and again, and what can only be seen over time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::status::{NodeStatus, status};
use crate::{
    cluster::Node, facts::Voting, fleet::Target, session::read::ReadSession, types::event::Events,
    verify::voting,
};

/// Rates are over so many looks: enough for a calm number, few enough to follow a change.
const LOOKS: usize = 15;
/// A host that is silent longer than this, or than the pause between two looks, is lost until the next.
const SILENT: Duration = Duration::from_secs(5);
/// For connecting again to those that are lost, at every look.
const AGAIN: Duration = Duration::from_secs(2);

/// A node's status and how it moves; what is not known (yet) is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moving {
    #[serde(flatten)]
    pub status: NodeStatus,
    /// Blocks a second.
    pub rate: Option<f64>,
    /// Blocks behind the highest.
    pub lag: Option<u64>,
    /// Seconds until a node that is catching up has the others' height.
    pub catches_up_in: Option<u64>,
    /// MiB free below /var/lib.
    pub free_mib: Option<u64>,
    /// By how much that shrinks, in MiB a day, and in how many days nothing is left.
    pub growth_mib: Option<f64>,
    pub days_left: Option<f64>,
}

/// One look at everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Now {
    pub nodes: Vec<Moving>,
    pub voting: Option<Voting>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Seconds since the first look.
    at: f64,
    height: Option<u64>,
    free_kb: Option<u64>,
}

/// The last looks at each node.
#[derive(Default)]
struct Track(BTreeMap<String, VecDeque<Sample>>);

pub struct Watch {
    begun: Instant,
    track: Track,
}

impl Watch {
    /// From now on only what is seen is told, not each connection and question.
    pub fn begin(session: &mut ReadSession, pause: Duration) -> Self {
        session.fleet.events = Events::new(|_| {});
        session.fleet.limit = SILENT.max(pause);
        Self { begun: Instant::now(), track: Track::default() }
    }

    pub async fn look(&mut self, session: &mut ReadSession) -> Now {
        if !session.lost.is_empty() {
            session.reach_again(AGAIN).await;
        }
        session.gather().await;
        let reached: Vec<Target> = session.reached().map(|(member, _)| member.clone()).collect();
        let (seen, voting) = futures::join!(
            status(session),
            voting::ask(&session.fleet, &reached, &session.cluster, &session.facts)
        );
        let voting = voting.map(|voting| of_those_up(session, voting));
        let at = self.begun.elapsed().as_secs_f64();
        let free = |node: &NodeStatus| {
            let node = session.nodes().find(|other| other.name.as_str() == node.host)?;
            session
                .facts
                .machines
                .get(&node.machine)
                .filter(|_| !session.lost.contains_key(&node.machine))?
                .free_kb
        };
        let seen = seen.into_iter().map(|node| (free(&node), node)).collect();
        Now { nodes: self.track.moving(at, seen), voting }
    }
}

/// The last commits of a chain that has stopped are signed by nodes that are down by now.
fn of_those_up(session: &ReadSession, mut voting: Voting) -> Voting {
    for voter in &mut voting.voters {
        let seen = |node: &&Node| session.facts.nodes.get(&node.name);
        let own = |node: &&Node| seen(node).and_then(|seen| seen.validator_key.as_ref()) == Some(&voter.key);
        let Some(node) = session.nodes().find(own) else { continue };
        let runs = seen(&node).is_some_and(|seen| seen.unit.is_running());
        voter.signed &= runs && !session.lost.contains_key(&node.machine);
    }
    voting
}

impl Track {
    /// `seen`: what is free on its machine, and its status.
    fn moving(&mut self, at: f64, seen: Vec<(Option<u64>, NodeStatus)>) -> Vec<Moving> {
        for (free_kb, status) in &seen {
            let samples = self.0.entry(status.host.clone()).or_default();
            samples.push_back(Sample { at, height: status.height, free_kb: *free_kb });
            if samples.len() > LOOKS {
                samples.pop_front();
            }
        }
        let (top, fastest) = (
            seen.iter().filter_map(|(_, status)| status.height).max(),
            seen.iter().filter(|(_, status)| status.catching_up == Some(false)),
        );
        let pace = fastest.filter_map(|(_, status)| self.rate(&status.host)).fold(0.0, f64::max);
        let moving = |(free_kb, status): (Option<u64>, NodeStatus)| {
            let rate = self.rate(&status.host);
            let lag = top.zip(status.height).map(|(top, own): (u64, u64)| top.saturating_sub(own));
            let gain = rate.map(|rate| rate - pace).filter(|gain| *gain > 0.0);
            let behind = lag.zip(gain).filter(|_| status.catching_up == Some(true));
            let growth = self.slope(&status.host, |sample| sample.free_kb).map(|kb| -kb * 86_400.0 / 1024.0);
            let left = free_kb.zip(growth.filter(|growth| *growth > 0.0));
            Moving {
                rate,
                lag,
                catches_up_in: behind.map(|(lag, gain)| whole(lag) / gain).map(seconds),
                free_mib: free_kb.map(|kb| kb / 1024),
                growth_mib: growth,
                days_left: left.map(|(kb, growth)| whole(kb) / 1024.0 / growth),
                status,
            }
        };
        seen.into_iter().map(moving).collect()
    }

    fn rate(&self, host: &str) -> Option<f64> {
        self.slope(host, |sample| sample.height)
    }

    /// Change a second between the first and the last look that have the value.
    fn slope(&self, host: &str, value: fn(&Sample) -> Option<u64>) -> Option<f64> {
        let known = || self.0.get(host).into_iter().flatten().filter_map(|s| Some((s.at, whole(value(s)?))));
        let ((from, before), (to, now)) = (known().next()?, known().next_back()?);
        (to > from).then(|| (now - before) / (to - from))
    }
}

/// Heights and sizes are far below where a float has gaps.
#[allow(clippy::cast_precision_loss)]
fn whole(number: u64) -> f64 {
    number as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn seconds(seconds: f64) -> u64 {
    seconds.ceil() as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn at(host: &str, height: Option<u64>, catching_up: bool) -> (Option<u64>, NodeStatus) {
        let status = NodeStatus {
            host: host.into(),
            unit: "cometbft".into(),
            state: "active (running)".into(),
            restarts: 0,
            services: Vec::new(),
            node_id: None,
            network: None,
            version: None,
            height,
            hash: None,
            catching_up: height.map(|_| catching_up),
            peers: None,
            rpc_error: None,
        };
        (Some(1 << 20), status)
    }

    #[test]
    fn rates_lags_and_ends() {
        let mut track = Track::default();
        let first =
            track.moving(0.0, vec![at("a", Some(100), false), at("b", Some(10), true), at("c", None, false)]);
        assert_eq!((first[0].rate, first[1].lag, first[1].catches_up_in), (None, Some(90), None));
        let mut later = vec![at("a", Some(104), false), at("b", Some(34), true), at("c", None, false)];
        later[0].0 = Some((1 << 20) - 1024);
        let second = track.moving(2.0, later);
        assert_eq!((second[0].rate, second[0].lag), (Some(2.0), Some(0)));
        // 70 behind, 12 a second against 2.
        assert_eq!((second[1].rate, second[1].lag, second[1].catches_up_in), (Some(12.0), Some(70), Some(7)));
        assert_eq!((second[2].rate, second[2].lag), (None, None));
        assert_eq!((second[0].growth_mib, second[1].growth_mib), (Some(43_200.0), Some(0.0)));
        assert!(second[0].days_left.unwrap() < 0.03 && second[1].days_left.is_none());
    }
}
