//! Groups and hosts as they are read, then their order, depth and merged variables.
//!
//! After ansible/inventory/{data,group,host}.py and the precedence of ansible/vars/manager.py.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::beside::Beside;
use super::expr::World;
use super::{Group, Host, Inventory, Var, Vars, Vault};
use crate::problem::{Place, Problem};

pub(super) type GroupId = usize;

pub(super) const ALL: GroupId = 0;
pub(super) const UNGROUPED: GroupId = 1;
/// Values that the hosts of one inventory may hold in sum: a range times its variables stays bounded.
const MAX_VALUES: usize = 20_000_000;

pub(super) struct Builder {
    groups: IndexMap<String, Team>,
    hosts: IndexMap<String, Member>,
    values: usize,
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

/// What hosts of the same groups have in common.
struct Shared {
    vars: Vars,
    names: Arc<[String]>,
}

impl Default for Builder {
    fn default() -> Self {
        let team = || Team { priority: 1, ..Team::default() };
        let groups = ["all", "ungrouped"].map(|name| (name.to_owned(), team())).into();
        Self { groups, hosts: IndexMap::new(), values: 0 }
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

    /// Counts `values` for each of `hosts` hosts.
    pub fn charge(&mut self, hosts: usize, values: usize) -> Result<(), String> {
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
        beside: &Beside,
        extra: &Vars,
        vault: &Arc<Vault>,
        problems: &mut Vec<Problem>,
    ) -> Inventory {
        self.hang_under_all();
        self.settle_ungrouped();
        if let Err(problem) = self.measure_depths() {
            problems.push(*problem);
            return Inventory::default();
        }
        self.warn_of_shared_names(problems);
        let ranked: Vec<(usize, Arc<[GroupId]>)> = self.all_ranked();
        if let Err(message) = self.charge_all(&ranked, beside, extra) {
            problems.push(Problem::error(message));
            return Inventory::default();
        }
        let mut shared = HashMap::new();
        let mut hosts = IndexMap::with_capacity(ranked.len());
        for (id, groups) in &ranked {
            let base = shared.entry(groups.clone()).or_insert_with(|| self.shared(groups, beside));
            let host = self.host_of(*id, base, beside, extra);
            hosts.extend(host.map(|(name, host)| (name, Host { vault: vault.clone(), ..host })));
        }
        let groups = self.groups.iter().map(|(name, team)| (name.clone(), self.group_of(name, team, beside)));
        let mut inventory = Inventory { hosts, groups: groups.collect(), ..Inventory::default() };
        let world = Arc::new(World::of(&inventory));
        inventory.hosts.values_mut().for_each(|host| host.world = world.clone());
        inventory
    }

    /// Every group without parents is a child of `all`; `ungrouped` is its first.
    fn hang_under_all(&mut self) {
        let mut children = std::mem::take(&mut self.groups[ALL].children);
        children.shift_remove(&UNGROUPED);
        self.groups[ALL].children.insert(UNGROUPED, nowhere());
        self.groups[ALL].children.extend(children);
        if !self.groups[UNGROUPED].parents.contains(&ALL) {
            self.groups[UNGROUPED].parents.push(ALL);
        }
        for id in 2..self.groups.len() {
            if self.groups[id].parents.is_empty() {
                let place = self.groups[id].place.clone().unwrap_or_else(nowhere);
                self.add_child(ALL, id, &place);
            }
        }
    }

    /// The depth of a group is its longest way from `all`. The error is a loop.
    fn measure_depths(&mut self) -> Result<(), Box<Problem>> {
        let mut open: Vec<usize> = self.groups.values().map(|team| team.parents.len()).collect();
        let mut ready: Vec<GroupId> = (0..open.len()).filter(|id| open[*id] == 0).collect();
        let mut done = 0;
        while let Some(id) = ready.pop() {
            done += 1;
            let depth = self.groups[id].depth + 1;
            let children: Vec<GroupId> = self.groups[id].children.keys().copied().collect();
            for child in children {
                let team = &mut self.groups[child];
                team.depth = team.depth.max(depth);
                open[child] -= 1;
                if open[child] == 0 {
                    ready.push(child);
                }
            }
        }
        if done == open.len() { Ok(()) } else { Err(Box::new(self.the_loop(&open))) }
    }

    /// Walks up among the groups that never became ready until one comes twice.
    fn the_loop(&self, open: &[usize]) -> Problem {
        let mut way: Vec<GroupId> = Vec::new();
        let mut seen = HashSet::new();
        let mut at = open.iter().position(|left| *left > 0).unwrap_or(ALL);
        while seen.insert(at) {
            way.push(at);
            at = self.groups[at].parents.iter().copied().find(|parent| open[*parent] > 0).unwrap_or(at);
        }
        let start = way.iter().position(|id| *id == at).unwrap_or(0);
        let mut names: Vec<&str> = way[start..].iter().rev().map(|id| self.group_name(*id)).collect();
        names.push(names[0]);
        let child = way[start];
        let parent = way.get(start + 1).copied().unwrap_or(child);
        Problem::error(format!("these groups are children of each other: {}", names.join(" > ")))
            .at(self.groups[parent].children.get(&child))
            .help("a group cannot be its own descendant: remove one of these lines")
    }

    /// A host is in `ungrouped` exactly when no group but `all` has it. Host by host, as Ansible goes: what one brings
    /// about, those after it undo.
    fn settle_ungrouped(&mut self) {
        let is_nested = self.groups[UNGROUPED].parents.iter().any(|parent| *parent != ALL);
        for id in 0..self.hosts.len() {
            let Some((name, host)) = self.hosts.get_index(id) else { continue };
            let is_in = host.groups.contains(&UNGROUPED);
            let grouped = host.groups.iter().any(|group| *group > UNGROUPED) || is_in && is_nested;
            match self.groups.get_index_of(name) {
                _ if grouped && is_in => self.leave_ungrouped(id),
                _ if grouped => {}
                // Ansible adds what has that name, and looks among the groups first.
                Some(namesake) if !is_in => {
                    let place = host.place.clone().unwrap_or_else(nowhere);
                    self.put_below_ungrouped(namesake, &place);
                }
                _ if is_in => {}
                _ => {
                    self.groups[UNGROUPED].hosts.insert(id);
                    self.hosts[id].groups.push(UNGROUPED);
                }
            }
        }
    }

    fn leave_ungrouped(&mut self, id: usize) {
        self.groups[UNGROUPED].hosts.shift_remove(&id);
        let host = &mut self.hosts[id];
        host.groups.retain(|group| *group != UNGROUPED);
        host.has_left = true;
    }

    /// With the group come its hosts, those too that have left before.
    fn put_below_ungrouped(&mut self, group: GroupId, place: &Place) {
        if self.groups[UNGROUPED].children.contains_key(&group) {
            return;
        }
        self.add_child(UNGROUPED, group, place);
        for id in 0..self.hosts.len() {
            if self.hosts[id].has_left && self.ranked(id).contains(&group) {
                self.hosts[id].has_left = false;
            }
        }
    }

    fn warn_of_shared_names(&self, problems: &mut Vec<Problem>) {
        for (name, host) in &self.hosts {
            if self.groups.contains_key(name) {
                let message =
                    format!("`{name}` is a host and a group; variables of the host may go to the group");
                problems
                    .push(Problem::warning(message).at(host.place.as_ref()).help("rename one of the two"));
            }
        }
    }

    /// Hosts of `all`, then level by level. Below the second level Ansible's own order is that of memory
    /// addresses; here it is the order of appearance.
    fn order(&self) -> IndexSet<usize> {
        let mut hosts = IndexSet::with_capacity(self.hosts.len());
        let mut groups = IndexSet::from([ALL]);
        let mut next = 0;
        while let Some(id) = groups.get_index(next).copied() {
            hosts.extend(self.groups[id].hosts.iter().copied());
            groups.extend(self.groups[id].children.keys().copied());
            next += 1;
        }
        hosts
    }

    /// The groups of a host, parents too, weakest first: by depth, priority, name. `all` is the first.
    fn ranked(&self, id: usize) -> Vec<GroupId> {
        let mut groups: IndexSet<GroupId> = self.hosts[id].groups.iter().copied().collect();
        let mut next = 0;
        while let Some(group) = groups.get_index(next).copied() {
            let parents = self.groups[group].parents.iter().copied();
            groups.extend(parents.filter(|parent| *parent != UNGROUPED || !self.hosts[id].has_left));
            next += 1;
        }
        // Its variables hold for all, whatever the way up.
        groups.insert(ALL);
        let rank = |group: &GroupId| (self.groups[*group].depth, self.groups[*group].priority);
        let mut ranked: Vec<GroupId> = groups.into_iter().collect();
        ranked
            .sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| self.group_name(*a).cmp(self.group_name(*b))));
        ranked
    }

