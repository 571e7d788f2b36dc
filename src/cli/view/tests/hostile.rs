//! Whatever hosts say in whatever field: nothing of it works in a terminal or hides in one, and JSON still means it.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{born, yaml};
use crate::{
    cli::view::{
        checked, checks, doctor, failure_text, json as shapes,
        out::{SafeText, written},
        plan, problems,
        progress_state::ProgressState,
        sentences,
    },
    cluster::Cluster,
    commands::{
        doctor::{Row as DoctorRow, Subject},
        history, keys, logs,
        status::{NodeStatus, ServiceStatus},
        watch::{Moving, Now},
    },
    facts::{Facts, Voting},
    plan::{Next, Options, Pending, Wants, sim, unfold},
    remote::error::{HostError, Undelivered},
    session::error::Failure,
    types::{
        code::Code,
        diagnostic::{Diagnostic, Place},
        event::{Event, Outcome},
        harmless,
        ids::ValidatorKey,
        row::Verdict,
        stage::StageName,
    },
    verify::{CheckId, Row},
};

const WORST: [&str; 22] = [
    "\u{1b}[2J",
    "\u{1b}]0;x\u{7}",
    "\u{1b}[31m",
    "\u{1b}",
    "\u{9b}2J",
    "\u{90}q\u{9c}",
    "\u{85}",
    "\r",
    "\u{8}",
    "\0",
    "\u{7f}",
    "\u{202e}",
    "\u{2066}",
    "\u{200f}",
    "\u{61c}",
    "\u{2028}",
    "\u{200b}",
    "\u{feff}",
    "\u{e0041}",
    "\n",
    "\tx",
    "ü\\\"<&",
];

fn hostile() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&WORST[..]), 1..6).prop_map(|parts| parts.join("a"))
}

fn is_harmless(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(harmless::is_dangerous) {
        let Some(ours) = harmless::colour(&rest[at..]) else { return false };
        rest = &rest[at + ours..];
    }
    true
}

fn people(shown: &SafeText) {
    let text = shown.to_string();
    assert!(is_harmless(&text), "{text:?}");
    let plain = shown.without_colours();
    assert!(!plain.contains(harmless::is_dangerous), "{plain:?}");
}

fn machines(value: &Value) {
    let text = written(value);
    assert!(!text.contains(|c| c == '\n' || harmless::is_dangerous(c)), "{text:?}");
    assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), value);
}

