//! What a phase decides on: the desired state, what was seen, and what this run is told and remembers.

use super::{Options, Pending, Stage, evidence::Evidence};
use crate::{
    cluster::{Cluster, Node, backup::Backup},
    facts::{Facts, NodeFacts},
    types::diagnostic::Diagnostic,
};

#[derive(Clone, Copy)]
pub struct World<'a> {
    pub cluster: &'a Cluster,
    pub facts: &'a Facts,
    pub options: &'a Options,
    /// Nodes that keep a binary although the inventory has another one (`roll::keep_binaries`).
    pub upgrades: &'a [Pending],
    /// What `keys restore` works with.
    pub keys: Option<KeysBack<'a>>,
}

impl<'a> World<'a> {
    /// The nodes that this run touches, with what is known of them; who was not asked is not among them.
    pub fn touched(&self) -> impl Iterator<Item = (&'a Node, &'a NodeFacts)> + use<'a> {
        let Self { cluster, facts, options, .. } = *self;
        let nodes = cluster.nodes.iter().filter(|node| options.touches(&node.name));
        nodes.filter_map(|node| Some((node, facts.nodes.get(&node.name)?)))
    }
}

/// The backup, and what the chain shows of its keys.
#[derive(Debug, Clone, Copy)]
pub struct KeysBack<'a> {
    pub backup: &'a Backup,
    pub evidence: &'a Evidence,
}

/// What a phase wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The next phase decides.
    Nothing,
    /// This is next.
    Stage(Stage),
    /// The run ends here.
    Refused(Vec<Diagnostic>),
    /// The next phase decides, and these wait for a consent.
    Pending(Vec<Pending>),
}

impl Outcome {
    /// Nothing, where nobody refuses.
    pub fn refused(refusals: impl IntoIterator<Item = Diagnostic>) -> Self {
        let refusals: Vec<Diagnostic> = refusals.into_iter().collect();
        if refusals.is_empty() { Self::Nothing } else { Self::Refused(refusals) }
    }
}

impl From<Option<Stage>> for Outcome {
    fn from(stage: Option<Stage>) -> Self {
        stage.map_or(Self::Nothing, Self::Stage)
    }
}

impl From<Result<Option<Stage>, Vec<Diagnostic>>> for Outcome {
    fn from(decided: Result<Option<Stage>, Vec<Diagnostic>>) -> Self {
        decided.map_or_else(Self::Refused, Self::from)
    }
}
