//! One node's files, unit and arguments: the one function that a plan calls.

mod cautions;
mod sets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use cautions::cautions;

use super::{
    basics::Basics,
    config::Parsed,
    fill,
    peers::{PeerInfo, peers_list, peers_string, topology::Spot},
    ports::{PortUse, ports_of},
    profile::{HomePath, Profile, SetKeys},
    unit::{UnitAsk, UnitOverrides, unit_text},
};
use crate::types::{
    diagnostic::Diagnostic,
    ids::{PeerAddr, RemotePath, ServiceName, UnitName, UserName},
    text::Text,
};

/// What a configuration template may use, each a quoted text.
pub const CONTEXT: &[&str] = &["name", "chain_id"];

#[derive(Debug, Clone)]
pub struct NodeContext {
    pub basics: Basics,
    pub home: RemotePath,
    /// See `UnitAsk`.
    pub shown: RemotePath,
    /// The link that the unit runs.
    pub binary: RemotePath,
    pub user: UserName,
    /// What this node tells others of itself: `public_ip` where given, else its peer address.
    pub external_address: PeerAddr,
    /// Its place among the others.
    pub spot: Spot,
    /// From `Peering::peers_of`.
    pub peers: Vec<PeerInfo>,
    /// The seeds that it may ask for more.
    pub seeds: Vec<PeerInfo>,
    /// `state_sync: true`, and there is a chain to begin from.
    pub sync: Option<Sync>,
    pub unit: UnitOverrides,
    /// Its other processes, in the order in which they are started.
    pub services: Vec<ServiceContext>,
    /// The units are for the systemd of a user without root.
    pub rootless: bool,
    /// See `UnitAsk`.
    pub systemd: Option<u32>,
    /// The files that init made (those with `base: init`) as init made them, and all files of an adopted node.
    pub init_files: BTreeMap<HomePath, Text>,
}

/// A service of one node.
#[derive(Debug, Clone)]
pub struct ServiceContext {
    pub name: ServiceName,
    pub unit_name: UnitName,
    /// The link that its unit runs.
    pub binary: RemotePath,
    pub unit: UnitOverrides,
}

