//! Keys into an encrypted file and back onto a host that has lost its disk (S3, S13).

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    thread::sleep,
    time::{Duration, Instant},
};

use age::secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::keys::{Key, is_nowhere, look};
use crate::support::{
    Lab, Suite,
    command::{Run, Running},
    tests,
};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![s13_a_lost_disk_and_its_keys_back]);
    suite.slow_on_lab(tests![
        slow_s13_a_lost_disk_of_a_node_with_key_and_sign_state_in_one_file,
        slow_s13_keys_wait_until_the_old_host_signs_no_more
    ]);
}

/// An identity file in the scratch folder, and its recipient.
pub fn identity(lab: &Lab, name: &str) -> (String, String) {
    let identity = age::x25519::Identity::generate();
    let path = lab.path(name);
    fs::write(&path, format!("{}\n", identity.to_string().expose_secret())).unwrap();
    (path.to_str().unwrap().to_owned(), identity.to_public().to_string())
}

/// As `loomctl` does it, with everything that could be seen of it meanwhile.
fn watched(lab: &Lab, arguments: &[&str], said: &mut String) -> Run {
    watched_run(lab.start_loomctl(arguments), said)
}

fn watched_run(mut run: Running, said: &mut String) -> Run {
    let mut seen = BTreeSet::new();
    while !run.is_over() {
        look(&run, &mut seen);
        sleep(Duration::from_millis(20));
    }
    let run = run.wait();
    said.extend(seen);
    *said += &run.stdout;
    *said += &run.stderr;
    run
}

fn height(lab: &Lab, host: usize, port: u16, prefix: &str) -> u64 {
    let status = lab.get(host, port, &format!("{prefix}/status")).expect("its RPC answers");
    status["result"]["sync_info"]["latest_block_height"].as_str().unwrap().parse().unwrap()
}

/// Waits for a block whose commit has this validator's signature.
fn signs_again(lab: &Lab, port: u16, prefix: &str, address: &str) {
    let end = Instant::now() + Duration::from_secs(180);
    while Instant::now() < end {
        let block = lab.get(0, port, &format!("{prefix}/block")).unwrap_or_default();
        let commit = &block["result"]["block"]["last_commit"];
        let votes = commit["signatures"].as_array().or_else(|| commit["precommits"].as_array());
        if votes.into_iter().flatten().any(|vote| vote["validator_address"] == address) {
            return;
        }
        sleep(Duration::from_millis(200));
    }
    panic!("{address} signs nothing");
}

fn row(run: &Run, host: &str) -> Value {
    let rows = run.events().into_iter();
    rows.filter(|row| row["event"] == "key").find(|row| row["host"] == host).expect("a row of that host")
}

