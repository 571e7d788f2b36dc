//! What `start`, `stop`, `restart`, `upgrade` and `rollback` have in common: the nodes with the files that their hosts have.

use std::time::Duration;

use super::{
    args::{self, Deadlines},
    plan::show,
    question,
    start::{self, Started},
    up::prove,
    view::View,
};
use crate::{
    cluster::{Cluster, Node},
    plan::{self, Canary, Course, Goal, Next, Options, Pending, quorum},
    session::{
        converge::{Run, targets},
        error::Failure,
        read::narrowed,
    },
    types::{code::Code, diagnostic::Diagnostic, nearest::nearest},
};

/// One of them, as its arguments have it.
pub(super) struct Asked {
    pub command: &'static str,
    pub nodes: args::Nodes,
    pub service: Option<String>,
    pub goal: Goal,
    pub allow_halt: bool,
    pub canary: Option<Canary>,
    /// `None`: nothing is proven.
    pub proof: Option<Deadlines>,
}

impl Asked {
    /// `command` itself, without flags of its own.
    pub fn of(command: &'static str, nodes: args::Nodes, goal: Goal) -> Self {
        Self { command, nodes, service: None, goal, allow_halt: false, canary: None, proof: None }
    }

    pub fn paced(self, pace: &args::Pace) -> Self {
        let canary = pace.canary.map(|nodes| Canary { nodes: nodes.into(), blocks: pace.soak.into() });
        Self { allow_halt: pace.allow_halt, canary, ..self }
    }

    pub fn proven(self, proof: args::Proof) -> Self {
        Self { proof: (!proof.no_verify).then_some(proof.deadlines), ..self }
    }
}

pub async fn start(args: args::Start) -> u8 {
    let asked = Asked { service: args.one.service, ..Asked::of("start", args.nodes, Goal::Start) };
    run(asked.proven(args.proof)).await
}

pub async fn stop(args: args::Stop) -> u8 {
    let args::Stop { nodes, one, allow_halt } = args;
    run(Asked { service: one.service, allow_halt, ..Asked::of("stop", nodes, Goal::Stop) }).await
}

pub async fn restart(args: args::Restart) -> u8 {
    let asked = Asked { service: args.one.service, ..Asked::of("restart", args.nodes, Goal::Restart) };
    run(asked.paced(&args.pace).proven(args.proof)).await
}

async fn run(mut asked: Asked) -> u8 {
    match begin(&mut asked) {
        Ok(started) => go_on(asked, started).await,
        Err(exit) => exit,
    }
}

/// Reads the inventory; the error is the exit code.
pub(super) fn begin(asked: &mut Asked) -> Result<Started, u8> {
    let hosts = &mut asked.nodes.hosts;
    hosts.limit = asked.nodes.pattern.take().or(hosts.limit.take());
    let lock = (!asked.nodes.check).then(|| Duration::from_secs(asked.nodes.lock_wait));
    start::read(&asked.nodes.hosts, asked.command, lock)
}

pub(super) async fn go_on(asked: Asked, mut started: Started) -> u8 {
    if let Some(problem) = asked.service.as_ref().and_then(|name| unknown_service(&started.cluster, name)) {
        return started.view.end_with(&Failure::Input(vec![problem]));
    }
    if asked.proof.is_some() && !asked.nodes.check {
        started.proves(false);
    }
    let (view, mut run, mut options) = match started.begin().await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    if asked.goal.leaves_removed_out() {
        view.warnings(run.leave_removed_out());
    }
    options.goal = asked.goal;
    options.consent.halt = asked.allow_halt;
    options.service.clone_from(&asked.service);
    options.canary = asked.canary;
    options.spares_proposers = true;
    if let Some(deadlines) = &asked.proof {
        run.limits = deadlines.limits();
    }
    ask_first(&mut run, &options, asked.nodes.check).await;
    if asked.nodes.check {
        // The run itself asks.
        options.consent.halt |= only_validator(&run, &options).is_some();
        let unfolded = plan::unfold(&run.cluster, &run.facts, &options);
        return show(view, run, &unfolded, true, asked.nodes.exit_code).await;
    }
    let result = work(&asked, &view, &mut run, options).await;
    run.count_cost().await;
    let exit = view.finish(&run, result.as_ref().err(), result.as_deref().unwrap_or_default(), &[]);
    run.fleet.close().await;
    exit
}

