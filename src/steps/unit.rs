//! A unit is enabled and, unless `run` is `Leave`, runs what stands in its files.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::{RemotePath, Sha256, UnitName},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    pub name: UnitName,
    pub run: Run,
    pub reload: bool,
    /// systemd knows no unit of its name: there is nothing to ask it before a start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
    pub state: RemotePath,
    /// The file in `state` that says what was started.
    #[serde(default = "started", skip_serializing_if = "is_started")]
    pub record: String,
    /// The checksum of what it is started on; `None`: on what lies on the host, whatever the inventory has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Sha256>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Run {
    Start,
    Restart,
    Leave,
}

/// The record of the chain's own program.
pub fn started() -> String {
    "started".to_owned()
}

fn is_started(record: &str) -> bool {
    record == started()
}

impl Kind for Unit {
    fn word(&self) -> &'static str {
        "unit"
    }

    fn subject(&self) -> String {
        match self.run {
            Run::Restart => format!("{} restart", self.name),
            Run::Start => format!("{} start", self.name),
            Run::Leave => self.name.to_string(),
        }
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        let unit = facts.unit_of(&self.name);
        if self.run == Run::Restart {
            return Some("runs something else than its files say".to_owned());
        }
        if unit.file_state != "enabled" {
            return Some(if unit.file_state.is_empty() {
                "is not installed".to_owned()
            } else {
                format!("is {}", unit.file_state)
            });
        }
        if self.reload || unit.needs_reload {
            return Some("systemd has not read its files again".to_owned());
        }
        (self.run == Run::Start && !unit.is_running()).then(|| format!("is {}", unit.active))
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        let unit = seen.unit_of_mut(&self.name);
        "enabled".clone_into(&mut unit.file_state);
        unit.needs_reload = false;
        if self.run != Run::Leave {
            "active".clone_into(&mut unit.active);
            unit.main_pid = 1;
            unit.exe_sha256 = None; // that of the link
            "predicted".clone_into(&mut unit.invocation);
            *seen.started_as(&self.name) = self.runs.clone().map(|runs| ("predicted".to_owned(), runs));
        }
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("unit.sh"))]
    }

    fn call(&self) -> String {
        let run = match self.run {
            Run::Start if self.first => "first",
            Run::Start => "start",
            Run::Restart => "restart",
            Run::Leave => "leave",
        };
        let record = format!("{}/{}", self.state, self.record);
        words(["step_unit", self.name.as_str(), run, &record, self.runs.as_ref().map_or("-", Sha256::as_str)])
    }
}
