//! `loomctl up`: plan, apply, verify.

use std::time::Duration;

use super::{args::Up, plan::show_plan, question, start, view::View};
use crate::{
    error::Failure,
    model::cluster::Cluster,
    plan::{self, Course, Options, Pending, Wants},
    run::Run,
    verify,
};

pub async fn up(args: Up) -> u8 {
    let lock = (!args.check).then(|| Duration::from_secs(args.lock_wait));
    let started = match start::read(&args.hosts, "up", lock) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let (view, mut run, mut options) = match started.begin().await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    view.warnings(&plan::guard::warnings(&run.cluster, &run.facts));
    run.limits = args.deadlines.limits();
    args.consent.over(&mut options);
    if options.reset || (args.check && options.consent.roll) {
        run.ask_the_chain().await;
    }
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
    // What is down comes up first: it counts when nodes are restarted.
    let mut first = options.clone();
    first.consent.roll = false;
    let mut pending = converge(run, &first).await?;
    if !pending.is_empty() && may_roll(args, &run.cluster, &pending) {
        run.ask_once_all_sign().await;
        let mut second = options.clone();
        (second.consent.roll, second.reset) = (true, false);
        pending = converge(run, &second).await?;
    }
    if !args.no_verify {
        prove(view, run, &args.deadlines).await?;
    }
    Ok(pending)
}

async fn converge(run: &mut Run, options: &Options) -> Result<Vec<Pending>, Failure> {
    let mut course = Course::new(options);
    run.converge(|cluster, facts| course.next(cluster, facts)).await
}

/// A live chain is not restarted without a yes (S8).
fn may_roll(args: &Up, cluster: &Cluster, pending: &[Pending]) -> bool {
    let may = |waits: &&Pending| waits.wants == Wants::Restart || args.consent.allow_upgrade;
    let mut nodes: Vec<&str> = pending.iter().filter(may).map(|waits| waits.node.as_str()).collect();
    nodes.dedup();
    if nodes.is_empty() {
        return false;
    }
    let ask = || {
        for waits in pending.iter().filter(may) {
            eprintln!("{}: {}", waits.node, waits.what);
        }
        question::yes(&format!(
            "Restart {} of the live chain {}, one after another?",
            nodes.join(", "),
            cluster.name
        ))
    };
    args.consent.roll || args.yes || (!args.hosts.json && ask())
}

/// Runs the verification and shows its table.
pub async fn prove(view: &View, run: &mut Run, deadlines: &super::args::Deadlines) -> Result<(), Failure> {
    let limits = deadlines.limits();
    let checks = verify::run(&mut run.fleet, &run.members, &run.cluster, &run.facts, &limits).await;
    view.checks(&checks);
    match checks.iter().filter(|check| !check.ok).count() {
        0 => Ok(()),
        failed => Err(Failure::Checks(failed)),
    }
}
