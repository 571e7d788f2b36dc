//! Chains that somebody else made, taken over as they are.

use super::*;
use crate::plan::sim::{home_of, path};

const UNIT: &str = "[Service]\nUser=ubuntu\nExecStart=/home/ubuntu/NAME start --home /home/ubuntu\n";

/// A chain that runs under a unit of somebody else's; nothing on its hosts is ours.
fn foreign(chain: &'static str, count: usize, height: u64) -> (Cluster, Sim) {
    let cluster = plain(chain, count).cluster();
    let (mut world, _) = born(&cluster, height);
    world.asks = true;
    for node in &cluster.nodes {
        let name = cluster.profile.binary.name.to_string();
        let (link, state) = (home_of(node).join(&name).unwrap(), cluster.state_folder(node));
        let host = world.host(&cluster, node);
        host.files.retain(|at, _| *at != state && !at.is_below(&state));
        let unit =
            host.files.get_mut(&path(&format!("/etc/systemd/system/{}.service", node.unit_name))).unwrap();
        let text = Text::from(UNIT.replace("NAME", &name));
        (unit.sha256, unit.content) = (Some(text.sha256().clone()), Some(text));
        let target = path(host.files[&link].target.as_ref().unwrap());
        let binary = host.files.remove(&target).unwrap();
        host.files.insert(link, binary);
    }
    (cluster, world)
}

fn adopting(roll: bool) -> Options {
    let mut options = Options { goal: Goal::Adopt, ..Options::default() };
    options.consent.roll = roll;
    options
}

/// What must be the same before and after: keys, sign state and documents of every node.
fn value(world: &mut Sim, cluster: &Cluster) -> Vec<Option<Text>> {
    let profile = cluster.profile.clone();
    let mut files =
        vec![&profile.node_key.file, &profile.validator_key.file, &profile.sign_state.as_ref().unwrap().file];
    files.extend(profile.documents.values().map(|document| &document.path));
    let nodes = cluster
        .nodes
        .iter()
        .flat_map(|node| files.iter().map(move |file| (node, file.under(&home_of(node)))));
    nodes.map(|(node, at)| world.host(cluster, node).files[&at].content.clone()).collect()
}

/// S1: its genesis stays as it is.
#[test]
fn a_living_chain_is_taken_over_with_its_keys_and_documents() {
    for chain in ["cometbft", "loom"] {
        let (cluster, mut world) = foreign(chain, 4, 7);
        let before = value(&mut world, &cluster);
        let said = refused(&again(&mut world, &cluster).end);
        assert!(said.contains("has not made it") && said.contains("--adopt"), "{said}");

        let outcome = world.up(&cluster, &adopting(false)).unwrap();
        let Next::Done(pending) = &outcome.end else { panic!("{:?}", outcome.end) };
        assert_eq!((pending.len(), restarts(&outcome.stages), inits(&outcome.stages)), (4, 0, 0), "S8");
        assert!(writes_genesis(&cluster, &outcome.stages).is_empty());
        // From here on they are nodes like any others: no flag, and the restarts one after another.
        let mut options = adopting(true);
        options.goal = Goal::Converge;
        let outcome = world.up(&cluster, &options).unwrap();
        assert!(outcome.is_done() && restarts(&outcome.stages) == 4, "{:?}", outcome.end);
        assert_eq!(value(&mut world, &cluster), before);
        assert!(again(&mut world, &cluster).stages.is_empty());
    }
}

/// S1, S7
#[test]
fn a_killed_adoption_goes_on() {
    let (cluster, world) = foreign("cometbft", 2, 7);
    for fuel in 0..20 {
        let mut world = world.clone();
        world.fuel = Some(fuel);
        let before = value(&mut world, &cluster);
        let mut options = adopting(true);
        options.consent.halt = true;
        let _ = world.up(&cluster, &options);
        world.fuel = None;
        let outcome = world.up(&cluster, &options).unwrap();
        assert!(outcome.is_done(), "{fuel}: {:?}", outcome.end);
        assert_eq!(value(&mut world, &cluster), before);
    }
}

