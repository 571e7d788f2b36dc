//! What is asked of a running node, and its answers, by dialect. Pure: what goes out and what comes back; who carries it is
//! `verify/client.rs`.

mod dialects;
pub mod evm;
pub mod prometheus;
pub mod rest;
pub mod tendermint;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::{
    chain::{
        MOST_VALIDATORS,
        profile::{Probe, ProbeKind},
    },
    types::ids::{NodeId, ValidatorKey},
};

pub use dialects::{Dialects, nobody_says};

/// As many validators as a page holds at the most; by itself it has 30.
pub const PAGE: usize = 100;
/// Bytes of a text that is compared or shown: hashes, names and keys of any kind have fewer.
const LONGEST_TEXT: usize = 4096;
/// The same of an address, of which a set has thousands a block.
const LONGEST_ADDRESS: usize = 128;
/// Characters of a node's own words for what is wrong.
const LONGEST_ERROR: usize = 500;

/// What a node may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Who it is, on which chain, and how far it has come.
    Status,
    Height,
    CatchingUp,
    /// Their ids.
    Peers,
    PeerCount,
    Block(u64),
    /// When the block was made.
    BlockTime(u64),
    /// Pages begin with 1.
    Validators {
        height: u64,
        page: u64,
    },
    ConsensusStep,
    /// The document that it runs on.
    Genesis,
}

impl Question {
    /// What no probe of the profile says.
    pub fn subject(self) -> &'static str {
        match self {
            Self::Status => "who a node is",
            Self::Height => "the height",
            Self::CatchingUp => "whether a node is catching up",
            Self::Peers => "the peers",
            Self::PeerCount => "how many peers there are",
            Self::Block(_) | Self::BlockTime(_) => "a block",
            Self::Validators { .. } => "the validators",
            Self::ConsensusStep => "the step of consensus",
            Self::Genesis => "the genesis document",
        }
    }
}

/// What goes out over HTTP for a question: a GET, or the body by POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// By the profile's name.
    pub port: String,
    pub path: String,
    pub body: Option<String>,
}

impl Request {
    fn to(port: &str, path: String, body: Option<String>) -> Self {
        let path = if path.is_empty() { "/".to_owned() } else { path };
        Self { port: port.to_owned(), path, body }
    }
}

/// By its question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Status(Status),
    Height(u64),
    CatchingUp(bool),
    Peers(NetInfo),
    PeerCount(u64),
    Block(Block),
    /// Seconds since 1970.
    BlockTime(f64),
    Validators(Validators),
    ConsensusStep(String),
    Genesis(Value),
}

/// How an RPC is asked and read.
pub trait Dialect: Send + Sync {
    /// `None`: it has no answer to that.
    fn request(&self, question: Question) -> Option<Request>;

    /// The body of the answer to that request.
    fn read(&self, question: Question, body: &[u8]) -> Result<Answer, ProbeError>;

    /// Whether a node that is behind says so itself.
    fn says_when_behind(&self) -> bool;
}

/// What is wrong with a profile's probe: the word to point at, and why.
pub type WrongProbe = (String, String);

