//! Units that may do little: what systemd says of them, and nodes that make blocks all the same, wherever they live.

use serde_json::{Value, json};

use crate::support::{Lab, Suite, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        units_are_hardened_and_nodes_make_blocks_wherever_they_live,
        loom_is_hardened_in_its_users_home,
        a_missing_user_is_made_where_that_is_asked_for
    ]);
    suite.slow_on_lab(tests![slow_an_older_unit_waits_and_rolls_to_the_hardened_one]);
}

fn write(lab: &Lab, inventory: &Inventory) -> String {
    inventory.write(lab).to_str().unwrap().to_owned()
}

/// systemd's own figure, from 0 (nothing can go wrong) to 10.
fn exposure(lab: &Lab, host: usize, unit: &str) -> f64 {
    let said = lab.root(host, &format!("systemd-analyze security --no-pager {unit}")).ok();
    let figure = said.lines().find_map(|line| line.split_once(": ")?.1.split(' ').next()?.parse().ok());
    figure.unwrap_or_else(|| panic!("no figure in {said}"))
}

/// `systemd-analyze verify` has no word to say of the unit.
fn unit_is_clean(lab: &Lab, host: usize, unit: &str) {
    let said = lab.root(host, &format!("systemd-analyze verify {unit}.service 2>&1"));
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{said}");
}

/// What the node's process is confined to, seen from outside.
fn confinement(lab: &Lab, host: usize, unit: &str) -> String {
    let look = format!(
        "p=$(systemctl show -p MainPID --value {unit}); grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/$p/status; \
         ls /proc/$p/root/home /proc/$p/root/home/* | sort -u"
    );
    lab.root(host, &look).ok()
}

fn units_are_hardened_and_nodes_make_blocks_wherever_they_live(lab: &Lab) {
    let folders =
        ["/home/ubuntu/node", "/srv/a b: 100% \u{fc}", "/home/ubuntu/link/node", "/root"].map(Value::from);
    // A folder behind a link, with its data on a file system of its own.
    let linked = "mkdir -p /srv/real/node/data && chown -R ubuntu: /srv/real && ln -s /srv/real /home/ubuntu/link && \
                  mount -t tmpfs -o uid=$(id -u ubuntu),mode=700 none /srv/real/node/data";
    lab.root(2, linked).ok();
    lab.root(0, "echo theirs >/home/ubuntu/private").ok();
    let mut inventory = lab.inventory("cometbft").host_var("node-3", "user", "root");
    for (host, folder) in folders.into_iter().enumerate() {
        inventory = inventory.host_var(&format!("node-{host}"), "working_directory", folder);
    }
    let path = write(lab, &inventory);
    lab.loomctl(&["up", "-i", &path]).ok();
    assert_eq!(lab.loomctl(&["up", "-i", &path, "--json"]).exits(0).summary()["changed"], 0);
    for host in 0..lab.hosts() {
        unit_is_clean(lab, host, "cometbft");
        // `user: root` is somebody's own choice.
        let most = if host == 3 { 2.0 } else { 1.5 };
        let figure = exposure(lab, host, "cometbft");
        assert!(figure <= most, "host {host}: {figure}");
    }
    let confined = confinement(lab, 0, "cometbft");
    assert!(confined.contains("CapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2"), "{confined}");
    assert!(confined.contains("node") && !confined.contains("private"), "{confined}");
    data_elsewhere(lab, inventory);
}

/// Data behind a link that leads out of the node's folder: said why, and allowed by the inventory.
fn data_elsewhere(lab: &Lab, inventory: Inventory) {
    let out = "cd /home/ubuntu/node && systemctl stop cometbft && mv data /srv/data && ln -s /srv/data data && \
               systemctl start cometbft";
    lab.root(0, out).ok();
    let path = write(lab, &inventory);
    let failed =
        lab.loomctl(&["verify", "-i", &path, "--listen-timeout", "5", "--blocks-timeout", "5"]).exits(1);
    assert!(failed.stdout.contains("read-only file system"), "{failed}");
    assert!(failed.stdout.contains("ReadWritePaths"), "{failed}");
    lab.root(0, "systemctl stop cometbft").ok();
    let allowed = inventory.host_var("node-0", "unit", json!({"Service": {"ReadWritePaths": "/srv/data"}}));
    lab.loomctl(&["up", "-i", &write(lab, &allowed)]).ok();
    lab.root(0, "test -s /srv/data/priv_validator_state.json").ok();
    assert!(exposure(lab, 0, "cometbft") <= 1.5);
}

