//! A folder with this owner; `mode` counts for one that is made, and for one that is there if `strict`.

use serde::{Deserialize, Serialize};

use super::{Kind, disk};
use crate::{
    facts::{FileKind, NodeFacts},
    script::{compose::Part, quote::words},
    types::ids::RemotePath,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Folder {
    pub path: RemotePath,
    pub owner: String,
    pub mode: u32,
    pub strict: bool,
}

impl Kind for Folder {
    fn word(&self) -> &'static str {
        "folder"
    }

    fn subject(&self) -> String {
        self.path.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        match facts.file(&self.path) {
            None => Some("is missing".to_owned()),
            // A link to a folder is as good as one: large disks are mounted elsewhere.
            Some(file) if file.kind == FileKind::Link => None,
            Some(file) if file.kind != FileKind::Folder => Some("is not a folder".to_owned()),
            Some(file) => disk::owner_differs(file, &self.owner, self.strict.then_some(self.mode)),
        }
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        // The mode is that of a new folder, unless it is to be changed.
        let there = seen.file(&self.path).filter(|_| !self.strict).map(|file| file.mode);
        let folder = disk::predicted(FileKind::Folder, &self.owner, there.unwrap_or(self.mode));
        disk::put(seen, &self.path, folder);
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("folder.sh")), Part::Hand(include_str!("folder.hand.sh"))]
    }

    fn call(&self) -> String {
        let strict = if self.strict { "1" } else { "0" };
        words(["step_dir", self.path.as_str(), &self.owner, &disk::octal(self.mode), strict])
    }
}
