//! V3: RPC answers, and it is the node and the chain that it should be. V10: no node is catching up.

use super::{
    Check, document,
    view::{UNKNOWN, View},
};
use crate::cluster::Node;

pub fn answers(view: &View<'_>) -> Vec<Check> {
    let row = |node: &Node| {
        let seen = view.seen(node);
        let id = seen.and_then(|seen| seen.node_id.as_ref());
        let chain = seen
            .and_then(|seen| document::on_host(view.cluster, seen)?.chain_id)
            .unwrap_or_else(|| view.cluster.chain_id.to_string());
        let named = id.map_or_else(String::new, |id| format!(" as node {id}"));
        let check =
            Check::new("V3", &node.name, "RPC").expected(format!("an answer{named} of chain {chain:?}"));
        let status = match view.answer(node) {
            None => return check.holds(false, view.why_lost(node)),
            Some(rpc) => match &rpc.status {
                Some(status) => status,
                None => return check.holds(false, rpc.why_silent()),
            },
        };
        let mut wrong = Vec::new();
        if let (Some(id), Some(says)) = (id, &status.node_id)
            && id != says
        {
            wrong.push(format!("node id {says}"));
        }
        if let Some(network) = status.network.as_ref().filter(|network| **network != chain) {
            wrong.push(format!("chain id {network:?}"));
        }
        let version =
            if status.version.is_empty() { String::new() } else { format!(", version {}", status.version) };
        if wrong.is_empty() {
            check.holds(true, format!("answers{version}"))
        } else {
            check.holds(false, wrong.join(", "))
        }
    };
    view.looked_at().map(row).collect()
}

pub fn caught_up(view: &View<'_>) -> Vec<Check> {
    let row = |node: &Node| {
        let check = Check::new("V10", &node.name, "in sync").expected("not catching up");
        match view.answer(node).and_then(|rpc| rpc.status.as_ref()) {
            None => check.holds(false, UNKNOWN),
            Some(status) if status.catching_up => {
                check.holds(false, format!("still catching up, at height {}", status.height))
            }
            Some(status) => check.holds(true, format!("in sync at height {}", status.height)),
        }
    };
    view.looked_at().map(row).collect()
}
