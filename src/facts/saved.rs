//! Facts that were written down: what `loomctl facts --json` printed, for commands that work without hosts.

use serde::Deserialize;
use serde_json::Value;

use super::{Facts, MachineFacts, NodeFacts};
use crate::model::{cluster::Cluster, ids::NodeName};

#[derive(Deserialize)]
struct Line {
    host: NodeName,
    machine: Option<MachineFacts>,
    node: Option<NodeFacts>,
}

/// One event a line; other events than `facts`, and nodes that the cluster does not have, are passed over. The error is
/// the number of the line that is no event, and why.
pub fn read(text: &str, cluster: &Cluster) -> Result<Facts, (usize, String)> {
    let mut facts = Facts::default();
    for (number, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let wrong = |error: serde_json::Error| (number + 1, error.to_string());
        let event: Value = serde_json::from_str(text).map_err(wrong)?;
        if event.get("event").and_then(Value::as_str) != Some("facts") {
            continue;
        }
        let line: Line = serde_json::from_value(event).map_err(wrong)?;
        let Some(node) = cluster.node(&line.host) else { continue };
        if let Some(machine) = line.machine {
            facts.machines.insert(node.machine, machine);
        }
        if let Some(seen) = line.node {
            facts.nodes.insert(line.host, seen);
        }
    }
    Ok(facts)
}
