//! One node: what it is, where it lives, what it runs.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::{
    service,
    source::{source, url},
};
use crate::{
    chain::profile::Profile,
    cluster::{
        Binary, Node, Role, Source, folder,
        read::{Reader, unfit},
    },
    types::{
        code::Code,
        diagnostic::Diagnostic,
        ids::{HostAddr, NodeName, Power, RemotePath, Sha256, UnitName, UserName},
        login::{Login, Via},
        nearest::nearest,
    },
};

pub(super) fn node(
    reader: &mut Reader,
    base: &Path,
    profile: &Profile,
    login: &Login,
    machine: usize,
) -> Option<Node> {
    let host = reader.host;
    let name = NodeName::new(host.name.as_str())
        .map_err(|why| reader.problems.push(Diagnostic::error(why.to_string()).at(host.place.as_ref())))
        .ok();
    let binary = binary(reader, base, profile);
    let user = reader.typed(&["user"], UserName::new).or_else(|| login.user.clone());
    if user.is_none() && !host.vars.contains_key("user") {
        let problem = Diagnostic::error("missing variable `user`")
            .coded(Code::MissingVariable)
            .of_host(&host.name)
            .at(host.place.as_ref());
        reader
            .problems
            .push(problem.help("set `user` (the account that the node runs as) or `ansible_user`"));
    }
    if let (Some(user), Some(who)) = (&user, login.without_root()) {
        as_the_login_user(reader, user, who);
    }
    let role = reader.typed(&["role"], |text| match text.as_str() {
        "validator" => Ok(Role::Validator),
        "full" => Ok(Role::Full),
        "sentry" => Ok(Role::Sentry),
        "seed" => Ok(Role::Seed),
        _ => Err(unfit(format!("unknown role {text:?}: validator, full, sentry or seed"))),
    });
    let unit_name = reader.typed(&["unit_name"], UnitName::new).unwrap_or_else(|| profile.unit.name.clone());
    let services = service::services(reader, base, profile, &unit_name);
    let local = || HostAddr::new("127.0.0.1").ok();
    let address = if login.via == Via::Local { local() } else { Some(login.host.clone()) };
    Some(Node {
        machine,
        role: role.unwrap_or(Role::Validator),
        // Known once all nodes are.
        behind: Vec::new(),
        power: power(reader),
        state_sync: state_sync(reader, profile),
        values: values(reader, profile),
        folder: folder(reader, profile, user.as_ref()),
        private_ip: reader.typed(&["private_ip"], HostAddr::new).or(address)?,
        public_ip: reader.typed(&["public_ip"], HostAddr::new),
        rpc_bind: rpc_bind(reader),
        ports: ports(reader, profile),
        settings: reader
            .maps("settings")
            .into_iter()
            .map(|(file, keys)| (file, keys.into_iter().collect()))
            .collect(),
        unit: reader.maps("unit"),
        unit_name,
        decides: None,
        services: services?,
        name: name?,
        create_user: reader.truth("create_user").unwrap_or(false),
        user: user?,
        binary: binary?,
    })
}

fn folder(reader: &mut Reader, profile: &Profile, user: Option<&UserName>) -> Option<RemotePath> {
    let folder = reader.typed(&["working_directory"], RemotePath::new)?;
    if let Some(why) = user.and_then(|user| folder::of_the_system(&folder, user)) {
        reader.wrong("working_directory", format!("working_directory: {why}; {}", folder::INSTEAD));
        return None;
    }
    if let Some(sign) = profile.run.expands.chars().find(|sign| folder.as_str().contains(*sign)) {
        let why = format!(
            "working_directory: {} itself reads the {sign} in {:?} as a variable and would look elsewhere; \
             use a folder without it, or a mount of it (`mount --bind`)",
            profile.name,
            folder.as_str()
        );
        reader.wrong("working_directory", why);
        return None;
    }
    Some(folder)
}

/// `ansible_become: false`: what only root could do for a node is refused before anybody is asked.
fn as_the_login_user(reader: &mut Reader, user: &UserName, who: &UserName) {
    let or_root = "or let loomctl be root there: remove `ansible_become: false`";
    if user != who {
        let why = format!("without root a node runs as who logs in, {who}; `user` is {user}");
        reader.wrong_but("user", why, format!("set `user: {who}` or leave it out, {or_root}"));
    }
    if reader.truth("create_user") == Some(true) {
        let why = "create_user: only root makes accounts";
        reader.wrong_but("create_user", why, format!("leave it out, {or_root}"));
    }
}

