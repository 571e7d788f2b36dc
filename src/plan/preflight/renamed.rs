//! A node that loomctl has made under another name: of its cluster (`cluster`, or `chain_id` where that is not set), or of its
//! host in the inventory. Its state folder knows what it was called.

use crate::{
    cluster::{Cluster, Node},
    facts::{NodeFacts, manifest::Manifest},
    plan::lifecycle,
    types::{code::Code, diagnostic::Diagnostic},
};

/// Whose folder or unit it is; a node that is there by its own name is its own.
pub fn refusal(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    if lifecycle::is_ours(cluster, node, seen) {
        return None;
    }
    let home = seen.home.as_ref()?;
    let of_folder = seen.others.iter().find(|other| other.home == *home);
    if let Some(other) = of_folder {
        return Some(refuse(cluster, node, other, &format!("{home} belongs to")));
    }
    let own = cluster.unit_path(node);
    let is_unit = |other: &Manifest| other.unit == node.unit_name.as_str() && seen.has(&own);
    // A manifest of the same name says that the unit was meant to be this node's.
    let of_unit = seen.others.iter().find(|other| seen.manifest.is_none() && is_unit(other))?;
    Some(refuse(cluster, node, of_unit, &format!("{}.service belongs to", node.unit_name)))
}

fn refuse(cluster: &Cluster, node: &Node, other: &Manifest, what: &str) -> Diagnostic {
    let same_cluster = other.cluster == cluster.name.as_str();
    let same_name = other.node == node.name.as_str();
    let now = match (same_cluster, same_name) {
        (false, true) => format!("cluster {}", cluster.name),
        (true, _) => format!("host {}", node.name),
        (false, false) => format!("host {} of cluster {}", node.name, cluster.name),
    };
    let message = format!(
        "{what} {} of cluster {}, made by loomctl {}; the inventory now says {now}",
        other.node, other.cluster, other.loomctl
    );
    let back = match (same_cluster, same_name) {
        (true, _) => format!("call the host {} again", other.node),
        (false, true) => format!("set `cluster: {}` to go on with it", other.cluster),
        (false, false) => {
            format!(
                "call the host {} again, and set `cluster: {}`, to go on with it",
                other.node, other.cluster
            )
        }
    };
    Diagnostic::refusal(Code::Renamed, Some(&node.name), message).help(format!(
        "{back}; for another node beside it set another `working_directory` and `unit_name`; to end it, run `loomctl down \
         --destroy` with the inventory as it was"
    ))
}
