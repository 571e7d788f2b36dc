//! What may go up before all machines have been asked: the cache of binaries is the one thing that is written by then.

use super::{
    Options, Upload,
    lifecycle::{self, Life},
    preflight, stages,
    world::{Outcome, World},
};
use crate::{cluster::Cluster, facts::Facts};

/// What `prepare` would send to a machine that nothing of this cluster runs on yet. `facts`: what this machine has said,
/// alone. Nothing where it would be refused; what only the cluster as a whole can say is said later, and the file is kept
/// for the next run.
pub fn uploads(cluster: &Cluster, machine: usize, facts: &Facts, options: &Options) -> Vec<Upload> {
    let Some(seen) = facts.machines.get(&machine) else { return Vec::new() };
    let mut nodes = cluster.nodes.iter().filter(|node| node.machine == machine);
    let may_serve = nodes.all(|node| {
        let Some(facts_of_node) = facts.nodes.get(&node.name) else { return false };
        lifecycle::of_node(cluster, node, facts) == Life::Absent
            && preflight::can_host(cluster, node, seen, facts_of_node).is_empty()
            && preflight::ports_free(cluster, node, seen, facts_of_node).is_empty()
            && preflight::renamed::refusal(cluster, node, facts_of_node).is_none()
            && preflight::units::foreign(cluster, node, facts_of_node).is_empty()
    });
    if !may_serve || !preflight::one_binary(cluster, facts).is_empty() {
        return Vec::new();
    }
    match stages::prepare(&World { cluster, facts, options, upgrades: &[], keys: None }) {
        Outcome::Stage(mut stage) => stage.uploads.remove(&machine).unwrap_or_default(),
        _ => Vec::new(),
    }
}
