//! What `upgrade` and `rollback` have decided holds against an inventory that is behind, until that says something new.

use std::collections::BTreeMap;

use super::{ask, versions};
use crate::{
    cluster::{Cluster, LocalBinary, Node, decided::Decides},
    facts::Facts,
    types::{
        code::Code,
        diagnostic::Diagnostic,
        ids::{NodeName, Sha256},
    },
};

/// Nodes whose inventory still has what it had when a command decided otherwise keep the binary that they were given.
pub fn keep(cluster: &mut Cluster, facts: &Facts) {
    // Those that the command itself decides about are not kept from it.
    for node in cluster.nodes.iter_mut().filter(|node| node.decides.is_none()) {
        let Some(manifest) = facts.nodes.get(&node.name).and_then(|seen| seen.manifest.as_ref()) else {
            continue;
        };
        let Some(decided) = &manifest.decided else { continue };
        let (Some(given), Some(had)) = (&manifest.binary_sha256, &decided.instead_of) else { continue };
        // A URL that was not pulled in this run is what it was.
        if ask::binary_sha256(node, facts).is_none_or(|planned| planned == had) {
            give(node, given, manifest.pinned);
            node.decides = Some(Decides { by: decided.by, instead_of: Some(had.clone()) });
        }
    }
}

/// A binary that the host has already, whatever the inventory names.
pub(super) fn give(node: &mut Node, sha256: &Sha256, pinned: bool) {
    node.binary.pinned = pinned.then(|| sha256.clone());
    node.binary.local = Some(LocalBinary { sha256: sha256.clone(), arch: None, loader: None, size: 0 });
}

/// The edit that the inventory lacks, and what was prepared and never carried out.
pub fn warnings(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut behind: BTreeMap<(String, String, &str), Vec<&NodeName>> = BTreeMap::new();
    let mut expired: BTreeMap<(String, u64), Vec<&NodeName>> = BTreeMap::new();
    for node in &cluster.nodes {
        let decides = node.decides.as_ref().and_then(|of| Some((of.by.command(), of.instead_of.as_ref()?)));
        if let (Some((command, instead_of)), Some(given)) = (decides, ask::binary_sha256(node, facts)) {
            let key = (given.short().to_owned(), instead_of.short().to_owned(), command);
            behind.entry(key).or_default().push(&node.name);
        }
        if let Some((sha256, days)) = versions::expired(node, facts) {
            expired.entry((sha256.short().to_owned(), days)).or_default().push(&node.name);
        }
    }
    let behind = behind.into_iter().map(|((given, instead_of, command), nodes)| {
        let nodes = names(&nodes);
        Diagnostic::warning(format!(
            "the inventory is behind: `{command}` gave {nodes} the binary {given}, and it still names {instead_of}"
        ))
        .coded(Code::InventoryBehind)
        .help(format!("let `binary` name the file whose sha256 begins with {given}; until then nothing about it is changed"))
    });
    let expired = expired.into_iter().map(|((sha256, days), nodes)| {
        let nodes = names(&nodes);
        Diagnostic::warning(format!(
            "the binary {sha256} was prepared for {nodes} {days} days ago and never used: that has expired"
        ))
        .coded(Code::PreparedExpired)
        .help("run `loomctl upgrade --prepare` again if it is still wanted")
    });
    behind.chain(expired).collect()
}

fn names(nodes: &[&NodeName]) -> String {
    nodes.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}