/// What a node's files say of state sync.
#[derive(Debug, Clone)]
pub enum Sync {
    /// It has not started yet: where to ask, and a block that those agree on.
    From { height: u64, hash: String, servers: Vec<PeerAddr> },
    /// It has: the keys as they stand in its own files.
    Kept(BTreeMap<HomePath, SetKeys>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    pub path: RemotePath,
    pub content: Text,
    pub mode: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The configuration files, not the unit and not the genesis documents.
    pub files: Vec<RenderedFile>,
    /// Where the node listens by these files.
    pub ports: BTreeMap<String, PortUse>,
    /// The whole command line, the binary first.
    pub argv: Vec<String>,
    pub unit: Text,
    /// The units of its services, in the order of the context.
    pub services: Vec<Text>,
}

/// Everything that is written for a node beside its genesis documents.
pub fn render_node(profile: &Profile, node: &NodeContext) -> Result<Rendered, Vec<Diagnostic>> {
    let mut problems = sets::unknown_names(profile, &node.basics);
    let mut written = BTreeMap::new();
    for path in profile.files.keys() {
        match file(profile, path, &node.basics, Some(node)) {
            Ok(file) => drop(written.insert(path.clone(), file)),
            Err(found) => problems.extend(found),
        }
    }
    let ports = ports_of(profile, &written, &node.basics.ports, node.basics.rpc_bind.as_ref());
    if problems.is_empty() {
        problems.extend(port_problems(node, &ports));
    }
    let mut texts = texts(&written);
    if let Some(list) = &profile.peers.into.list {
        texts.insert(list.clone(), peers_list(profile, &node.peers).into());
    }
    let argv = argv(profile, node);
    let mut services = Vec::new();
    for service in &node.services {
        match service_unit(profile, node, service, &ports) {
            Ok(unit) => services.push(unit),
            Err(found) => problems.extend(found),
        }
    }
    let before = profile.before_run(&node.basics, &node.home);
    let ask = UnitAsk {
        node: &node.basics.name,
        service: None,
        after: &node.services.iter().map(|service| service.unit_name.clone()).collect::<Vec<_>>(),
        user: &node.user,
        working_directory: &node.home,
        shown: &node.shown,
        before: &before.into_iter().map(|argv| with_binary(node, argv)).collect::<Vec<_>>(),
        argv: &argv,
        overrides: &node.unit,
        rootless: node.rootless,
        systemd: node.systemd,
    };
    let unit = unit_text(profile, ask).unwrap_or_else(|found| {
        problems.extend(found);
        String::new()
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Rendered { files: files(profile, &texts, &node.home), ports, argv, unit: unit.into(), services })
}

fn service_unit(
    profile: &Profile,
    node: &NodeContext,
    service: &ServiceContext,
    ports: &BTreeMap<String, PortUse>,
) -> Result<Text, Vec<Diagnostic>> {
    let unknown = || vec![Diagnostic::error(format!("{} has no service {}", profile.name, service.name))];
    let of_profile = profile.services.get(&service.name).ok_or_else(unknown)?;
    let port = |name: &str| ports.get(name).map(|port| port.port);
    let mut argv = vec![service.binary.to_string()];
    argv.extend(profile.service_argv(of_profile, &node.basics, &node.home, port));
    let ask = UnitAsk {
        node: &node.basics.name,
        service: Some(&service.name),
        after: &[],
        user: &node.user,
        working_directory: &node.home,
        shown: &node.shown,
        before: &[],
        argv: &argv,
        overrides: &service.unit,
        rootless: node.rootless,
        systemd: node.systemd,
    };
    unit_text(profile, ask).map(Text::from)
}

/// Where a node listens by its files, without all the rest; None where one of them cannot be written.
pub fn ports_of_node(profile: &Profile, node: &NodeContext) -> Option<BTreeMap<String, PortUse>> {
    let read = |path: &HomePath| Some((path.clone(), file(profile, path, &node.basics, Some(node)).ok()?));
    let written = profile.files.keys().map(read).collect::<Option<_>>()?;
    Some(ports_of(profile, &written, &node.basics.ports, node.basics.rpc_bind.as_ref()))
}

/// What is wrong with the inventory's own words, as far as it can be judged before init has run: file names, keys of
/// the files that we write whole. A key of a file that init makes cannot be.
pub fn judge(profile: &Profile, basics: &Basics) -> Vec<Diagnostic> {
    let mut problems = sets::unknown_names(profile, basics);
    if profile.numeric_chain_id() && basics.chain_id.as_str().parse::<u64>().is_err() {
        let message =
            format!("chain_id is {:?}, and {} knows its chains by numbers", basics.chain_id, profile.name);
        problems.push(
            Diagnostic::error(message).help(format!("give a whole number, such as {}", profile.chain_id)),
        );
    }
    for path in profile.files.iter().filter(|(_, file)| file.template.is_some()).map(|(path, _)| path) {
        problems.extend(file(profile, path, basics, None).err().into_iter().flatten());
    }
    problems
}

/// The files that must stand in `folder` before init runs in it.
pub fn pre_init_files(
    profile: &Profile,
    basics: &Basics,
    folder: &RemotePath,
) -> Result<Vec<RenderedFile>, Vec<Diagnostic>> {
    let mut problems = sets::unknown_names(profile, basics);
    let mut written = BTreeMap::new();
    for path in &profile.init.before {
        match file(profile, path, basics, None) {
            Ok(file) => drop(written.insert(path.clone(), file)),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(files(profile, &texts(&written), folder)) } else { Err(problems) }
}

fn files(profile: &Profile, texts: &BTreeMap<HomePath, Text>, home: &RemotePath) -> Vec<RenderedFile> {
    let file = |(path, content): (&HomePath, &Text)| RenderedFile {
        path: path.under(home),
        content: content.clone(),
        mode: profile.written().find(|(written, _)| *written == path).map_or(0o644, |(_, mode)| mode.0),
    };
    texts.iter().map(file).collect()
}

fn texts(files: &BTreeMap<HomePath, Parsed>) -> BTreeMap<HomePath, Text> {
    files.iter().map(|(path, file)| (path.clone(), file.text())).collect()
}

/// Base, then the profile's keys, then ports and addresses, then the inventory's settings.
fn file(
    profile: &Profile,
    path: &HomePath,
    basics: &Basics,
    node: Option<&NodeContext>,
) -> Result<Parsed, Vec<Diagnostic>> {
    let unknown = || vec![Diagnostic::error(format!("{}: the profile has no file {path}", basics.name))];
    let file = profile.files.get(path).ok_or_else(unknown)?;
    let there = node.and_then(|node| node.init_files.get(path));
    let made;
    let base = match (&file.template, there) {
        (_, Some(there)) => there,
        (Some(template), None) => {
            made = fill::configuration(profile, template, basics).map_err(|problem| vec![problem])?.into();
            &made
        }
        (None, None) => {
            return Err(vec![Diagnostic::error(format!("{}: init has made no {path}", basics.name))]);
        }
    };
    let mut parsed = Parsed::named(path.as_str(), file.format, base).map_err(|problem| vec![problem])?;
    let set = |parsed: &mut Parsed, sets: Vec<_>| parsed.set(path.as_str(), &file.known, &sets);
    set(&mut parsed, sets::of_profile(profile, path, file, basics, node))?;
    let of_ports = sets::of_ports(profile, path, basics, &parsed);
    set(&mut parsed, of_ports)?;
    set(&mut parsed, sets::of_inventory(profile, path, basics))?;
    Ok(parsed)
}

fn with_binary(node: &NodeContext, arguments: Vec<String>) -> Vec<String> {
    [node.binary.to_string()].into_iter().chain(arguments).collect()
}

fn argv(profile: &Profile, node: &NodeContext) -> Vec<String> {
    let mut argv = with_binary(node, profile.run_argv(&node.basics, &node.home));
    if let Some(flag) = profile.peers.into.flag.as_ref().filter(|_| !node.peers.is_empty()) {
        argv.extend([flag.clone(), peers_string(profile, &node.peers)]);
    }
    argv
}

/// A port that `settings:` put elsewhere than `ports:`, or two that are one.
fn port_problems(node: &NodeContext, uses: &BTreeMap<String, PortUse>) -> Vec<Diagnostic> {
    let basics = &node.basics;
    let mut problems = Vec::new();
    let mut taken: BTreeMap<u16, &str> = BTreeMap::new();
    for (name, port_use) in uses {
        if let Some(wanted) = basics.ports.get(name).filter(|wanted| **wanted != port_use.port) {
            let message = format!(
                "{}: `ports:` wants {name} on {wanted}, but its key in `settings:` says {}",
                basics.name, port_use.port
            );
            problems.push(Diagnostic::error(message).help("give it in one of them"));
        }
        if !port_use.expected {
            continue;
        }
        if let Some(other) = taken.insert(port_use.port, name) {
            let message = format!("{}: {other} and {name} both want port {}", basics.name, port_use.port);
            problems.push(Diagnostic::error(message));
        }
    }
    problems
}
