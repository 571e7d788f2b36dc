//! `loomctl start`, `stop` and `restart`: the nodes with the files that their hosts have.

use std::time::Duration;

use super::{
    args::{self, Deadlines},
    plan::show,
    question, start,
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

/// One of the three, as its arguments have it.
struct Asked {
    command: &'static str,
    nodes: args::Nodes,
    goal: Goal,
    allow_halt: bool,
    canary: Option<Canary>,
    /// `None`: nothing is proven.
    proof: Option<Deadlines>,
}

pub async fn start(args: args::Start) -> u8 {
    let proof = (!args.proof.no_verify).then_some(args.proof.deadlines);
    run(Asked {
        command: "start",
        nodes: args.nodes,
        goal: Goal::Start,
        allow_halt: false,
        canary: None,
        proof,
    })
    .await
}

pub async fn stop(args: args::Stop) -> u8 {
    let args::Stop { nodes, allow_halt } = args;
    run(Asked { command: "stop", nodes, goal: Goal::Stop, allow_halt, canary: None, proof: None }).await
}

pub async fn restart(args: args::Restart) -> u8 {
    let proof = (!args.proof.no_verify).then_some(args.proof.deadlines);
    let canary = args.canary.map(|nodes| Canary { nodes: nodes.into(), blocks: args.soak.into() });
    let (goal, allow_halt) = (Goal::Restart, args.allow_halt);
    run(Asked { command: "restart", nodes: args.nodes, goal, allow_halt, canary, proof }).await
}

async fn run(mut asked: Asked) -> u8 {
    let hosts = &mut asked.nodes.hosts;
    hosts.limit = asked.nodes.pattern.take().or(hosts.limit.take());
    let lock = (!asked.nodes.check).then(|| Duration::from_secs(asked.nodes.lock_wait));
    let mut started = match start::read(&asked.nodes.hosts, asked.command, lock) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    if let Some(problem) =
        asked.nodes.service.as_ref().and_then(|name| unknown_service(&started.cluster, name))
    {
        return started.view.end_with(&Failure::Input(vec![problem]));
    }
    if asked.proof.is_some() && !asked.nodes.check {
        started.proves(false);
    }
    let (view, mut run, mut options) = match started.begin().await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    options.goal = asked.goal;
    options.consent.halt = asked.allow_halt;
    options.service.clone_from(&asked.nodes.service);
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
        Goal::Restart => {
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
    let stops = matches!(options.goal, Goal::Stop | Goal::Restart) && options.touches(&node.name);
    stops.then_some(node)
}

fn halts(asked: &Asked, view: &View, node: &Node) -> Result<(), Failure> {
    let meanwhile = if asked.goal == Goal::Restart { " meanwhile" } else { "" };
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
