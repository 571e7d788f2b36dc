//! After a restart on a live chain: the node shows that it takes part again, or nothing else is restarted (S8).

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{Limits, client::Client};
use crate::{
    event::Event,
    facts::Facts,
    fleet::Fleet,
    model::{cluster::Cluster, ids::NodeName},
    plan::{Gate, Shows},
};

const POLL: Duration = Duration::from_millis(100);
/// How long a node that has caught up may take to sign.
const TO_SIGN: Duration = Duration::from_secs(60);

/// Waits until the node has shown it; the error says what it has not.
pub async fn wait(
    fleet: &Fleet,
    cluster: &Cluster,
    facts: &Facts,
    gate: &Gate,
    limits: &Limits,
) -> Result<(), String> {
    let node = cluster.node(&gate.node);
    let Some(client) = node.and_then(|node| Client::new(fleet, cluster, node, facts, limits.answer)) else {
        return Err("its RPC cannot be reached".to_owned());
    };
    let mut seen = Seen::default();
    let begun = Instant::now();
    let patience = if limits.blocks.is_zero() { TO_SIGN } else { limits.blocks };
    let mut until = begun + limits.listen;
    let mut interrupt = fleet.interrupt.clone();
    loop {
        let look = tokio::select! {
            look = seen.look(&client) => look,
            () = interrupt.wait() => return Err("interrupted".to_owned()),
        };
        match look {
            Ok(()) if seen.enough(gate.shows) => return Ok(()),
            // Who catches up has as long as that may take; everybody else until the next signature is due.
            Ok(()) if seen.behind => until = begun + limits.sync,
            Ok(()) => until = until.max(seen.there.unwrap_or(begun) + patience),
            Err(why) => seen.error = why,
        }
        if Instant::now() >= until {
            return Err(seen.lacks(gate.shows, begun.elapsed()));
        }
        fleet.events.tell(Event::Waiting { what: seen.waits(&gate.node, gate.shows) });
        sleep(POLL).await;
    }
}

/// What the node has shown so far.
#[derive(Debug, Default)]
struct Seen {
    address: String,
    /// The height of its first answer; it may have signed the next one before it was restarted.
    first: Option<u64>,
    /// When it was first seen to have caught up.
    there: Option<Instant>,
    height: u64,
    behind: bool,
    /// Blocks up to here were looked at.
    looked: u64,
    signed: bool,
    error: String,
}

impl Seen {
    async fn look(&mut self, client: &Client) -> Result<(), String> {
        let status = client.status().await?;
        let first = *self.first.get_or_insert(status.height);
        (self.height, self.behind) = (status.height, status.catching_up);
        self.address = status.validator_address;
        if !self.behind {
            self.there.get_or_insert_with(Instant::now);
        }
        // The block at N holds the commit of N - 1.
        for height in self.looked.max(first + 2) + 1..=self.height {
            self.signed |= client.block(height).await?.signed_by.contains(&self.address);
            self.looked = height;
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

    fn lacks(&self, shows: Shows, took: Duration) -> String {
        let what = match shows {
            _ if self.first.is_none() => format!("its RPC does not answer ({})", self.error),
            Shows::Commit => format!("it has signed no commit (height {})", self.height),
            Shows::Blocks | Shows::Answer => format!("it makes no blocks (height {})", self.height),
        };
        format!("{what}, {} s after its restart", took.as_secs())
    }

    fn waits(&self, node: &NodeName, shows: Shows) -> String {
        let what = match shows {
            _ if self.first.is_none() => "RPC".to_owned(),
            _ if self.behind => format!("to catch up (height {})", self.height),
            Shows::Commit => format!("a commit that it has signed (height {})", self.height),
            Shows::Blocks | Shows::Answer => format!("blocks (height {})", self.height),
        };
        format!("{node}: {what}")
    }
}
