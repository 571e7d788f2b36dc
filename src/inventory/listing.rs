//! The document of `ansible-inventory --list`: groups with their hosts and children, and all variables of each host.

use serde_json::{Map, Value, json};

use super::{Group, Host, Inventory, Var, Vars, document, scalar};
use crate::types::redact::VAULT;

/// Names that Ansible keeps for itself and leaves out of what it prints.
const INTERNAL: [&str; 33] = [
    "ansible_async_path",
    "ansible_collection_name",
    "ansible_config_file",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "groups",
    "group_names",
    "hostvars",
    "playbook_dir",
    "play_hosts",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
];

/// How far what is secret is shown where Ansible shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// What came out of an encrypted file is not.
    Masked,
    /// All of it: the user asks for it.
    Revealed,
}

/// The document, of the chosen hosts.
pub fn list(inventory: &Inventory, secrets: Secrets, chosen: impl Fn(&str) -> bool) -> Value {
    let mut document = Map::new();
    for group in inventory.groups.values() {
        let mut entry = Map::new();
        let hosts: Vec<&String> = group.hosts.iter().filter(|name| chosen(name)).collect();
        if group.name != "all" && !hosts.is_empty() {
            entry.insert("hosts".to_owned(), json!(hosts));
        }
        if !group.children.is_empty() {
            entry.insert("children".to_owned(), json!(group.children));
        }
        if !entry.is_empty() {
            document.insert(group.name.clone(), entry.into());
        }
    }
    let mut hostvars = Map::new();
    for host in inventory.hosts.values().filter(|host| chosen(&host.name)) {
        let vars = of_host(host, secrets);
        if !vars.is_empty() {
            hostvars.insert(host.name.clone(), vars.into_iter().collect());
        }
    }
    document.insert("_meta".to_owned(), json!({"hostvars": hostvars, "profile": "inventory_legacy"}));
    document.into()
}

/// What is shown of a host's variables, by name, in the notation of Ansible's JSON.
fn of_host(host: &Host, secrets: Secrets) -> Vec<(String, Value)> {
    shown(&host.vars).map(|(name, var)| (name.to_owned(), as_ansible(var, Notation::Json, secrets))).collect()
}

/// The variables that are shown at all.
pub fn shown(vars: &Vars) -> impl Iterator<Item = (&str, &Var)> {
    vars.iter().map(|(name, var)| (&**name, &**var)).filter(|(name, _)| !INTERNAL.contains(name))
}

/// What a group says itself: in the sources, over that beside them, and its priority.
pub fn of_group(group: &Group, secrets: Secrets) -> Vec<(&str, Value)> {
    let mut vars = group.vars.clone();
    vars.extend(group.adjacent.iter().map(|(name, var)| (name.clone(), var.clone())));
    let mut found: Vec<(&str, Value)> = Vec::new();
    for (name, _) in shown(&vars) {
        let of = group.adjacent.get_key_value(name).or_else(|| group.vars.get_key_value(name));
        found.extend(of.map(|(name, var)| (&**name, in_tree(var, secrets))));
    }
    if group.priority != 1 {
        found.retain(|(name, _)| *name != "ansible_group_priority");
        found.push(("ansible_group_priority", group.priority.into()));
    }
    found
}

/// How what is encrypted, and what is no template, is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    /// loomctl's own: what is encrypted is not shown.
    Own,
    /// In a dictionary of its own each.
    Json,
    /// As the text that it is.
    Tree,
}

/// A value as it may be shown: what is encrypted is not, and infinities are words.
pub fn visible(var: &Var) -> Value {
    scalar::finite(as_ansible(var, Notation::Own, Secrets::Masked))
}

/// A value in the tree of groups, where Ansible writes the ciphertext of what is encrypted.
pub fn in_tree(var: &Var, secrets: Secrets) -> Value {
    as_ansible(var, Notation::Tree, secrets)
}

fn as_ansible(var: &Var, notation: Notation, secrets: Secrets) -> Value {
    if var.marks.secret && secrets == Secrets::Masked {
        return VAULT.into();
    }
    let is_plain = var.marks.sealed.is_empty() && var.marks.literal.is_empty();
    if is_plain { var.value.clone() } else { mapped(var, &var.value, "", notation) }
}

fn mapped(var: &Var, value: &Value, pointer: &str, notation: Notation) -> Value {
    let is_sealed = || var.marks.sealed.iter().any(|of| pointer == of);
    let is_literal = || var.marks.literal.iter().any(|of| pointer == of || is_below(pointer, of));
    match (value, notation) {
        (Value::String(_), Notation::Own) if is_sealed() => VAULT.into(),
        (Value::String(text), Notation::Json) if is_sealed() => json!({"__ansible_vault": text}),
        (Value::String(text), Notation::Json) if is_literal() => json!({"__ansible_unsafe": text}),
        (Value::Array(items), _) => {
            let item = |(at, item)| mapped(var, item, &format!("{pointer}/{at}"), notation);
            items.iter().enumerate().map(item).collect()
        }
        (Value::Object(members), _) => {
            let member = |(key, value): (&String, &Value)| {
                (key.clone(), mapped(var, value, &document::child(pointer, key), notation))
            };
            members.iter().map(member).collect::<Map<_, _>>().into()
        }
        (other, _) => other.clone(),
    }
}

fn is_below(pointer: &str, of: &str) -> bool {
    pointer.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'))
}
