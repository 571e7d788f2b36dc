//! What people and machines read, as files under tests/snapshots: a change there is a change of the surface.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use super::{Style, View, checks, doctor, failure_text, json, out::SafeText, plan, sentences};
use crate::{
    cli::args,
    cluster::Cluster,
    commands::doctor::{Row as DoctorRow, Subject},
    facts::Facts,
    plan::{
        Next, Options, Pending, Planned, Stage, Unfolded, Wants,
        sim::{Sim, cluster, home_of, try_cluster},
        unfold,
    },
    remote::error::HostError,
    session::error::Failure,
    steps::Step,
    types::{code::Code, diagnostic::Diagnostic, ids::NodeName, row::Verdict, stage::StageName},
    verify::{CheckId, Row},
};

mod hostile;

fn golden(name: &str, text: &impl ToString) {
    let plain = SafeText::of_renderer(&text.to_string()).without_colours();
    let folder = env!("CARGO_MANIFEST_DIR");
    assert!(!plain.contains(folder), "a path of this machine");
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, plain) });
}

fn yaml(chain: &str, more: &str) -> String {
    let vars = format!("chain: {chain}, user: ubuntu, binary: /bin/sh{more}");
    format!(
        "all:\n  vars: {{{vars}}}\n  hosts:\n    n-0: {{ansible_host: 10.0.0.1}}\n    n-1: {{ansible_host: 10.0.0.2, private_ip: 10.9.0.2}}\n"
    )
}

fn born(chain: &str, height: u64) -> (Sim, Cluster, Facts) {
    let cluster = cluster(&yaml(chain, ""));
    let mut world = Sim::default();
    let outcome = world.up(&cluster, &Options::default()).unwrap();
    assert!(outcome.is_done());
    world.sign(&cluster, height);
    let facts = world.gather(&cluster);
    (world, cluster, facts)
}

fn lines(values: &[serde_json::Value]) -> String {
    values.iter().flat_map(|value| [value.to_string(), "\n".to_owned()]).collect()
}

#[test]
fn a_fresh_cluster_as_a_plan() {
    for chain in ["cometbft", "loom"] {
        let cluster = cluster(&yaml(chain, ""));
        let facts = Sim::default().gather(&cluster);
        let unfolded = unfold(&cluster, &facts, &Options::default());
        golden(&format!("plan-fresh-{chain}"), &plan::text(&unfolded, &facts, true));
        golden(&format!("plan-fresh-{chain}-json"), &lines(&plan::json(&unfolded, &facts, true)));
    }
}

#[test]
fn a_changed_configuration_as_a_plan() {
    let (mut world, _, _) = born("cometbft", 9);
    let more = ", settings: {config.toml: {p2p.pex: false}}, unit: {Service: {LimitNOFILE: 1000}}";
    let changed = cluster(&yaml("cometbft", more));
    let facts = world.gather(&changed);
    let unfolded = unfold(&changed, &facts, &Options::default());
    golden("plan-changed", &plan::text(&unfolded, &facts, true));
    golden("plan-changed-json", &lines(&plan::json(&unfolded, &facts, true)));
    golden("plan-changed-without-diff", &plan::text(&unfolded, &facts, false));
}

#[test]
fn nothing_to_change() {
    let (_, cluster, facts) = born("loom", 9);
    let unfolded = unfold(&cluster, &facts, &Options::default());
    assert_eq!(plan::text(&unfolded, &facts, true), "nothing to change\n".into());
    assert!(plan::json(&unfolded, &facts, true).is_empty());
}

/// Unit, configuration and genesis as they lie on the first host, and the peers of both.
#[test]
fn what_lies_on_the_hosts() {
    for chain in ["cometbft", "loom"] {
        let (mut world, cluster, _) = born(chain, 0);
        let (first, second) = (cluster.nodes[0].clone(), cluster.nodes[1].clone());
        let text = |world: &mut Sim, node, at: &str| {
            let files = &world.host(&cluster, node).files;
            files[&crate::plan::sim::path(at)].content.clone().unwrap()
        };
        let unit = format!("/etc/systemd/system/{chain}.service");
        golden(&format!("unit-{chain}"), &text(&mut world, &first, &unit));
        for (name, document) in &cluster.profile.documents {
            let at = document.path.under(&home_of(&first));
            golden(&format!("genesis-{chain}-{name}"), &text(&mut world, &first, at.as_str()));
        }
        let peers = |world: &mut Sim, node| {
            let config = text(world, node, "/home/ubuntu/config/config.toml");
            config.lines().find(|line| line.starts_with("persistent_peers =")).unwrap().to_owned()
        };
        let of_unit = |world: &mut Sim, node| {
            let unit = text(world, node, &unit);
            unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap().to_owned()
        };
        let both = if chain == "cometbft" {
            [peers(&mut world, &first), peers(&mut world, &second)]
        } else {
            [of_unit(&mut world, &first), of_unit(&mut world, &second)]
        };
        golden(&format!("peers-{chain}"), &both.join("\n"));
    }
}

