//! A process of a node beside the chain's own program.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Binary;

/// It has a unit of its own, and is started before the chain's own program, in the order of the names.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub binary: Binary,
    /// Templates of its unit; it is called as the node's own, with the service's name behind.
    pub unit: ServiceUnit,
    /// Arguments after the binary; `{home}`, `{name}`, `{chain_id}` and `{PORT_port}` (a port's number by its name) stand
    /// for these.
    pub argv: Vec<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceUnit {
    pub template: String,
    /// For the systemd of a user without root.
    pub user_template: String,
}
