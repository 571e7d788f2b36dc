//! What stands beside the sources: `group_vars/` and `host_vars/` in the folder of each, then in the working directory,
//! whose word counts most. After ansible/plugins/vars/host_group_vars.py.

use std::collections::HashMap;

use super::document::{self, Kind};
use super::sources::Folder;
use super::{Origin, Source, Vars, yaml};
use crate::problem::Problem;

/// In the order of their strength, weakest first.
#[derive(Default)]
pub(super) struct Beside {
    pub folders: Vec<Named>,
}

/// Variables of one folder, by the names of groups and hosts.
#[derive(Default)]
pub(super) struct Named {
    pub groups: HashMap<String, Vars>,
    pub hosts: HashMap<String, Vars>,
    pub working_directory: bool,
}

impl Beside {
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
pub(super) fn read<'n>(
    folders: &[Folder],
    groups: impl Iterator<Item = &'n str>,
    hosts: impl Iterator<Item = &'n str>,
    problems: &mut Vec<Problem>,
) -> Beside {
    let mut beside = Beside {
        folders: folders
            .iter()
            .map(|folder| Named { working_directory: folder.is_working_directory, ..Named::default() })
            .collect(),
    };
    let mut each = |name: &str, groups: bool| {
        for (folder, named) in folders.iter().zip(&mut beside.folders) {
            let mut vars = Vars::new();
            for source in folder.vars_of(name, groups, problems) {
                let origin = if groups { Origin::Group(name.to_owned()) } else { Origin::Host };
                file(&source, &origin, &mut vars, problems);
            }
            if !vars.is_empty() {
                let named = if groups { &mut named.groups } else { &mut named.hosts };
                named.insert(name.to_owned(), vars);
            }
        }
    };
    groups.for_each(|name| each(name, true));
    hosts.for_each(|name| each(name, false));
    beside
}

/// The dictionary of one file; an empty one says nothing.
fn file(source: &Source, origin: &Origin, vars: &mut Vars, problems: &mut Vec<Problem>) {
    let Some(root) = document::read(source, problems) else { return };
    match &root.kind {
        Kind::Mapping(entries) => vars.extend(yaml::variables(source, entries, origin)),

        kind if yaml::is_falsy(kind) => {}
        _ => {
            let message = format!("a file of variables is a dictionary, and this is {}", root.is_a());
            problems
                .push(Problem::error(message).at(Some(&root.place)).help("write `name: value`, one a line"));
        }
    }
}
