//! What concerns several nodes: names on shared machines, what two cannot both have, who can reach them.

use std::collections::HashMap;

use indexmap::{IndexMap, IndexSet};

use crate::{
    chain::{ports::P2P, profile::Profile},
    cluster::{Machine, Node},
    inventory::{Host, Inventory},
    types::{
        diagnostic::Diagnostic,
        ids::{NodeName, UnitName},
    },
};

/// Nodes that share a machine need unit names of their own.
pub(super) fn name_units(machines: &[Machine], nodes: &mut [Node], inventory: &Inventory) {
    for machine in machines.iter().filter(|machine| machine.nodes.len() > 1) {
        for &number in &machine.nodes {
            let node = &mut nodes[number];
            let given = |host: &Host| host.vars.contains_key("unit_name");
            if !inventory.hosts.get(node.name.as_str()).is_some_and(given)
                && let Ok(name) = UnitName::new(format!("{}-{}", node.unit_name, node.name))
            {
                for service in &mut node.services {
                    let derived = |unit: &UnitName| super::service::derived(unit, &service.name);
                    if derived(&node.unit_name).as_ref() == Ok(&service.unit_name)
                        && let Ok(name) = derived(&name)
                    {
                        service.unit_name = name;
                    }
                }
                node.unit_name = name;
            }
        }
    }
}

/// What two nodes cannot both have: a folder or unit on one machine, a port on one machine, a peer address.
pub(super) fn clashes(profile: &Profile, nodes: &[Node], problems: &mut Vec<Diagnostic>) {
    let mut taken: HashMap<String, (&NodeName, String)> = HashMap::new();
    for node in nodes {
        let on = node.machine;
        let mut claims = vec![
            (
                format!("{on} unit {}", node.unit_name),
                format!("the unit name {}", node.unit_name),
                "unit_name",
            ),
            match &node.folder {
                Some(folder) => {
                    (format!("{on} folder {folder}"), format!("the folder {folder}"), "working_directory")
                }
                None => (
                    format!("{on} home {}", node.user),
                    format!("the home of {}", node.user),
                    "working_directory",
                ),
            },
        ];
        claims.extend(node.services.iter().map(|service| {
            let unit = &service.unit_name;
            (format!("{on} unit {unit}"), format!("the unit name {unit}"), "services")
        }));
        for (name, port) in &profile.ports {
            if port.only_when_key.is_some() || port.only_when_port.is_some() {
                continue;
            }
            let number = node.ports.get(name).copied().unwrap_or(port.default);
            claims.push((format!("{on} port {number}"), format!("port {number} ({name})"), "ports"));
            if name == P2P {
                let peer = node.private_ip.with_port(number);
                claims.push((format!("peer {peer}"), format!("the peer address {peer}"), "private_ip"));
            }
        }
        let mut with: IndexMap<&NodeName, Vec<Clash>> = IndexMap::new();
        for (key, what, variable) in claims {
            let Some((other, before)) = taken.insert(key, (&node.name, what.clone())) else { continue };
            // The peer address of a node itself follows from its ports.
            if *other != node.name || variable != "private_ip" {
                with.entry(other).or_default().push(Clash { what, before, variable });
            }
        }
        problems.extend(with.into_iter().map(|(other, clashes)| of_pair(other, &node.name, &clashes)));
    }
    problems.extend(nodes.iter().filter_map(|node| in_anothers(node, nodes)));
}

/// A node whose folder is in another's would be removed, moved and given away with it.
fn in_anothers(node: &Node, nodes: &[Node]) -> Option<Diagnostic> {
    let folder = node.folder.as_ref()?;
    let holds = |other: &&Node| {
        other.machine == node.machine && other.folder.as_ref().is_some_and(|around| folder.is_below(around))
    };
    let other = nodes.iter().find(holds)?;
    let message = format!(
        "the folder {folder} of {} is in that of {} ({})",
        node.name,
        other.name,
        other.folder.as_ref()?
    );
    Some(Diagnostic::error(message).help("give each its own `working_directory`, beside the other's"))
}

/// Something that one node has and another wants.
struct Clash {
    what: String,
    before: String,
    variable: &'static str,
}

/// One problem for two nodes: where they share nearly everything, it is the address that is wrong.
fn of_pair(other: &NodeName, node: &NodeName, clashes: &[Clash]) -> Diagnostic {
    let variables: IndexSet<String> = clashes.iter().map(|clash| format!("`{}`", clash.variable)).collect();
    let variables = variables.into_iter().collect::<Vec<_>>().join(", ");
    if other == node {
        let both = clashes.iter().map(|clash| format!("{node} has {} and {}", clash.before, clash.what));
        return Diagnostic::error(both.collect::<Vec<_>>().join("; "))
            .help(format!("give each its own {variables}"));
    }
    let what: Vec<&str> = clashes.iter().map(|clash| clash.what.as_str()).collect();
    let problem = Diagnostic::error(format!("{other} and {node} both have {}", what.join(", ")));
    let help = format!("give each its own {variables}");
    if clashes.len() < 3 {
        return problem.help(help);
    }
    problem.help(format!("they have the same address: was another `ansible_host` meant? If not, {help}"))
}

/// The playbook had Loom's RPC open to all; on a public address that is worth a word.
pub(super) fn warn_public_rpc(profile: &Profile, nodes: &[Node], problems: &mut Vec<Diagnostic>) {
    let open = |node: &&Node| {
        let bind = node.rpc_bind.as_ref().unwrap_or(&profile.default_rpc_bind);
        let any = bind.ip().is_some_and(|ip| ip.is_unspecified());
        any && node.public_ip.as_ref().unwrap_or(&node.private_ip).is_public()
    };
    let open: Vec<String> = nodes.iter().filter(open).map(|node| node.name.to_string()).collect();
    if !open.is_empty() {
        let message = format!("the RPC of {} listens on a public address: {}", profile.name, open.join(", "));
        problems.push(
            Diagnostic::warning(message).help("set `rpc_bind: 127.0.0.1`, or close the port in a firewall"),
        );
    }
}
