//! What must be true before anything is written: the hosts can do it, and nothing of value is in danger.

pub mod keys;
pub mod machines;
pub mod renamed;
pub mod units;

use std::collections::{BTreeMap, HashMap};

use super::{
    Goal, Options, adopt, ask, birth, lifecycle, names, node, relay, rights,
    spread::each,
    stages, sync,
    world::{Outcome, World},
};
use crate::{
    chain::ports::PortUse,
    cluster::{Cluster, Node, Program, folder},
    facts::{Facts, MachineFacts, NodeFacts, manifest::ServiceEntry, sockets::Listener},
    types::ids::{NodeName, ServiceName, Sha256},
    types::{code::Code, diagnostic::Diagnostic},
};

use keys::{has_lost_its_disk, keys_complete, keys_readable, no_clones, sign_state_is_whole};

/// Clocks so far apart stop a birth (V9), in seconds.
const CLOCK_LIMIT: f64 = 30.0;
/// What a node needs beside its binary to begin with, in KiB.
const ROOM_KB: u64 = 32 * 1024;
pub const TOOLS: &[&str] = &["setpriv", "flock", "base64", "sha256sum", "systemctl", "find", "sed"];

/// Nothing, or every reason at once.
pub fn accept(world: &World<'_>) -> Outcome {
    let World { cluster, facts, options, .. } = *world;
    let has_begun = lifecycle::of_cluster(cluster, facts) >= lifecycle::Life::Started;
    let of_node = |node| node_may(cluster, node, facts, options, has_begun);
    let mut refusals: Vec<Diagnostic> = each(&cluster.nodes, of_node).into_iter().flatten().collect();
    refusals.extend(machines::refusals(cluster, facts));
    refusals.extend(birth::not_read(cluster));
    refusals.extend(sync::refusals(cluster, facts, options));
    refusals.extend(relay::refusals(cluster, facts, options));
    refusals.extend(one_binary(cluster, facts));
    refusals.extend(no_clones(cluster, facts));
    if !has_begun {
        refusals.extend(clocks_agree(cluster, facts));
        refusals.extend(all_are_born_together(cluster, facts, options));
    }
    Outcome::refused(refusals)
}

fn node_may(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    options: &Options,
    has_begun: bool,
) -> Vec<Diagnostic> {
    let (true, Some(machine), Some(seen)) =
        (options.touches(&node.name), facts.machines.get(&node.machine), facts.nodes.get(&node.name))
    else {
        return Vec::new();
    };
    let mut refusals = can_host(cluster, node, machine, seen);
    if refusals.is_empty() {
        refusals.extend(ports_free(cluster, node, machine, seen));
        refusals.extend(is_ours(cluster, node, facts, seen, options));
        refusals.extend(same_unit(node, seen));
        if lifecycle::of_node(cluster, node, facts) < lifecycle::Life::Started {
            refusals.extend(knows_its_names(cluster, node, machine));
        }
        refusals.extend(rights::kept_elsewhere(cluster, node, seen));
        refusals.extend(keys_complete(cluster, node, seen));
        refusals.extend(keys_readable(cluster, node, seen));
        if has_begun {
            refusals.extend(has_lost_its_disk(cluster, node, facts, seen));
        }
        refusals.extend(sign_state_is_whole(node, facts, seen));
    }
    refusals
}

