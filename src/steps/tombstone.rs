//! A node was taken out of the cluster: its host, or another one, remembers it (S17).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Kind, disk};
use crate::{
    facts::{NodeFacts, removed},
    script::{compose::Part, quote::words},
    types::ids::{RemotePath, Sha256},
};

const MODE: u32 = 0o644;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tombstone {
    pub path: RemotePath,
    pub owner: String,
    pub stone: Arc<removed::Tombstone>,
}

impl Kind for Tombstone {
    fn word(&self) -> &'static str {
        "tombstone"
    }

    fn subject(&self) -> String {
        self.path.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        let there = facts.removed.iter().find(|there| there.identity() == self.stone.identity());
        match there {
            Some(there) if *there == self.stone => None,
            Some(_) => Some("says otherwise".to_owned()),
            None => Some("is missing".to_owned()),
        }
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        seen.removed.retain(|there| there.identity() != self.stone.identity());
        seen.removed.push(Arc::clone(&self.stone));
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("tombstone.sh")), Part::Both(include_str!("file.hand.sh"))]
    }

    fn call(&self) -> String {
        let text = self.stone.text();
        let (size, sum) = (text.len().to_string(), Sha256::of(&text));
        let (path, mode) = (self.path.as_str(), disk::octal(MODE));
        words(["step_tombstone", path, &self.owner, &mode, &size, sum.as_str(), &text])
    }
}
