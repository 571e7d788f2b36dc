//! What the nodes themselves say: their RPC, asked through the connection to their host.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{Limits, client::Client, document};
use crate::{
    chain::{
        config::read_key,
        probe::{Block, RpcValidator, Status},
    },
    facts::{Facts, NodeFacts},
    fleet::{Fleet, Member},
    model::{
        cluster::Cluster,
        ids::{NodeId, NodeName, UnitName},
    },
};

/// By node; who is not in here has a host that could not be reached.
pub type Answered = BTreeMap<NodeName, Rpc>;

/// Keys that switch empty blocks off, or put a pause between them, in config.toml and in loom.yml.
const QUIET: &[(&str, &[&str])] =
    &[("consensus.create_empty_blocks", &["false"]), ("CreateEmptyBlocks", &["false"])];
const PAUSE: &str = "consensus.create_empty_blocks_interval";

/// What one node's RPC said.
#[derive(Debug, Clone, Default)]
pub struct Rpc {
    /// Why it does not answer.
    pub error: Option<String>,
    /// The height that was seen first.
    pub first: Option<u64>,
    /// As seen last.
    pub status: Option<Status>,
    /// Its configuration lets it make no block without a transaction.
    pub quiet: bool,
    /// `height/round/step` of its consensus, where it stands.
    pub step: Option<String>,
    /// Why a wait ended before what it waited for.
    pub ended: Option<String>,
    pub waited: Duration,
    pub peers: Option<Vec<NodeId>>,
    /// The validators at the initial height, or why it does not say; `None`: no block yet.
    pub at_birth: Option<Result<Vec<RpcValidator>, String>>,
    /// The validators at the common height.
    pub validators: Option<Vec<RpcValidator>>,
    /// Blocks at heights that all nodes have: an early one, and the last.
    pub early: Option<Block>,
    pub common: Option<Block>,
    /// Why there is no block at the common height.
    pub no_block: Option<String>,
}

impl Rpc {
    pub fn height(&self) -> u64 {
        self.status.as_ref().map_or(0, |status| status.height)
    }

    /// At least one block above the initial one, and one more than when we came.
    pub fn is_above(&self, initial: u64) -> bool {
        self.height() > initial && self.first.is_some_and(|first| self.height() > first)
    }

    /// It makes no empty blocks, and its consensus waits in the first round of the next height (steps 1 and 2,
    /// RoundStepNewHeight and RoundStepNewRound): nothing is wrong, nobody wants a block.
    pub fn rests(&self, initial: u64) -> bool {
        let Some(step) = &self.step else { return false };
        let parts: Vec<u64> = step.split('/').filter_map(|part| part.parse().ok()).collect();
        let waits = matches!(parts.as_slice(), [height, 0, 0..=2] if *height == self.height() + 1);
        self.quiet && self.height() >= initial && waits
    }

    pub fn why_silent(&self) -> String {
        let error = self.error.clone().unwrap_or_else(|| "no answer".to_owned());
        match &self.ended {
            Some(why) => format!("{error}: {why}"),
            None => error,
        }
    }
}

/// A node that can be asked.
pub struct Asked {
    pub name: NodeName,
    pub machine: usize,
    pub unit: UnitName,
    /// Its number among its machine's questions.
    pub number: usize,
    pub client: Client,
    pub quiet: bool,
    /// Its RPC port was seen to listen before.
    pub listened: bool,
    /// How often systemd had restarted it when the proof began.
    pub restarts: u32,
    /// genesis_time, in seconds since 1970 on its host's own clock; before that nothing happens.
    pub opens: Option<f64>,
    /// Seconds by which its host's clock is ahead of ours.
    pub clock_ahead: f64,
}

pub fn asked(
    fleet: &Fleet,
    members: &[Member],
    cluster: &Cluster,
    facts: &Facts,
    limits: &Limits,
) -> Vec<Asked> {
    let mut all = Vec::new();
    for member in members {
        for (number, question) in member.questions.iter().enumerate() {
            let Some(node) = cluster.node(&question.node) else { continue };
            let Some(client) = Client::new(fleet, cluster, node, facts, limits.answer) else { continue };
            let seen = facts.nodes.get(&node.name);
            let document = seen.and_then(|seen| document::on_host(cluster, seen));
            let machine = facts.machines.get(&node.machine);
            all.push(Asked {
                name: node.name.clone(),
                machine: node.machine,
                unit: node.unit_name.clone(),
                number,
                quiet: seen.is_some_and(|seen| is_quiet(cluster, seen)),
                listened: machine.is_some_and(|m| m.listeners.iter().any(|l| l.port == client.at.port())),
                restarts: seen.map_or(0, |seen| seen.unit.restarts),
                opens: document.and_then(|document| document.genesis_time),
                clock_ahead: machine.map_or(0.0, |machine| machine.clock_ahead),
                client,
            });
        }
    }
    all
}

