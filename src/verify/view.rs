//! Everything that the checks look at, and nothing else: they are pure functions over it.

use std::collections::BTreeMap;

use super::observe::{Answered, Rpc};
use crate::{
    cluster::{Cluster, Node},
    facts::{Facts, MachineFacts, NodeFacts},
    remote::error::HostError,
    types::{code::Code, ids::NodeName},
};

#[derive(Debug, Clone)]
pub struct View<'a> {
    pub cluster: &'a Cluster,
    /// Which nodes are looked at, in inventory order.
    pub nodes: Vec<NodeName>,
    /// When the proof began, and at its end.
    pub before: &'a Facts,
    pub now: Facts,
    pub rpc: Answered,
    /// Why a machine could not be asked at the end.
    pub lost: BTreeMap<usize, HostError>,
    /// The chain's first height.
    pub initial: u64,
}

impl<'a> View<'a> {
    pub fn new(cluster: &'a Cluster, before: &'a Facts, initial: u64) -> Self {
        Self {
            cluster,
            nodes: Vec::new(),
            before,
            now: Facts::default(),
            rpc: Answered::new(),
            lost: BTreeMap::new(),
            initial,
        }
    }

    /// The nodes that are looked at.
    pub fn looked_at(&self) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter_map(|name| self.cluster.node(name))
    }

    pub fn seen(&self, node: &Node) -> Option<&NodeFacts> {
        self.now.nodes.get(&node.name)
    }

    pub fn machine(&self, node: &Node) -> Option<&MachineFacts> {
        self.now.machines.get(&node.machine)
    }

    pub fn answer(&self, node: &Node) -> Option<&Rpc> {
        self.rpc.get(&node.name)
    }

    /// Why nothing is known of the node's host.
    pub fn why_lost(&self, node: &Node) -> String {
        let why = self.lost.get(&node.machine).map(ToString::to_string);
        format!("nothing is known of its host: {}", why.as_deref().unwrap_or("it could not be reached"))
    }

    pub fn lost_by(&self, node: &Node) -> Code {
        self.lost.get(&node.machine).map_or(Code::Unreachable, HostError::code)
    }
}

/// What the RPC would have to say for a line that cannot be judged without it.
pub const UNKNOWN: &str = "not known: RPC does not answer (V3)";
pub const NO_BLOCK_YET: &str = "not known: there is no block yet (V7)";
