//! The inventory that the machines make, as YAML.

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ssh_config::Machine;
use crate::types::diagnostic::Diagnostic;

/// What the Vagrantfile says of its hosts (`config.vm.provision :loomctl`): `.vagrant/loomctl.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectVars {
    vars: Map<String, Value>,
    host_vars: BTreeMap<String, Map<String, Value>>,
    groups: Map<String, Value>,
}

impl ProjectVars {
    /// Nothing, where the text is empty.
    pub fn read(text: &str) -> Result<Self, Vec<Diagnostic>> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|error| {
            let help =
                "it is written by the Vagrantfile's loomctl provisioner; `vagrant provision` writes it again";
            vec![Diagnostic::error(format!(".vagrant/loomctl.json: {error}")).help(help)]
        })
    }

    pub fn gives_address(&self, machine: &str) -> bool {
        self.host_vars.get(machine).is_some_and(|vars| vars.contains_key("private_ip"))
    }
}

/// Vagrantfile's words go over what was found.
pub fn yaml(machines: &[Machine], addresses: &BTreeMap<String, Ipv4Addr>, said: &ProjectVars) -> String {
    let mut hosts = Map::new();
    for machine in machines {
        let mut vars = reached(machine);
        if let Some(ip) = addresses.get(&machine.name) {
            vars.insert("private_ip".to_owned(), json!(ip));
        }
        vars.extend(said.host_vars.get(&machine.name).cloned().unwrap_or_default());
        hosts.insert(machine.name.clone(), vars.into());
    }
    let mut all = Map::new();
    if !said.vars.is_empty() {
        all.insert("vars".to_owned(), said.vars.clone().into());
    }
    all.insert("hosts".to_owned(), hosts.into());
    let mut text = "# From Vagrant's machines, by loomctl.\n".to_owned();
    write(&mut text, 0, "all", &all.into());
    let members = |group: &Value| {
        let names = group.as_array().into_iter().flatten().filter_map(Value::as_str);
        let there = names.filter(|name| machines.iter().any(|machine| machine.name == *name));
        json!({"hosts": there.map(|name| (name.to_owned(), Value::Null)).collect::<Map<_, _>>()})
    };
    for (group, hosts) in &said.groups {
        write(&mut text, 0, group, &members(hosts));
    }
    text
}

fn reached(machine: &Machine) -> Map<String, Value> {
    let mut vars = Map::new();
    let mut set = |name: &str, value: Value| vars.insert(name.to_owned(), value);
    set("ansible_host", json!(machine.host));
    if let Some(port) = machine.port {
        set("ansible_port", json!(port));
    }
    if let Some(user) = &machine.user {
        set("ansible_user", json!(user));
    }
    if let Some(key) = &machine.key {
        set("ansible_ssh_private_key_file", json!(key));
    }
    // ssh takes no Include on its command line.
    let file = machine.include.iter().flat_map(|file| ["-F", file.as_str()]);
    let words: Vec<&str> =
        file.chain(machine.options.iter().flat_map(|option| ["-o", option.as_str()])).collect();
    if !words.is_empty() {
        set("ansible_ssh_common_args", json!(shell_words::join(words)));
    }
    vars
}

/// What YAML 1.1 takes for something else than a text.
const WORDS: &[&str] = &["yes", "no", "on", "off", "true", "false", "null"];

/// Keys and dictionaries a line each; everything else in YAML's flow form, which is JSON's. Templates are Ansible's to
/// see: a value of the Vagrantfile may be one, and a path with `{{` is not expected here.
fn write(out: &mut String, depth: usize, key: &str, value: &Value) {
    let indent = "  ".repeat(depth);
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        && !WORDS.contains(&key.to_ascii_lowercase().as_str());
    let key = if plain { key.to_owned() } else { json!(key).to_string() };
    match value {
        Value::Object(map) if !map.is_empty() && depth < 3 => {
            let _ = writeln!(out, "{indent}{key}:");
            map.iter().for_each(|(key, value)| write(out, depth + 1, key, value));
        }
        Value::Null => drop(writeln!(out, "{indent}{key}:")),
        value => drop(writeln!(out, "{indent}{key}: {value}")),
    }
}
