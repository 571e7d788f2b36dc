//! The YAML tree of an inventory to groups, hosts and variables (ansible/plugins/inventory/yaml.py).

use std::sync::Arc;

use serde_json::Value;

use super::build::{Builder, GroupId};
use super::document::{Entry, Kind, Node};
use super::variables::{is_falsy, variable};
use super::{Origin, Source, Var, names};
use crate::types::{
    code::Code,
    diagnostic::{Diagnostic, Place},
    nearest::nearest,
};

const SECTIONS: [&str; 3] = ["hosts", "vars", "children"];

/// An inventory in YAML or JSON.
pub(super) fn read(source: &Source, root: &Node, builder: &mut Builder, problems: &mut Vec<Diagnostic>) {
    let mut reader = Reader { source, builder, problems };
    match &root.kind {
        Kind::Mapping(groups) if groups.get("plugin").is_some_and(|entry| !entry.value.is_null()) => {
            reader
                .error("this is the configuration of an inventory plugin, which is not read", &root.place)
                .help = Some("write its result to a file: `ansible-inventory --list --yaml`".to_owned());
        }
        Kind::Mapping(groups) => {
            for entry in groups.values() {
                // Below a group Ansible would not go on: what is no group there is an error for it, too.
                let before = reader.problems.len();
                let is_group = matches!(entry.value.kind, Kind::Scalar(Value::Null) | Kind::Mapping(_));
                reader.group(entry);
                for problem in reader.problems[before..].iter_mut().filter(|_| !is_group) {
                    problem.code = Code::Skipped;
                    problem.help =
                        entry.key.text().filter(|name| is_for_anchors(name)).map(|_| FOR_ANCHORS.to_owned());
                }
            }
        }
        _ => {
            let message = format!("an inventory is a dictionary of groups, and this is {}", root.is_a());
            reader.error(message, &root.place);
        }
    }
}

const FOR_ANCHORS: &str =
    "what is there for its anchor alone may be a variable: under `vars:` of `all`, before it is used";

/// A name as other formats have it for what is no part of them.
fn is_for_anchors(group: &str) -> bool {
    group.starts_with("x-") || group.starts_with('.')
}

struct Reader<'a> {
    source: &'a Source,
    builder: &'a mut Builder,
    problems: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(&mut self, message: impl Into<String>, place: &Place) -> &mut Diagnostic {
        self.problems.push(Diagnostic::error(message).at(Some(place)));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    /// A name must be a text: `1` and `yes` are none without quotes.
    fn name<'n>(&mut self, key: &'n Node, what: &str) -> Option<&'n str> {
        match key.text() {
            Some("") => {
                self.error(format!("a {what} needs a name"), &key.place);
                None
            }
            None => {
                let message = format!("the name of a {what} is a text, and this is {}", key.is_a());
                self.error(message, &key.place).help = Some("put it in quotes".to_owned());
                None
            }
            name => name,
        }
    }

    fn group(&mut self, entry: &Entry) -> Option<GroupId> {
        let name = self.name(&entry.key, "group")?;
        let sections = match &entry.value.kind {
            Kind::Mapping(sections) => sections,
            Kind::Scalar(Value::Null) => return Some(self.builder.group(name, &entry.key.place)),
            _ => {
                let message = format!(
                    "the group `{name}` takes `hosts`, `vars` and `children`, and this is {}",
                    entry.value.is_a()
                );
                self.error(message, &entry.value.place);
                return None;
            }
        };
        let group = self.builder.group(name, &entry.key.place);
        for (key, section) in sections {
            match key.as_str() {
                "vars" => self.each(section, |reader, entry| reader.group_var(group, entry)),
                "children" => self.each(section, |reader, entry| {
                    if let Some(child) = reader.group(entry) {
                        reader.builder.add_child(group, child, &entry.key.place);
                    }
                }),
                "hosts" => self.each(section, |reader, entry| reader.hosts(group, entry)),
                _ => self.unknown_section(name, key, &section.key.place),
            }
        }
        Some(group)
    }

    fn unknown_section(&mut self, group: &str, key: &str, place: &Place) {
        let message = format!("the group `{group}` has no `{key}`; it takes `hosts`, `vars` and `children`");
        let help = match nearest(key, SECTIONS) {
            Some(near) => format!("did you mean `{near}`?"),
            None if is_for_anchors(group) => FOR_ANCHORS.to_owned(),
            None => {
                "hosts stand under `hosts:`, groups under `children:`, variables under `vars:`".to_owned()
            }
        };
        let problem = self.error(message, place);
        (problem.help, problem.code) = (Some(help), Code::Skipped);
    }

    /// Each entry of a section; a text alone is one name with nothing under it.
    fn each(&mut self, section: &Entry, mut read: impl FnMut(&mut Self, &Entry)) {
        match &section.value.kind {
            Kind::Mapping(entries) => entries.values().for_each(|entry| read(self, entry)),
            Kind::Scalar(Value::Null) => {}
            Kind::Scalar(Value::String(_)) => {
                let nothing = std::rc::Rc::new(Node::nothing(section.value.place.clone()));
                read(self, &Entry { key: section.value.clone(), value: nothing });
            }
            _ => {
                let key = section.key.text().unwrap_or_default();
                let message = format!("`{key}` takes a dictionary, and this is {}", section.value.is_a());
                let help = format!("write `name:` under `{key}:`, one a line, without a dash");
                self.error(message, &section.value.place).help = Some(help);
            }
        }
    }

    fn variable(&self, entry: &Entry, origin: Origin) -> (Arc<str>, Arc<Var>) {
        let (name, mut var) = variable(entry, origin);
        Arc::make_mut(&mut var).marks.secret = self.source.secret;
        (name, var)
    }

    fn group_var(&mut self, group: GroupId, entry: &Entry) {
        let origin = Origin::Group(self.builder.group_name(group).to_owned());
        let (name, var) = self.variable(entry, origin);
        if let Err(message) = self.builder.set_group_var(group, &name, var) {
            self.error(message, &entry.value.place);
        }
    }

    fn hosts(&mut self, group: GroupId, entry: &Entry) {
        let Some(key) = self.name(&entry.key, "host").filter(|_| !self.builder.is_full()) else { return };
        let (names, port) = match names::expand(key) {
            Ok(expanded) => expanded,
            Err(refused) => {
                let (code, help) = (refused.code(), refused.help());
                let problem = self.error(refused.message, &entry.key.place);
                (problem.code, problem.help) = (code, help);
                return;
            }
        };
        let variables: Vec<(Arc<str>, Arc<Var>)> = match &entry.value.kind {
            Kind::Mapping(entries) => {
                entries.values().map(|entry| self.variable(entry, Origin::Host)).collect()
            }
            kind if is_falsy(kind) => Vec::new(),
            _ => {
                let message = format!(
                    "the host `{key}` takes a dictionary of variables, and this is {}",
                    entry.value.is_a()
                );
                self.error(message, &entry.value.place);
                return;
            }
        };
        if let Err(message) = self.builder.charge(names.len(), entry.value.nodes) {
            self.error(message, &entry.key.place);
            return;
        }
        for name in names {
            if name.is_empty() {
                self.error("a host needs a name", &entry.key.place);
                return;
            }
            let place = &entry.key.place;
            self.builder.host(&name, Some(group), port, place, self.source.path.as_ref());
            for (variable, var) in &variables {
                if let Err(message) = self.builder.set_host_var(&name, variable, var.clone()) {
                    self.error(message, place);
                }
            }
        }
    }
}
