//! `rollback`: each node's last binary that made blocks there before the present one.

use std::borrow::Cow;

use super::{
    Options, ask, decided,
    world::{Outcome, World},
};
use crate::{
    cluster::{
        Cluster, Node,
        decided::{DecidedBy, Decides},
    },
    facts::{
        Facts, NodeFacts, Voting,
        manifest::{Manifest, Previous},
    },
    types::{code::Code, diagnostic::Diagnostic},
};

/// The cluster with what each node goes back to. Who has gone back already stays there: the same command goes on where it was.
pub fn targets<'a>(cluster: &'a Cluster, facts: &Facts, options: &Options) -> Cow<'a, Cluster> {
    let mut cluster = cluster.clone();
    for node in cluster.nodes.iter_mut().filter(|node| options.touches(&node.name)) {
        let Some(manifest) = facts.nodes.get(&node.name).and_then(|seen| seen.manifest.as_ref()) else {
            continue;
        };
        let target = match predecessor(manifest) {
            Back::To(previous) => previous.binary_sha256.clone(),
            Back::Done | Back::Nowhere => match &manifest.binary_sha256 {
                Some(present) => present.clone(),
                None => continue,
            },
        };
        let inventory = node.decides.as_ref().and_then(|of| of.instead_of.as_ref());
        let instead_of = inventory.or(ask::binary_sha256(node, facts)).cloned();
        decided::give(node, &target, manifest.pinned);
        node.decides = Some(Decides { by: DecidedBy::Rollback, instead_of });
    }
    Cow::Owned(cluster)
}

/// Where a node goes.
enum Back<'m> {
    To(&'m Previous),
    Done,
    Nowhere,
}

fn predecessor(manifest: &Manifest) -> Back<'_> {
    let is_back = manifest.decided.as_ref().is_some_and(|decided| decided.by == DecidedBy::Rollback);
    match manifest.previous.first() {
        _ if is_back => Back::Done,
        Some(previous) => Back::To(previous),
        None => Back::Nowhere,
    }
}

/// There is a predecessor, and it can read what the chain has made since.
pub fn is_possible(world: &World<'_>) -> Outcome {
    let versions = world.facts.voting.iter().flat_map(|voting| voting.state_versions.values());
    let versions: Vec<&String> = versions.collect();
    let refuse = |(node, seen): (&Node, &NodeFacts)| {
        let refusal = |code, message: String| Diagnostic::refusal(code, Some(&node.name), message);
        match predecessor(seen.manifest.as_ref()?) {
            Back::Done => None,
            Back::Nowhere => Some(
                refusal(Code::NoPredecessor, "it has no earlier binary that made blocks here".to_owned())
                    .help("to give it another one, use `loomctl upgrade --binary FILE`"),
            ),
            Back::To(previous) => {
                let then = previous.state_version.as_ref()?;
                let now = versions.iter().find(|now| **now != then)?;
                let message =
                    format!("the chain's state is at version `{now}`, and its earlier binary made `{then}`");
                Some(
                    refusal(Code::StateMovedOn, message)
                        .help("restore a snapshot from before the upgrade, or go on"),
                )
            }
        }
    };
    Outcome::refused(world.touched().filter_map(refuse))
}

impl Voting {
    /// What all that answer say.
    pub fn state_version(&self) -> Option<String> {
        let mut said = self.state_versions.values();
        let first = said.next()?;
        said.all(|other| other == first).then(|| first.clone())
    }
}
