//! `group_vars/` and `host_vars/` of one folder: which files hold what belongs to a name.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{refuse, text};
use crate::{
    inventory::{Source, Vault},
    types::{code::Code, diagnostic::Diagnostic},
};

/// No extension goes first, so that a folder is found before a file.
const ENDS: [&str; 4] = ["", ".yml", ".yaml", ".json"];
/// Folders within folders.
const MAX_LEVELS: usize = 20;

/// A folder beside which variables may stand.
pub(in crate::inventory) struct Folder {
    pub path: PathBuf,
    groups: Named,
    hosts: Named,
    pub is_working_directory: bool,
    vault: Arc<Vault>,
}

struct Named {
    path: PathBuf,
    /// What is in it: one look for all names, since there may be ten thousand.
    entries: HashSet<String>,
}

impl Folder {
    pub fn open(
        folder: &Path,
        is_working_directory: bool,
        vault: &Arc<Vault>,
        problems: &mut Vec<Diagnostic>,
    ) -> Self {
        let groups = Named::open(folder.join("group_vars"), problems);
        let hosts = Named::open(folder.join("host_vars"), problems);
        Self { path: folder.to_owned(), groups, hosts, is_working_directory, vault: vault.clone() }
    }

    /// The files for a group or host, in the order in which they count.
    pub fn vars_of(&self, name: &str, group: bool, problems: &mut Vec<Diagnostic>) -> Vec<Source> {
        let named = if group { &self.groups } else { &self.hosts };
        let mut sources = Vec::new();
        for path in named.files_of(name) {
            match text(&path, "the file", &self.vault) {
                Ok(source) => sources.push(source),
                Err(problem) => problems.push(*problem),
            }
        }
        sources
    }
}

impl Folder {
    /// The folders of variables that are there, and what is in them.
    pub fn read(&self) -> Vec<PathBuf> {
        let there = [&self.groups, &self.hosts].into_iter().filter(|named| !named.entries.is_empty());
        let mut read = Vec::new();
        for named in there {
            let mut entries: Vec<PathBuf> =
                named.entries.iter().map(|entry| named.path.join(entry)).collect();
            entries.sort();
            read.push(named.path.clone());
            read.extend(entries);
        }
        read
    }

    /// Files and folders for groups (else hosts) whose name nobody knows, each with that name.
    pub fn strays(&self, group: bool, is_known: impl Fn(&str) -> bool) -> Vec<(PathBuf, String)> {
        let named = if group { &self.groups } else { &self.hosts };
        let of = |entry: &String| {
            let end = ENDS[1..].iter().find_map(|end| entry.strip_suffix(end));
            let name = end.unwrap_or(entry);
            // What Ansible would not read under any name is nobody's concern.
            let is_read = !entry.starts_with('.') && !super::is_ignored(entry);
            (is_read && !is_known(name) && !is_known(entry))
                .then(|| (named.path.join(entry), name.to_owned()))
        };
        let mut strays: Vec<_> = named.entries.iter().filter_map(of).collect();
        strays.sort();
        strays
    }
}

impl Named {
    fn open(path: PathBuf, problems: &mut Vec<Diagnostic>) -> Self {
        let mut entries = HashSet::new();
        if path.is_dir() {
            match fs::read_dir(&path) {
                Ok(found) => {
                    let names = found.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
                    entries.extend(names);
                }
                Err(error) => {
                    let message = format!("{} cannot be read: {error}", path.display());
                    problems.push(*refuse(message, "check its permissions"));
                }
            }
        } else if path.exists() {
            let message =
                format!("{} is no directory, and its name is that of one with variables", path.display());
            problems.push(refuse(message, "rename it, or make it a directory").coded(Code::Skipped));
        }
        Self { path, entries }
    }

    fn files_of(&self, name: &str) -> Vec<PathBuf> {
        // Names of changed roots are paths; they have no variables beside them.
        if self.entries.is_empty() || name.starts_with('/') {
            return Vec::new();
        }
        let is_there = |file: &String| {
            // A link that leads nowhere is in the folder, and not there.
            (self.entries.contains(file) || file.contains('/')) && self.path.join(file).exists()
        };
        let Some(file) = ENDS.iter().map(|end| format!("{name}{end}")).find(is_there) else {
            return Vec::new();
        };
        let path = self.path.join(file);
        let mut files = Vec::new();
        if path.is_dir() {
            below(&path, 0, &mut files);
        } else {
            files.push(path);
        }
        files
    }
}

/// Every file of a known kind in a folder and the folders in it, by name; hidden ones and backups are passed over.
fn below(folder: &Path, level: usize, files: &mut Vec<PathBuf>) {
    let names = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.') && !name.ends_with('~'));
    names.sort_unstable();
    for name in names {
        let path = folder.join(&name);
        let end = name.rfind('.').filter(|at| *at > 0).map_or("", |at| &name[at..]);
        if path.is_dir() {
            if end.is_empty() && level < MAX_LEVELS {
                below(&path, level + 1, files);
            }
        } else if ENDS.contains(&end) && path.exists() {
            files.push(path);
        }
    }
}
