//! What an expression may ask of the whole inventory: `hostvars` and `groups`.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use crate::inventory::{Inventory, Vars, Vault};

/// Shared by all hosts of an inventory.
#[derive(Default)]
pub struct World {
    /// In the order of appearance.
    pub(super) hosts: IndexMap<String, Facts>,
    groups: IndexMap<String, Members>,
}

pub(super) struct Facts {
    pub vars: Arc<Vars>,
    pub groups: Arc<[String]>,
    pub file: Option<Arc<Path>>,
    pub vault: Arc<Vault>,
}

/// By their places in the tables.
struct Members {
    hosts: Vec<usize>,
    children: Vec<usize>,
}

impl World {
    /// Of an inventory that is read; every host of it is to be given the result.
    pub fn of(inventory: &Inventory) -> Self {
        let mut hosts: Vec<_> = inventory.hosts.values().collect();
        hosts.sort_by_key(|host| host.nth);
        let facts = hosts.into_iter().map(|host| {
            let (vars, groups) = (host.vars.clone(), host.groups.clone());
            (host.name.clone(), Facts { vars, groups, file: host.file.clone(), vault: host.vault.clone() })
        });
        let hosts: IndexMap<String, Facts> = facts.collect();
        let groups = inventory.groups.values().map(|group| {
            let members = Members {
                hosts: group.hosts.iter().filter_map(|name| hosts.get_index_of(name)).collect(),
                children: group
                    .children
                    .iter()
                    .filter_map(|name| inventory.groups.get_index_of(name))
                    .collect(),
            };
            (group.name.clone(), members)
        });
        let groups = groups.collect();
        Self { hosts, groups }
    }

    /// Of one host alone.
    #[cfg(test)]
    pub fn with(host: &crate::inventory::Host) -> Self {
        let hosts = [(host.name.clone(), host.clone())].into();
        Self::of(&Inventory { hosts, ..Inventory::default() })
    }

    pub(super) fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// The hosts of a group and of the groups below it, level by level.
    pub(super) fn hosts_of(&self, group: &str) -> Option<Vec<&str>> {
        let mut groups = IndexSet::from([self.groups.get_index_of(group)?]);
        let (mut hosts, mut next) = (IndexSet::new(), 0);
        while let Some(group) = groups.get_index(next).copied() {
            hosts.extend(self.groups[group].hosts.iter().copied());
            groups.extend(self.groups[group].children.iter().copied());
            next += 1;
        }
        Some(
            hosts
                .iter()
                .filter_map(|host| self.hosts.get_index(*host))
                .map(|(name, _)| name.as_str())
                .collect(),
        )
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hosts, {} groups", self.hosts.len(), self.groups.len())
    }
}
