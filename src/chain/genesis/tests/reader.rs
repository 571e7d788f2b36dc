//! What the chain's program refuses is refused: one of each kind. tests/e2e/verdicts.rs asks the program itself, of many more.

use super::*;

const COMETBFT: &str = include_str!("../../../../tests/fixtures/cometbft-0.38/genesis.json");
const COSMOS: &str = include_str!("../../../../tests/fixtures/simd-0.50/collected.json");

fn said(chain: &str, text: &str) -> String {
    let profile = Profile::builtin(chain).unwrap();
    let found = standalone::check_one(&profile, "chain", text, NOW);
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn with(text: &str, path: &str, value: Value) -> String {
    let mut json: Value = serde_json::from_str(text).unwrap();
    *json.pointer_mut(path).unwrap() = value;
    json.to_string()
}

#[test]
fn s5_a_document_that_cometbft_does_not_start_from_is_refused() {
    assert_eq!(said("cometbft", COMETBFT), "");
    let params = "/consensus_params";
    for (path, value, words) in [
        ("/genesis_time", json!("2026-11-01T08:00:00+08:00"), "write \"2026-11-01T00:00:00Z\""),
        ("/genesis_time", json!("2026-02-30T08:00:00Z"), "is not a time"),
        ("/app_hash", json!("XY"), "app_hash: \"XY\" is not a text of hex digits"),
        ("/initial_height", json!("007"), "initial_height: \"007\" is not a whole number in quotes"),
        ("/validators/0/power", json!("+10"), "validators[0].power: \"+10\" is not a whole number in quotes"),
        ("/validators/0/power", json!("010"), "validators[0].power"),
        ("/validators/0/address", json!("9C"), "the key's address is"),
        ("/validators/0/pub_key/type", json!("ed25519"), "\"ed25519\" is no type of a validator's key"),
        ("/validators/0/pub_key", Value::Null, "validators[0].pub_key: is not a public key"),
        ("/validators/0/name", json!(7), "validators[0].name: 7 is not a text"),
        (params, json!({}), "evidence.max_age_duration: is not above 0 (or it is missing)"),
        (params, json!("none"), "consensus_params: \"none\" is not an object"),
        ("/consensus_params/version", json!({"app": 0}), "version.app: 0 is not a whole number in quotes"),
        (
            "/consensus_params/abci",
            json!({"vote_extensions_enable_height": 1}),
            "vote_extensions_enable_height: 1 is not a whole number in quotes",
        ),
        ("/consensus_params/validator/pub_key_types", json!([]), "pub_key_types: is empty"),
        ("/consensus_params/validator/pub_key_types", json!(["rsa"]), "\"rsa\" is no type of a key"),
        ("/consensus_params/block/max_bytes", json!("700"), "700 is no room for a block"),
    ] {
        let found = said("cometbft", &with(COMETBFT, path, value));
        assert!(found.contains(words) && !found.contains("panic"), "{path}: {found}");
    }
    // Escapes that serde would undo, and Go does not.
    let escaped = COMETBFT.replacen("\"power\": \"10\"", "\"power\": \"\\u0031\\u0030\"", 1);
    assert_ne!(escaped, COMETBFT);
    assert!(said("cometbft", &escaped).contains("validators[0].power"), "{}", said("cometbft", &escaped));
    // The chain takes a null for what it has a default of, and passes over what it does not know.
    for (path, value) in [(params, Value::Null), ("/initial_height", Value::Null), ("/app_hash", Value::Null)]
    {
        assert_eq!(said("cometbft", &with(COMETBFT, path, value)), "", "{path}");
    }
}

#[test]
fn s5_what_is_composed_is_judged_as_it_will_be_written() {
    let profile = Profile::builtin("cometbft").unwrap();
    let json: Value = serde_json::from_str(COMETBFT).unwrap();
    let nodes = [NodeDocs {
        whose: "a".into(),
        key: serde_json::from_value(json["validators"][0]["pub_key"].clone()).unwrap(),
        power: None,
        documents: BTreeMap::from([("chain".into(), COMETBFT.into())]),
    }];
    let made = |path: &str, value: Value| {
        let found = compose(ask(&profile, &nodes, &chain_id("c"), &overrides("chain", path, value)));
        found.map(drop).map_err(|found| found.iter().map(ToString::to_string).collect::<String>())
    };
    assert_eq!(made("app_hash", json!("AB")), Ok(()));
    assert!(made("app_hash", json!("XY")).unwrap_err().contains("hex digits"));
    let types = "consensus_params.validator.pub_key_types";
    assert!(made(types, json!(["rsa"])).unwrap_err().contains("no type of a key"));
    assert!(made("genesis_time", json!("2026-11-01T08:00:00+08:00")).unwrap_err().contains("in UTC"));
}

#[test]
fn s5_books_of_signed_transactions_that_do_not_add_up_are_refused() {
    assert_eq!(said("cosmos", COSMOS), "");
    let message = "/app_state/genutil/gen_txs/0/body/messages/0";
    let of = |path: &str, value: Value| said("cosmos", &with(COSMOS, &format!("{message}{path}"), value));
    let json: Value = serde_json::from_str(COSMOS).unwrap();
    let other =
        json["app_state"]["genutil"]["gen_txs"][1]["body"]["messages"][0]["validator_address"].clone();
    for (path, value, words) in [
        ("/value/denom", json!("ufoo"), "stakes \"ufoo\", but the chain stakes \"stake\""),
        ("/value/amount", json!("1000000000001"), "has 1000000000000stake in bank.balances"),
        ("/validator_address", other, "the operator of gen_txs[0] once more"),
        ("/validator_address", json!("cosmosvaloper1x"), "is no address of a validator"),
        ("/commission/rate", json!("1.5"), "commission.rate: \"1.5\" is more than max_rate"),
        ("/commission/max_rate", json!("1.01"), "more than 1 (100 %)"),
        ("/commission/max_change_rate", json!("0.3"), "more than max_rate"),
        ("/commission/rate", json!("ten"), "is no decimal number"),
        ("/min_self_delegation", json!("0"), "is not between 1 and the stake"),
        ("/description/moniker", json!(""), "a validator has a name"),
        ("/@type", json!("/cosmos.bank.v1beta1.MsgSend"), "is no MsgCreateValidator"),
    ] {
        let found = of(path, value);
        assert!(found.contains(words), "{path}: {found}");
    }
    let listed = |path: &str, how: &dyn Fn(&mut Vec<Value>)| {
        let mut json = json.clone();
        how(json.pointer_mut(path).unwrap().as_array_mut().unwrap());
        said("cosmos", &json.to_string())
    };
    let twice = |list: &mut Vec<Value>| list.push(list[0].clone());
    let accounts = listed("/app_state/auth/accounts", &twice);
    assert!(
        accounts.contains("auth.accounts[2]: the account cosmos1") && accounts.contains("twice"),
        "{accounts}"
    );
    let gone = listed("/app_state/auth/accounts", &|list| drop(list.pop()));
    assert!(gone.contains("has no account in auth.accounts"), "{gone}");
    let poor = listed("/app_state/bank/balances", &|list| drop(list.pop()));
    assert!(
        poor.contains("has 0stake in bank.balances") && poor.contains("bank.supply: is 2000000000000stake"),
        "{poor}"
    );
    let rich = listed("/app_state/bank/balances", &twice);
    assert!(rich.contains("bank.balances[2]: the balance of cosmos1"), "{rich}");
}

/// The SDK's own notation around `consensus`, CometBFT's in it.
#[test]
fn s5_the_sdks_document_is_read_as_it_reads_it() {
    for (path, value, words) in [
        ("/initial_height", json!("1"), "without quotes"),
        ("/initial_height", json!(-1), "less than 0"),
        ("/app_hash", json!("%"), "is not base64"),
        ("/consensus", Value::Null, "consensus: is missing"),
        (
            "/consensus/params/block/max_bytes",
            json!(200_000),
            "consensus.params.block.max_bytes: 200000 is not a whole number",
        ),
        (
            "/consensus/params/evidence",
            Value::Null,
            "consensus.params.evidence.max_age_num_blocks: is not above 0",
        ),
    ] {
        let found = said("cosmos", &with(COSMOS, path, value));
        assert!(found.contains(words), "{path}: {found}");
    }
    for (path, value) in [
        ("/genesis_time", json!("2026-11-01T08:00:00+08:00")),
        ("/consensus/params", Value::Null),
        ("/app_hash", json!("AAAA")),
    ] {
        assert_eq!(said("cosmos", &with(COSMOS, path, value)), "", "{path}");
    }
}

/// A host whose init wrote the contracts in another order: they are found by name, in every document.
#[test]
fn s5_contracts_in_another_order_are_compared_by_name() {
    let wanted = composed(&era3(), &Overrides::new()).unwrap();
    for turn in 1..4 {
        let mut nodes = era3();
        change(&mut nodes[2], "app", |json| json["contracts"].as_array_mut().unwrap().rotate_left(turn));
        assert_eq!(composed(&nodes, &Overrides::new()).as_ref(), Ok(&wanted), "turned by {turn}");
    }
    let mut nodes = era3();
    change(&mut nodes[2], "app", |json| json["contracts"].as_array_mut().unwrap().swap(0, 2));
    change(&mut nodes[2], "app", |json| json["contracts"][0]["location"] = json!("addressmapper:0.2.0"));
    let found = refused(&nodes);
    assert!(found.contains("contracts[2].location: must be equal") && found.lines().count() == 1, "{found}");
    // Another set of contracts is one problem.
    change(&mut nodes[2], "app", |json| drop(json["contracts"].as_array_mut().unwrap().remove(1)));
    let found = refused(&nodes);
    assert!(
        found.contains("loom-2: ")
            && found.contains("contracts: must have the same entries on all hosts: lacks dposV3"),
        "{found}"
    );
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn what_several_hosts_have_alike_is_said_once() {
    let mut nodes = era3();
    for node in &mut nodes[1..3] {
        change(node, "app", |json| {
            json["config"]["evm"]["gas_limit"] = json!(5);
            json["contracts"][0]["location"] = json!("coin:1.1.0");
        });
    }
    let profile = loom();
    let found = compose(ask(&profile, &nodes, &chain_id("default"), &Overrides::new())).unwrap_err();
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "loom-1, loom-2: genesis document `app`: contracts[0].location: must be equal on all hosts: loom-0 has \
             \"coin:1.0.0\", these have \"coin:1.1.0\"",
            "loom-1, loom-2: genesis document `app`: config.evm.gas_limit: must be equal on all hosts: loom-0 has 0, these have 5",
        ]
    );
    assert!(found[0].help.is_none() && found[1].help.is_some(), "one help after both");
}
