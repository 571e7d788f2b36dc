//! Values of the inventory's `settings:` that a chain takes, and that harm it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::HomePath;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Caution {
    /// One of the profile's files, and a dotted key in it.
    pub file: HomePath,
    pub key: String,
    /// Values that do no harm.
    pub but: Vec<Value>,
    /// Only of nodes that vote.
    #[serde(default)]
    pub validators: bool,
    /// An error, and not a warning.
    #[serde(default)]
    pub refused: bool,
    pub why: String,
    pub help: String,
}
