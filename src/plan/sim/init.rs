//! What the chains' own init makes: recorded documents with other keys for every node.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::CANARY;
use crate::{chain::identity::tendermint_address, cluster::Cluster, steps::Init, types::ids::ValidatorKey};

const COMET_GENESIS: &str = include_str!("../../../tests/fixtures/cometbft-0.38/genesis.json");
const COMET_CONFIG: &str = include_str!("../../../tests/fixtures/cometbft-0.38/config.toml");
const SIMD_GENESIS: &str = include_str!("../../../tests/fixtures/simd-0.50/genesis.json");
const SIMD_CONFIG: &str = include_str!("../../../tests/fixtures/simd-0.50/config.toml");
const SIMD_APP: &str = include_str!("../../../tests/fixtures/simd-0.50/app.toml");
const LOOM_GENESIS: &str =
    include_str!("../../../tests/fixtures/loom/dposV3/node-0/chaindata/config/genesis.json");
const LOOM_APP: &str = include_str!("../../../tests/fixtures/loom/dposV3/node-0/genesis.json");
const LOOM_CONFIG: &str = include_str!("../../../tests/fixtures/loom/config.toml");

/// The files of the `number`th init, by their path below the staging folder.
pub fn made(cluster: &Cluster, init: &Init, number: u32) -> Vec<(String, String)> {
    let key = ValidatorKey {
        kind: "tendermint/PubKeyEd25519".into(),
        value: STANDARD.encode(Sha256::digest(format!("validator key {number}"))),
    };
    let address = tendermint_address(&key).unwrap();
    let node_pub = STANDARD.encode(Sha256::digest(format!("node key {number}")));
    let node_key = json!({"priv_key": {"value": CANARY}, "pub": node_pub}).to_string();
    let private = json!({"value": CANARY});
    let public = json!(key);
    let second = number % 60;
    let time = format!("2026-11-21T04:11:{second:02}.386246023Z");
    let mut files: Vec<(String, String)> = init.before.clone();
    let mut add = |name: &str, text: String| files.push((name.to_owned(), text));
    if let Some(prints) = &cluster.profile.init.prints {
        let key = format!("{CANARY}{number}");
        let public = ["x", "y"].map(|half| hex::encode(Sha256::digest(format!("{half} {number}")))).concat();
        let sum = hex::encode(Sha256::digest(&key));
        add(prints.of.as_str(), key);
        add(prints.to.as_str(), format!("{sum}\n{public}\n"));
        return files;
    }
    if cluster.profile.name != "loom" {
        if cluster.profile.name == "cosmos" {
            let mut genesis: Value = serde_json::from_str(SIMD_GENESIS).unwrap();
            genesis["genesis_time"] = time.into();
            genesis["chain_id"] = cluster.chain_id.as_str().into();
            add("config/config.toml", SIMD_CONFIG.to_owned());
            add("config/app.toml", SIMD_APP.to_owned());
            add("config/client.toml", String::new());
            add("config/genesis.json", genesis.to_string());
        } else {
            let mut genesis = document(COMET_GENESIS, &public, &address, &time);
            genesis["chain_id"] = format!("test-chain-{number}").into();
            add("config/config.toml", COMET_CONFIG.to_owned());
            add("config/genesis.json", genesis.to_string());
        }
        add("config/node_key.json", node_key);
        let keys = json!({"address": address, "pub_key": public, "priv_key": private});
        add("config/priv_validator_key.json", keys.to_string());
        add("data/priv_validator_state.json", json!({"height": "0", "round": 0, "step": 0}).to_string());
        return files;
    }
    let chain_id = cluster.chain_id.as_str();
    let mut genesis = document(LOOM_GENESIS, &public, &address, &time);
    genesis["chain_id"] = chain_id.into();
    let mut app: Value = serde_json::from_str(LOOM_APP).unwrap();
    let local = STANDARD.encode(&Sha256::digest(&key.value)[..20]);
    let owner = json!({"chainId": chain_id, "local": local});
    for contract in app["contracts"].as_array_mut().unwrap() {
        match contract["name"].as_str() {
            Some("dposV3") => {
                contract["init"]["params"]["oracleAddress"] = owner.clone();
                contract["init"]["validators"][0]["pubKey"] = key.value.clone().into();
            }
            Some("chainconfig") => contract["init"]["owner"] = owner.clone(),
            _ => {}
        }
    }
    add("genesis.json", app.to_string());
    add("chaindata/config/config.toml", LOOM_CONFIG.to_owned());
    add("chaindata/config/genesis.json", genesis.to_string());
    add("chaindata/config/node_key.json", node_key);
    let signer = json!({"address": address, "pub_key": public, "last_height": "0", "last_round": "0",
        "last_step": 0, "priv_key": private});
    add("chaindata/config/priv_validator.json", signer.to_string());
    files
}

fn document(recorded: &str, key: &Value, address: &str, time: &str) -> Value {
    let mut genesis: Value = serde_json::from_str(recorded).unwrap();
    genesis["genesis_time"] = time.into();
    genesis["validators"][0]["pub_key"] = key.clone();
    genesis["validators"][0]["address"] = address.into();
    genesis
}
