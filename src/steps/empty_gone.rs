//! A folder of ours is gone, unless somebody else has put something into it.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::RemotePath,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmptyGone {
    pub path: RemotePath,
}

impl Kind for EmptyGone {
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
        // What nobody was asked about may be in there all the same.
        if !seen.files.keys().any(|at| at.is_below(&self.path)) {
            seen.files.remove(&self.path);
        }
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("empty_gone.sh")), Part::Both(include_str!("empty_gone.hand.sh"))]
    }

    fn call(&self) -> String {
        words(["step_empty_gone", self.path.as_str()])
    }
}
