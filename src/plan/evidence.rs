//! What the chain shows of a key: whether somebody signs with it now.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    facts::{Voting, voting::claims},
    types::ids::{NodeId, NodeName, ValidatorKey},
};

/// Commits from that many blocks after the first look on say whether a key still signs: one of the next two may have
/// been signed before that look.
const TOO_YOUNG: u64 = 2;
/// So many commits have to lack a signature, since each holds hardly more than a quorum of them.
const COMMITS: u64 = 5;

/// What the chain shows of itself before keys go back to a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Of each node that has caught up.
    pub heights: BTreeMap<NodeName, u64>,
    /// Who is connected to a node of the cluster.
    pub peers: BTreeSet<NodeId>,
    /// Who votes, at the first look and at the last.
    pub first: Option<Voting>,
    pub last: Option<Voting>,
}

/// Whether a key signs on the chain now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    Silent,
    /// At this height, and not before it was looked at.
    Signs(u64),
    /// It has signed one of the last commits, and too few have come since.
    NotKnown,
    /// It has signed one of the last commits, and no block has come since: nobody can be seen to sign.
    Stands,
}

impl Evidence {
    /// Of the node that has come furthest; `None`: none answers. Too low a height would let the key sign twice; one that
    /// nobody comes near is a contradiction, and stops a restore.
    pub fn height(&self) -> Option<u64> {
        self.heights.values().copied().max()
    }

    /// The only node whose word there is, of the height or of who signs.
    pub fn alone(&self) -> Option<&NodeName> {
        let mut names = self.heights.keys();
        let one = names.next().filter(|_| names.next().is_none());
        one.or_else(|| self.last.as_ref()?.alone())
    }

    pub fn contradictions(&self) -> Vec<String> {
        let looks = [&self.first, &self.last].into_iter().flatten();
        claims(&self.heights).into_iter().chain(looks.flat_map(Voting::contradictions)).collect()
    }

    pub fn signing(&self, key: &ValidatorKey) -> Signing {
        let (Some(first), Some(last)) = (&self.first, &self.last) else { return Signing::Silent };
        if first.alone().is_some() && last.alone().is_none() {
            return Signing::NotKnown;
        }
        // A signature that any node shows counts, and as a late one if it is one for any. The first look was no later
        // than the node that had come furthest; that blocks have come since is believed when a second node has them.
        let (now, begun) = (last_signed(last, key), first.furthest());
        let signed_lately = Voting::is_recent(first.nearest(), now.max(last_signed(first, key)));
        if now >= begun.saturating_add(TOO_YOUNG) {
            Signing::Signs(now)
        } else if !signed_lately || last.height > begun.saturating_add(TOO_YOUNG + COMMITS - 1) {
            Signing::Silent
        } else if last.has_risen_since(first) {
            Signing::NotKnown
        } else {
            Signing::Stands
        }
    }

    /// Who shows the last signature of this key, in words.
    pub fn shown_by(&self, key: &ValidatorKey) -> String {
        let voter = self.last.iter().flat_map(|voting| &voting.voters).find(|voter| voter.key == *key);
        let name = voter.and_then(|voter| voter.shown_by.as_ref());
        name.map_or_else(String::new, |name| format!(" (shown by {name})"))
    }

    /// Whether a longer look would say more of one of these keys.
    pub fn wants_more(&self, keys: &BTreeSet<ValidatorKey>) -> bool {
        keys.iter().any(|key| matches!(self.signing(key), Signing::NotKnown | Signing::Stands))
    }
}

fn last_signed(voting: &Voting, key: &ValidatorKey) -> u64 {
    voting.voters.iter().find(|voter| voter.key == *key).map_or(0, |voter| voter.last_signed)
}
