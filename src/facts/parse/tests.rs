#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::{node::account, *};
use crate::{
    facts::ask::KeyPlace,
    types::ids::{NodeName, UnitName, UserName},
};

fn question(user: &str, folder: Option<&str>) -> NodeQuestion {
    NodeQuestion {
        node: NodeName::new("n-0").unwrap(),
        user: UserName::new(user).unwrap(),
        account: None,
        folder: folder.map(|folder| RemotePath::new(folder).unwrap()),
        unit: UnitName::new("cometbft").unwrap(),
        unit_absent: false,
        state: RemotePath::new("/var/lib/loomctl/c/n-0").unwrap(),
        paths: Vec::new(),
        texts: Vec::new(),
        pristine: Vec::new(),
        node_key: KeyPlace::File("k".into()),
        validator_key: KeyPlace::File("v".into()),
        sign_state: None,
        binary_name: "b".into(),
        binary: None,
        names: std::collections::BTreeSet::new(),
        services: Vec::new(),
    }
}

fn said(
    facts: &[(&str, &str, &str)],
    question: NodeQuestion,
) -> Result<(MachineFacts, BTreeMap<usize, NodeFacts>), String> {
    let mut collector = Collector::new(1.0);
    for (scope, key, value) in facts {
        let record = Record::Fact { scope: (*scope).into(), key: (*key).into(), value: (*value).into() };
        collector.take(record, 2.0);
    }
    collector.finish(&[question])
}

#[test]
fn p4_a_host_cannot_move_a_node_to_another_folder_or_user() {
    let own = ("0", "user", "1000 loom /home/loom");
    let home = ("0", "home", "/home/loom");
    assert!(said(&[own, home], question("loom", None)).is_ok());
    assert!(said(&[own, ("0", "home", "/srv/x")], question("loom", Some("/srv/x"))).is_ok());
    assert!(said(&[("0", "home", "")], question("loom", None)).is_ok(), "there is no such user");
    let long = format!("/{}", "x".repeat(LONGEST_PATH));
    for forged in ["/etc", "etc", "/home/loom/../../etc", "/home/loom\u{1b}[2J", "/home/\rloom", "", &long] {
        for folder in [None, Some("/srv/x")] {
            let error = said(&[own, ("0", "home", forged)], question("loom", folder)).unwrap_err();
            assert!(error.starts_with("n-0: it "), "{forged:?}: {error}");
        }
    }
    let root = said(&[("0", "user", "0 root /root"), ("0", "home", "/root")], question("loom", None));
    assert_eq!(root.unwrap_err(), "n-0: the account loom has the uid 0");
    assert!(said(&[own, home], question("root", None)).is_err());
    let account = account("1000 loom /home/loom");
    let moved = NodeQuestion { account, ..question("loom", None) };
    assert!(said(&[("0", "user", "1001 loom /home/loom"), home], moved).is_err());
}

#[test]
fn p7_what_is_too_long_or_about_nobody_is_dropped() {
    let long = "x".repeat(LONGEST_VALUE + 1);
    let (machine, nodes) =
        said(&[("host", "os", &long), ("7", "exe", "/x")], question("loom", None)).unwrap();
    assert!(machine.os.is_empty() && nodes.is_empty());
    let bars = format!("/{}|x", "|".repeat(10_000));
    assert!(said(&[("0", "target", &bars)], question("loom", None)).is_ok());
}

/// What the node's user says of its folder, as a node's facts.
fn seen_by_hand(said: &str) -> NodeFacts {
    let mut collector = Collector::new(1.0);
    for (key, value) in [("user", "1000 loom /home/loom"), ("home", "/home/loom"), ("sees", "/home")] {
        collector.take(Record::Fact { scope: "0".into(), key: key.into(), value: value.into() }, 2.0);
    }
    let blob = |key: &str, bytes: Vec<u8>| Record::Blob { scope: "0".into(), key: key.into(), bytes };
    collector.take(blob("seen", said.as_bytes().to_vec()), 2.0);
    collector.take(blob("command", b"a\0".repeat(4 << 20)), 2.0);
    let (_, mut nodes) = collector.finish(&[question("loom", None)]).unwrap();
    nodes.remove(&0).unwrap()
}

#[test]
fn p7_what_the_nodes_user_says_counts_whole_or_not_at_all() {
    let stat = |name: &str| format!("stat regular file|644|a:b|1|2|3|4|/home/loom/{name}\0");
    let long = "x".repeat(LONGEST_VALUE);
    let fine = format!("{}validator_key t v\0text /home/loom/a\0texts\0", stat("a"));
    let node = seen_by_hand(&format!("{fine}\0whole\0"));
    assert!(!node.cut_off && node.validator_key.is_some() && node.files.len() == 1);
    assert_eq!(node.unit.command.len(), LONGEST_COMMAND / 2);
    let many: String = (0..200_000).map(|number| stat(&number.to_string())).collect();
    let cut = [
        fine.clone(),
        String::new(),
        format!("{}\0whole\0", stat(&long)),
        format!("validator_key t {long}\0{fine}\0whole\0"),
        format!("{many}{fine}\0whole\0"),
        format!("{fine}\0whole\0more"),
    ];
    for said in cut {
        let node = seen_by_hand(&said);
        assert!(node.cut_off && node.validator_key.is_none() && node.files.is_empty());
    }
}

