//! The proof after a rollout: reads, never writes. `observe` fetches, the checks V1 to V10 decide over what it saw,
//! `cause` says why.

pub mod baseline;
pub mod blocks;
pub mod cause;
pub mod client;
pub mod clocks;
pub mod cost;
pub mod document;
pub mod evidence;
pub mod gate;
pub mod genesis;
pub mod journal;
mod majority;
pub mod observe;
pub mod peers;
pub mod ports;
pub mod rpc;
pub mod trusted;
pub mod units;
pub mod view;
pub mod voting;
pub mod wait;
pub mod watch;
pub mod weighed;

use std::time::Duration;

use crate::{
    cluster::Cluster,
    facts::{Facts, NodeFacts},
    fleet::{Answers, Fleet, Target},
    types::{ids::NodeName, row},
};
use baseline::Heights;
use view::View;
use wait::Wait;
use watch::Watch;

/// What is checked, as ARCHITECTURE.md numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckId {
    V1,
    V2,
    V3,
    V4,
    V5,
    V6,
    V7,
    V8,
    V9,
    V10,
}

impl CheckId {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "V1",
            Self::V2 => "V2",
            Self::V3 => "V3",
            Self::V4 => "V4",
            Self::V5 => "V5",
            Self::V6 => "V6",
            Self::V7 => "V7",
            Self::V8 => "V8",
            Self::V9 => "V9",
            Self::V10 => "V10",
        }
    }
}

/// One check of one node. Without help and journal where it holds, or where it only follows from another that does not.
pub type Row = row::Row<CheckId>;

/// How long is waited for what.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Until the RPC port listens and answers.
    pub listen: Duration,
    /// Until there is a next block; zero: learned from the chain's own block time.
    pub blocks: Duration,
    /// Until a node that is behind has caught up.
    pub sync: Duration,
    /// For one answer of the RPC.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            listen: Duration::from_secs(30),
            blocks: Duration::ZERO,
            sync: Duration::from_secs(300),
            answer: Duration::from_secs(10),
        }
    }
}

/// All checks of the targets' nodes, in the order V1 to V10 and of the inventory. `facts`: what the hosts said when
/// the run began, or after its last stage.
///
/// The hosts are asked again as soon as all nodes answer, while blocks are waited for. That is the proof if all of it
/// holds and the units are still the same at the end; whatever fails is judged by a look that comes after the wait.
/// `first`: heights that nodes have said since when nothing was changed.
pub async fn run(
    fleet: &Fleet,
    targets: &[Target],
    cluster: &Cluster,
    facts: &Facts,
    first: &Heights,
    limits: &Limits,
) -> Vec<Row> {
    let asked = observe::asked(fleet, targets, cluster, facts, limits);
    let initial = document::initial_height(cluster, facts);
    let watch = Watch::over(&asked);
    let wait = Wait::of(&asked, watch.live(), (cluster, facts), targets, first, limits);
    // Whose connection failed stays failed: nothing is dialled again here.
    let reached: Vec<Target> =
        targets.iter().filter(|member| fleet.host(member.machine).is_some()).cloned().collect();
    let mut answering = wait.answering();
    let meanwhile = async {
        answering.wait_for(|so_far| *so_far == asked.len()).await.ok()?;
        Some(fleet.inspect(&reached).await)
    };
    let waited = async {
        let mut rpc = wait.all(&fleet.events).await;
        watch.enough();
        observe::compare(&asked, &mut rpc, initial).await;
        rpc
    };
    let (rpc, meanwhile, ()) = futures::join!(waited, meanwhile, watch.look());
    let judged = |answers| {
        let view = view(cluster, facts, targets, answers, rpc.clone(), initial);
        let checks = prove(&view);
        (view, checks)
    };
    let holds = |(view, checks): &(View<'_>, Vec<Row>)| {
        let live = watch.live();
        let live = live.borrow();
        let same = |(name, seen): (&NodeName, &NodeFacts)| {
            asked.iter().any(|asked| asked.name == *name && live.confirms(name, &asked.units, seen))
        };
        checks.iter().all(Row::holds) && view.now.nodes.iter().all(same)
    };
    if let Some((_, checks)) = meanwhile.map(judged).filter(holds) {
        return checks;
    }
    let (view, mut checks) = judged(fleet.inspect(&reached).await);
    cause::explain(&asked, &view, &mut checks).await;
    checks
}

/// The checks over what was seen.
pub fn prove(view: &View<'_>) -> Vec<Row> {
    let mut checks = units::active(view);
    checks.extend(ports::listen(view));
    checks.extend(rpc::answers(view));
    checks.extend(genesis::documents(view));
    checks.extend(genesis::validators(view));
    checks.extend(peers::connected(view));
    checks.extend(blocks::rising(view));
    checks.extend(blocks::one_chain(view));
    checks.extend(clocks::agree(view));
    checks.extend(rpc::caught_up(view));
    checks
}

fn view<'a>(
    cluster: &'a Cluster,
    before: &'a Facts,
    targets: &[Target],
    answers: Answers,
    rpc: observe::Answered,
    initial: u64,
) -> View<'a> {
    let mut view = View::new(cluster, before, initial);
    view.rpc = rpc;
    for member in targets {
        view.nodes.extend(member.questions.iter().map(|question| question.node.clone()));
    }
    let place = |name: &NodeName| cluster.nodes.iter().position(|node| node.name == *name);
    view.nodes.sort_by_key(place);
    for (machine, answer) in answers {
        match answer {
            Err(error) => drop(view.lost.insert(machine, error)),
            Ok((facts, nodes)) => {
                let names = targets.iter().find(|member| member.machine == machine);
                let questions = names.map_or(&[][..], |member| &member.questions[..]);
                for (number, node) in nodes {
                    if let Some(question) = questions.get(number) {
                        view.now.nodes.insert(question.node.clone(), node);
                    }
                }
                view.now.machines.insert(machine, facts);
            }
        }
    }
    view
}
