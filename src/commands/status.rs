//! `loomctl status`: where every node stands, one look.

use std::time::Duration;

use futures::{StreamExt as _, stream::FuturesOrdered};
use serde::Serialize;

use crate::{
    cluster::{Node, Service},
    facts::UnitFacts,
    session::read::ReadSession,
    verify::client::Client,
};

/// How long a node may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// One of a node's processes beside the chain's own program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    pub service: String,
    pub unit: String,
    /// As that of the node.
    pub state: String,
    pub restarts: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// The node's name.
    pub host: String,
    pub unit: String,
    /// systemd's `active (running)`; empty where the host was not reached.
    pub state: String,
    pub restarts: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceStatus>,
    /// What RPC said, or why it said nothing.
    pub node_id: Option<String>,
    pub network: Option<String>,
    pub version: Option<String>,
    pub height: Option<u64>,
    pub hash: Option<String>,
    pub catching_up: Option<bool>,
    pub peers: Option<usize>,
    pub rpc_error: Option<String>,
}

/// In inventory order; all are asked at once.
pub async fn status(session: &ReadSession) -> Vec<NodeStatus> {
    let all: FuturesOrdered<_> = session.nodes().map(|node| of_node(session, node)).collect();
    all.collect().await
}

async fn of_node(session: &ReadSession, node: &Node) -> NodeStatus {
    let lost = session.lost.get(&node.machine);
    let seen = session.facts.nodes.get(&node.name).filter(|_| lost.is_none());
    let state = |unit: &UnitFacts| format!("{} ({})", unit.active, unit.sub);
    let service = |service: &Service| {
        let unit = seen.map(|seen| seen.unit_of(&service.unit_name));
        ServiceStatus {
            service: service.name.to_string(),
            unit: service.unit_name.to_string(),
            state: unit.map(state).unwrap_or_default(),
            restarts: unit.map_or(0, |unit| unit.restarts),
        }
    };
    let mut status = NodeStatus {
        host: node.name.to_string(),
        unit: node.unit_name.to_string(),
        state: seen.map(|seen| state(&seen.unit)).unwrap_or_default(),
        restarts: seen.map_or(0, |seen| seen.unit.restarts),
        services: node.services.iter().map(service).collect(),
        node_id: None,
        network: None,
        version: None,
        height: None,
        hash: None,
        catching_up: None,
        peers: None,
        rpc_error: None,
    };
    if let Some(why) = lost {
        status.rpc_error = Some(why.to_string());
        return status;
    }
    let Some(client) = Client::new(&session.fleet, &session.cluster, node, &session.facts, ANSWER) else {
        status.rpc_error = Some("its host was not reached".to_owned());
        return status;
    };
    // A unit that does not run has nobody behind its port, or somebody else.
    if seen.is_some_and(|seen| !seen.unit.is_running()) {
        status.rpc_error = Some("the unit is not running".to_owned());
        return status;
    }
    match futures::join!(client.status(), client.peer_count()) {
        (Ok(answer), peers) => {
            status.node_id = answer.node_id.map(|id| id.to_string());
            status.network = answer.network;
            status.version = Some(answer.version);
            status.height = Some(answer.height);
            status.hash = Some(answer.hash);
            status.catching_up = Some(answer.catching_up);
            status.peers = peers.ok().and_then(|count| usize::try_from(count).ok());
        }
        (Err(why), _) => status.rpc_error = Some(why),
    }
    status
}
