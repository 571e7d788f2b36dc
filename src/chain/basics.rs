//! What is known of a node before its init has run, and the words that stand for it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::types::ids::{ChainId, HostAddr, NodeName};

/// `settings:` of the inventory: file (path in the home, or its base name) → dotted or nested keys.
pub type Settings = BTreeMap<String, Map<String, Value>>;

/// What is known of a node before its init has run.
#[derive(Debug, Clone)]
pub struct Basics {
    pub name: NodeName,
    pub chain_id: ChainId,
    /// None: the profile's.
    pub rpc_bind: Option<HostAddr>,
    /// Only what the inventory moves; by the profile's names.
    pub ports: BTreeMap<String, u16>,
    pub settings: Settings,
    /// `genesis.values` of the profile, with the inventory's.
    pub values: BTreeMap<String, String>,
}

impl Basics {
    /// What a word in braces stands for before init has run.
    pub fn word(&self, word: &str) -> Option<String> {
        match word {
            "name" => Some(self.name.to_string()),
            "chain_id" => Some(self.chain_id.to_string()),
            _ => self.values.get(word).cloned(),
        }
    }
}
