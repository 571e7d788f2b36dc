//! V3: RPC answers, and it is the node and the chain that it should be. V10: no node is catching up.

use super::{
    CheckId, Row, document,
    view::{UNKNOWN, View},
};
use crate::{cluster::Node, types::code::Code};

pub fn answers(view: &View<'_>) -> Vec<Row> {
    let row = |node: &Node| {
        let seen = view.seen(node);
        let id = seen.and_then(|seen| seen.node_id.as_ref());
        let chain = seen
            .and_then(|seen| document::on_host(view.cluster, seen)?.chain_id)
            .unwrap_or_else(|| view.cluster.chain_id.to_string());
        let named = id.map_or_else(String::new, |id| format!(" as node {id}"));
        let check =
            Row::new(CheckId::V3, &node.name, "RPC").expected(format!("an answer{named} of chain {chain:?}"));
        let status = match view.answer(node) {
            None => return check.failed(view.lost_by(node), view.why_lost(node)),
            Some(rpc) => match &rpc.status {
                Some(status) => status,
                None => return check.failed(rpc.silent_by(), rpc.why_silent()),
            },
        };
        let mut wrong = Vec::new();
        if let (Some(id), Some(says)) = (id, &status.node_id)
            && id != says
        {
            wrong.push((Code::RpcNode, format!("node id {says}")));
        }
        if let Some(network) = status.network.as_ref().filter(|network| **network != chain) {
            wrong.push((Code::RpcChain, format!("chain id {network:?}")));
        }
        let version =
            if status.version.is_empty() { String::new() } else { format!(", version {}", status.version) };
        check.judged(wrong, ", ", format!("answers{version}"))
    };
    view.looked_at().map(row).collect()
}

pub fn caught_up(view: &View<'_>) -> Vec<Row> {
    let row = |node: &Node| {
        let check = Row::new(CheckId::V10, &node.name, "in sync").expected("not catching up");
        match view.answer(node).and_then(|rpc| rpc.status.as_ref()) {
            None => check.not_known(UNKNOWN),
            Some(status) if status.catching_up => {
                check.failed(Code::Behind, format!("still catching up, at height {}", status.height))
            }
            Some(status) => check.ok(format!("in sync at height {}", status.height)),
        }
    };
    view.looked_at().map(row).collect()
}
