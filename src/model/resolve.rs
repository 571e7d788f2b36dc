//! Inventory → cluster: everything invalid is refused here, before any connection is opened.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use super::{
    cluster::{Binary, Cluster, Machine, Node, Role, Source},
    ids::{ChainId, ClusterName, HostAddr, NodeName, Power, RemotePath, Sha256, UnitName, UserName},
    login::{Login, Secret, Via},
    read::Reader,
    variables,
};
use crate::{
    chain::{
        genesis::Overrides,
        peers::Strategy,
        profile::{Profile, builtin_names},
        render, unit,
    },
    inventory::{Host, Inventory},
    problem::{Problem, nearest},
};

/// What the command line adds to the inventory.
#[derive(Debug, Clone)]
pub struct Given {
    pub connect_timeout: Duration,
    /// `-K`
    pub become_password: Option<Secret>,
}

/// The cluster with warnings, or every problem.
pub fn resolve(inventory: &Inventory, given: &Given) -> Result<(Cluster, Vec<Problem>), Vec<Problem>> {
    let mut problems = near_misses(inventory);
    let Some(profile) = one_profile(inventory, &mut problems) else { return Err(problems) };
    let profile = Arc::new(profile);
    let mut machines: Vec<Machine> = Vec::new();
    let mut nodes = Vec::new();
    for host in inventory.hosts.values() {
        let mut reader = Reader { host, problems: &mut problems };
        let Some(login) = login(&mut reader, &inventory.base, given) else { continue };
        let machine = machine_of(&mut machines, login);
        if let Some(node) = node(&mut reader, &inventory.base, &profile, &machines[machine].login, machine) {
            machines[machine].nodes.push(nodes.len());
            nodes.push(node);
        }
    }
    name_units(&machines, &mut nodes, inventory);
    let cluster = whole(inventory, profile, machines, nodes, &mut problems);
    if let Some(cluster) = &cluster {
        judge_words(inventory, cluster, &mut problems);
    }
    match cluster {
        Some(cluster) if !problems.iter().any(Problem::is_error) => Ok((cluster, problems)),
        _ => Err(problems),
    }
}

