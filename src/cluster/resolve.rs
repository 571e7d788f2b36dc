//! Inventory → cluster: everything invalid is refused here, before any connection is opened.

mod between;
mod dialled;
mod host;
mod network;
mod node;
mod roles;
mod service;
mod source;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use super::{Cluster, Machine, Node, Role, network::Joined, profiles, read::Reader, variables};
use crate::{
    chain::{genesis::Overrides, peers::Strategy, profile::Profile, render, unit},
    inventory::Inventory,
    types::{
        code::Code,
        diagnostic::{Diagnostic, alike},
        ids::{ChainId, ClusterName},
        login::{Login, Secret},
        nearest::nearest,
        scope::Scope,
    },
};
use between::{clashes, name_units, warn_public_rpc};

/// What the command line adds to the inventory.
#[derive(Debug, Clone)]
pub struct Supplied {
    pub connect_timeout: Duration,
    /// `-K`
    pub become_password: Option<Secret>,
}

/// The cluster with warnings, or every problem.
pub fn resolve(
    inventory: &Inventory,
    supplied: &Supplied,
) -> Result<(Cluster, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut problems = near_misses(inventory);
    let Some(profile) = one_profile(inventory, &mut problems) else { return Err(problems) };
    let profile = Arc::new(profile);
    let mut machines: Vec<Machine> = Vec::new();
    let mut nodes = Vec::new();
    for host in inventory.hosts.values() {
        let mut reader = Reader { host, problems: &mut problems };
        let Some(login) = host::login(&mut reader, &inventory.base, supplied) else { continue };
        let machine = machine_of(&mut machines, login);
        if let Some(node) =
            node::node(&mut reader, &inventory.base, &profile, &machines[machine].login, machine)
        {
            machines[machine].nodes.push(nodes.len());
            nodes.push(node);
        }
    }
    name_units(&machines, &mut nodes, inventory);
    let joined = network::joined(inventory, &profile, &mut problems);
    if joined.is_some() {
        network::roles(&mut nodes, inventory, &mut problems);
    }
    roles::place(&mut nodes, &profile, inventory, &mut problems);
    let cluster = whole(inventory, profile, machines, nodes, joined, &mut problems);
    if let Some(cluster) = &cluster {
        judge_words(inventory, cluster, &mut problems);
    }
    let problems = alike(problems);
    match cluster {
        Some(cluster) if !problems.iter().any(Diagnostic::is_error) => Ok((cluster, problems)),
        _ => Err(problems),
    }
}

