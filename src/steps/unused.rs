//! A cached binary is gone, unless another node's manifest on the host names it.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::{RemotePath, Sha256},
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
        let is_kept = |sum: &Sha256| self.path.as_str().contains(sum.as_str());
        let kept = facts.manifest.iter().flat_map(|manifest| manifest.kept()).any(is_kept);
        (kept || facts.binaries.contains_key(&self.path)).then(|| "is there".to_owned())
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