pub fn can_host(cluster: &Cluster, node: &Node, machine: &MachineFacts, seen: &NodeFacts) -> Vec<Diagnostic> {
    let host = |code, message: String| Diagnostic::refusal(code, Some(&node.name), message);
    let mut refusals = Vec::new();
    if !machine.systemd {
        let refusal = host(Code::NoSystemd, "systemd is not the init system there".to_owned());
        return vec![refusal.help("loomctl installs systemd units: use a host that booted with systemd")];
    }
    let rights = rights::missing(cluster, node, machine, seen);
    if !rights.is_empty() {
        return rights;
    }
    let missing: Vec<&str> =
        TOOLS.iter().filter(|tool| !machine.tools.iter().any(|there| there == *tool)).copied().collect();
    if !missing.is_empty() {
        let refusal =
            host(Code::ProgramsMissing, format!("programs are missing there: {}", missing.join(", ")));
        refusals.push(refusal.help("install coreutils, util-linux, findutils, sed and systemd"));
    }
    if seen.account.is_none() && !stages::may_create_user(cluster, node, seen) {
        let refusal = host(Code::NoUser, format!("there is no user {:?} on this host", node.user.as_str()));
        refusals.push(refusal.help(if node.create_user {
            "the node was made with one: create it with the uid that its files belong to (`ls -ln`)"
        } else {
            "create it (`useradd -m …`) or set `create_user: true`, or set `user` to one that exists"
        }));
    }
    for program in cluster.programs(node) {
        let arch = program.binary.local.as_ref().and_then(|local| local.arch);
        if let Some(arch) = arch.filter(|arch| *arch != machine.arch) {
            let message =
                format!("{} is built for {arch}, the host is {}", the_binary(program), machine.arch);
            let refusal = host(Code::Architecture, message);
            refusals.push(refusal.help("set `binary` for this host to a build of its architecture"));
        } else if let Some(loader) = lacks_loader(program, machine) {
            let message = format!("{} needs {loader}, which this host does not have", the_binary(program));
            let refusal = host(Code::LoaderMissing, message);
            refusals.push(refusal.help(
                "it is built for another C library: give a static build, or one for this distribution (a program for musl \
                 runs on Alpine, one for glibc on Debian and its like)",
            ));
        }
    }
    refusals.extend(cut_off(node, seen));
    refusals.extend(others_folder(cluster, node, seen));
    refusals.extend(room(cluster, node, machine, seen));
    if let Some(why) = &seen.manifest_error {
        let refusal = Diagnostic::refusal(
            Code::ManifestUnusable,
            Some(&node.name),
            format!("our manifest there is not usable: {why}"),
        );
        refusals.push(refusal.help("use the loomctl that wrote it, or look at it and remove it by hand"));
    }
    refusals
}

/// The program that loads it, where a host that has others of these does not have this one. Elsewhere it may be anything.
fn lacks_loader<'a>(program: Program<'a>, machine: &MachineFacts) -> Option<&'a String> {
    let loader = program.binary.local.as_ref()?.loader.as_ref()?;
    let is_usual = loader.starts_with("/lib/ld-") || loader.starts_with("/lib64/ld-");
    (is_usual && !machine.loaders.is_empty() && !machine.loaders.contains(loader)).then_some(loader)
}

/// As messages call it.
fn the_binary(program: Program<'_>) -> String {
    program.service.map_or_else(|| "the binary".to_owned(), |service| format!("the binary of {service}"))
}

/// What is in the folder was not said to the end: nothing follows from what is missing (S13).
fn cut_off(node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let home = seen.home.as_ref().filter(|_| seen.cut_off)?;
    let message = format!("what is in {home} could not be read to its end as {}", node.user);
    let advice = "a process of that account, or its file system, has held it up for a minute or ended it: look at what runs there \
                  (`ps -u USER`)";
    Some(Diagnostic::refusal(Code::FolderUnread, Some(&node.name), message).help(advice))
}

/// Where root would have to work in a folder that another account can exchange, or a node in one of ours (P1).
fn others_folder(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let home = seen.home.as_ref()?;
    let scope = cluster.scope(node);
    let (code, message, advice) = if seen.exchangeable.is_some() {
        let message = format!(
            "{home} cannot be a node of root's: another account can change it, a folder in it, or one on the way to it"
        );
        (
            Code::FolderExchangeable,
            message,
            "set `user` to an account of the node's own, or `working_directory` to a folder that only root can change",
        )
    } else if let Some(why) = folder::of_the_system(home, &node.user)
        .filter(|_| node.folder.is_none() && !lifecycle::is_ours(cluster, node, seen))
    {
        (Code::FolderReserved, format!("its folder is the home of {}: {why}", node.user), folder::INSTEAD)
    } else if let Some(ours) = [scope.lib(), scope.units()].into_iter().find(|ours| home.is_at_or_below(ours))
    {
        (
            Code::FolderReserved,
            format!("{home} is in {ours}, which is loomctl's own or systemd's"),
            "set `working_directory` to another folder",
        )
    } else {
        return None;
    };
    Some(Diagnostic::refusal(code, Some(&node.name), message).help(advice))
}

pub fn room(cluster: &Cluster, node: &Node, machine: &MachineFacts, seen: &NodeFacts) -> Option<Diagnostic> {
    let is_to_come = |program: &Program<'_>| {
        let local = program.binary.local.as_ref()?;
        let path = cluster.binary_path(node, *program, &local.sha256);
        (seen.binaries.get(&path) != Some(&local.sha256)).then_some(local.size)
    };
    let to_come: Vec<u64> = cluster.programs(node).filter_map(|program| is_to_come(&program)).collect();
    if to_come.is_empty() {
        return None;
    }
    let (need, base) = (to_come.iter().sum::<u64>() / 1024 + ROOM_KB, cluster.scope(node).base());
    machine.free_kb.filter(|free| *free < need).map(|free| {
        let message = format!("disk full: {} MiB free below {base}, {} needed", free / 1024, need / 1024);
        Diagnostic::refusal(Code::DiskFull, Some(&node.name), message)
            .help(format!("make room (`df -h {base}`, `journalctl --vacuum-size=100M`) and run again"))
    })
}

