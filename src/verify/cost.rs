//! What an operation cost its chain: blocks that it missed, and signatures that its validators missed. Said by the chain's
//! own blocks, as one node shows them; nothing is decided by it.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream};

use super::{Limits, client::Client};
use crate::{
    chain::{identity, rpc::Block},
    cluster::Cluster,
    facts::Facts,
    fleet::Fleet,
    types::ids::NodeName,
};

/// Blocks before the operation, whose times say how fast the chain is.
const BEFORE: u64 = 20;
/// Longer operations are counted over their last blocks.
const AT_MOST: u64 = 500;
/// For all of it: a finished run does not wait for a node that is slow to tell.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many blocks are asked for at a time.
const AT_ONCE: usize = 8;

/// Of the blocks above `from`, up to `to`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    pub from: u64,
    pub to: u64,
    /// So many more would have been made at the chain's own pace.
    pub blocks_missed: u64,
    /// The longest time between two of them, in seconds.
    pub longest: f64,
    /// Commits without the signature of a validator of the inventory, by node; those that missed none are not in it.
    pub signatures_missed: BTreeMap<NodeName, u64>,
}

/// A block, and when it was made (seconds since 1970).
type Made = (Block, f64);

/// What happened since the chain was at `from`. `None`: no node shows the blocks, in time.
pub async fn since(
    from: u64,
    fleet: &Fleet,
    cluster: &Cluster,
    facts: &Facts,
    limits: &Limits,
) -> Option<Cost> {
    let mut interrupt = fleet.interrupt.clone();
    tokio::select! {
        cost = tokio::time::timeout(PATIENCE, shown(from, fleet, cluster, facts, limits)) => cost.ok()?,
        () = interrupt.wait() => None,
    }
}

async fn shown(from: u64, fleet: &Fleet, cluster: &Cluster, facts: &Facts, limits: &Limits) -> Option<Cost> {
    let runs = |name: &NodeName| facts.nodes.get(name).is_some_and(|seen| seen.unit.may_run());
    let mut highest: Option<(u64, Client)> = None;
    for node in cluster.nodes.iter().filter(|node| runs(&node.name)) {
        let Some(client) = Client::new(fleet, cluster, node, facts, limits.answer) else { continue };
        let Ok(status) = client.status().await else { continue };
        if highest.as_ref().is_none_or(|(height, _)| status.height > *height) {
            highest = Some((status.height, client));
        }
    }
    let (to, client) = highest?;
    let first = from.saturating_sub(BEFORE).max(to.saturating_sub(AT_MOST)).max(1);
    let made = |height: u64| {
        let client = &client;
        async move { Some((client.block(height).await.ok()?, client.made_at(height).await.ok()?)) }
    };
    let blocks: Vec<Option<Made>> = stream::iter(first..=to).map(made).buffered(AT_ONCE).collect().await;
    let blocks: Vec<Made> = blocks.into_iter().collect::<Option<_>>()?;
    let signers = cluster.validators().filter_map(|node| {
        let key = facts.nodes.get(&node.name)?.validator_key.as_ref()?;
        Some((node.name.clone(), identity::address(key)?))
    });
    counted(from, &blocks, &signers.collect())
}

/// `blocks` one after another, some of them from before. Validators by the address that they sign with.
fn counted(from: u64, blocks: &[Made], signers: &BTreeMap<NodeName, String>) -> Option<Cost> {
    let to = blocks.last()?.0.height;
    let gaps = blocks.windows(2).map(|pair| (pair[1].0.height, (pair[1].1 - pair[0].1).max(0.0)));
    let (before, during): (Vec<_>, Vec<_>) = gaps.partition(|(height, _)| *height <= from);
    let pace = median(if before.is_empty() { &during } else { &before })?;
    let missed = |gap: f64| if pace > 0.0 { (gap / pace).round() - 1.0 } else { 0.0 };
    let longest = during.iter().map(|(_, gap)| *gap).fold(0.0, f64::max);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Some hundreds at the most.
    let blocks_missed = during.iter().map(|(_, gap)| missed(*gap).max(0.0)).sum::<f64>() as u64;
    let commits: Vec<&Block> =
        blocks.iter().map(|(block, _)| block).filter(|block| block.height > from).collect();
    let without =
        |address: &String| commits.iter().filter(|block| !block.signed_by.contains(address)).count();
    let of = |(name, address): (&NodeName, &String)| Some((name.clone(), without(address) as u64));
    let signatures_missed = signers.iter().filter_map(of).filter(|(_, missed)| *missed > 0).collect();
    Some(Cost { from, to, blocks_missed, longest, signatures_missed })
}

fn median(gaps: &[(u64, f64)]) -> Option<f64> {
    let mut gaps: Vec<f64> = gaps.iter().map(|(_, gap)| *gap).collect();
    gaps.sort_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(name: &str) -> NodeName {
        NodeName::new(name).unwrap()
    }

    /// A block a second, but for these.
    fn blocks(late: &[(u64, f64)], absent: &[(u64, &str)]) -> Vec<Made> {
        let mut time = 1_800_000_000.0;
        let block = |height: u64| {
            time += late.iter().find(|(at, _)| *at == height).map_or(1.0, |(_, gap)| *gap);
            let signs = |who: &&&str| !absent.iter().any(|(at, absent)| *at == height && absent == *who);
            let signed_by = ["A", "B"].iter().filter(signs).map(|who| (*who).to_owned()).collect();
            (Block { height, hash: String::new(), app_hash: String::new(), signed_by }, time)
        };
        (1..=30).map(block).collect()
    }

    #[test]
    fn blocks_and_signatures_are_counted_from_there_on() {
        let signers = BTreeMap::from([(name("a"), "A".to_owned()), (name("b"), "B".to_owned())]);
        let nothing = counted(20, &blocks(&[(5, 40.0)], &[(6, "A")]), &signers).unwrap();
        assert_eq!((nothing.blocks_missed, nothing.signatures_missed.len()), (0, 0));
        assert_eq!((nothing.from, nothing.to), (20, 30));
        let cost =
            counted(20, &blocks(&[(22, 4.2), (25, 1.4)], &[(22, "B"), (23, "B"), (27, "A")]), &signers);
        let cost = cost.unwrap();
        assert_eq!((cost.blocks_missed, (cost.longest * 10.0).round()), (3, 42.0));
        assert_eq!(cost.signatures_missed, [(name("a"), 1), (name("b"), 2)].into());
        assert_eq!(counted(20, &[], &signers), None);
    }
}
