//! A plan that was written down, to be carried out later: exactly that, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Consent, Goal, Next, Options, Planned, Stage, relay};
use crate::{
    cluster::Cluster,
    steps::{Step, UNKNOWN},
    types::{
        code::Code,
        diagnostic::Diagnostic,
        ids::{NodeName, Sha256},
        redact,
        stage::StageName,
    },
};

/// The file's own version.
pub const FORMAT: u32 = 2;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub format: u32,
    pub loomctl: String,
    pub cluster: String,
    /// `--limit`, as the nodes that it named.
    pub limit: Option<BTreeSet<NodeName>>,
    pub consent: Consent,
    pub goal: Goal,
    pub stages: Vec<SavedStage>,
}

/// What format 1 had in place of the goal.
#[derive(Deserialize)]
struct Flags {
    format: u32,
    #[serde(default)]
    reset: bool,
    #[serde(default)]
    adopt: bool,
}

impl Flags {
    fn goal(&self) -> Goal {
        match (self.reset, self.adopt) {
            (true, _) => Goal::Reset,
            (false, true) => Goal::Adopt,
            (false, false) => Goal::Converge,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedStage {
    pub name: StageName,
    pub steps: BTreeMap<NodeName, Vec<SavedStep>>,
}

/// A step without the secrets in its texts (S3). It is never carried out itself: the plan is made again and compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedStep {
    #[serde(flatten)]
    pub planned: Planned,
    /// Where something was masked: the checksum of the whole step, by which it is known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_sha256: Option<Sha256>,
}

impl SavedStep {
    fn new(planned: &Planned) -> Self {
        let Ok(whole) = serde_json::to_value(&planned.step) else {
            return Self { planned: planned.clone(), masked_sha256: None };
        };
        let mut shown = whole.clone();
        redact::json(&mut shown);
        match serde_json::from_value(shown.clone()) {
            Ok(step) if shown != whole => Self {
                planned: Planned { step, why: planned.why.clone() },
                masked_sha256: Some(Sha256::of(whole.to_string())),
            },
            _ => Self { planned: planned.clone(), masked_sha256: None },
        }
    }
}

impl Saved {
    /// Of this format, or lifted from format 1.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        use serde::de::Error as _;
        let flags: Flags = serde_json::from_str(text)?;
        let mut value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)?;
        if flags.format == 1 {
            value.insert("goal".to_owned(), serde_json::to_value(flags.goal())?);
        }
        let saved: Self = serde_json::from_value(value.into())?;
        match saved.goal {
            Goal::Converge | Goal::Adopt | Goal::Reset => Ok(saved),
            other => Err(serde_json::Error::custom(format!("`up` has no goal {other:?}"))),
        }
    }

    pub fn new(cluster: &Cluster, options: &Options, stages: &[Stage]) -> Self {
        Self {
            format: FORMAT,
            loomctl: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: cluster.name.to_string(),
            limit: options.limit.clone(),
            consent: options.consent,
            goal: options.goal,
            stages: stages.iter().map(SavedStage::new).collect(),
        }
    }

    pub fn options(&self) -> Options {
        Options { limit: self.limit.clone(), consent: self.consent, goal: self.goal, ..Options::default() }
    }

    /// Whether it says that nodes are restarted; what was not known when it was made may wait for that.
    pub fn rolls(&self) -> bool {
        self.stages.iter().any(|stage| stage.name == StageName::Roll)
    }

    /// Whether the same plan would be made now; else what is different.
    pub fn is_current(&self, cluster: &Cluster, stages: &[Stage]) -> Result<(), Diagnostic> {
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

    /// Passes on what the plan says at its place `number`, which then moves on; what is unknown in it may fill in.
    pub fn allows(&self, number: &mut usize, next: Next) -> Next {
        let Next::Stage(stage) = next else { return next };
        let before = number.checked_sub(1).and_then(|before| self.stages.get(before));
        if before.is_some_and(|before| before.is_relayed_by(&stage)) {
            return Next::Stage(stage);
        }
        let actual = SavedStage::new(&stage);
        let fits = match self.stages.get(*number) {
            Some(planned) if planned.name == actual.name => planned.same(&actual, true),
            _ => Err(stale(&format!("it says nothing of a stage {} here", actual.name))),
        };
        *number += 1;
        fits.map_or_else(|refusal| Next::Refused(vec![refusal]), |()| Next::Stage(stage))
    }
}

impl SavedStage {
    fn new(stage: &Stage) -> Self {
        let steps = |steps: &Vec<Planned>| steps.iter().map(SavedStep::new).collect();
        let steps = stage.steps.iter().map(|(node, of)| (node.clone(), steps(of))).collect();
        Self { name: stage.name, steps }
    }

    /// Whether the other is what is left of this stage once hosts could not pull what they were to pull: the same steps,
    /// and the file goes through this machine.
    fn is_relayed_by(&self, other: &Stage) -> bool {
        let Some(unrelayed) = relay::undone(other) else { return false };
        let left = Self::new(&unrelayed);
        let known = |node: &NodeName, step: &SavedStep| {
            let mut then = self.steps.get(node).into_iter().flatten();
            then.any(|then| {
                (&then.planned.step, &then.masked_sha256) == (&step.planned.step, &step.masked_sha256)
            })
        };
        self.name == left.name
            && left.steps.iter().all(|(node, steps)| steps.iter().all(|step| known(node, step)))
    }

    /// `fill`: where this stage has unknown texts, the other may have any, and steps that follow from them.
    fn same(&self, other: &Self, fill: bool) -> Result<(), Diagnostic> {
        let nodes: BTreeSet<&NodeName> = self.steps.keys().chain(other.steps.keys()).collect();
        for node in nodes {
            let none = Vec::new();
            let (then, now) = (self.steps.get(node).unwrap_or(&none), other.steps.get(node).unwrap_or(&none));
            let open = fill && then.iter().any(|saved| is_unknown(&saved.planned.step));
            for saved in then {
                let (step, name) = (&saved.planned.step, saved.planned.step.name());
                match now.iter().find(|now| now.planned.step.name() == name) {
                    Some(_) if open && (is_unknown(step) || !matches!(step, Step::File(_))) => {}
                    Some(found)
                        if found.planned.step == *step && found.masked_sha256 == saved.masked_sha256 => {}
                    Some(_) => return Err(stale(&format!("{node}: {name} would be another now"))),
                    // What it was filled in with is there already.
                    None if open && is_unknown(step) => {}
                    None => return Err(stale(&format!("{node}: {name} is not wanted any more"))),
                }
            }
            let known = |name: &str| then.iter().any(|saved| saved.planned.step.name() == name);
            let new = now.iter().map(|now| &now.planned.step).find(|step| !known(&step.name()));
            if let Some(step) = new.filter(|step| !(open && matches!(step, Step::Manifest(_)))) {
                return Err(stale(&format!("{node}: {} is wanted as well now", step.name())));
            }
        }
        Ok(())
    }
}

fn is_unknown(step: &Step) -> bool {
    match step {
        Step::Tool(tool) => tool.works_with(UNKNOWN.trim()),
        _ => step.text().is_some_and(|(_, text)| text == UNKNOWN),
    }
}

fn stale(what: &str) -> Diagnostic {
    Diagnostic::refusal(Code::StalePlan, None, format!("the plan does not fit any more: {what}"))
        .help("the hosts or the inventory have changed since it was made: look at a new plan")
}
