//! What a stage brings about, without a host: `--check` unfolds the plan over it.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    Course, Next, Options, Planned, Stage, birth,
    lifecycle::{self, Life},
    node, tool,
};
use crate::{
    cluster::{Cluster, Node},
    facts::{Facts, NodeFacts},
    steps::{File, Run, Step, UNKNOWN, Unit},
    types::{
        ids::{NodeId, NodeName, Sha256},
        stage::StageName,
    },
};

/// Where a plan ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfolded {
    pub stages: Vec<Stage>,
    pub end: Next,
}

/// All stages that are to come, as far as they can be known now.
pub fn unfold(cluster: &Cluster, facts: &Facts, options: &Options) -> Unfolded {
    let (mut facts, mut stages) = (Cow::Borrowed(facts), Vec::new());
    let mut course = Course::new(options);
    loop {
        match course.next(cluster, &facts) {
            Next::Stage(stage) if stage.name == StageName::Fetch => {
                stages.push(stage);
                return Unfolded { stages, end: Next::Done(Vec::new()) };
            }
            Next::Stage(stage) if stages.last() == Some(&stage) => {
                return Unfolded { stages, end: Next::Done(Vec::new()) };
            }
            Next::Stage(stage) => {
                let inits: Vec<NodeName> = initialised(&stage).cloned().collect();
                let known = inits.is_empty() && !is_tools(&stage);
                apply(&stage, facts.to_mut(), |_, _| {});
                stages.push(stage);
                if known {
                    continue;
                }
                let (more, end) = match lifecycle::of_cluster(cluster, &facts) {
                    Life::Live => joining(cluster, facts.into_owned(), options, &inits),
                    Life::Started => (None, Next::Done(Vec::new())),
                    Life::Absent | Life::Prepared => {
                        stages.extend(tools(cluster, facts.to_mut(), options));
                        let touched = |node: &&Node| options.touches(&node.name);
                        let steps = outline(cluster, &facts, cluster.nodes.iter().filter(touched));
                        (Stage::of(StageName::Start, steps), Next::Done(Vec::new()))
                    }
                };
                stages.extend(more);
                return Unfolded { stages, end };
            }
            Next::Done(pending) if !pending.is_empty() && options.consent.roll && course.roll() => {}
            end => return Unfolded { stages, end },
        }
    }
}

fn initialised(stage: &Stage) -> impl Iterator<Item = &NodeName> {
    let has_init = |steps: &Vec<Planned>| steps.iter().any(|planned| matches!(planned.step, Step::Init(_)));
    stage.steps.iter().filter(move |(_, steps)| has_init(steps)).map(|(node, _)| node)
}

fn is_tools(stage: &Stage) -> bool {
    stage.steps.values().flatten().any(|planned| matches!(planned.step, Step::Tool(_)))
}

/// What the chain's own genesis tool has still to do, with texts that nobody knows yet.
fn tools(cluster: &Cluster, facts: &mut Facts, options: &Options) -> Vec<Stage> {
    for node in cluster.validators() {
        for name in cluster.profile.documents.keys() {
            if let Some(seen) = facts.nodes.get_mut(&node.name) {
                seen.pristine.entry(name.clone()).or_insert_with(|| UNKNOWN.into());
            }
        }
    }
    let mut stages = Vec::new();
    while let Ok(Some(stage)) = tool::stage(cluster, facts, options) {
        apply(&stage, facts, |_, _| {});
        stages.push(stage);
    }
    stages
}

/// The steps after an init whose keys nobody knows yet: the same steps, their contents open; but the documents of a
/// chain that lives are known.
fn outline<'a>(
    cluster: &Cluster,
    facts: &Facts,
    nodes: impl Iterator<Item = &'a Node>,
) -> BTreeMap<NodeName, Vec<Planned>> {
    let lives = lifecycle::of_cluster(cluster, facts) == Life::Live;
    let documents =
        if lives { birth::documents(cluster, facts).unwrap_or_default() } else { BTreeMap::new() };
    let planned = |node: &Node, mut step: Step| {
        if let (Step::File(File { path, content, .. }), Some(seen)) = (&mut step, facts.nodes.get(&node.name))
        {
            let at =
                |name: &String| Some(cluster.profile.documents.get(name)?.path.under(seen.home.as_ref()?));
            if let Some((_, text)) = documents.iter().find(|(name, _)| at(name).as_ref() == Some(path)) {
                content.clone_from(text);
            }
        }
        Planned { step, why: "comes after init".to_owned() }
    };
    let unknown = UNKNOWN.into();
    let of = |node: &'a Node| {
        let steps = node::outline(cluster, node, facts, &unknown)?;
        Some((node.name.clone(), steps.into_iter().map(|step| planned(node, step)).collect()))
    };
    nodes.filter_map(of).collect()
}

/// What follows on a living chain when these nodes have got keys: their own start, and what changes for the others,
/// who are given ids in their place; what would hold one of those is not known.
fn joining(
    cluster: &Cluster,
    mut facts: Facts,
    options: &Options,
    new: &[NodeName],
) -> (Option<Stage>, Next) {
    let own = cluster.nodes.iter().filter(|node| new.contains(&node.name));
    let own = outline(cluster, &facts, own);
    let mut ids = Vec::new();
    for name in new {
        let id = Sha256::of(format!("{UNKNOWN}{name}")).to_string().chars().take(40).collect::<String>();
        if let Some(seen) = facts.nodes.get_mut(name) {
            seen.node_id = NodeId::new(&id).ok();
        }
        ids.push(id);
    }
    let others = cluster.nodes.iter().map(|node| &node.name);
    let others = others.filter(|name| options.touches(name) && !new.contains(name)).cloned().collect();
    let mut others = Options { limit: Some(others), ..options.clone() };
    // Who restarts when is for a plan to say that knows the new keys.
    others.consent.roll = false;
    let (mut steps, mut last) = (BTreeMap::new(), None);
    let end = loop {
        match super::next(cluster, &facts, &others) {
            Next::Stage(stage) if last.as_ref() != Some(&stage) => {
                apply(&stage, &mut facts, |_, _| {});
                steps.extend(stage.steps.clone());
                last = Some(stage);
            }
            Next::Stage(_) => break Next::Done(Vec::new()),
            end => break end,
        }
    };
    for planned in steps.values_mut().flatten() {
        if let Step::File(File { content, .. }) = &mut planned.step
            && ids.iter().any(|id| content.contains(id))
        {
            *content = UNKNOWN.into();
        }
    }
    steps.extend(own);
    (Stage::of(StageName::Start, steps), end)
}

/// Makes `facts` say what the stage would have brought about; `init` adds what only the chain's init knows.
pub fn apply(stage: &Stage, facts: &mut Facts, init: impl Fn(&NodeName, &mut NodeFacts)) {
    for (name, steps) in &stage.steps {
        let Some(seen) = facts.nodes.get_mut(name) else { continue };
        for planned in steps {
            planned.step.bring_about(seen);
            if matches!(planned.step, Step::Init(_)) {
                init(name, seen);
            }
        }
    }
    tried(stage, facts);
}

/// A run remembers whom it has started: once is enough.
pub fn tried(stage: &Stage, facts: &mut Facts) {
    for (node, steps) in &stage.steps {
        let Some(seen) = facts.nodes.get_mut(node) else { continue };
        for planned in steps {
            if let Step::Unit(Unit { name, run: Run::Start | Run::Restart, .. }) = &planned.step {
                seen.unit_of_mut(name).tried = true;
            }
        }
    }
}
