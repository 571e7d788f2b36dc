//! What belongs on one node's host, once everybody's identity is known.

use std::collections::BTreeMap;

use super::{
    ask,
    endpoints::{context, shown},
    sync,
};
use crate::{
    chain::{
        peers::Peering,
        render::{Rendered, pre_init_files, render_node},
        systemd::{self, Lacks},
        unit::{self, UnitAsk},
    },
    cluster::{Cluster, Node, Program},
    facts::{
        Facts, NodeFacts,
        manifest::{Entry, EntryKind},
    },
    steps::{File, Folder, Link, Run, Step, Unit, started},
    types::{
        code::Code,
        diagnostic::Diagnostic,
        ids::{RemotePath, Sha256},
        text::Text,
    },
};

/// Genesis documents by their names.
pub type Documents = BTreeMap<String, Text>;

/// The node's folder, the steps that make it what it should be, and what its process runs on.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub home: RemotePath,
    pub steps: Vec<Step>,
    /// Of each of its programs, in the order of `Cluster::programs`.
    pub programs: Vec<RunsOn>,
}

/// What one program runs on.
#[derive(Debug, Clone)]
pub struct RunsOn {
    /// Checksum of unit, configuration and binary together.
    pub runs: Sha256,
    /// Files that the process reads at its start.
    pub inputs: Vec<RemotePath>,
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
) -> Result<Wanted, Vec<Diagnostic>> {
    let unknown = |what: &str| {
        vec![Diagnostic::refusal(
            Code::FactMissing,
            Some(&node.name),
            format!("{what} is not known: the host has not said it"),
        )]
    };
    let seen = facts.nodes.get(&node.name).ok_or_else(|| unknown("this node"))?;
    let (Some(home), Some(account)) = (&seen.home, &seen.account) else { return Err(unknown("its user")) };
    let programs: Vec<(Program<'_>, &Sha256)> = cluster
        .programs(node)
        .map(|program| Some((program, ask::sha256_of(node, program.binary, facts)?)))
        .collect::<Option<_>>()
        .ok_or_else(|| unknown("its binary"))?;
    let mut rendered = rendered(cluster, node, facts, network)?;
    // The same text is the one that is there: its checksum is known.
    for file in &mut rendered.files {
        if let Some(there) = seen.text(&file.path).filter(|there| **there == file.content) {
            file.content = there.clone();
        }
    }
    let owner = format!("{}:{}", node.user, account.group);
    let mut steps =
        vec![Step::Folder(Folder { path: home.clone(), owner: owner.clone(), mode: 0o755, strict: false })];
    for (name, text) in documents {
        if let Some(document) = cluster.profile.documents.get(name) {
            let (path, content) = (document.path.under(home), text.clone());
            steps.push(Step::File(File { path, owner: owner.clone(), mode: 0o644, content }));
        }
    }
    let units = rendered.services.into_iter().chain([rendered.unit]);
    let units: Vec<(Program<'_>, &Sha256, Text)> =
        programs.into_iter().zip(units).map(|((program, sha256), text)| (program, sha256, text)).collect();
    let runs_on = units.iter().map(|(program, sha256, unit)| {
        // The configuration is the chain's own program's.
        let files = if program.service.is_none() { &rendered.files[..] } else { &[] };
        let texts = files.iter().map(|file| &file.content).chain([unit]);
        let runs: String = texts.map(Text::sha256).chain([*sha256]).map(Sha256::as_str).collect();
        let inputs = files.iter().map(|file| file.path.clone());
        let inputs = [cluster.scope(node).unit_path(program.unit_name)].into_iter().chain(inputs).collect();
        RunsOn { runs: Sha256::of(runs), inputs }
    });
    let programs = runs_on.collect();
    let files = rendered.files.into_iter();
    steps.extend(files.map(|file| {
        let (path, owner) = (file.path, owner.clone());
        Step::File(File { path, owner, mode: file.mode, content: file.content })
    }));
    steps.extend(units.iter().flat_map(|(program, sha256, _)| links(cluster, node, home, *program, sha256)));
    steps.extend(units.into_iter().map(|(program, _, content)| unit_file(cluster, node, program, content)));
    Ok(Wanted { home: home.clone(), steps, programs })
}

fn unit_file(cluster: &Cluster, node: &Node, program: Program<'_>, content: Text) -> Step {
    let scope = cluster.scope(node);
    Step::File(File { path: scope.unit_path(program.unit_name), owner: scope.owner(), mode: 0o644, content })
}

/// The steps of `wanted` before the keys are known; `unknown` stands for every text.
pub fn outline(cluster: &Cluster, node: &Node, facts: &Facts, unknown: &Text) -> Option<Vec<Step>> {
    let seen = facts.nodes.get(&node.name)?;
    let (home, account) = (seen.home.as_ref()?, seen.account.as_ref()?);
    let owner = format!("{}:{}", node.user, account.group);
    let profile = &cluster.profile;
    let documents = profile.documents.values().map(|document| (document.path.under(home), 0o644));
    // What stands before init is already what it has to be.
    let after = profile.written().filter(|(path, _)| !profile.init.before.contains(path));
    let files = after.map(|(path, mode)| (path.under(home), mode.0));
    let text = |(path, mode)| Step::File(File { path, owner: owner.clone(), mode, content: unknown.clone() });
    let mut steps: Vec<Step> = documents.chain(files).map(text).collect();
    for program in cluster.programs(node) {
        let sha256 = ask::sha256_of(node, program.binary, facts)?;
        steps.extend(links(cluster, node, home, program, sha256));
    }
    steps.extend(cluster.programs(node).map(|program| unit_file(cluster, node, program, unknown.clone())));
    let start =
        |program| unit_step(cluster, node, Some(seen), program, Run::Start, true, Some(unknown.sha256()));
    steps.extend(cluster.programs(node).map(start));
    Some(steps)
}

/// A program's unit, enabled and started as `run` says; `runs`: the checksum of what it runs on, where that is known.
pub fn unit_step(
    cluster: &Cluster,
    node: &Node,
    seen: Option<&NodeFacts>,
    program: Program<'_>,
    run: Run,
    reload: bool,
    runs: Option<&Sha256>,
) -> Step {
    // Whoever depends on a service has let systemd know its name.
    let first = run == Run::Start && node.services.is_empty() && ask::is_absent(seen, program.unit_name);
    let (name, state) = (program.unit_name.clone(), cluster.state_folder(node));
    Step::Unit(Unit { name, run, reload, first, state, record: record(program), runs: runs.cloned() })
}

/// The file in our folder for a node that says what was started as this program.
pub fn record(program: Program<'_>) -> String {
    match program.service {
        None => started(),
        Some(_) => format!("{}.{}", started(), program.unit_name),
    }
}

fn rendered(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    network: &Peering<'_>,
) -> Result<Rendered, Vec<Diagnostic>> {
    let safety = |why: String| vec![Diagnostic::refusal(Code::NotRendered, Some(&node.name), why)];
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
    render_node(&cluster.profile, &context)
        .map_err(|problems| problems.into_iter().map(|problem| problem.of_host(node.name.as_str())).collect())
}

/// The binary's name in the node's folder: for people and their scripts.
pub fn link(cluster: &Cluster, home: &RemotePath) -> RemotePath {
    home.join(cluster.profile.binary.name.as_str()).unwrap_or_else(|_| home.clone())
}

pub(super) fn links(
    cluster: &Cluster,
    node: &Node,
    home: &RemotePath,
    program: Program<'_>,
    sha256: &Sha256,
) -> impl Iterator<Item = Step> {
    let target = cluster.binary_path(node, program, sha256);
    let for_people = program.service.is_none().then(|| link(cluster, home));
    let paths = [cluster.started(node, program)].into_iter().chain(for_people);
    paths.map(move |path| Step::Link(Link { path, target: target.clone() }))
}

/// What of the node's unit confines its process; empty where the unit cannot be written.
pub fn sandbox(cluster: &Cluster, node: &Node, seen: &NodeFacts, home: &RemotePath) -> String {
    bare_unit(cluster, node, seen, home, seen.systemd).map(|text| unit::sandbox(&text)).unwrap_or_default()
}

/// What is otherwise in its units, since its systemd is older than they are.
pub fn lacks(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<(u32, Lacks)> {
    let (version, home) = (seen.systemd?, seen.home.as_ref()?);
    let text = bare_unit(cluster, node, seen, home, None).ok()?;
    let (_, lacks) = systemd::fit(&text, Some(version), shown(seen, home));
    (!lacks.is_nothing()).then_some((version, lacks))
}

/// The unit of the chain's own program without its arguments.
fn bare_unit(
    cluster: &Cluster,
    node: &Node,
    seen: &NodeFacts,
    home: &RemotePath,
    systemd: Option<u32>,
) -> Result<String, Vec<Diagnostic>> {
    let ask = UnitAsk {
        node: &node.name,
        service: None,
        after: &[],
        user: &node.user,
        working_directory: home,
        shown: shown(seen, home),
        before: &[],
        argv: &[cluster.started(node, cluster.main(node)).to_string()],
        overrides: &node.unit,
        rootless: cluster.scope(node).login_user().is_some(),
        systemd,
    };
    unit::unit_text(&cluster.profile, ask)
}

/// What the manifest lists: everything of this node that is ours to keep right, and to remove.
pub fn managed(
    cluster: &Cluster,
    node: &Node,
    home: &RemotePath,
    facts: &Facts,
    steps: &[Step],
) -> Vec<Entry> {
    let entry = |path: RemotePath, kind: EntryKind, sha256: Option<Sha256>| Entry {
        path,
        kind,
        sha256,
        inode: None,
        size: None,
        mtime: None,
        ctime: None,
    };
    let units: Vec<RemotePath> =
        cluster.programs(node).map(|program| cluster.scope(node).unit_path(program.unit_name)).collect();
    let is_document =
        |path: &RemotePath| cluster.profile.documents.values().any(|d| d.path.under(home) == *path);
    let binary = |program: Program<'_>| {
        let sum = ask::sha256_of(node, program.binary, facts)?;
        Some(entry(cluster.binary_path(node, program, sum), EntryKind::Binary, Some(sum.clone())))
    };
    let mut entries: Vec<Entry> = cluster.programs(node).filter_map(binary).collect();
    for step in steps {
        match step {
            Step::File(File { path, content, .. }) => {
                let kind = match path {
                    path if units.contains(path) => EntryKind::Unit,
                    path if is_document(path) => EntryKind::Genesis,
                    _ => EntryKind::File,
                };
                entries.push(entry(path.clone(), kind, Some(content.sha256().clone())));
            }
            Step::Link(Link { path, .. }) => entries.push(entry(path.clone(), EntryKind::Link, None)),
            _ => {}
        }
    }
    let profile = &cluster.profile;
    for path in profile.key_files() {
        let path = path.under(home);
        if entries.iter().all(|entry| entry.path != path) {
            entries.push(entry(path, EntryKind::Key, None));
        }
    }
    entries
}

/// Whether the running process is of another binary than the planned one.
pub fn other_binary(
    cluster: &Cluster,
    node: &Node,
    program: Program<'_>,
    facts: &Facts,
    seen: &NodeFacts,
) -> Option<String> {
    let sha256 = ask::sha256_of(node, program.binary, facts)?;
    let unit = seen.unit_of(program.unit_name);
    let running = unit.exe_sha256.as_ref()?;
    // A script runs in its interpreter: then the planned path is the interpreter's argument.
    let planned = [
        cluster.started(node, program),
        link(cluster, seen.home.as_ref()?),
        cluster.binary_path(node, program, sha256),
    ];
    let as_script = unit.command.get(1).is_some_and(|word| planned.iter().any(|path| path.as_str() == word));
    (running != sha256 && !as_script)
        .then(|| format!("it runs a binary with sha256 {}, not {}", running.short(), sha256.short()))
}
