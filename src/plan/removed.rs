//! Who was removed from the cluster (S17): tombstones on its hosts say so. The only place that decides what follows from them: such
//! a node is none of the cluster's nodes for all that starts nodes or says whom they dial, and nobody is started with its keys.
//!
//! A host may invent tombstones (P5). By the word of one host among several nobody is left out; it stops the run, and names itself.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::Options;
use crate::{
    cluster::{Cluster, Node},
    facts::{
        Facts, NodeFacts,
        removed::{Holds, Tombstone},
    },
    types::{
        code::Code,
        diagnostic::Diagnostic,
        ids::{NodeId, NodeName, ValidatorKey},
    },
};

/// A tombstone as the hosts have it: of several that are of one node the one that holds most.
#[derive(Debug, Clone)]
pub struct Said<'a> {
    pub stone: &'a Tombstone,
    /// The nodes on whose hosts it is, one a machine.
    pub by: BTreeMap<usize, &'a NodeName>,
}

/// What follows for a node of the inventory.
#[derive(Debug, Clone)]
enum Standing<'a> {
    /// It is left out.
    Out(&'a Tombstone),
    /// Nothing begins.
    Refused(Diagnostic),
}

/// All that hosts remember. Empty, and at no cost, where nobody was ever removed.
pub fn said<'a>(cluster: &Cluster, facts: &'a Facts) -> Vec<Said<'a>> {
    let mut all: Vec<Said<'a>> = Vec::new();
    for (name, seen) in facts.nodes.iter().filter(|(_, seen)| !seen.removed.is_empty()) {
        // The node of a removed host is none of the cluster any more; its host's word is one all the same.
        let machine = cluster.node(name).map_or(usize::MAX, |node| node.machine);
        for stone in &seen.removed {
            match all.iter_mut().find(|other| other.stone.identity() == stone.identity()) {
                None => all.push(Said { stone, by: [(machine, name)].into() }),
                Some(other) if other.stone.holds == stone.holds => drop(other.by.insert(machine, name)),
                Some(other) if other.stone.holds < stone.holds => {
                    *other = Said { stone, by: [(machine, name)].into() };
                }
                Some(_) => {}
            }
        }
    }
    all
}

/// The cluster without the nodes that were removed from it.
pub fn remaining<'a>(cluster: &'a Cluster, facts: &Facts) -> Cow<'a, Cluster> {
    let gone = left_out(cluster, facts);
    if gone.is_empty() { Cow::Borrowed(cluster) } else { Cow::Owned(without(cluster, &gone)) }
}

/// Nodes of the inventory that are no nodes of the cluster any more.
pub fn left_out(cluster: &Cluster, facts: &Facts) -> BTreeSet<NodeName> {
    let said = said(cluster, facts);
    if said.is_empty() {
        return BTreeSet::new();
    }
    let out = |node: &&Node| matches!(standing(cluster, facts, &said, node), Some(Standing::Out(_)));
    cluster.nodes.iter().filter(out).map(|node| node.name.clone()).collect()
}

/// Machines keep their numbers: facts and connections go by them.
pub fn without(cluster: &Cluster, gone: &BTreeSet<NodeName>) -> Cluster {
    let mut rest = cluster.clone();
    rest.nodes.retain(|node| !gone.contains(&node.name));
    for machine in &mut rest.machines {
        machine.nodes.clear();
    }
    for (number, node) in rest.nodes.iter_mut().enumerate() {
        node.behind.retain(|sentry| !gone.contains(sentry));
        rest.machines[node.machine].nodes.push(number);
    }
    rest
}

/// The validators that would lose their last sentry with these nodes, and so what hides them.
pub fn bared<'a>(cluster: &'a Cluster, gone: &BTreeSet<NodeName>) -> Vec<&'a NodeName> {
    let is_bared = |node: &&Node| {
        !gone.contains(&node.name)
            && !node.behind.is_empty()
            && node.behind.iter().all(|sentry| gone.contains(sentry))
    };
    cluster.nodes.iter().filter(is_bared).map(|node| &node.name).collect()
}

