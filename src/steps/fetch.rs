//! A binary whose checksum nobody knows yet, pulled (or `relayed`) and put where its checksum says.

use serde::{Deserialize, Serialize};

use super::{Kind, pull};
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::redact,
};

pub const SHELL: &[Part] = &[Part::Root(include_str!("fetch.sh")), pull::ROOT];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fetch {
    pub name: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<String>,
}

impl Kind for Fetch {
    fn word(&self) -> &'static str {
        "fetch"
    }

    fn subject(&self) -> String {
        format!("{}{}", redact::line(&self.url), pull::through(self.relayed.as_ref()))
    }

    fn wanted(&self, _: &NodeFacts) -> Option<String> {
        Some(pull::hindered("its checksum is not known yet", self.relayed.as_ref()))
    }

    /// Nobody can say what has come.
    fn bring_about(&self, _: &mut NodeFacts) {}

    fn shell(&self) -> &'static [Part] {
        SHELL
    }

    fn call(&self) -> String {
        match self.relayed {
            None => words(["step_fetch", &self.name, &self.url]),
            // Whoever sends the file up sets the variable.
            Some(_) => format!("{} \"$relayed\"", words(["step_relayed", &self.name, &self.url])),
        }
    }
}