/// Every text of the facts in which a host may say what it likes, by where it stands.
fn fields(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(n, value)| fields(value, &format!("{at}/{n}"), found));
        }
        Value::Object(all) => all.iter().for_each(|(key, value)| {
            fields(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        _ => {}
    }
}

fn with(facts: &Value, fields: &[String], word: &str) -> Value {
    let mut forged = facts.clone();
    for at in fields {
        if let Some(Value::String(text)) = forged.pointer_mut(at) {
            *text += word;
        }
    }
    forged
}

/// A cluster that lives, as facts in JSON, and those texts in them that are of no checked type.
fn free_texts() -> (Cluster, Value, Vec<String>) {
    let (_, _, facts) = born("cometbft", 9);
    let (facts, mut all) = (json!(facts), Vec::new());
    fields(&facts, "", &mut all);
    let is_free = |at: &String| {
        let forged = with(&facts, std::slice::from_ref(at), "\u{1b}\u{9b}\u{202e}");
        serde_json::from_value::<Facts>(forged).is_ok()
    };
    let free: Vec<String> = all.into_iter().filter(is_free).collect();
    let more = ", settings: {config.toml: {p2p.pex: false}}";
    (sim::cluster(&yaml("cometbft", more)), facts, free)
}

fn look_at_facts(cluster: &Cluster, facts: &Facts) {
    for node in &cluster.nodes {
        let (machine, seen) = (facts.machines.get(&node.machine), facts.nodes.get(&node.name));
        people(&sentences::facts(node, machine, seen).into());
        machines(&shapes::facts(&cluster.profile, node, machine, seen));
    }
    let unfolded = unfold(cluster, facts, &Options::default());
    people(&plan::text(&unfolded, facts, true));
    plan::json(&unfolded, facts, true).iter().for_each(machines);
    if let Next::Refused(refusals) = unfolded.end {
        look_at_failure(&Failure::Refused(refusals));
    }
}

fn look_at_failure(failure: &Failure) {
    sentences::failure(failure).iter().for_each(people);
    assert!(!failure_text(failure).concat().contains(harmless::is_dangerous));
    machines(&json!(shapes::failed_hosts(failure)));
}

#[test]
fn p4_facts_and_plans_are_harmless_whatever_hosts_say() {
    let (cluster, facts, free) = free_texts();
    for field in ["hostname", "os", "kernel", "exe", "owner", "content", "fragment", "active"] {
        assert!(free.iter().any(|at| at.ends_with(field)), "{field}: {free:?}");
    }
    proptest!(ProptestConfig::with_cases(12), |(word in hostile(), one in any::<prop::sample::Index>())| {
        // A path may hold everything but these two.
        let word = word.replace(['\0', '\n'], "\r");
        for fields in [&free[..], std::slice::from_ref(one.get(&free))] {
            let forged: Facts = serde_json::from_value(with(&facts, fields, &word)).unwrap();
            look_at_facts(&cluster, &forged);
        }
    });
}

fn status(word: &str) -> NodeStatus {
    let text = || Some(word.to_owned());
    NodeStatus {
        host: word.into(),
        unit: word.into(),
        state: word.into(),
        restarts: u32::MAX,
        services: vec![ServiceStatus {
            service: word.into(),
            unit: word.into(),
            state: word.into(),
            restarts: u32::MAX,
        }],
        node_id: text(),
        network: text(),
        version: text(),
        height: Some(u64::MAX),
        hash: text(),
        catching_up: Some(true),
        peers: Some(usize::MAX),
        rpc_error: text(),
    }
}

fn look_at_results(word: &str) {
    let text = || word.to_owned();
    let seen = status(word);
    people(&sentences::status(std::slice::from_ref(&seen)).into());
    machines(&shapes::with_event("status", json!(seen)));
    let moving = Moving {
        status: seen,
        rate: Some(f64::NAN),
        lag: Some(u64::MAX),
        catches_up_in: Some(u64::MAX),
        free_mib: Some(u64::MAX),
        growth_mib: Some(f64::INFINITY),
        days_left: Some(f64::MAX),
    };
    let now = Now { nodes: vec![moving], voting: Some(Voting::default()) };
    people(&sentences::watch(&now).into());
    machines(&shapes::power(&now));
    let key = ValidatorKey { kind: text(), value: text() };
    let row = keys::KeyRow {
        host: text(),
        node_id: None,
        address: Some(text()),
        validator_key: Some(key),
        signed_height: Some(u64::MAX),
    };
    people(&sentences::keys(&[row]).into());
    let entry = logs::Entry {
        time: text(),
        host: text(),
        unit: text(),
        identifier: text(),
        priority: None,
        message: text(),
        micros: u64::MAX,
        cursor: text(),
    };
    people(&sentences::log(&entry, 3).into());
    machines(&shapes::with_event("log", json!(entry)));
    let past = history::Entry {
        time: text(),
        host: text(),
        who: text(),
        stage: text(),
        result: text(),
        changed: vec![text()],
    };
    people(&sentences::history(std::slice::from_ref(&past)).into());
    machines(&shapes::with_event("history", json!(past)));
}

fn look_at_proof(word: &str) {
    let text = || word.to_owned();
    let check = |failed: bool, journal| {
        let row = Row::new(CheckId::V1, word, word).expected(word).help(Some(word));
        let row = if failed { row.failed(Code::UnitDown, word) } else { row.ok(word) };
        Row { journal, ..row }
    };
    let all = [check(false, Vec::new()), check(true, vec![text()]), check(true, Vec::new())];
    people(&checks::text(&all));
    people(&checks::text(&all[..1]));
    all.iter().map(checks::json).for_each(|value| machines(&value));
    let row = |verdict| DoctorRow::new(Subject::Ntp, word, word).found(verdict, &[], word).help(Some(word));
    let found = [row(Verdict::Failed), row(Verdict::Warning), row(Verdict::Ok)];
    people(&doctor::text(&found));
    people(&doctor::text(&found[2..]));
    machines(&doctor::json(&found[0]));
}

fn look_at_failures(word: &str) {
    let text = || word.to_owned();
    let errors = [
        HostError::Unreachable(text()),
        HostError::HostKey(text()),
        HostError::NoSudo(text()),
        HostError::NotRoot(text()),
        HostError::NoUserManager(text(), text()),
        HostError::Locked(text(), text()),
        HostError::Lost(text()),
        HostError::Silent(Duration::MAX, text()),
        HostError::Endless(Duration::MAX, text()),
        HostError::TooMuch { doing: text(), limit: text() },
        HostError::Odd(text()),
        HostError::Upload(text()),
        HostError::Step { step: text(), output: text() },
        HostError::Download { step: text(), why: text(), reason: Undelivered::NotKept },
    ];
    look_at_failure(&Failure::Hosts(errors.into_iter().map(|error| (text(), error)).collect()));
    look_at_failure(&Failure::Gate(text(), text()));
    look_at_failure(&Failure::NoProgress(text()));
    look_at_failure(&Failure::Here(text()));
    look_at_failure(&Failure::Refused(vec![
        Diagnostic::refusal(Code::ClonedNode, None, text()).help(text()),
    ]));
    let place =
        Place { file: text().into(), line: 3, column: 2, width: 2, text: format!("ab{word}cd").into() };
    people(&problems::text(&Diagnostic { place: Some(place), ..Diagnostic::error(text()) }.help(text())));
    let node = sim::cluster(&yaml("loom", "")).nodes[0].name.clone();
    people(&sentences::pending(&[Pending { node, what: text(), wants: Wants::Restart }]).into());
}

fn look_at_progress(word: &str) {
    let (host, stage, step) = (word.to_owned(), StageName::Start, word.to_owned());
    let mut state = ProgressState::default();
    let events = [
        Event::Begins { stage, hosts: vec![host.clone()] },
        Event::Started { host: host.clone(), stage, step: step.clone() },
        Event::Step { host, stage, step, outcome: Outcome::Failed, took: Duration::MAX },
        Event::Waiting { what: word.to_owned() },
    ];
    for event in &events {
        state.take(event, Duration::from_secs(1));
        let lines = state.lines(Duration::from_secs(2), 24, 80);
        assert!(!lines.concat().contains(|c| c == '\n' || harmless::is_dangerous(c)), "{lines:?}");
        shapes::event(event).iter().for_each(machines);
    }
}

/// A width above 65,535 panics.
#[test]
fn p7_no_text_is_too_wide_for_a_table() {
    let long = "x".repeat(70_000);
    look_at_results(&long);
    look_at_proof(&long);
    assert!(sentences::status(&[status(&long)]).len() < 100_000);
    let mut wide = born_inventory(&long);
    assert!(checked::text(&wide.0, &wide.1).len() < 1_000_000);
    wide = born_inventory("short");
    assert!(checked::text(&wide.0, &wide.1).contains("  short "));
}

/// An inventory with a variable of this name, and what is made of it.
fn born_inventory(name: &str) -> (crate::inventory::Inventory, Cluster) {
    // A key that says so may be as long as it likes.
    let yaml = yaml("cometbft", &format!(", ? {name} : 1"));
    (crate::inventory::parse_yaml("i", &yaml).unwrap().0, sim::cluster(&yaml))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn p4_every_result_is_harmless_whatever_hosts_say(word in hostile()) {
        look_at_results(&word);
        look_at_proof(&word);
        look_at_failures(&word);
        look_at_progress(&word);
    }

    #[test]
    fn a_value_begins_no_line_of_its_own(word in hostile()) {
        let lines = |text: String| text.lines().count();
        prop_assert_eq!(lines(sentences::status(&[status(&word)])), 3, "a heading, the node, its service");
        let pair = history::Entry { time: String::new(), host: word.clone(), who: word.clone(), stage: word.clone(), result: word.clone(), changed: vec![word.clone()] };
        prop_assert_eq!(lines(sentences::history(&[pair])), 1);
    }
}
