//! Nothing at this path, whatever was there.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::RemotePath,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gone {
    pub path: RemotePath,
}

impl Kind for Gone {
    fn word(&self) -> &'static str {
        "gone"
    }

    fn subject(&self) -> String {
        self.path.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        facts.has(&self.path).then(|| "is there".to_owned())
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        seen.files.retain(|at, _| *at != self.path && !at.is_below(&self.path));
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("gone.sh")), Part::Both(include_str!("gone.hand.sh"))]
    }

    fn call(&self) -> String {
        words(["step_gone", self.path.as_str()])
    }
}
