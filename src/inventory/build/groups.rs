//! Where each group hangs and how deep, what is in `ungrouped`, and in which order hosts and their groups count.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexSet;

use super::{ALL, Builder, GroupId, UNGROUPED};
use crate::types::diagnostic::{Diagnostic, Place};

/// Groups of all hosts in sum, parents too; hosts that are in the same ones count once.
const MAX_MEMBERSHIPS: usize = 1_000_000;

/// A host's number, and its groups in order.
pub(super) type Ranked = (usize, Arc<[GroupId]>);

impl Builder {
    /// Every group without parents is a child of `all`; `ungrouped` is its first.
    pub(super) fn hang_under_all(&mut self) {
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
    pub(super) fn measure_depths(&mut self) -> Result<(), Box<Diagnostic>> {
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
    fn the_loop(&self, open: &[usize]) -> Diagnostic {
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
        Diagnostic::error(format!("these groups are children of each other: {}", names.join(" > ")))
            .at(self.groups[parent].children.get(&child))
            .help("a group cannot be its own descendant: remove one of these lines")
    }

    /// A host is in `ungrouped` exactly when no group but `all` has it. Host by host, as Ansible goes: what one brings
    /// about, those after it undo.
    pub(super) fn settle_ungrouped(&mut self) {
        let is_nested = self.groups[UNGROUPED].parents.iter().any(|parent| *parent != ALL);
        let mut left = HashSet::new();
        for id in 0..self.hosts.len() {
            let Some((name, host)) = self.hosts.get_index(id) else { continue };
            let is_in = host.groups.contains(&UNGROUPED);
            let grouped = host.groups.iter().any(|group| *group > UNGROUPED) || is_in && is_nested;
            match self.groups.get_index_of(name) {
                _ if grouped && is_in => {
                    self.leave_ungrouped(id);
                    left.insert(id);
                }
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
        // All at once: each by itself would move all behind it.
        self.groups[UNGROUPED].hosts.retain(|id| !left.contains(id));
    }

    fn leave_ungrouped(&mut self, id: usize) {
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

    /// Every host in order with its groups; hosts of the same groups share the list. The error: there are too many.
    pub(super) fn all_ranked(&self) -> Result<Vec<Ranked>, String> {
        let mut known: HashMap<(&[GroupId], bool), Arc<[GroupId]>> = HashMap::new();
        let mut sum = 0;
        let of = |id: usize| {
            let host = &self.hosts[id];
            let groups = known.entry((&host.groups, host.has_left));
            let groups = groups.or_insert_with(|| {
                let ranked = self.ranked(id);
                sum += ranked.len();
                ranked.into()
            });
            let groups = groups.clone();
            let too_many = || format!("the hosts are in more than {MAX_MEMBERSHIPS} groups together");
            if sum > MAX_MEMBERSHIPS { Err(too_many()) } else { Ok((id, groups)) }
        };
        self.order().into_iter().map(of).collect()
    }
}

fn nowhere() -> Place {
    Place { file: "".into(), line: 1, column: 1, width: 1, text: "".into() }
}
