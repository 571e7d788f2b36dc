//! A node's first documents: kept, pristine, under its state folder, before the marker says that the node is ours.

use super::disk;
use crate::{facts::NodeFacts, script::compose::Part, types::ids::RemotePath};

pub const ROOT: Part = Part::Root(include_str!("documents.sh"));
pub const HAND: Part = Part::Hand(include_str!("documents.hand.sh"));

/// `NAME PATH` a line.
pub fn lines(keep: &[(String, String)]) -> String {
    let lines: Vec<String> = keep.iter().map(|(name, path)| format!("{name} {path}")).collect();
    lines.join("\n")
}

/// Why the marker is wanted, if it is not there.
pub fn unmarked(facts: &NodeFacts, state: &RemotePath, why: &str) -> Option<String> {
    let marker = state.join("initialised").ok()?;
    (!facts.has(&marker)).then(|| why.to_owned())
}

pub fn mark(seen: &mut NodeFacts, state: &RemotePath) {
    if let Ok(marker) = state.join("initialised") {
        disk::put(seen, &marker, disk::text("", 0o644, &"".into()));
    }
}
