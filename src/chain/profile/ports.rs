//! Where a node listens.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::HomePath;
use crate::types::ids::ServiceName;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    pub default: u16,
    pub bind: Bind,
    /// Meant to be reached from other machines.
    #[serde(default)]
    pub public: bool,
    /// The service that listens there; absent: the chain's own program.
    #[serde(default)]
    pub service: Option<ServiceName>,
    /// Every key that holds it; the first is the one that is believed.
    pub from: Vec<KeyPlace>,
    /// The key of the address, where `from` holds the number alone.
    #[serde(default)]
    pub bind_from: Option<KeyPlace>,
    /// Expected to listen only where another port has this number.
    #[serde(default)]
    pub only_when_port: Option<PortIs>,
    /// Expected to listen only where a key has this value.
    #[serde(default)]
    pub only_when_key: Option<KeyIs>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bind {
    Any,
    Loopback,
    /// The inventory's `rpc_bind`.
    RpcBind,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyPlace {
    pub file: HomePath,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortIs {
    pub port: String,
    pub is: u16,
}

#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyIs {
    pub file: HomePath,
    pub key: String,
    pub is: Value,
}