/// S3: of a backup and a restore.
fn s13_a_lost_disk_and_its_keys_back(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let born = lab.loomctl(&["up", "-i", inventory]).exits(0);
    assert!(born.stdout.contains(&format!("loomctl keys backup -i {inventory}")), "{born}");
    let again = lab.loomctl(&["up", "--json", "-i", inventory]).exits(0).summary();
    assert_eq!(again["notes"], json!([]), "said once");

    let list = lab.loomctl(&["keys", "list", "--json", "-i", inventory]).exits(0);
    let before = row(&list, "node-3");
    assert_eq!(before["address"].as_str().map(str::len), Some(40));
    let text = lab.loomctl(&["keys", "list", "-i", inventory]).ok();
    assert!(text.contains(before["node_id"].as_str().unwrap()), "{text}");

    let mut said = String::new();
    let (own, recipient) = identity(lab, "own.txt");
    backups(lab, inventory, &own, &recipient, &mut said);
    let file = lab.path("keys.age");
    let file = file.to_str().unwrap();
    let restore = ["keys", "restore", file, "--identity", &own, "-i", inventory];
    let same = lab.loomctl(&[&restore[..], &["--yes"]].concat()).exits(0);
    assert!(same.stdout.contains("nothing to change"), "{same}");

    // Its files are gone, but the process still holds the key.
    let keep = "cp -a /home/ubuntu/node /root/copy";
    lab.root(3, &format!("{keep}; rm /home/ubuntu/node/config/priv_validator_key.json")).ok();
    let runs = lab.loomctl(&[&restore[..], &["--yes"]].concat()).exits(3);
    assert!(runs.stderr.contains("node-3: cometbft.service is active"), "{runs}");

    lab.root(
        3,
        "systemctl stop cometbft; rm -rf /root/copy /home/ubuntu/node /var/lib/loomctl /etc/systemd/system/cometbft.service \
         /etc/systemd/system/*/cometbft.service; systemctl daemon-reload",
    )
    .ok();
    let lost = lab.loomctl(&["up", "-i", inventory]).exits(3);
    assert!(
        lost.stderr.contains("node-3: the others know it as") && lost.stderr.contains("keys restore"),
        "{lost}"
    );
    lab.root(3, "test ! -e /home/ubuntu/node").ok();
    let asked = lab.loomctl(&restore).exits(3);
    assert!(asked.stderr.contains("Put these keys back?"), "{asked}");

    let shown = height(lab, 0, 26657, "");
    watched(lab, &[&restore[..], &["--yes", "-vv", "--json"]].concat(), &mut said).exits(0);
    let state = lab.root(3, "cat /home/ubuntu/node/data/priv_validator_state.json").ok();
    let state: Value = serde_json::from_str(&state).unwrap();
    let first: u64 = state["height"].as_str().unwrap().parse().unwrap();
    assert!(first >= shown + 2 && state["step"] == 0 && state["signature"].is_null(), "{shown}: {state}");
    let modes =
        "stat -c '%a %U:%G' /home/ubuntu/node/config/*key.json /home/ubuntu/node/data/*.json | sort -u";
    assert_eq!(lab.root(3, modes).ok().trim(), "600 ubuntu:ubuntu");
    let history = lab.loomctl(&["history", "-i", inventory]).ok();
    let key = "key /home/ubuntu/node/config/priv_validator_key.json";
    assert!(history.lines().any(|line| line.contains("  restore  ") && line.contains(key)), "{history}");

    watched(lab, &["up", "-vv", "--diff", "-i", inventory], &mut said).exits(0);
    signs_again(lab, 26657, "", before["address"].as_str().unwrap());
    let after = lab.loomctl(&["keys", "list", "--json", "-i", inventory]).exits(0);
    let after = row(&after, "node-3");
    assert_eq!((&after["node_id"], &after["validator_key"]), (&before["node_id"], &before["validator_key"]));
    assert!(after["signed_height"].as_u64() > Some(first));
    let quiet = lab.loomctl(&["up", "--json", "-i", inventory]).exits(0).summary();
    assert_eq!(quiet["changed"], 0, "S2");
    no_key_came_here(lab, &said);
}

