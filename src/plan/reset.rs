//! `--reset-unborn`: a cluster that has started with documents which have to change loses its state, and keeps its keys
//! (S1, S13).

use super::{
    Next, Options, down,
    life::{self, Life},
};
use crate::{
    cluster::{Cluster, Node},
    facts::{Facts, NodeFacts},
    steps::Step,
    types::{code::Code, diagnostic::Diagnostic, stage::StageName},
};

/// Stop all, then remove; `Done`: there is no state that would have to go.
pub fn next(cluster: &Cluster, facts: &Facts, options: &Options) -> Next {
    let refuse = |message: &str, advice: &str| {
        Next::Refused(vec![Diagnostic::refusal(Code::ResetRefused, None, message).help(advice)])
    };
    match life::of_cluster(cluster, facts) {
        Life::Absent | Life::Prepared => return Next::Done(Vec::new()),
        Life::Live => {
            return refuse(
                "--reset-unborn: the chain has made blocks",
                "leave the flag out. To begin another chain: `loomctl down --destroy` (keys stay), then `loomctl up`",
            );
        }
        Life::Started if options.limit.is_some() => {
            return refuse("--reset-unborn is for the whole cluster", "leave --limit out");
        }
        Life::Started => {}
    }
    let nodes: Vec<(&Node, &NodeFacts)> =
        cluster.nodes.iter().filter_map(|node| Some((node, facts.nodes.get(&node.name)?))).collect();
    let stage = down::of(&nodes, StageName::Stop, |node, _| down::stopped(cluster, node))
        .or_else(|| down::of(&nodes, StageName::Reset, |node, seen| state(cluster, node, seen)));
    match stage {
        Some(stage) => Next::Stage(stage),
        None => Next::Done(Vec::new()),
    }
}

/// What the first start has made; the sign state goes back to zero with it.
fn state(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Vec<Step> {
    let (Some(home), profile) = (&seen.home, &cluster.profile) else { return Vec::new() };
    let data =
        profile.chain_data.iter().filter(|path| !profile.is_sign_state(path)).map(|path| path.under(home));
    let mut steps: Vec<Step> = data.map(|path| Step::Gone { path }).collect();
    steps.extend(Step::unsigned(profile, home));
    let records = cluster.programs(node).map(super::node::record);
    let records = records.filter_map(|record| cluster.state_folder(node).join(&record).ok());
    steps.extend(records.map(|path| Step::Gone { path }));
    steps
}
