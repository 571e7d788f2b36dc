//! What a node's manifest is to say: where it lies, and what it lists.

use std::sync::Arc;

use super::{ask, node, versions};
use crate::{
    cluster::{Cluster, Node, Program},
    facts::{
        Facts,
        manifest::{FORMAT, Manifest, ServiceEntry},
    },
    steps::{self, Step},
    types::ids::RemotePath,
};

/// As a step. `steps` are those of the node's start, whose files it lists.
pub fn step(cluster: &Cluster, node: &Node, home: &RemotePath, facts: &Facts, steps: &[Step]) -> Step {
    Step::Manifest(steps::Manifest {
        path: path(&cluster.state_folder(node)),
        manifest: content(cluster, node, home, facts, steps),
    })
}

pub(super) fn path(state: &RemotePath) -> RemotePath {
    state.join("manifest.json").unwrap_or_else(|_| state.clone())
}

fn content(
    cluster: &Cluster,
    node: &Node,
    home: &RemotePath,
    facts: &Facts,
    steps: &[Step],
) -> Arc<Manifest> {
    let service = |program: Program<'_>| {
        Some(ServiceEntry {
            service: program.service?.clone(),
            unit: program.unit_name.clone(),
            binary: program.file.clone(),
            binary_sha256: ask::sha256_of(node, program.binary, facts).cloned(),
            pinned: program.binary.pinned.is_some(),
        })
    };
    let versions = versions::of_node(cluster, node, facts);
    Manifest {
        format: FORMAT,
        loomctl: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: cluster.name.to_string(),
        node: node.name.to_string(),
        profile: cluster.profile.name.clone(),
        unit: node.unit_name.to_string(),
        home: home.clone(),
        binary_sha256: ask::binary_sha256(node, facts).cloned(),
        pinned: node.binary.pinned.is_some(),
        services: cluster.programs(node).filter_map(service).collect(),
        decided: versions.decided,
        previous: versions.previous,
        prepared: versions.prepared,
        paths: node::managed(cluster, node, home, facts, steps),
    }
    .into()
}
