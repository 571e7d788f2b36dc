//! Composing against what real chains ran on, and against hostile documents.
#![allow(clippy::unwrap_used)]

use serde_json::{Map, json};

use super::*;
use crate::{chain::profile::Profile, types::ids::ChainId};

/// What the bytes on the hosts have been since the first version.
fn serialise(document: &Value) -> String {
    format!("{document:#}\n")
}

const NOW: i64 = 1_900_000_000;

macro_rules! fixture {
    ($path:expr) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/loom/", $path))
    };
}

macro_rules! loom_node {
    ($era:literal, $number:literal) => {
        (
            fixture!(concat!($era, "/node-", $number, "/chaindata/config/genesis.json")),
            fixture!(concat!($era, "/node-", $number, "/genesis.json")),
        )
    };
}

macro_rules! loom_era {
    ($era:literal) => {
        (
            [loom_node!($era, 0), loom_node!($era, 1), loom_node!($era, 2), loom_node!($era, 3)],
            fixture!(concat!($era, "/composed/chaindata/config/genesis.json")),
            fixture!(concat!($era, "/composed/genesis.json")),
        )
    };
}

// Below the macros, which it uses.
mod hostile;
mod properties;
mod reader;

fn loom() -> Profile {
    Profile::builtin("loom").unwrap()
}

fn chain_id(text: &str) -> ChainId {
    ChainId::new(text).unwrap()
}

fn node(number: usize, (chain, app): (&str, &str)) -> NodeDocs {
    let json: Value = serde_json::from_str(chain).unwrap();
    NodeDocs {
        whose: format!("loom-{number}"),
        key: serde_json::from_value(json["validators"][0]["pub_key"].clone()).unwrap(),
        power: None,
        documents: BTreeMap::from([("chain".into(), chain.into()), ("app".into(), app.into())]),
    }
}

fn era3() -> Vec<NodeDocs> {
    loom_era!("dposV3").0.into_iter().enumerate().map(|(n, docs)| node(n, docs)).collect()
}

fn ask<'a>(profile: &'a Profile, nodes: &'a [NodeDocs], id: &'a ChainId, over: &'a Overrides) -> Compose<'a> {
    Compose { profile, nodes, chain_id: id, overrides: over, now: NOW }
}

fn composed(nodes: &[NodeDocs], overrides: &Overrides) -> Result<BTreeMap<String, String>, String> {
    let lines =
        |found: Vec<GenesisProblem>| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    compose(ask(&loom(), nodes, &chain_id("default"), overrides)).map_err(lines)
}

fn refused(nodes: &[NodeDocs]) -> String {
    composed(nodes, &Overrides::new()).unwrap_err()
}

fn change(node: &mut NodeDocs, document: &str, how: impl FnOnce(&mut Value)) {
    let mut json: Value = serde_json::from_str(&node.documents[document]).unwrap();
    how(&mut json);
    node.documents.insert(document.into(), json.to_string());
}

fn overrides(document: &str, path: &str, value: Value) -> Overrides {
    Overrides::from([(document.to_owned(), Map::from_iter([(path.to_owned(), value)]))])
}

/// S5
#[test]
fn composed_documents_are_what_real_chains_ran_on() {
    for (inputs, chain, app) in [loom_era!("dpos"), loom_era!("dposV2"), loom_era!("dposV3")] {
        let nodes: Vec<_> = inputs.into_iter().enumerate().map(|(n, docs)| node(n, docs)).collect();
        let made = composed(&nodes, &Overrides::new()).unwrap();
        for (name, real) in [("chain", chain), ("app", app)] {
            let real: Value = serde_json::from_str(real).unwrap();
            // As text, so that the order of keys counts too.
            assert_eq!(made[name], serialise(&real), "{name}");
            assert_eq!(validators_of(&loom(), name, &made[name]).unwrap().len(), 4);
        }
        assert!(check(&loom(), &made, &chain_id("default"), NOW).is_empty());
    }
}

