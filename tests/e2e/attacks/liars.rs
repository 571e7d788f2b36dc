//! P5: one host cannot decide for all. A node's RPC that lies about heights, signatures and powers; an init whose document
//! makes its validator the strongest.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Ground, long};
use crate::{
    e2e::keys_backup::identity,
    support::{Lab, Suite, command::Run, inventory::Inventory, tests},
};

pub fn register(suite: &mut Suite) {
    long(
        suite,
        tests![powers_at_birth_are_the_inventorys, one_liar_gets_no_key_back, one_liar_lets_nothing_roll],
    );
}

/// A cluster over these hosts, whose program is ready to lie on each.
pub fn cluster(
    lab: &Lab,
    hosts: usize,
    hook: impl Fn(usize) -> &'static str,
) -> (Vec<Ground<'_>>, Inventory) {
    let grounds: Vec<Ground> = (0..lab.hosts()).map(|host| Ground::new(lab, host)).collect();
    let mut program = Value::Null;
    for ground in &grounds {
        program = ground.hostile_program(hook(ground.host)).vars["binary"].clone();
    }
    let inventory = lab.inventory("cometbft").first(hosts).var("user", "chain");
    (grounds, inventory.var("working_directory", "/home/chain/node").var("binary", program))
}

fn loomctl(lab: &Lab, inventory: &Inventory, arguments: &[&str]) -> Run {
    let path = inventory.write(lab);
    lab.loomctl(&[arguments, &["-i", path.to_str().unwrap()]].concat())
}

fn height(lab: &Lab, host: usize) -> Option<u64> {
    lab.get(host, 26657, "/status")?["result"]["sync_info"]["latest_block_height"].as_str()?.parse().ok()
}

/// From now on its RPC says this; with a height that nobody else has.
fn lies(ground: &Ground, what: &str) {
    ground.by("chain", &format!("echo 'add 1000\n{what}' >node/lie")).ok();
    // The attacker ends its own process, and systemd starts it again.
    ground.root("systemctl kill -s KILL cometbft").ok();
    let end = Instant::now() + Duration::from_secs(60);
    while height(ground.lab, ground.host).is_none_or(|height| height < 1000) {
        assert!(Instant::now() < end, "control: {}", ground.lab.journals("cometbft"));
        sleep(Duration::from_millis(200));
    }
}

/// Whether the last commit that a host shows has a signature of this validator.
fn shows_signature(lab: &Lab, host: usize, address: &str) -> bool {
    let block = lab.get(host, 26657, "/block").unwrap_or_default();
    block["result"]["block"]["last_commit"]["signatures"].to_string().contains(address)
}

fn address(lab: &Lab, host: usize) -> String {
    let status = lab.get(host, 26657, "/status").unwrap();
    status["result"]["validator_info"]["address"].as_str().unwrap().to_owned()
}

