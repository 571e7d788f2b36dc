//! Which steps are planned, and why.

use super::Planned;
use crate::{facts::NodeFacts, steps::Step};

/// Keeps the steps that the facts call for.
pub(super) fn called_for(steps: Vec<Step>, seen: &NodeFacts) -> Vec<Planned> {
    steps.into_iter().filter_map(|step| step.wanted(seen).map(|why| Planned { step, why })).collect()
}
