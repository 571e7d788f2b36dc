//! What somebody else's node runs on is kept, pristine, and the node is ours from then on.

use serde::{Deserialize, Serialize};

use super::{Kind, documents};
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::RemotePath,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adopt {
    pub home: RemotePath,
    pub state: RemotePath,
    /// What is kept under the state folder: name → path below the home.
    pub keep: Vec<(String, String)>,
}

impl Kind for Adopt {
    fn word(&self) -> &'static str {
        "adopt"
    }

    fn subject(&self) -> String {
        self.home.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        documents::unmarked(facts, &self.state, "somebody else has made it")
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        for (name, below) in &self.keep {
            if let Some(text) = self.home.join(below).ok().and_then(|at| seen.text(&at).cloned()) {
                seen.pristine.insert(name.clone(), text);
            }
        }
        documents::mark(seen, &self.state);
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("adopt.sh")), documents::ROOT, documents::HAND]
    }

    fn call(&self) -> String {
        words(["step_adopt", self.home.as_str(), self.state.as_str(), &documents::lines(&self.keep)])
    }
}
