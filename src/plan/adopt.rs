//! `--adopt`: a node that somebody else made is taken over as it is: its keys, its documents and its configuration stay.

use std::collections::BTreeMap;

use super::{
    Options, Planned, Stage, ask,
    lifecycle::{self, Life},
    preflight::units,
    world::{Outcome, World},
};
use crate::{
    chain::genesis,
    cluster::{Cluster, Node},
    facts::{Facts, NodeFacts},
    steps::{Adopt, Step},
    types::ids::{ChainId, RemotePath},
    types::{code::Code, diagnostic::Diagnostic, stage::StageName},
};

/// The first file of a chain there that loomctl has not made; `None`: there is none, or it has.
pub fn foreign(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<RemotePath> {
    let home = seen.home.as_ref()?;
    let ours = lifecycle::is_ours(cluster, node, seen)
        || lifecycle::is_restored(cluster, node, seen)
        || lifecycle::is_staged(seen);
    let mut made = cluster.profile.init.makes.iter().map(|made| made.path.under(home));
    if ours { None } else { made.find(|path| seen.has(path)) }
}

/// Why this node cannot be taken over.
pub fn refusals(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    seen: &NodeFacts,
    options: &Options,
) -> Vec<Diagnostic> {
    let refuse = |message: String, advice: &str| {
        Diagnostic::refusal(Code::NotAdoptable, Some(&node.name), message).help(advice)
    };
    let mut refusals: Vec<Diagnostic> =
        [other_unit(cluster, node, seen), other_owner(cluster, node, seen)].into_iter().flatten().collect();
    refusals.extend(packaged_unit(cluster, node, seen));
    if cluster.scope(node).login_user().is_some() && !seen.has(&cluster.unit_path(node)) {
        refusals.push(refuse(
            format!(
                "{} is not there, and what root's systemd starts cannot be taken over without root",
                cluster.unit_path(node)
            ),
            "remove `ansible_become: false`, so that loomctl is root there",
        ));
    }
    if lifecycle::of_node(cluster, node, facts) < Life::Started {
        refusals.push(refuse(
            "it has keys but has never started: there is no chain to take over".to_owned(),
            "move the files away after a backup of the keys, and let `loomctl up` make a chain",
        ));
    }
    if seen.node_id.is_none() || seen.validator_key.is_none() || lifecycle::lacks_sign_state(cluster, seen) {
        refusals.push(refuse(
            "its node key, validator key or sign state is missing or cannot be read".to_owned(),
            "a node is taken over whole or not at all: is `working_directory` the one that it runs in?",
        ));
    }
    if let Some(there) = another_chain(cluster, seen) {
        refusals.push(refuse(
            format!("its chain is {:?}, the inventory says {:?}", there.as_str(), cluster.chain_id.as_str()),
            "set `chain_id` to what the chain is called",
        ));
    }
    if !node.services.is_empty() {
        refusals.push(refuse(
            format!(
                "a node of chain {} has services of its own, and is not taken over",
                cluster.profile.name
            ),
            "give the chain whose node has one process, with the other process as it is",
        ));
    }
    let other = super::node::other_binary(cluster, node, cluster.main(node), facts, seen);
    if let Some(other) = other.filter(|_| !options.consent.upgrade) {
        refusals.push(refuse(
            other,
            "give the binary that runs there (`binary`), so that taking over changes nothing else; or --allow-upgrade",
        ));
    }
    refusals
}

/// A package's unit would be there again with its next version, below a file of ours that hides it.
fn packaged_unit(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let own = cluster.unit_path(node);
    let from = units::elsewhere(cluster, node, cluster.main(node), seen);
    from.map(|from| {
        let message = format!("its unit is {from}, which no administrator of this host has written");
        Diagnostic::refusal(Code::ForeignUnit, Some(&node.name), message)
            .help(format!("copy it to {own}, run `systemctl daemon-reload`, and take the node over then"))
    })
}

/// A unit of that name has to run this chain's program in this folder.
fn other_unit(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let path = cluster.unit_path(node);
    let text = seen.text(&path)?;
    let line = |key: &str| text.lines().rev().find_map(|line| line.trim().strip_prefix(key)).map(str::trim);
    let exec = line("ExecStart=").unwrap_or_default();
    let program =
        exec.trim_start_matches(['-', '@', ':', '+', '!', '"']).split([' ', '"']).next().unwrap_or_default();
    let home = seen.home.as_ref()?.as_str();
    let here = exec.contains(home)
        || line("WorkingDirectory=").is_some_and(|folder| folder.trim_end_matches('/') == home);
    let ours = program.rsplit('/').next() == Some(cluster.profile.binary.name.as_str()) && here;
    (!ours).then(|| {
        let message =
            format!("{path} is something else: it does not run {} in {home}", cluster.profile.binary.name);
        Diagnostic::refusal(Code::NotAdoptable, Some(&node.name), message)
            .help("set `unit_name` and `working_directory` to those of the node that is to be taken over")
    })
}

fn other_owner(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let key = cluster.profile.validator_key.file.under(seen.home.as_ref()?);
    let owner = seen.file(&key)?.owner.split(':').next()?;
    (owner != node.user.as_str()).then(|| {
        let message =
            format!("{key} belongs to {owner}, but the inventory has the node run as {}", node.user);
        Diagnostic::refusal(Code::NotAdoptable, Some(&node.name), message)
            .help(format!("set `user: {owner}`"))
    })
}

/// Another id than the inventory's in one of its documents, wherever the profile says that it stands in them.
fn another_chain(cluster: &Cluster, seen: &NodeFacts) -> Option<ChainId> {
    let home = seen.home.as_ref()?;
    let ids = cluster.profile.documents.iter().filter_map(|(name, document)| {
        genesis::standalone::chain_id(&cluster.profile, name, seen.text(&document.path.under(home))?)
    });
    ids.into_iter().find(|id| *id != cluster.chain_id)
}

/// Everything that has to be copied before the first change; from then on it is a node like any other.
pub fn take_over(world: &World<'_>) -> Outcome {
    let cluster = world.cluster;
    let mut steps = BTreeMap::new();
    for (node, seen) in world.touched() {
        let (Some(first), Some(home)) = (foreign(cluster, node, seen), &seen.home) else { continue };
        let step = Step::Adopt(Adopt {
            home: home.clone(),
            state: cluster.state_folder(node),
            keep: ask::kept(cluster).into_iter().chain(ask::adopted(cluster)).collect(),
        });
        steps.insert(node.name.clone(), vec![Planned { step, why: format!("{first} is there") }]);
    }
    Stage::of(StageName::Adopt, steps).into()
}
