//! Genesis by the chain's own tool: which of its steps is next on which host, and what has come of them.

use std::collections::BTreeMap;

use super::{
    Options, Planned, Stage, ask,
    lifecycle::{self, Life},
    world::{Outcome, World},
};
use crate::{
    chain::{
        genesis::{
            self,
            tool::{Maker, work},
        },
        profile::{GenesisHow, ToolOn, ToolStep},
    },
    cluster::{Cluster, Node},
    facts::Facts,
    steps::{Step, TOOL_STAGING, Tool, UNKNOWN},
    types::{code::Code, diagnostic::Diagnostic, ids::RemotePath, stage::StageName},
};

pub fn genesis(world: &World<'_>) -> Outcome {
    let World { cluster, facts, options, .. } = *world;
    stage(cluster, facts, options).into()
}

/// Steps that are wanted and have all that they work with; the next ones come when these have given theirs.
pub fn stage(cluster: &Cluster, facts: &Facts, options: &Options) -> Result<Option<Stage>, Vec<Diagnostic>> {
    if !may_run(cluster, facts) {
        return Ok(None);
    }
    let makers = makers(cluster, facts)?;
    let may_make_keys = lifecycle::of_cluster(cluster, facts) < Life::Started;
    let mut steps = BTreeMap::new();
    for (number, node) in cluster.validators().enumerate().filter(|(_, node)| options.touches(&node.name)) {
        let Some(seen) = facts.nodes.get(&node.name) else { continue };
        let of_node = cluster.profile.genesis.steps.iter().filter(|step| is_for(step, number));
        let tools = of_node
            .map_while(|step| tool(cluster, facts, node, step, &makers, number))
            .take_while(|tool| may_make_keys || !tool.is_once() || tool.has_run(seen));
        let wanted: Vec<Planned> = super::called_for::called_for(tools.map(Step::Tool).collect(), seen);
        steps.insert(node.name.clone(), wanted);
    }
    Ok(Stage::of(StageName::Genesis, steps))
}

/// Only before birth (S1); and after a first start only of a genesis that came about like this, and without new keys: a
/// change of what it was made from is to be seen, and refused, as another genesis.
fn may_run(cluster: &Cluster, facts: &Facts) -> bool {
    let made = |step: &ToolStep| facts.nodes.values().any(|seen| seen.pristine.contains_key(&step.name));
    cluster.joined.is_none()
        && cluster.profile.genesis.how == GenesisHow::Tool
        && match lifecycle::of_cluster(cluster, facts) {
            Life::Absent | Life::Prepared => true,
            Life::Started => cluster.profile.genesis.steps.last().is_some_and(made),
            Life::Live => false,
        }
}

fn is_for(step: &ToolStep, number: usize) -> bool {
    match step.on {
        ToolOn::EachValidator => true,
        ToolOn::FirstValidator => number == 0,
    }
}

/// All validators, with what their hosts have kept so far.
fn makers(cluster: &Cluster, facts: &Facts) -> Result<Vec<Maker>, Vec<Diagnostic>> {
    let mut refusals = Vec::new();
    let mut maker = |node: &Node| {
        let kept = facts.nodes.get(&node.name).map(|seen| seen.pristine.clone()).unwrap_or_default();
        let texts = kept.into_iter().map(|(name, text)| (name, text.to_string()));
        let (documents, results): (BTreeMap<_, _>, BTreeMap<_, _>) =
            texts.partition(|(name, _)| cluster.profile.documents.contains_key(name));
        let known = documents.values().all(|text| text != UNKNOWN);
        let set = if known {
            genesis::overridden(&cluster.profile, &documents, &cluster.genesis)
        } else {
            Ok(documents)
        };
        let mut has = set.unwrap_or_else(|problems| {
            refusals.extend(problems.into_iter().map(|problem| {
                let refusal = problem.diagnostic(Code::GenesisUnsound);
                refusal.of_host(node.name.as_str())
            }));
            BTreeMap::new()
        });
        has.extend(results);
        Maker { basics: cluster.basics(node), address: node.private_ip.clone(), power: node.power, has }
    };
    let mut makers: Vec<Maker> = cluster.validators().map(&mut maker).collect();
    if !refusals.is_empty() {
        return Err(refusals);
    }
    for step in &cluster.profile.genesis.steps {
        forget_stale(cluster, facts, step, &mut makers);
    }
    Ok(makers)
}

/// A result that is going to be another one is nothing that a later step could work with.
fn forget_stale(cluster: &Cluster, facts: &Facts, step: &ToolStep, makers: &mut [Maker]) {
    let is_current = |(number, node): (usize, &Node)| {
        let current = facts.nodes.get(&node.name).zip(tool(cluster, facts, node, step, makers, number));
        current.is_some_and(|(seen, tool)| tool.has_run(seen))
    };
    let current: Vec<bool> = cluster.validators().enumerate().map(is_current).collect();
    for (maker, _) in makers.iter_mut().zip(current).filter(|(_, current)| !current) {
        maker.has.remove(&step.name);
    }
}

fn tool(
    cluster: &Cluster,
    facts: &Facts,
    node: &Node,
    step: &ToolStep,
    makers: &[Maker],
    number: usize,
) -> Option<Tool> {
    let seen = facts.nodes.get(&node.name)?;
    let home = seen.home.clone().filter(|_| seen.account.is_some())?;
    let folder = staging(&home)?;
    Some(Tool {
        work: work(&cluster.profile, step, &makers[number], makers, &folder)?,
        binary: cluster.binary_path(node, cluster.main(node), ask::binary_sha256(node, facts)?),
        unit: node.unit_name.clone(),
        sandbox: super::node::sandbox(cluster, node, seen, &home),
        state: cluster.state_folder(node),
        name: step.name.clone(),
        home,
    })
}

fn staging(home: &RemotePath) -> Option<RemotePath> {
    home.join(TOOL_STAGING).ok()
}

/// What the last step has given, if that is of what is wanted now.
pub fn result(cluster: &Cluster, facts: &Facts) -> Result<String, Vec<Diagnostic>> {
    let first = makers(cluster, facts)?.into_iter().next();
    let last = cluster.profile.genesis.steps.last();
    first.zip(last).and_then(|(mut first, last)| first.has.remove(&last.name)).ok_or_else(|| {
        let message = format!("{} itself has not made the genesis yet", cluster.profile.binary.name);
        let advice = "every validator signs it on its own host: run `loomctl up` once without --limit";
        vec![Diagnostic::refusal(Code::GenesisNotMade, None, message).help(advice)]
    })
}