    /// Every host in order with its groups; hosts of the same groups share the list.
    fn all_ranked(&self) -> Vec<(usize, Arc<[GroupId]>)> {
        let mut known: HashMap<(&[GroupId], bool), Arc<[GroupId]>> = HashMap::new();
        let of = |id: usize| {
            let host = &self.hosts[id];
            let groups = known.entry((&host.groups, host.has_left));
            (id, groups.or_insert_with(|| self.ranked(id).into()).clone())
        };
        self.order().into_iter().map(of).collect()
    }

    /// Counts what the hosts will hold before anything is copied.
    fn charge_all(
        &mut self,
        ranked: &[(usize, Arc<[GroupId]>)],
        beside: &Beside,
        extra: &Vars,
    ) -> Result<(), String> {
        let weigh_group = |(name, team): (&String, &Team)| {
            weigh(&team.vars) + beside.of_group(name).map(weigh).sum::<usize>()
        };
        let weights: Vec<usize> = self.groups.iter().map(weigh_group).collect();
        let extra = weigh(extra);
        for (_, groups) in ranked {
            self.charge(1, extra + groups.iter().map(|group| weights[*group]).sum::<usize>())?;
        }
        Ok(())
    }

    /// What all hosts of these groups have: the sources' own words, weakest group first, then what stands beside them.
    /// There folder goes before depth: all that an earlier folder has for these groups is weaker than a later folder's.
    fn shared(&self, ranked: &[GroupId], beside: &Beside) -> Shared {
        let mut vars = Vars::new();
        for group in ranked {
            overlay(&mut vars, &self.groups[*group].vars);
        }
        let (all, others): (Vec<GroupId>, Vec<GroupId>) = ranked.iter().partition(|group| **group == ALL);
        for groups in [all, others] {
            for folder in &beside.folders {
                for group in &groups {
                    folder
                        .groups
                        .get(self.group_name(*group))
                        .into_iter()
                        .for_each(|over| overlay(&mut vars, over));
                }
            }
        }
        let named = ranked.iter().filter(|group| **group != ALL);
        let mut names: Vec<String> = named.map(|group| self.group_name(*group).to_owned()).collect();
        names.sort_unstable();
        Shared { vars, names: names.into() }
    }