/// Whoever has these is no stranger that the inventory has lost.
pub fn keys(facts: &Facts) -> (BTreeSet<&NodeId>, BTreeSet<&ValidatorKey>) {
    let all = || facts.nodes.values().flat_map(|seen| &seen.removed);
    let stones = || all().filter(|stone| stone.holds > Holds::Nothing);
    let ids = stones().filter_map(|stone| stone.node_id.as_ref());
    (ids.collect(), stones().filter_map(|stone| stone.validator_key.as_ref()).collect())
}

/// Why nothing begins, whatever is asked for. `cluster`: without those that are left out.
pub fn refusals(cluster: &Cluster, facts: &Facts, options: &Options) -> Vec<Diagnostic> {
    let mut refusals = unusable(facts);
    let said = said(cluster, facts);
    if said.is_empty() {
        return refusals;
    }
    let refused = |node: &Node| match standing(cluster, facts, &said, node) {
        Some(Standing::Refused(refusal)) => Some(refusal),
        // Of a goal that leaves nobody out.
        Some(Standing::Out(stone)) => Some(not_started(&node.name, stone)),
        None => None,
    };
    refusals.extend(cluster.nodes.iter().filter_map(refused));
    refusals.extend(none_but_removed(cluster, &said, options));
    refusals
}

/// A backup's keys are not given to anybody once their node was removed.
pub fn refused_keys(
    cluster: &Cluster,
    facts: &Facts,
    node: &Node,
    id: &NodeId,
    key: &ValidatorKey,
) -> Option<Diagnostic> {
    let said = said(cluster, facts);
    let holds =
        |said: &&Said<'_>| said.stone.holds > Holds::Nothing && is_of(said.stone, Some(id), Some(key));
    let found = said.iter().find(holds)?;
    Some(keys_of_removed(node, found, "the backup's keys are"))
}

/// Who is left out of this run, and what to do about it.
pub fn warnings(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let said = said(cluster, facts);
    let warning = |node: &Node| match standing(cluster, facts, &said, node)? {
        Standing::Out(stone) => Some(passed_over(node, stone, facts.nodes.get(&node.name))),
        Standing::Refused(_) => None,
    };
    cluster.nodes.iter().filter_map(warning).collect()
}

/// What no host can be believed about.
pub fn unusable(facts: &Facts) -> Vec<Diagnostic> {
    let refuse = |(name, seen): (&NodeName, &NodeFacts)| {
        let why = seen.removed_error.as_ref()?;
        let message = format!("what its host remembers of removed nodes cannot be used: {why}");
        let advice = "it may be of any node, so nothing is started: use the loomctl that wrote it, or look at the files \
                      /var/lib/loomctl/*/.removed/*.json there";
        Some(Diagnostic::refusal(Code::TombstoneUnusable, Some(name), message).help(advice))
    };
    facts.nodes.iter().filter_map(refuse).collect()
}

fn standing<'a>(cluster: &Cluster, facts: &Facts, said: &[Said<'a>], node: &Node) -> Option<Standing<'a>> {
    let named = || said.iter().filter(|said| is_named(cluster, said, &node.name));
    if let Some(believed) = named().find(|named| is_believed(cluster, facts, named)) {
        return Some(Standing::Out(believed.stone));
    }
    if let Some(named) = named().next() {
        return Some(Standing::Refused(half_removed(node, named)));
    }
    let seen = facts.nodes.get(&node.name)?;
    let has_keys = |said: &&Said<'a>| said.stone.holds > Holds::Nothing && has_keys_of(seen, said.stone);
    let held = said.iter().find(has_keys)?;
    Some(Standing::Refused(keys_of_removed(node, held, "its keys are")))
}

fn is_named(cluster: &Cluster, said: &Said<'_>, node: &NodeName) -> bool {
    said.stone.holds == Holds::Node && said.stone.cluster == cluster.name && said.stone.node == *node
}

/// Whether the node is the one that was removed, by its keys.
pub fn has_keys_of(seen: &NodeFacts, stone: &Tombstone) -> bool {
    is_of(stone, seen.node_id.as_ref(), seen.validator_key.as_ref())
}

