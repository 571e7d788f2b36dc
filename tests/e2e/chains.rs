//! Every version of every chain that a profile promises, by its real binary (`make test-chains`); and topologies.

use std::{
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Lab, Suite, command, in_repository, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![sentries_hide_their_validators]);
    if std::env::var_os("LOOMCTL_CHAINS").is_some() {
        suite.on_lab(tests![tendermint_0_32, tendermint_0_34, cometbft_0_37, cometbft_1_0]);
        suite.on_lab(tests![a_full_node_joins_by_state_sync]);
    }
}

fn tendermint_0_32(lab: &Lab) {
    makes_blocks(lab, "tendermint-0.32", "tendermint", "0.32");
}

fn tendermint_0_34(lab: &Lab) {
    makes_blocks(lab, "tendermint-0.34", "tendermint", "0.34");
}

fn cometbft_0_37(lab: &Lab) {
    makes_blocks(lab, "cometbft-0.37", "cometbft", "0.37");
}

fn cometbft_1_0(lab: &Lab) {
    makes_blocks(lab, "cometbft-1.0", "cometbft", "1.0");
}

/// Born, proven, left alone, repaired, moved to other ports with consent; then a second life with the same keys.
fn makes_blocks(lab: &Lab, binary: &str, profile: &str, version: &str) {
    let built = command::run(Command::new(in_repository("tests/lab/chains")).arg(binary)).ok();
    let path = built.trim().strip_prefix(&format!("{binary}=")).unwrap();
    let inventory = lab.inventory("cometbft").var("chain", profile).var("binary", path);
    let file = inventory.write(lab);
    let file = file.to_str().unwrap();
    let status = |host: usize| lab.get(host, 26657, "/status").unwrap()["result"].clone();
    let height = |status: &Value| -> u64 {
        status["sync_info"]["latest_block_height"].as_str().unwrap().parse().unwrap()
    };

    let born = lab.loomctl(&["up", "-i", file, "--json"]).exits(0);
    let checks: Vec<Value> = born.events().into_iter().filter(|event| event["event"] == "check").collect();
    assert!(checks.len() >= 40 && checks.iter().all(|check| check["result"] == "ok"), "{born}");
    assert!(status(0)["node_info"]["version"].as_str().unwrap().starts_with(version), "{}", status(0));
    let again = lab.loomctl(&["up", "-i", file, "--json"]).exits(0);
    assert_eq!(again.summary()["changed"], 0, "{again}");

    // Damage is mended, and nobody is restarted for it.
    let unit = format!("systemctl show -p MainPID --value {profile}");
    let before: Vec<String> = (0..lab.hosts()).map(|host| lab.root(host, &unit).ok()).collect();
    lab.root(1, "rm /home/ubuntu/node/config/genesis.json; echo >>/home/ubuntu/node/config/config.toml").ok();
    lab.loomctl(&["up", "-i", file]).ok();
    let after: Vec<String> = (0..lab.hosts()).map(|host| lab.root(host, &unit).ok()).collect();
    assert_eq!(before, after);

    // A change of the configuration rolls through, and blocks go on.
    let moved = inventory.var("settings", json!({"config.toml": {"p2p.max_num_inbound_peers": 39}}));
    moved.write(lab);
    lab.loomctl(&["up", "-i", file, "--roll"]).ok();
    assert!(height(&status(0)) >= 3, "{}", status(0));

    // Without its data the chain is another one, of the same keys.
    let id = status(2)["node_info"]["id"].clone();
    lab.loomctl(&["down", "-i", file, "--destroy"]).ok();
    lab.loomctl(&["up", "-i", file]).ok();
    assert_eq!(status(2)["node_info"]["id"], id);
}

