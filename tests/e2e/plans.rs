//! Plans that are written down, looked at, and carried out as they stand.

use std::fs;

use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_saved_plan_is_carried_out_as_it_stands]);
}

fn a_saved_plan_is_carried_out_as_it_stands(lab: &Lab) {
    let inventory = lab.inventory("cometbft").first(2).write(lab);
    let inventory = inventory.to_str().unwrap();
    let file = lab.path("plan.json");
    let plan = file.to_str().unwrap();
    let with = |code| lab.loomctl(&["up", "-i", inventory, "--plan", plan, "--no-verify"]).exits(code);

    lab.loomctl(&["plan", "-i", inventory, "--out", plan, "--no-diff"]).ok();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "it holds configurations");
    with(0);
    let stale = with(3);
    assert!(stale.stderr.contains("the plan does not fit any more"), "{stale}");

    // A repair that somebody has agreed to; then more is broken than they saw.
    lab.root(0, "rm /home/ubuntu/node/config/config.toml").ok();
    lab.loomctl(&["plan", "-i", inventory, "--out", plan]).ok();
    lab.root(1, "echo >>/etc/systemd/system/cometbft.service").ok();
    let stale = with(3);
    assert!(stale.stderr.contains("node-1: file /etc/systemd/system/cometbft.service"), "{stale}");
    lab.root(0, "test ! -e /home/ubuntu/node/config/config.toml").ok();
    lab.loomctl(&["plan", "-i", inventory, "--out", plan]).ok();
    with(0);
    lab.root(0, "test -s /home/ubuntu/node/config/config.toml").ok();

    fs::write(&file, "{}").unwrap();
    let unreadable = with(2);
    assert!(unreadable.stderr.contains("not a plan"), "{unreadable}");
}
