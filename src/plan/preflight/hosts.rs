//! What one node needs of its host: programs, an account, a folder, room, free ports, names that it can dial.

use crate::{
    chain::ports::PortUse,
    cluster::{Cluster, Node, Program, folder},
    facts::{MachineFacts, NodeFacts, sockets::Listener},
    plan::{endpoints, lifecycle, names, rights, stages},
    types::{code::Code, diagnostic::Diagnostic},
};

/// What a node needs beside its binary to begin with, in KiB.
const ROOM_KB: u64 = 32 * 1024;
pub const TOOLS: &[&str] = &["setpriv", "flock", "base64", "sha256sum", "systemctl", "find", "sed"];

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
pub(super) fn the_binary(program: Program<'_>) -> String {
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
    let ports = endpoints::ports(cluster, node, seen);
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