/// Two validators behind a sentry, a seed in the open: who knows whom, as the nodes themselves say it.
fn sentries_hide_their_validators(lab: &Lab) {
    let plain =
        lab.inventory("cometbft").host_var("node-2", "role", "sentry").host_var("node-3", "role", "seed");
    let lost = plain.clone().host_var("node-0", "sentries", "node-3").write(lab);
    let refused = lab.loomctl(&["up", "-i", lost.to_str().unwrap()]).exits(2);
    assert!(refused.stderr.contains("\"node-3\" is no host with role sentry"), "{refused}");

    let inventory = plain.write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    let peers = |host: usize| -> Vec<String> {
        let info = lab.get(host, 26657, "/net_info").unwrap();
        let name = |peer: &Value| peer["node_info"]["moniker"].as_str().unwrap().to_owned();
        let mut names: Vec<String> = info["result"]["peers"].as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    };
    assert_eq!(peers(0), ["node-2"]);
    assert_eq!(peers(1), ["node-2"]);
    assert_eq!(peers(2), ["node-0", "node-1", "node-3"]);
    // The seed has heard of nobody who stays hidden.
    let hidden =
        [0, 1].map(|host| lab.get(host, 26657, "/status").unwrap()["result"]["node_info"]["id"].clone());
    let book =
        lab.root(3, "cat /home/ubuntu/node/config/addrbook.json /home/ubuntu/node/config/config.toml").ok();
    assert!(hidden.iter().all(|id| !book.contains(id.as_str().unwrap())), "{book}");
    assert_eq!(lab.loomctl(&["up", "-i", inventory, "--json"]).summary()["changed"], 0);
}

/// A full node takes a snapshot instead of the blocks: two nodes whose RPC it reaches, and that agree on a block. Of the
/// built-in applications only CometBFT's own `e2e` offers snapshots, one in a hundred blocks; kvstore has none.
fn a_full_node_joins_by_state_sync(lab: &Lab) {
    let quick = json!({"proxy_app": "e2e", "consensus.timeout_commit": "50ms"});
    let mut inventory = lab
        .inventory("cometbft")
        .var("settings", json!({"config.toml": quick}))
        // What that application says of itself, and what a snapshot is compared with.
        .var("genesis", json!({"chain": {"consensus_params.version.app": "1"}}))
        .host_var("node-3", "role", "full");
    for server in [0, 1] {
        inventory = inventory.host_var(&format!("node-{server}"), "rpc_bind", lab.address(server));
    }
    let file = inventory.clone().first(3).write(lab);
    lab.loomctl(&["up", "-i", file.to_str().unwrap()]).ok();
    let ask = |server: usize, path: &str| -> Value {
        let url = format!("http://{}:26657{path}", lab.address(server));
        let answer = command::run(Command::new("curl").args(["-s", "--max-time", "5", &url])).ok();
        serde_json::from_str(&answer).unwrap_or_else(|why| panic!("{url}: {why}: {answer}"))
    };
    let until = Instant::now() + Duration::from_secs(170);
    while Instant::now() < until {
        let status = ask(0, "/status");
        let height = status["result"]["sync_info"]["latest_block_height"].as_str().unwrap();
        if height.parse::<u64>().unwrap() > 105 {
            break;
        }
        sleep(Duration::from_secs(1));
    }
    let trusted = [0, 1].map(|server| ask(server, "/block?height=90")["result"]["block_id"]["hash"].clone());
    assert_eq!(trusted[0], trusted[1]);

    let mut joining = quick;
    let servers = [0, 1].map(|server| format!("{}:26657", lab.address(server))).join(",");
    for (key, value) in [
        ("enable", json!(true)),
        ("rpc_servers", json!(servers)),
        ("trust_height", json!(90)),
        ("trust_hash", trusted[0].clone()),
        ("discovery_time", json!("5s")),
    ] {
        joining[format!("statesync.{key}")] = value;
    }
    let file = inventory.host_var("node-3", "settings", json!({"config.toml": joining})).write(lab);
    let file = file.to_str().unwrap();
    let grown = lab.loomctl(&["up", "-i", file, "--json"]).exits(0);
    let checks: Vec<Value> = grown.events().into_iter().filter(|event| event["event"] == "check").collect();
    assert!(checks.len() >= 40 && checks.iter().all(|check| check["result"] == "ok"), "{grown}");
    let status = lab.get(3, 26657, "/status").unwrap()["result"]["sync_info"].clone();
    let earliest: u64 = status["earliest_block_height"].as_str().unwrap().parse().unwrap();
    assert!(earliest > 100 && status["catching_up"] == false, "{status}");
    assert_eq!(lab.loomctl(&["up", "-i", file, "--json"]).exits(0).summary()["changed"], 0);
}
