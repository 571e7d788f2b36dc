//! What the chain shows of itself before keys go back to a host: how far it is, who is there, and who still signs.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::sleep;

use super::{Limits, observe, voting};
use crate::{
    event::Event,
    facts::Facts,
    fleet::{Fleet, Member},
    model::{cluster::Cluster, ids::ValidatorKey},
    plan::restore::Shown,
};

const POLL: Duration = Duration::from_secs(1);
/// No block for so long: the chain stands.
const STANDS: Duration = Duration::from_secs(15);
const LONGEST: Duration = Duration::from_secs(120);

/// Looked at until it is clear whether one of these keys signs, as far as blocks come.
pub async fn ask(
    fleet: &Fleet,
    members: &[Member],
    cluster: &Cluster,
    facts: &Facts,
    keys: &BTreeSet<ValidatorKey>,
) -> Shown {
    let mut shown = now(fleet, members, cluster, facts).await;
    shown.first = voting::ask(fleet, members, cluster, facts).await;
    shown.last.clone_from(&shown.first);
    let (begun, mut risen) = (Instant::now(), Instant::now());
    while shown.wants_more(keys) && risen.elapsed() < STANDS && begun.elapsed() < LONGEST {
        let before = shown.last.as_ref().map_or(0, |voting| voting.height);
        fleet.events.tell(Event::Waiting { what: format!("who signs on the chain (height {before})") });
        sleep(POLL).await;
        let Some(last) = voting::ask(fleet, members, cluster, facts).await else { continue };
        if last.height > before {
            risen = Instant::now();
            shown.height = shown.height.max(Some(last.height));
        }
        shown.last = Some(last);
    }
    shown
}

/// Of the nodes that run, have caught up and are on this chain.
async fn now(fleet: &Fleet, members: &[Member], cluster: &Cluster, facts: &Facts) -> Shown {
    let asked = observe::asked(fleet, members, cluster, facts, &Limits::default());
    let runs =
        |asked: &&observe::Asked| facts.nodes.get(&asked.name).is_some_and(|seen| seen.unit.is_running());
    let all: FuturesUnordered<_> = asked
        .iter()
        .filter(runs)
        .map(|asked| async { (asked.client.status().await, asked.client.net_info().await) })
        .collect();
    let mut shown = Shown::default();
    for (status, net) in all.collect::<Vec<_>>().await {
        let ours = status.ok().filter(|status| status.network == cluster.chain_id.as_str());
        shown.height =
            shown.height.max(ours.filter(|status| !status.catching_up).map(|status| status.height));
        shown.peers.extend(net.into_iter().flat_map(|net| net.peers));
    }
    shown
}