/// A port that somebody else holds would let the node crash at its start.
pub fn ports_free(
    cluster: &Cluster,
    node: &Node,
    machine: &MachineFacts,
    seen: &NodeFacts,
) -> Vec<Diagnostic> {
    let ports = super::endpoints::ports(cluster, node, seen);
    let taken = |name: &String, port: &PortUse| {
        let (unit, port) = (cluster.unit_of(node, port.service.as_ref()), port.port);
        if seen.unit_of(unit).is_running() {
            return None;
        }
        let is_other = |l: &&Listener| l.port == port && !l.is_of(unit, cluster.scope(node));
        let other = machine.listeners.iter().find(is_other)?;
        let mut who =
            if other.program.is_empty() { "another program".to_owned() } else { other.program.clone() };
        if let Some(pid) = other.pid {
            who = format!("{who} (pid {pid})");
        }
        if let Some(unit) = &other.unit {
            who = format!("{who} of {unit}.service");
        }
        let message = format!("port {port} ({name}) is taken by {who}");
        let advice = format!("stop it, or give the node another port: `ports: {{{name}: …}}`");
        Some(Diagnostic::refusal(Code::PortTaken, Some(&node.name), message).help(advice))
    };
    ports.iter().filter(|(_, port)| port.expected).filter_map(|(name, port)| taken(name, port)).collect()
}

/// A name that the host does not know ends a node at its start.
pub fn knows_its_names(cluster: &Cluster, node: &Node, machine: &MachineFacts) -> Option<Diagnostic> {
    if machine.unresolved.is_empty() {
        return None;
    }
    let needed = names::needed(cluster, node);
    let unknown: Vec<&str> =
        needed.iter().filter(|name| machine.unresolved.contains(*name)).map(String::as_str).collect();
    let one = if unknown.len() == 1 { "does" } else { "do" };
    let message =
        format!("{} {one} not resolve on this host, which the node needs at its start", unknown.join(", "));
    (!unknown.is_empty()).then(|| {
        Diagnostic::refusal(Code::PeerName, Some(&node.name), message)
            .help("make the name known there (/etc/hosts, DNS; `getent hosts NAME`), or set `private_ip` (`public_ip`) to an address")
    })
}

/// Files and units that somebody else made are not taken over in passing.
fn is_ours(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    seen: &NodeFacts,
    options: &Options,
) -> Vec<Diagnostic> {
    if let Some(refusal) = renamed::refusal(cluster, node, seen) {
        return vec![refusal];
    }
    let foreign = adopt::foreign(cluster, node, seen);
    if foreign.is_some() && options.goal == Goal::Adopt {
        return adopt::refusals(cluster, node, facts, seen, options);
    }
    let mut refusals = Vec::new();
    if let Some(first) = &foreign {
        let message = format!("{first} is there, and loomctl has not made it");
        let advice = "a chain that runs already is taken over with --adopt, keys and documents as they are. To start over \
                      use another working_directory, or move the files away after a backup of the keys";
        refusals.push(Diagnostic::refusal(Code::ForeignNode, Some(&node.name), message).help(advice));
    }
    refusals.extend(units::foreign(cluster, node, seen));
    refusals
}

/// The units' names are the inventory's: under another one a program would run twice, with one key; so would one that is no
/// service of the profile any more.
fn same_unit(node: &Node, seen: &NodeFacts) -> Vec<Diagnostic> {
    let Some(manifest) = &seen.manifest else { return Vec::new() };
    let refuse = |code, message: String, advice: String| {
        Diagnostic::refusal(code, Some(&node.name), message).help(advice)
    };
    if manifest.unit != node.unit_name.as_str() {
        let (there, unit) = (&manifest.unit, &node.unit_name);
        let message = format!("its unit there is {there}, but by the inventory it is {unit}");
        let advice = format!(
            "set `unit_name: {there}` for this host (a machine that gets a second node gives its units other names)"
        );
        // Those of its services follow from it.
        return vec![refuse(Code::OtherUnit, message, advice)];
    }
    let of_service = |entry: &ServiceEntry| {
        let there = &entry.unit;
        match node.services.iter().find(|service| service.name == entry.service) {
            Some(service) if service.unit_name == *there => None,
            Some(service) => Some(refuse(
                Code::OtherUnit,
                format!(
                    "the unit of its service {} there is {there}, but by the inventory it is {}",
                    entry.service, service.unit_name
                ),
                format!("set `services: {{{}: {{unit_name: {there}}}}}` for this host", entry.service),
            )),
            None => Some(refuse(Code::GoneService, gone_service(entry), GONE_SERVICE.to_owned())),
        }
    };
    manifest.services.iter().filter_map(of_service).collect()
}

