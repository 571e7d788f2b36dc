//! What the nodes themselves say: their RPC, asked through the connection to their host.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt as _, future::join_all, stream::FuturesUnordered};

use super::{Limits, client::Client, document, weighed};
use crate::{
    chain::{
        config::read_key,
        rpc::{Block, RpcValidator, Status},
    },
    cluster::Cluster,
    facts::{Facts, NodeFacts},
    fleet::{Fleet, Target},
    types::{
        code::Code,
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
    /// Neither the forward nor a tool on the host could ask it.
    pub unasked: bool,
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
    /// How many, of a chain that does not say which.
    pub peer_count: Option<u64>,
    /// The validators at the initial height, or why it does not say; `None`: no block yet.
    pub at_birth: Option<Result<Vec<RpcValidator>, String>>,
    /// The validators at the common height, or at its own where it is behind that.
    pub validators: Option<Vec<RpcValidator>>,
    /// Blocks at heights that others have as well: an early one, the last that is common or its own, and of some nodes the
    /// last ones of those that are behind.
    pub blocks: Vec<Block>,
    /// Why there is none at the last of these heights that it has.
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

    pub fn silent_by(&self) -> Code {
        if self.unasked { Code::RpcUnasked } else { Code::RpcSilent }
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
    /// The units of its services and its own, in the order in which they start, and how often systemd had restarted each
    /// when the proof began.
    pub units: Vec<(UnitName, u32)>,
    /// genesis_time, in seconds since 1970 on its host's own clock; before that nothing happens.
    pub opens: Option<f64>,
    /// Seconds by which its host's clock is ahead of ours.
    pub clock_ahead: f64,
}

pub fn asked(
    fleet: &Fleet,
    targets: &[Target],
    cluster: &Cluster,
    facts: &Facts,
    limits: &Limits,
) -> Vec<Asked> {
    let mut all = Vec::new();
    for member in targets {
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
                units: cluster.programs(node).map(|program| of_unit(program.unit_name, seen)).collect(),
                opens: document.and_then(|document| document.genesis_time),
                clock_ahead: machine.map_or(0.0, |machine| machine.clock_ahead),
                client,
            });
        }
    }
    all
}