fn is_quiet(cluster: &Cluster, seen: &NodeFacts) -> bool {
    let Some(home) = &seen.home else { return false };
    cluster.profile.files.iter().any(|(path, file)| {
        let Some(text) = seen.text(&path.under(home)) else { return false };
        let value = |key: &str| {
            let value = read_key(file.format, text, key)?;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let off = |(key, off): &(&str, &[&str])| value(key).is_some_and(|is| off.contains(&is.as_str()));
        QUIET.iter().any(off) || value(PAUSE).is_some_and(|pause| !pause.starts_with('0'))
    })
}

/// Asks all nodes for what is compared between them: peers, validators, and blocks at heights that all have.
pub async fn compare(asked: &[Asked], answered: &mut Answered, initial: u64) {
    let heights = answered.values().filter_map(|rpc| rpc.status.as_ref()).map(|status| status.height);
    let common = heights.filter(|height| *height >= initial).min();
    let answers: Vec<(NodeName, Rpc)> = {
        let known = &*answered;
        let all: FuturesUnordered<_> = asked
            .iter()
            .filter_map(|asked| {
                let rpc = known.get(&asked.name).filter(|rpc| rpc.status.is_some())?.clone();
                Some(async move { (asked.name.clone(), compared(&asked.client, rpc, initial, common).await) })
            })
            .collect();
        all.collect().await
    };
    answered.extend(answers);
}

/// All questions at once: one after another they would cost a round trip each.
async fn compared(client: &Client, mut rpc: Rpc, initial: u64, common: Option<u64>) -> Rpc {
    let peers = async { client.net_info().await.ok().map(|info| info.peers) };
    let Some(common) = common.filter(|_| rpc.height() >= initial) else {
        rpc.peers = peers.await;
        return rpc;
    };
    let early = (initial + 1).min(common);
    // Pruned, or begun from a snapshot: it has no early blocks.
    let has_early = rpc.status.as_ref().is_some_and(|status| status.earliest_height <= early);
    let early = async { if early < common && has_early { client.block(early).await.ok() } else { None } };
    let (at_birth, validators, block);
    (rpc.peers, rpc.early, at_birth, validators, block) = futures::join!(
        peers,
        early,
        client.validators(initial),
        client.validators(common),
        client.block(common)
    );
    (rpc.at_birth, rpc.validators) = (Some(at_birth), validators.ok());
    match block {
        Ok(block) => rpc.common = Some(block),
        Err(why) => rpc.no_block = Some(why),
    }
    rpc
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chain::probe::tendermint;

    fn at(height: u64, step: &str) -> Rpc {
        let body = format!(
            r#"{{"result":{{"node_info":{{"id":"{}","network":"c"}},"sync_info":{{"latest_block_height":"{height}",
            "latest_block_hash":"","latest_app_hash":"","catching_up":false}}}}}}"#,
            "ab".repeat(20)
        );
        let status = Some(tendermint::status(&body).unwrap());
        Rpc { status, step: Some(step.into()), quiet: true, ..Rpc::default() }
    }

    #[test]
    fn v7_rising_is_one_more_than_before_and_above_the_first() {
        let rising = |first, height| Rpc { first: Some(first), ..at(height, "") }.is_above(1);
        assert!(rising(0, 2) && rising(1, 2) && rising(41, 42));
        assert!(!rising(0, 1) && !rising(2, 2) && !Rpc::default().is_above(1));
    }

    #[test]
    fn v7_a_chain_without_empty_blocks_may_rest() {
        assert!(at(5, "6/0/1").rests(1) && at(5, "6/0/2").rests(1));
        assert!(!at(5, "6/3/1").rests(1), "rounds that do not come to an end are no rest");
        assert!(!at(5, "5/0/1").rests(1) && !at(0, "1/0/1").rests(1) && !at(5, "6/0/4").rests(1));
        assert!(!Rpc { quiet: false, ..at(5, "6/0/1") }.rests(1));
    }
}
