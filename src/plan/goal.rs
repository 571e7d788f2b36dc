//! What a run is for, as phases: each is asked in its order, after every stage from the first one again, and the first that
//! wants something is next. A saved plan holds its goal.

use serde::{Deserialize, Serialize};

use super::{
    Next, adopt, down, preflight, reset, restore, roll, stages, tool,
    world::{Outcome, World},
};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// `up`: the network as the inventory has it. Running nodes of a live chain are restarted with consent alone (S8).
    #[default]
    Converge,
    /// `up --adopt`: nodes that somebody else made are taken over first.
    Adopt,
    /// `up --reset-unborn`: a chain without a block loses its state; from there on it is a birth.
    Reset,
    /// `down`
    Stop,
    /// `down --destroy`
    Destroy,
    /// `down --destroy --delete-keys`
    DestroyKeys,
    /// `keys restore`
    RestoreKeys,
}

pub type Phase = fn(&World<'_>) -> Outcome;

const CONVERGE: &[Phase] = &[
    preflight::accept,
    stages::accounts,
    stages::fetch,
    stages::prepare,
    tool::genesis,
    stages::start,
    roll::restart,
    roll::upgrade,
];

impl Goal {
    /// In the order in which they are asked.
    pub fn phases(self) -> impl Iterator<Item = Phase> {
        let phases: (&[Phase], &[Phase]) = match self {
            Self::Converge => (CONVERGE, &[]),
            Self::Adopt => (&[preflight::accept, adopt::take_over], CONVERGE),
            Self::Reset => (&[reset::may_reset, reset::stop, reset::state], &[]),
            Self::Stop => (&[down::only_ours, down::stop], &[]),
            Self::Destroy | Self::DestroyKeys => {
                (&[down::only_ours, down::stop, down::all_stopped, down::remove], &[])
            }
            Self::RestoreKeys => (&[restore::accounts, restore::keys], &[]),
        };
        phases.0.iter().chain(phases.1).copied()
    }

    /// What the same run goes on with once nothing of this one is left to do.
    pub fn then(self) -> Option<Self> {
        match self {
            Self::Reset => Some(Self::Converge),
            _ => None,
        }
    }

    /// Whether nodes are started: then they keep the binary that they have until they may be given another one.
    pub fn starts(self) -> bool {
        matches!(self, Self::Converge | Self::Adopt)
    }

    /// The first phase that wants something has it; `Done`, with what waits for a consent, when none does.
    pub fn next(self, world: &World<'_>) -> Next {
        let mut pending = Vec::new();
        for phase in self.phases() {
            match phase(world) {
                Outcome::Nothing => {}
                Outcome::Stage(stage) => return Next::Stage(stage),
                Outcome::Refused(refusals) => return Next::Refused(refusals),
                Outcome::Pending(waits) => pending.extend(waits),
            }
        }
        Next::Done(pending)
    }
}
