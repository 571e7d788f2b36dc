//! A node of two processes: each has a unit, a binary and an age of its own, and one is started before the other.

use super::*;
use crate::{
    facts::{
        FileKind,
        manifest::{FORMAT, Manifest},
    },
    plan::{sim::path, unfold},
};

const APP: &str = "cometbft-app";

/// The steps about units, as `node: step`.
fn units(stages: &[Stage]) -> Vec<String> {
    let about = |(node, planned): (&NodeName, &Planned)| {
        let is = matches!(planned.step, Step::Unit(_) | Step::Stopped(_));
        is.then(|| format!("{node}: {}", planned.step.name()))
    };
    steps(stages).filter_map(about).collect()
}

/// With another build of the application.
fn with_another_app(count: usize) -> Cluster {
    cluster(&plain(APP, count).yaml().replace("/bin/cat", "/bin/ls"))
}

#[test]
fn the_service_starts_before_its_node_and_a_second_run_changes_nothing() {
    let cluster = plain(APP, 2).cluster();
    let (mut world, outcome) = born(&cluster, 3);
    let first = ["n-0: unit cometbft-app start", "n-0: unit cometbft start"];
    assert_eq!(units(&outcome.stages)[..2], first, "{:?}", units(&outcome.stages));
    assert!(again(&mut world, &cluster).stages.is_empty());
    let node = &cluster.nodes[0];
    let host = world.host(&cluster, node);
    let unit = |name: &str| {
        host.files[&path(&format!("/etc/systemd/system/{name}.service"))].content.clone().unwrap()
    };
    assert!(unit("cometbft").contains("\nAfter=cometbft-app.service\nWants=cometbft-app.service\n"));
    let started = "ExecStart=/var/lib/loomctl/bin/cometbft-app.service/abci-cli kvstore --address tcp://127.0.0.1:26658\n";
    assert!(unit("cometbft-app").contains(started), "{}", &*unit("cometbft-app"));
}

#[test]
fn s8_another_build_of_a_service_waits_for_consent_and_restarts_both_one_node_after_another() {
    let (mut world, _) = born(&plain(APP, 4).cluster(), 7);
    world.asks = true;
    let other = with_another_app(4);
    let outcome = again(&mut world, &other);
    let Next::Done(pending) = &outcome.end else { panic!("{:?}", outcome.end) };
    assert_eq!((pending.len(), units(&outcome.stages).len()), (4, 0), "{:?}", units(&outcome.stages));
    assert!(pending[0].what.starts_with("its binary of app "), "{pending:?}");

    let mut options = Options::default();
    (options.consent.roll, options.consent.upgrade) = (true, true);
    let outcome = world.up(&other, &options).unwrap();
    assert!(outcome.is_done(), "{:?}", outcome.end);
    let said = units(&outcome.stages);
    assert_eq!(
        said[..4],
        [
            "n-0: stopped cometbft",
            "n-0: unit cometbft-app restart",
            "n-0: unit cometbft restart",
            "n-1: stopped cometbft"
        ],
        "{said:?}"
    );
    assert!(again(&mut world, &other).stages.is_empty());
}

#[test]
fn a_setting_of_the_node_leaves_its_service_alone() {
    let (mut world, _) = born(&plain(APP, 1).cluster(), 7);
    world.asks = true;
    let yaml = plain(APP, 1)
        .yaml()
        .replace("user: ubuntu", "user: ubuntu, settings: {config.toml: {log_level: debug}}");
    let mut options = Options::default();
    (options.consent.roll, options.consent.halt) = (true, true);
    let outcome = world.up(&cluster(&yaml), &options).unwrap();
    assert!(outcome.is_done(), "{:?}", outcome.end);
    assert_eq!(units(&outcome.stages), ["n-0: unit cometbft restart"]);
}

#[test]
fn a_service_that_has_died_is_started_and_its_node_behind_it() {
    let cluster = plain(APP, 1).cluster();
    let (mut world, _) = born(&cluster, 7);
    let unit = cluster.nodes[0].services[0].unit_name.clone();
    world.host(&cluster, &cluster.nodes[0]).units.get_mut(&unit).unwrap().main_pid = 0;
    let outcome = again(&mut world, &cluster);
    let said = units(&outcome.stages);
    assert_eq!(said, ["n-0: stopped cometbft", "n-0: unit cometbft-app start", "n-0: unit cometbft restart"]);
    assert!(again(&mut world, &cluster).stages.is_empty());
}

