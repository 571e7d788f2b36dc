//! S4, S13: one key on one node, whole and with its sign state, or nothing is written.

use std::collections::{BTreeMap, HashMap};

use super::lifecycle;
use crate::{
    chain::profile::HomePath,
    cluster::{Cluster, Node, Role},
    facts::{Facts, FileKind, NodeFacts},
    types::ids::{NodeName, RemotePath},
    types::{code::Code, diagnostic::Diagnostic},
};

/// S4: two nodes that are one to the chain.
pub(super) fn no_clones(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut seen: HashMap<String, &NodeName> = HashMap::new();
    let mut refusals = Vec::new();
    for node in &cluster.nodes {
        let Some(node_facts) = facts.nodes.get(&node.name) else { continue };
        let id = node_facts
            .node_id
            .as_ref()
            .map(|id| (format!("node id {id}"), Code::ClonedNode, "node id", id.to_string()));
        // Of full nodes as well: whoever has a validator's key signs with it, whatever the inventory says of it.
        let key = node_facts
            .validator_key
            .as_ref()
            .map(|key| (format!("key {key}"), Code::ClonedKey, "validator key", key.to_string()));
        for (mark, code, what, value) in [id, key].into_iter().flatten() {
            if let Some(other) = seen.insert(mark, &node.name) {
                let message = format!("has the same {what} as {other} ({value}): cloned images?");
                let advice = "the chain takes the two for one. On one of them: `loomctl down --destroy --delete-keys \
                              --limit NODE`, then `loomctl up` makes keys of its own";
                refusals.push(Diagnostic::refusal(code, Some(&node.name), message).help(advice));
            }
        }
    }
    refusals
}

/// S13: a node that had keys and has lost one of them, or its sign state, is never initialised again.
pub(super) fn keys_complete(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Vec<Diagnostic> {
    let Some(home) = &seen.home else { return Vec::new() };
    if !lifecycle::is_ours(cluster, node, seen) && !lifecycle::is_restored(cluster, node, seen) {
        return Vec::new();
    }
    let profile = &cluster.profile;
    let signs = profile.sign_state.as_ref();
    let signs = signs.map(|signs| ("sign state", &signs.file, seen.signed_height.is_some()));
    let keys = [
        ("node key", &profile.node_key.file, seen.node_id.is_some()),
        ("validator key", &profile.validator_key.file, seen.validator_key.is_some()),
    ];
    let files = keys.into_iter().chain(signs);
    let mut missing: BTreeMap<RemotePath, Vec<&str>> = BTreeMap::new();
    for (what, path, _) in files.filter(|(_, _, whole)| !whole) {
        missing.entry(path.under(home)).or_default().push(what);
    }
    let refuse = |(path, what): (RemotePath, Vec<&str>)| {
        let printed = profile.init.prints.as_ref().is_some_and(|prints| prints.of.under(home) == path);
        let state = match seen.has(&path) {
            false => "is missing",
            true if printed => "is not the one whose public part was kept when it was made, or that is gone",
            true => "cannot be read",
        };
        let message = format!("the {} {state}: {path}", what.join(" and "));
        let advice = "put it back with `loomctl keys restore`; loomctl never replaces it, since a second key or a forgotten \
                      sign state may sign twice. To give this node up: `loomctl down --destroy --delete-keys --limit NODE`";
        Diagnostic::refusal(Code::KeysMissing, Some(&node.name), message).help(advice)
    };
    missing.into_iter().map(refuse).collect()
}

/// S13: a key that the node itself cannot read. One chain then stops, another makes a new key in its place in silence.
pub(super) fn keys_readable(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Vec<Diagnostic> {
    let Some(home) = seen.home.as_ref().filter(|_| lifecycle::is_ours(cluster, node, seen)) else {
        return Vec::new();
    };
    let closed = |path: &HomePath| {
        let path = path.under(home);
        // A link counts by what is behind it, which is not looked at.
        let file = seen.file(&path).filter(|file| file.kind == FileKind::File)?;
        let (owner, _) = file.owner.split_once(':')?;
        let why = match owner == node.user.as_str() {
            false => format!("belongs to {owner}"),
            true if file.mode & 0o400 == 0 => format!("has mode {:04o}", file.mode),
            true => return None,
        };
        let message = format!("{path} {why}: the node runs as {} and could not read it", node.user);
        let advice = format!("give it back: `chown {0}: {path} && chmod 600 {path}` as root", node.user);
        Some(Diagnostic::refusal(Code::KeysUnreadable, Some(&node.name), message).help(advice))
    };
    let mut files = cluster.profile.key_files();
    files.sort();
    files.dedup();
    files.into_iter().filter_map(closed).collect()
}

/// S13: a host with nothing on it, whose node the others know, is no new one to a chain that has begun.
pub(super) fn has_lost_its_disk(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    seen: &NodeFacts,
) -> Option<Diagnostic> {
    let is_new = seen.validator_key.is_none()
        && !lifecycle::is_ours(cluster, node, seen)
        && !lifecycle::is_restored(cluster, node, seen)
        && !lifecycle::is_staged(seen);
    if !is_new || node.role != Role::Validator {
        return None;
    }
    let id = crate::plan::endpoints::known_as(cluster, node, facts)?;
    let message = format!("the others know it as node id {id}, and its keys are gone: a lost disk?");
    let advice = "put them back with `loomctl keys restore BACKUP --identity FILE`, then `loomctl up`. Without a backup its \
                  vote is lost: with `role: full` for this host it joins again, with new keys and without a vote";
    Some(Diagnostic::refusal(Code::DiskLost, Some(&node.name), message).help(advice))
}

/// S13: the chain shows a signature of this key that its sign state here does not know.
pub fn sign_state_is_whole(node: &Node, facts: &Facts, seen: &NodeFacts) -> Option<Diagnostic> {
    let (key, signed) = (seen.validator_key.as_ref()?, seen.signed_height?);
    let voter = facts.voting.as_ref()?.voters.iter().find(|voter| voter.key == *key)?;
    (!seen.unit.is_running() && voter.last_signed > signed).then(|| {
        let by = voter.shown_by.as_ref().map_or_else(String::new, |name| format!(" (shown by {name})"));
        let message = format!(
            "its sign state stands at height {signed}, but the chain has its signature at {}{by}",
            voter.last_signed
        );
        let advice = "either the same key signs elsewhere (find and stop that process), or the sign state is an old copy: \
                      put the last one back. Started as it is, it could sign twice";
        Diagnostic::refusal(Code::SignStateOld, Some(&node.name), message).help(advice)
    })
}
