//! What stands beside the sources: `group_vars/` and `host_vars/` in the folder of each, then in the working directory,
//! whose word counts most. After ansible/plugins/vars/host_group_vars.py.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::document::{self, Kind};
use super::sources::Folder;
use super::{Origin, Source, Vars, variables};
use crate::types::{diagnostic::Diagnostic, nearest::nearest};

/// In the order of their strength, weakest first.
#[derive(Default)]
pub(super) struct AdjacentVars {
    pub folders: Vec<Named>,
    /// What is there for names that nobody has: Ansible says nothing of it.
    pub strays: Vec<Diagnostic>,
}

/// Variables of one folder, by the names of groups and hosts.
#[derive(Default)]
pub(super) struct Named {
    pub groups: HashMap<String, Vars>,
    pub hosts: HashMap<String, Vars>,
    pub working_directory: bool,
}

impl AdjacentVars {
    /// What the folders have for a group, weakest first.
    pub fn of_group(&self, name: &str) -> impl Iterator<Item = &Vars> {
        self.folders.iter().filter_map(move |folder| folder.groups.get(name))
    }

    /// The same without the working directory, which is asked for hosts' sake only.
    pub fn of_group_itself(&self, name: &str) -> impl Iterator<Item = &Vars> {
        let sources = self.folders.iter().filter(|folder| !folder.working_directory);
        sources.filter_map(move |folder| folder.groups.get(name))
    }

    pub fn of_host(&self, name: &str) -> impl Iterator<Item = &Vars> {
        self.folders.iter().filter_map(move |folder| folder.hosts.get(name))
    }
}

/// Reads what the folders have for these groups and hosts.
pub(super) fn read(
    folders: &[Folder],
    groups: &[&str],
    hosts: &[&str],
    problems: &mut Vec<Diagnostic>,
) -> AdjacentVars {
    let named =
        |folder: &Folder| Named { working_directory: folder.is_working_directory, ..Named::default() };
    let mut adjacent = AdjacentVars { folders: folders.iter().map(named).collect(), strays: Vec::new() };
    for (names, is_group) in [(groups, true), (hosts, false)] {
        for (folder, named) in folders.iter().zip(&mut adjacent.folders) {
            for name in names {
                let mut vars = Vars::new();
                for source in folder.vars_of(name, is_group, problems) {
                    let origin = if is_group { Origin::Group((*name).to_owned()) } else { Origin::Host };
                    file(&source, &origin, &mut vars, problems);
                }
                if !vars.is_empty() {
                    let named = if is_group { &mut named.groups } else { &mut named.hosts };
                    named.insert((*name).to_owned(), vars);
                }
            }
            adjacent.strays.extend(strays(folder, names, is_group));
        }
    }
    adjacent
}

fn strays(folder: &Folder, names: &[&str], is_group: bool) -> Vec<Diagnostic> {
    let known: HashSet<&str> = names.iter().copied().collect();
    // A group may be named like a path.
    let is_begin = |name: &str| {
        names.iter().any(|known| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
    };
    let is_known = |name: &str| known.contains(name) || is_begin(name);
    let kind = if is_group { "group" } else { "host" };
    let stray = |(path, name): (PathBuf, String)| {
        let message =
            format!("{} is for a {kind} that the inventory does not have: it is not read", path.display());
        let help = match nearest(&name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("no {kind} is named `{name}`"),
        };
        Diagnostic::warning(message).help(help)
    };
    folder.strays(is_group, is_known).into_iter().map(stray).collect()
}

/// The dictionary of one file; an empty one says nothing.
fn file(source: &Source, origin: &Origin, vars: &mut Vars, problems: &mut Vec<Diagnostic>) {
    let Some(root) = document::read(source, problems) else { return };
    match &root.kind {
        Kind::Mapping(entries) => vars.extend(variables::variables(source, entries, origin)),

        kind if variables::is_falsy(kind) => {}
        _ => {
            let message = format!("a file of variables is a dictionary, and this is {}", root.is_a());
            problems.push(
                Diagnostic::error(message).at(Some(&root.place)).help("write `name: value`, one a line"),
            );
        }
    }
}