/// `dpos:1.0.0`, by the shape that builds of 2018 gave it: beside coin, karma, chainconfig, deployerwhitelist and gateways, in
/// whatever order. Powers of the contract are numbers or texts, as they came.
/// S5
#[test]
fn the_first_era_is_found_wherever_it_stands() {
    let nodes: Vec<_> = loom_era!("dpos").0.into_iter().enumerate().map(|(n, docs)| node(n, docs)).collect();
    let golden: Value = serde_json::from_str(loom_era!("dpos").2).unwrap();
    let length = golden["contracts"].as_array().unwrap().len();
    for turn in 0..length {
        let turned = |json: &mut Value| json["contracts"].as_array_mut().unwrap().rotate_left(turn);
        let mut nodes = nodes.clone();
        for node in &mut nodes {
            change(node, "app", turned);
        }
        let mut wanted = golden.clone();
        turned(&mut wanted);
        assert_eq!(
            composed(&nodes, &Overrides::new()).unwrap()["app"],
            serialise(&wanted),
            "turned by {turn}"
        );
    }
    let made = composed(&nodes, &Overrides::new()).unwrap();
    assert_eq!(made["app"].matches("\"power\": 10\n").count(), 1, "the number that it came as");

    // Owners, oracles of the gateways' own and karma's list are the first node's; nothing else may be otherwise.
    let mut nodes = nodes.clone();
    change(&mut nodes[3], "app", |json| json["contracts"][1]["init"]["params"]["maxKarma"] = json!("9"));
    let said = refused(&nodes);
    assert!(
        said.contains("loom-3: genesis document `app`: contracts[1].init.params.maxKarma: must be"),
        "{said}"
    );
    // Tendermint's document wants texts, loom's own takes both; neither takes no power, or a fraction.
    for (document, path, power, refused) in [
        ("app", "contracts[name=dpos].init.validators[0].power", json!("0"), true),
        ("app", "contracts[name=dpos].init.validators[0].power", json!(0.5), true),
        ("app", "contracts[name=dpos].init.validators[0].power", json!("1e3"), true),
        ("app", "contracts[name=dpos].init.validators[0].power", json!(7), false),
        ("app", "contracts[name=dpos].init.validators[0].power", json!("7"), false),
        ("chain", "validators[0].power", json!(7), true),
        ("chain", "validators[0].power", json!("7"), false),
    ] {
        let profile = loom();
        let mut json: Value = serde_json::from_str(&made[document]).unwrap();
        *path::DocPath::parse(path).unwrap().places(&json)[0].get_mut(&mut json).unwrap() = power.clone();
        let found = standalone::check_one(&profile, document, &json.to_string(), NOW);
        assert_eq!(!found.is_empty(), refused, "{document} {path} {power}: {found:?}");
    }
}

/// Builds of 2018, and ones that boot a legacy contract beside the new one: every list gets all validators.
#[test]
fn other_eras_of_the_contract_are_found_by_name() {
    let mut nodes = era3();
    for node in &mut nodes {
        change(node, "app", |json| {
            let mut legacy = json["contracts"][1].clone();
            legacy["name"] = json!("dpos");
            legacy["init"]["params"] = json!({"witnessCount": "21", "electionCycleLength": "604800"});
            json["contracts"].as_array_mut().unwrap().insert(0, legacy);
        });
    }
    let made: Value = serde_json::from_str(&composed(&nodes, &Overrides::new()).unwrap()["app"]).unwrap();
    for place in [0, 2] {
        assert_eq!(made["contracts"][place]["init"]["validators"].as_array().unwrap().len(), 4);
    }
    for node in &mut nodes {
        change(node, "app", |json| drop(json["contracts"].as_array_mut().unwrap().remove(2)));
    }
    let made = composed(&nodes, &Overrides::new()).unwrap();
    assert_eq!(validators_of(&loom(), "app", &made["app"]).unwrap().len(), 4);
}

/// S5
#[test]
fn powers_keep_their_notation() {
    let mut nodes = era3();
    nodes[1].power = Some(Power::new(25, false).unwrap());
    let made = composed(&nodes, &Overrides::new()).unwrap();
    assert!(made["chain"].contains("\"power\": \"25\"") && made["app"].contains("\"power\": \"25\""));

    for node in &mut nodes {
        change(node, "app", |json| json["contracts"][1]["init"]["validators"][0]["power"] = json!(10));
    }
    let made = composed(&nodes, &Overrides::new()).unwrap();
    assert!(made["app"].contains("\"power\": 25") && made["app"].contains("\"power\": 10"));

    change(&mut nodes[2], "chain", |json| json["validators"][0]["power"] = json!(10));
    assert!(refused(&nodes).contains("validators[2].power: must be quoted: \"10\""));
}