/// The dialect of a profile's entry: the only place that knows which there are.
pub fn dialect(probe: &Probe) -> Result<Box<dyn Dialect>, WrongProbe> {
    let (dialect, own): (Box<dyn Dialect>, &[&str]) = match probe.kind {
        ProbeKind::TendermintRpc => (Box::new(tendermint::Tendermint::of(probe)), &[]),
        ProbeKind::EvmRpc => (Box::new(evm::Evm::of(probe)), &["methods"]),
        ProbeKind::Prometheus => (Box::new(prometheus::Prometheus::of(probe)?), &["metrics"]),
        ProbeKind::Rest => (Box::new(rest::Rest::of(probe)?), &rest::KEYS),
    };
    match probe.own_keys().into_iter().find(|key| !own.contains(key)) {
        Some(key) => Err((key.to_owned(), format!("`{key}` is not a key of this kind of probe"))),
        None => Ok(dialect),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The node answered with an error of its own.
    #[error("the node answered: {0}")]
    Answered(String),
    /// Not an answer of this RPC.
    #[error("not an answer of the chain's RPC: {0}")]
    Unreadable(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `None` where no probe says it; of the chain id, too.
    pub node_id: Option<NodeId>,
    /// The chain id.
    pub network: Option<String>,
    pub version: String,
    /// The version of what blocks and state are made of, where it is said: a node of another one cannot read them.
    pub state_version: Option<String>,
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

impl Status {
    /// Whether it is of this chain, as far as it says.
    pub fn is_of(&self, chain_id: &str) -> bool {
        self.network.as_ref().is_none_or(|network| network == chain_id)
    }
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
    /// Whose turn it is to propose goes by this (`chain/proposer.rs`), where the chain says it.
    pub priority: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Validators {
    pub height: u64,
    pub members: Vec<RpcValidator>,
    /// Of all pages.
    pub total: u64,
}

impl Validators {
    /// Whether all are there that it says there are. A page that is neither full nor the last one is refused: who gives one
    /// member a page would be asked ten thousand times.
    pub fn is_whole(&self) -> Result<bool, String> {
        match self.members.len() as u64 {
            _ if self.total > MOST_VALIDATORS as u64 => {
                Err(format!("it says that there are {} validators", self.total))
            }
            more if more > self.total => Err(format!("it says {} validators, and shows {more}", self.total)),
            count if count == self.total => Ok(true),
            count if count > 0 && count % PAGE as u64 == 0 => Ok(false),
            count => Err(format!(
                "it says {} validators, and shows {count} in pages that are not full",
                self.total
            )),
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

/// A text that stands in our own lines and is compared with others: it has an end, and begins no line.
fn checked(text: &str, name: &str) -> Result<String, ProbeError> {
    if text.len() > LONGEST_TEXT {
        return Err(ProbeError::Unreadable(format!("its `{name}` has {} bytes", text.len())));
    }
    if text.contains(char::is_control) {
        return Err(ProbeError::Unreadable(format!("its `{name}` has control characters")));
    }
    Ok(text.to_owned())
}

fn checked_address(text: &str) -> Result<String, ProbeError> {
    if text.len() > LONGEST_ADDRESS {
        return Err(ProbeError::Unreadable(format!("an address of it has {} bytes", text.len())));
    }
    checked(text, "address")
}

fn no_more_than_validators(count: usize, what: &str) -> Result<(), ProbeError> {
    if count <= MOST_VALIDATORS {
        return Ok(());
    }
    Err(ProbeError::Unreadable(format!("it has {count} {what}, more than {MOST_VALIDATORS}")))
}

/// Its own words, as many as people read.
fn answered(words: &str) -> ProbeError {
    ProbeError::Answered(words.chars().take(LONGEST_ERROR).collect())
}

fn text_of(body: &[u8]) -> Result<&str, ProbeError> {
    str::from_utf8(body).map_err(|_| ProbeError::Unreadable("it is no text".to_owned()))
}

fn missing(name: &str) -> ProbeError {
    ProbeError::Unreadable(format!("it has no `{name}`"))
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
            RpcValidator { address: n.to_string(), key, power: 1, priority: None }
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
        assert!(page(0, 1, 10_000).is_whole().is_err(), "one member a page");
        let mut all = page(0, 100, 300);
        assert!(all.add(page(100, 199, 300)).is_ok() && all.is_whole().is_err(), "a page that is not full");
        assert!(page(0, 0, 5).is_whole().is_err(), "a first page of nobody");
        assert_eq!((page(0, 0, 0).is_whole(), page(0, 130, 130).is_whole()), (Ok(true), Ok(true)));
        assert!(page(0, 100, u64::MAX).is_whole().is_err() && page(0, 2, 1).is_whole().is_err());
    }
}
