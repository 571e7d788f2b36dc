//! Changes of a live chain: what waits, what rolls with consent, and what stops a roll (S8); an unborn one begins again.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::support::{Lab, Suite, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_live_chain_rolls_only_with_consent, an_unborn_cluster_begins_again]);
}

fn invocations(lab: &Lab) -> Vec<String> {
    let show = "systemctl show -p InvocationID,MainPID cometbft";
    (0..lab.hosts()).map(|host| lab.root(host, show).ok()).collect()
}

fn write(lab: &Lab, inventory: &Inventory) -> String {
    inventory.write(lab).to_str().unwrap().to_owned()
}

/// `host stage` of every restart, in the order in which they began.
fn restarts(events: &[Value]) -> Vec<String> {
    let restart = |event: &&Value| {
        event["event"] == "step" && event["step"] == "unit cometbft restart" && event["result"] == "changed"
    };
    events.iter().filter(restart).map(|event| event["host"].as_str().unwrap().to_owned()).collect()
}

/// How many of four have signed each block after this one: three at the least, or blocks would have been at risk.
fn signatures_since(lab: &Lab, height: u64) -> Vec<usize> {
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let status = lab.get(0, 26657, "/status").unwrap();
    let last = number(&status["result"]["sync_info"]["latest_block_height"]);
    let signed = |height| {
        let block = lab.get(0, 26657, &format!("/block?height={height}")).unwrap();
        let votes = block["result"]["block"]["last_commit"]["signatures"].as_array().unwrap().clone();
        votes.iter().filter(|vote| vote["block_id_flag"] == 2).count()
    };
    (height + 1..=last).map(signed).collect()
}

/// Blocks go on, an upgrade, a change that a node does not survive.
fn a_live_chain_rolls_only_with_consent(lab: &Lab) {
    let plain = lab.inventory("cometbft");
    lab.loomctl(&["up", "-i", &write(lab, &plain)]).ok();
    let running = invocations(lab);

    // A setting: written, and pending until somebody says yes. That is no drift.
    let set = plain.clone().var("settings", json!({"config.toml": {"p2p.max_num_inbound_peers": 39}}));
    let inventory = write(lab, &set);
    let waits = lab.loomctl(&["up", "-i", &inventory, "--json", "--no-verify"]).exits(0);
    assert_eq!(waits.summary()["pending"], 4, "{waits}");
    lab.loomctl(&["plan", "-i", &inventory, "--exit-code"]).exits(10);
    assert_eq!(invocations(lab), running, "nothing is restarted");
    let shown = lab.loomctl(&["plan", "-i", &inventory, "--roll"]).ok();
    assert_eq!(shown.matches("stage roll").count(), 4, "{shown}");
    let height = lab.get(0, 26657, "/status").unwrap()["result"]["sync_info"]["latest_block_height"].clone();
    let height: u64 = height.as_str().unwrap().parse().unwrap();
    let rolled = lab.loomctl(&["up", "-i", &inventory, "--json", "--roll"]).exits(0);
    // In whatever order spares the next proposer.
    let mut each = restarts(&rolled.events());
    each.sort();
    assert_eq!(each, ["node-0", "node-1", "node-2", "node-3"], "{rolled}");
    let signed = signatures_since(lab, height);
    assert!(signed.len() > 4 && signed.iter().all(|count| *count >= 3), "blocks went on: {signed:?}");
    assert_eq!(lab.loomctl(&["up", "-i", &inventory, "--json", "--no-verify"]).summary()["pending"], 0);

    // Another binary: nothing is even linked without both flags.
    let newer = lab.path("cometbft");
    let mut bytes = fs::read(plain.vars["binary"].as_str().unwrap()).unwrap();
    bytes.extend(b"newer");
    fs::write(&newer, bytes).unwrap();
    let inventory = write(lab, &set.var("binary", newer.to_str().unwrap()));
    let link = |host| lab.root(host, "readlink /home/ubuntu/node/cometbft").ok();
    let before: Vec<String> = (0..4).map(link).collect();
    let waits = lab.loomctl(&["up", "-i", &inventory, "--roll"]).exits(0);
    assert!(waits.stdout.contains("(--roll --allow-upgrade): its binary"), "{waits}");
    assert_eq!((0..4).map(link).collect::<Vec<_>>(), before);
    lab.loomctl(&["up", "-i", &inventory, "--roll", "--allow-upgrade"]).ok();
    assert!((0..4).all(|host| link(host) != before[host]));

    // A change that the node does not survive stops at the first, and the others run on.
    let running = invocations(lab);
    let deadly = plain.clone().var("unit", json!({"Service": {"RestrictAddressFamilies": "AF_UNIX"}}));
    let inventory = write(lab, &deadly.var("binary", newer.to_str().unwrap()));
    let stuck = lab.loomctl(&["up", "-i", &inventory, "--roll", "--listen-timeout", "6"]).exits(1);
    let now = invocations(lab);
    let restarted: Vec<usize> = (0..4).filter(|host| now[*host] != running[*host]).collect();
    let [first] = restarted[..] else { panic!("{restarted:?} were restarted: {stuck}") };
    assert!(stuck.stderr.contains(&format!("node-{first}: its RPC does not answer")), "{stuck}");
    assert!(stuck.stderr.contains("nothing else was restarted"), "{stuck}");
    let again =
        lab.loomctl(&["up", "-i", &inventory, "--roll", "--no-verify", "--listen-timeout", "6"]).exits(3);
    let down = format!("20 of 40 voting power offline (node-{first} down already)");
    assert!(again.stderr.contains(&down), "{again}");
    // Back to what was: that one is started anew, the others keep running.
    let inventory = write(lab, &plain.var("binary", newer.to_str().unwrap()));
    lab.loomctl(&["up", "-i", &inventory, "--roll"]).ok();
}

/// S1
fn an_unborn_cluster_begins_again(lab: &Lab) {
    // The one with nearly all the power cannot start: no block, ever.
    let deaf = json!({"Service": {"RestrictAddressFamilies": "AF_UNIX"}});
    let plain = lab.inventory("cometbft");
    let unborn = plain.clone().host_var("node-3", "power", 1000).host_var("node-3", "unit", deaf);
    lab.loomctl(&["up", "-i", &write(lab, &unborn), "--no-verify"]).ok();
    std::thread::sleep(Duration::from_secs(2));
    let ids = |inventory: &str| {
        let facts = lab.loomctl(&["facts", "-i", inventory, "--json"]).exits(0);
        let ids = facts
            .events()
            .into_iter()
            .filter(|e| e["event"] == "facts")
            .map(|e| e["node"]["node_id"].clone());
        ids.collect::<Vec<_>>()
    };
    let inventory = write(lab, &plain);
    let before = ids(&inventory);
    let refused = lab.loomctl(&["up", "-i", &inventory]).exits(3);
    assert!(refused.stderr.contains("1000") && refused.stderr.contains("--reset-unborn"), "{refused}");
    let plan = lab.loomctl(&["plan", "-i", &inventory, "--reset-unborn", "--no-diff"]).ok();
    assert!(
        plan.contains("stage stop") && plan.contains("stage reset") && plan.contains("stage start"),
        "{plan}"
    );
    lab.loomctl(&["up", "-i", &inventory, "--reset-unborn"]).ok();
    assert_eq!(ids(&inventory), before, "the keys stay");
    // From now on it is a chain.
    let refused = lab.loomctl(&["up", "-i", &inventory, "--reset-unborn"]).exits(3);
    assert!(refused.stderr.contains("has made blocks"), "{refused}");
}