/// What a manifest has and the profile has not.
pub fn gone_service(entry: &ServiceEntry) -> String {
    format!("its service {} ({}.service) is no service of the chain any more", entry.service, entry.unit)
}

pub const GONE_SERVICE: &str = "give the chain that it was made with; to leave that service, `down --destroy` (keys stay) with that chain first";

/// S11: what is not pinned by a person must be the same on all hosts.
pub fn one_binary(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut first: BTreeMap<Option<&ServiceName>, (&NodeName, &Sha256)> = BTreeMap::new();
    let mut refusals = Vec::new();
    let programs =
        cluster.nodes.iter().flat_map(|node| cluster.programs(node).map(move |program| (node, program)));
    for (node, program) in programs {
        let name = the_binary(program);
        if let (Some(pinned), Some(local)) = (&program.binary.pinned, &program.binary.local)
            && *pinned != local.sha256
        {
            let message = format!("{name} has sha256 {}, but binary_sha256 says {pinned}", local.sha256);
            refusals.push(Diagnostic::refusal(Code::BinarySum, Some(&node.name), message));
        }
        if program.binary.pinned.is_some() {
            continue;
        }
        let Some(sum) = ask::sha256_of(node, program.binary, facts) else { continue };
        let (by, other) = *first.entry(program.service).or_insert((&node.name, sum));
        if other != sum {
            let name = name.replacen("the", "its", 1);
            let message = format!("{name} has sha256 {sum}, but the one of {by} has {other}");
            let advice = "the download changed, or the inventory names two builds: pin what you want with binary_sha256";
            refusals.push(Diagnostic::refusal(Code::TwoBuilds, Some(&node.name), message).help(advice));
        }
    }
    refusals
}

fn clocks_agree(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut clocks: Vec<f64> = facts.machines.values().map(|m| m.clock_ahead).collect();
    clocks.sort_by(f64::total_cmp);
    let Some(median) = clocks.get(clocks.len() / 2).copied() else { return Vec::new() };
    let off = |(number, machine): (&usize, &MachineFacts)| {
        let apart = machine.clock_ahead - median;
        if apart.abs() - machine.clock_uncertain < CLOCK_LIMIT {
            return None;
        }
        let name = cluster.nodes.iter().find(|node| node.machine == *number).map(|node| &node.name);
        let message = format!("its clock is {apart:+.1} s off the others'");
        Some(
            Diagnostic::refusal(Code::ClockOff, name, message)
                .help("set it (`timedatectl set-ntp true`) and run again"),
        )
    };
    facts.machines.iter().filter_map(off).collect()
}

/// A genesis of some validators only would be a chain without the others, for good.
fn all_are_born_together(cluster: &Cluster, facts: &Facts, options: &Options) -> Vec<Diagnostic> {
    let unknown = |node: &&Node| {
        let key = facts.nodes.get(&node.name).and_then(|seen| seen.validator_key.as_ref());
        !options.touches(&node.name) && key.is_none()
    };
    let refuse = |node: &Node| {
        let message = "it is a validator without keys, and --limit leaves it out of the genesis";
        Diagnostic::refusal(Code::LeftOut, Some(&node.name), message)
            .help("bring the whole cluster up once without --limit; to begin without this host, take it out of the inventory")
    };
    cluster.validators().filter(unknown).map(refuse).collect()
}

/// What units do without.
fn of_older_systemd(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let warning = |node: &Node| {
        let (version, lacks) = node::lacks(cluster, node, facts.nodes.get(&node.name)?)?;
        let message = format!("systemd {version}: {}", lacks.words());
        Some(Diagnostic::warning(message).coded(Code::OlderSystemd).of_host(node.name.as_str()))
    };
    cluster.nodes.iter().filter_map(warning).collect()
}

/// The same machine-id on two machines is a sign of cloned images, no danger by itself.
pub fn warnings(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut warnings = of_older_systemd(cluster, facts);
    for (number, machine) in &facts.machines {
        if let Some(other) =
            seen.insert(&machine.machine_id, *number).filter(|_| !machine.machine_id.is_empty())
        {
            let (a, b) = (cluster.machine_name(other), cluster.machine_name(*number));
            let message = "the same /etc/machine-id";
            let warning = Diagnostic::warning(message).coded(Code::ClonedMachine).of_hosts([&*a, &*b]);
            warnings.push(warning.help("cloned images? (`systemd-machine-id-setup`)"));
        }
    }
    warnings
}
