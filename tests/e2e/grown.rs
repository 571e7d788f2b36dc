//! An inventory that changes while its chain lives: a host more, another order, another address, a host less (S1, S8).

use std::{ops::Range, time::Duration};

use serde_json::{Value, json};

use crate::support::{Lab, Suite, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_live_chain_grows_turns_moves_and_shrinks]);
    suite.slow_on_lab(tests![slow_v10_a_node_that_is_behind_is_watched]);
}

/// Everything that a run which leaves a host alone must not move: its process, its files, their times.
fn held(lab: &Lab, host: usize) -> String {
    let look = "systemctl show -p InvocationID,MainPID,NRestarts cometbft; \
                find /home/ubuntu/node/config /etc/systemd/system /var/lib/loomctl ! -name addrbook.json \
                ! -name 'write-file-atomic-*' -type f -printf '%p %i %C@\\n' | sort";
    lab.root(host, look).ok()
}

fn process(lab: &Lab, host: usize) -> String {
    lab.root(host, "systemctl show -p InvocationID,MainPID cometbft").ok()
}

fn processes(lab: &Lab, hosts: Range<usize>) -> Vec<String> {
    hosts.map(|host| process(lab, host)).collect()
}

fn genesis(lab: &Lab, host: usize) -> String {
    lab.root(host, "sha256sum </home/ubuntu/node/config/genesis.json").ok()
}

fn node_id(lab: &Lab, host: usize) -> String {
    let status = lab.get(host, 26657, "/status").unwrap();
    status["result"]["node_info"]["id"].as_str().unwrap().to_owned()
}

fn peers(lab: &Lab, host: usize) -> String {
    lab.root(host, "grep '^persistent_peers =' /home/ubuntu/node/config/config.toml").ok()
}

fn write(lab: &Lab, inventory: &Inventory) -> String {
    inventory.write(lab).to_str().unwrap().to_owned()
}

fn pending_of(summary: &Value) -> Vec<&str> {
    let hosts = summary["hosts"].as_object().unwrap();
    hosts.iter().filter(|(_, host)| host.get("pending").is_some()).map(|(name, _)| name.as_str()).collect()
}

fn a_live_chain_grows_turns_moves_and_shrinks(lab: &Lab) {
    let four = lab.inventory("cometbft");
    lab.loomctl(&["up", "-i", &write(lab, &four.clone().first(3))]).ok();
    std::thread::sleep(Duration::from_secs(3));
    grows(lab, &write(lab, &four));
    let grown = turns(lab, &four);
    let moved = moves(lab, &grown);
    shrinks(lab, &moved);
}

/// A validator by its role, but the chain was born without it: a node without a vote.
fn grows(lab: &Lab, inventory: &str) {
    let (before, document) = (processes(lab, 0..3), genesis(lab, 0));
    let file = lab.path("plan.json");
    let plan =
        lab.loomctl(&["plan", "-i", inventory, "--exit-code", "--out", file.to_str().unwrap()]).exits(10);
    assert!(plan.stderr.contains("node-3: it joins a chain that lives without it: a full node"), "{plan}");
    let (first, second) = plan.stdout.split_once("stage start").unwrap();
    assert!(first.contains("  node-3\n") && !first.contains("  node-0\n"), "{plan}");
    let (others, own) = second.split_once("  node-3\n").unwrap();
    let change =
        "  node-[0:2]\n    file /home/ubuntu/node/config/config.toml — differs\n      +(known after init)";
    assert!(others.contains(change), "{plan}");
    assert!(!others.contains("unit cometbft"), "nobody else is restarted: {plan}");
    assert!(
        own.contains("genesis.json — comes after init") && own.contains("+  \"chain_id\": \"labnet\""),
        "{plan}"
    );
    assert!(own.contains("pending  node-[0:2]: waits for a restart (--roll)"), "{plan}");

    let run = lab.loomctl(&["up", "-i", inventory, "--plan", file.to_str().unwrap(), "--json"]).exits(0);
    assert_eq!(pending_of(&run.summary()), ["node-0", "node-1", "node-2"], "{run}");
    let synced = |e: &Value| e["event"] == "check" && e["id"] == "V10" && e["host"] == "node-3";
    let row = run.events().into_iter().find(synced).unwrap();
    assert!(
        row["result"] == "ok" && row["seen"].as_str().unwrap().starts_with("in sync at height "),
        "{row}"
    );
    assert_eq!(processes(lab, 0..3), before, "nobody else was restarted");
    assert_eq!(genesis(lab, 3), document, "the running nodes' own");
    assert_eq!(genesis(lab, 0), document);
    let validators = lab.get(3, 26657, "/validators").unwrap();
    assert_eq!(validators["result"]["total"], "3", "a vote is the chain's to give");
    assert!(peers(lab, 0).contains(&lab.address(3)) && peers(lab, 3).contains(&lab.address(0)));
}

/// Another order is no change; the order of before the chain's birth stands in its genesis.
fn turns(lab: &Lab, four: &Inventory) -> Inventory {
    let document = genesis(lab, 0);
    let halts = ["--roll", "--allow-halt", "--json"];
    let run = lab.loomctl(&[&["up", "-i", &write(lab, four)], &halts[..]].concat()).exits(0);
    assert_eq!(run.summary()["pending"], 0, "{run}");
    let before: Vec<String> = (0..4).map(|host| held(lab, host)).collect();
    let mut turned = four.clone();
    turned.hosts.reverse();
    let inventory = write(lab, &turned);
    lab.loomctl(&["plan", "-i", &inventory, "--exit-code"]).exits(0);
    let run = lab.loomctl(&["up", "-i", &inventory, "--json"]).exits(0);
    assert_eq!(
        (run.summary()["changed"].clone(), run.summary()["pending"].clone()),
        (0.into(), 0.into()),
        "{run}"
    );
    assert_eq!((0..4).map(|host| held(lab, host)).collect::<Vec<_>>(), before);
    assert_eq!(genesis(lab, 0), document);
    turned
}

