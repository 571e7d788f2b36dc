//! Chains that somebody else made are taken over with their keys and documents, and restarted only with consent.

use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_chain_under_a_hand_written_unit_is_taken_over]);
    suite.slow_on_lab(tests![slow_the_playbooks_chain_is_taken_over]);
}

/// Takes away everything that is ours: the chain goes on with a binary of its own and a unit that a person wrote.
fn disown(lab: &Lab, name: &str, home: &str) {
    let script = format!(
        "set -e; cd '{home}'; systemctl stop {name}; cp \"$(readlink {name})\" own; mv own {name}; \
         sed -i \"/^#/d; /^Restart/d; /^Limit/d; /^Timeout/d; s|/var/lib/loomctl/bin/[^ ]*/{name}|$PWD/{name}|\" /etc/systemd/system/{name}.service; \
         rm -rf /var/lib/loomctl; systemctl daemon-reload; systemctl start {name}"
    );
    for host in 0..lab.hosts() {
        lab.root(host, &script).ok();
    }
}

/// Keys and documents of all hosts.
fn value(lab: &Lab, files: &str) -> Vec<String> {
    (0..lab.hosts())
        .map(|host| lab.root(host, &format!("cd /home/ubuntu && sha256sum {files}")).ok())
        .collect()
}

fn is_taken_over(lab: &Lab, chain: &str, name: &str, home: &str, files: &str) {
    let inventory = lab.inventory(chain).write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    disown(lab, name, home);
    let before = value(lab, files);
    let show = format!("systemctl show -p InvocationID {name}");
    let running = |lab: &Lab| (0..lab.hosts()).map(|host| lab.root(host, &show).ok()).collect::<Vec<_>>();
    let theirs = running(lab);

    let refused = lab.loomctl(&["up", "-i", inventory]).exits(3);
    assert!(refused.stderr.contains("has not made it") && refused.stderr.contains("--adopt"), "{refused}");
    let plan = lab.loomctl(&["plan", "-i", inventory, "--adopt"]).ok();
    assert!(
        plan.contains("stage adopt") && !plan.contains("init /home") && plan.contains("+Restart="),
        "{plan}"
    );
    lab.root(0, "test ! -e /var/lib/loomctl").ok();

    let adopted = lab.loomctl(&["up", "-i", inventory, "--adopt", "--json", "--no-verify"]);
    assert_eq!(adopted.summary()["pending"], lab.hosts(), "{adopted}");
    assert_eq!(running(lab), theirs, "S8: nothing is restarted without consent");
    lab.loomctl(&["up", "-i", inventory, "--roll"]).ok();
    assert!(running(lab).iter().zip(&theirs).all(|(ours, theirs)| ours != theirs));
    assert_eq!(value(lab, files), before, "keys and documents are the same");
    assert_eq!(lab.loomctl(&["up", "-i", inventory, "--json", "--no-verify"]).summary()["changed"], 0);
}

/// S1, S8
fn a_chain_under_a_hand_written_unit_is_taken_over(lab: &Lab) {
    let files = "node/config/node_key.json node/config/priv_validator_key.json node/config/genesis.json";
    is_taken_over(lab, "cometbft", "cometbft", "/home/ubuntu/node", files);

    // A unit of that name which is something else.
    let inventory = lab.inventory("cometbft").write(lab);
    disown(lab, "cometbft", "/home/ubuntu/node");
    lab.root(1, "sed -i 's|^ExecStart=.*|ExecStart=/bin/sleep 999|' /etc/systemd/system/cometbft.service")
        .ok();
    let refused = lab.loomctl(&["up", "-i", inventory.to_str().unwrap(), "--adopt"]).exits(3);
    assert!(
        refused.stderr.contains("node-1: /etc/systemd/system/cometbft.service is something else"),
        "{refused}"
    );
    lab.root(0, "test ! -e /var/lib/loomctl").ok();
}

/// S1, S8
fn slow_the_playbooks_chain_is_taken_over(lab: &Lab) {
    let files = "genesis.json chaindata/config/genesis.json chaindata/config/node_key.json";
    is_taken_over(lab, "loom", "loom", "/home/ubuntu", files);
}