fn power(reader: &mut Reader) -> Option<Power> {
    let (name, value) = reader.any(&["power"])?;
    Power::try_from(value).map_err(|why| reader.wrong(name, why)).ok()
}

fn state_sync(reader: &mut Reader, profile: &Profile) -> bool {
    let wanted = reader.truth("state_sync").unwrap_or(false);
    if wanted && profile.state_sync.is_empty() {
        let why = format!("state_sync: {} has no snapshots that a node could begin with", profile.name);
        reader.wrong_but("state_sync", why, "leave it out: the node takes all blocks".to_owned());
    }
    wanted
}

/// Words that the profile has a value for.
fn values(reader: &mut Reader, profile: &Profile) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (word, value) in reader.map("genesis_values") {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            other => {
                reader
                    .wrong("genesis_values", format!("genesis_values.{word}: {other} is no text or number"));
                continue;
            }
        };
        if profile.genesis.values.contains_key(&word) {
            values.insert(word, text);
            continue;
        }
        let known: Vec<&str> = profile.genesis.values.keys().map(String::as_str).collect();
        let meant = nearest(&word, known.iter().copied()).map(|m| format!("; did you mean `{m}`?"));
        let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let why = format!("{} has no genesis value {word:?} (it has: {list})", profile.name);
        reader.wrong("genesis_values", why + &meant.unwrap_or_default());
    }
    values
}

fn rpc_bind(reader: &mut Reader) -> Option<HostAddr> {
    let ip = |text: String| match HostAddr::new(text.as_str()) {
        Ok(address) if address.ip().is_some() => Ok(address),
        _ => Err(unfit(format!("{text:?} is not an IP address"))),
    };
    reader.typed(&["rpc_bind"], ip)
}

fn ports(reader: &mut Reader, profile: &Profile) -> BTreeMap<String, u16> {
    let mut ports = BTreeMap::new();
    for (name, value) in reader.map("ports") {
        if !profile.ports.contains_key(&name) {
            let known: Vec<&str> = profile.ports.keys().map(String::as_str).collect();
            let meant = nearest(&name, known.iter().copied()).map(|m| format!("; did you mean `{m}`?"));
            let list = known.join(", ");
            let why = format!(
                "{} has no port {name:?} (it has: {list}){}",
                profile.name,
                meant.unwrap_or_default()
            );
            reader.wrong("ports", why);
            continue;
        }
        match value.as_u64().and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0) {
            Some(port) => drop(ports.insert(name, port)),
            None => reader.wrong("ports", format!("ports.{name}: {value} is not a port (1–65535)")),
        }
    }
    ports
}

/// `binary`, or the playbook's `loom_build`: a slash makes a path, `://` a URL, else it names a build.
fn binary(reader: &mut Reader, base: &Path, profile: &Profile) -> Option<Binary> {
    let pinned = reader.typed(&["binary_sha256"], Sha256::new);
    let Some((name, value)) = reader.any(&["binary", "loom_build"]) else {
        let host = reader.host;
        let problem = Diagnostic::error("missing variable `binary`")
            .coded(Code::MissingVariable)
            .of_host(&host.name)
            .at(host.place.as_ref());
        reader.problems.push(problem.help(format!(
            "set `binary` to the path of {} on this machine, or to a URL that each host can pull it from",
            profile.binary.name
        )));
        return None;
    };
    let Value::String(text) = value else {
        reader.wrong(name, format!("{name} must be a path or a URL"));
        return None;
    };
    let source = if name == "binary" || text.contains('/') {
        source(reader, base, (name, name), &text)?
    } else if let Some(template) = &profile.binary.build_url {
        Source::Url(url(reader, (name, name), template.replace("{build}", &text))?)
    } else {
        reader
            .wrong(name, format!("{name}: {} has no download place for builds; set `binary`", profile.name));
        return None;
    };
    Some(Binary { source, pinned, local: None })
}
