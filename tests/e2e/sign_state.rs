//! S13 on hosts: a validator is not started when the chain knows of a signature that its sign state has forgotten.

use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        s13_a_forgotten_signature_keeps_a_validator_down,
        s13_a_sign_state_that_the_node_cannot_read_is_refused_like_an_empty_one
    ]);
}

const STATE: &str = "/home/ubuntu/node/data/priv_validator_state.json";

fn s13_a_forgotten_signature_keeps_a_validator_down(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let up = |code| lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(code);
    lab.loomctl(&["up", "-i", inventory]).ok();

    // An old copy of the sign state, and the chain goes on without this node.
    let forgets = format!(
        "height() {{ grep height $1 | tr -dc 0-9; }}; cp -p {STATE} /tmp/old; \
         for i in $(seq 450); do [ $(height {STATE}) -lt $(($(height /tmp/old) + 3)) ] || break; sleep 0.2; done; \
         systemctl stop cometbft; cp -p {STATE} /tmp/new; cp -p /tmp/old {STATE}; \
         [ $(height /tmp/new) -ge $(($(height /tmp/old) + 3)) ]"
    );
    lab.root(3, &forgets).ok();
    let refused = up(3);
    assert!(refused.stderr.contains("node-3: its sign state stands at height"), "{refused}");
    assert!(refused.stderr.contains("the chain has its signature at"), "{refused}");
    lab.root(3, "! systemctl is-active -q cometbft").ok();
    lab.root(3, &format!("cp -p /tmp/new {STATE}")).ok();
    up(0);
    lab.root(3, "systemctl is-active -q cometbft").ok();

    // The same key signs elsewhere: a copy of the folder, taken while the node was down. It signs once it has caught up.
    let copied = "systemctl stop cometbft; cp -a /home/ubuntu/node /home/ubuntu/copy; \
                  systemd-run -q --unit=copy --uid=ubuntu /home/ubuntu/copy/cometbft start --home /home/ubuntu/copy --proxy_app=kvstore; \
                  height() { grep height /home/ubuntu/$1/data/priv_validator_state.json | tr -dc 0-9; }; \
                  for i in $(seq 90); do [ $(height copy) -le $(($(height node) + 2)) ] || exec sleep 2; sleep 1; done; exit 1";
    lab.root(3, copied).ok();
    let refused = up(3);
    assert!(refused.stderr.contains("the same key signs elsewhere"), "{refused}");
    lab.root(3, "systemctl stop copy").ok();
    assert!(up(3).stderr.contains("put the last one back"), "what the copy has signed is not forgotten");
    lab.root(3, &format!("cp -p /home/ubuntu/copy/data/priv_validator_state.json {STATE}")).ok();
    lab.loomctl(&["up", "-i", inventory]).ok();
}

/// Cut short by a full disk, or in the notation of Tendermint before 0.34: the node would end at its start, and nothing says what it has
/// signed.
fn s13_a_sign_state_that_the_node_cannot_read_is_refused_like_an_empty_one(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    lab.root(3, &format!("systemctl stop cometbft; cp -p {STATE} /tmp/whole")).ok();
    for damage in [
        format!(": >{STATE}"),
        format!("head -c 60 /tmp/whole >{STATE}"),
        format!("sed 's/\"round\": *\\([0-9]*\\)/\"round\": \"\\1\"/' /tmp/whole >{STATE}"),
    ] {
        lab.root(3, &damage).ok();
        let refused = lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(3);
        assert!(refused.stderr.contains("node-3: the sign state cannot be read"), "{damage}: {refused}");
        lab.root(3, "! systemctl is-active -q cometbft").ok();
    }
    lab.root(3, &format!("cp -p /tmp/whole {STATE}")).ok();
    lab.loomctl(&["up", "-i", inventory]).ok();
}
