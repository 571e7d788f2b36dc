//! Which keys of a file are set to what, from whom.

use serde_json::Value;

use super::{NodeContext, Sync};
use crate::{
    chain::{
        basics::Basics,
        config::{Parsed, flatten},
        peers::{peer_text, peers_string},
        placeholders::filled,
        ports::listen_of,
        profile::{Bind, ConfigFile, HomePath, Profile, RoleWords},
    },
    types::{diagnostic::Diagnostic, nearest::nearest},
};

type Sets = Vec<(String, Value)>;

pub(super) fn of_profile(
    profile: &Profile,
    path: &HomePath,
    file: &ConfigFile,
    basics: &Basics,
    node: Option<&NodeContext>,
) -> Sets {
    let list = |peers: Vec<String>| if peers.is_empty() { Value::Null } else { peers.join(",").into() };
    let value = |value: &Value| match value.as_str() {
        Some("{seeds}") => list(
            node.map(|node| node.seeds.iter().map(|seed| peer_text(profile, seed)).collect())
                .unwrap_or_default(),
        ),
        Some("{private_ids}") => list(node.map(private_ids).unwrap_or_default()),
        Some("{name}") => basics.name.as_str().into(),
        Some("{chain_id}") => basics.chain_id.as_str().into(),
        Some("{external_address}") => node.map(|n| n.external_address.to_string()).into(),
        Some("{public_addresses}") => node.is_some_and(all_public).into(),
        Some(text) => {
            filled(text, |word| basics.values.get(word).cloned()).map_or(value.clone(), Value::from)
        }
        None => value.clone(),
    };
    let of_role = node.and_then(|node| profile.roles.get(&RoleWords::of(&node.spot)?)?.get(path));
    let all = file.set.iter().chain(of_role.into_iter().flatten());
    let mut sets: Sets = all.map(|(key, wanted)| (key.clone(), value(wanted))).collect();
    sets.retain(|(_, value)| !value.is_null());
    sets.extend(node.and_then(|node| of_sync(profile, path, node.sync.as_ref()?)).unwrap_or_default());
    let into = &profile.peers.into;
    if let (Some(node), Some(key), true) = (node, &into.key, into.file.as_ref() == Some(path)) {
        sets.push((key.clone(), peers_string(profile, &node.peers).into()));
    }
    sets
}

fn of_sync(profile: &Profile, path: &HomePath, sync: &Sync) -> Option<Sets> {
    let (height, hash, servers) = match sync {
        Sync::Kept(files) => return Some(files.get(path)?.clone().into_iter().collect()),
        Sync::From { height, hash, servers } => (height, hash, servers),
    };
    let value = |value: &Value| match value.as_str() {
        Some("{sync_servers}") => {
            servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",").into()
        }
        Some("{trust_height}") => (*height).into(),
        Some("{trust_hash}") => hash.as_str().into(),
        _ => value.clone(),
    };
    Some(profile.state_sync.get(path)?.iter().map(|(key, wanted)| (key.clone(), value(wanted))).collect())
}

/// Ports and addresses, everywhere they stand in this file; in each place's own notation.
pub(super) fn of_ports(profile: &Profile, path: &HomePath, basics: &Basics, parsed: &Parsed) -> Sets {
    let mut sets = Vec::new();
    for (name, port) in &profile.ports {
        for place in port.from.iter().filter(|place| place.file == *path) {
            let Some(value) = parsed.key(&place.key) else { continue };
            let Some(mut listen) = listen_of(&value) else { continue };
            if let Some(number) = basics.ports.get(name) {
                listen = listen.with_port(*number);
            }
            if port.bind == Bind::RpcBind {
                listen = listen.with_bind(basics.rpc_bind.as_ref().unwrap_or(&profile.default_rpc_bind));
            }
            let changed = if value.is_number() { listen.port().into() } else { listen.to_string().into() };
            sets.push((place.key.clone(), changed));
        }
        if let Some(place) = port.bind_from.as_ref().filter(|place| place.file == *path)
            && port.bind == Bind::RpcBind
        {
            let bind = basics.rpc_bind.as_ref().unwrap_or(&profile.default_rpc_bind);
            sets.push((place.key.clone(), bind.as_str().into()));
        }
    }
    sets
}

pub(super) fn of_inventory(profile: &Profile, path: &HomePath, basics: &Basics) -> Sets {
    let meant = basics.settings.iter().filter(|(name, _)| file_named(profile, name) == Some(path));
    meant.flat_map(|(_, keys)| flatten(keys)).collect()
}

/// Files in `settings:` and names in `ports:` that the profile does not have.
pub(super) fn unknown_names(profile: &Profile, basics: &Basics) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for name in basics.settings.keys().filter(|name| file_named(profile, name).is_none()) {
        let known = profile.files.keys().flat_map(|path| [path.as_str(), path.file_name()]);
        problems.push(unknown("settings", name, &known.collect::<Vec<_>>()));
    }
    for name in basics.ports.keys().filter(|name| !profile.ports.contains_key(*name)) {
        problems.push(unknown("ports", name, &profile.ports.keys().map(String::as_str).collect::<Vec<_>>()));
    }
    problems
}

fn unknown(variable: &str, name: &str, known: &[&str]) -> Diagnostic {
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("is `{near}` meant?"),
        None => format!("there are {}", known.join(", ")),
    };
    Diagnostic::error(format!("`{variable}:` names `{name}`, which this chain does not have")).help(help)
}

/// By path in the home, or by base name where only one file has it.
pub(super) fn file_named<'a>(profile: &'a Profile, name: &str) -> Option<&'a HomePath> {
    if let Some(path) = profile.files.keys().find(|path| path.as_str() == name) {
        return Some(path);
    }
    let mut same = profile.files.keys().filter(|path| path.file_name() == name);
    same.next().filter(|_| same.next().is_none())
}

/// Of a sentry, who stays behind it.
fn private_ids(node: &NodeContext) -> Vec<String> {
    node.peers.iter().filter(|peer| peer.spot.is_hidden()).map(|peer| peer.id.to_string()).collect()
}

fn all_public(node: &NodeContext) -> bool {
    let peers = node.peers.iter().map(|peer| &peer.addr);
    peers.chain([&node.external_address]).all(|address| address.host.is_public())
}
