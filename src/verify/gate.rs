//! After a restart on a live chain: the node shows that it takes part again, or nothing else is restarted (S8). What it
//! says of its own signature another node has to show as well.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::time::sleep;

use super::{Limits, client::Client};
use crate::{
    chain::identity,
    cluster::{Cluster, Node},
    facts::{Facts, LAST_COMMITS},
    fleet::Fleet,
    plan::{Gate, Shows},
    types::event::Event,
};

const POLL: Duration = Duration::from_millis(100);
/// How long a node that has caught up may take to sign.
const TO_SIGN: Duration = Duration::from_secs(60);
/// So many others are asked for what the node shows of itself.
const WITNESSES: usize = 4;
/// Blocks of one look: a node may claim any height.
const AT_ONCE: u64 = 100;

/// Waits until the node has shown it; the error says what it has not.
pub async fn wait(
    fleet: &Fleet,
    cluster: &Cluster,
    facts: &Facts,
    gate: &Gate,
    limits: &Limits,
) -> Result<(), String> {
    let client = |node: &Node| Client::new(fleet, cluster, node, facts, limits.answer);
    let Some(own) = cluster.node(&gate.node).and_then(client) else {
        return Err("its RPC cannot be reached".to_owned());
    };
    let runs = |node: &&Node| facts.nodes.get(&node.name).is_some_and(|seen| seen.unit.may_run());
    let others = cluster.nodes.iter().filter(|node| node.name != gate.node).filter(runs);
    let others: Vec<Client> = others.filter_map(client).take(WITNESSES).collect();
    let key = facts.nodes.get(&gate.node).and_then(|seen| seen.validator_key.as_ref());
    let mut seen = Seen { address: key.and_then(identity::address), ..Seen::default() };
    let begun = Instant::now();
    let patience = if limits.blocks.is_zero() { TO_SIGN } else { limits.blocks };
    let mut until = begun + limits.listen;
    let mut interrupt = fleet.interrupt.clone();
    loop {
        let look = tokio::select! {
            look = seen.look(&own, &others, gate.soak.is_some()) => look,
            () = interrupt.wait() => return Err("interrupted".to_owned()),
        };
        match look {
            Ok(()) if seen.enough(gate.shows) && seen.soaked(gate) => return Ok(()),
            // The others of a soak are waited for as long as blocks come.
            Ok(()) if seen.enough_at.is_some() => until = until.max(seen.rose.unwrap_or(begun) + patience),
            // Who catches up has as long as that may take; everybody else until the next signature is due.
            Ok(()) if seen.behind => until = begun + limits.sync,
            Ok(()) => until = until.max(seen.there.unwrap_or(begun) + patience),
            Err(why) => seen.error = why,
        }
        if Instant::now() >= until {
            return Err(seen.lacks(gate, begun.elapsed()));
        }
        fleet.events.tell(Event::Waiting { what: seen.waits(gate) });
        sleep(POLL).await;
    }
}

/// What the node has shown so far.
#[derive(Debug, Default)]
struct Seen {
    /// By its key; where that does not say it, the node does.
    address: Option<String>,
    /// The height of its first answer; it may have signed the next one before it was restarted.
    first: Option<u64>,
    /// When it was first seen to have caught up.
    there: Option<Instant>,
    height: u64,
    behind: bool,
    /// The chain's height when it had shown what it has to.
    enough_at: Option<u64>,
    /// The chain's height in a soak: what a second node has as well.
    chain: u64,
    /// When that last rose.
    rose: Option<Instant>,
    /// Blocks up to here were looked at.
    looked: u64,
    /// The last block in which it shows its own signature, and whether another node shows that, too.
    signs: Option<u64>,
    signed: bool,
    error: String,
}

impl Seen {
    async fn look(&mut self, own: &Client, others: &[Client], soaks: bool) -> Result<(), String> {
        let status = own.status().await?;
        let first = *self.first.get_or_insert(status.height);
        (self.height, self.behind) = (status.height, status.catching_up);
        if !status.validator_address.is_empty() {
            self.address.get_or_insert(status.validator_address);
        }
        let address = self.address.clone().unwrap_or_default();
        if !self.behind {
            self.there.get_or_insert_with(Instant::now);
        }
        // The block at N holds the commit of N - 1.
        let from = self.looked.max(first.saturating_add(2)).saturating_add(1);
        for height in from..=self.height.min(from.saturating_add(AT_ONCE)) {
            if own.block(height).await?.signed_by.contains(&address) {
                self.signs = Some(height);
            }
            self.looked = height;
        }
        if let Some(height) = self.signs.filter(|_| !self.signed) {
            let said = join_all(others.iter().map(|other| shows(other, height, &address))).await;
            self.signed = is_confirmed(&said);
        }
        if soaks {
            let said = join_all(others.iter().map(Client::status)).await;
            let heights = said.into_iter().flatten().map(|status| status.height).chain([self.height]);
            let chain = second(heights.collect());
            if chain > self.chain {
                (self.chain, self.rose) = (chain, Some(Instant::now()));
            }
        }
        Ok(())
    }

