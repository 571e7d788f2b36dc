//! A unit is not started with its host.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::UnitName,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disabled {
    pub unit: UnitName,
}

impl Kind for Disabled {
    fn word(&self) -> &'static str {
        "disabled"
    }

    fn subject(&self) -> String {
        self.unit.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        (facts.unit_of(&self.unit).file_state == "enabled").then(|| "is enabled".to_owned())
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        "disabled".clone_into(&mut seen.unit_of_mut(&self.unit).file_state);
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("disabled.sh"))]
    }

    fn call(&self) -> String {
        words(["step_disabled", self.unit.as_str()])
    }
}