#[test]
fn unknown_fields_and_big_numbers_stay_as_written() {
    let mut nodes = era3();
    let strange = r#"{"deep": [1.0, 123456789012345678901234567890, 1e400, {"ключ": "\u2028<&>"}]}"#;
    for node in &mut nodes {
        let text = &node.documents["chain"];
        let text = text.replacen("\"chain_id\"", &format!("\"zz_unknown\": {strange}, \"chain_id\""), 1);
        node.documents.insert("chain".into(), text);
    }
    let made = composed(&nodes, &Overrides::new()).unwrap();
    assert!(made["chain"].contains("123456789012345678901234567890") && made["chain"].contains("1.0,"));
    let json: Value = serde_json::from_str(&made["chain"]).unwrap();
    assert_eq!(json["zz_unknown"], serde_json::from_str::<Value>(strange).unwrap());
    assert_eq!(json.as_object().unwrap().keys().nth(1).unwrap(), "zz_unknown");
}

#[test]
fn each_host_must_bring_its_own_validator_alone() {
    let mut nodes = era3();
    let others = nodes[0].documents.clone();
    nodes[3].documents = others;
    let said = refused(&nodes);
    assert!(said.contains("loom-3: genesis document `chain`: validators: holds the key"), "{said}");
    assert!(said.contains("loom-3: genesis document `app`: contracts[1].init.validators"), "{said}");

    let mut nodes = era3();
    let merged = composed(&nodes, &Overrides::new()).unwrap();
    nodes[0].documents = merged;
    assert!(refused(&nodes).contains("loom-0: genesis document `chain`: validators: holds 4 validators"));

    let mut nodes = era3();
    nodes[1] = NodeDocs { whose: nodes[1].whose.clone(), ..nodes[0].clone() };
    assert!(refused(&nodes).contains("loom-1: genesis document `app`: has the same validator key as loom-0"));
}

#[test]
fn documents_of_other_builds_or_settings_are_shown_side_by_side() {
    let mut nodes = era3();
    change(&mut nodes[1], "chain", |json| json["consensus_params"]["block_size"]["max_gas"] = json!("5"));
    change(&mut nodes[2], "app", |json| json["contracts"][0]["name"] = json!("coins"));
    let said = refused(&nodes);
    let expected = "loom-1: genesis document `chain`: consensus_params.block_size.max_gas: \
                    must be equal on all hosts: loom-0 has \"-1\", loom-1 has \"5\"";
    assert!(said.contains(expected), "{said}");
    assert!(
        said.contains(
            "loom-2: genesis document `app`: contracts: must have the same entries on all hosts: lacks coin, and has \
             besides coins"
        ),
        "{said}"
    );

    let mut nodes = era3();
    change(&mut nodes[1], "chain", |json| json["chain_id"] = json!("other"));
    assert!(
        refused(&nodes)
            .contains("loom-1: genesis document `chain`: chain_id: init ran with chain id \"other\"")
    );
}

/// Two states that have nothing in common: both sides of some places, and how many more there are.
#[test]
fn what_must_be_equal_is_shown_side_by_side_and_not_for_ever() {
    let mut nodes = era3();
    for (n, node) in nodes.iter_mut().enumerate().take(2) {
        let state: Map<String, Value> = (0..100).map(|at| (format!("k{at}"), json!(at + n))).collect();
        change(node, "app", |json| json["state"] = state.into());
    }
    change(&mut nodes[2], "app", |json| json["state"] = json!({"k0": "long".repeat(1000)}));
    change(&mut nodes[3], "app", |json| drop(json["contracts"][0].as_object_mut().unwrap().remove("vm")));
    let said = refused(&nodes);
    let of = |name: &str| said.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    assert!(
        of("loom-1")[0].ends_with("state.k0: must be equal on all hosts: loom-0 has 0, loom-1 has 1"),
        "{said}"
    );
    assert!(of("loom-1").len() == 21 && of("loom-1")[20].contains("and 80 more places"), "{said}");
    assert!(
        said.contains("state.k1: must be equal on all hosts: loom-0 has 1, loom-2 has (nothing)"),
        "{said}"
    );
    assert!(of("loom-2").iter().all(|line| line.chars().count() < 250), "{said}");
    assert!(
        of("loom-3").iter().any(|line| line
            .ends_with("vm: must be equal on all hosts: loom-0 has \"plugin\", loom-3 has (nothing)")),
        "{said}"
    );
}

#[test]
fn missing_and_broken_documents_are_named() {
    let mut nodes = era3();
    nodes[0].documents.remove("app");
    nodes[1].documents.insert("chain".into(), "{".into());
    let said = refused(&nodes);
    assert!(said.contains("loom-0: genesis document `app`: is missing"), "{said}");
    assert!(said.contains("loom-1: genesis document `chain`: not JSON"), "{said}");
    assert!(refused(&[]).contains("there is no validator to compose it from"));
}

