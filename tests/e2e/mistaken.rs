//! Inventories that get a host wrong: a cluster or host renamed, one machine twice, names that nobody knows, accounts of a
//! directory; and a sudo that keeps a log of what goes through it.

use serde_json::json;

use super::keys_backup::identity;
use crate::support::{Lab, Suite, command::Run, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        a_renamed_cluster_or_host_is_known,
        one_machine_twice_and_names_that_nobody_knows_are_named,
        accounts_of_a_directory_are_worked_with
    ]);
}

fn says(run: &Run, words: &[&str]) {
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} is not in\n{run}");
    }
}

fn up(lab: &Lab, inventory: &Inventory, code: i32) -> Run {
    let file = inventory.write(lab);
    lab.loomctl(&["up", "-i", file.to_str().unwrap(), "--no-verify", "--json"]).exits(code)
}

/// Everything that is there, and what runs.
fn held(lab: &Lab) -> String {
    lab.root(0, "systemctl show -p InvocationID,MainPID cometbft; find /var/lib/loomctl /home/ubuntu/node/config -type f ! -name addrbook.json -printf '%p %i %C@\\n' | sort").ok()
}

fn a_renamed_cluster_or_host_is_known(lab: &Lab) {
    let base = lab.inventory("cometbft").first(1);
    up(lab, &base, 0);
    let before = held(lab);
    let other = base.clone().var("chain_id", "test-2");
    let run = up(lab, &other, 3);
    says(
        &run,
        &[
            "node-0: /home/ubuntu/node belongs to node-0 of cluster labnet, made by loomctl ",
            "now says cluster test-2",
            "set `cluster: labnet`",
        ],
    );
    assert!(!run.stderr.contains("--adopt"), "{run}");
    let run = up(lab, &base.clone().var("cluster", "elsewhere"), 3);
    says(&run, &["of cluster labnet", "now says cluster elsewhere"]);
    let mut renamed = base.clone();
    let own = renamed.hosts.shift_remove("node-0").unwrap();
    renamed.hosts.insert("val-0".to_owned(), own);
    let run = up(lab, &renamed, 3);
    says(
        &run,
        &["val-0: /home/ubuntu/node belongs to node-0 of cluster labnet", "call the host node-0 again"],
    );
    // Another folder, and the unit is still the first one's.
    let run = up(lab, &other.clone().var("working_directory", "/home/ubuntu/other"), 3);
    says(&run, &["node-0: cometbft.service belongs to node-0 of cluster labnet"]);
    let file = renamed.write(lab);
    let run = lab.loomctl(&["doctor", "-i", file.to_str().unwrap()]).exits(1);
    assert!(run.stdout.contains("belongs to node-0 of cluster labnet"), "{run}");
    assert_eq!(held(lab), before, "nothing was touched");
    assert_eq!(up(lab, &base, 0).summary()["changed"], 0);
    let beside = other.var("working_directory", "/home/ubuntu/other").var("unit_name", "other");
    up(lab, &beside.var("ports", json!({"p2p": 36656, "rpc": 36657})), 0);
}

