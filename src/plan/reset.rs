//! `--reset-unborn`: a cluster that has started with documents which have to change loses its state, and keeps its keys
//! (S1, S13).

use super::{
    down,
    lifecycle::{self, Life},
    world::{Outcome, World},
};
use crate::{
    cluster::{Cluster, Node},
    facts::NodeFacts,
    steps::{Gone, Step, Unsigned},
    types::{code::Code, diagnostic::Diagnostic, stage::StageName},
};

/// Only of a chain that has started and made no block; before that there is no state that would have to go.
pub fn may_reset(world: &World<'_>) -> Outcome {
    let refuse = |message: &str, advice: &str| {
        Outcome::refused([Diagnostic::refusal(Code::ResetRefused, None, message).help(advice)])
    };
    match lifecycle::of_cluster(world.cluster, world.facts) {
        Life::Live => refuse(
            "--reset-unborn: the chain has made blocks",
            "leave the flag out. To begin another chain: `loomctl down --destroy` (keys stay), then `loomctl up`",
        ),
        Life::Started if world.options.limit.is_some() => {
            refuse("--reset-unborn is for the whole cluster", "leave --limit out")
        }
        Life::Absent | Life::Prepared | Life::Started => Outcome::Nothing,
    }
}

/// All nodes at once: before the first block nobody's signature is missed.
pub fn stop(world: &World<'_>) -> Outcome {
    of_started(world, StageName::Stop, |node, _| down::stopped(world.cluster, node))
}

pub fn state(world: &World<'_>) -> Outcome {
    of_started(world, StageName::Reset, |node, seen| made_by_start(world.cluster, node, seen))
}

fn of_started(world: &World<'_>, name: StageName, steps: impl Fn(&Node, &NodeFacts) -> Vec<Step>) -> Outcome {
    if lifecycle::of_cluster(world.cluster, world.facts) != Life::Started {
        return Outcome::Nothing;
    }
    let nodes: Vec<(&Node, &NodeFacts)> = world.touched().collect();
    down::of(&nodes, name, steps).into()
}

/// What the first start has made; the sign state goes back to zero with it.
fn made_by_start(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Vec<Step> {
    let (Some(home), profile) = (&seen.home, &cluster.profile) else { return Vec::new() };
    let data =
        profile.chain_data.iter().filter(|path| !profile.is_sign_state(path)).map(|path| path.under(home));
    let mut steps: Vec<Step> = data.map(|path| Step::Gone(Gone { path })).collect();
    steps.extend(Unsigned::of(profile, home));
    let records = cluster.programs(node).map(super::node::record);
    let records = records.filter_map(|record| cluster.state_folder(node).join(&record).ok());
    steps.extend(records.map(|path| Step::Gone(Gone { path })));
    steps
}
