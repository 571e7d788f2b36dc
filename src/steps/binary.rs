//! A binary with this checksum in the cache: uploaded before, or pulled from `url` by the host itself.

use serde::{Deserialize, Serialize};

use super::{Kind, pull};
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::{RemotePath, Sha256},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binary {
    pub path: RemotePath,
    pub sha256: Sha256,
    pub url: Option<String>,
    /// Why the host cannot pull it, so that this machine downloads the file for it and sends it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<String>,
}

impl Kind for Binary {
    fn word(&self) -> &'static str {
        "binary"
    }

    fn subject(&self) -> String {
        let through = pull::through(self.relayed.as_ref());
        format!("{} {}{through}", self.path.file_name(), self.sha256.short())
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        let why = match facts.binaries.get(&self.path) {
            None => "is not there".to_owned(),
            Some(found) if *found == self.sha256 => return None,
            Some(found) => format!("is damaged: its sha256 is {}", found.short()),
        };
        Some(pull::hindered(&why, self.relayed.as_ref()))
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        seen.binaries.insert(self.path.clone(), self.sha256.clone());
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("binary.sh")), pull::ROOT]
    }

    fn call(&self) -> String {
        let pulled = self.url.as_deref().filter(|_| self.relayed.is_none());
        words(["step_binary", self.path.as_str(), self.sha256.as_str(), pulled.unwrap_or("")])
    }
}
