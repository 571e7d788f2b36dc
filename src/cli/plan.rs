//! `loomctl plan`, and `up --check`.

use super::{args::Plan, planfile, start, view::View};
use crate::{
    plan::{self, Goal, Options, saved::Saved},
    session::{converge::Run, error::Failure},
};

pub async fn plan(args: Plan) -> u8 {
    let mut started = match start::read(&args.hosts, "plan", None) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    started.sends();
    let (view, mut run, mut options) = match started.begin().await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    args.consent.over(&mut options);
    view.warnings(run.leave_removed_out());
    view.warnings(plan::warnings(&run.cluster, &run.facts));
    let unfolded = unfold(&mut run, &options).await;
    view.warnings(plan::contradictions(&run.facts));
    if let Some(path) = &args.out
        && let Err(problem) = planfile::write(path, &Saved::new(&run.cluster, &options, &unfolded.stages))
    {
        run.fleet.close().await;
        return view.end_with(&Failure::Input(vec![problem]));
    }
    show(view, run, &unfolded, !args.no_diff, args.exit_code).await
}

/// What a run with these options would do.
pub async fn unfold(run: &mut Run, options: &Options) -> plan::Unfolded {
    if options.goal == Goal::Reset || options.consent.roll {
        run.ask_the_chain().await;
    }
    run.ask_what_is_wanted(options).await;
    plan::unfold(&run.cluster, &run.facts, options)
}

pub async fn show(view: View, run: Run, unfolded: &plan::Unfolded, diff: bool, exit_code: bool) -> u8 {
    view.plan(unfolded, &run.facts, diff);
    run.fleet.close().await;
    view.finish_plan(unfolded, exit_code)
}