/// `settings:` and `unit:` in the chain's and systemd's own words; what a group sets is said once.
fn judge_words(inventory: &Inventory, cluster: &Cluster, problems: &mut Vec<Problem>) {
    for node in &cluster.nodes {
        let vars = inventory.hosts.get(node.name.as_str()).map(|host| &host.vars);
        let settings = render::judge(&cluster.profile, &cluster.basics(node));
        let unit = unit::apply("", &node.unit).err().unwrap_or_default();
        for (variable, found) in [("settings", settings), ("unit", unit)] {
            let place = vars.and_then(|vars| vars.get(variable)).and_then(|var| var.place.as_ref());
            for problem in found.into_iter().map(|problem| problem.at(place)) {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
    }
}

/// A variable that is nobody's but nearly ours is probably a slip.
fn near_misses(inventory: &Inventory) -> Vec<Problem> {
    let known: HashSet<&str> = variables::names().collect();
    let (mut seen, mut warnings) = (HashSet::new(), Vec::new());
    for host in inventory.hosts.values() {
        for (name, var) in &host.vars {
            if known.contains(name.as_str()) || !seen.insert(name) {
                continue;
            }
            if let Some(meant) = nearest(name, known.iter().copied()) {
                let place = var.name_place.as_ref().or(var.place.as_ref());
                let warning = Problem::warning(format!("unknown variable `{name}`: did you mean `{meant}`?"));
                warnings.push(warning.at(place));
            }
        }
    }
    warnings
}

/// A variable that counts for the whole cluster: the same on every host.
fn shared(inventory: &Inventory, name: &str, problems: &mut Vec<Problem>) -> Option<(Value, String)> {
    let mut found: Option<(Value, String)> = None;
    for host in inventory.hosts.values() {
        let value = match host.get(name) {
            Ok(value) => value.filter(|value| !value.is_null()),
            Err(problem) => {
                problems.push(problem);
                return None;
            }
        };
        let Some(value) = value else { continue };
        match &found {
            Some((first, by)) if *first != value => {
                let place = host.vars.get(name).and_then(|var| var.place.as_ref());
                let message = format!("{name} is {value} on {} but {first} on {by}", host.name);
                problems.push(
                    Problem::error(message).at(place).help(format!("{name} must be the same on all hosts")),
                );
                return None;
            }
            Some(_) => {}
            None => found = Some((value, host.name.clone())),
        }
    }
    found
}

fn shared_text(inventory: &Inventory, name: &str, problems: &mut Vec<Problem>) -> Option<String> {
    match shared(inventory, name, problems)?.0 {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn one_profile(inventory: &Inventory, problems: &mut Vec<Problem>) -> Option<Profile> {
    if inventory.hosts.is_empty() {
        problems.push(Problem::error("the inventory has no hosts"));
        return None;
    }
    let before = problems.iter().filter(|p| p.is_error()).count();
    let name = shared_text(inventory, "chain", problems);
    if problems.iter().filter(|p| p.is_error()).count() > before {
        return None;
    }
    let name = name.unwrap_or_else(|| "loom".to_owned());
    let profile = Profile::builtin(&name);
    if profile.is_none() {
        let known = builtin_names();
        let place =
            inventory.hosts.values().find_map(|h| h.vars.get("chain")).and_then(|var| var.place.as_ref());
        let mut problem = Problem::error(format!("unknown chain {name:?}")).at(place);
        problem = match nearest(&name, known.iter().copied()) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None => problem.help(format!("known are: {}", known.join(", "))),
        };
        problems.push(problem);
    }
    profile
}

fn login(reader: &mut Reader, base: &Path, given: &Given) -> Option<Login> {
    refuse_unsupported(reader);
    let via = match reader.text(&["ansible_connection"]).as_deref() {
        None | Some("ssh" | "smart" | "paramiko" | "openssh" | "ansible.builtin.ssh") => Via::Ssh,
        Some("local" | "ansible.builtin.local") => Via::Local,
        Some(other) => {
            reader.wrong(
                "ansible_connection",
                format!("ansible_connection {other:?}: ssh and local are supported"),
            );
            return None;
        }
    };
    let host = match reader.any(&["ansible_host", "ansible_ssh_host"]) {
        Some(_) => reader.typed(&["ansible_host", "ansible_ssh_host"], HostAddr::new)?,
        None => match HostAddr::new(reader.host.name.as_str()) {
            Ok(host) => host,
            Err(why) => {
                reader.problems.push(Problem::error(why.to_string()).at(reader.host.place.as_ref()));
                return None;
            }
        },
    };
    let mut ssh_args = Vec::new();
    for name in ["ansible_ssh_common_args", "ansible_ssh_extra_args"] {
        ssh_args.extend(reader.typed(&[name], |text| shell_words::split(&text)).unwrap_or_default());
    }
    let password = reader.text(&["ansible_become_password", "ansible_become_pass"]).map(Secret::new);
    let user = reader.typed(&["ansible_user", "ansible_ssh_user"], UserName::new);
    let root = user.as_ref().is_some_and(|user| user.as_str() == "root");
    Some(Login {
        via,
        host,
        port: reader.port(&["ansible_port", "ansible_ssh_port"]),
        sudo: !root && reader.truth("ansible_become") != Some(false),
        user,
        identity: reader
            .text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])
            .map(|path| controller_path(base, &path)),
        ssh_args,
        sudo_password: password.or_else(|| given.become_password.clone()),
        connect_timeout: given.connect_timeout,
    })
}

fn refuse_unsupported(reader: &mut Reader) {
    for name in ["ansible_password", "ansible_ssh_pass"] {
        if reader.host.vars.contains_key(name) {
            reader.wrong(
                name,
                format!("{name}: passwords for ssh are not supported; use a key (`ssh-copy-id`) or an agent"),
            );
        }
    }
    if let Some(user) = reader.text(&["ansible_become_user"])
        && user != "root"
    {
        reader.wrong(
            "ansible_become_user",
            "ansible_become_user must be root; `user` is what the node runs as",
        );
    }
    if let Some(method) = reader.text(&["ansible_become_method"])
        && !matches!(method.as_str(), "sudo" | "ansible.builtin.sudo")
    {
        reader.wrong(
            "ansible_become_method",
            format!("ansible_become_method {method:?}: only sudo is supported"),
        );
    }
}

/// A path on this machine: `~` is the user's home, a relative one starts at the inventory file.
fn controller_path(base: &Path, text: &str) -> PathBuf {
    if let Some(rest) = text.strip_prefix("~/")
        && let Some(home) = std::env::home_dir()
    {
        return home.join(rest);
    }
    base.join(text)
}

fn machine_of(machines: &mut Vec<Machine>, login: Login) -> usize {
    let same = |m: &Machine| {
        (m.login.via, &m.login.host, m.login.port, &m.login.user)
            == (login.via, &login.host, login.port, &login.user)
    };
    machines.iter().position(same).unwrap_or_else(|| {
        machines.push(Machine { login: Arc::new(login), nodes: Vec::new() });
        machines.len() - 1
    })
}

fn node(reader: &mut Reader, base: &Path, profile: &Profile, login: &Login, machine: usize) -> Option<Node> {
    let host = reader.host;
    let name = NodeName::new(host.name.as_str())
        .map_err(|why| reader.problems.push(Problem::error(why.to_string()).at(host.place.as_ref())))
        .ok();
    let binary = binary(reader, base, profile);
    let user = reader.typed(&["user"], UserName::new).or_else(|| login.user.clone());
    if user.is_none() && !host.vars.contains_key("user") {
        let problem =
            Problem::error(format!("{}: missing variable `user`", host.name)).at(host.place.as_ref());
        reader
            .problems
            .push(problem.help("set `user` (the account that the node runs as) or `ansible_user`"));
    }
    let role = reader.typed(&["role"], |text| match text.as_str() {
        "validator" => Ok(Role::Validator),
        "full" => Ok(Role::Full),
        _ => Err(format!("unknown role {text:?}: validator or full")),
    });
    let local = || HostAddr::new("127.0.0.1").ok();
    let address = if login.via == Via::Local { local() } else { Some(login.host.clone()) };
    Some(Node {
        machine,
        role: role.unwrap_or(Role::Validator),
        power: power(reader),
        folder: reader.typed(&["working_directory"], RemotePath::new),
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
        unit_name: reader.typed(&["unit_name"], UnitName::new).unwrap_or_else(|| profile.unit.name.clone()),
        name: name?,
        create_user: reader.truth("create_user").unwrap_or(false),
        user: user?,
        binary: binary?,
    })
}

fn power(reader: &mut Reader) -> Option<Power> {
    let (name, value) = reader.any(&["power"])?;
    Power::try_from(value).map_err(|why| reader.wrong(name, why)).ok()
}

fn rpc_bind(reader: &mut Reader) -> Option<HostAddr> {
    let ip = |text: String| match HostAddr::new(text.as_str()) {
        Ok(address) if address.ip().is_some() => Ok(address),
        _ => Err(format!("{text:?} is not an IP address")),
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
        let problem =
            Problem::error(format!("{}: missing variable `binary`", host.name)).at(host.place.as_ref());
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
    let source = if text.contains("://") {
        Source::Url(text)
    } else if name == "binary" || text.contains('/') {
        let path = controller_path(base, &text);
        if !path.is_file() {
            reader.wrong(name, format!("{name}: there is no file {}", path.display()));
            return None;
        }
        Source::File(path)
    } else if let Some(template) = &profile.binary.build_url {
        Source::Url(template.replace("{build}", &text))
    } else {
        reader
            .wrong(name, format!("{name}: {} has no download place for builds; set `binary`", profile.name));
        return None;
    };
    Some(Binary { source, pinned, local: None })
}

/// Nodes that share a machine need unit names of their own.
fn name_units(machines: &[Machine], nodes: &mut [Node], inventory: &Inventory) {
    for machine in machines.iter().filter(|machine| machine.nodes.len() > 1) {
        for &number in &machine.nodes {
            let node = &mut nodes[number];
            let given = |host: &Host| host.vars.contains_key("unit_name");
            if !inventory.hosts.get(node.name.as_str()).is_some_and(given)
                && let Ok(name) = UnitName::new(format!("{}-{}", node.unit_name, node.name))
            {
                node.unit_name = name;
            }
        }
    }
}

fn whole(
    inventory: &Inventory,
    profile: Arc<Profile>,
    machines: Vec<Machine>,
    nodes: Vec<Node>,
    problems: &mut Vec<Problem>,
) -> Option<Cluster> {
    let given = shared_text(inventory, "chain_id", problems);
    let chain_id = match &given {
        Some(text) => {
            ChainId::new(text.as_str()).map_err(|why| problems.push(Problem::error(why.to_string()))).ok()
        }
        None => Some(profile.chain_id.clone()),
    };
    let name =
        shared_text(inventory, "cluster", problems).or_else(|| chain_id.as_ref().map(ToString::to_string));
    let name = ClusterName::new(name?)
        .map_err(|why| problems.push(Problem::error(why.to_string()).help("set `cluster` to a short name")))
        .ok();
    let strategy = match shared_text(inventory, "peers_strategy", problems).as_deref() {
        None | Some("auto") => Strategy::Auto,
        Some("mesh") => Strategy::Mesh,
        Some("ring") => Strategy::Ring,
        Some(other) => {
            problems.push(Problem::error(format!("peers_strategy {other:?}: auto, mesh or ring")));
            Strategy::Auto
        }
    };
    let genesis = genesis_values(inventory, &profile, problems);
    if nodes.iter().all(|node| node.role != Role::Validator) && !nodes.is_empty() {
        problems
            .push(Problem::error("no host is a validator").help("leave `role` out, or set it to validator"));
    }
    clashes(&profile, &nodes, problems);
    warn_public_rpc(&profile, &nodes, problems);
    Some(Cluster { name: name?, chain_id: chain_id?, profile, machines, nodes, genesis, strategy })
}

fn genesis_values(inventory: &Inventory, profile: &Profile, problems: &mut Vec<Problem>) -> Overrides {
    let Some((value, by)) = shared(inventory, "genesis", problems) else { return BTreeMap::new() };
    let place =
        inventory.hosts.get(&by).and_then(|h| h.vars.get("genesis")).and_then(|var| var.place.clone());
    let mut wrong = |why: String| problems.push(Problem::error(why).at(place.as_ref()));
    let Value::Object(documents) = value else {
        wrong("genesis must be a dictionary {DOCUMENT: {dotted.path: value}}".to_owned());
        return BTreeMap::new();
    };
    let known: Vec<&str> = profile.documents.keys().map(String::as_str).collect();
    let mut values = BTreeMap::new();
    for (document, set) in documents {
        match set {
            Value::Object(set) if known.contains(&document.as_str()) => {
                values.insert(document, set);
            }
            Value::Object(_) => {
                wrong(format!(
                    "genesis: {} has no document {document:?}; it has: {}",
                    profile.name,
                    known.join(", ")
                ));
            }
            _ => wrong(format!("genesis.{document} must be a dictionary {{dotted.path: value}}")),
        }
    }
    values
}

/// What two nodes cannot both have: a folder or unit on one machine, a port on one machine, a peer address.
fn clashes(profile: &Profile, nodes: &[Node], problems: &mut Vec<Problem>) {
    let mut taken: HashMap<String, &NodeName> = HashMap::new();
    for node in nodes {
        let on = node.machine;
        let mut claims = vec![
            (
                format!("{on} unit {}", node.unit_name),
                format!("the unit name {}", node.unit_name),
                "unit_name",
            ),
            match &node.folder {
                Some(folder) => {
                    (format!("{on} folder {folder}"), format!("the folder {folder}"), "working_directory")
                }
                None => (
                    format!("{on} home {}", node.user),
                    format!("the home of {}", node.user),
                    "working_directory",
                ),
            },
        ];
        for (name, port) in &profile.ports {
            if port.only_when_key.is_some() || port.only_when_port.is_some() {
                continue;
            }
            let number = node.ports.get(name).copied().unwrap_or(port.default);
            claims.push((format!("{on} port {number}"), format!("port {number} ({name})"), "ports"));
            if port.public {
                let peer = node.private_ip.with_port(number);
                claims.push((format!("peer {peer}"), format!("the peer address {peer}"), "private_ip"));
            }
        }
        for (key, what, variable) in claims {
            if let Some(other) = taken.insert(key, &node.name)
                && *other != node.name
            {
                let problem = Problem::error(format!("{other} and {} both have {what}", node.name));
                problems.push(problem.help(format!("give each its own `{variable}`")));
            }
        }
    }
}

/// The playbook had Loom's RPC open to all; on a public address that is worth a word.
fn warn_public_rpc(profile: &Profile, nodes: &[Node], problems: &mut Vec<Problem>) {
    let open = |node: &&Node| {
        let bind = node.rpc_bind.as_ref().unwrap_or(&profile.default_rpc_bind);
        let any = bind.ip().is_some_and(|ip| ip.is_unspecified());
        any && node.public_ip.as_ref().unwrap_or(&node.private_ip).ip().is_some_and(is_public)
    };
    let open: Vec<String> = nodes.iter().filter(open).map(|node| node.name.to_string()).collect();
    if !open.is_empty() {
        let message = format!("the RPC of {} listens on a public address: {}", profile.name, open.join(", "));
        problems.push(
            Problem::warning(message).help("set `rpc_bind: 127.0.0.1`, or close the port in a firewall"),
        );
    }
}

/// Neither private, loopback, link-local, carrier-grade NAT nor documentation.
pub fn is_public(ip: std::net::IpAddr) -> bool {
    match ip {
        std::net::IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_documentation()
                || shared)
        }
        std::net::IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The inventories that we hand out are what they say: no problem, and no warning but of what is wanted.
    #[test]
    fn the_example_inventories_are_clusters() {
        let given = Given { connect_timeout: Duration::from_secs(1), become_password: None };
        for (file, nodes, extra) in [("full", 5, "binary=/bin/sh"), ("playbook", 2, "loom_build=/bin/sh")] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("inventories/{file}.yaml"));
            let (inventory, warnings) = crate::inventory::load(&[path], &[extra.to_owned()]).unwrap();
            assert_eq!(warnings, []);
            let (cluster, warnings) = resolve(&inventory, &given).unwrap();
            assert!(cluster.nodes.len() >= nodes, "{file}: {}", cluster.nodes.len());
            assert!(
                warnings.iter().all(|w| w.message.contains("listens on a public address")),
                "{warnings:?}"
            );
        }
    }
}
