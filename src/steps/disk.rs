//! What the kinds that make files have in common: how one differs, and what is predicted of it.

use crate::{
    facts::{FileFact, FileKind, NodeFacts},
    types::{
        ids::{RemotePath, Sha256},
        text::Text,
    },
};

/// When what is predicted comes about: after every start that was seen, so that a process which stays is seen to run on
/// the old files.
const TO_COME: &str = "9999999999.000000000";

pub fn octal(mode: u32) -> String {
    format!("{mode:o}")
}

pub fn owner_differs(file: &FileFact, owner: &str, mode: Option<u32>) -> Option<String> {
    if file.owner != owner {
        return Some(format!("belongs to {}", file.owner));
    }
    mode.filter(|mode| *mode != file.mode).map(|_| format!("has mode {:04o}", file.mode))
}

pub fn file_differs(file: Option<&FileFact>, wanted: &Sha256, owner: &str, mode: u32) -> Option<String> {
    match file {
        None => Some("is missing".to_owned()),
        Some(file) if file.kind != FileKind::File => Some("is not a plain file".to_owned()),
        Some(file) if file.sha256.as_ref() != Some(wanted) => Some("differs".to_owned()),
        Some(file) => owner_differs(file, owner, Some(mode)),
    }
}

/// Something new at a path, and the folders on the way to it.
pub fn put(seen: &mut NodeFacts, path: &RemotePath, file: FileFact) {
    // Of the folders that are made on the way a host is asked about these two.
    let home = seen.home.clone().filter(|home| path.is_below(home));
    let parent = path.parent().filter(|_| home.is_some() || file.kind == FileKind::Link);
    for folder in parent.into_iter().chain(home) {
        let new = || predicted(FileKind::Folder, &file.owner, 0o755).into();
        seen.files.entry(folder).or_insert_with(new);
    }
    seen.files.insert(path.clone(), file.into());
}

pub fn predicted(kind: FileKind, owner: &str, mode: u32) -> FileFact {
    FileFact {
        kind,
        mode,
        owner: owner.to_owned(),
        size: 0,
        inode: 0,
        mtime: String::new(),
        ctime: TO_COME.to_owned(),
        sha256: None,
        target: None,
        content: None,
    }
}

pub fn text(owner: &str, mode: u32, content: &Text) -> FileFact {
    FileFact {
        size: content.len() as u64,
        sha256: Some(content.sha256().clone()),
        content: Some(content.clone()),
        ..predicted(FileKind::File, owner, mode)
    }
}
