//! Waits, on all nodes at once, until RPC answers and blocks come, or until it is known that they will not.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::watch::{Receiver, Sender, channel},
    time::{Instant, interval_at, sleep},
};

use super::{
    Limits,
    baseline::Heights,
    document,
    observe::{Answered, Asked, Rpc},
    watch::Live,
};
use crate::{
    chain::{quorum::Quorum, rpc::Status},
    cluster::Cluster,
    facts::{Facts, Voting},
    fleet::{Target, now},
    types::{
        event::{Event, Events},
        ids::NodeName,
    },
};

const POLL: Duration = Duration::from_millis(50);
/// How long the first blocks may take when there is no block to learn from.
const FRESH: Duration = Duration::from_secs(60);
/// So many block times are patience enough, but at least this long.
const PATIENCE: f64 = 20.0;
const LEAST: Duration = Duration::from_secs(10);
/// Of a node that does not say so itself: so many blocks below another one it is catching up.
const FAR_BEHIND: u64 = 5;
/// How many nodes a progress line names.
const NAMED: usize = 3;

/// Of whom something is waited for, and by what it is judged.
pub struct Wait<'a> {
    asked: &'a [Asked],
    limits: &'a Limits,
    initial: u64,
    powers: Powers,
    live: Receiver<Live>,
    first: &'a Heights,
    answering: Sender<usize>,
    /// What is waited for, by node.
    waiting: Mutex<BTreeMap<NodeName, String>>,
    /// The highest height that each node has said.
    heights: Mutex<BTreeMap<NodeName, u64>>,
}

impl<'a> Wait<'a> {
    pub fn of(
        asked: &'a [Asked],
        live: Receiver<Live>,
        (cluster, facts): (&Cluster, &Facts),
        members: &[Target],
        first: &'a Heights,
        limits: &'a Limits,
    ) -> Self {
        Self {
            asked,
            limits,
            initial: document::initial_height(cluster, facts),
            powers: powers(cluster, facts, members),
            live,
            first,
            answering: channel(0).0,
            waiting: Mutex::default(),
            heights: Mutex::default(),
        }
    }

    /// How many nodes have answered so far; it closes when nothing is waited for any more.
    pub fn answering(&self) -> Receiver<usize> {
        self.answering.subscribe()
    }

    /// Until each has answered and shown its blocks, or it is known that it will not.
    pub async fn all(self, events: &Events) -> Answered {
        let wait = &self;
        let mut answered = Answered::new();
        let mut all: FuturesUnordered<_> = self
            .asked
            .iter()
            .map(|asked| async move { (asked.name.clone(), wait.node(asked).await) })
            .collect();
        let mut progress = interval_at(Instant::now() + Duration::from_secs(1), Duration::from_secs(1));
        loop {
            tokio::select! {
                done = all.next() => match done {
                    Some((name, rpc)) => drop(answered.insert(name, rpc)),
                    None => break,
                },
                _ = progress.tick() => {
                    if let Some(what) = self.progress() {
                        events.tell(Event::Waiting { what });
                    }
                }
            }
        }
        drop(all);
        answered
    }

