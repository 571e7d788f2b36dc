//! What is asked of a running node, and its answers, by dialect.

pub mod evm;
pub mod tendermint;

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

fn first_part(body: &str) -> String {
    body.chars().take(60).collect()
}
