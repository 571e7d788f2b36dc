//! `loomctl up`: plan, apply, verify.

use std::time::Duration;

use super::{
    args::Up,
    plan::{show, unfold},
    planfile, question, report as reported, start,
    view::{View, notes, out},
};
use crate::{
    cluster::Cluster,
    facts::Facts,
    plan::{
        self, Course, Goal, Next, Options, Pending, Wants,
        lifecycle::{self, Life},
        saved::Saved,
    },
    session::{
        converge::Run,
        error::{self, Failure},
    },
    verify::{self, baseline::Heights},
};

pub async fn up(args: Up) -> u8 {
    let saved = match args.plan.as_deref().map(planfile::read).transpose() {
        Ok(saved) => saved,
        Err(problem) => return start::refuse(&args.hosts, "up", vec![problem]),
    };
    let lock = (!args.check).then(|| Duration::from_secs(args.lock_wait));
    let mut started = match start::read(&args.hosts, "up", lock) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    started.sends();
    if let Some(path) = &args.report {
        if let Err(problem) = reported::may_be_written(path) {
            return started.view.end_with(&Failure::Input(vec![problem]));
        }
        started.view.recorder.roll();
    }
    // A saved plan is compared with the hosts before anything of it is done.
    if !args.check && saved.is_none() {
        started.sends_early();
    }
    if !args.check && !args.no_verify {
        started.proves(false);
    }
    let (view, mut run, mut options) = match started.begin().await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    view.warnings(run.leave_removed_out());
    view.warnings(plan::warnings(&run.cluster, &run.facts));
    run.limits = args.deadlines.limits();
    args.consent.over(&mut options);
    options.spares_proposers = true;
    if let Some(saved) = &saved {
        options = saved.options();
    }
    if args.check {
        let unfolded = unfold(&mut run, &options).await;
        return show(view, run, &unfolded, args.diff, args.exit_code).await;
    }
    let before = lifecycle::of_cluster(&run.cluster, &run.facts);
    let result = work(&args, &view, &mut run, &options, saved.as_ref()).await;
    let pending = result.as_ref().map_or(&[][..], |pending| pending);
    let votes = run.cluster.validators().next().is_some();
    let born = votes && before < Life::Live && result.is_ok() && !run.changed.is_empty();
    let notes = if born { vec![notes::birth(&args.hosts.desired)] } else { Vec::new() };
    run.count_cost().await;
    let mut exit = view.finish(&run, result.as_ref().err(), pending, &notes);
    if let Some(path) = &args.report
        && let Err(problem) = reported::write(path, &view, &run, result.as_ref().err())
    {
        view.problems(&[problem]);
        exit = exit.max(error::FAILED);
    }
    run.fleet.close().await;
    exit
}

async fn work(
    args: &Up,
    view: &View,
    run: &mut Run,
    options: &Options,
    saved: Option<&Saved>,
) -> Result<Vec<Pending>, Failure> {
    if args.diff || saved.is_some() || options.goal == Goal::Reset {
        let unfolded = unfold(run, options).await;
        if args.diff {
            view.plan(&unfolded, &run.facts, true);
        }
        let current = saved.map_or(Ok(()), |saved| saved.is_current(&run.cluster, &unfolded.stages));
        current.map_err(|refusal| Failure::Refused(vec![refusal]))?;
    }
    run.ask_what_is_wanted(options).await;
    view.warnings(plan::contradictions(&run.facts));
    let (mut course, mut number) = (Course::new(options), 0);
    let mut next = |course: &mut Course, cluster: &Cluster, facts: &Facts| {
        let next = course.next(cluster, facts);
        let next = match saved {
            Some(saved) => saved.allows(&mut number, next),
            None => next,
        };
        if let Next::Stage(stage) = &next {
            view.stage(stage, facts);
        }
        next
    };
    let mut pending = run.converge(|cluster, facts| next(&mut course, cluster, facts)).await?;
    let planned = saved.is_none_or(Saved::rolls);
    if !pending.is_empty() && planned && may_roll(args, view, options, &run.cluster, &pending) {
        course.roll();
        run.ask_once_all_sign().await;
        view.warnings(plan::contradictions(&run.facts));
        pending = run.converge(|cluster, facts| next(&mut course, cluster, facts)).await?;
    }
    if !args.no_verify {
        prove(view, run, &args.deadlines).await?;
    }
    Ok(pending)
}

/// A plan that was saved says itself what is restarted.
fn may_roll(args: &Up, view: &View, options: &Options, cluster: &Cluster, pending: &[Pending]) -> bool {
    let is_free = args.plan.is_none();
    agreed(view, options, cluster, pending, is_free && args.yes, is_free && !args.hosts.json)
}

/// A live chain is not restarted without a yes (S8); `asks`: a person may be asked for it.
pub(super) fn agreed(
    view: &View,
    options: &Options,
    cluster: &Cluster,
    pending: &[Pending],
    yes: bool,
    asks: bool,
) -> bool {
    let may = |waits: &&Pending| waits.wants == Wants::Restart || options.consent.upgrade;
    let mut nodes: Vec<&str> = pending.iter().filter(may).map(|waits| waits.node.as_str()).collect();
    nodes.dedup();
    if nodes.is_empty() {
        return false;
    }
    let ask = || {
        view.settle();
        for waits in pending.iter().filter(may) {
            out::say(format!("{}: {}", waits.node, waits.what));
        }
        let nodes = nodes.join(", ");
        question::yes(
            view,
            &format!("Restart {nodes} of the live chain {}, one after another?", cluster.name),
        )
    };
    options.consent.roll || yes || asks && ask()
}

/// Runs the verification and shows its table.
pub async fn prove(view: &View, run: &mut Run, deadlines: &super::args::Deadlines) -> Result<(), Failure> {
    let limits = deadlines.limits();
    let mut interrupt = run.fleet.interrupt.clone();
    // What was said before something changed says nothing of now.
    let first = if run.changed.is_empty() { std::mem::take(&mut run.first) } else { Heights::new() };
    let checks = tokio::select! {
        checks = verify::run(&run.fleet, &run.targets, &run.cluster, &run.facts, &first, &limits) => checks,
        // What nobody has looked at has not failed.
        () = interrupt.wait() => return Err(Failure::Interrupted),
    };
    view.checks(&checks);
    match checks.iter().filter(|check| !check.holds()).count() {
        0 => Ok(()),
        failed => Err(Failure::Checks(failed)),
    }
}