fn of_unit(unit: &UnitName, seen: Option<&NodeFacts>) -> (UnitName, u32) {
    (unit.clone(), seen.map_or(0, |seen| seen.unit_of(unit).restarts))
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

/// Where blocks are compared.
#[derive(Debug, Default)]
struct Compared {
    initial: u64,
    /// What nodes near the tip all have. One that says less than the others drags nobody down to a height below a fork.
    common: u64,
    /// The heights of nodes that are behind that: they are compared with what some of the others have there.
    behind: BTreeSet<u64>,
    witnesses: BTreeSet<NodeName>,
}

impl Compared {
    fn of(answered: &Answered, initial: u64) -> Self {
        let height = |(name, rpc): (&NodeName, &Rpc)| Some((name.clone(), rpc.status.as_ref()?.height));
        let heights: BTreeMap<NodeName, u64> =
            answered.iter().filter_map(height).filter(|(_, height)| *height >= initial).collect();
        let common = weighed::common(&heights);
        let behind = heights.values().copied().filter(|height| *height < common).collect();
        Self { initial, common, behind, witnesses: weighed::witnesses(&heights) }
    }

    /// The heights to ask a node for, which has blocks from `earliest` to `height`; the one that counts comes last.
    fn of_node(&self, name: &NodeName, earliest: u64, height: u64) -> BTreeSet<u64> {
        let last = height.min(self.common);
        let early = (self.initial + 1).min(last);
        let behind = self.behind.iter().copied().filter(|_| self.witnesses.contains(name));
        behind.chain([early]).filter(|at| (earliest..last).contains(at)).chain([last]).collect()
    }
}

/// Asks all nodes for what is compared between them: peers, validators, and blocks at heights that several have.
pub async fn compare(asked: &[Asked], answered: &mut Answered, initial: u64) {
    let at = Compared::of(answered, initial);
    let answers: Vec<(NodeName, Rpc)> = {
        let known = &*answered;
        let all: FuturesUnordered<_> = asked
            .iter()
            .filter_map(|asked| {
                let rpc = known.get(&asked.name).filter(|rpc| rpc.status.is_some())?.clone();
                let at = &at;
                Some(async move { (asked.name.clone(), compared(asked, rpc, at).await) })
            })
            .collect();
        all.collect().await
    };
    answered.extend(answers);
}

/// All questions at once: one after another they would cost a round trip each.
async fn compared(asked: &Asked, mut rpc: Rpc, at: &Compared) -> Rpc {
    let client = &asked.client;
    let peers = async {
        let peers = client.net_info().await.ok().map(|info| info.peers);
        let count = if peers.is_none() { client.peer_count().await.ok() } else { None };
        (peers, count)
    };
    let height = rpc.height();
    if height < at.initial {
        (rpc.peers, rpc.peer_count) = peers.await;
        return rpc;
    }
    // Pruned, or begun from a snapshot: it has no early blocks.
    let earliest = rpc.status.as_ref().map_or(0, |status| status.earliest_height);
    let mut heights = at.of_node(&asked.name, earliest, height);
    let last = heights.pop_last().unwrap_or(height);
    let (at_birth, validators, before, block);
    ((rpc.peers, rpc.peer_count), at_birth, validators, before, block) = futures::join!(
        peers,
        client.validators(at.initial),
        client.validators(last),
        join_all(heights.into_iter().map(|height| client.block(height))),
        client.block(last)
    );
    (rpc.at_birth, rpc.validators) = (Some(at_birth), validators.ok());
    rpc.blocks = before.into_iter().flatten().collect();
    match block {
        Ok(block) => rpc.blocks.push(block),
        Err(why) => rpc.no_block = Some(why),
    }
    rpc
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chain::rpc::tendermint;

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

    /// One that says less than it has would otherwise choose where all are compared: below a fork.
    #[test]
    fn p5_one_nodes_height_is_not_where_all_are_compared() {
        let names: Vec<NodeName> = (0..4).map(|n| NodeName::new(format!("node-{n}")).unwrap()).collect();
        let rpc = |height| Rpc { first: Some(height), ..at(height, "") };
        let answered = |heights: [u64; 4]| names.iter().cloned().zip(heights.map(rpc)).collect::<Answered>();
        let asks = |heights: [u64; 4], node: usize| {
            let compared = Compared::of(&answered(heights), 1);
            compared.of_node(&names[node], 1, heights[node]).into_iter().collect::<Vec<_>>()
        };
        let (near, lie) = ([640, 641, 640, 642], [640, 641, 640, 2]);
        assert_eq!(asks(near, 3), [2, 640]);
        assert_eq!(asks(lie, 0), [2, 640], "the others are compared where they are");
        assert_eq!(asks(lie, 3), [2]);
        // Who is behind is compared with the others where it is, and who lacks early blocks is not asked for them.
        assert_eq!(asks([640, 641, 640, 120], 1), [2, 120, 640]);
        assert_eq!(asks([640, 641, 640, 120], 3), [2, 120]);
        let compared = Compared::of(&answered(near), 1);
        assert_eq!(compared.of_node(&names[0], 600, 640).into_iter().collect::<Vec<_>>(), [640]);
    }

    #[test]
    fn v7_a_chain_without_empty_blocks_may_rest() {
        assert!(at(5, "6/0/1").rests(1) && at(5, "6/0/2").rests(1));
        assert!(!at(5, "6/3/1").rests(1), "rounds that do not come to an end are no rest");
        assert!(!at(5, "5/0/1").rests(1) && !at(0, "1/0/1").rests(1) && !at(5, "6/0/4").rests(1));
        assert!(!Rpc { quiet: false, ..at(5, "6/0/1") }.rests(1));
    }
}
