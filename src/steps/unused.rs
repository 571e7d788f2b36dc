//! A cached binary is gone, unless another node's manifest on the host names it.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::RemotePath,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unused {
    pub path: RemotePath,
}

impl Kind for Unused {
    fn word(&self) -> &'static str {
        "gone"
    }

    fn subject(&self) -> String {
        self.path.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        facts.binaries.contains_key(&self.path).then(|| "is there".to_owned())
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        seen.binaries.remove(&self.path);
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("unused.sh"))]
    }

    fn call(&self) -> String {
        words(["step_unused", self.path.as_str()])
    }
}
