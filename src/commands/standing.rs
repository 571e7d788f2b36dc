//! Whether the chain of a cluster stands: the power that is online against what a block needs, and since when there is none.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, UNIX_EPOCH},
};

use serde::Serialize;

use super::status::NodeStatus;
use crate::{
    chain::quorum::Quorum,
    cluster::Node,
    fleet::now,
    session::read::ReadSession,
    types::ids::ValidatorKey,
    verify::{client::Client, document},
};

const ANSWER: Duration = Duration::from_secs(5);
/// A block that is so old, in seconds, is worth a word where all the power for the next one is there.
const OLD: u64 = 60;

/// A chain that makes no blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Of the last block; 0: there is none.
    pub height: u64,
    /// When that block was made, and how many seconds ago; null where nobody says.
    pub since: Option<String>,
    pub seconds: Option<u64>,
    /// Null where a validator is no node of the inventory: nobody knows whether it runs.
    pub power_online: Option<i128>,
    pub power_total: i128,
    pub power_needed: i128,
    /// Validators that do not run, by their nodes' names.
    pub missing: Vec<String>,
    #[serde(skip)]
    pub quorum: Quorum,
}

impl Standing {
    /// Too little power is online; else only the time of the last block tells.
    pub fn is_short(&self) -> bool {
        self.power_online.is_some_and(|online| !self.quorum.goes_on(online, self.power_total))
    }
}

/// `None`: the chain goes on, as far as this look can tell.
pub async fn standing(session: &ReadSession, nodes: &[NodeStatus]) -> Option<Standing> {
    let quorum = session.cluster.profile.quorum;
    if !quorum.counts() || session.cluster.joined.is_some() {
        return None;
    }
    let answers = |node: &Node| {
        nodes.iter().find(|status| status.host == node.name.as_str()).and_then(|status| status.height)
    };
    let furthest =
        session.nodes().filter_map(|node| Some((answers(node)?, node))).max_by_key(|(height, _)| *height);
    let client = furthest
        .and_then(|(_, node)| Client::new(&session.fleet, &session.cluster, node, &session.facts, ANSWER));
    let height = furthest.map_or_else(|| signed(session), |(height, _)| height);
    let (mut voters, mut made_at) = (None, None);
    if let Some(client) = client.filter(|_| height > 0) {
        let (said, time) = futures::join!(client.validators(height), client.made_at(height));
        voters = said
            .ok()
            .map(|all| all.into_iter().map(|voter| (voter.key, quorum.weight(voter.power))).collect());
        made_at = time.ok();
    }
    let voters = voters.filter(|all: &Vec<_>| !all.is_empty()).or_else(|| by_document(session))?;
    let found = judge(
        quorum,
        &voters,
        session.cluster.nodes.iter().map(|node| {
            let key = session.facts.nodes.get(&node.name).and_then(|seen| seen.validator_key.clone());
            (node.name.to_string(), key, answers(node).is_some())
        }),
    );
    let seconds = made_at.map(|at| seconds(now() - at));
    let standing = Standing {
        height,
        since: made_at.map(|at| {
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds_of(at))).to_string()
        }),
        seconds,
        quorum,
        ..found
    };
    (standing.is_short() || seconds.is_some_and(|age| age >= OLD)).then_some(standing)
}

/// The power of those that answer. A validator whose node was not looked at, or that is no node of the inventory, is not known.
fn judge(
    quorum: Quorum,
    voters: &[(ValidatorKey, i128)],
    nodes: impl Iterator<Item = (String, Option<ValidatorKey>, bool)>,
) -> Standing {
    let nodes: Vec<_> = nodes.collect();
    let by_key: BTreeMap<&str, (usize, bool)> = nodes
        .iter()
        .enumerate()
        .filter_map(|(nth, (_, key, answers))| Some((key.as_ref()?.value.as_str(), (nth, *answers))))
        .collect();
    let (mut online, mut unknown, mut missing) = (0, 0, BTreeSet::new());
    for (key, power) in voters {
        match by_key.get(key.value.as_str()) {
            Some((_, true)) => online += power,
            Some((nth, false)) => _ = missing.insert(*nth),
            None => unknown += power,
        }
    }
    let total = voters.iter().map(|(_, power)| power).sum();
    Standing {
        height: 0,
        since: None,
        seconds: None,
        // Whatever the unknown ones do, it is too little.
        power_online: (unknown == 0 || !quorum.goes_on(online + unknown, total)).then_some(online),
        power_total: total,
        power_needed: quorum.needed(total),
        // In inventory order: a chain lists its validators by what their keys hash to.
        missing: missing.into_iter().map(|nth| nodes[nth].0.clone()).collect(),
        quorum,
    }
}

/// Where nobody answers, the genesis document has the powers that the chain began with.
fn by_document(session: &ReadSession) -> Option<Vec<(ValidatorKey, i128)>> {
    let quorum = session.cluster.profile.quorum;
    let document = document::of_most(&session.cluster, session.facts.nodes.values())?;
    let members = document.members.into_iter().map(|member| (member.key, quorum.weight(member.power.get())));
    Some(members.collect()).filter(|members: &Vec<_>| !members.is_empty())
}

/// And the sign states how far it has come.
fn signed(session: &ReadSession) -> u64 {
    session.facts.nodes.values().filter_map(|seen| seen.signed_height).max().unwrap_or(0)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn seconds_of(seconds: f64) -> u64 {
    // Below zero is zero.
    seconds as u64
}

fn seconds(age: f64) -> u64 {
    seconds_of(age.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ValidatorKey {
        ValidatorKey { kind: "tendermint/PubKeyEd25519".into(), value: name.into() }
    }

    fn of(voters: &[(&str, i128)], nodes: &[(&str, bool)]) -> Standing {
        let voters: Vec<_> = voters.iter().map(|(name, power)| (key(name), *power)).collect();
        judge(Quorum::Bft, &voters, nodes.iter().map(|(name, up)| ((*name).to_owned(), Some(key(name)), *up)))
    }

    #[test]
    fn power_online_is_held_against_what_a_block_needs() {
        let four = [("a", 10), ("b", 10), ("c", 10), ("d", 10)];
        let short = of(&four, &[("a", true), ("b", true), ("c", false), ("d", false)]);
        assert!(short.is_short());
        assert_eq!((short.power_online, short.power_total, short.power_needed), (Some(20), 40, 27));
        assert_eq!(short.missing, ["c", "d"]);
        let by_hash = [("d", 10), ("b", 10), ("a", 10), ("c", 10)];
        let short = of(&by_hash, &[("a", true), ("b", true), ("c", false), ("d", false)]);
        assert_eq!(short.missing, ["c", "d"], "in inventory order, whatever the chain's");
        let enough = of(&four, &[("a", true), ("b", true), ("c", true), ("d", false)]);
        assert!(!enough.is_short() && enough.power_online == Some(30));
        assert!(of(&[("a", 1), ("b", 100)], &[("a", true), ("b", false)]).is_short(), "power, not heads");
        // One that nobody knows may run, unless it would not help.
        assert_eq!(of(&four, &[("a", true), ("b", true), ("c", false)]).power_online, None);
        assert_eq!(of(&four, &[("a", true), ("b", false), ("c", false)]).power_online, Some(10));
    }
}
