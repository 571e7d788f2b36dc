//! Which binaries a node has had, and by whose decision: what its manifest keeps of that.

use std::sync::Arc;

use super::{
    ask,
    lifecycle::{self, Life},
};
use crate::{
    cluster::{Cluster, Node, decided::DecidedBy},
    facts::{
        Facts, Voting,
        manifest::{Decided, Entry, EntryKind, FORMAT, Manifest, Prepared, Previous},
    },
    types::ids::Sha256,
};

/// So many binaries are kept on a host beside the present one.
pub const KEPT: usize = 3;
/// Seconds after which what was prepared is not taken for granted any more.
const EXPIRES: u64 = 14 * 24 * 3600;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    pub decided: Option<Decided>,
    pub previous: Vec<Previous>,
    pub prepared: Option<Prepared>,
}

/// Once the node has the binary that is planned for it.
pub fn of_node(cluster: &Cluster, node: &Node, facts: &Facts) -> Versions {
    let before = facts.nodes.get(&node.name).and_then(|seen| seen.manifest.as_ref());
    let planned = ask::binary_sha256(node, facts);
    let prepared = prepared(node, facts).filter(|of| Some(&of.binary_sha256) != planned);
    Versions {
        decided: decided(node, before, planned),
        previous: previous(cluster, node, facts, planned),
        prepared: prepared.cloned(),
    }
}

/// The binary that was tried there, if that was not too long ago.
pub fn prepared<'f>(node: &Node, facts: &'f Facts) -> Option<&'f Prepared> {
    let manifest = facts.nodes.get(&node.name)?.manifest.as_ref()?;
    manifest.prepared.as_ref().filter(|prepared| age(node, facts, prepared) < EXPIRES)
}

/// The days since a binary was prepared that the node was never given, once these are too many.
pub fn expired(node: &Node, facts: &Facts) -> Option<(Sha256, u64)> {
    let prepared = facts.nodes.get(&node.name)?.manifest.as_ref()?.prepared.as_ref()?;
    let age = age(node, facts, prepared);
    (age >= EXPIRES).then(|| (prepared.binary_sha256.clone(), age / (24 * 3600)))
}

/// A clock that went back does not make it older.
fn age(node: &Node, facts: &Facts, prepared: &Prepared) -> u64 {
    now(node, facts).saturating_sub(prepared.at)
}

/// By the host's clock: seconds since 1970.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn now(node: &Node, facts: &Facts) -> u64 {
    // Below zero is zero.
    facts.machines.get(&node.machine).map_or(0, |machine| machine.clock as u64)
}

fn decided(node: &Node, before: Option<&Arc<Manifest>>, planned: Option<&Sha256>) -> Option<Decided> {
    let Some(decides) = &node.decides else {
        // The inventory names the same by now: there is nothing left to say.
        let before = before.filter(|before| before.binary_sha256.as_ref() == planned);
        return before.and_then(|before| before.decided.clone());
    };
    let had = before.and_then(|before| match &before.decided {
        Some(decided) => decided.instead_of.as_ref(),
        None => before.binary_sha256.as_ref(),
    });
    let instead_of = decides.instead_of.as_ref().or(had).filter(|had| Some(*had) != planned);
    // An upgrade to what the inventory has says nothing; that a node has gone back is remembered.
    let says = instead_of.is_some() || decides.by == DecidedBy::Rollback;
    says.then(|| Decided { by: decides.by, instead_of: instead_of.cloned() })
}

/// With the binary that it has now in front, if that has made blocks; back to one of them, those after it are forgotten.
fn previous(cluster: &Cluster, node: &Node, facts: &Facts, planned: Option<&Sha256>) -> Vec<Previous> {
    let Some(before) = facts.nodes.get(&node.name).and_then(|seen| seen.manifest.as_ref()) else {
        return Vec::new();
    };
    let (Some(present), Some(planned)) = (&before.binary_sha256, planned) else {
        return before.previous.clone();
    };
    if present == planned {
        return before.previous.clone();
    }
    if let Some(back) = before.previous.iter().position(|one| one.binary_sha256 == *planned) {
        return before.previous[back + 1..].to_vec();
    }
    let made_blocks = lifecycle::of_node(cluster, node, facts) == Life::Live;
    let present = made_blocks.then(|| Previous {
        binary_sha256: present.clone(),
        state_version: facts.voting.as_ref().and_then(Voting::state_version),
    });
    present.into_iter().chain(before.previous.iter().cloned()).take(KEPT).collect()
}

/// The node's manifest with the binary that is planned for it, and otherwise what its host has.
pub fn exchanged(cluster: &Cluster, node: &Node, facts: &Facts, before: &Manifest) -> Option<Manifest> {
    let planned = ask::binary_sha256(node, facts)?;
    let program = cluster.main(node);
    let old = before.binary_sha256.as_ref().map(|sha256| cluster.binary_path(node, program, sha256));
    let entry = |entry: Entry| match entry {
        Entry { path, kind: EntryKind::Binary, .. } if Some(&path) == old.as_ref() => Entry {
            path: cluster.binary_path(node, program, planned),
            kind: EntryKind::Binary,
            sha256: Some(planned.clone()),
            inode: None,
            size: None,
            mtime: None,
            ctime: None,
        },
        entry => entry,
    };
    let Versions { decided, previous, prepared } = of_node(cluster, node, facts);
    Some(Manifest {
        format: FORMAT,
        loomctl: env!("CARGO_PKG_VERSION").to_owned(),
        binary_sha256: Some(planned.clone()),
        pinned: node.binary.pinned.is_some(),
        decided,
        previous,
        prepared,
        paths: before.planned().paths.into_iter().map(entry).collect(),
        ..before.clone()
    })
}
