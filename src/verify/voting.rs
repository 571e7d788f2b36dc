//! Who votes, with what power, and who has signed lately: what a restart on a live chain is weighed with.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{Limits, observe};
use crate::{
    chain::probe::RpcValidator,
    facts::{Facts, Voter, Voting},
    fleet::{Fleet, Member},
    model::cluster::Cluster,
};

/// A commit holds a bit more than two thirds of the signatures: who is late now and then is no absentee.
const LAST_COMMITS: u64 = 5;
/// So far back is looked for the last signature of one who does not run.
const FAR_BACK: u64 = 100;
const ANSWER: Duration = Duration::from_secs(5);

/// From the node that has come furthest; `None`: nobody answers.
pub async fn ask(fleet: &Fleet, members: &[Member], cluster: &Cluster, facts: &Facts) -> Option<Voting> {
    let limits = Limits { answer: ANSWER, ..Limits::default() };
    let asked = observe::asked(fleet, members, cluster, facts, &limits);
    let heights: FuturesUnordered<_> = asked
        .iter()
        .map(|asked| async move { Some((asked.client.status().await.ok()?.height, &asked.client)) })
        .collect();
    let answers: Vec<_> = heights.collect().await;
    let (height, client) = answers.into_iter().flatten().max_by_key(|(height, _)| *height)?;
    if height == 0 {
        return Some(Voting::default());
    }
    let members = client.validators(height).await.ok()?;
    // By address: the highest commit. The block at N holds the commit of N - 1.
    let mut signed: BTreeMap<String, u64> = BTreeMap::new();
    for block in (height.saturating_sub(FAR_BACK).max(1)..=height).rev() {
        if signed.len() >= members.len() && height - block >= LAST_COMMITS {
            break;
        }
        let Ok(found) = client.block(block).await else { break };
        for address in found.signed_by {
            signed.entry(address).or_insert(block - 1);
        }
    }
    let voter = |member: RpcValidator| {
        let last_signed = signed.get(&member.address).copied().unwrap_or(0);
        let signed = last_signed > 0 && height - last_signed <= LAST_COMMITS;
        Voter { key: member.key, power: member.power, signed, last_signed }
    };
    Some(Voting { height, voters: members.into_iter().map(voter).collect() })
}
