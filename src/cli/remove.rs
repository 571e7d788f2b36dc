//! `loomctl remove`: a node leaves its cluster for good.

use std::time::{Duration, SystemTime};

use super::{
    args,
    plan::show,
    question, report as reported, start, up,
    view::{View, notes},
};
use crate::{
    cluster::Cluster,
    facts::{Facts, removed::Holds},
    plan::{
        self, Consent, Course, Goal, Next, Options, Pending, leaving, remove, remove::Removal, world::World,
    },
    session::{
        converge::{Run, actor},
        error::{self, Failure},
    },
    types::{code::Code, diagnostic::Diagnostic, ids::NodeName, nearest::nearest},
};

pub async fn remove(args: args::Remove) -> u8 {
    const COMMAND: &str = "remove";
    let lock = (!args.check).then(|| Duration::from_secs(args.lock_wait));
    let mut started = match start::read(&args.hosts, COMMAND, lock) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let node = match named(&started.cluster, &args.node) {
        Ok(node) => node,
        Err(problem) => return started.view.end_with(&Failure::Input(vec![problem])),
    };
    if let Some(path) = &args.report {
        if let Err(problem) = reported::may_be_written(path) {
            return started.view.end_with(&Failure::Input(vec![problem]));
        }
        started.view.recorder.roll();
    }
    // A host that is gone for good is no reason not to tell the others; one that comes back has to be seen.
    if !args.undo {
        started.removes(&node);
    }
    let (view, mut run, mut options) = match started.begin().await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    run.limits = args.deadlines.limits();
    options.goal = if args.undo { Goal::UndoRemove } else { Goal::Remove };
    options.consent = Consent { roll: args.roll, halt: args.allow_halt, ..Consent::default() };
    options.spares_proposers = true;
    options.removal = Some(removal(node.clone()));
    run.ask_the_chain().await;
    let told = (!args.undo).then(|| told(&run, &options)).flatten();
    if args.check {
        let unfolded = plan::unfold(&run.cluster, &run.facts, &options);
        view.leaves(told.as_ref(), true);
        return show(view, run, &unfolded, true, args.exit_code).await;
    }
    let result = work(&args, &view, &mut run, &options).await;
    run.count_cost().await;
    let mut said = Vec::new();
    if result.is_ok() {
        view.leaves(told.as_ref(), false);
        said = match &told {
            Some(told) => notes::removed(told),
            None => vec![notes::returned(&node, frees_its_name(&run, &node))],
        };
    }
    let mut exit = view.finish(&run, result.as_ref().err(), result.as_deref().unwrap_or_default(), &said);
    if let Some(path) = &args.report
        && let Err(problem) = reported::write(path, &view, &run, result.as_ref().err())
    {
        view.problems(&[problem]);
        exit = exit.max(error::FAILED);
    }
    run.fleet.close().await;
    exit
}

/// One node, and no pattern: what is meant for good is named.
fn named(cluster: &Cluster, name: &str) -> Result<NodeName, Diagnostic> {
    let found = cluster.nodes.iter().find(|node| node.name.as_str() == name);
    found.map(|node| node.name.clone()).ok_or_else(|| {
        let near = nearest(name, cluster.nodes.iter().map(|node| node.name.as_str()));
        let problem = Diagnostic::error(format!("remove: there is no host {name} in the inventory"));
        problem.help(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name one host, which is still in the inventory".to_owned(),
        })
    })
}

fn removal(node: NodeName) -> Removal {
    let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    Removal { node, time, who: actor() }
}

/// Its old keys are held back still.
fn frees_its_name(run: &Run, node: &NodeName) -> bool {
    let mut stones = run.facts.nodes.values().flat_map(|seen| &seen.removed);
    stones.any(|stone| stone.node == *node && stone.holds == Holds::Keys)
}

/// What is remembered, and what the chain counts of it.
fn told(run: &Run, options: &Options) -> Option<notes::Told> {
    let Run { cluster, facts, .. } = run;
    let stone = remove::stone(&World { cluster, facts, options, upgrades: &[], keys: None })?;
    let leaves = leaving::leaves(cluster, facts, &stone);
    let is_reached = facts.nodes.contains_key(&stone.node);
    Some(notes::Told { stone, leaves, is_reached })
}

async fn work(
    args: &args::Remove,
    view: &View,
    run: &mut Run,
    options: &Options,
) -> Result<Vec<Pending>, Failure> {
    view.warnings(plan::contradictions(&run.facts));
    let Some(removal) = &options.removal else { return Ok(Vec::new()) };
    if args.undo {
        may_return(args, view, &removal.node, run, options)?;
    } else if !run.facts.nodes.contains_key(&removal.node) {
        view.warnings(vec![notes::not_stopped(&removal.node)]);
    }
    let mut course = Course::new(options);
    let next = |course: &mut Course, cluster: &Cluster, facts: &Facts| {
        let next = course.next(cluster, facts);
        if let Next::Stage(stage) = &next {
            view.stage(stage, facts);
        }
        next
    };
    let mut pending = run.converge(|cluster, facts| next(&mut course, cluster, facts)).await?;
    if !pending.is_empty() && up::agreed(view, options, &run.cluster, &pending, args.yes, !args.hosts.json) {
        course.roll();
        run.ask_once_all_sign().await;
        view.warnings(plan::contradictions(&run.facts));
        pending = run.converge(|cluster, facts| next(&mut course, cluster, facts)).await?;
    }
    Ok(pending)
}

/// What could sign twice is brought back by a person who knows that it does not.
fn may_return(
    args: &args::Remove,
    view: &View,
    node: &NodeName,
    run: &Run,
    options: &Options,
) -> Result<(), Failure> {
    let has_work = match plan::next(&run.cluster, &run.facts, options) {
        Next::Refused(refusals) => return Err(Failure::Refused(refusals)),
        Next::Stage(_) => true,
        Next::Done(_) => false,
    };
    let question = notes::may_return(node);
    if !has_work || args.yes || question::yes(view, &question) {
        return Ok(());
    }
    let refusal = Diagnostic::refusal(Code::NotConfirmed, None, question);
    Err(Failure::Refused(vec![refusal.help("nothing was done; answer yes at a terminal, or give --yes")]))
}
