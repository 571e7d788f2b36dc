//! The only place that decides: from what is wanted and what is seen to the next stage. Pure.

pub mod ask;
pub mod birth;
pub mod down;
pub mod guard;
pub mod life;
pub mod node;
pub mod predict;
#[cfg(test)]
pub(crate) mod recording;
pub mod stages;
pub mod step;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde::Serialize;

use crate::{
    facts::Facts,
    model::{
        cluster::Cluster,
        ids::{NodeName, Sha256},
    },
};
pub use predict::{Unfolded, unfold};
use step::Step;

/// A step that is to be done, and the fact that makes it so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Planned {
    pub step: Step,
    pub why: String,
}

/// A file that goes into a machine's cache of binaries before the stage's own steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Upload {
    pub source: PathBuf,
    pub sha256: Sha256,
    pub name: String,
}

/// Steps that may run on all their nodes at once; the next stage comes when this one succeeded everywhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    pub name: &'static str,
    pub steps: BTreeMap<NodeName, Vec<Planned>>,
    /// By machine.
    pub uploads: BTreeMap<usize, Vec<Upload>>,
}

impl Stage {
    /// Only the nodes that have something to do; `None`: nobody has.
    fn of(name: &'static str, steps: BTreeMap<NodeName, Vec<Planned>>) -> Option<Self> {
        let steps: BTreeMap<_, _> = steps.into_iter().filter(|(_, steps)| !steps.is_empty()).collect();
        (!steps.is_empty()).then_some(Self { name, steps, uploads: BTreeMap::new() })
    }
}

/// What a run waits for before it may: a live chain is not restarted without consent (S8).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pending {
    pub node: NodeName,
    pub what: String,
}

/// Whose fault a refusal is: it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Class {
    /// A host cannot do what is wanted: exit 1.
    Host,
    /// The input is wrong: exit 2.
    Input,
    /// Going on would be dangerous: exit 3.
    Safety,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    pub node: Option<NodeName>,
    pub class: Class,
    pub message: String,
    pub advice: Option<String>,
}

impl Refusal {
    pub fn new(class: Class, node: Option<&NodeName>, message: impl Into<String>) -> Self {
        Self { node: node.cloned(), class, message: message.into(), advice: None }
    }

    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--limit`: only these are touched; `None`: all.
    pub limit: Option<BTreeSet<NodeName>>,
}

impl Options {
    pub fn touches(&self, node: &NodeName) -> bool {
        self.limit.as_ref().is_none_or(|limit| limit.contains(node))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    Stage(Stage),
    Done(Vec<Pending>),
    Refused(Vec<Refusal>),
}

/// The next stage towards the cluster, `Done` when there is none, or why there may be none.
pub fn next(cluster: &Cluster, facts: &Facts, options: &Options) -> Next {
    let refusals = guard::accept(cluster, facts, options);
    if !refusals.is_empty() {
        return Next::Refused(refusals);
    }
    for stage in [stages::fetch, stages::prepare] {
        if let Some(stage) = stage(cluster, facts, options) {
            return Next::Stage(stage);
        }
    }
    match stages::agree_and_start(cluster, facts, options) {
        Err(refusals) => Next::Refused(refusals),
        Ok((Some(stage), _)) => Next::Stage(stage),
        Ok((None, pending)) => Next::Done(pending),
    }
}
