//! The only place that decides: from what is wanted and what is seen to the next stage. Pure.

pub mod adopt;
pub mod ask;
pub mod birth;
mod called_for;
pub mod changed;
pub mod decided;
pub mod down;
pub mod early;
pub mod endpoints;
pub mod evidence;
pub mod goal;
pub mod leaving;
pub mod lifecycle;
mod manifest;
pub mod names;
pub mod node;
pub mod phases;
pub mod predict;
pub mod preflight;
pub mod quorum;
pub mod relay;
pub mod remove;
pub mod removed;
pub mod reset;
pub mod restart;
pub mod restore;
pub mod rights;
pub mod roll;
pub mod rollback;
pub mod saved;
#[cfg(test)]
pub(crate) mod sim;
mod spread;
pub mod stages;
pub mod start;
pub mod sync;
#[cfg(test)]
mod tests;
pub mod tool;
pub mod upgrade;
pub mod versions;
pub mod whole;
pub mod world;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use crate::{
    cluster::{Cluster, Program},
    facts::Facts,
    steps::Step,
    types::{
        code::Code,
        diagnostic::Diagnostic,
        ids::{NodeName, Sha256},
        stage::StageName,
    },
};
pub use goal::Goal;
pub use predict::{Unfolded, unfold};
use world::{KeysBack, World};

/// A step that is to be done, and the fact that makes it so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub name: StageName,
    pub steps: BTreeMap<NodeName, Vec<Planned>>,
    /// By machine.
    pub uploads: BTreeMap<usize, Vec<Upload>>,
    /// What must hold after it, before the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

/// What a node that was restarted on a live chain has to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    pub node: NodeName,
    pub shows: Shows,
    /// Blocks that are waited for when it has shown that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soak: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// A validator: its signature in a commit.
    Commit,
    /// A node that does not vote: rising blocks.
    Blocks,
    /// The chain stands anyway: an answer of its RPC.
    Answer,
}

impl Stage {
    /// Only the nodes that have something to do; `None`: nobody has.
    fn of(name: StageName, steps: BTreeMap<NodeName, Vec<Planned>>) -> Option<Self> {
        let steps: BTreeMap<_, _> = steps.into_iter().filter(|(_, steps)| !steps.is_empty()).collect();
        (!steps.is_empty()).then_some(Self { name, steps, uploads: BTreeMap::new(), gate: None })
    }
}

/// What a run waits for before it may: a live chain is not restarted without consent (S8).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pending {
    pub node: NodeName,
    pub what: String,
    pub wants: Wants,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wants {
    /// `--roll`
    Restart,
    /// `--roll --allow-upgrade`
    Upgrade,
}

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--limit`: only these are touched; `None`: all.
    pub limit: Option<BTreeSet<NodeName>>,
    pub consent: Consent,
    pub goal: Goal,
    /// `--service`: only this program of each node; `None`: all.
    pub service: Option<String>,
    /// `--canary`, `--soak`
    pub canary: Option<Canary>,
    /// Whether nodes are restarted in the order that costs the chain least, instead of the inventory's.
    pub spares_proposers: bool,
    /// `remove`: the node, which `limit` does not name.
    pub removal: Option<remove::Removal>,
}

/// The first so many nodes are restarted alone, and the others when the chain has made so many blocks after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    pub nodes: usize,
    pub blocks: u64,
}

/// What may be done to a live chain (S8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Nodes may be restarted, one after another.
    pub roll: bool,
    /// They may be given another binary.
    pub upgrade: bool,
    /// Blocks may stop meanwhile.
    pub halt: bool,
}

impl Options {
    pub fn touches(&self, node: &NodeName) -> bool {
        self.limit.as_ref().is_none_or(|limit| limit.contains(node))
    }

    pub fn concerns(&self, program: &Program<'_>) -> bool {
        self.service.as_ref().is_none_or(|service| program.name() == service)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    Stage(Stage),
    Done(Vec<Pending>),
    Refused(Vec<Diagnostic>),
}

/// A run's way to its goal: first everything that restarts nothing on a live chain, since who is down counts when nodes are
/// restarted; then, once it is told to, the restarts.
#[derive(Debug, Clone)]
pub struct Course<'k> {
    options: Options,
    keys: Option<KeysBack<'k>>,
}

impl<'k> Course<'k> {
    pub fn new(options: &Options) -> Self {
        let mut options = options.clone();
        options.consent.roll = false;
        Self { options, keys: None }
    }

    /// With the backup that keys are restored from.
    pub fn restoring(options: &Options, keys: KeysBack<'k>) -> Self {
        let options = Options { goal: Goal::RestoreKeys, ..options.clone() };
        Self { keys: Some(keys), ..Self::new(&options) }
    }

    /// From here on it restarts; false: it did so before.
    pub fn roll(&mut self) -> bool {
        !std::mem::replace(&mut self.options.consent.roll, true)
    }

    pub fn next(&mut self, cluster: &Cluster, facts: &Facts) -> Next {
        loop {
            match (decide(cluster, facts, &self.options, self.keys), self.options.goal.then()) {
                (Next::Done(_), Some(then)) => self.options.goal = then,
                (next, _) => return next,
            }
        }
    }
}

/// What nodes say against each other, once the chain was asked.
pub fn contradictions(facts: &Facts) -> Vec<Diagnostic> {
    let said = facts.voting.iter().flat_map(crate::facts::Voting::contradictions);
    said.map(|words| Diagnostic::warning(words).coded(Code::Contradiction)).collect()
}

/// What is worth a word before the plan, and stops nothing.
pub fn warnings(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    [
        preflight::warnings(cluster, facts),
        changed::warnings(cluster, facts),
        decided::warnings(cluster, facts),
    ]
    .concat()
}

/// The next stage towards the goal, `Done` when there is none, or why there may be none.
pub fn next(cluster: &Cluster, facts: &Facts, options: &Options) -> Next {
    decide(cluster, facts, options, None)
}

fn decide(cluster: &Cluster, facts: &Facts, options: &Options, keys: Option<KeysBack<'_>>) -> Next {
    let goal = options.goal;
    let whole =
        if goal.leaves_removed_out() { removed::remaining(cluster, facts) } else { Cow::Borrowed(cluster) };
    let cluster = &*whole;
    let (cluster, upgrades) = match goal {
        Goal::Rollback => (rollback::targets(cluster, facts, options), Vec::new()),
        goal if goal.keeps_binaries() => roll::keep_binaries(cluster, facts, options),
        _ => (Cow::Borrowed(cluster), Vec::new()),
    };
    phases::next(&World { cluster: &cluster, facts, options, upgrades: &upgrades, keys })
}
