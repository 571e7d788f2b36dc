//! The main job: a fresh cluster, the same again, repair, a killed run, an end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::faults::until;
use crate::support::{
    Lab, Suite,
    command::{Run, Running},
    tests,
};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        a_fresh_cluster_is_proven_then_left_alone_then_repaired,
        a_run_killed_at_any_step_is_finished_by_the_next,
        down_stops_and_destroy_leaves_the_keys,
        two_nodes_on_one_host,
        an_interrupted_run_lets_go_and_the_next_goes_on,
        only_one_run_at_a_time
    ]);
}

/// Everything that a second run must not move: inode and ctime of every file of ours, and each unit's process. The node
/// writes its address book every two minutes, beside it and renamed, which changes the folder, too.
fn still(lab: &Lab) -> String {
    let look = "find /home/ubuntu/node/config /etc/systemd/system /var/lib/loomctl ! -name addrbook.json \
                ! -name 'write-file-atomic-*' ! -path /home/ubuntu/node/config -printf '%p %i %C@\\n' | sort; systemctl show -p MainPID,NRestarts,InvocationID cometbft";
    let mut all = String::new();
    for host in 0..lab.hosts() {
        let _ = writeln!(all, "host {host}\n{}", lab.root(host, look).ok());
    }
    all
}

fn processes(lab: &Lab) -> Vec<String> {
    (0..lab.hosts()).map(|host| lab.root(host, "systemctl show -p MainPID,NRestarts cometbft").ok()).collect()
}

fn changed_steps(events: &[Value]) -> BTreeSet<(String, String)> {
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    events
        .iter()
        .filter(|event| event["event"] == "step" && event["result"] == "changed")
        .map(|event| (text(event, "host"), text(event, "step")))
        .collect()
}

/// V1, V2, V3, V4, V5, V6, V7, V8, V9 and V10 hold. S1: a missing document. S2: inodes, ctimes, processes. S11: a damaged binary is replaced.
fn a_fresh_cluster_is_proven_then_left_alone_then_repaired(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();

    // Looking first changes nothing.
    let looked = lab.loomctl(&["up", "-i", inventory, "--check", "--diff", "--exit-code"]).exits(10);
    assert!(
        looked.stdout.contains("(known after init)") && looked.stdout.contains("unit cometbft start"),
        "{looked}"
    );
    lab.root(0, "test ! -e /var/lib/loomctl && test ! -e /home/ubuntu/node").ok();

    let run = lab.loomctl(&["up", "-i", inventory, "--json"]).exits(0);
    let events = run.events();
    for kind in ["stage", "step", "started", "check", "summary"] {
        assert!(events.iter().any(|event| event["event"] == kind), "no {kind} event");
    }
    assert_eq!(events.iter().filter(|event| event["event"] == "summary").count(), 1);
    assert_eq!(events.last().unwrap()["event"], "summary");
    for id in ["V1", "V2", "V3", "V4", "V5", "V6", "V7", "V8", "V9", "V10"] {
        let rows = events.iter().filter(|event| event["event"] == "check" && event["id"] == id);
        let rows: Vec<&Value> = rows.collect();
        assert_eq!(rows.len(), lab.hosts(), "{id}: one row a node");
        assert!(rows.iter().all(|row| row["result"] == "ok"), "{id}");
    }
    // Seen from outside: one chain of four.
    let blocks: BTreeSet<String> = (0..lab.hosts())
        .map(|host| {
            lab.get(host, 26657, "/block?height=2").unwrap()["result"]["block_id"]["hash"].to_string()
        })
        .collect();
    assert_eq!(blocks.len(), 1, "{blocks:?}");
    assert_eq!(lab.get(0, 26657, "/validators").unwrap()["result"]["total"], "4");

    let before = still(lab);
    let again = lab.loomctl(&["up", "-i", inventory, "--json"]).exits(0);
    assert_eq!(again.summary()["changed"], 0);
    assert_eq!(still(lab), before, "S2: nothing moves");

    repair(lab, inventory);
}

