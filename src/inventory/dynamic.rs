//! What an inventory script prints (ansible/plugins/inventory/script.py): groups with `hosts`, `vars` and `children`, and
//! hosts' variables in `_meta`, or asked for one by one.

use std::rc::Rc;

use indexmap::{IndexMap, IndexSet};

use super::build::{Builder, GroupId};
use super::document::{self, Entry, Kind, Node};
use super::sources::Script;
use super::{Origin, Source, variables};
use crate::types::diagnostic::{Diagnostic, Place};

pub(super) fn read(script: &Script, builder: &mut Builder, problems: &mut Vec<Diagnostic>) {
    let source = &script.listed;
    let Some(root) = json(source, problems) else { return };
    let Some(entries) = root.entries() else {
        let message = format!("the script must print a dictionary of groups, and this is {}", root.is_a());
        return problems.push(Diagnostic::error(message).at(Some(&root.place)));
    };
    let mut reader = Reader { source, builder, problems, hosts: IndexSet::new() };
    for (name, entry) in entries.iter().filter(|(name, _)| *name != "_meta") {
        reader.group(name, entry);
    }
    let hosts = std::mem::take(&mut reader.hosts);
    if let Some(variables) = reader.meta(entries.get("_meta")) {
        for (host, entry) in variables.iter().filter(|(host, _)| hosts.contains(*host)) {
            reader.variables(host, &entry.value);
        }
        return;
    }
    if entries.contains_key("_meta") && reader.problems.iter().any(Diagnostic::is_error) {
        return;
    }
    for host in &hosts {
        match script.host(host) {
            Ok(answer) if answer.text.trim().is_empty() => {}
            Ok(answer) => {
                if let Some(root) = json(&answer, reader.problems) {
                    reader.variables(host, &root);
                }
            }
            Err(problem) => reader.problems.push(*problem),
        }
    }
}

/// Scripts print JSON, and nothing that only YAML would be.
fn json(source: &Source, problems: &mut Vec<Diagnostic>) -> Option<Rc<Node>> {
    if source.text.trim().is_empty() {
        let message = format!("the script `{}` has printed nothing", source.name);
        problems.push(Diagnostic::error(message).help("it must print its groups as JSON, at least `{}`"));
        return None;
    }
    if let Some((why, place)) = document::not_json(source) {
        let message = format!("the script has printed something that is not JSON: {why}");
        let problem = Diagnostic::error(message).at(Some(&place));
        problems.push(problem.help("messages of a script belong on stderr"));
        return None;
    }
    document::read(source, problems)
}

struct Reader<'a> {
    source: &'a Source,
    builder: &'a mut Builder,
    problems: &'a mut Vec<Diagnostic>,
    hosts: IndexSet<String>,
}

type Entries = IndexMap<String, Entry>;

impl Reader<'_> {
    fn wrong(&mut self, what: &str, wanted: &str, node: &Node) {
        let message = format!("{what} must be {wanted}, and this is {}", node.is_a());
        self.problems.push(Diagnostic::error(message).at(Some(&node.place)));
    }

    /// The variables of hosts by name, where the script gives them all at once.
    fn meta<'e>(&mut self, meta: Option<&'e Entry>) -> Option<&'e Entries> {
        let meta = meta?;
        let Some(entries) = meta.value.entries() else {
            self.wrong("`_meta`", "a dictionary", &meta.value);
            return None;
        };
        match entries.get("hostvars").map(|entry| &entry.value) {
            Some(hostvars) if hostvars.entries().is_some() => hostvars.entries(),
            other => {
                self.wrong("`_meta.hostvars`", "a dictionary of hosts", other.unwrap_or(&meta.key));
                None
            }
        }
    }

    fn group(&mut self, name: &str, entry: &Entry) {
        if name.is_empty() {
            return self.problems.push(Diagnostic::error("a group needs a name").at(Some(&entry.key.place)));
        }
        let group = self.builder.group(name, &entry.key.place);
        let Some(sections) = entry.value.entries() else {
            return self.members(name, group, &entry.value);
        };
        let known = |key: &str| sections.contains_key(key);
        if !known("hosts") && !known("vars") && !known("children") {
            // The oldest form: a group that is its only host.
            self.host(name, group, &entry.key.place);
            return self.group_variables(group, sections, true);
        }
        if let Some(hosts) = sections.get("hosts") {
            self.members(name, group, &hosts.value);
        }
        match sections.get("vars").map(|vars| (vars, vars.value.entries())) {
            Some((_, Some(variables))) => self.group_variables(group, variables, false),
            Some((vars, None)) => self.wrong(&format!("`{name}.vars`"), "a dictionary", &vars.value),
            None => {}
        }
        let Some(children) = sections.get("children") else { return };
        let Kind::Sequence(children) = &children.value.kind else {
            return self.wrong(&format!("`{name}.children`"), "a list of groups", &children.value);
        };
        for child in children {
            match child.text().filter(|name| !name.is_empty()) {
                Some(name) => {
                    let id = self.builder.group(name, &child.place);
                    self.builder.add_child(group, id, &child.place);
                }
                None => self.wrong("a child", "the name of a group", child),
            }
        }
    }

    fn members(&mut self, name: &str, group: GroupId, hosts: &Node) {
        let Kind::Sequence(hosts) = &hosts.kind else {
            return self.wrong(&format!("`{name}.hosts`"), "a list of hosts", hosts);
        };
        for host in hosts {
            match host.text().filter(|name| !name.is_empty()) {
                Some(name) => self.host(name, group, &host.place),
                None => self.wrong("a host", "a name", host),
            }
        }
    }

    fn host(&mut self, name: &str, group: GroupId, place: &Place) {
        self.builder.host(name, Some(group), None, place, self.source.path.as_ref());
        self.hosts.insert(name.to_owned());
    }

    fn group_variables(&mut self, group: GroupId, variables: &Entries, literal: bool) {
        let origin = Origin::Group(self.builder.group_name(group).to_owned());
        for entry in variables.values() {
            let (name, mut var) = variables::variable(entry, origin.clone());
            if literal {
                // What a group defines without `vars` is no template.
                std::sync::Arc::make_mut(&mut var).marks.literal.push(String::new());
            }
            if let Err(message) = self.builder.set_group_var(group, &name, var) {
                self.problems.push(Diagnostic::error(message).at(Some(&entry.value.place)));
            }
        }
    }

    fn variables(&mut self, host: &str, node: &Node) {
        let Some(variables) = node.entries() else {
            return self.wrong(&format!("what the script says of the host `{host}`"), "a dictionary", node);
        };
        for entry in variables.values() {
            let (name, var) = variables::variable(entry, Origin::Host);
            if let Err(message) = self.builder.set_host_var(host, &name, var) {
                self.problems.push(Diagnostic::error(message).at(Some(&entry.value.place)));
            }
        }
    }
}
