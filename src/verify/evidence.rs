//! What the chain shows of itself before keys go back to a host: how far it is, who is there, and who still signs.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::sleep;

use super::{Limits, observe, voting};
use crate::{
    cluster::Cluster,
    facts::Facts,
    fleet::{Fleet, Target},
    plan::evidence::Evidence,
    types::{event::Event, ids::ValidatorKey},
};

const POLL: Duration = Duration::from_secs(1);
/// No block for so long: the chain stands.
const STANDS: Duration = Duration::from_secs(15);
const LONGEST: Duration = Duration::from_secs(120);

/// Looked at until it is clear whether one of these keys signs, as far as blocks come.
pub async fn ask(
    fleet: &Fleet,
    targets: &[Target],
    cluster: &Cluster,
    facts: &Facts,
    keys: &BTreeSet<ValidatorKey>,
) -> Evidence {
    let mut shown = now(fleet, targets, cluster, facts).await;
    shown.first = voting::ask(fleet, targets, cluster, facts).await;
    shown.last.clone_from(&shown.first);
    let (begun, mut risen) = (Instant::now(), Instant::now());
    while shown.wants_more(keys) && risen.elapsed() < STANDS && begun.elapsed() < LONGEST {
        let Some(before) = shown.last.clone() else { break };
        let height = before.height;
        fleet.events.tell(Event::Waiting { what: format!("who signs on the chain (height {height})") });
        sleep(POLL).await;
        let last = voting::ask(fleet, targets, cluster, facts).await.unwrap_or_else(|| before.clone());
        if last.has_risen_since(&before) {
            risen = Instant::now();
        }
        for (name, height) in &mut shown.heights {
            *height = last.heights.get(name).copied().unwrap_or(0).max(*height);
        }
        // At the first look nobody confirmed what one node said: it begins with the first one where others do.
        if last.alone().is_none() && shown.first.as_ref().is_none_or(|first| first.alone().is_some()) {
            shown.first = Some(last.clone());
        }
        shown.last = Some(last);
    }
    shown
}

/// Of the nodes that run, have caught up and are on this chain.
async fn now(fleet: &Fleet, targets: &[Target], cluster: &Cluster, facts: &Facts) -> Evidence {
    let asked = observe::asked(fleet, targets, cluster, facts, &Limits::default());
    let runs =
        |asked: &&observe::Asked| facts.nodes.get(&asked.name).is_some_and(|seen| seen.unit.is_running());
    let all: FuturesUnordered<_> = asked
        .iter()
        .filter(runs)
        .map(|asked| async move { (&asked.name, asked.client.status().await, asked.client.net_info().await) })
        .collect();
    let mut shown = Evidence::default();
    for (name, status, net) in all.collect::<Vec<_>>().await {
        let ours = status.ok().filter(|status| status.is_of(cluster.chain_id.as_str()));
        let height = ours.filter(|status| !status.catching_up).map(|status| status.height);
        shown.heights.extend(height.map(|height| (name.clone(), height)));
        shown.peers.extend(net.into_iter().flat_map(|net| net.peers));
    }
    shown
}
