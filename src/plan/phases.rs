//! Goals as phases: each is asked in its order, after every stage from the first one again, and the first that wants
//! something is next.

use super::{
    Goal, Next, adopt, down, preflight, remove, reset, restart, restore, roll, rollback, stages, start, tool,
    upgrade,
    world::{Outcome, World},
};

pub type Phase = fn(&World<'_>) -> Outcome;

const CONVERGE: &[Phase] = &[
    preflight::accept,
    stages::accounts,
    stages::fetch,
    stages::prepare,
    tool::genesis,
    start::start,
    roll::restart,
    roll::upgrade,
];

/// Before nodes are started with the files that their hosts have.
const AS_IT_IS: &[Phase] = &[down::only_ours, restart::is_installed, preflight::accept];

/// In the order in which they are asked.
pub fn of(goal: Goal) -> impl Iterator<Item = Phase> {
    let phases: (&[Phase], &[Phase]) = match goal {
        Goal::Converge => (CONVERGE, &[]),
        Goal::Adopt => (&[preflight::accept, adopt::take_over], CONVERGE),
        Goal::Reset => (&[reset::may_reset, reset::stop, reset::state], &[]),
        Goal::Start => (AS_IT_IS, &[restart::start]),
        Goal::Restart => (AS_IT_IS, &[restart::restart]),
        Goal::Prepare => (AS_IT_IS, &[upgrade::prepare]),
        Goal::Upgrade => (AS_IT_IS, &[upgrade::prepare, upgrade::go]),
        Goal::Rollback => (AS_IT_IS, &[rollback::is_possible, upgrade::prepare, upgrade::go]),
        Goal::Stop => (&[down::only_ours, down::stop], &[]),
        Goal::Destroy | Goal::DestroyKeys => {
            (&[down::only_ours, down::stop, down::all_stopped, down::remove], &[])
        }
        Goal::RestoreKeys => (&[restore::accounts, restore::keys], &[]),
        Goal::Remove => (&[remove::may_go, remove::stop, remove::remember], &[remove::others, remove::roll]),
        Goal::UndoRemove => (&[remove::may_return, remove::forget], &[]),
    };
    phases.0.iter().chain(phases.1).copied()
}

/// The first phase that wants something has it; `Done`, with what waits for a consent, when none does.
pub fn next(world: &World<'_>) -> Next {
    let mut pending = Vec::new();
    for phase in of(world.options.goal) {
        match phase(world) {
            Outcome::Nothing => {}
            Outcome::Stage(stage) => return Next::Stage(stage),
            Outcome::Refused(refusals) => return Next::Refused(refusals),
            Outcome::Pending(waits) => pending.extend(waits),
        }
    }
    Next::Done(pending)
}
