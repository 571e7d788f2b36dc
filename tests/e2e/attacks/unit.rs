//! P1: what systemd starts is root's, down from /, and the node's account cannot put another program into its place.

use super::Ground;
use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_unit_starts_nothing_that_its_account_can_replace]);
}

/// Its account replaces the program that is in its folder, and ends its own process: systemd starts it again.
const REPLACED: &str =
    "cd node; rm -f cometbft; printf '#!/bin/sh\\nid -un >/home/chain/node/taken; exec sleep 60\\n' >cometbft
chmod 755 cometbft";

fn a_unit_starts_nothing_that_its_account_can_replace(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    ground.born();
    let show = "systemctl show -p ExecStart cometbft | sed -n 's/.*{ path=\\([^ ;]*\\) .*/\\1/p'";
    let program = ground.root(show).ok();
    let program = program.trim();

    ground.by("chain", REPLACED).ok();
    let pid = ground.root("systemctl show -p MainPID --value cometbft").ok();
    ground.by("chain", &format!("kill -9 {}", pid.trim())).ok();
    let again = format!(
        "for n in $(seq 200); do p=$(systemctl show -p MainPID --value cometbft); \
         [ $p = 0 ] || [ $p = {} ] || break; sleep 0.1; done; sleep 1; ls /home/chain/node/taken; true",
        pid.trim()
    );
    let taken = ground.root(&again).stdout;
    let writable = "p=PROGRAM; while [ $p != / ]; do p=$(dirname $p); stat -c '%U %A %n' $p; done | \
                    grep -v '^root d....-..[-x]. '; stat -L -c '%U %A' PROGRAM | grep -v '^root -....-..-.'; true";
    let of_others = |program: &str| ground.root(&writable.replace("PROGRAM", program)).stdout;
    let others = of_others(program);

    // The same for a unit that starts what lies in the node's folder.
    ground.root("rm -f /home/chain/node/taken; chown -h chain: /home/chain/node/cometbft").ok();
    ground.begin("chain", "naive", "/home/chain/node/cometbft");
    ground.root("for n in $(seq 600); do [ ! -s /home/chain/node/taken ] || break; sleep 0.1; done").ok();
    assert_eq!(ground.root("cat /home/chain/node/taken").ok(), "chain\n", "control");
    ground.end("naive");
    assert!(of_others("/home/chain/node/cometbft").contains("/home/chain"), "control");

    assert_eq!(taken, "", "the unit has started the attacker's program: {program}");
    assert_eq!(others, "", "on the way to {program} there is what root does not own alone");
    assert!(program.starts_with("/var/lib/loomctl/"), "{program}");
}