fn one_machine_twice_and_names_that_nobody_knows_are_named(lab: &Lab) {
    let base = lab.inventory("cometbft").first(2);
    let second = format!("{}.210", lab.address(0).rsplit_once('.').unwrap().0);
    lab.root(0, &format!("ip addr add {second}/24 dev host0")).ok();
    let twice = base.clone().host_var("node-1", "ansible_host", second.as_str()).host_var(
        "node-1",
        "private_ip",
        second.as_str(),
    );
    let words = [
        format!("node-1: {second} is the same machine as node-0 ({})", lab.address(0)),
        format!("node-0: {} is the same machine as node-1 ({second})", lab.address(0)),
    ];
    let run = up(lab, &twice, 2);
    assert!(
        words.iter().any(|words| run.stderr.contains(words))
            && run.stderr.contains("give both the same ansible_host"),
        "{run}"
    );
    assert!(run.seconds < 15.0, "it does not wait for itself: {run}");
    let file = twice.write(lab);
    let file = file.to_str().unwrap();
    let run = lab.loomctl(&["up", "-i", file, "--no-verify", "--lock-wait", "60"]).exits(2);
    assert!(run.seconds < 30.0, "{run}");
    says(&lab.loomctl(&["plan", "-i", file]).exits(2), &[&words[0]]);
    let run = lab.loomctl(&["doctor", "-i", file]).exits(1);
    assert!(run.stdout.contains("is the same machine as node-0"), "{run}");
    // A binary may have gone up while the second address was still asked.
    let made = "test ! -e /home/ubuntu/node && [ -z \"$(find /var/lib/loomctl -type f ! -path '*/bin/*' 2>/dev/null)\" ]";
    lab.root(0, made).ok();

    for never in
        ["127.0.0.1", "localhost", "0.0.0.0", "255.255.255.255", "10.077.005.011", "fe80::1%eth0", "::1"]
    {
        let run = up(lab, &base.clone().host_var("node-1", "private_ip", never), 2);
        says(&run, &["node-1: private_ip ", "at which the other hosts reach this one"]);
    }
    // A name that this machine knows, and node-0's host does not.
    let named = base.host_var("node-1", "private_ip", "peer-one.example");
    let known = format!("echo '{} peer-one.example' >>/etc/hosts", lab.address(1));
    lab.root(1, &known).ok();
    let run = up(lab, &named, 1);
    says(&run, &["node-0: peer-one.example does not resolve on this host", "/etc/hosts, DNS"]);
    let file = named.write(lab);
    let run = lab.loomctl(&["doctor", "-i", file.to_str().unwrap()]).exits(1);
    assert!(run.stdout.contains("peer-one.example does not resolve on this host"), "{run}");
    lab.root(0, "test ! -e /home/ubuntu/node").ok();
    lab.root(0, &known).ok();
    lab.loomctl(&["up", "-i", file.to_str().unwrap()]).exits(0);
}

/// As SSSD and winbind call them; here they are local.
fn accounts_of_a_directory_are_worked_with(lab: &Lab) {
    let group = "sed -i '$a domain users:x:20000:' /etc/group";
    lab.root(0, &format!("{group}; usermod -g 20000 ubuntu; chgrp -R 20000 /home/ubuntu")).ok();
    for (host, name) in [(1, "svc@corp.example"), (2, r"CORP\svc")] {
        let home = format!("/home/svc{host}");
        let account = format!("printf '%s\\n' '{name}:x:30000:20000::{home}:/bin/sh' >>/etc/passwd");
        let add = format!("{account}; printf '%s\\n' '{name}:*:19000:0:99999:7:::' >>/etc/shadow; {group}");
        let ssh = format!(
            "install -d -m 700 {home} && cp -r /home/ubuntu/.ssh {home} && chown -R 30000:20000 {home}"
        );
        let sudo = "echo 'ALL ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/all";
        lab.root(host, &format!("{add}; {ssh}; {sudo}")).ok();
    }
    let mut inventory = lab.inventory("cometbft").first(3);
    for (node, name) in [("node-1", "svc@corp.example"), ("node-2", r"CORP\svc")] {
        let home = format!("/home/svc{}/node", &node[5..]);
        for (variable, value) in
            [("ansible_user", name), ("user", name), ("working_directory", home.as_str())]
        {
            inventory = inventory.host_var(node, variable, value);
        }
    }
    let file = inventory.write(lab);
    let file = file.to_str().unwrap();
    lab.loomctl(&["up", "-i", file]).exits(0);
    assert_eq!(up(lab, &inventory, 0).summary()["changed"], 0);
    let owner = lab.root(0, "stat -c %U:%G /home/ubuntu/node/config/config.toml").ok();
    assert_eq!(owner.trim(), "ubuntu:domain users");

    // S3: what goes through sudo is in its log, where there is one.
    lab.root(1, "echo 'Defaults log_output' >/etc/sudoers.d/log").ok();
    let (_, recipient) = identity(lab, "own.txt");
    let backup = ["keys", "backup", "-i", file, "--recipient", &recipient, "-o", "keys.age"];
    let run = lab.loomctl(&backup).exits(0);
    says(&run, &["node-1: sudo logs what it runs reads and prints", "!log_output"]);
    lab.root(1, "echo 'Defaults !log_output' >/etc/sudoers.d/log").ok();
    let run = lab.loomctl(&["doctor", "-i", file, "--json"]);
    assert!(!run.stdout.contains("host/sudo-io-log"), "{run}");
    lab.loomctl(&["down", "-i", file, "--destroy", "--delete-keys", "--yes"]).exits(0);
}
