//! A unit does not run.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::UnitName,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    pub unit: UnitName,
}

impl Kind for Stopped {
    fn word(&self) -> &'static str {
        "stopped"
    }

    fn subject(&self) -> String {
        self.unit.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        let unit = facts.unit_of(&self.unit);
        (!unit.is_stopped()).then(|| format!("is {}", unit.active))
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        let unit = seen.unit_of_mut(&self.unit);
        "inactive".clone_into(&mut unit.active);
        unit.main_pid = 0;
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("stopped.sh"))]
    }

    fn call(&self) -> String {
        words(["step_stopped", self.unit.as_str()])
    }
}