/// Each of these was given to `cometbft start`, which refused it: invalid 64-bit integer encoding.
#[test]
fn s5_numbers_that_the_chain_wants_quoted() {
    let profile = Profile::builtin("cometbft").unwrap();
    let text = |from: &str, to: &str| {
        let sound = r#"{"genesis_time":"2026-01-01T00:00:00Z","chain_id":"c-1","initial_height":"1",
            "consensus_params":{"block":{"max_bytes":"1048576","max_gas":"-1"},"evidence":{"max_age_num_blocks":"9","max_age_duration":"5"},
            "validator":{"pub_key_types":["ed25519"]}},
            "validators":[{"address":"","pub_key":{"type":"tendermint/PubKeyEd25519","value":"3o/F/draYQAc9jtZlTGF7LzHYJsRZ3MwOVAK4mXQHXk="},"power":"10","name":""}]}"#;
        sound.replace(from, to)
    };
    let said = |from: &str, to: &str| {
        let documents = BTreeMap::from([("chain".to_owned(), text(from, to))]);
        let found = check(&profile, &documents, &chain_id("c-1"), NOW);
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(said("", ""), "");
    for (from, to, at) in [
        ("\"initial_height\":\"1\"", "\"initial_height\":1", "initial_height: 1 is not"),
        ("\"1048576\"", "1048576", "consensus_params.block.max_bytes: 1048576 is not"),
        ("\"5\"", "\"five\"", "consensus_params.evidence.max_age_duration: \"five\" is not"),
    ] {
        assert!(said(from, to).contains(at), "{}", said(from, to));
    }
}

/// Each was tried with tendermint 0.34, cometbft 0.37, 0.38 and 1.0: they end at once.
#[test]
fn s5_numbers_that_the_chain_does_not_start_on() {
    let profile = Profile::builtin("cometbft").unwrap();
    let said = |block: &str, gas: &str, age: &str, evidence: &str| {
        let text = format!(
            r#"{{"genesis_time":"2026-01-01T00:00:00Z","chain_id":"c-1","initial_height":"1","consensus_params":
            {{"block":{{"max_bytes":"{block}","max_gas":"{gas}"}},
            "evidence":{{"max_age_num_blocks":"9","max_age_duration":"{age}","max_bytes":"{evidence}"}},
            "validator":{{"pub_key_types":["ed25519"]}}}},
            "validators":[{{"address":"","pub_key":{{"type":"tendermint/PubKeyEd25519","value":"3o/F/draYQAc9jtZlTGF7LzHYJsRZ3MwOVAK4mXQHXk="}},"power":"10","name":""}}]}}"#
        );
        let documents = BTreeMap::from([("chain".to_owned(), text)]);
        let found = check(&profile, &documents, &chain_id("c-1"), NOW);
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(said("1048576", "-1", "5", "1048576"), "");
    assert_eq!(said("-1", "-1", "5", "1048576"), "", "no limit of its own");
    for (found, expected) in [
        (said("0", "-1", "5", "0"), "block.max_bytes: 0 is never allowed: the chain would not start"),
        (said("-2", "-1", "5", "0"), "block.max_bytes: -2 is less than -1"),
        (said("104857601", "-1", "5", "0"), "block.max_bytes: 104857601 is more than 104857600"),
        (said("9000", "-2", "5", "0"), "block.max_gas: -2 is less than -1"),
        (said("9000", "0", "0", "0"), "evidence.max_age_duration: 0 is less than 1"),
        (
            said("200000", "0", "5", "1048576"),
            "evidence.max_bytes: 1048576 is more than consensus_params.block.max_bytes, 200000",
        ),
    ] {
        assert!(found.contains(expected) && found.lines().count() == 1, "{expected}\n{found}");
    }
}