/// What `keys backup` refuses, and what it writes.
fn backups(lab: &Lab, inventory: &str, own: &str, recipient: &str, said: &mut String) {
    let file = lab.path("keys.age");
    let to = ["keys", "backup", "-i", inventory, "-o", file.to_str().unwrap(), "--recipient"];
    let with = |more: &[&str], said: &mut String| watched(lab, &[&to[..], more, &["-vv"]].concat(), said);
    let bad = lab.start_loomctl(&[&to[..], &["age1nobody", "-vv"]].concat());
    let (mut alone, dials) = (String::new(), format!("ControlPath=/tmp/loomctl-{}-", bad.id()));
    let bad = watched_run(bad, &mut alone).exits(2);
    assert!(bad.stderr.contains("--recipient age1nobody") && bad.seconds < 20.0, "{bad}");
    assert!(!alone.contains(&dials), "no host is dialled before: {bad}");
    *said += &alone;
    let (other, _) = identity(lab, "other.txt");
    let other = with(&[recipient, "--identity", &other], said).exits(2);
    assert!(other.stderr.contains("no backup was kept"), "{other}");
    lab.root(3, "systemctl stop ssh.socket ssh; true").ok();
    let off = with(&[recipient], said).exits(1);
    assert!(off.stderr.contains("node-3"), "{off}");
    assert!(!file.exists(), "all or nothing");
    let some = with(&[recipient, "--limit", "all:!node-3"], said).exits(0);
    assert!(some.stdout.contains("keys of 3 nodes") && some.stdout.contains("was not tested"), "{some}");
    let there = with(&[recipient], said).exits(2);
    assert!(there.stderr.contains("it is there already"), "{there}");
    fs::remove_file(&file).unwrap();
    lab.root(3, "systemctl start ssh").ok();
    let tested = with(&[recipient, "--identity", own], said).exits(0);
    assert!(
        tested.stdout.contains("keys of 4 nodes") && tested.stdout.contains("decrypted again"),
        "{tested}"
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

fn no_key_came_here(lab: &Lab, said: &str) {
    let read = "sed -n 's/.*\"value\": *\"\\([A-Za-z0-9+\\/=]\\{80,\\}\\)\".*/\\1/p' \
                /home/ubuntu/node/config/node_key.json /home/ubuntu/node/config/priv_validator_key.json";
    assert!(
        said.contains("loomctl\0keys\0backup") && said.contains("ControlPath="),
        "control: no arguments seen"
    );
    for host in 0..lab.hosts() {
        let keys = lab.root(host, read).ok();
        let keys: Vec<Key> = keys.lines().map(Key::of).collect();
        assert_eq!(keys.len(), 2, "a node key and a validator key");
        for key in keys {
            is_nowhere(lab, host, &key, said);
        }
    }
}

fn slow_s13_a_lost_disk_of_a_node_with_key_and_sign_state_in_one_file(lab: &Lab) {
    let inventory = lab.inventory("loom").write(lab);
    let inventory = inventory.to_str().unwrap();
    let (own, recipient) = identity(lab, "own.txt");
    let file = lab.path("keys.age");
    let file = file.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    let backup =
        ["keys", "backup", "-i", inventory, "-o", file, "--recipient", &recipient, "--identity", &own];
    lab.loomctl(&backup).ok();
    let before = row(&lab.loomctl(&["keys", "list", "--json", "-i", inventory]).exits(0), "loom-3");
    lab.root(
        3,
        "systemctl disable -q --now loom; rm -rf /home/ubuntu/chaindata /home/ubuntu/genesis.json /home/ubuntu/loom* \
         /home/ubuntu/*.db /var/lib/loomctl /etc/systemd/system/loom.service; systemctl daemon-reload",
    )
    .ok();
    let lost = lab.loomctl(&["up", "-i", inventory]).exits(3);
    assert!(lost.stderr.contains("loom-3: the others know it as"), "{lost}");
    let shown = height(lab, 0, 46658, "rpc");
    let restore =
        ["keys", "restore", file, "--identity", &own, "-i", inventory, "--limit", "loom-3", "--yes"];
    lab.loomctl(&restore).ok();
    let back = row(&lab.loomctl(&["keys", "list", "--json", "-i", inventory]).exits(0), "loom-3");
    assert!(back["signed_height"].as_u64() >= Some(shown + 2), "{shown}: {back}");
    lab.loomctl(&["up", "-i", inventory]).ok();
    signs_again(lab, 46658, "rpc", before["address"].as_str().unwrap());
    let after = row(&lab.loomctl(&["keys", "list", "--json", "-i", inventory]).exits(0), "loom-3");
    assert_eq!((&after["node_id"], &after["validator_key"]), (&before["node_id"], &before["validator_key"]));
}

/// The node moves to another machine, and the old one is not off yet.
fn slow_s13_keys_wait_until_the_old_host_signs_no_more(lab: &Lab) {
    let old = lab.inventory("cometbft").first(3).var("power", 100).host_var("node-2", "power", 10);
    let inventory = old.write(lab);
    let inventory = inventory.to_str().unwrap();
    let (own, recipient) = identity(lab, "own.txt");
    let file = lab.path("keys.age");
    let file = file.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    lab.loomctl(&["keys", "backup", "-i", inventory, "-o", file, "-r", &recipient]).ok();
    let address = row(&lab.loomctl(&["keys", "list", "--json", "-i", inventory]).exits(0), "node-2");

    let new = old.host_var("node-2", "ansible_host", lab.address(3)).host_var(
        "node-2",
        "private_ip",
        lab.address(3),
    );
    new.write(lab);
    let restore = || lab.loomctl(&["keys", "restore", file, "--identity", &own, "-i", inventory, "--yes"]);
    let refused = restore().exits(3);
    assert!(refused.stderr.contains("node-2: its key signs elsewhere"), "{refused}");
    lab.root(3, "test ! -e /home/ubuntu/node/config").ok();

    lab.root(2, "systemctl disable -q --now cometbft").ok();
    restore().exits(0);
    lab.loomctl(&["up", "-i", inventory]).exits(0);
    signs_again(lab, 26657, "", address["address"].as_str().unwrap());
}