    async fn node(&self, asked: &Asked) -> Rpc {
        let begun = Instant::now();
        let mut rpc =
            Rpc { quiet: asked.quiet, first: self.first.get(&asked.name).copied(), ..Rpc::default() };
        self.says(asked, "RPC");
        if self.until_answer(asked, &mut rpc, begun).await {
            self.until_blocks(asked, &mut rpc).await;
        }
        if rpc.error.is_some() {
            rpc.status = None;
        }
        rpc.waited = begun.elapsed();
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.remove(&asked.name);
        }
        rpc
    }

    async fn until_answer(&self, asked: &Asked, rpc: &mut Rpc, begun: Instant) -> bool {
        loop {
            if self.live.borrow().is_open(asked.machine, asked.client.at.port()) {
                if self.look(asked, rpc).await {
                    self.answering.send_modify(|so_far| *so_far += 1);
                    return true;
                }
            } else {
                let why = format!("nothing listens on port {}", asked.client.at.port());
                (rpc.error, rpc.unasked) = (Some(why), false);
            }
            rpc.ended = self.closed_until_genesis(asked).or_else(|| self.live.borrow().down(asked));
            if rpc.ended.is_some() || begun.elapsed() >= self.limits.listen {
                return false;
            }
            sleep(POLL).await;
        }
    }

    /// Asks for the status; whether it came.
    async fn look(&self, asked: &Asked, rpc: &mut Rpc) -> bool {
        match asked.client.status().await {
            Ok(mut status) => {
                rpc.first.get_or_insert(status.height);
                status.catching_up |=
                    !asked.client.says_when_behind() && self.is_far_behind(&asked.name, status.height);
                rpc.status = Some(status);
                (rpc.error, rpc.unasked) = (None, false);
                true
            }
            Err(why) => {
                (rpc.error, rpc.unasked) = (Some(why), asked.client.host.has_no_way());
                false
            }
        }
    }

    fn is_far_behind(&self, name: &NodeName, height: u64) -> bool {
        let Ok(mut heights) = self.heights.lock() else { return false };
        heights.insert(name.clone(), height);
        far_behind(&heights, name, height)
    }

    async fn until_blocks(&self, asked: &Asked, rpc: &mut Rpc) {
        let patience = self.patience(asked, rpc.status.as_ref()).await;
        let begun = Instant::now();
        let mut until = begun + patience;
        while !self.is_settled(asked, rpc).await {
            let behind = rpc.status.as_ref().is_some_and(|status| status.catching_up);
            if behind {
                until = Instant::now() + patience;
            }
            let what = if behind { "to catch up" } else { "blocks" };
            self.says(asked, &format!("{what} (height {})", rpc.height()));
            rpc.ended = self.hopeless(asked);
            if rpc.ended.is_some()
                || Instant::now() >= until
                || (behind && begun.elapsed() >= self.limits.sync)
            {
                rpc.step = asked.client.step().await.ok();
                return;
            }
            sleep(POLL).await;
            self.look(asked, rpc).await;
        }
    }

    async fn is_settled(&self, asked: &Asked, rpc: &mut Rpc) -> bool {
        if rpc.error.is_some() || rpc.status.as_ref().is_none_or(|status| status.catching_up) {
            return false;
        }
        if rpc.is_above(self.initial) {
            return true;
        }
        if rpc.quiet && rpc.height() >= self.initial {
            rpc.step = asked.client.step().await.ok();
        }
        rpc.rests(self.initial)
    }

    fn hopeless(&self, asked: &Asked) -> Option<String> {
        let live = self.live.borrow();
        let down: Vec<&NodeName> =
            self.asked.iter().filter(|other| live.down(other).is_some()).map(|other| &other.name).collect();
        live.down(asked).or_else(|| self.powers.too_few_without(&down))
    }

    /// Tendermint opens no port before genesis_time.
    fn closed_until_genesis(&self, asked: &Asked) -> Option<String> {
        let left = asked.opens? - (now() + asked.clock_ahead);
        (left > self.limits.listen.as_secs_f64())
            .then(|| format!("genesis_time is {left:.0} s in the future: until then no port opens"))
    }

    /// How long the next block may take.
    async fn patience(&self, asked: &Asked, status: Option<&Status>) -> Duration {
        if !self.limits.blocks.is_zero() {
            return self.limits.blocks;
        }
        let Some(status) = status.filter(|status| status.height > self.initial) else { return FRESH };
        // The last ones only: the first blocks are slow, and a chain that stood has a gap.
        let first = status.height.saturating_sub(5).max(self.initial).max(status.earliest_height);
        let client = &asked.client;
        let (Ok(from), Ok(to)) = futures::join!(client.made_at(first), client.made_at(status.height)) else {
            return FRESH;
        };
        #[allow(clippy::cast_precision_loss)] // At most five blocks.
        let interval = (to - from).max(0.0) / (status.height - first).max(1) as f64;
        Duration::try_from_secs_f64(interval * PATIENCE).unwrap_or(FRESH).clamp(LEAST, FRESH * 10)
    }

    fn says(&self, asked: &Asked, what: &str) {
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.insert(asked.name.clone(), what.to_owned());
        }
    }

    fn progress(&self) -> Option<String> {
        let waiting = self.waiting.lock().ok()?;
        let named: Vec<String> =
            waiting.iter().take(NAMED).map(|(name, what)| format!("{name}: {what}")).collect();
        let more = waiting.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; {more} more") } else { String::new() };
        (!named.is_empty()).then(|| format!("{}{more}", named.join("; ")))
    }
}