fn repair(lab: &Lab, inventory: &str) {
    let running = processes(lab);
    lab.root(0, "rm /home/ubuntu/node/config/genesis.json; systemctl disable -q cometbft").ok();
    lab.root(1, "echo 'Nice=19' >>/etc/systemd/system/cometbft.service").ok();
    lab.root(2, "truncate -s 99 /home/ubuntu/node/config/config.toml").ok();
    lab.root(3, "b=$(readlink /home/ubuntu/node/cometbft); head -c 999 $b >/tmp/b; mv /tmp/b $b").ok();
    let damaged = still(lab);
    let plan = lab.loomctl(&["plan", "-i", inventory, "--exit-code"]).exits(10).stdout;
    for word in
        ["genesis.json — is missing", "-Nice=19", "config.toml — differs", "is damaged", "is disabled"]
    {
        assert!(plan.contains(word), "{word:?} is not in\n{plan}");
    }
    assert_eq!(still(lab), damaged, "a plan touches nothing");
    let run = lab.loomctl(&["up", "-i", inventory, "--json"]).exits(0);
    let mut hosts: BTreeSet<(String, &str)> = BTreeSet::new();
    for (host, step) in changed_steps(&run.events()) {
        let kind = ["genesis.json", "config.toml", "cometbft.service", "upload", "unit", "manifest"];
        hosts.insert((host, kind.iter().find(|kind| step.contains(*kind)).copied().unwrap_or("other")));
    }
    let expected = [
        ("node-0", "genesis.json"),
        ("node-0", "unit"),
        ("node-1", "cometbft.service"),
        ("node-1", "unit"),
        ("node-2", "config.toml"),
        ("node-3", "upload"),
    ];
    let seen: BTreeSet<(&str, &str)> = hosts
        .iter()
        .filter(|(_, kind)| *kind != "manifest")
        .map(|(host, kind)| (host.as_str(), *kind))
        .collect();
    assert_eq!(seen, expected.into_iter().collect(), "just that is repaired");
    assert_eq!(processes(lab), running, "and nothing is restarted for it");
    let rest = lab.loomctl(&["up", "-i", inventory, "--json", "--no-verify"]).exits(0);
    assert_eq!(rest.summary()["changed"], 0);
}

/// By host; null where there is no key yet.
fn node_ids(lab: &Lab, inventory: &str) -> BTreeMap<String, Value> {
    let facts = lab.loomctl(&["facts", "-i", inventory, "--json"]).exits(0);
    let events = facts.events();
    let of = |event: &Value| (event["host"].as_str().unwrap().to_owned(), event["node"]["node_id"].clone());
    let ids: BTreeMap<_, _> = events.iter().filter(|event| event["event"] == "facts").map(of).collect();
    assert_eq!(ids.len(), lab.hosts());
    ids
}

/// What is made once and never again: each node's id, the inodes of its key and of the marker that init has run.
pub(super) fn made_once(lab: &Lab, inventory: &str) -> BTreeMap<String, Value> {
    let look = "stat -c '%n %i' /home/ubuntu/node/config/node_key.json /var/lib/loomctl/labnet/*/initialised 2>/dev/null; true";
    let mut once = node_ids(lab, inventory);
    for host in 0..lab.hosts() {
        for line in lab.root(host, look).ok().lines() {
            let (path, inode) = line.split_once(' ').unwrap();
            once.insert(format!("host {host}: {path}"), inode.into());
        }
    }
    once
}

/// What has been seen stays; what is new is remembered.
pub(super) fn still_the_same(known: &mut BTreeMap<String, Value>, seen: BTreeMap<String, Value>, when: &str) {
    for (what, before) in known.iter().filter(|(_, before)| !before.is_null()) {
        assert_eq!(seen.get(what), Some(before), "{when}: {what} was lost or made anew");
    }
    known.extend(seen);
}