fn loom_is_hardened_in_its_users_home(lab: &Lab) {
    let inventory = write(lab, &lab.inventory("loom"));
    lab.loomctl(&["up", "-i", &inventory]).ok();
    unit_is_clean(lab, 0, "loom");
    let figure = exposure(lab, 0, "loom");
    assert!(figure <= 1.5, "{figure}");
}

/// The unit as loomctl wrote it before it was hardened, by the inventory's own means.
fn older() -> Value {
    let template = include_str!("../../templates/cometbft/unit.service");
    let (_, hardening) = template.split_once("TimeoutStopSec=120\n").unwrap();
    let keys = hardening.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key);
    let nothing = keys.take_while(|key| *key != "WantedBy").map(|key| (key.to_owned(), Value::Null));
    let mut service: serde_json::Map<String, Value> = nothing.collect();
    service.insert("TimeoutStopSec".into(), 30.into());
    json!({"Service": service})
}

fn slow_an_older_unit_waits_and_rolls_to_the_hardened_one(lab: &Lab) {
    let plain = lab.inventory("cometbft");
    lab.loomctl(&["up", "-i", &write(lab, &plain.clone().var("unit", older()))]).ok();
    assert!(exposure(lab, 0, "cometbft") > 8.0);
    let processes = || -> Vec<String> {
        (0..lab.hosts()).map(|host| lab.root(host, "systemctl show -p InvocationID cometbft").ok()).collect()
    };
    let before = processes();
    let inventory = write(lab, &plain);
    let waits = lab.loomctl(&["up", "-i", &inventory, "--json"]).exits(0);
    assert_eq!(waits.summary()["pending"], 4, "{waits}");
    assert_eq!(processes(), before, "S8: nothing is restarted");
    lab.loomctl(&["up", "-i", &inventory, "--roll"]).ok();
    for (host, old) in before.iter().enumerate() {
        assert_ne!(processes()[host], *old);
        assert!(exposure(lab, host, "cometbft") <= 1.5);
    }
}

fn a_missing_user_is_made_where_that_is_asked_for(lab: &Lab) {
    let inventory = lab.inventory("cometbft").without("working_directory").var("user", "chain");
    // One has the group already, one the account.
    lab.root(1, "groupadd chain").ok();
    lab.root(2, "useradd -m chain").ok();
    let refused = lab.loomctl(&["up", "-i", &write(lab, &inventory)]).exits(1);
    assert!(refused.stderr.contains("there is no user \"chain\"") && refused.stderr.contains("create_user"));
    let path = write(lab, &inventory.var("create_user", true));
    let plan = lab.loomctl(&["plan", "-i", &path]).ok();
    let accounts = "  node-0, node-1, node-3\n    account chain ";
    assert!(plan.contains(accounts) && plan.contains("init /home/chain"), "{plan}");
    lab.root(0, "! id chain").ok();
    lab.loomctl(&["up", "-i", &path]).ok();
    let account =
        lab.root(1, "id -un $(systemctl show -p User --value cometbft); getent passwd chain; id -gn chain");
    let account = account.ok();
    assert!(account.starts_with("chain\nchain:x:") && account.ends_with("chain\n"), "{account}");
    assert!(account.contains(":/home/chain:/usr/sbin/nologin\n"), "{account}");
    assert_eq!(lab.loomctl(&["up", "-i", &path, "--json"]).summary()["changed"], 0);
    lab.loomctl(&["down", "-i", &path]).ok();
    lab.loomctl(&["down", "-i", &path, "--destroy", "--delete-keys", "--yes"]).ok();
    lab.root(0, "id chain").ok();
}
