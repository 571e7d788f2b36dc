//! What the chain shows of a key: whether somebody signs with it now.

use std::collections::BTreeSet;

use crate::{
    facts::Voting,
    model::ids::{NodeId, ValidatorKey},
};

/// Commits from that many blocks after the first look on say whether a key still signs: one of the next two may have
/// been signed before that look.
const TOO_YOUNG: u64 = 2;
/// So many commits have to lack a signature, since each holds hardly more than two thirds of them.
const COMMITS: u64 = 5;

/// What the chain shows of itself before keys go back to a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    /// Of the node that has come furthest; `None`: none answers.
    pub height: Option<u64>,
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

impl Shown {
    pub fn signing(&self, key: &ValidatorKey) -> Signing {
        let (Some(first), Some(last)) = (&self.first, &self.last) else { return Signing::Silent };
        let voter = |voting: &Voting| voting.voters.iter().find(|voter| voter.key == *key).cloned();
        let signed_lately = voter(first).is_some_and(|voter| voter.signed);
        let now = voter(last).map_or(0, |voter| voter.last_signed);
        if now >= first.height + TOO_YOUNG {
            Signing::Signs(now)
        } else if !signed_lately || last.height > first.height + TOO_YOUNG + COMMITS - 1 {
            Signing::Silent
        } else if last.height == first.height {
            Signing::Stands
        } else {
            Signing::NotKnown
        }
    }

    /// Whether a longer look would say more of one of these keys.
    pub fn wants_more(&self, keys: &BTreeSet<ValidatorKey>) -> bool {
        keys.iter().any(|key| matches!(self.signing(key), Signing::NotKnown | Signing::Stands))
    }
}
