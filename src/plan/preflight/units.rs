//! Units of a node's name that loomctl has not made, wherever systemd takes them from: a package, an init script, a
//! transient unit, a template, an alias, or what others have set for a unit to come.

use crate::{
    cluster::{Cluster, Node, Program},
    facts::NodeFacts,
    plan::lifecycle,
    types::{code::Code, diagnostic::Diagnostic, ids::RemotePath},
};

/// Each program's, if it is somebody else's: starting, stopping or writing it would be done to their service.
pub fn foreign(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Vec<Diagnostic> {
    cluster.programs(node).filter_map(|program| of_others(cluster, node, program, seen)).collect()
}

fn of_others(cluster: &Cluster, node: &Node, program: Program<'_>, seen: &NodeFacts) -> Option<Diagnostic> {
    let own = cluster.scope(node).unit_path(program.unit_name);
    let unit = seen.unit_of(program.unit_name);
    let refuse = |message: String, help: &str| {
        Some(Diagnostic::refusal(Code::ForeignUnit, Some(&node.name), message).help(help))
    };
    if let Some(fragment) = elsewhere(cluster, node, program, seen) {
        return refuse(
            format!("{}.service is there ({fragment}), and loomctl has not made it", program.unit_name),
            "it is somebody else's service: set `unit_name` to another name for this node, or remove what brings that unit",
        );
    }
    if is_listed(cluster, node, program, seen) {
        return None;
    }
    if seen.has(&own) && !is_masked(seen, &own) {
        return refuse(
            format!("{own} is there, and loomctl has not made it"),
            "set `unit_name` to another name, or remove that unit; if it is the node's own unit, is `working_directory` right?",
        );
    }
    // Of a node that is there they are its operator's.
    if lifecycle::is_ours(cluster, node, seen) {
        return None;
    }
    let of_its_name = format!("/{}.service.d/", program.unit_name);
    let drop_in = unit.drop_ins.split(' ').find(|path| path.contains(&of_its_name))?;
    refuse(
        format!("{drop_in} is there, and would change the node's unit"),
        "set `unit_name` to another name, or remove that file; once the node is there, drop-ins (`systemctl edit`) are yours",
    )
}

/// Where systemd takes it from, if that is not the file of an administrator, or ours.
pub fn elsewhere<'a>(
    cluster: &Cluster,
    node: &Node,
    program: Program<'_>,
    seen: &'a NodeFacts,
) -> Option<&'a str> {
    let unit = match program.service {
        None => &seen.unit,
        Some(_) => &seen.services.get(program.unit_name)?.unit,
    };
    let own = cluster.scope(node).unit_path(program.unit_name);
    let from = unit.fragment.as_str();
    (unit.load != "masked" && !from.is_empty() && from != own.as_str()).then_some(from)
}

fn is_masked(seen: &NodeFacts, unit: &RemotePath) -> bool {
    seen.file(unit).is_some_and(|file| file.target.as_deref() == Some("/dev/null"))
}

/// A unit of ours: the node's manifest says so, or it is the one of a node that is.
fn is_listed(cluster: &Cluster, node: &Node, program: Program<'_>, seen: &NodeFacts) -> bool {
    match (program.service, &seen.manifest) {
        (None, manifest) => manifest.is_some() || lifecycle::is_ours(cluster, node, seen),
        (Some(_), Some(manifest)) => manifest.services.iter().any(|entry| entry.unit == *program.unit_name),
        (Some(_), None) => false,
    }
}
