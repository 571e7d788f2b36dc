//! Genesis documents: the rules that they are composed by.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{HomePath, ToolStep};
use crate::chain::genesis::{istanbul, path::DocPath};

/// A genesis document and the rules that it is composed by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub path: HomePath,
    #[serde(default)]
    pub chain_id: Option<ChainIdRule>,
    #[serde(default)]
    pub genesis_time: Option<DocPath>,
    pub validators: ValidatorRule,
    /// Places where the hosts' documents may differ: the first host's count.
    #[serde(default)]
    pub may_differ: Vec<DocPath>,
    /// Places of whole numbers that the chain wants quoted, beside the powers: it does not start on a bare one.
    #[serde(default)]
    pub quoted: Vec<DocPath>,
    /// What the chain takes of whole numbers, quoted or not: it does not start on another one.
    #[serde(default)]
    pub limits: Vec<NumberLimit>,
    /// The program that reads it, where loomctl knows all that makes it refuse a document.
    #[serde(default)]
    pub read_by: Option<Reader>,
}

/// Whose rules of reading a document loomctl knows whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// CometBFT 0.37 and later: its notation, and all values that it takes.
    Cometbft,
    /// Tendermint before it: its notation alone. Values are in `limits`.
    Tendermint,
    /// The Cosmos SDK from 0.50 on, whose document has CometBFT's parameters in it; or CometBFT's own document.
    CosmosSdk,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberLimit {
    pub at: DocPath,
    pub least: i64,
    #[serde(default)]
    pub most: Option<i64>,
    /// Between the two, and refused all the same.
    #[serde(default)]
    pub never: Option<i64>,
    /// Not more than what stands there; a negative number there is no limit.
    #[serde(default)]
    pub not_above: Option<DocPath>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChainIdRule {
    pub at: Vec<DocPath>,
    pub written_by: ChainIdWriter,
    /// How it stands there.
    #[serde(default)]
    pub form: ChainIdForm,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChainIdForm {
    #[default]
    Text,
    /// A whole number: the inventory's chain id has to be one.
    Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChainIdWriter {
    /// init takes it from a configuration file; another one in a document is an error.
    Init,
    /// init makes one up; composing sets it.
    Compose,
}

/// Where the validators stand and how one is written; paths below `at` are those in an entry.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidatorRule {
    pub at: DocPath,
    /// There is no list of entries, but a text that says them all; the keys below do not count then.
    #[serde(default)]
    pub encoded: Option<Encoded>,
    /// `{"type","value"}`, or Cosmos' `{"@type","key"}`.
    #[serde(default)]
    pub key: DocPath,
    /// Where the entry holds the key's value only: the type that it has.
    #[serde(default)]
    pub bare_key_type: Option<String>,
    #[serde(default)]
    pub address: Option<DocPath>,
    #[serde(default)]
    pub power: DocPath,
    #[serde(default)]
    pub power_form: PowerForm,
    /// So much of what stands there is a power of one (Cosmos stakes 1000000 of its coin for it).
    #[serde(default)]
    pub power_unit: Option<u64>,
    #[serde(default)]
    pub name: Option<DocPath>,
    /// What all powers together may not exceed (Tendermint's MaxTotalVotingPower is i64::MAX / 8).
    #[serde(default)]
    pub power_limit: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoded {
    /// Istanbul's `extraData`: 32 bytes, then the RLP of validators (addresses), seal and committed seals. All votes are equal.
    IstanbulExtra,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PowerForm {
    /// Amino refuses a number where it wants `"10"`.
    Quoted,
    #[default]
    AsFound,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    pub how: GenesisHow,
    /// The document before anything is set in it (`how: encode`): a file of the profile's folder.
    #[serde(default)]
    pub base: Option<String>,
    /// What the chain's own tool does, in this order (`how: tool`); the last one's result is the document.
    #[serde(default)]
    pub steps: Vec<ToolStep>,
    /// Words of the profile's own, `{word}` in arguments and in `set` of a file; `genesis_values:` of an inventory gives
    /// others.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GenesisHow {
    /// The first validator's documents, with the validators of all.
    Merge,
    /// The chain's own tool on the validators' hosts, as Cosmos' gentx: keys stay where they are.
    Tool,
    /// The profile's own document, with the chain id and the validators of all set in it: no host has made one.
    Encode,
}

impl Encoded {
    /// Whether a value of a document can be read so.
    pub fn is_sound(self, value: Option<&Value>) -> bool {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        match self {
            Self::IstanbulExtra => istanbul::Extra::parse(text).is_ok(),
        }
    }
}
