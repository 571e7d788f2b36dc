//! systemd has read its units again.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{facts::NodeFacts, script::compose::Part};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reload;

impl Kind for Reload {
    fn word(&self) -> &'static str {
        "reload"
    }

    fn subject(&self) -> String {
        "systemd".to_owned()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        facts.units().any(|unit| unit.needs_reload).then(|| "a unit's file has changed".to_owned())
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        seen.units_mut().for_each(|unit| unit.needs_reload = false);
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("reload.sh"))]
    }

    fn call(&self) -> String {
        "step_reload".to_owned()
    }
}
