//! A file with this content, owner and mode.

use serde::{Deserialize, Serialize};

use super::{Kind, disk};
use crate::{
    facts::{NodeFacts, UnitFacts},
    script::{compose::Part, quote::words},
    types::{
        ids::{RemotePath, Sha256},
        text::Text,
    },
};

/// Of all that puts a text somewhere.
pub const SHELL: &[Part] = &[Part::Root(include_str!("file.sh")), Part::Both(include_str!("file.hand.sh"))];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    pub path: RemotePath,
    pub owner: String,
    pub mode: u32,
    pub content: Text,
}

impl Kind for File {
    fn word(&self) -> &'static str {
        "file"
    }

    fn subject(&self) -> String {
        self.path.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        disk::file_differs(facts.file(&self.path), self.content.sha256(), &self.owner, self.mode)
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        disk::put(seen, &self.path, disk::text(&self.owner, self.mode, &self.content));
        let is_its = |unit: &&mut UnitFacts| unit.load == "loaded" && unit.fragment == self.path.as_str();
        seen.units_mut().filter(is_its).for_each(|unit| unit.needs_reload = true);
    }

    fn shell(&self) -> &'static [Part] {
        SHELL
    }

    fn call(&self) -> String {
        call(&self.path, &self.owner, self.mode, self.content.sha256(), &self.content)
    }
}

/// The content is an argument of a function, never of a process: printf is the shell's own.
pub fn call(path: &RemotePath, owner: &str, mode: u32, sha256: &Sha256, content: &str) -> String {
    let (mode, size) = (disk::octal(mode), content.len().to_string());
    words(["step_file", path.as_str(), owner, &mode, &size, sha256.as_str(), content])
}
