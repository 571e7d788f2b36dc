//! A private key or its sign state, readable for its owner alone. No plan holds it: it is made where it is needed.

use serde::{Deserialize, Serialize};

use super::{Kind, disk, file};
use crate::{
    facts::{FileFact, FileKind, NodeFacts},
    script::compose::Part,
    types::{
        ids::{RemotePath, Sha256},
        login::Secret,
    },
};

/// Of a file with a private key.
pub const MODE: u32 = 0o600;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub path: RemotePath,
    pub owner: String,
    #[serde(skip)]
    pub content: Secret,
}

impl Key {
    fn sha256(&self) -> Sha256 {
        Sha256::of(self.content.reveal())
    }
}

impl Kind for Key {
    fn word(&self) -> &'static str {
        "key"
    }

    fn subject(&self) -> String {
        self.path.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        disk::file_differs(facts.file(&self.path), &self.sha256(), &self.owner, MODE)
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        let file = disk::predicted(FileKind::File, &self.owner, MODE);
        disk::put(seen, &self.path, FileFact { sha256: Some(self.sha256()), ..file });
    }

    /// Put like any file.
    fn shell(&self) -> &'static [Part] {
        file::SHELL
    }

    fn call(&self) -> String {
        file::call(&self.path, &self.owner, MODE, &self.sha256(), self.content.reveal())
    }
}
