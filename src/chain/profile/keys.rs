//! Where a node keeps its keys and what it has signed, and how these are read.

use schemars::JsonSchema;
use serde::Deserialize;

use super::HomePath;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeKeyFile {
    pub file: HomePath,
    pub read: NodeKeyReader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKeyReader {
    /// `{"priv_key":{"type","value"}}`, value the base64 of 64 bytes; the public key is the last 32 of them.
    Ed25519NodeKey,
    /// 128 hex digits, the whole public key of secp256k1, in what init has printed (`init.prints`): they are the id.
    PrintedSecp256k1,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidatorKeyFile {
    pub file: HomePath,
    pub read: ValidatorKeyReader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValidatorKeyReader {
    /// The top-level `pub_key` of the file, `{"type","value"}`.
    TendermintPubKey,
    /// The address that follows from the public key in what init has printed: the last 20 bytes of its keccak256.
    PrintedSecp256k1Address,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignStateFile {
    pub file: HomePath,
    pub read: SignStateReader,
    /// Before `height`, `round` and `step`: `last_` where key and sign state share one file.
    #[serde(default)]
    pub prefix: String,
    /// How the release writes the round; with another notation the node does not start. Nothing: either way.
    #[serde(default)]
    pub round: Option<RoundForm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoundForm {
    /// Tendermint 0.34 and later.
    Number,
    /// In quotes, as before.
    Text,
}

impl RoundForm {
    /// As a host is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Text => "text",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SignStateReader {
    /// Top-level height, round and step, each a number or a quoted one.
    TendermintSignState,
}
