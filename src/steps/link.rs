//! A symbolic link to this target.

use serde::{Deserialize, Serialize};

use super::{Kind, disk};
use crate::{
    facts::{FileFact, FileKind, NodeFacts},
    script::{compose::Part, quote::words},
    types::ids::RemotePath,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub path: RemotePath,
    pub target: RemotePath,
}

impl Kind for Link {
    fn word(&self) -> &'static str {
        "link"
    }

    fn subject(&self) -> String {
        self.path.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        match facts.file(&self.path) {
            None => Some("is missing".to_owned()),
            Some(file) if file.target.as_deref() == Some(self.target.as_str()) => None,
            Some(file) => {
                Some(format!("points to {}", file.target.as_deref().unwrap_or("nothing: it is no link")))
            }
        }
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        let link = disk::predicted(FileKind::Link, "", 0o777);
        disk::put(seen, &self.path, FileFact { target: Some(self.target.to_string()), ..link });
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("link.sh")), Part::Both(include_str!("link.hand.sh"))]
    }

    fn call(&self) -> String {
        words(["step_link", self.path.as_str(), self.target.as_str()])
    }
}
