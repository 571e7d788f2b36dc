//! The only place that decides.

pub mod step;

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;

use crate::model::ids::{NodeName, Sha256};
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