/// Below what two others have; below the other one, where there is only one.
fn far_behind(heights: &BTreeMap<NodeName, u64>, name: &NodeName, height: u64) -> bool {
    let others = heights.iter().filter(|(other, _)| *other != name);
    let others: BTreeMap<NodeName, u64> = others.map(|(other, height)| (other.clone(), *height)).collect();
    Voting::confirmed(&others) > height.saturating_add(FAR_BEHIND)
}

/// Voting power by node, as the genesis has it.
fn powers(cluster: &Cluster, facts: &Facts, members: &[Target]) -> Powers {
    let seen = members.iter().flat_map(|member| &member.questions).filter_map(|q| facts.nodes.get(&q.node));
    let document = document::of_most(cluster, seen);
    let validators = document.map(|document| document.members).unwrap_or_default();
    let quorum = cluster.profile.quorum;
    let power_of = |node: &NodeName| {
        let key = facts.nodes.get(node)?.validator_key.as_ref()?;
        let member = validators.iter().find(|member| member.key.value == key.value)?;
        Some(quorum.weight(member.power.get()))
    };
    Powers {
        quorum,
        total: validators.iter().map(|member| quorum.weight(member.power.get())).sum(),
        of: facts.nodes.keys().filter_map(|name| Some((name.clone(), power_of(name)?))).collect(),
    }
}

/// What each node counts in the quorum.
pub struct Powers {
    pub quorum: Quorum,
    pub total: i128,
    pub of: BTreeMap<NodeName, i128>,
}

impl Powers {
    /// Why nobody makes a block when these do not run; `None`: a quorum is left.
    pub fn too_few_without(&self, down: &[&NodeName]) -> Option<String> {
        let gone: i128 = down.iter().filter_map(|name| self.of.get(*name)).sum();
        if self.total == 0 || gone == 0 || !self.quorum.stops(gone, self.total) {
            return None;
        }
        let names: Vec<&str> =
            down.iter().filter(|n| self.of.contains_key(**n)).map(|n| n.as_str()).collect();
        let few = self.quorum.too_few(self.total - gone, self.total);
        Some(format!("{few}: {} missing", names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_node_alone_does_not_put_the_others_behind() {
        let said = |heights: &[u64]| -> BTreeMap<NodeName, u64> {
            let name = |(n, height): (usize, &u64)| (NodeName::new(format!("n{n}")).unwrap(), *height);
            heights.iter().enumerate().map(name).collect()
        };
        let behind = |heights: &[u64]| far_behind(&said(heights), &NodeName::new("n0").unwrap(), heights[0]);
        assert!(!behind(&[10, 11, u64::MAX]), "one that lies");
        assert!(behind(&[10, 20, 20]) && behind(&[10, 20]) && !behind(&[10]) && !behind(&[20, 10, 10]));
    }

    /// V7
    #[test]
    fn more_than_two_thirds_make_blocks() {
        let names: Vec<NodeName> = (0..4).map(|n| NodeName::new(format!("n{n}")).unwrap()).collect();
        let of = |names: &[NodeName]| names.iter().map(|name| (name.clone(), 10)).collect();
        let powers = Powers { quorum: Quorum::Bft, total: 40, of: of(&names) };
        assert_eq!(powers.too_few_without(&[&names[0]]), None);
        assert_eq!(
            powers.too_few_without(&[&names[1], &names[2]]).unwrap(),
            "only 20 of 40 voting power is up, blocks need more than two thirds: n1, n2 missing"
        );
        // Exactly two thirds are not more than two thirds.
        let three = Powers { quorum: Quorum::Bft, total: 30, of: of(&names[..3]) };
        assert!(three.too_few_without(&[&names[0]]).is_some());
        assert_eq!(three.too_few_without(&[&names[3]]), None, "a full node has no say");
    }
}
