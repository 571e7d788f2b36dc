//! `keys restore`: a node's keys go back to a host that has lost them, while nobody else can sign with them (S13).

mod signed;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use signed::{first_height, is_live, may_still_sign};

use super::{
    Options, Stage, adopt,
    evidence::{Evidence, Signing},
    lifecycle, preflight, removed, stages,
    world::{Outcome, World},
};
use crate::{
    cluster::{
        Cluster, Node,
        backup::{Backup, Kept},
    },
    facts::{Facts, NodeFacts},
    types::ids::{NodeName, Sha256, ValidatorKey},
    types::{code::Code, diagnostic::Diagnostic, stage::StageName},
};

/// One node's keys on their way back.
#[derive(Debug, Clone, PartialEq)]
pub struct Restoration {
    pub node: NodeName,
    /// The first height that it may sign; `None`: before the first block, the sign state is the backup's.
    pub first: Option<u64>,
    /// The chain stands, so that nobody can be seen to sign.
    pub stands: bool,
    /// The only node that says anything of a chain that lives: nobody confirms it.
    pub alone: Option<NodeName>,
    /// No node says who signs on a chain that lives.
    pub unseen: bool,
}

/// Everything at once, or the first reasons why not. Accounts that the keys are to belong to come first.
pub fn accounts(world: &World<'_>) -> Outcome {
    match planned(world) {
        Err(refusals) => Outcome::Refused(refusals),
        Ok(restorations) => {
            let limit = restorations.into_iter().map(|restoration| restoration.node).collect();
            let only = Options { limit: Some(limit), ..world.options.clone() };
            stages::accounts(&World { options: &only, ..*world })
        }
    }
}

pub fn keys(world: &World<'_>) -> Outcome {
    let restorations = match planned(world) {
        Ok(restorations) => restorations,
        Err(refusals) => return Outcome::Refused(refusals),
    };
    let mut steps = BTreeMap::new();
    for restoration in &restorations {
        let name = &restoration.node;
        let kept = world.keys.and_then(|keys| keys.backup.nodes.get(name));
        let (Some(node), Some(seen), Some(kept)) =
            (world.cluster.node(name), world.facts.nodes.get(name), kept)
        else {
            continue;
        };
        match steps::of_node(world.cluster, node, seen, kept, restoration.first) {
            Ok(list) => drop(steps.insert(name.clone(), list)),
            Err(why) => return Outcome::refused([damaged(name, &why)]),
        }
    }
    Stage::of(StageName::Restore, steps).into()
}

/// Without a backup nothing goes back.
fn planned(world: &World<'_>) -> Result<Vec<Restoration>, Vec<Diagnostic>> {
    let World { cluster, facts, options, .. } = *world;
    world.keys.map_or(Ok(Vec::new()), |keys| plan(cluster, facts, options, keys.backup, keys.evidence))
}

/// Whose keys go back, and from which height on they may sign.
pub fn plan(
    cluster: &Cluster,
    facts: &Facts,
    options: &Options,
    backup: &Backup,
    shown: &Evidence,
) -> Result<Vec<Restoration>, Vec<Diagnostic>> {
    let mut refusals = other_cluster(cluster, backup);
    let mut restorations = Vec::new();
    for node in cluster.nodes.iter().filter(|node| options.touches(&node.name)) {
        let Some(kept) = backup.nodes.get(&node.name) else {
            refusals.extend(options.limit.is_some().then(|| not_in_it(&node.name)));
            continue;
        };
        let Some(seen) = facts.nodes.get(&node.name).filter(|seen| !is_whole(cluster, seen, kept)) else {
            continue;
        };
        let found = refused(cluster, node, facts, seen, kept, shown);
        if found.is_empty() {
            restorations.push(restoration(cluster, node, facts, kept, shown));
        }
        refusals.extend(found);
    }
    if refusals.is_empty() { Ok(restorations) } else { Err(refusals) }
}

fn restoration(cluster: &Cluster, node: &Node, facts: &Facts, kept: &Kept, shown: &Evidence) -> Restoration {
    let lives = is_live(cluster, facts, kept);
    Restoration {
        node: node.name.clone(),
        first: first_height(cluster, facts, kept, shown),
        stands: shown.signing(&kept.validator_key) == Signing::Stands,
        alone: shown.alone().filter(|_| lives).cloned(),
        unseen: lives && shown.last.is_none(),
    }
}

/// Nodes that lack keys which the backup holds: the chain is asked whether these sign.
pub fn lacking(
    cluster: &Cluster,
    facts: &Facts,
    options: &Options,
    backup: &Backup,
) -> BTreeSet<ValidatorKey> {
    let touched = cluster.nodes.iter().filter(|node| options.touches(&node.name));
    let lacks = |node: &Node| {
        let kept = backup.nodes.get(&node.name)?;
        let whole = facts.nodes.get(&node.name).is_some_and(|seen| is_whole(cluster, seen, kept));
        (!whole).then(|| kept.validator_key.clone())
    };
    touched.filter_map(lacks).collect()
}

