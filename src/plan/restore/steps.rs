//! What puts a node's keys back.

use std::collections::BTreeSet;

use crate::{
    chain::{profile::HomePath, sign_state},
    cluster::{Cluster, Node, backup::Kept},
    facts::NodeFacts,
    plan::{Planned, lifecycle},
    steps::{File, Folder, Key, Step},
    types::{ids::RemotePath, login::Secret},
};

/// The marker first: from then on `up` says what is missing, instead of making it. The validator key last: it is never
/// there without its sign state.
pub(super) fn of_node(
    cluster: &Cluster,
    node: &Node,
    seen: &NodeFacts,
    kept: &Kept,
    first: Option<u64>,
) -> Result<Vec<Planned>, String> {
    let (Some(home), Some(account), profile) = (&seen.home, &seen.account, &cluster.profile) else {
        return Err("its user is not known".to_owned());
    };
    let owner = format!("{}:{}", node.user, account.group);
    let state = cluster.state_folder(node);
    let mut steps = Vec::new();
    let files = profile.key_files();
    if !lifecycle::is_ours(cluster, node, seen) {
        let below = |name: &str| state.join(name).map_err(|e| e.to_string());
        let text = |path, content| {
            Step::File(File { path, owner: cluster.scope(node).owner(), mode: 0o644, content })
        };
        let list: Vec<&str> = files.iter().map(|path| path.as_str()).collect();
        steps.push(text(below("restored")?, (list.join("\n") + "\n").into()));
        for (name, document) in
            kept.documents.iter().filter(|(name, _)| profile.documents.contains_key(*name))
        {
            steps.push(text(below(&format!("pristine/{name}"))?, document.as_str().into()));
        }
    }
    steps.push(Step::Folder(Folder { path: home.clone(), owner: owner.clone(), mode: 0o755, strict: false }));
    for path in folders(home, &files) {
        steps.push(Step::Folder(Folder { path, owner: owner.clone(), mode: 0o700, strict: false }));
    }
    for path in files.into_iter().rev() {
        if is_there(cluster, seen, kept, path, first) {
            continue;
        }
        let content = content(cluster, kept, path, first)?;
        steps.push(Step::Key(Key { path: path.under(home), owner: owner.clone(), content }));
    }
    Ok(crate::plan::called_for::called_for(steps, seen))
}

/// A key that is there is the backup's. A sign state that is there stays where there is nothing to raise it to, and it
/// knows as much as the backup's.
fn is_there(cluster: &Cluster, seen: &NodeFacts, kept: &Kept, path: &HomePath, first: Option<u64>) -> bool {
    let profile = &cluster.profile;
    let key = *path != profile.validator_key.file || seen.validator_key.is_some();
    let id = *path != profile.node_key.file || seen.node_id.is_some();
    let signed = first.is_none() && seen.signed_height.is_some_and(|height| height >= kept.signed_height);
    let signs = profile.sign_state.as_ref().is_some_and(|signs| *path == signs.file);
    let printed = profile.init.prints.as_ref().is_some_and(|prints| *path == prints.to);
    key && id && (!signs || signed) && (!printed || seen.node_id.is_some())
}

fn content(cluster: &Cluster, kept: &Kept, path: &HomePath, first: Option<u64>) -> Result<Secret, String> {
    let (text, rule) = (kept.text(path)?, cluster.profile.sign_state.as_ref());
    match first.zip(rule.filter(|rule| *path == rule.file)) {
        None => Ok(text),
        Some((first, rule)) => sign_state::from_height(text.reveal(), &rule.prefix, first)
            .map(Secret::new)
            .map_err(|e| e.to_string()),
    }
}

/// Every folder between the home and the files, the outer ones first.
fn folders(home: &RemotePath, files: &[&HomePath]) -> BTreeSet<RemotePath> {
    let mut all = BTreeSet::new();
    for file in files {
        let mut parent = file.under(home).parent();
        while let Some(folder) = parent.filter(|folder| folder.is_below(home)) {
            parent = folder.parent();
            all.insert(folder);
        }
    }
    all
}