fn powers_at_birth_are_the_inventorys(lab: &Lab) {
    let strong = "sed -i 's/\"power\": \"[0-9]*\"/\"power\": \"1000000\"/; s/\"name\": \"\"/\"name\": \"mine\"/' $home/config/genesis.json";
    let (grounds, inventory) = cluster(lab, 3, |host| if host == 1 { strong } else { ":" });
    let up = loomctl(lab, &inventory, &["up", "--no-verify"]);
    let kept = grounds[1]
        .root("cat /var/lib/loomctl/labnet/node-1/pristine/chain /home/chain/node/config/genesis.json")
        .stdout;
    assert!(
        up.code != Some(0) || kept.contains("1000000"),
        "control: its init made nothing of that kind: {kept}"
    );
    if up.code == Some(0) {
        let genesis = grounds[0].root("cat /home/chain/node/config/genesis.json").ok();
        let genesis: Value = serde_json::from_str(&genesis).unwrap();
        let of = |key: &str| -> Vec<String> {
            let all = genesis["validators"].as_array().unwrap();
            all.iter().map(|one| one[key].as_str().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(of("power"), ["10", "10", "10"], "one host has given itself power");
        assert!(!of("name").contains(&"mine".to_owned()), "{:?}", of("name"));
    } else {
        assert!(up.stderr.contains("node-1") && up.stderr.contains("1000000"), "{up}");
    }
}

/// The old host of a key signs on; the one that says otherwise is alone.
fn one_liar_gets_no_key_back(lab: &Lab) {
    let (grounds, old) = cluster(lab, 3, |_| ":");
    let old = old.var("power", 100).host_var("node-2", "power", 10);
    loomctl(lab, &old, &["up"]).ok();
    let (own, recipient) = identity(lab, "own.txt");
    let file = lab.path("keys.age");
    let file = file.to_str().unwrap();
    loomctl(lab, &old, &["keys", "backup", "-o", file, "-r", &recipient]).ok();
    let signer = address(lab, 2);
    // It goes on under another node id, so that nobody knows it by its connection.
    grounds[2]
        .root("systemctl stop cometbft; rm /home/chain/node/config/node_key.json; systemctl start cometbft")
        .ok();
    let end = Instant::now() + Duration::from_secs(60);
    while !(shows_signature(lab, 0, &signer) && shows_signature(lab, 1, &signer)) {
        assert!(Instant::now() < end, "control: the old host signs no more");
        sleep(Duration::from_millis(300));
    }
    lies(&grounds[0], &format!("hide {signer}"));
    while shows_signature(lab, 0, &signer) {
        assert!(Instant::now() < end, "control: who asks the highest alone sees no signature");
        sleep(Duration::from_millis(100));
    }

    let there = lab.address(3);
    let new = old.host_var("node-2", "ansible_host", there.as_str()).host_var("node-2", "private_ip", there);
    let restore = ["keys", "restore", file, "--identity", &own, "--yes"];
    let refused = loomctl(lab, &new, &restore);
    let there =
        grounds[3].root("ls /home/chain/node/config/priv_validator_key.json 2>/dev/null; true").stdout;
    assert_eq!(there, "", "a key that still signs elsewhere was put back: {refused}");
    let refused = refused.exits(3);
    assert!(refused.stderr.contains("node-2"), "{refused}");
    assert!(refused.stderr.contains("node-0"), "nobody says who disagrees: {refused}");
}

/// One of four is off, as all but the liar say: another restart would be half of the power.
fn one_liar_lets_nothing_roll(lab: &Lab) {
    let (grounds, plain) = cluster(lab, 4, |_| ":");
    loomctl(lab, &plain, &["up"]).ok();
    let off = address(lab, 3);
    let changed = plain.var("settings", json!({"config.toml": {"p2p.max_num_inbound_peers": 39}}));
    loomctl(lab, &changed, &["up", "--no-verify"]).ok();
    lies(&grounds[0], &format!("show {off}"));
    // Its unit is active, and signs nothing.
    grounds[3].root("systemctl kill -s STOP cometbft").ok();
    let end = Instant::now() + Duration::from_secs(60);
    while shows_signature(lab, 1, &off) || !shows_signature(lab, 0, &off) {
        assert!(Instant::now() < end, "control: the liar says what the others say");
        sleep(Duration::from_millis(500));
    }
    sleep(Duration::from_secs(8)); // it has signed none of the last five
    let invocations = || -> Vec<String> {
        grounds.iter().map(|ground| ground.root("systemctl show -p InvocationID cometbft").stdout).collect()
    };
    let before = invocations();
    let run = loomctl(lab, &changed, &["up", "--roll", "--no-verify", "--listen-timeout", "10"]);
    grounds[3].root("systemctl kill -s CONT cometbft").ok();
    assert_eq!(invocations()[..3], before[..3], "restarted while another was off: {run}");
    assert_ne!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("node-0"), "nobody says who disagrees: {run}");
}
