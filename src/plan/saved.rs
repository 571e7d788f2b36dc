//! A plan that was written down, to be carried out later: exactly that, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Class, Consent, Next, Options, Planned, Refusal, Stage, predict::UNKNOWN, step::Step};
use crate::model::{cluster::Cluster, ids::NodeName};

/// The file's own version.
pub const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub format: u32,
    pub loomctl: String,
    pub cluster: String,
    /// `--limit`, as the nodes that it named.
    pub limit: Option<BTreeSet<NodeName>>,
    pub consent: Consent,
    pub reset: bool,
    pub adopt: bool,
    pub stages: Vec<SavedStage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedStage {
    pub name: String,
    pub steps: BTreeMap<NodeName, Vec<Planned>>,
}

impl Saved {
    pub fn new(cluster: &Cluster, options: &Options, stages: &[Stage]) -> Self {
        let stage = |stage: &Stage| SavedStage { name: stage.name.to_owned(), steps: stage.steps.clone() };
        Self {
            format: FORMAT,
            loomctl: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: cluster.name.to_string(),
            limit: options.limit.clone(),
            consent: options.consent,
            reset: options.reset,
            adopt: options.adopt,
            stages: stages.iter().map(stage).collect(),
        }
    }

    pub fn options(&self) -> Options {
        Options { limit: self.limit.clone(), consent: self.consent, reset: self.reset, adopt: self.adopt }
    }

    /// Whether it says that nodes are restarted; what was not known when it was made may wait for that.
    pub fn rolls(&self) -> bool {
        self.stages.iter().any(|stage| stage.name == "roll")
    }

    /// Whether the same plan would be made now; else what is different.
    pub fn is_current(&self, cluster: &Cluster, stages: &[Stage]) -> Result<(), Refusal> {
        if self.format > FORMAT {
            return Err(stale(&format!(
                "it was written by loomctl {} in format {}",
                self.loomctl, self.format
            )));
        }
        if self.cluster != cluster.name.as_str() {
            return Err(stale(&format!(
                "it is for the cluster {}, the inventory says {}",
                self.cluster, cluster.name
            )));
        }
        let now = Self::new(cluster, &self.options(), stages);
        for number in 0..self.stages.len().max(now.stages.len()) {
            match (self.stages.get(number), now.stages.get(number)) {
                (Some(then), Some(now)) if then.name == now.name => then.same(now, false)?,
                (Some(then), _) => {
                    return Err(stale(&format!("its stage {} is not wanted any more", then.name)));
                }
                (None, Some(now)) => return Err(stale(&format!("it knows nothing of a stage {}", now.name))),
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Passes on what the plan says at this place; what is unknown in it may fill in.
    pub fn allows(&self, number: usize, next: Next) -> Next {
        let Next::Stage(stage) = next else { return next };
        let actual = SavedStage { name: stage.name.to_owned(), steps: stage.steps.clone() };
        let fits = match self.stages.get(number) {
            Some(planned) if planned.name == actual.name => planned.same(&actual, true),
            _ => Err(stale(&format!("it says nothing of a stage {} here", actual.name))),
        };
        fits.map_or_else(|refusal| Next::Refused(vec![refusal]), |()| Next::Stage(stage))
    }
}

impl SavedStage {
    /// `fill`: where this stage has unknown texts, the other may have any, and steps that follow from them.
    fn same(&self, other: &Self, fill: bool) -> Result<(), Refusal> {
        let nodes: BTreeSet<&NodeName> = self.steps.keys().chain(other.steps.keys()).collect();
        for node in nodes {
            let none = Vec::new();
            let (then, now) = (self.steps.get(node).unwrap_or(&none), other.steps.get(node).unwrap_or(&none));
            let open = fill && then.iter().any(|planned| is_unknown(&planned.step));
            for Planned { step, .. } in then {
                match now.iter().find(|planned| planned.step.name() == step.name()) {
                    Some(_) if open && (is_unknown(step) || !matches!(step, Step::File { .. })) => {}
                    Some(found) if found.step == *step => {}
                    Some(_) => return Err(stale(&format!("{node}: {} would be another now", step.name()))),
                    None => return Err(stale(&format!("{node}: {} is not wanted any more", step.name()))),
                }
            }
            let new = now.iter().find(|found| !then.iter().any(|p| p.step.name() == found.step.name()));
            if let Some(found) = new.filter(|found| !(open && matches!(found.step, Step::Manifest { .. }))) {
                return Err(stale(&format!("{node}: {} is wanted as well now", found.step.name())));
            }
        }
        Ok(())
    }
}

fn is_unknown(step: &Step) -> bool {
    step.text().is_some_and(|(_, text)| text == UNKNOWN)
}

fn stale(what: &str) -> Refusal {
    Refusal::new(Class::Safety, None, format!("the plan does not fit any more: {what}"))
        .advice("the hosts or the inventory have changed since it was made: look at a new plan")
}
