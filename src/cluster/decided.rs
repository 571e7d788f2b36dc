//! What a command has decided about a node's binary, against the inventory: it holds until the inventory says something new.

use serde::{Deserialize, Serialize};

use crate::types::ids::Sha256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecidedBy {
    Upgrade,
    Rollback,
}

impl DecidedBy {
    pub fn command(self) -> &'static str {
        match self {
            Self::Upgrade => "loomctl upgrade",
            Self::Rollback => "loomctl rollback",
        }
    }
}

/// Why the binary of a `Node` is not the inventory's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decides {
    pub by: DecidedBy,
    /// The inventory's binary; `None`: it is a URL that no host has pulled in this run.
    pub instead_of: Option<Sha256>,
}
