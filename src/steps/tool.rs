//! One step of the chain's own genesis tool, in a staging folder.

use serde::{Deserialize, Serialize};

use super::once::Once;
use crate::{
    chain::genesis::tool::{Command, Work},
    facts::NodeFacts,
    types::ids::{RemotePath, Sha256, UnitName},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    pub home: RemotePath,
    pub state: RemotePath,
    /// The node's unit, and of that what confines it: the tool runs in it too.
    pub unit: UnitName,
    pub sandbox: String,
    /// What its result is kept as under the state folder.
    pub name: String,
    pub binary: RemotePath,
    pub work: Work,
}

/// Where a tool works; nothing of it stays.
pub const STAGING: &str = ".loomctl-tool";

/// The name under which is kept from what a result was made.
pub fn made_from(name: &str) -> String {
    format!("{name}.from")
}

impl Tool {
    /// The unit of one of its commands.
    pub fn unit_text(&self, command: &Command) -> String {
        let argv = std::iter::once(self.binary.to_string()).chain(command.argv.iter().cloned()).collect();
        let folder = self.home.join(STAGING).unwrap_or_else(|_| self.home.clone());
        let once = Once { argv, out: command.out.as_deref(), secret: command.secret };
        once.unit_text(&self.sandbox, &folder, &folder)
    }

    /// Of everything that the result follows from. Not of the binary: an upgrade makes no other genesis.
    pub fn from(&self) -> Sha256 {
        Sha256::of(serde_json::to_string(&self.work).unwrap_or_default())
    }

    /// A key is made once, whatever else changes.
    pub fn is_once(&self) -> bool {
        !self.work.leaves.is_empty()
    }

    /// Whether something that it is given holds this text.
    pub fn works_with(&self, part: &str) -> bool {
        let words = self.work.commands.iter().flat_map(|command| &command.argv);
        self.work.puts.iter().map(|(_, text)| text).chain(words).any(|text| text.contains(part))
    }

    pub fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        let from =
            facts.pristine.get(&made_from(&self.name)).filter(|_| facts.pristine.contains_key(&self.name));
        match from {
            None => Some("has not run".to_owned()),
            Some(from) if self.is_once() || from.trim() == self.from().as_str() => None,
            Some(_) => Some("what it was made from has changed".to_owned()),
        }
    }
}
