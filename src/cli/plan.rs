//! `loomctl plan`, and `up --check`.

use super::{args::Plan, start, view::View};
use crate::{
    plan::{self, Options},
    run::Run,
};

pub async fn plan(args: Plan) -> u8 {
    let started = match start::read(&args.hosts, "plan", None) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    match started.begin().await {
        Ok((view, mut run, mut options)) => {
            args.consent.over(&mut options);
            if options.reset || options.consent.roll {
                run.ask_the_chain().await;
            }
            show_plan(view, run, &options, !args.no_diff, args.exit_code).await
        }
        Err(exit) => exit,
    }
}

pub async fn show_plan(view: View, run: Run, options: &Options, diff: bool, exit_code: bool) -> u8 {
    let unfolded = plan::unfold(&run.cluster, &run.facts, options);
    view.plan(&unfolded, &run.facts, diff);
    run.fleet.close().await;
    view.finish_plan(&unfolded, exit_code)
}
