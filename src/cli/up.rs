//! `loomctl up`: plan, apply, verify.

use std::time::Duration;

use super::{args::Up, plan::show_plan, start, view::View};
use crate::{
    error::Failure,
    plan::{self, Options, Pending},
    run::Run,
    verify,
};

pub async fn up(args: Up) -> u8 {
    let lock = (!args.check).then(|| Duration::from_secs(args.lock_wait));
    let started = match start::read(&args.hosts, "up", lock) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let (view, mut run, options) = match started.begin().await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    view.warnings(&plan::guard::warnings(&run.cluster, &run.facts));
    if args.check {
        return show_plan(view, run, &options, args.diff, args.exit_code).await;
    }
    if args.diff {
        view.plan(&plan::unfold(&run.cluster, &run.facts, &options), &run.facts, true);
    }
    let result = work(&args, &view, &mut run, &options).await;
    let pending = result.as_ref().map_or(&[][..], |pending| pending);
    let exit = view.finish(&run, result.as_ref().err(), pending);
    run.fleet.close().await;
    exit
}

async fn work(args: &Up, view: &View, run: &mut Run, options: &Options) -> Result<Vec<Pending>, Failure> {
    let pending = run.converge(|cluster, facts| plan::next(cluster, facts, options)).await?;
    if !args.no_verify {
        prove(view, run, &args.deadlines).await?;
    }
    Ok(pending)
}

/// Runs the verification and shows its table.
pub async fn prove(view: &View, run: &mut Run, deadlines: &super::args::Deadlines) -> Result<(), Failure> {
    let limits = deadlines.limits();
    let mut interrupt = run.fleet.interrupt.clone();
    let checks = tokio::select! {
        checks = verify::run(&mut run.fleet, &run.members, &run.cluster, &run.facts, &limits) => checks,
        // What nobody has looked at has not failed.
        () = interrupt.wait() => return Err(Failure::Interrupted),
    };
    view.checks(&checks);
    match checks.iter().filter(|check| !check.ok).count() {
        0 => Ok(()),
        failed => Err(Failure::Checks(failed)),
    }
}