    fn host_of(&self, id: usize, shared: &Shared, beside: &Beside, extra: &Vars) -> Option<(String, Host)> {
        let (name, member) = self.hosts.get_index(id)?;
        let mut vars = shared.vars.clone();
        overlay(&mut vars, &member.vars);
        beside.of_host(name).for_each(|over| overlay(&mut vars, over));
        overlay(&mut vars, extra);
        let (place, file) = (member.place.clone(), member.file.clone());
        Some((
            name.clone(),
            Host {
                name: name.clone(),
                vars: vars.into(),
                groups: shared.names.clone(),
                nth: id,
                place,
                file,
                ..Host::default()
            },
        ))
    }

    fn group_of(&self, name: &str, team: &Team, beside: &Beside) -> Group {
        let host = |id: &usize| self.hosts.get_index(*id).map(|(name, _)| name.clone());
        Group {
            name: name.to_owned(),
            vars: team.vars.clone(),
            beside: beside.of_group_itself(name).fold(Vars::new(), |mut vars, over| {
                overlay(&mut vars, over);
                vars
            }),
            hosts: team.hosts.iter().filter_map(host).collect(),
            children: team.children.keys().map(|id| self.group_name(*id).to_owned()).collect(),
            depth: team.depth,
            priority: team.priority,
            place: team.place.clone(),
        }
    }
}

fn nowhere() -> Place {
    Place { file: "".into(), line: 1, column: 1, width: 1, text: "".into() }
}

/// Later variables replace earlier ones whole: dictionaries are not merged.
fn overlay(vars: &mut Vars, over: &Vars) {
    vars.extend(over.iter().map(|(name, var)| (name.clone(), var.clone())));
}

fn weigh(vars: &Vars) -> usize {
    vars.values().map(|var| weight(&var.value)).sum()
}

/// How many values a value holds.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(weight).sum::<usize>(),
        _ => 1,
    }
}