/// What the chain has to say before anything is decided.
async fn ask_first(run: &mut Run, options: &Options, check: bool) {
    match options.goal {
        Goal::Stop if !quorum::wants_votes(&run.cluster, &run.facts, options) => {}
        Goal::Stop => run.ask_the_chain().await,
        Goal::Restart | Goal::Upgrade | Goal::Rollback => {
            run.ask_what_is_wanted(options).await;
            if check {
                run.ask_the_chain().await;
            } else {
                run.ask_once_all_sign().await;
            }
        }
        _ => run.ask_what_is_wanted(options).await,
    }
}

async fn work(
    asked: &Asked,
    view: &View,
    run: &mut Run,
    mut options: Options,
) -> Result<Vec<Pending>, Failure> {
    view.warnings(plan::contradictions(&run.facts));
    if let Some(node) = only_validator(run, &options).filter(|_| !options.consent.halt) {
        halts(asked, view, node)?;
        options.consent.halt = true;
    }
    let mut course = Course::new(&options);
    let pending = run
        .converge(|cluster, facts| {
            let next = course.next(cluster, facts);
            if let Next::Stage(stage) = &next {
                view.stage(stage, facts);
            }
            next
        })
        .await?;
    if let Some(deadlines) = &asked.proof {
        if options.goal == Goal::Rollback {
            run.cluster = plan::rollback::targets(&run.cluster, &run.facts, &options).into_owned();
        }
        run.targets = narrowed(targets(&run.cluster, &run.facts), options.limit.as_ref());
        prove(view, run, deadlines).await?;
    }
    Ok(pending)
}

/// Of a chain that one key makes alone: there is no quorum to keep, and no flag that would say more than a yes.
fn only_validator<'r>(run: &'r Run, options: &Options) -> Option<&'r Node> {
    let voting = run.facts.voting.as_ref().filter(|voting| voting.disagree.is_none())?;
    let [voter] = &voting.voters[..] else { return None };
    // Not by the word of one node among several, nor where the inventory has more of them.
    let running = run.facts.nodes.values().filter(|seen| seen.unit.may_run()).count();
    if voting.heights.len() < running || run.cluster.validators().count() != 1 {
        return None;
    }
    let node = quorum::node_of(&run.cluster, &run.facts, voter)?;
    let goes_down = matches!(options.goal, Goal::Stop | Goal::Restart | Goal::Upgrade | Goal::Rollback);
    let stops = goes_down && options.touches(&node.name);
    stops.then_some(node)
}

fn halts(asked: &Asked, view: &View, node: &Node) -> Result<(), Failure> {
    let meanwhile = if asked.goal == Goal::Stop { "" } else { " meanwhile" };
    let question = format!(
        "{} is the only validator: blocks stop{meanwhile}. {} it?",
        node.name,
        capital(asked.command)
    );
    if asked.nodes.yes || question::yes(view, &question) {
        return Ok(());
    }
    let refusal = Diagnostic::refusal(Code::NotConfirmed, None, question);
    Err(Failure::Refused(vec![refusal.help("nothing was done; answer yes at a terminal, or give --yes")]))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// `--service` names a program that no node has.
pub fn unknown_service(cluster: &Cluster, name: &str) -> Option<Diagnostic> {
    let mut known: Vec<&str> =
        cluster.nodes.iter().flat_map(|node| cluster.programs(node)).map(|program| program.name()).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&name) {
        return None;
    }
    let problem =
        Diagnostic::error(format!("--service {name}: {} has no such service", cluster.profile.name));
    Some(problem.help(match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has: {}", known.join(", ")),
    }))
}