/// A key is the same whatever its type is called: hosts and documents of one chain differ in that.
fn is_of(stone: &Tombstone, id: Option<&NodeId>, key: Option<&ValidatorKey>) -> bool {
    let value = |key: Option<&ValidatorKey>| key.map(|key| key.value.clone());
    let same_id = id.is_some() && stone.node_id.as_ref() == id;
    same_id || key.is_some() && value(stone.validator_key.as_ref()) == value(key)
}

/// By two machines, or by the only one that was asked.
fn is_believed(cluster: &Cluster, facts: &Facts, said: &Said<'_>) -> bool {
    let asked = facts.nodes.keys().map(|name| cluster.node(name).map_or(usize::MAX, |node| node.machine));
    said.by.len() > 1 || asked.collect::<BTreeSet<_>>().len() < 2
}

/// `2026-… by me@laptop`
fn when(stone: &Tombstone) -> String {
    format!("{} by {}", stone.time, stone.who)
}

fn passed_over(node: &Node, stone: &Tombstone, seen: Option<&NodeFacts>) -> Diagnostic {
    let mut message =
        format!("it was removed from the cluster at {}: it is not started, and nobody dials it", when(stone));
    let mut help = "take it out of the inventory".to_owned();
    match seen {
        Some(seen) if has_keys_of(seen, stone) => {
            if seen.units().any(|unit| !unit.is_stopped()) {
                message += "; it runs there all the same";
                let _ = write!(help, ", after `loomctl remove {}` has stopped it", node.name);
            }
            let _ = write!(help, "; to bring it back: `loomctl remove --undo {}`", node.name);
        }
        Some(_) => {
            message += ". Its host does not have the keys that it had then";
            let _ = write!(help, "; to make a new node of this name: `loomctl remove --undo {}`", node.name);
        }
        None => {}
    }
    Diagnostic::warning(message).coded(Code::RemovedNode).of_host(node.name.as_str()).help(help)
}

fn not_started(node: &NodeName, stone: &Tombstone) -> Diagnostic {
    let message = format!("it was removed from the cluster at {}, and is not started", when(stone));
    let advice = format!(
        "take it out of the inventory; to bring it back, or to make a new node of this name: `loomctl remove --undo {node}`"
    );
    Diagnostic::refusal(Code::Removed, Some(node), message).help(advice)
}

/// Nobody else is named: a run that does nothing would say less.
fn none_but_removed(cluster: &Cluster, said: &[Said<'_>], options: &Options) -> Vec<Diagnostic> {
    let Some(limit) = &options.limit else { return Vec::new() };
    if limit.iter().any(|name| cluster.node(name).is_some()) {
        return Vec::new();
    }
    let of = |name: &NodeName| {
        let its = said.iter().find(|said| is_named(cluster, said, name))?;
        Some(not_started(name, its.stone))
    };
    limit.iter().filter_map(of).collect()
}

fn half_removed(node: &Node, said: &Said<'_>) -> Diagnostic {
    let by = said.by.values().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!(
        "by {by} it was removed from the cluster at {}, and no other host knows of that",
        when(said.stone)
    );
    let advice = format!(
        "a removal that was interrupted is finished by `loomctl remove {0}`, and undone by `loomctl remove --undo {0}`; if \
         nobody has removed it, look at that host",
        node.name
    );
    Diagnostic::refusal(Code::HalfRemoved, Some(&node.name), message).help(advice)
}

fn keys_of_removed(node: &Node, said: &Said<'_>, whose: &str) -> Diagnostic {
    let (stone, by) = (said.stone, said.by.values().map(|name| name.as_str()).collect::<Vec<_>>().join(", "));
    let message = format!(
        "{whose} those of {}, which was removed from the cluster at {} (by what {by} remembers): nobody is started with them",
        stone.node,
        when(stone)
    );
    let advice = format!(
        "a key that was moved may sign twice. Give this host keys of its own (`loomctl down --destroy --delete-keys --limit \
         {}`, then `loomctl up`), or bring back the node that they are of: `loomctl remove --undo {}`, with it in the inventory",
        node.name, stone.node
    );
    Diagnostic::refusal(Code::RemovedKeys, Some(&node.name), message).help(advice)
}
