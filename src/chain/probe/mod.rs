//! What is asked of a running node, and its answers, by dialect.

pub mod evm;
pub mod tendermint;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::ids::{NodeId, ValidatorKey};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The node answered with an error of its own.
    #[error("the node answered: {0}")]
    Answered(String),
    /// Not an answer of this RPC.
    #[error("not an answer of the chain's RPC: {0}")]
    Unreadable(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    pub node_id: NodeId,
    /// The chain id.
    pub network: String,
    pub version: String,
    pub height: u64,
    /// Empty before the first block.
    pub hash: String,
    pub app_hash: String,
    pub catching_up: bool,
    /// Above the initial height where the node was state-synced or has pruned; 0 where the release does not say.
    pub earliest_height: u64,
    /// Of the node's own key, whether it is in the validator set or not.
    pub validator_address: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetInfo {
    pub peers: Vec<NodeId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    pub height: u64,
    pub hash: String,
    /// After the block before this one.
    pub app_hash: String,
    /// Addresses of those whose commit of the block before stands in this one.
    pub signed_by: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RpcValidator {
    pub address: String,
    pub key: ValidatorKey,
    pub power: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Validators {
    pub height: u64,
    pub members: Vec<RpcValidator>,
    /// Of all pages; a page has 30 unless `per_page` (up to 100) says otherwise.
    pub total: u64,
}

/// No chain has more; CometBFT itself refuses a set of over 10 000.
const MOST_VALIDATORS: u64 = 10_000;

impl Validators {
    /// Whether all are there that it says there are.
    pub fn is_whole(&self) -> Result<bool, String> {
        match self.members.len() as u64 {
            _ if self.total > MOST_VALIDATORS => {
                Err(format!("it says that there are {} validators", self.total))
            }
            more if more > self.total => Err(format!("it says {} validators, and shows {more}", self.total)),
            count => Ok(count == self.total),
        }
    }

    /// The next page: of the same set, and with others than before.
    pub fn add(&mut self, next: Self) -> Result<(), String> {
        let known: BTreeSet<&str> = self.members.iter().map(|member| member.address.as_str()).collect();
        let goes_on = (next.height, next.total) == (self.height, self.total)
            && !next.members.is_empty()
            && !next.members.iter().any(|member| known.contains(member.address.as_str()));
        if !goes_on {
            let (seen, all) = (self.members.len(), self.total);
            return Err(format!("its pages of validators do not fit together: {seen} of {all} seen"));
        }
        self.members.extend(next.members);
        Ok(())
    }
}

fn first_part(body: &str) -> String {
    body.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(first: u64, last: u64, total: u64) -> Validators {
        let member = |n: u64| {
            let key = ValidatorKey { kind: "ed25519".into(), value: n.to_string() };
            RpcValidator { address: n.to_string(), key, power: 1 }
        };
        Validators { height: 7, members: (first..last).map(member).collect(), total }
    }

    #[test]
    fn p7_pages_of_validators_come_to_an_end() {
        let mut all = page(0, 100, 130);
        assert_eq!(all.is_whole(), Ok(false));
        assert!(all.add(page(0, 30, 130)).is_err(), "the first page again");
        assert!(all.add(page(100, 100, 130)).is_err(), "an empty page");
        assert!(all.add(page(100, 130, 131)).is_err(), "another total");
        assert!(all.add(Validators { height: 8, ..page(100, 130, 130) }).is_err(), "another set");
        assert_eq!((all.add(page(100, 130, 130)), all.is_whole()), (Ok(()), Ok(true)));
        assert!(page(0, 100, u64::MAX).is_whole().is_err() && page(0, 2, 1).is_whole().is_err());
    }
}
