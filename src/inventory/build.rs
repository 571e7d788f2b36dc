//! Groups and hosts as they are read, and the inventory that becomes of them.
//!
//! After ansible/inventory/{data,group,host}.py and the precedence of ansible/vars/manager.py.

mod groups;
mod merge;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::adjacent::AdjacentVars;
use super::expr::World;
use super::{Host, Inventory, Var, Vars, Vault};
use crate::types::diagnostic::{Diagnostic, Place};

pub(super) type GroupId = usize;

pub(super) const ALL: GroupId = 0;
pub(super) const UNGROUPED: GroupId = 1;
/// Values that the hosts of one inventory may hold in sum: a range times its variables stays bounded.
const MAX_VALUES: usize = 20_000_000;
/// Hosts of one inventory, of all its sources together.
const MAX_HOSTS: usize = 100_000;
/// Names that its ranges may write out on the way there.
const MAX_NAMES: usize = 1_000_000;

pub(super) struct Builder {
    groups: IndexMap<String, Team>,
    hosts: IndexMap<String, Member>,
    values: usize,
    names: usize,
    /// The first host that was one too many.
    too_many: Option<Place>,
}

#[derive(Default)]
struct Team {
    vars: Vars,
    hosts: IndexSet<usize>,
    children: IndexMap<GroupId, Place>,
    parents: Vec<GroupId>,
    depth: usize,
    priority: i64,
    place: Option<Place>,
}

#[derive(Default)]
struct Member {
    vars: Vars,
    groups: Vec<GroupId>,
    /// It was taken out of `ungrouped`, and is not in it either where one of its groups is below that.
    has_left: bool,
    place: Option<Place>,
    file: Option<Arc<Path>>,
}

impl Default for Builder {
    fn default() -> Self {
        let team = || Team { priority: 1, ..Team::default() };
        let groups = ["all", "ungrouped"].map(|name| (name.to_owned(), team())).into();
        Self { groups, hosts: IndexMap::new(), values: 0, names: 0, too_many: None }
    }
}

impl Builder {
    /// The group of that name, made where there is none.
    pub fn group(&mut self, name: &str, place: &Place) -> GroupId {
        let new = || Team { priority: 1, place: Some(place.clone()), ..Team::default() };
        let entry = self.groups.entry(name.to_owned());
        let id = entry.index();
        entry.or_insert_with(new);
        id
    }

    pub fn has_group(&self, name: &str) -> Option<GroupId> {
        self.groups.get_index_of(name)
    }

    pub fn has_host(&self, name: &str) -> bool {
        self.hosts.contains_key(name)
    }

    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    pub fn host_names(&self) -> impl Iterator<Item = &str> {
        self.hosts.keys().map(String::as_str)
    }

    pub fn group_name(&self, group: GroupId) -> &str {
        self.groups.get_index(group).map_or("", |(name, _)| name)
    }

    pub fn add_child(&mut self, group: GroupId, child: GroupId, place: &Place) {
        if self.groups[group].children.insert(child, place.clone()).is_none() {
            self.groups[child].parents.push(group);
        }
    }

    /// Adds a host to a group; a port counts only where the host is first named.
    pub fn host(
        &mut self,
        name: &str,
        group: Option<GroupId>,
        port: Option<u64>,
        place: &Place,
        file: Option<&Arc<Path>>,
    ) {
        if self.hosts.len() >= MAX_HOSTS && !self.hosts.contains_key(name) {
            self.too_many.get_or_insert_with(|| place.clone());
            return;
        }
        let entry = self.hosts.entry(name.to_owned());
        let id = entry.index();
        let host = entry.or_insert_with(|| {
            let mut vars = Vars::new();
            if let Some(port) = port {
                let mut var = Var::new(Value::from(port), super::Origin::Host);
                var.place = Some(place.clone());
                vars.insert("ansible_port".into(), var.into());
            }
            Member { vars, place: Some(place.clone()), file: file.cloned(), ..Member::default() }
        });
        if let Some(group) = group.filter(|group| self.groups[*group].hosts.insert(id)) {
            host.groups.push(group);
        }
    }

