//! What has to be known of each node: the questions of the gather script.

use super::names;
use crate::{
    chain::profile::{HomePath, NodeKeyReader, Prints, Profile, ValidatorKeyReader},
    cluster::{Binary, Cluster, Node, Program, Source},
    facts::{
        Facts, NodeFacts,
        ask::{KeyPlace, NodeQuestion, ServiceQuestion},
    },
    steps::{TOOL_STAGING, made_from},
    types::ids::{Sha256, UnitName},
};

/// The checksum of the node's own planned binary.
pub fn binary_sha256<'a>(node: &'a Node, facts: &'a Facts) -> Option<&'a Sha256> {
    sha256_of(node, &node.binary, facts)
}

/// The checksum of one of its planned binaries: pinned, of the controller's file, or of what its host pulled from the URL.
pub fn sha256_of<'a>(node: &Node, binary: &'a Binary, facts: &'a Facts) -> Option<&'a Sha256> {
    binary.sha256().or_else(|| match &binary.source {
        Source::Url(url) => facts.machines.get(&node.machine)?.pulled.get(&url.name()),
        Source::File(_) => None,
    })
}

/// systemd has known no unit of this name in this run, and nothing runs under it.
pub(super) fn is_absent(seen: Option<&NodeFacts>, unit: &UnitName) -> bool {
    seen.map(|seen| seen.unit_of(unit)).is_some_and(|unit| unit.load == "not-found" && unit.is_stopped())
}

/// Names under which what `init` made is kept, pristine: documents by their own, files by their path.
pub fn kept(cluster: &Cluster) -> Vec<(String, String)> {
    let profile = &cluster.profile;
    let documents =
        profile.documents.iter().map(|(name, document)| (name.clone(), document.path.to_string()));
    let files = profile
        .files
        .iter()
        .filter(|(_, file)| file.base.is_some())
        .map(|(path, _)| (kept_name(path), path.to_string()));
    documents.chain(files).collect()
}

/// Names under which the results of the genesis tool are kept, and from what they were made.
fn results(cluster: &Cluster) -> impl Iterator<Item = String> {
    let names = cluster.profile.genesis.steps.iter().map(|step| step.name.clone());
    names.flat_map(|name| [made_from(&name), name])
}

/// Configuration that we write whole, as an adopted node had it: what is set there counts on.
pub fn adopted(cluster: &Cluster) -> Vec<(String, String)> {
    let whole = cluster.profile.files.iter().filter(|(_, file)| file.base.is_none());
    whole.map(|(path, _)| (adopted_name(path), path.to_string())).collect()
}

pub fn adopted_name(path: &HomePath) -> String {
    format!("adopted_{}", kept_name(path))
}

/// The name under which a configuration file is kept: its path, as one word.
pub fn kept_name(path: &HomePath) -> String {
    path.as_str().replace('/', "_")
}

/// Where what init has printed of a key is kept.
fn printed(profile: &Profile) -> KeyPlace {
    let text = |of: fn(&Prints) -> &HomePath| {
        profile.init.prints.as_ref().map_or(String::new(), |p| of(p).to_string())
    };
    KeyPlace::Printed { key: text(|prints| &prints.of), to: text(|prints| &prints.to) }
}

pub fn question(cluster: &Cluster, node: &Node, facts: &Facts) -> NodeQuestion {
    let profile = &cluster.profile;
    let texts: Vec<String> = profile
        .documents
        .values()
        .map(|document| document.path.to_string())
        .chain(profile.written().map(|(path, _)| path.to_string()))
        .collect();
    let mut paths = vec![profile.started.to_string()];
    paths.extend(profile.init.makes.iter().map(|made| made.path.to_string()));
    paths.extend(profile.init.prints.iter().map(|prints| prints.to.to_string()));
    for made in &profile.init.makes {
        if let Some((folder, _)) = made.path.as_str().rsplit_once('/')
            && !paths.iter().any(|path| path == folder)
        {
            paths.push(folder.to_owned());
        }
    }
    paths.extend(profile.chain_data.iter().chain(&profile.kept_unless_empty).map(ToString::to_string));
    if !profile.genesis.steps.is_empty() {
        paths.push(TOOL_STAGING.to_owned());
        paths.extend(profile.left_by_tool().map(ToString::to_string));
    }
    for path in &texts {
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    let seen = facts.nodes.get(&node.name);
    let kept_at = |program: Program<'_>, sum: &Sha256| (cluster.binary_path(node, program, sum), sum.clone());
    let service = |program: Program<'_>| ServiceQuestion {
        unit: program.unit_name.clone(),
        unit_absent: is_absent(seen, program.unit_name),
        binary_name: program.file.to_string(),
        binary: sha256_of(node, program.binary, facts).map(|sum| kept_at(program, sum)),
    };
    NodeQuestion {
        node: node.name.clone(),
        user: node.user.clone(),
        account: seen.and_then(|seen| seen.account.clone()),
        folder: node.folder.clone(),
        unit: node.unit_name.clone(),
        unit_absent: is_absent(seen, &node.unit_name),
        state: cluster.state_folder(node),
        paths,
        texts,
        pristine: kept(cluster)
            .into_iter()
            .chain(adopted(cluster))
            .map(|(name, _)| name)
            .chain(results(cluster))
            .collect(),
        node_key: match profile.node_key.read {
            NodeKeyReader::Ed25519NodeKey => KeyPlace::File(profile.node_key.file.to_string()),
            NodeKeyReader::PrintedSecp256k1 => printed(profile),
        },
        validator_key: match profile.validator_key.read {
            ValidatorKeyReader::TendermintPubKey => KeyPlace::File(profile.validator_key.file.to_string()),
            ValidatorKeyReader::PrintedSecp256k1Address => printed(profile),
        },
        sign_state: profile.sign_state.as_ref().map(|signs| {
            let round = signs.round.map_or("", |form| form.word());
            (signs.file.to_string(), format!("{}height", signs.prefix), round)
        }),
        binary_name: profile.binary.name.to_string(),
        binary: binary_sha256(node, facts).map(|sum| kept_at(cluster.main(node), sum)),
        names: names::needed(cluster, node),
        services: cluster.programs(node).filter(|program| program.service.is_some()).map(service).collect(),
    }
}