#[test]
fn a_folder_that_root_cannot_look_at_is_known_by_what_its_user_sees() {
    let shown = |said: &str| seen_by_hand(&format!("{said}\0whole\0")).shown.map(|at| at.to_string());
    assert_eq!(shown(""), Some("/home".to_owned()), "its user sees all of it");
    assert_eq!(shown("there /home/loom\0"), Some("/home".to_owned()));
    assert_eq!(shown("there /home\0"), None, "it is not there for anybody");
}

const NUMBERS: [&str; 14] = [
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "-1",
    "-9223372036854775808",
    "NaN",
    "-inf",
    "inf",
    "1e309",
    "1e-320",
    "4294967296",
    "65536",
    "0",
    "",
];

proptest! {
    #[test]
    fn p7_no_number_makes_it_panic_or_is_more_than_a_clock_shows(
        number in prop::sample::select(&NUMBERS[..]),
        other in prop::sample::select(&NUMBERS[..]),
        any in ".{0,40}",
    ) {
        let columns = format!("0: 0100007F:{number} 0 0A 0 0 0 0 0 {other} 1");
        let file = format!("regular file|{number}|{any}|{other}|{number}|{other}|{number}|/x");
        let user = format!("{number} {any} /{other}");
        let units = ["MainPID", "NRestarts", "ExecMainStartTimestampMonotonic"].map(|key| format!("{key}={number}"));
        let facts = [
            ("host", "clock", number), ("host", "uptime", other), ("host", "first_port", number), ("host", "free_kb", number),
            ("host", "socket", &columns), ("host", "holds", number), ("host", "process", &any), ("host", "group", &any),
            ("0", "stat", &file), ("0", "user", &user), ("0", "signed_height", number), ("0", "sum", &any),
            ("0", "target", &any), ("0", "node_id", &any), ("0", "validator_key", &any), ("0", "started", &any),
            ("0", "unit", &units[0]), ("0", "unit", &units[1]), ("0", "unit", &units[2]), (number, "exe", &any),
        ];
        if let Ok((machine, nodes)) = said(&facts, question("loom", None)) {
            for seconds in [machine.clock, machine.uptime, machine.clock_ahead] {
                prop_assert!(seconds.is_finite() && seconds.abs() <= LAST_SECOND);
            }
            for node in nodes.values() {
                prop_assert!(node.unit.started_monotonic.is_finite());
                prop_assert!(node.signed_height.is_none_or(|height| height.checked_add(1 << 62).is_some()));
            }
            let facts = serde_json::to_string(&nodes).unwrap();
            prop_assert_eq!(serde_json::from_str::<BTreeMap<usize, NodeFacts>>(&facts).unwrap(), nodes);
        }
    }
}

#[test]
fn a_group_may_have_blanks_in_its_name() {
    let of = |text: &str| account(text).map(|account| (account.uid, account.group, account.home.to_string()));
    let is = |uid, group: &str, home: &str| Some((uid, group.to_owned(), home.to_owned()));
    assert_eq!(of("1000 ubuntu /home/ubuntu"), is(1000, "ubuntu", "/home/ubuntu"));
    assert_eq!(of("20000 domain users /home/a b"), is(20000, "domain users", "/home/a b"));
    assert_eq!(
        of("20000 domain users@corp.example /home/corp.example/svc"),
        is(20000, "domain users@corp.example", "/home/corp.example/svc")
    );
    assert_eq!(of("7 CORP\\domain users / /x"), is(7, "CORP\\domain users", "/ /x"), "a strange home");
    for bad in ["1000  /home/x", "1000 g", "x g /home", "1000 a:b /home", "1000 /home/x"] {
        assert_eq!(of(bad), None, "{bad}");
    }
}

/// P4: of others' manifests only those that lie where ours do.
#[test]
fn manifests_of_other_nodes_are_read_where_they_are() {
    let manifest = r#"{"format": 2, "loomctl": "0.1.0", "cluster": "old", "node": "n-0", "profile": "cometbft", "unit": "cometbft",
        "home": "/home/u/node", "binary_sha256": null, "pinned": false, "paths": []}"#;
    for (at, found) in [
        ("/var/lib/loomctl/old/n-0/manifest.json", 1),
        ("/var/lib/loomctl/c/n-1/manifest.json", 1),
        ("/var/lib/loomctl/manifest.json", 0),
        ("/var/lib/loomctl/a/b/c/manifest.json", 0),
        ("/home/u/old/n-0/manifest.json", 0),
    ] {
        let mut node = NodeFacts::default();
        let stream = format!("==> {at} <==\n{manifest}\n");
        take_texts(&mut node, Some("/var/lib/loomctl/c/n-0"), &[at.to_owned()], stream.as_bytes());
        assert_eq!(node.others.len(), found, "{at}");
    }
}