    /// Whether it is refused anyway, so that nothing more need be read.
    pub fn is_full(&self) -> bool {
        self.too_many.is_some() || self.names > MAX_NAMES || self.values > MAX_VALUES
    }

    /// Counts `values` for each of `hosts` hosts.
    pub fn charge(&mut self, hosts: usize, values: usize) -> Result<(), String> {
        self.names = self.names.saturating_add(hosts);
        if self.names > MAX_NAMES {
            return Err(format!("with this the inventory names more than {MAX_NAMES} hosts, over and over"));
        }
        self.values = self.values.saturating_add(hosts.saturating_mul(values));
        if self.values <= MAX_VALUES {
            return Ok(());
        }
        Err(format!("with this the hosts hold more than {MAX_VALUES} values together"))
    }

    /// As in Ansible, a host that has a group's name gives its variables to the group.
    pub fn set_host_var(&mut self, host: &str, name: &Arc<str>, var: Arc<Var>) -> Result<(), String> {
        if let Some(group) = self.groups.get_index_of(host) {
            return self.set_group_var(group, name, var);
        }
        if let Some(host) = self.hosts.get_mut(host) {
            host.vars.insert(name.clone(), var);
        }
        Ok(())
    }

    pub fn set_group_var(&mut self, group: GroupId, name: &Arc<str>, var: Arc<Var>) -> Result<(), String> {
        let team = &mut self.groups[group];
        if &**name != "ansible_group_priority" {
            team.vars.insert(name.clone(), var);
            return Ok(());
        }
        let priority = match &var.value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        team.priority = priority.ok_or_else(|| "`ansible_group_priority` takes a whole number".to_owned())?;
        Ok(())
    }

    /// The inventory, once every source is read. What stands beside the sources goes over what stands in them, extra
    /// variables over everything.
    pub fn finish(
        mut self,
        adjacent: &AdjacentVars,
        extra: &Vars,
        vault: &Arc<Vault>,
        problems: &mut Vec<Diagnostic>,
    ) -> Inventory {
        if let Some(place) = &self.too_many {
            let message =
                format!("with this the inventory has more than {MAX_HOSTS} hosts, all sources together");
            problems.push(
                Diagnostic::error(message).at(Some(place)).help("is a range longer than it was meant?"),
            );
            return Inventory::default();
        }
        self.hang_under_all();
        self.settle_ungrouped();
        if let Err(problem) = self.measure_depths() {
            problems.push(*problem);
            return Inventory::default();
        }
        self.warn_of_shared_names(problems);
        let ranked = self.all_ranked().and_then(|ranked| {
            self.charge_all(&ranked, adjacent, extra)?;
            Ok(ranked)
        });
        let ranked = match ranked {
            Ok(ranked) => ranked,
            Err(message) => {
                problems.push(Diagnostic::error(message));
                return Inventory::default();
            }
        };
        let mut shared = HashMap::new();
        let mut hosts = IndexMap::with_capacity(ranked.len());
        for (id, groups) in &ranked {
            let base = shared.entry(groups.clone()).or_insert_with(|| self.shared(groups, adjacent));
            let host = self.host_of(*id, base, adjacent, extra);
            hosts.extend(host.map(|(name, host)| (name, Host { vault: vault.clone(), ..host })));
        }
        let groups =
            self.groups.iter().map(|(name, team)| (name.clone(), self.group_of(name, team, adjacent)));
        let mut inventory = Inventory { hosts, groups: groups.collect(), ..Inventory::default() };
        let world = Arc::new(World::of(&inventory));
        inventory.hosts.values_mut().for_each(|host| host.world = world.clone());
        inventory
    }

    fn warn_of_shared_names(&self, problems: &mut Vec<Diagnostic>) {
        for (name, host) in &self.hosts {
            if self.groups.contains_key(name) {
                let message =
                    format!("`{name}` is a host and a group; variables of the host may go to the group");
                problems
                    .push(Diagnostic::warning(message).at(host.place.as_ref()).help("rename one of the two"));
            }
        }
    }
}