#[test]
fn down_stops_the_node_before_its_service_and_destroys_both() {
    let cluster = plain(APP, 2).cluster();
    let (mut world, _) = born(&cluster, 3);
    let outcome = world
        .converge(&cluster, |cluster, facts| toward(cluster, facts, &Options::default(), Goal::DestroyKeys))
        .unwrap();
    assert!(outcome.is_done(), "{:?}", outcome.end);
    assert_eq!(units(&outcome.stages)[..2], ["n-0: stopped cometbft", "n-0: stopped cometbft-app"]);
    for node in &cluster.nodes {
        let files = world.host(&cluster, node).files.iter().filter(|(_, file)| file.kind != FileKind::Folder);
        assert_eq!(files.map(|(at, _)| at.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
    }
}

#[test]
fn s8_a_service_keeps_its_name() {
    let (mut world, _) = born(&plain(APP, 1).cluster(), 3);
    let yaml = plain(APP, 1).yaml().replace("'/bin/cat'", "'/bin/cat', unit_name: other");
    let said = refused(&again(&mut world, &cluster(&yaml)).end);
    assert!(
        said.contains("the unit of its service app there is cometbft-app, but by the inventory it is other"),
        "{said}"
    );
    assert!(said.contains("services: {app: {unit_name: cometbft-app}}"), "{said}");
}

#[test]
fn s8_a_service_that_the_chain_has_no_more_is_neither_forgotten_nor_left_running() {
    let (mut world, _) = born(&plain(APP, 1).cluster(), 3);
    let without = plain(APP, 1)
        .yaml()
        .replace("cometbft-app", "cometbft")
        .replace(", services: {app: {binary: '/bin/cat'}}", "");
    let mut without = cluster(&without);
    without.name = plain(APP, 1).cluster().name;
    without.chain_id = plain(APP, 1).cluster().chain_id;
    let said = refused(&again(&mut world, &without).end);
    assert!(
        said.contains("its service app (cometbft-app.service) is no service of the chain any more"),
        "{said}"
    );
    let down = toward(&without, &world.gather(&without), &Options::default(), Goal::Stop);
    assert!(refused(&down).contains("is no service of the chain any more"), "{down:?}");
}

#[test]
fn s9_a_unit_of_somebody_elses_is_no_service() {
    let plain_node = plain("cometbft", 1).cluster();
    let (mut world, _) = born(&plain_node, 3);
    let mut with = plain(APP, 1).cluster();
    (with.name, with.chain_id) = (plain_node.name.clone(), plain_node.chain_id.clone());
    let at = with.scope(&with.nodes[0]).unit_path(&with.nodes[0].services[0].unit_name);
    let file = world.host(&with, &with.nodes[0]).files[&with.unit_path(&with.nodes[0])].clone();
    world.host(&with, &with.nodes[0]).files.insert(at.clone(), file);
    let said = refused(&again(&mut world, &with).end);
    assert!(said.contains(&format!("{at} is there, and loomctl has not made it")), "{said}");
}

#[test]
fn a_plan_says_what_a_birth_does_to_both() {
    let cluster = plain(APP, 1).cluster();
    let facts = Sim::default().gather(&cluster);
    let unfolded = unfold(&cluster, &facts, &Options::default());
    assert_eq!(units(&unfolded.stages), ["n-0: unit cometbft-app start", "n-0: unit cometbft start"]);
}

/// What an older loomctl has written is read, and the next run writes it as it is written now; nothing is restarted.
#[test]
fn a_manifest_of_format_1_is_lifted() {
    let cluster = plain("cometbft", 1).cluster();
    let (mut world, _) = born(&cluster, 7);
    let at = cluster.state_folder(&cluster.nodes[0]).join("manifest.json").unwrap();
    let host = world.host(&cluster, &cluster.nodes[0]);
    let text = host.files[&at].content.clone().unwrap();
    let older = Text::from(text.replace(&format!("\"format\": {FORMAT}"), "\"format\": 1"));
    assert_ne!(older, text);
    host.files.get_mut(&at).unwrap().content = Some(older);
    let outcome = again(&mut world, &cluster);
    let said: Vec<String> = steps(&outcome.stages).map(|(_, planned)| planned.step.name()).collect();
    assert_eq!(said, [format!("manifest {at}")]);
    let written = world.host(&cluster, &cluster.nodes[0]).files[&at].content.clone().unwrap();
    assert_eq!(Manifest::parse(&written).unwrap().format, FORMAT);
    assert!(again(&mut world, &cluster).stages.is_empty());
}