/// `settings:` and `unit:` in the chain's and systemd's own words; what a group sets is said once.
fn judge_words(inventory: &Inventory, cluster: &Cluster, problems: &mut Vec<Diagnostic>) {
    for node in &cluster.nodes {
        let vars = inventory.hosts.get(node.name.as_str()).map(|host| &host.vars);
        let mut settings = render::judge(&cluster.profile, &cluster.basics(node));
        settings.extend(render::cautions(&cluster.profile, &node.settings, node.role == Role::Validator));
        let unit = unit::apply("", &node.unit).err().unwrap_or_default();
        for (variable, found) in [("settings", settings), ("unit", unit)] {
            let place = vars.and_then(|vars| vars.get(variable)).and_then(|var| var.place.as_ref());
            for problem in found.into_iter().map(|problem| problem.at(place)) {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
    }
}

/// A variable that is nobody's but nearly ours is probably a slip.
fn near_misses(inventory: &Inventory) -> Vec<Diagnostic> {
    let known: HashSet<&str> = variables::names().collect();
    let (mut seen, mut warnings) = (HashSet::new(), Vec::new());
    for host in inventory.hosts.values() {
        for (name, var) in host.vars.iter() {
            if known.contains(&**name) || !seen.insert(name) {
                continue;
            }
            if let Some(meant) = nearest(name, known.iter().copied()) {
                let place = var.name_place.as_ref().or(var.place.as_ref());
                let warning =
                    Diagnostic::warning(format!("unknown variable `{name}`: did you mean `{meant}`?"))
                        .coded(Code::UnknownVariable);
                warnings.push(warning.at(place));
            }
        }
    }
    warnings
}

/// A variable that counts for the whole cluster: the same on every host.
fn shared(inventory: &Inventory, name: &str, problems: &mut Vec<Diagnostic>) -> Option<(Value, String)> {
    let mut found: Option<(Value, String)> = None;
    for host in inventory.hosts.values() {
        let value = match host.get(name) {
            Ok(value) => value.filter(|value| !value.is_null()),
            Err(problem) => {
                problems.push(problem);
                return None;
            }
        };
        let Some(value) = value else { continue };
        match &found {
            Some((first, by)) if *first != value => {
                let place = host.vars.get(name).and_then(|var| var.place.as_ref());
                let message = format!("{name} is {value} on {} but {first} on {by}", host.name);
                problems.push(
                    Diagnostic::error(message)
                        .at(place)
                        .help(format!("{name} must be the same on all hosts")),
                );
                return None;
            }
            Some(_) => {}
            None => found = Some((value, host.name.clone())),
        }
    }
    found
}

fn shared_text(inventory: &Inventory, name: &str, problems: &mut Vec<Diagnostic>) -> Option<String> {
    let (value, by) = shared(inventory, name, problems)?;
    match value {
        Value::String(text) => Some(text),
        Value::Array(_) | Value::Object(_) => {
            let host = inventory.hosts.get(&by)?;
            Reader { host, problems }.wrong(name, format!("{name} must be a text"));
            None
        }
        other => Some(other.to_string()),
    }
}

fn one_profile(inventory: &Inventory, problems: &mut Vec<Diagnostic>) -> Option<Profile> {
    if inventory.hosts.is_empty() {
        problems.push(Diagnostic::error("the inventory has no hosts"));
        return None;
    }
    let before = problems.iter().filter(|p| p.is_error()).count();
    let name = shared_text(inventory, "chain", problems);
    if problems.iter().filter(|p| p.is_error()).count() > before {
        return None;
    }
    let name = name.unwrap_or_else(|| "loom".to_owned());
    match profiles::profile(&name, &inventory.base) {
        Ok(profile) => Some(profile),
        Err(found) => {
            let mut vars = inventory.hosts.values().filter_map(|host| host.vars.get("chain"));
            let place = vars.find_map(|var| var.place.clone());
            let at = |problem: Diagnostic| {
                if problem.place.is_some() { problem } else { problem.at(place.as_ref()) }
            };
            problems.extend(found.into_iter().map(at));
            None
        }
    }
}

fn machine_of(machines: &mut Vec<Machine>, login: Login) -> usize {
    let same = |m: &Machine| {
        // As root and without it are two: each has a systemd and a state folder of its own.
        (m.login.via, &m.login.host, m.login.port, &m.login.user, m.login.sudo)
            == (login.via, &login.host, login.port, &login.user, login.sudo)
    };
    machines.iter().position(same).unwrap_or_else(|| {
        machines.push(Machine { login: Arc::new(login), scope: Scope::System, nodes: Vec::new() });
        machines.len() - 1
    })
}

/// The inventory's; of a network that is joined the network's own; else the profile's.
fn chain_id(
    given: Option<&str>,
    profile: &Profile,
    joined: Option<&Joined>,
    problems: &mut Vec<Diagnostic>,
) -> Option<ChainId> {
    let of_network = joined.map(|joined| joined.chain_id.as_ref());
    let Some(text) = given else {
        if of_network == Some(None) {
            let problem = Diagnostic::error("missing variable `chain_id`").coded(Code::MissingVariable);
            let help = "set it to the id of the network that is joined, as its genesis has it";
            problems.push(problem.help(help));
        }
        return Some(of_network.flatten().unwrap_or(&profile.chain_id).clone());
    };
    let id = ChainId::new(text).map_err(|why| problems.push(Diagnostic::error(why.to_string()))).ok()?;
    if let Some(its) = of_network.flatten().filter(|its| **its != id) {
        let problem = Diagnostic::error(format!("chain_id: the network that is joined is {its}, not {id}"));
        problems.push(problem.help("leave `chain_id` out, or name the network that you mean"));
    }
    Some(id)
}

fn whole(
    inventory: &Inventory,
    profile: Arc<Profile>,
    machines: Vec<Machine>,
    nodes: Vec<Node>,
    joined: Option<Joined>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Cluster> {
    let given = shared_text(inventory, "chain_id", problems);
    let chain_id = chain_id(given.as_deref(), &profile, joined.as_ref(), problems);
    let name =
        shared_text(inventory, "cluster", problems).or_else(|| chain_id.as_ref().map(ToString::to_string));
    let name = ClusterName::new(name?)
        .map_err(|why| {
            problems.push(Diagnostic::error(why.to_string()).help("set `cluster` to a short name"));
        })
        .ok();
    let strategy = match shared_text(inventory, "peers_strategy", problems).as_deref() {
        None | Some("auto") => Strategy::Auto,
        Some("mesh") => Strategy::Mesh,
        Some("ring") => Strategy::Ring,
        Some(other) => {
            problems.push(Diagnostic::error(format!("peers_strategy {other:?}: auto, mesh or ring")));
            Strategy::Auto
        }
    };
    let genesis = genesis_values(inventory, &profile, problems);
    if joined.is_some() && nodes.iter().any(|node| node.state_sync) {
        let problem =
            Diagnostic::error("state_sync: nodes of a joined network cannot begin with a snapshot yet");
        problems.push(problem.help("leave `state_sync` out: they take all blocks"));
    }
    if joined.is_some() && !genesis.is_empty() {
        let problem = Diagnostic::error("genesis: the genesis of a joined network is never changed");
        problems.push(problem.help("leave `genesis` out"));
    }
    if joined.is_none() && nodes.iter().all(|node| node.role != Role::Validator) && !nodes.is_empty() {
        problems.push(
            Diagnostic::error("no host is a validator").help("leave `role` out, or set it to validator"),
        );
    }
    roles::judge(&nodes, strategy, problems);
    clashes(&profile, &nodes, problems);
    dialled::refuse(&machines, &nodes, inventory, problems);
    warn_public_rpc(&profile, &nodes, problems);
    Some(Cluster { name: name?, chain_id: chain_id?, profile, machines, nodes, genesis, strategy, joined })
}

fn genesis_values(inventory: &Inventory, profile: &Profile, problems: &mut Vec<Diagnostic>) -> Overrides {
    let Some((value, by)) = shared(inventory, "genesis", problems) else { return BTreeMap::new() };
    let place =
        inventory.hosts.get(&by).and_then(|h| h.vars.get("genesis")).and_then(|var| var.place.clone());
    let mut wrong = |why: String| problems.push(Diagnostic::error(why).at(place.as_ref()));
    let Value::Object(documents) = value else {
        wrong("genesis must be a dictionary {DOCUMENT: {dotted.path: value}}".to_owned());
        return BTreeMap::new();
    };
    let known: Vec<&str> = profile.documents.keys().map(String::as_str).collect();
    let mut values = BTreeMap::new();
    for (document, set) in documents {
        match set {
            Value::Object(set) if known.contains(&document.as_str()) => {
                values.insert(document, set);
            }
            Value::Object(_) => {
                wrong(format!(
                    "genesis: {} has no document {document:?}; it has: {}",
                    profile.name,
                    known.join(", ")
                ));
            }
            _ => wrong(format!("genesis.{document} must be a dictionary {{dotted.path: value}}")),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::inventory::Asked;

    /// The inventories that we hand out are what they say: no problem, and no warning but of what is wanted.
    #[test]
    fn the_example_inventories_are_clusters() {
        let supplied = Supplied { connect_timeout: Duration::from_secs(1), become_password: None };
        for (file, nodes, extra) in [("full", 5, "binary=/bin/sh"), ("playbook", 2, "loom_build=/bin/sh")] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("inventories/{file}.yaml"));
            let (inventory, warnings) = crate::inventory::load(&Asked {
                paths: &[path],
                extra: &[extra.to_owned()],
                ..Asked::default()
            })
            .unwrap();
            assert_eq!(warnings, []);
            let (cluster, warnings) = resolve(&inventory, &supplied).unwrap();
            assert!(cluster.nodes.len() >= nodes, "{file}: {}", cluster.nodes.len());
            assert!(
                warnings.iter().all(|w| w.message.contains("listens on a public address")),
                "{warnings:?}"
            );
        }
    }
}