#[test]
fn s5_every_rule_of_a_sound_genesis() {
    let sound = composed(&era3(), &Overrides::new()).unwrap();
    let broken = |document: &str, path: &str, value: Value| {
        let mut json: Value = serde_json::from_str(&sound[document]).unwrap();
        *path::DocPath::parse(path).unwrap().places(&json)[0].get_mut(&mut json).unwrap() = value;
        let mut documents = sound.clone();
        documents.insert(document.into(), serialise(&json));
        let found = check(&loom(), &documents, &chain_id("default"), NOW);
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let first: Value = serde_json::from_str(&sound["chain"]).unwrap();
    let cases = [
        ("chain", "genesis_time", json!("0001-01-01T00:00:00Z"), "is the zero time"),
        ("chain", "genesis_time", json!("2100-01-01T00:00:00Z"), "in the future"),
        ("chain", "genesis_time", json!("soon"), "is not a time"),
        ("chain", "chain_id", json!("x".repeat(51)), "1 to 50 printable characters"),
        ("chain", "chain_id", json!("other"), "the chain id is"),
        (
            "chain",
            "validators[1].address",
            json!("00"),
            "the key's address is A0CA6CFC34D995330021FCAFD16EF3EA6FF87E57",
        ),
        ("chain", "validators[1].power", json!("0"), "validators[1].power: 0 is not above zero"),
        ("chain", "validators[1].power", json!("-5"), "is not above zero"),
        ("chain", "validators[1].power", json!(10), "must be quoted"),
        (
            "chain",
            "validators[1].power",
            json!("1152921504606846975"),
            "the chain's limit is 1152921504606846975",
        ),
        ("chain", "validators[1].pub_key.value", json!("AAAA"), "an ed25519 key has 32"),
        ("chain", "validators[1]", first["validators"][0].clone(), "stands in the list twice"),
        ("chain", "validators", json!([]), "there is no validator"),
        ("chain", "validators", json!("none"), "is not a list of validators"),
        ("app", "contracts[1].name", json!("other"), "no entry whose `name` is dposV3 or dposV2 or dpos"),
        ("app", "contracts[1].init.validators[2].power", json!("0"), "contracts[1].init.validators[2].power"),
        ("app", "contracts[3].init.owner.chainId", json!("other"), "the chain id is"),
    ];
    for (document, path, value, words) in cases {
        let said = broken(document, path, value);
        assert!(said.contains(words), "{path}: {said}");
    }
    let app: Value = serde_json::from_str(&sound["app"]).unwrap();
    let mut turned = app["contracts"][1]["init"]["validators"].clone();
    turned.as_array_mut().unwrap().swap(0, 3);
    let said = broken("app", "contracts[1].init.validators", turned);
    assert!(said.contains("in another order than document `app`"), "{said}");
}

#[test]
fn s5_all_problems_come_at_once() {
    let mut documents = composed(&era3(), &Overrides::new()).unwrap();
    let chain = documents["chain"].replace("\"power\": \"10\"", "\"power\": \"0\"").replace("2026-", "2126-");
    documents.insert("chain".into(), chain);
    assert_eq!(check(&loom(), &documents, &chain_id("default"), NOW).len(), 5);
}

#[test]
fn overrides_are_set_over_what_was_composed() {
    let nodes = era3();
    let time = "2026-11-21T00:00:00Z";
    let made = composed(&nodes, &overrides("chain", "genesis_time", json!(time))).unwrap();
    assert!(made["chain"].contains(time));
    // Amino wants the quotes that the document has and YAML does not show.
    let made =
        composed(&nodes, &overrides("chain", "consensus_params.block_size.max_gas", json!(7))).unwrap();
    assert!(made["chain"].contains("\"max_gas\": \"7\""));
    let path = "contracts[name=dposV3].init.params.validatorCount";
    let made = composed(&nodes, &overrides("genesis.json", path, json!(5))).unwrap();
    assert!(made["app"].contains("\"validatorCount\": \"5\""));

    let said =
        composed(&nodes, &overrides("chain", "consensus_params.block_size.max_gass", json!(7))).unwrap_err();
    assert!(said.contains("is `max_gas` meant?"), "{said}");
    let said = composed(&nodes, &overrides("chian", "x", json!(7))).unwrap_err();
    assert!(said.contains("loom has no document of this name"), "{said}");
    let said = composed(&nodes, &overrides("chain", "validators.0.power", json!("0"))).unwrap_err();
    assert!(said.contains("is not above zero"), "{said}");
}

#[test]
fn cometbft_takes_the_chain_id_that_is_wanted() {
    let profile = Profile::builtin("cometbft").unwrap();
    let text = include_str!("../../../tests/fixtures/cometbft-0.38/genesis.json");
    let json: Value = serde_json::from_str(text).unwrap();
    let nodes = [NodeDocs {
        whose: "a".into(),
        key: serde_json::from_value(json["validators"][0]["pub_key"].clone()).unwrap(),
        power: None,
        documents: BTreeMap::from([("chain".into(), text.into())]),
    }];
    let made = compose(ask(&profile, &nodes, &chain_id("my-chain"), &Overrides::new())).unwrap();
    assert_eq!(diff::difference(text, &made["chain"]).len(), 1, "only the chain id");
    assert!(made["chain"].contains("\"chain_id\": \"my-chain\"") && made["chain"].ends_with("}\n"));
    assert_eq!(serialise(&serde_json::from_str(&made["chain"]).unwrap()), made["chain"]);
}
