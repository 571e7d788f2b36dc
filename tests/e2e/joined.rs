//! A second inventory whose nodes join the chain of the first: nothing of that chain is composed, and none of its nodes is touched.

use std::fs;

use serde_json::{Value, json};

use super::download::{Server, sum_of};
use crate::support::{Lab, Suite, command::Run, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_second_inventory_joins_the_chain_of_the_first]);
}

/// Two full nodes on the first two hosts, beside what runs there.
fn guests(lab: &Lab, network: &Value) -> Inventory {
    let mut inventory = lab.inventory("cometbft").first(2);
    inventory.hosts =
        inventory.hosts.into_iter().map(|(name, own)| (name.replace("node", "guest"), own)).collect();
    inventory
        .var("cluster", "guests")
        .var("working_directory", "/home/ubuntu/guest")
        .var("unit_name", "guest")
        .var("ports", json!({"p2p": 36656, "rpc": 36657}))
        .var("network", network.clone())
}

fn block(lab: &Lab, host: usize, port: u16, height: u64) -> String {
    let block = lab.get(host, port, &format!("/block?height={height}")).unwrap();
    block["result"]["block_id"]["hash"].as_str().unwrap().to_owned()
}

fn results(run: &Run, id: &str) -> Vec<String> {
    let checks = run.events().into_iter().filter(|event| event["event"] == "check" && event["id"] == id);
    checks.map(|check| check["result"].as_str().unwrap().to_owned()).collect()
}

fn processes(lab: &Lab) -> Vec<String> {
    (0..lab.hosts())
        .map(|host| lab.root(host, "systemctl show -p InvocationID,MainPID cometbft").ok())
        .collect()
}

/// V5: not applicable to a network that is joined.
fn a_second_inventory_joins_the_chain_of_the_first(lab: &Lab) {
    let made = lab.inventory("cometbft").write(lab);
    lab.loomctl(&["up", "-i", made.to_str().unwrap()]).ok();
    let before = processes(lab);
    let document = lab.path("published.json");
    fs::write(&document, lab.root(0, "cat /home/ubuntu/node/config/genesis.json").ok()).unwrap();
    let server = Server::start("127.0.0.1", &document);
    let peers: Vec<String> = (0..lab.hosts())
        .map(|host| {
            let status = lab.get(host, 26657, "/status").unwrap();
            let id = status["result"]["node_info"]["id"].as_str().unwrap().to_owned();
            format!("{id}@{}:26656", lab.address(host))
        })
        .collect();
    let network = |genesis: &str, sha256: &str| json!({"joined": {"genesis": genesis, "sha256": sha256, "peers": peers}});
    let file = lab.path("guests.yaml");
    let write = |network: Value| fs::write(&file, guests(lab, &network).yaml()).unwrap();
    let inventory = file.to_str().unwrap();
    let sum = sum_of(&document);

    // Another document than the one that is named: nothing begins.
    write(network(&server.url, &"0".repeat(64)));
    let run = lab.loomctl(&["up", "-i", inventory]).exits(2);
    assert!(run.stderr.contains(&format!("its sha256 is {sum}, expected 0000")), "{run}");
    assert_eq!(
        lab.root(0, "ls -d /home/ubuntu/guest /etc/systemd/system/guest.service 2>/dev/null; true").ok(),
        ""
    );

    write(network(&server.url, &sum));
    let run = lab.loomctl(&["up", "-i", inventory, "--json"]).exits(0);
    assert_eq!(results(&run, "V5"), ["not applicable", "not applicable"], "{run}");
    for id in ["V1", "V2", "V3", "V4", "V6", "V7", "V8", "V9", "V10"] {
        assert_eq!(results(&run, id), ["ok", "ok"], "{id} of {run}");
    }
    for host in 0..2 {
        let held = lab.root(host, "sha256sum </home/ubuntu/guest/config/genesis.json").ok();
        assert!(held.starts_with(&sum), "{held}");
        assert_eq!(block(lab, host, 36657, 2), block(lab, 3, 26657, 2), "one chain");
    }
    let validators = lab.get(0, 36657, "/validators").unwrap();
    assert_eq!(validators["result"]["total"], "4", "{validators}");
    assert_eq!(processes(lab), before, "the chain's own nodes are not touched");

    // The hosts hold the document: whoever published it may be gone.
    write(network("http://127.0.0.1:9/genesis.json", &sum));
    assert_eq!(lab.loomctl(&["up", "-i", inventory, "--json"]).exits(0).summary()["changed"], 0);
    let proof = lab.loomctl(&["verify", "-i", inventory]).ok();
    assert!(proof.contains("V5") && proof.contains("n/a"), "{proof}");

    lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).ok();
    let left = "ls /home/ubuntu/guest/config/*_key.json /etc/systemd/system/guest.service 2>/dev/null; true";
    assert_eq!(lab.root(0, left).ok(), "");
    assert_eq!(processes(lab), before);
}
