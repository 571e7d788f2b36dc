//! What the chain says of its validators: not one node's word, but what all that answer have said (`verify/weighed`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::types::ids::{NodeName, ValidatorKey};

/// A commit holds hardly more signatures than a quorum: who is late now and then is no absentee.
pub const LAST_COMMITS: u64 = 5;
/// Nodes that are asked in the same moment are hardly further apart than this, in blocks.
pub const NEAR: u64 = 10;

/// What the chain itself said of its validators, when it was asked: before a validator is started on a live chain, and
/// before and after each restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voting {
    /// The greatest that a second node confirms; of a node alone its own word.
    pub height: u64,
    pub voters: Vec<Voter>,
    /// What each node that answers says of its height.
    #[serde(default)]
    pub heights: BTreeMap<NodeName, u64>,
    /// What each of them says of the version of its state, where it says one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state_versions: BTreeMap<NodeName, String>,
    /// Nodes contradict each other on who votes: who says what.
    #[serde(default)]
    pub disagree: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voter {
    pub key: ValidatorKey,
    pub power: i64,
    /// Several nodes show its signature in one of the very last commits; of a node alone this is its own word.
    pub signed: bool,
    /// The highest commit with its signature that any node shows; 0: none.
    pub last_signed: u64,
    /// So high as several nodes show it.
    #[serde(default)]
    pub confirmed: u64,
    /// Who shows `last_signed`.
    #[serde(default)]
    pub shown_by: Option<NodeName>,
    /// The height of the next block that it proposes, where the chain says whose turn it is. One node's word: it decides on
    /// nothing but an order.
    #[serde(default)]
    pub proposes_at: Option<u64>,
}

impl Voting {
    /// What the second of these has as well; of one alone what it says.
    pub fn confirmed(heights: &BTreeMap<NodeName, u64>) -> u64 {
        let mut sorted: Vec<u64> = heights.values().copied().collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        sorted.get(1).or(sorted.first()).copied().unwrap_or(0)
    }

    /// Whether a signature at this height stands in one of the very last commits.
    pub fn is_recent(height: u64, signed: u64) -> bool {
        signed > 0 && height.saturating_sub(signed) <= LAST_COMMITS
    }

    /// Whether any node has a block.
    pub fn has_block(&self) -> bool {
        self.heights.values().any(|height| *height > 0)
    }

    /// The only node that answers: nobody confirms what it says.
    pub fn alone(&self) -> Option<&NodeName> {
        let mut names = self.heights.keys();
        names.next().filter(|_| names.next().is_none())
    }

    /// Whether any node has come further than it was at an earlier look.
    pub fn has_risen_since(&self, earlier: &Self) -> bool {
        self.heights.iter().any(|(name, height)| earlier.heights.get(name).is_some_and(|then| height > then))
    }

    /// The height of the node that has come furthest, but for a claim that nobody comes near.
    pub fn furthest(&self) -> u64 {
        let near = self.height.saturating_add(NEAR);
        self.heights.values().copied().filter(|height| *height <= near).max().unwrap_or(self.height)
    }

    /// The height of the last of those that are near the others.
    pub fn nearest(&self) -> u64 {
        let near = |height: &u64| *height > 0 && height.saturating_add(NEAR) >= self.height;
        self.heights.values().copied().filter(near).min().unwrap_or(self.height).min(self.height)
    }

    /// A height far above what anybody else has.
    pub fn claims(&self) -> Option<String> {
        claims(&self.heights)
    }

    /// All that can be said of nodes that contradict each other.
    pub fn contradictions(&self) -> Vec<String> {
        self.claims().into_iter().chain(self.disagree.clone()).collect()
    }

    pub fn total(&self) -> i64 {
        self.voters.iter().map(|voter| voter.power).fold(0, i64::saturating_add)
    }

    /// Of those that have signed lately.
    pub fn online(&self) -> i64 {
        let signed = self.voters.iter().filter(|voter| voter.signed);
        signed.map(|voter| voter.power).fold(0, i64::saturating_add)
    }
}

/// Who claims a height that nobody else comes near, in words; `None`: nobody does, or a node is alone.
pub fn claims(heights: &BTreeMap<NodeName, u64>) -> Option<String> {
    let confirmed = Voting::confirmed(heights);
    let (name, height) = heights.iter().max_by_key(|(_, height)| **height)?;
    (*height > confirmed.saturating_add(NEAR))
        .then(|| format!("{name} claims height {height}, nobody else is above {confirmed}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn heights(said: &[u64]) -> BTreeMap<NodeName, u64> {
        said.iter()
            .enumerate()
            .map(|(n, height)| (NodeName::new(format!("n-{n}")).unwrap(), *height))
            .collect()
    }

    #[test]
    fn a_height_counts_as_far_as_a_second_node_confirms_it() {
        assert_eq!(Voting::confirmed(&heights(&[640, 812, 639])), 640);
        assert_eq!(Voting::confirmed(&heights(&[640, 641])), 640);
        assert_eq!((Voting::confirmed(&heights(&[7])), Voting::confirmed(&heights(&[]))), (7, 0));
        let said = claims(&heights(&[640, 638, 812])).unwrap();
        assert_eq!(said, "n-2 claims height 812, nobody else is above 640");
        assert_eq!(claims(&heights(&[640, 650])), None, "nodes that are asked in one moment");
        assert_eq!(claims(&heights(&[640])), None, "nobody to compare with");
        assert_eq!(claims(&heights(&[0, u64::MAX])).unwrap().matches("n-1 claims").count(), 1);
    }

    #[test]
    fn one_node_that_rises_is_a_chain_that_rises() {
        let at = |said: &[u64]| Voting { heights: heights(said), ..Voting::default() };
        assert!(at(&[50, 51]).has_risen_since(&at(&[50, 50])));
        assert!(!at(&[50, 49]).has_risen_since(&at(&[50, 50])));
        assert!(!at(&[50, 60]).has_risen_since(&at(&[50])), "it was not there before");
        assert_eq!(at(&[5]).alone().unwrap().as_str(), "n-0");
        assert!(at(&[5, 5]).alone().is_none() && at(&[]).alone().is_none());
    }
}