/// S7: SIGKILL at a step's begin, all the way through a birth; what one run leaves the next goes on with.
fn a_run_killed_at_any_step_is_finished_by_the_next(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let (mut known, mut cut) = (BTreeMap::new(), Vec::new());
    let steps = [
        "upload ",
        "manifest ",
        "folder ",
        "init ",
        "file /home/ubuntu/node/config/genesis.json",
        "file /home/ubuntu/node/config/config.toml",
        "link ",
        "file /etc/systemd/system/cometbft.service",
        "unit ",
    ];
    // What a killed run has begun its hosts end, and hold their locks until then.
    let up = ["up", "-i", inventory, "--no-verify", "--json", "--lock-wait", "60"];
    for step in steps {
        if step == "unit " {
            // However far the hosts have come by themselves: one has yet to start its node, and does not get through with it.
            held_up(lab, 1, "start cometbft.service");
        }
        let mut run = lab.start_loomctl(&up);
        // What a killed run had begun its hosts may have ended, so a later one need not come there any more.
        let reached = run.says(&format!("\"step\":\"{step}"));
        let run = if reached { run.kill() } else { run.wait().exits(0) };
        if !run.stdout.contains("\"event\":\"summary\"") {
            cut.push(step);
        }
        if step == "unit " {
            let_go(lab, 1);
        }
        still_the_same(&mut known, made_once(lab, inventory), step);
    }
    for step in ["upload ", "init ", "unit "] {
        assert!(cut.contains(&step), "no run was cut at `{step}`, only at {cut:?}");
    }
    assert!(cut.len() >= 6, "runs were cut only at {cut:?}");
    lab.loomctl(&["up", "-i", inventory, "--lock-wait", "60"]).ok();
    still_the_same(&mut known, made_once(lab, inventory), "the last run");
    assert_eq!(known.len(), 3 * lab.hosts(), "{known:?}");
    for host in 0..lab.hosts() {
        let left = lab
            .root(host, "find /home /var/lib/loomctl /etc/systemd -name '*loomctl-*' -o -name '*.new'")
            .ok();
        assert_eq!(left, "", "temporary files of killed runs");
    }
}

/// S13
fn down_stops_and_destroy_leaves_the_keys(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory, "--no-verify"]).ok();
    let ids = node_ids(lab, inventory);
    let status = lab.loomctl(&["status", "-i", inventory, "--json"]).exits(0);
    assert_eq!(status.events().iter().filter(|event| event["event"] == "status").count(), lab.hosts());

    // Half of the power in passing is not meant.
    let half = ["down", "-i", inventory, "--limit", "node-1,node-2"];
    let refused = lab.loomctl(&half).exits(3);
    assert!(refused.stderr.contains("of 40 voting power offline"), "{refused}");
    lab.root(1, "systemctl is-active -q cometbft && systemctl is-enabled -q cometbft").ok();
    lab.loomctl(&[&half[..], &["--allow-halt"]].concat()).ok();
    lab.root(0, "systemctl is-active -q cometbft").ok();

    lab.loomctl(&["down", "-i", inventory]).ok();
    lab.root(1, "! systemctl is-active -q cometbft && ! systemctl is-enabled -q cometbft").ok();
    lab.loomctl(&["down", "-i", inventory, "--destroy"]).ok();
    let gone = "test ! -e /etc/systemd/system/cometbft.service && test ! -e /home/ubuntu/node/data/blockstore.db && \
                test ! -e /home/ubuntu/node/config/genesis.json && test -s /home/ubuntu/node/config/node_key.json && \
                grep -q '\"height\": \"0\"' /home/ubuntu/node/data/priv_validator_state.json";
    lab.root(2, gone).ok();
    assert_eq!(lab.loomctl(&["down", "-i", inventory, "--destroy", "--json"]).summary()["changed"], 0);

    lab.loomctl(&["up", "-i", inventory]).ok();
    assert_eq!(node_ids(lab, inventory), ids, "the keys are the same ones");
    lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys"]).exits(3);
    lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).ok();
    assert_eq!(
        lab.root(0, "find /home/ubuntu/node /var/lib/loomctl -type f ! -name 'write-file-atomic-*'").ok(),
        ""
    );
}