    fn enough(&self, shows: Shows) -> bool {
        match shows {
            Shows::Commit => self.signed,
            Shows::Blocks => !self.behind && self.first.is_some_and(|first| self.height > first),
            Shows::Answer => self.first.is_some(),
        }
    }

    /// Whether the chain has made so many blocks since it was enough, and the node has a part in the last ones.
    fn soaked(&mut self, gate: &Gate) -> bool {
        let Some(blocks) = gate.soak else { return true };
        let from = *self.enough_at.get_or_insert(self.chain);
        let takes_part = match gate.shows {
            Shows::Commit => self.signs.is_some_and(|signs| signs.saturating_add(LAST_COMMITS) >= self.chain),
            Shows::Blocks | Shows::Answer => !self.behind,
        };
        takes_part && self.chain >= from.saturating_add(blocks)
    }

    fn lacks(&self, gate: &Gate, took: Duration) -> String {
        let what = match gate.shows {
            _ if self.enough_at.is_some() => self.soaks(gate),
            _ if self.first.is_none() => format!("its RPC does not answer ({})", self.error),
            Shows::Commit if self.signs.is_some() => {
                format!("no other node shows the signature that it shows itself (height {})", self.height)
            }
            Shows::Commit => format!("it has signed no commit (height {})", self.height),
            Shows::Blocks | Shows::Answer => format!("it makes no blocks (height {})", self.height),
        };
        format!("{what}, {} s after its restart", took.as_secs())
    }

    /// `3 of 10 blocks after it`
    fn soaks(&self, gate: &Gate) -> String {
        let made = self.chain.saturating_sub(self.enough_at.unwrap_or(self.chain));
        format!("{made} of {} blocks after it", gate.soak.unwrap_or_default())
    }

    fn waits(&self, gate: &Gate) -> String {
        let what = match gate.shows {
            _ if self.enough_at.is_some() => self.soaks(gate),
            _ if self.first.is_none() => "RPC".to_owned(),
            _ if self.behind => format!("to catch up (height {})", self.height),
            Shows::Commit => format!("a commit that it has signed (height {})", self.height),
            Shows::Blocks | Shows::Answer => format!("blocks (height {})", self.height),
        };
        format!("{}: {what}", gate.node)
    }
}

/// What the second of these has as well; of one alone what it says.
fn second(mut heights: Vec<u64>) -> u64 {
    heights.sort_unstable_by(|a, b| b.cmp(a));
    heights.get(1).or(heights.first()).copied().unwrap_or(0)
}

/// Whether this node shows the signature in its block of that height; `None`: it does not answer at all.
async fn shows(client: &Client, height: u64, address: &str) -> Option<bool> {
    match client.block(height).await {
        Ok(block) => Some(block.signed_by.iter().any(|by| by == address)),
        Err(_) => client.status().await.is_ok().then_some(false),
    }
}

/// One other that shows it is enough. Where nobody else answers there is only its own word: it is the last that runs.
fn is_confirmed(said: &[Option<bool>]) -> bool {
    said.contains(&Some(true)) || said.iter().all(Option::is_none)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::types::ids::NodeName;

    #[test]
    fn s8_a_node_does_not_vouch_for_itself() {
        assert!(is_confirmed(&[None, Some(false), Some(true)]));
        assert!(!is_confirmed(&[Some(false), None]), "it shows what nobody else has");
        assert!(is_confirmed(&[None, None]) && is_confirmed(&[]), "nobody else answers");
    }

    /// P5: a canary that claims blocks alone is waited for, and so is one that has stopped signing.
    #[test]
    fn s8_a_soak_goes_by_the_chain_and_by_the_canarys_signatures() {
        assert_eq!((second(vec![900, 12, 11]), second(vec![7]), second(vec![])), (12, 7, 0));
        let gate = Gate { node: NodeName::new("n-0").unwrap(), shows: Shows::Commit, soak: Some(10) };
        let mut seen = Seen { chain: 40, height: 900, signs: Some(40), ..Seen::default() };
        assert!(!seen.soaked(&gate), "it begins");
        seen.chain = 49;
        assert!(!seen.soaked(&gate));
        seen.chain = 50;
        assert!(!seen.soaked(&gate), "its last signature is ten blocks old");
        seen.signs = Some(48);
        assert!(seen.soaked(&gate) && seen.soaks(&gate).starts_with("10 of 10"));
    }
}
