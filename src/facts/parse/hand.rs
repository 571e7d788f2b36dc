//! What the node's user has seen in its folder, and the texts of files.

use std::collections::BTreeMap;

use super::{
    LONGEST_VALUE, folder,
    node::{node_fact, set_sum},
};
use crate::{
    facts::{NodeFacts, manifest::Manifest, texts},
    types::ids::{RemotePath, Sha256},
};

/// Texts of one node's folder at the most: a plan asks for a handful.
const TEXTS: usize = 64;
/// Records about one node's folder at the most: a few for each path that a plan asks for.
const MOST_RECORDS: usize = 10_000;

/// Manifests of other nodes at the most.
const MOST_OTHERS: usize = 64;

/// What stands at the end of a look that nobody has cut off.
const WHOLE: &[u8] = b"\0whole\0";

/// What the node's user has seen in its folder (`look` in hand.sh): records that end with NUL, and the texts. It is that
/// account's word: it counts for what is in the folder and for its keys, and for nothing of root's.
pub(super) fn seen_by_hand(node: &mut NodeFacts, bytes: &[u8]) {
    let Some(home) = node.home.clone() else { return };
    node.cut_off = !bytes.ends_with(WHOLE);
    let Some(bytes) = bytes.strip_suffix(WHOLE) else { return };
    let mut there = home.clone();
    let (mut theirs, mut texts, mut rest) = (NodeFacts::default(), Vec::new(), bytes);
    let mut left = MOST_RECORDS;
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let record = &rest[..end];
        rest = &rest[end + 1..];
        if record == b"texts" {
            break;
        }
        left = left.saturating_sub(1);
        if left == 0 || record.len() > LONGEST_VALUE {
            node.cut_off = true;
            return;
        }
        let record = String::from_utf8_lossy(record);
        match record.split_once(' ') {
            Some(("text", path)) if texts.len() < TEXTS => texts.push(path.to_owned()),
            Some(("there", path)) => there = folder(path).unwrap_or(there),
            Some((sum, _)) if Sha256::new(sum).is_ok() => set_sum(&mut theirs, &record),
            Some((key, value)) => node_fact(&mut theirs, key, value),
            None => {}
        }
    }
    theirs.files.retain(|path, _| *path == home || path.is_below(&home));
    take_texts(&mut theirs, None, &texts, rest);
    node.files.append(&mut theirs.files);
    node.elsewhere = theirs.elsewhere;
    node.closed = theirs.closed;
    node.shown = node.shown.take().filter(|shown| there.is_below(shown));
    node.node_id = theirs.node_id;
    node.validator_key = theirs.validator_key;
    node.signed_height = theirs.signed_height;
}

/// `state`: our folder for the node, of texts that are root's own: the manifest, and what is kept pristine. The rest are files.
pub(super) fn take_texts(node: &mut NodeFacts, state: Option<&str>, paths: &[String], stream: &[u8]) {
    let path = |path: &str| RemotePath::new(path).ok();
    let sizes: BTreeMap<_, _> = node.files.iter().map(|(path, file)| (path.clone(), file.size)).collect();
    for (at, bytes) in texts::split(stream, paths, |at| sizes.get(&path(at)?).copied()) {
        match state.and_then(|state| at.strip_prefix(state)?.strip_prefix('/')) {
            Some("manifest.json") => match Manifest::parse(&String::from_utf8_lossy(bytes)) {
                Ok(manifest) => node.manifest = Some(manifest.into()),
                Err(why) => node.manifest_error = Some(why),
            },
            Some(own) => {
                if let Some(name) = own.strip_prefix("pristine/") {
                    node.pristine.insert(name.to_owned(), String::from_utf8_lossy(bytes).into_owned().into());
                }
            }
            None if is_of_another(state, at) => {
                let other = Manifest::parse(&String::from_utf8_lossy(bytes)).ok();
                node.others.extend(other.filter(|_| node.others.len() < MOST_OTHERS).map(Into::into));
            }
            None => {
                let file = path(at).and_then(|path| node.file_mut(&path));
                if let (Some(file), Ok(text)) = (file, std::str::from_utf8(bytes)) {
                    file.content = Some(text.into());
                }
            }
        }
    }
}

/// The manifest of another node, in the folder of which `state` is `CLUSTER/NODE`.
fn is_of_another(state: Option<&str>, at: &str) -> bool {
    let lib = state.and_then(|state| Some(state.rsplit_once('/')?.0.rsplit_once('/')?.0));
    let below = lib.and_then(|lib| at.strip_prefix(lib)?.strip_prefix('/'));
    below.is_some_and(|below| below.split('/').count() == 3 && below.ends_with("/manifest.json"))
}