fn two_nodes_on_one_host(lab: &Lab) {
    let second = serde_json::json!({
        "ansible_host": lab.address(0), "private_ip": lab.address(0), "working_directory": "/home/ubuntu/second",
        "ports": {"p2p": 26756, "rpc": 26757},
    });
    let inventory = lab.inventory("cometbft").first(3).host("node-b", &second).write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    lab.root(0, "systemctl is-active cometbft-node-0 cometbft-node-b").ok();
    let peers = |port| lab.get(0, port, "/net_info").unwrap()["result"]["n_peers"].clone();
    // Verified is one peer; the others are dialled meanwhile.
    until(|| [26657, 26757].iter().all(|port| peers(*port) == "3"));
    assert_eq!(lab.loomctl(&["up", "-i", inventory, "--json"]).summary()["changed"], 0);
}

/// Everything that is done as the node's user takes so many seconds longer, as on a slow machine.
pub(super) fn slow_init(lab: &Lab, seconds: u32) {
    for host in 0..lab.hosts() {
        slow_init_on(lab, host, seconds);
    }
}

pub(super) fn slow_init_on(lab: &Lab, host: usize, seconds: u32) {
    let slow = format!(
        "printf '#!/bin/sh\\ncase $* in start\\\\ loomctl-*) sleep {seconds} ;; esac\\nexec /usr/bin/systemctl \"$@\"\\n' \
         >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl"
    );
    lab.root(host, &slow).ok();
}

/// From now on systemctl hangs there when it is asked for this, until it is let go. A script that a killed run has left there
/// has come to its end before, and the node is stopped.
pub(super) fn held_up(lab: &Lab, host: usize, what: &str) {
    let gate = format!(
        "l=/run/loomctl/labnet.lock; [ ! -e $l ] || flock -w 60 $l true; rm -f /run/go; systemctl stop cometbft 2>/dev/null; cat >/usr/local/bin/systemctl <<'END'\n#!/bin/sh\n\
         case $* in {}) until [ -e /run/go ]; do sleep 0.05; done ;; esac\nexec /usr/bin/systemctl \"$@\"\nEND\n\
         chmod 755 /usr/local/bin/systemctl",
        what.replace(' ', "\\ ")
    );
    lab.root(host, &gate).ok();
}

pub(super) fn let_go(lab: &Lab, host: usize) {
    lab.root(host, "touch /run/go; rm -f /usr/local/bin/systemctl").ok();
}

/// S12: one works, the other is told who holds the lock; a vanished holder does not hold it for long.
fn only_one_run_at_a_time(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let mut first = lab.start_loomctl(&["up", "-i", inventory, "--no-verify", "--json"]);
    assert!(first.says("\"step\":\"upload "));
    // It keeps what it has: a silent run is given up after 30 s only, which the bounds below stay under.
    first.signal("STOP");
    let second = lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(4);
    let holder = format!("(pid {}) with `loomctl up`, since 20", first.id());
    assert!(second.stderr.contains(&holder), "{holder:?} is not in\n{second}");
    assert!(second.seconds < 20.0, "it does not wait unless told to: {second}");
    first.kill();
    let third = lab.loomctl(&["up", "-i", inventory, "--no-verify", "--json", "--lock-wait", "35"]).exits(0);
    let gathered = |event: &Value| event["event"] == "stage" && event["stage"] == "gather";
    let locked =
        third.events().iter().rfind(|event| gathered(event)).map(|event| event["at"].as_f64().unwrap());
    assert!(locked.unwrap() < 25.0, "a lock outlived its holder: {third}");
}

