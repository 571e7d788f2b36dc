//! A block that a node may trust which begins with a snapshot: what the running nodes have at one height.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{Limits, observe};
use crate::{
    cluster::Cluster,
    facts::{Facts, Trusted},
    fleet::{Fleet, Target},
    types::ids::NodeName,
};

/// A plan that is made again a little later trusts the same block.
const STEP: u64 = 100;

/// The last hundredth block that two nodes have, or the last one, on a chain too young or too short for that. Where two
/// nodes have different ones nothing can be trusted.
pub async fn ask(
    fleet: &Fleet,
    targets: &[Target],
    cluster: &Cluster,
    facts: &Facts,
) -> Result<Trusted, String> {
    let mut asked = observe::asked(fleet, targets, cluster, facts, &Limits::default());
    asked.retain(|asked| facts.nodes.get(&asked.name).is_some_and(|seen| seen.unit.is_running()));
    let heights: FuturesUnordered<_> = asked.iter().map(|asked| asked.client.status()).collect();
    let answers: Vec<_> = heights.collect().await;
    let mut heights: Vec<u64> = answers
        .into_iter()
        .flatten()
        .filter(|status| !status.catching_up)
        .map(|status| status.height)
        .collect();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    // The commit of a block stands in the next one.
    let last = heights.get(1).map_or(0, |height| height.saturating_sub(1));
    for height in [last / STEP * STEP, last].into_iter().filter(|height| *height > 0) {
        let blocks: FuturesUnordered<_> = asked
            .iter()
            .map(|asked| async move { Some((&asked.name, asked.client.block(height).await.ok()?.hash)) })
            .collect();
        let found: Vec<(&NodeName, String)> = blocks.filter_map(|found| async { found }).collect().await;
        let Some((first, hash)) = found.first() else { continue };
        if let Some((other, another)) = found.iter().find(|(_, other)| other != hash) {
            return Err(format!("at height {height} {first} has block {hash} and {other} has {another}"));
        }
        if found.len() > 1 {
            let by: BTreeSet<NodeName> = found.iter().map(|(name, _)| (*name).clone()).collect();
            return Ok(Trusted { height, hash: hash.clone(), by });
        }
    }
    Err("no two nodes answer with the same block".to_owned())
}