/// S1: its documents stay as they are.
#[test]
fn what_was_set_there_counts_on() {
    let (cluster, mut world) = foreign("loom", 4, 7);
    for node in &cluster.nodes {
        let file =
            world.host(&cluster, node).files.get_mut(&home_of(node).join("loom.yml").unwrap()).unwrap();
        let text =
            Text::from(file.content.as_ref().unwrap().to_string() + "DPOSVersion: 3\nSessionDuration: 77\n");
        (file.sha256, file.content) = (Some(text.sha256().clone()), Some(text));
    }
    let outcome = world.up(&cluster, &adopting(true)).unwrap();
    assert!(outcome.is_done(), "{:?}", outcome.end);
    let at = home_of(&cluster.nodes[2]).join("loom.yml").unwrap();
    let text = world.host(&cluster, &cluster.nodes[2]).files[&at].content.clone().unwrap();
    assert!(text.contains("SessionDuration: 77") && text.contains("DPOSVersion: 3"), "{text}");
}

/// S1
#[test]
fn what_cannot_be_taken_over_says_why() {
    let refused_with = |height: u64, change: &dyn Fn(&mut Sim, &Cluster)| {
        let (cluster, mut world) = foreign("cometbft", 2, height);
        change(&mut world, &cluster);
        let before = world.fingerprint();
        let outcome = world.up(&cluster, &adopting(true)).unwrap();
        assert_eq!(before, world.fingerprint());
        refused(&outcome.end)
    };
    let file =
        |world: &mut Sim, cluster: &Cluster, at: &str, change: &dyn Fn(&mut crate::facts::FileFact)| {
            change(world.host(cluster, &cluster.nodes[1]).files.get_mut(&path(at)).unwrap());
        };
    let unit = "/etc/systemd/system/cometbft.service";
    let said = refused_with(7, &|world, cluster| {
        file(world, cluster, unit, &|unit| {
            unit.content = Some("[Service]\nExecStart=/usr/bin/nginx\n".into());
        });
    });
    assert!(said.contains("Safety n-1") && said.contains("is something else"), "{said}");
    let key = "/home/ubuntu/config/priv_validator_key.json";
    let said =
        refused_with(7, &|world, cluster| file(world, cluster, key, &|key| key.owner = "root:root".into()));
    assert!(said.contains("belongs to root") && said.contains("user: root"), "{said}");
    let said = refused_with(7, &|world, cluster| {
        drop(world.host(cluster, &cluster.nodes[1]).files.remove(&path(key)));
    });
    assert!(said.contains("is missing or cannot be read"), "{said}");
    let said = refused_with(7, &|world, cluster| {
        let genesis = "/home/ubuntu/config/genesis.json";
        file(world, cluster, genesis, &|file| {
            file.content = file.content.as_ref().map(|text| text.replace("cometbft-local", "other").into());
        });
    });
    assert!(said.contains("its chain is \"other\""), "{said}");
}

/// Each chain has its id in a place of its own.
/// S1
#[test]
fn a_chain_of_another_id_is_refused_before_it_is_marked_as_ours() {
    for (chain, at) in
        [("cometbft", &["chain_id"][..]), ("loom", &["chain_id"]), ("kaia", &["config", "chainId"])]
    {
        let (cluster, mut world) = foreign(chain, 2, 9);
        let documents = &cluster.profile.documents;
        let document = documents.get("chain").unwrap_or_else(|| &documents["genesis"]).path.clone();
        for node in &cluster.nodes {
            let file = world.host(&cluster, node).files.get_mut(&document.under(&home_of(node))).unwrap();
            let mut json: serde_json::Value = serde_json::from_str(file.content.as_ref().unwrap()).unwrap();
            let id = at.iter().fold(&mut json, |json, key| &mut json[*key]);
            *id = if id.is_number() { 4711.into() } else { "another".into() };
            let text = Text::from(json.to_string());
            (file.sha256, file.content) = (Some(text.sha256().clone()), Some(text));
        }
        let before = world.fingerprint();
        let outcome = world.up(&cluster, &adopting(false)).unwrap();
        let said = refused(&outcome.end);
        assert!(said.contains("its chain is ") && said.contains("set `chain_id`"), "{chain}: {said}");
        assert!(outcome.stages.is_empty() && before == world.fingerprint(), "{chain}");
    }
}