/// The last words of a run that a signal has ended, a few seconds after it.
fn interrupted(mut run: Running, moment: &str, signal: &str) -> Run {
    assert!(run.says(moment), "{moment} was not reached: {}", run.kill());
    run.signal(signal);
    let signalled = Instant::now();
    let run = run.wait_for(Duration::from_secs(40)).exits(130);
    assert!(signalled.elapsed() < Duration::from_secs(30), "{run}");
    assert_eq!(
        (run.summary()["result"].clone(), run.summary()["exit"].clone()),
        ("interrupted".into(), 130.into())
    );
    assert!(run.stderr.contains("interrupted"), "{run}");
    run
}

/// Ctrl-C and SIGTERM, at moments that the hosts make long.
/// S7
fn an_interrupted_run_lets_go_and_the_next_goes_on(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let no_lock_no_unit = || {
        for host in 0..lab.hosts() {
            let free = "for lock in /run/loomctl/labnet.cluster.lock /run/loomctl/labnet.lock; do \
                        [ ! -e $lock ] || flock -w 20 $lock true || echo $lock is held; done; \
                        ! systemctl is-active -q cometbft || echo the unit is active";
            assert_eq!(lab.root(host, free).ok(), "", "on host {host}");
        }
    };
    let up = ["up", "-i", inventory, "--no-verify", "--json"];
    // Twice, and it is gone while the hosts are still at their step. Two signals at once may be one to the kernel.
    (0..lab.hosts()).for_each(|host| held_up(lab, host, "start loomctl-*"));
    let mut run = lab.start_loomctl(&up);
    assert!(run.says("\"step\":\"init "), "init was not reached");
    let end = Instant::now() + Duration::from_secs(60);
    while !run.is_over() && Instant::now() < end {
        run.signal("INT");
        std::thread::sleep(Duration::from_millis(100));
    }
    let run = run.wait_for(Duration::ZERO).exits(130);
    let ended = |line: &str| line.contains("\"event\":\"step\"") && line.contains("\"step\":\"init ");
    assert!(!run.stdout.lines().any(ended), "it has waited for its hosts: {run}");
    (0..lab.hosts()).for_each(|host| let_go(lab, host));
    slow_init(lab, 3);
    lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys", "--yes", "--lock-wait", "60"]).ok();

    let run = interrupted(lab.start_loomctl(&up), "\"step\":\"init ", "INT");
    // That host has made a manifest before it, and others may have by then: what was told step by step is counted.
    let told = run.events().iter().filter(|e| e["stage"] == "prepare" && e["result"] == "changed").count();
    assert!(told >= 1 && run.summary()["changed"] == told, "what was done by then is not said: {run}");
    no_lock_no_unit();
    // The hosts are still at what the first run has begun.
    lab.loomctl(&up).exits(0);
    let ids = node_ids(lab, inventory);
    assert!(ids.values().all(Value::is_string), "{ids:?}");
    assert_eq!(lab.root(1, "ls -d /home/ubuntu/node/.loomctl-init 2>/dev/null; true").ok(), "");
    assert_eq!(lab.loomctl(&up).exits(0).summary()["changed"], 0);

    // While it waits for blocks that do not come: what was not looked at has not failed.
    lab.root(2, "systemctl kill -s STOP cometbft").ok();
    lab.root(3, "systemctl kill -s STOP cometbft").ok();
    let mut run = lab.start_loomctl(&["up", "-i", inventory, "--json", "--blocks-timeout", "60"]);
    assert!(run.says("\"event\":\"stage\",\"host\":\"node-3\",\"stage\":\"gather\""), "{}", run.kill());
    std::thread::sleep(Duration::from_secs(1));
    interrupted(run, "\"stage\":\"gather\"", "TERM");
    lab.root(2, "systemctl kill -s CONT cometbft").ok();
    lab.root(3, "systemctl kill -s CONT cometbft").ok();
    lab.loomctl(&["up", "-i", inventory]).ok();
}
