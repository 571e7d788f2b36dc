//! The variables of hosts and groups: whose count, and that they stay bounded.

use std::sync::Arc;

use serde_json::Value;

use super::{ALL, Builder, GroupId, Team};
use crate::inventory::{Group, Host, Vars, adjacent::AdjacentVars};

/// What hosts of the same groups have in common.
pub(super) struct Shared {
    vars: Vars,
    names: Arc<[String]>,
}

impl Builder {
    /// Counts what the hosts will hold before anything is copied.
    pub(super) fn charge_all(
        &mut self,
        ranked: &[(usize, Arc<[GroupId]>)],
        adjacent: &AdjacentVars,
        extra: &Vars,
    ) -> Result<(), String> {
        let weigh_group = |(name, team): (&String, &Team)| {
            weigh(&team.vars) + adjacent.of_group(name).map(weigh).sum::<usize>()
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
    pub(super) fn shared(&self, ranked: &[GroupId], adjacent: &AdjacentVars) -> Shared {
        let mut vars = Vars::new();
        for group in ranked {
            overlay(&mut vars, &self.groups[*group].vars);
        }
        let (all, others): (Vec<GroupId>, Vec<GroupId>) = ranked.iter().partition(|group| **group == ALL);
        for groups in [all, others] {
            for folder in &adjacent.folders {
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

    pub(super) fn host_of(
        &self,
        id: usize,
        shared: &Shared,
        adjacent: &AdjacentVars,
        extra: &Vars,
    ) -> Option<(String, Host)> {
        let (name, member) = self.hosts.get_index(id)?;
        let mut vars = shared.vars.clone();
        overlay(&mut vars, &member.vars);
        adjacent.of_host(name).for_each(|over| overlay(&mut vars, over));
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

    pub(super) fn group_of(&self, name: &str, team: &Team, adjacent: &AdjacentVars) -> Group {
        let host = |id: &usize| self.hosts.get_index(*id).map(|(name, _)| name.clone());
        Group {
            name: name.to_owned(),
            vars: team.vars.clone(),
            adjacent: adjacent.of_group_itself(name).fold(Vars::new(), |mut vars, over| {
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
