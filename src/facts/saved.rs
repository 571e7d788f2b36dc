//! Facts that were written down: what `loomctl facts --json` printed, for commands that work without hosts.

use serde::Deserialize;
use serde_json::Value;

use super::{Facts, MachineFacts, NodeFacts};
use crate::{
    cluster::{Cluster, Node},
    types::{
        ids::NodeName,
        scope::{LoginUser, Scope},
    },
};

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

/// Who logged in without root when the facts were taken: a connection would show it again.
pub fn scopes(cluster: &mut Cluster, facts: &Facts) {
    let user = |node: &Node| {
        let uid = facts.machines.get(&node.machine)?.uid.parse().ok().filter(|uid| *uid != 0)?;
        let account = facts.nodes.get(&node.name)?.account.clone().filter(|account| account.uid == uid)?;
        Some(LoginUser { uid, name: node.user.clone(), group: account.group, home: account.home })
    };
    for machine in cluster.machines.iter_mut().filter(|machine| machine.login.asks_for_no_root()) {
        let found = machine.nodes.iter().find_map(|node| user(&cluster.nodes[*node]));
        machine.scope = found.map_or(Scope::System, Scope::User);
    }
}
