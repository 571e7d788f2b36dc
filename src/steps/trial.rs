//! A new binary runs on its host, as the node's user and in the sandbox of its unit, before anything depends on it.

use serde::{Deserialize, Serialize};

use super::{
    Kind, TOOL_STAGING,
    once::{self, Once},
};
use crate::{
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::{RemotePath, Sha256, UnitName},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    pub home: RemotePath,
    /// The node's unit, and of that what confines it: the binary is tried in it too.
    pub unit: UnitName,
    pub sandbox: String,
    pub binary: RemotePath,
    pub sha256: Sha256,
    /// What has it print its version.
    pub arguments: Vec<String>,
}

impl Trial {
    fn folder(&self) -> RemotePath {
        self.home.join(TOOL_STAGING).unwrap_or_else(|_| self.home.clone())
    }

    fn unit_text(&self) -> String {
        let argv = [vec![self.binary.to_string()], self.arguments.clone()].concat();
        let folder = self.folder();
        Once { argv, out: None, secret: false }.unit_text(&self.sandbox, &folder, &folder)
    }

    fn command(&self) -> String {
        [&[self.binary.file_name().to_owned()], &self.arguments[..]].concat().join(" ")
    }
}

impl Kind for Trial {
    fn word(&self) -> &'static str {
        "trial"
    }

    fn subject(&self) -> String {
        self.binary.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        let prepared = facts.manifest.as_ref().and_then(|manifest| manifest.prepared.as_ref());
        let tried = prepared.is_some_and(|prepared| prepared.binary_sha256 == self.sha256);
        (!tried).then(|| "it has not run here yet".to_owned())
    }

    /// The manifest says it.
    fn bring_about(&self, _: &mut NodeFacts) {}

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("trial.sh")), once::ROOT, once::HAND]
    }

    fn call(&self) -> String {
        let folder = self.folder();
        words(["step_trial", folder.as_str(), self.unit.as_str(), &self.unit_text(), &self.command()])
    }
}