/// A host gets a second address, and its peers are to use that.
fn moves(lab: &Lab, grown: &Inventory) -> Inventory {
    let second = lab.address(1).replace(".11", ".111");
    lab.root(1, &format!("ip addr add {second}/24 dev host0")).ok();
    let moved = grown.clone().host_var("node-1", "private_ip", second.as_str());
    let (inventory, before) = (write(lab, &moved), processes(lab, 0..4));
    let run = lab.loomctl(&["up", "-i", &inventory, "--json"]).exits(0);
    let summary = run.summary();
    let pending = pending_of(&summary);
    assert!(["node-0", "node-2", "node-3"].iter().all(|node| pending.contains(node)), "{run}");
    assert!(!run.stderr.contains("no host of the inventory"), "{run}");
    assert_eq!(processes(lab, 0..4), before, "it waits for a yes");
    let run = lab.loomctl(&["up", "-i", &inventory, "--json", "--roll", "--allow-halt"]).exits(0);
    assert_eq!(run.summary()["pending"], 0, "{run}");
    assert!(
        processes(lab, 0..4).iter().zip(&before).enumerate().all(|(n, (now, then))| n == 1 || now != then)
    );
    assert!(peers(lab, 0).contains(&second), "{}", peers(lab, 0));
    moved
}

/// Who is taken out of the inventory is named, and left alone.
fn shrinks(lab: &Lab, grown: &Inventory) {
    let (full, validator) = (node_id(lab, 3), node_id(lab, 2));
    let (before, runs) = (held(lab, 3), process(lab, 2));
    let mut less = grown.clone();
    less.hosts.shift_remove("node-3");
    let inventory = write(lab, &less);
    let named =
        format!("node-[0:2]: their peer {full} at {}:26656 is no host of the inventory", lab.address(3));
    let plan = lab.loomctl(&["plan", "-i", &inventory, "--exit-code"]).exits(10);
    assert!(plan.stderr.contains(&named), "{named:?} is not in\n{plan}");
    let run = lab.loomctl(&["up", "-i", &inventory, "--json"]).exits(0);
    assert!(run.stderr.contains(&named) && !run.stderr.contains("of the genesis"), "{run}");
    let warning = run.events().into_iter().find(|event| event["event"] == "warning").unwrap();
    assert_eq!(warning["code"], "warning/lost-peer", "{run}");
    assert_eq!(warning["hosts"].as_array().map(Vec::len), Some(3), "{run}");
    assert_eq!(held(lab, 3), before, "it is not touched");

    // A validator: the chain goes on with it.
    less.hosts.shift_remove("node-2");
    let run = lab.loomctl(&["up", "-i", &write(lab, &less), "--json"]).exits(0);
    let lost = format!("their peer {validator} at {}:26656 is no host of the inventory", lab.address(2));
    assert!(run.stderr.contains(&lost), "{run}");
    assert!(run.stderr.contains("1 of the 3 validators of the genesis, with 10 of 30 voting power"), "{run}");
    assert_eq!(process(lab, 2), runs, "and is not touched");
    lab.loomctl(&["up", "-i", &write(lab, grown), "--no-verify"]).exits(0);
}

/// It joins with good peers, and receives too slowly to catch up with them.
fn slow_v10_a_node_that_is_behind_is_watched(lab: &Lab) {
    let quick = |more: Value| {
        let mut settings = json!({"consensus.timeout_commit": "20ms", "p2p.flush_throttle_timeout": "10ms"});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"config.toml": settings})
    };
    let four = lab.inventory("cometbft").var("settings", quick(json!({})));
    lab.loomctl(&["up", "-i", &write(lab, &four.clone().first(3))]).ok();
    std::thread::sleep(Duration::from_secs(30));
    let slow = four.clone().host_var("node-3", "settings", quick(json!({"p2p.recv_rate": 3000})));
    let up = ["up", "-i", &write(lab, &slow), "--json", "--sync-timeout", "3"];
    let run = lab.loomctl(&up).exits(1);
    let failed: Vec<Value> =
        run.events().into_iter().filter(|e| e["event"] == "check" && e["result"] == "failed").collect();
    assert!(failed.iter().all(|row| row["host"] == "node-3"), "{failed:#?}");
    let row = failed.iter().find(|row| row["id"] == "V10").unwrap();
    assert!(row["seen"].as_str().unwrap().starts_with("still catching up, at height "), "{row}");
    println!("{failed:#?}");
    assert_eq!(failed.len(), 1, "it has peers, and their blocks: {failed:#?}");
    // As quick as the others it is waited for.
    let run = lab.loomctl(&["up", "-i", &write(lab, &four), "--json", "--roll", "--allow-halt"]).exits(0);
    let synced = |e: &Value| e["event"] == "check" && e["id"] == "V10" && e["result"] == "ok";
    assert_eq!(run.events().iter().filter(|event| synced(event)).count(), 4, "{run}");
}