/// The keys of the backup are there, with a sign state: nothing is to be done.
fn is_whole(cluster: &Cluster, seen: &NodeFacts, kept: &Kept) -> bool {
    seen.validator_key.as_ref() == Some(&kept.validator_key)
        && seen.node_id.as_ref() == Some(&kept.node_id)
        && !lifecycle::lacks_sign_state(cluster, seen)
}

fn damaged(node: &NodeName, why: &str) -> Diagnostic {
    Diagnostic::refusal(Code::BackupDamaged, Some(node), format!("the backup cannot be used: {why}"))
        .help("take another backup, or one that was made with this profile")
}

fn not_in_it(node: &NodeName) -> Diagnostic {
    Diagnostic::refusal(Code::NotInBackup, Some(node), "it is not in this backup")
        .help("take another backup, or leave it out of --limit")
}

fn other_cluster(cluster: &Cluster, backup: &Backup) -> Vec<Diagnostic> {
    if (&backup.cluster, &backup.chain_id) == (&cluster.name, &cluster.chain_id) {
        return Vec::new();
    }
    let message = format!(
        "the backup is of the cluster {} (chain {}), the inventory has {} (chain {})",
        backup.cluster, backup.chain_id, cluster.name, cluster.chain_id
    );
    let advice = "a sign state belongs to one key on one chain: take the backup of this cluster";
    vec![Diagnostic::refusal(Code::OtherBackup, None, message).help(advice)]
}

fn refused(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    seen: &NodeFacts,
    kept: &Kept,
    shown: &Evidence,
) -> Vec<Diagnostic> {
    let machine = facts.machines.get(&node.machine);
    let mut refusals =
        machine.map(|machine| preflight::can_host(cluster, node, machine, seen)).unwrap_or_default();
    refusals.extend(other_keys(node, seen, kept));
    refusals.extend(unknown_key(cluster, node, seen, kept));
    refusals.extend(occupied(cluster, node, seen));
    refusals.extend(held_elsewhere(node, facts, kept));
    refusals.extend(removed::unusable(facts));
    refusals.extend(removed::refused_keys(cluster, facts, node, &kept.node_id, &kept.validator_key));
    refusals.extend(may_still_sign(cluster, node, facts, seen, kept, shown));
    refusals
}

/// A key that is there is never written over.
fn other_keys(node: &Node, seen: &NodeFacts, kept: &Kept) -> Option<Diagnostic> {
    let differ = |there: &Option<String>, kept: String| there.as_ref().is_some_and(|there| *there != kept);
    let key = seen.validator_key.as_ref().map(ToString::to_string);
    let id = seen.node_id.as_ref().map(ToString::to_string);
    let what = if differ(&key, kept.validator_key.to_string()) {
        format!(
            "another validator key is there: {}, the backup has {}",
            key.unwrap_or_default(),
            kept.validator_key
        )
    } else if differ(&id, kept.node_id.to_string()) {
        format!(
            "another node key is there: its id is {}, the backup has {}",
            id.unwrap_or_default(),
            kept.node_id
        )
    } else {
        return None;
    };
    let advice = "keys are never written over: is it the right host? To give up what is there, stop the node and move \
                  its folder and its state below /var/lib/loomctl away";
    Some(Diagnostic::refusal(Code::OtherKeys, Some(&node.name), what).help(advice))
}

/// A key whose public part nobody knows any more, and that is not the backup's.
fn unknown_key(cluster: &Cluster, node: &Node, seen: &NodeFacts, kept: &Kept) -> Option<Diagnostic> {
    let prints = cluster.profile.init.prints.as_ref().filter(|_| seen.node_id.is_none())?;
    let path = prints.of.under(seen.home.as_ref()?);
    let there = seen.file(&path)?.sha256.as_ref()?;
    let same = kept.text(&prints.of).is_ok_and(|text| Sha256::of(text.reveal()) == *there);
    (!same).then(|| {
        Diagnostic::refusal(
            Code::OtherKeys,
            Some(&node.name),
            format!("{path} is another key than the backup's"),
        )
        .help("keys are never written over: move it away after a backup of it, and run again")
    })
}

/// What somebody else has put there would stand in the way of the node's init.
fn occupied(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let first = adopt::foreign(cluster, node, seen)
        .or_else(|| seen.home.as_ref().filter(|_| lifecycle::is_staged(seen)).map(crate::steps::staging))?;
    Some(Diagnostic::refusal(Code::ForeignNode, Some(&node.name), format!("{first} is there, and no node of ours is whole")).help(
        "keys go back to a host that has lost its node: move what is there away (after a backup of it) and run again",
    ))
}

fn held_elsewhere(node: &Node, facts: &Facts, kept: &Kept) -> Option<Diagnostic> {
    let holds = |(name, seen): &(&NodeName, &NodeFacts)| {
        **name != node.name
            && (seen.validator_key.as_ref() == Some(&kept.validator_key)
                || seen.node_id.as_ref() == Some(&kept.node_id))
    };
    let (other, _) = facts.nodes.iter().find(holds)?;
    Some(Diagnostic::refusal(Code::KeysHeld, Some(&node.name), format!("{other} holds the same keys: two nodes with one key sign twice")).help(
        format!("to move the node here, take the keys away from {other} first: stop it, and move its key files away"),
    ))
}