/// P8: a profile's files are root's word on a host, so none goes there that the plan does not name and show.
#[test]
fn a_plan_shows_every_file_that_a_profile_brings() {
    for chain in ["cometbft", "loom"] {
        let cluster = cluster(&yaml(chain, ""));
        let facts = Sim::default().gather(&cluster);
        let shown = plan::text(&unfold(&cluster, &facts, &Options::default()), &facts, true).to_string();
        let home = home_of(&cluster.nodes[0]);
        let files = cluster.profile.written().map(|(path, _)| path.under(&home));
        let documents = cluster.profile.documents.values().map(|document| document.path.under(&home));
        for path in files.chain(documents).chain([cluster.unit_path(&cluster.nodes[0])]) {
            let is_named = [format!("file {path} — "), format!("+++ {path} (before init)")];
            assert!(is_named.iter().any(|text| shown.contains(text)), "{path}: {shown}");
        }
    }
}

fn refusals(world: &mut Sim, cluster: &Cluster) -> Vec<Diagnostic> {
    match crate::plan::next(cluster, &world.gather(cluster), &Options::default()) {
        Next::Refused(refusals) => refusals,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn refusals_in_words() {
    let mut found = Vec::new();
    let (world, two, _) = born("cometbft", 9);
    let profile = two.profile.clone();
    let change = |with: &dyn Fn(&mut Sim)| {
        let mut world = world.clone();
        with(&mut world);
        refusals(&mut world, &two)
    };
    for file in [&profile.node_key.file, &profile.sign_state.as_ref().unwrap().file] {
        let at = file.under(&home_of(&two.nodes[1]));
        found.extend(change(&|world| drop(world.host(&two, &two.nodes[1]).files.remove(&at))));
        let copy = world.hosts["10.0.0.1"].files[&at].clone();
        if *file == profile.node_key.file {
            found.extend(change(&|world| {
                drop(world.host(&two, &two.nodes[1]).files.insert(at.clone(), copy.clone()));
            }));
        }
    }
    let genesis = profile.documents["chain"].path.under(&home_of(&two.nodes[1]));
    found.extend(change(&|world| {
        let file = world.host(&two, &two.nodes[1]).files.get_mut(&genesis).unwrap();
        file.content = file.content.as_ref().map(|text| text.replace("22020096", "1").into());
    }));
    found
        .extend(change(&|world| world.hosts.values_mut().for_each(|host| drop(host.files.remove(&genesis)))));
    let facts = world.clone().gather(&two);
    let mut other = facts.clone();
    for machine in other.machines.values_mut() {
        (machine.arch, machine.free_kb) = ("aarch64".into(), Some(900));
    }
    other.machines.get_mut(&1).unwrap().systemd = false;
    let fresh = Sim::default().gather(&two);
    other.nodes = fresh.nodes;
    if let Next::Refused(more) = crate::plan::next(&two, &other, &Options::default()) {
        found.extend(more);
    }
    let failure = Failure::Refused(found);
    golden("refusals", &failure_text(&failure).join("\n\n"));
    golden("refusals-json", &format!("{:#}", serde_json::json!(json::failed_hosts(&failure))));
}

/// Hosts that fail alike have one message, with their names in front; JSON keeps every one.
#[test]
fn what_is_alike_for_several_hosts_is_said_once() {
    let lost = |host: &str| (host.to_owned(), HostError::Lost("carrying out `start`".into()));
    let full = |host: &str| {
        let output = "No space left on device\nwrite failed".into();
        (host.to_owned(), HostError::Step { step: "file /x".into(), output })
    };
    let errors = ["node-2", "node-0", "node-10", "node-1"].map(lost).into_iter().chain([full("node-3")]);
    let hosts = Failure::Hosts(errors.collect());
    let node = |name: &str| NodeName::new(name).unwrap();
    let missing = |name: &str, what: &str| {
        let message = format!("the {what} is missing");
        Diagnostic::refusal(Code::KeysMissing, Some(&node(name)), message).help("loomctl keys restore")
    };
    let refused = Failure::Refused(vec![
        missing("node-0", "node key"),
        missing("node-1", "node key"),
        missing("node-1", "sign state"),
        Diagnostic::refusal(Code::GenesisGone, None, "no host holds the genesis"),
    ]);
    let texts: Vec<String> = [&hosts, &refused].into_iter().flat_map(failure_text).collect();
    golden("failures-alike", &texts.join("\n\n"));
    golden("failures-alike-json", &format!("{:#}", serde_json::json!(json::failed_hosts(&hosts))));
}

/// Nodes with the same steps and differences are one block, whatever their own names in paths are.
#[test]
fn nodes_with_the_same_plan_are_one_block() {
    let planned = |path: &str| Planned {
        step: Step::Gone(crate::steps::Gone { path: crate::plan::sim::path(path) }),
        why: "is to go".into(),
    };
    let of = |name: &str, file: &str| {
        (NodeName::new(name).unwrap(), vec![planned("/srv/x"), planned(&format!("/state/{name}/{file}"))])
    };
    let steps = [of("n-10", "a"), of("n-2", "a"), of("n-0", "a"), of("n-1", "a"), of("n-3", "n-3")];
    let stage = Stage { name: StageName::Destroy, steps: steps.into(), uploads: BTreeMap::new(), gate: None };
    let waits = |name: &str| Pending {
        node: NodeName::new(name).unwrap(),
        what: "its unit has changed".into(),
        wants: Wants::Restart,
    };
    let end = Next::Done(["n-0", "n-1", "n-2"].map(waits).to_vec());
    let unfolded = Unfolded { stages: vec![stage], end };
    golden("plan-alike", &plan::text(&unfolded, &Facts::default(), true));
    assert_eq!(plan::json(&unfolded, &Facts::default(), true).len(), 13, "every one, as ever");
}

#[test]
fn failures_end_with_their_codes() {
    let of = |code| Failure::Refused(vec![Diagnostic::refusal(code, None, "x")]).exit();
    assert_eq!((of(Code::DiskFull), of(Code::BinarySum), of(Code::ClonedNode)), (1, 2, 3));
    let both = [Code::DiskFull, Code::ClonedNode].map(|code| Diagnostic::refusal(code, None, "x")).to_vec();
    assert_eq!(Failure::Refused(both).exit(), 3);
    let rest =
        [Failure::Checks(2), Failure::NoProgress("n-0: file /x (differs)".into()), Failure::Interrupted];
    let texts: Vec<String> = rest.iter().flat_map(failure_text).collect();
    golden("failures", &texts.join("\n\n"));
}

#[test]
fn bad_inventories_in_words() {
    let texts = [
        yaml("comet", ""),
        yaml("cometbft", ", privat_ip: 1.2.3.4, power: -3, working_directory: srv/x, ports: {rcp: 1}"),
        yaml("cometbft", ", rpc_bind: everywhere, role: boss, unit_name: a/b, binary_sha256: abc"),
        yaml("loom", ", genesis: {chian: {a: 1}}, ansible_password: hunter2, token: hunter2"),
        yaml("cometbft", ", settings: {confg.toml: {a: 1}}, unit: {Service: {ExecStart: /bin/x}, service: {Nice: 1}}"),
        yaml("loom", ", settings: {loom.yml: {QueryServrHost: x}}"),
        yaml("cometbft", ", ports: {p2p: 26656, rpc: 26656}"),
        "all:\n  hosts:\n    a: {ansible_host: h, user: u, binary: /bin/sh}\n    b: {ansible_host: h, user: u, binary: /bin/sh}\n".into(),
    ];
    let words = |text: &String| {
        let failure = Failure::Input(try_cluster(text).unwrap_err());
        failure_text(&failure).join("\n")
    };
    let all: String = texts.iter().map(words).collect();
    assert!(!all.contains("hunter2"), "S3: {all}");
    golden("bad-inventories", &texts.iter().map(words).collect::<Vec<_>>().join("\n\n---\n"));
}

#[test]
fn the_table_of_proof() {
    let check = |id, host: &str, ok, seen: &str| {
        let (what, expected) = match id {
            CheckId::V1 => ("unit runs", "active, started once"),
            _ => ("ports listen", "26656, 26657"),
        };
        let row = Row::new(id, host, what).expected(expected);
        if ok {
            return row.ok(seen);
        }
        let journal = vec!["panic: listen tcp :26657: in use".into()];
        let failed = row.failed(Code::PortHeld, seen).help(Some("another program holds the port"));
        Row { journal, ..failed }
    };
    let good = [check(CheckId::V1, "n-0", true, "active"), check(CheckId::V1, "n-1", true, "active")];
    golden("checks-ok", &checks::text(&good));
    let bad = [
        good[0].clone(),
        good[1].clone(),
        check(CheckId::V2, "n-0", true, "26656, 26657"),
        check(CheckId::V2, "n-1", false, "26656"),
    ];
    golden("checks-failed", &checks::text(&bad));
    let lost = |id, what: &str| {
        let seen = "nothing is known of its host: it could not be reached".to_owned();
        Row { what: what.into(), seen, journal: Vec::new(), ..check(id, "n-1", false, "") }
    };
    golden(
        "checks-lost",
        &checks::text(&[lost(CheckId::V1, "unit"), lost(CheckId::V2, "ports"), lost(CheckId::V4, "genesis")]),
    );
    let of_all = |id| {
        ["n-2", "n-0", "n-1"].map(|host| {
            let row = check(id, host, false, "not known: RPC does not answer (V3)");
            Row { verdict: if id == CheckId::V1 { Verdict::Failed } else { Verdict::NotKnown }, ..row }
        })
    };
    let all = [CheckId::V1, CheckId::V7, CheckId::V8].map(of_all).concat();
    golden("checks-alike", &checks::text(&all));
    golden("checks-failed-json", &lines(&bad.iter().map(checks::json).collect::<Vec<_>>()));
}

/// Consumers rely on these keys (docs/json.md): none goes and none changes its meaning. `code` and `codes` came later.
#[test]
fn json_has_every_key_that_it_had_and_codes() {
    let has = |value: &serde_json::Value, keys: &str| {
        for key in keys.split(' ') {
            assert!(value.get(key).is_some(), "no {key} in {value}");
        }
    };
    let row = Row::new(CheckId::V7, "n-0", "blocks").expected("rising").not_known("not known");
    let check = checks::json(&row);
    has(&check, "event id host what result expected seen hint journal code");
    assert_eq!((&check["result"], &check["code"]), (&"failed".into(), &"check/not-known".into()));
    let row = DoctorRow::new(Subject::Ntp, "n-0", "ntp").not_known("not known");
    let found = doctor::json(&row);
    has(&found, "event host id result seen help code");
    assert_eq!(found["result"], "unknown");
    let failure = Failure::Hosts(vec![("n-0".into(), HostError::Lost("looking".into()))]);
    let hosts = json::failed_hosts(&failure);
    has(&hosts["n-0"], "result error advice code");
    let view = View::new(Style { json: true, quiet: true, no_color: false, verbose: false }, "up");
    let summary = view.summary(1, 0, 0, Some(&failure), &hosts, &[]);
    has(&summary, "event command result exit changed pending failed seconds hosts notes");
    assert_eq!(summary["codes"], serde_json::json!(["host/connection-lost"]));
}

#[test]
fn help_of_every_command() {
    // What the environment says must not stand in the text.
    let mut root = args::command()
        .term_width(100)
        .mut_subcommands(|command| command.mut_args(|arg| arg.hide_env_values(true)));
    root.build();
    let mut texts = vec![root.render_long_help().to_string()];
    for command in root.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        texts.push(command.render_long_help().to_string());
    }
    golden("help", &texts.join("\n\n=====\n\n"));
}

/// What hosts wrote is shown without what would move a terminal's cursor.
#[test]
fn the_history_of_a_cluster() {
    let entry = |time: &str, host: &str, result: &str, changed: &[&str]| crate::commands::history::Entry {
        time: time.into(),
        host: host.into(),
        who: "me@here\u{1b}[2J\u{7}".into(),
        stage: "start".into(),
        result: result.into(),
        changed: changed.iter().map(|step| (*step).to_owned()).collect(),
    };
    let entries = [
        entry("2026-01-02T03:04:05.678Z", "n-0", "ok", &["file /etc/x", "unit cometbft start"]),
        entry("2026-01-02T03:04:06.001Z", "validator-1", "failed", &["file /etc/\r\u{9b}2Jx"]),
    ];
    let text = sentences::history(&entries);
    assert!(!text.replace('\n', "").contains(char::is_control), "{text:?}");
    golden("history", &text);
}

#[test]
fn what_the_doctor_sees() {
    let row = |host: &str, id: Subject| DoctorRow::new(id, host, id.as_str());
    let rows = [
        row("n-0", Subject::Ssh).ok("connected"),
        row("n-0", Subject::Memory).ok("7812 MiB available"),
        row("n-0", Subject::Ntp).not_known("not known: a container (lxc) has its host's clock"),
        row("n-1", Subject::Ssh).ok("connected"),
        row("n-1", Subject::Memory)
            .found(Verdict::Warning, &[Code::MemoryLow], "800 MiB available")
            .help(Some("add swap")),
        row("n-0", Subject::Journal).failed(Code::JournalLost, "journald keeps nothing"),
        row("n-1", Subject::Journal).failed(Code::JournalLost, "journald keeps nothing"),
        row("n-2", Subject::Ssh)
            .failed(Code::Unreachable, "unreachable: timed out")
            .help(Some("is the machine up")),
    ];
    golden("doctor", &doctor::text(&rows));
    golden("doctor-json", &lines(&rows.iter().map(doctor::json).collect::<Vec<_>>()));
}
