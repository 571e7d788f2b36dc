//! The stages before the start, of a birth and of every later run, in their order: accounts, fetch, prepare.

use std::collections::BTreeMap;

use super::{
    Planned, Stage, Upload, ask,
    called_for::called_for,
    lifecycle, manifest, node, relay,
    spread::each,
    world::{Outcome, World},
};
use crate::{
    cluster::{Cluster, Node, Program, Source},
    facts::{Facts, NodeFacts},
    steps::{Account, Binary, Fetch, Folder, Gone, Init, Step, staging},
    types::{ids::RemotePath, stage::StageName},
};

/// Accounts that nodes are to run as, where `create_user` asks for them.
pub fn accounts(world: &World<'_>) -> Outcome {
    let mut steps = BTreeMap::new();
    for (node, seen) in world.touched() {
        if may_create_user(world.cluster, node, seen) {
            let called = called_for(vec![Step::Account(Account { user: node.user.clone() })], seen);
            steps.insert(node.name.clone(), called);
        }
    }
    Stage::of(StageName::Accounts, steps).into()
}

/// Only before init: a new account may have another uid than the one that the node's files belong to.
pub fn may_create_user(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> bool {
    node.create_user && !lifecycle::is_ours(cluster, node, seen)
}

/// Binaries from a URL whose checksum nobody knows: pulled and hashed, before anything else is decided.
pub fn fetch(world: &World<'_>) -> Outcome {
    let World { cluster, facts, .. } = *world;
    let mut steps = BTreeMap::new();
    for (node, seen) in world.touched() {
        let fetch = |program: Program<'_>| {
            let Source::Url(url) = &program.binary.source else { return None };
            let (name, relayed) = (program.file.to_string(), relay::hindrance(node, program.binary, facts));
            let unknown = ask::sha256_of(node, program.binary, facts).is_none();
            unknown.then(|| Step::Fetch(Fetch { name, url: url.to_string(), relayed }))
        };
        let fetches = cluster.programs(node).filter_map(fetch).collect();
        steps.insert(node.name.clone(), called_for(fetches, seen));
    }
    Stage::of(StageName::Fetch, steps).into()
}

/// Binary, folder, init: after it every node has keys and pristine documents.
pub fn prepare(world: &World<'_>) -> Outcome {
    let World { cluster, facts, .. } = *world;
    let mut steps = BTreeMap::new();
    let mut uploads: BTreeMap<usize, Vec<Upload>> = BTreeMap::new();
    let touched: Vec<_> = world.touched().collect();
    let called = each(&touched, |(node, seen)| called_for(preparation(cluster, node, facts, seen), seen));
    for ((node, _), called) in touched.into_iter().zip(called) {
        // The manifest alone is brought up to date with what comes later.
        if called.iter().all(|planned| matches!(planned.step, Step::Manifest(_))) {
            continue;
        }
        for upload in cluster.programs(node).filter_map(|program| upload(cluster, node, program, &called)) {
            once(&mut uploads, node, upload);
        }
        steps.insert(node.name.clone(), called);
    }
    let stage = Stage::of(StageName::Prepare, steps);
    stage.map(|stage| Stage { uploads, ..stage }).into()
}

/// Nodes of one machine share what goes up.
pub(super) fn once(uploads: &mut BTreeMap<usize, Vec<Upload>>, node: &Node, upload: Upload) {
    let uploads = uploads.entry(node.machine).or_default();
    if !uploads.contains(&upload) {
        uploads.push(upload);
    }
}

pub(super) fn upload(
    cluster: &Cluster,
    node: &Node,
    program: Program<'_>,
    called: &[Planned],
) -> Option<Upload> {
    let (Source::File(source), sha256) = (&program.binary.source, program.binary.sha256()?) else {
        return None;
    };
    let path = cluster.binary_path(node, program, sha256);
    let wanted =
        |planned: &&Planned| matches!(&planned.step, Step::Binary(Binary { path: at, .. }) if *at == path);
    called.iter().find(wanted)?;
    Some(Upload { source: source.clone(), sha256: sha256.clone(), name: program.file.to_string() })
}

fn preparation(cluster: &Cluster, node: &Node, facts: &Facts, seen: &NodeFacts) -> Vec<Step> {
    let (Some(home), Some(account), Some(sha256)) =
        (&seen.home, &seen.account, ask::binary_sha256(node, facts))
    else {
        return Vec::new();
    };
    let owner = format!("{}:{}", node.user, account.group);
    let path = cluster.binary_path(node, cluster.main(node), sha256);
    let binaries: Vec<Step> =
        cluster.programs(node).filter_map(|program| binary(cluster, node, program, facts)).collect();
    // First of all: what is made from here on can be found and removed again. One that says more is not written back to
    // one that says less.
    let listed = seen.manifest.is_none().then(|| manifest::step(cluster, node, home, facts, &[]));
    let init = if lifecycle::is_ours(cluster, node, seen) {
        // A run that was cut off after its last file had gone to its place; an init of ours that was not ends with this.
        Step::Gone(Gone { path: staging(home) })
    } else {
        Step::Init(init(cluster, node, seen, &path, home))
    };
    let folder = Step::Folder(Folder { path: home.clone(), owner, mode: 0o755, strict: false });
    listed.into_iter().chain(binaries).chain([folder, init]).collect()
}

pub(super) fn binary(cluster: &Cluster, node: &Node, program: Program<'_>, facts: &Facts) -> Option<Step> {
    let sha256 = ask::sha256_of(node, program.binary, facts)?.clone();
    let url = match &program.binary.source {
        Source::Url(url) => Some(url.to_string()),
        Source::File(_) => None,
    };
    let (path, relayed) =
        (cluster.binary_path(node, program, &sha256), relay::hindrance(node, program.binary, facts));
    Some(Step::Binary(Binary { path, sha256, url, relayed }))
}

fn init(cluster: &Cluster, node: &Node, seen: &NodeFacts, binary: &RemotePath, home: &RemotePath) -> Init {
    let profile = &cluster.profile;
    let mut argv = vec![binary.to_string()];
    argv.extend(profile.init_argv(&cluster.basics(node), &staging(home)));
    let account = seen.account.clone();
    let user_home = account.as_ref().map_or_else(|| home.clone(), |a| a.home.clone());
    Init {
        home: home.clone(),
        user_home: if profile.init.own_home { staging(home) } else { user_home },
        state: cluster.state_folder(node),
        unit: node.unit_name.clone(),
        sandbox: node::sandbox(cluster, node, seen, home),
        keep: ask::kept(cluster),
        makes: profile.init.makes.iter().map(|made| made.path.to_string()).collect(),
        before: node::before_init(cluster, node, home),
        drops: profile.init.drops.iter().map(ToString::to_string).collect(),
        prints: profile.init.prints.as_ref().map(|prints| (prints.to.to_string(), prints.of.to_string())),
        argv,
    }
}
