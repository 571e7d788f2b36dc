//! Who votes, with what power, and who has signed lately: what a restart on a live chain is weighed with.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{Limits, observe};
use crate::{
    facts::{Facts, Voter, Voting},
    fleet::{Fleet, Member},
    model::cluster::Cluster,
};

/// A commit holds a bit more than two thirds of the signatures: who is late now and then is no absentee.
const LAST_COMMITS: u64 = 5;
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
    let mut signed = BTreeSet::new();
    for block in height.saturating_sub(LAST_COMMITS - 1).max(1)..=height {
        signed.extend(client.block(block).await.ok()?.signed_by);
    }
    let voter = |member: crate::chain::probe::RpcValidator| Voter {
        signed: signed.contains(&member.address),
        power: member.power,
        key: member.key,
    };
    Some(Voting { height, voters: members.into_iter().map(voter).collect() })
}
