//! What belongs on one node's host, once everybody's identity is known.

use std::collections::{BTreeMap, BTreeSet};

use super::{Class, Refusal, ask, birth::Documents, spread::each, sync};
use crate::{
    chain::{
        peers::{PeerInfo, Peering, ids_at},
        ports::{PortUse, p2p, ports_of},
        profile::{ConfigFile, HomePath},
        render::{NodeContext, Rendered, ports_of_node, pre_init_files, render_node},
        unit::{self, UnitAsk},
    },
    cluster::{Cluster, Node},
    facts::{Facts, NodeFacts, manifest::Entry},
    steps::{Run, Step},
    types::{
        ids::{NodeId, PeerAddr, RemotePath, Sha256},
        problem::Problem,
        text::Text,
    },
};

/// The node's folder, the steps that make it what it should be, and what its process runs on.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub home: RemotePath,
    pub steps: Vec<Step>,
    /// Checksum of unit, configuration and binary together.
    pub runs: Sha256,
    /// Files that the process reads at its start.
    pub inputs: Vec<RemotePath>,
}

/// Everything that rendering wants but the peers.
fn context(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<NodeContext> {
    let home = seen.home.clone()?;
    let base = |(path, file): (&HomePath, &ConfigFile)| {
        let name = if file.base.is_some() { ask::kept_name(path) } else { ask::adopted_name(path) };
        Some((path.clone(), seen.pristine.get(&name)?.clone()))
    };
    let init_files = cluster.profile.files.iter().filter_map(base).collect();
    Some(NodeContext {
        basics: cluster.basics(node),
        binary: started(cluster, node),
        shown: shown(seen, &home).clone(),
        home,
        user: node.user.clone(),
        external_address: PeerAddr {
            host: node.public_ip.clone().unwrap_or_else(|| node.private_ip.clone()),
            port: 0,
        },
        spot: node.spot(),
        peers: Vec::new(),
        seeds: Vec::new(),
        sync: None,
        unit: node.unit.clone(),
        rootless: cluster.scope(node).login_user().is_some(),
        init_files,
    })
}

/// The node's ports as its own configuration will have them; before its init, as the inventory and the profile say.
pub fn ports(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> BTreeMap<String, PortUse> {
    let own = context(cluster, node, seen).and_then(|context| ports_of_node(&cluster.profile, &context));
    own.unwrap_or_else(|| ports_of(&cluster.profile, &BTreeMap::new(), &node.ports, node.rpc_bind.as_ref()))
}

/// Where the nodes connect to each other; those whose identity is not known yet are left out.
pub fn peers(cluster: &Cluster, facts: &Facts) -> Vec<PeerInfo> {
    let unseen = NodeFacts::default();
    let peer = |node: &Node| {
        let seen = facts.nodes.get(&node.name);
        let port = p2p(&ports(cluster, node, seen.unwrap_or(&unseen)))?;
        let addr = PeerAddr { host: node.private_ip.clone(), port };
        let id = match seen {
            Some(seen) => seen.node_id.clone(),
            None => remembered(cluster, facts, &addr),
        };
        Some(PeerInfo { spot: node.spot(), id: id?, addr })
    };
    each(&cluster.nodes, peer).into_iter().flatten().collect()
}

/// The id of a node whose host cannot be asked, as the files of most others have it: who is down stays their peer. Where they
/// do not agree, nobody knows it.
fn remembered(cluster: &Cluster, facts: &Facts, addr: &PeerAddr) -> Option<NodeId> {
    let mut votes: BTreeMap<NodeId, usize> = BTreeMap::new();
    for seen in facts.nodes.values() {
        let texts = seen.files.values().filter_map(|file| file.content.as_deref());
        let named: BTreeSet<NodeId> = texts.flat_map(|text| ids_at(&cluster.profile, addr, text)).collect();
        for id in named {
            *votes.entry(id).or_default() += 1;
        }
    }
    let most = votes.values().copied().max()?;
    let mut first = votes.into_iter().filter(|(_, count)| *count == most).map(|(id, _)| id);
    first.next().filter(|_| first.next().is_none())
}

/// The id at a node's address in the files of the others: it has been there before.
pub fn known_as(cluster: &Cluster, node: &Node, facts: &Facts) -> Option<NodeId> {
    let port = p2p(&ports(cluster, node, &NodeFacts::default()))?;
    remembered(cluster, facts, &PeerAddr { host: node.private_ip.clone(), port })
}

/// Files that must stand before init runs, by path below the node's folder.
pub fn before_init(cluster: &Cluster, node: &Node, home: &RemotePath) -> Vec<(String, String)> {
    let files = pre_init_files(&cluster.profile, &cluster.basics(node), home).unwrap_or_default();
    let below = |path: &RemotePath| {
        path.as_str().trim_start_matches(home.as_str()).trim_start_matches('/').to_owned()
    };
    files.into_iter().map(|file| (below(&file.path), file.content.to_string())).collect()
}

/// `network`: the whole cluster, this node in it, as `peers::check` wants it.
pub fn wanted(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    documents: &Documents,
    network: &Peering<'_>,
) -> Result<Wanted, Vec<Refusal>> {
    let unknown = |what: &str| {
        vec![Refusal::new(
            Class::Host,
            Some(&node.name),
            format!("{what} is not known: the host has not said it"),
        )]
    };
    let seen = facts.nodes.get(&node.name).ok_or_else(|| unknown("this node"))?;
    let (Some(home), Some(account)) = (&seen.home, &seen.account) else { return Err(unknown("its user")) };
    let sha256 = ask::binary_sha256(node, facts).ok_or_else(|| unknown("its binary"))?;
    let mut rendered = rendered(cluster, node, facts, network)?;
    // The same text is the one that is there: its checksum is known.
    for file in &mut rendered.files {
        if let Some(there) = seen.text(&file.path).filter(|there| **there == file.content) {
            file.content = there.clone();
        }
    }
    let owner = format!("{}:{}", node.user, account.group);
    let mut steps =
        vec![Step::Folder { path: home.clone(), owner: owner.clone(), mode: 0o755, strict: false }];
    for (name, text) in documents {
        if let Some(document) = cluster.profile.documents.get(name) {
            let (path, content) = (document.path.under(home), text.clone());
            steps.push(Step::File { path, owner: owner.clone(), mode: 0o644, content });
        }
    }
    let unit_path = cluster.unit_path(node);
    let mut inputs = vec![unit_path.clone()];
    let texts = rendered.files.iter().map(|file| &file.content).chain([&rendered.unit]);
    let runs: String = texts.map(Text::sha256).chain([sha256]).map(Sha256::as_str).collect();
    for file in rendered.files {
        inputs.push(file.path.clone());
        steps.push(Step::File {
            path: file.path,
            owner: owner.clone(),
            mode: file.mode,
            content: file.content,
        });
    }
    steps.extend(links(cluster, node, home, sha256));
    steps.push(Step::File {
        path: unit_path,
        owner: cluster.scope(node).owner(),
        mode: 0o644,
        content: rendered.unit,
    });
    Ok(Wanted { home: home.clone(), steps, runs: Sha256::of(runs), inputs })
}

/// The steps of `wanted` before the keys are known; `unknown` stands for every text.
pub fn outline(cluster: &Cluster, node: &Node, facts: &Facts, unknown: &Text) -> Option<Vec<Step>> {
    let seen = facts.nodes.get(&node.name)?;
    let (home, account, sha256) =
        (seen.home.as_ref()?, seen.account.as_ref()?, ask::binary_sha256(node, facts)?);
    let owner = format!("{}:{}", node.user, account.group);
    let profile = &cluster.profile;
    let documents = profile.documents.values().map(|document| (document.path.under(home), 0o644));
    // What stands before init is already what it has to be.
    let after = profile.written().filter(|(path, _)| !profile.init.before.contains(path));
    let files = after.map(|(path, mode)| (path.under(home), mode.0));
    let text = |(path, mode)| Step::File { path, owner: owner.clone(), mode, content: unknown.clone() };
    let mut steps: Vec<Step> = documents.chain(files).map(text).collect();
    steps.extend(links(cluster, node, home, sha256));
    let (path, owner) = (cluster.unit_path(node), cluster.scope(node).owner());
    steps.push(Step::File { path, owner, mode: 0o644, content: unknown.clone() });
    let (name, state, runs) = (node.unit_name.clone(), cluster.state_folder(node), unknown.sha256().clone());
    steps.push(Step::Unit { name, run: Run::Start, reload: true, state, runs });
    Some(steps)
}

fn rendered(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    network: &Peering<'_>,
) -> Result<Rendered, Vec<Refusal>> {
    let safety = |why: String| vec![Refusal::new(Class::Safety, Some(&node.name), why)];
    let seen = facts.nodes.get(&node.name);
    let mut context = seen
        .and_then(|seen| context(cluster, node, seen))
        .ok_or_else(|| safety("its folder is not known".to_owned()))?;
    context.sync = seen.and_then(|seen| sync::of_node(cluster, node, facts, seen));
    context.peers = network.peers_of(&node.name).map_err(|why| safety(why.to_string()))?;
    context.seeds = network.seeds_of(&context.spot);
    if let Some(own) = network.peer(&node.name) {
        context.external_address.port = own.addr.port;
    }
    render_node(&cluster.profile, &context).map_err(|problems| {
        let refusal = |problem: Problem| {
            let mut refusal = Refusal::new(Class::Input, Some(&node.name), problem.message);
            refusal.advice = problem.help;
            refusal
        };
        problems.into_iter().map(refusal).collect()
    })
}

/// What the unit starts: a link of root's own to the cache, so that an upgrade or a rollback is a link, and nobody with the
/// node's account can change what it leads to.
pub fn started(cluster: &Cluster, node: &Node) -> RemotePath {
    // By the unit's name: that of a node may hold what systemd runs no program with.
    cluster.scope(node).path_of(&format!("bin/{}.service/{}", node.unit_name, cluster.profile.binary.name))
}

/// The binary's name in the node's folder: for people and their scripts.
pub fn link(cluster: &Cluster, home: &RemotePath) -> RemotePath {
    home.join(cluster.profile.binary.name.as_str()).unwrap_or_else(|_| home.clone())
}

fn links(cluster: &Cluster, node: &Node, home: &RemotePath, sha256: &Sha256) -> [Step; 2] {
    let target = cluster.binary_path(node, sha256);
    [started(cluster, node), link(cluster, home)].map(|path| Step::Link { path, target: target.clone() })
}

/// The folder that systemd can show the node, where it cannot look at the node's own (see `NodeFacts::shown`).
fn shown<'a>(seen: &'a NodeFacts, home: &'a RemotePath) -> &'a RemotePath {
    seen.shown.as_ref().unwrap_or(home)
}

/// What of the node's unit confines its process; empty where the unit cannot be written.
pub fn sandbox(cluster: &Cluster, node: &Node, seen: &NodeFacts, home: &RemotePath) -> String {
    let ask = UnitAsk {
        node: &node.name,
        user: &node.user,
        working_directory: home,
        shown: shown(seen, home),
        before: &[],
        argv: &[started(cluster, node).to_string()],
        overrides: &node.unit,
        rootless: cluster.scope(node).login_user().is_some(),
    };
    unit::unit_text(&cluster.profile, ask).map(|text| unit::sandbox(&text)).unwrap_or_default()
}

/// What the manifest lists: everything of this node that is ours to keep right, and to remove.
pub fn managed(
    cluster: &Cluster,
    node: &Node,
    home: &RemotePath,
    binary: Option<&Sha256>,
    steps: &[Step],
) -> Vec<Entry> {
    let entry = |path: RemotePath, kind: &str, sha256: Option<Sha256>| Entry {
        path,
        kind: kind.to_owned(),
        sha256,
        inode: None,
        size: None,
        mtime: None,
        ctime: None,
    };
    let unit = cluster.unit_path(node);
    let is_document =
        |path: &RemotePath| cluster.profile.documents.values().any(|d| d.path.under(home) == *path);
    let mut entries: Vec<Entry> = binary
        .map(|sum| entry(cluster.binary_path(node, sum), "binary", Some(sum.clone())))
        .into_iter()
        .collect();
    for step in steps {
        match step {
            Step::File { path, content, .. } => {
                let kind = match path {
                    path if *path == unit => "unit",
                    path if is_document(path) => "genesis",
                    _ => "file",
                };
                entries.push(entry(path.clone(), kind, Some(content.sha256().clone())));
            }
            Step::Link { path, .. } => entries.push(entry(path.clone(), "link", None)),
            _ => {}
        }
    }
    let profile = &cluster.profile;
    for path in profile.key_files() {
        let path = path.under(home);
        if entries.iter().all(|entry| entry.path != path) {
            entries.push(entry(path, "key", None));
        }
    }
    entries
}

/// Whether the running process is of another binary than the planned one.
pub fn other_binary(cluster: &Cluster, node: &Node, facts: &Facts, seen: &NodeFacts) -> Option<String> {
    let sha256 = ask::binary_sha256(node, facts)?;
    let running = seen.unit.exe_sha256.as_ref()?;
    // A script runs in its interpreter: then the planned path is the interpreter's argument.
    let planned =
        [started(cluster, node), link(cluster, seen.home.as_ref()?), cluster.binary_path(node, sha256)];
    let as_script =
        seen.unit.command.get(1).is_some_and(|word| planned.iter().any(|path| path.as_str() == word));
    (running != sha256 && !as_script)
        .then(|| format!("it runs a binary with sha256 {}, not {}", running.short(), sha256.short()))
}
