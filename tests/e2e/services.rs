//! Nodes of two processes: CometBFT, and its application over a socket.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Lab, Suite, chain_binary, command::Run, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![two_processes_of_one_node]);
}

fn inventory(lab: &Lab, app: &str) -> Inventory {
    let services = json!({"app": {"binary": app, "unit": {"Service": {"Nice": 1}}}});
    // CometBFT may hang in its stop when its application is gone: systemd is not to wait two minutes for it.
    let unit = json!({"Service": {"TimeoutStopSec": 10}});
    lab.inventory("cometbft").var("chain", "cometbft-app").var("services", services).var("unit", unit)
}

/// What runs as each unit, and since when.
fn invocation(lab: &Lab, host: usize, unit: &str) -> String {
    lab.root(host, &format!("systemctl show -p InvocationID --value {unit}")).ok()
}

/// When a unit's process was started, in microseconds since boot.
fn since(lab: &Lab, host: usize, unit: &str) -> u64 {
    let said =
        lab.root(host, &format!("systemctl show -p ExecMainStartTimestampMonotonic --value {unit}")).ok();
    said.trim().parse().unwrap()
}

fn check<'a>(events: &'a [Value], id: &str, host: &str) -> &'a Value {
    events
        .iter()
        .find(|event| event["event"] == "check" && event["id"] == id && event["host"] == host)
        .unwrap()
}

fn failed(run: &Run) -> Vec<String> {
    let wrong =
        run.events().into_iter().filter(|event| event["event"] == "check" && event["result"] == "failed");
    wrong
        .map(|check| format!("{} {}", check["id"].as_str().unwrap(), check["host"].as_str().unwrap()))
        .collect()
}

fn two_processes_of_one_node(lab: &Lab) {
    let app = chain_binary("ABCI_CLI");
    let path = inventory(lab, app.to_str().unwrap()).write(lab);
    let at = path.to_str().unwrap();
    let run = lab.loomctl(&["up", "-i", at, "--json"]).exits(0);
    assert_eq!(failed(&run), Vec::<String>::new(), "{run}");
    for host in 0..lab.hosts() {
        assert!(
            since(lab, host, "cometbft-app") <= since(lab, host, "cometbft"),
            "the application comes first"
        );
        let owner = lab.root(host, "stat -c %U /proc/$(systemctl show -p MainPID --value cometbft-app)").ok();
        assert_eq!(owner, "ubuntu\n", "it runs as the node's user");
    }
    assert_eq!(lab.loomctl(&["up", "-i", at, "--json"]).exits(0).summary()["changed"], 0);
    is_shown(lab, at);
    dies(lab, at);
    is_replaced(lab, &app);

    lab.loomctl(&["down", "-i", at]).ok();
    let active =
        "systemctl is-active cometbft cometbft-app; systemctl is-enabled cometbft cometbft-app; true";
    assert_eq!(lab.root(1, active).ok(), "inactive\ninactive\ndisabled\ndisabled\n");
    lab.loomctl(&["down", "-i", at, "--destroy", "--delete-keys", "--yes"]).ok();
    // The build before the last one stays in the cache, for a way back.
    let left = "ls -d /etc/systemd/system/cometbft* /var/lib/loomctl/bin/*/* /var/lib/loomctl/bin/*.service 2>/dev/null; true";
    let old = super::download::sum_of(&app);
    assert_eq!(lab.root(1, left).ok(), format!("/var/lib/loomctl/bin/{old}/abci-cli\n"));
}

/// `status`, `facts` and `logs` know both.
fn is_shown(lab: &Lab, at: &str) {
    let status = lab.loomctl(&["status", "-i", at]).ok();
    assert!(status.contains("cometbft-app") && status.matches("active (running)").count() == 8, "{status}");
    let events = lab.loomctl(&["status", "-i", at, "--json"]).exits(0).events();
    let is_it = |event: &&Value| event["event"] == "status" && event["host"] == "node-0";
    let node = events.iter().find(is_it).unwrap();
    assert_eq!(node["services"][0]["unit"], "cometbft-app", "{node}");
    let logs = lab.loomctl(&["logs", "-i", at, "--service", "app", "--json"]).exits(0).events();
    let units: Vec<&str> = logs.iter().filter_map(|event| event["unit"].as_str()).collect();
    assert!(!units.is_empty() && units.iter().all(|unit| *unit == "cometbft-app"), "{units:?}");
    let both = lab.loomctl(&["logs", "-i", at, "--json"]).exits(0).events();
    assert!(
        both.iter().any(|event| event["unit"] == "cometbft")
            && both.iter().any(|event| event["unit"] == "cometbft-app")
    );
    let run = lab.loomctl(&["logs", "-i", at, "--service", "ap"]).exits(2);
    assert!(run.stderr.contains("did you mean `app`?"), "{run}");
}

/// `verify` names the one that is down, and `up` starts it, and its node behind it, without touching the others. The node is
/// held meanwhile: CometBFT without its application either stays as it is, or ends, and systemd then starts both.
fn dies(lab: &Lab, at: &str) {
    let others: Vec<String> = (0..3).map(|host| invocation(lab, host, "cometbft")).collect();
    lab.root(3, "systemctl kill -s STOP cometbft && systemctl stop cometbft-app").ok();
    let limits = ["--listen-timeout", "300", "--blocks-timeout", "5", "--rpc-timeout", "5"];
    let run = lab.loomctl(&[&["verify", "-i", at, "--json"][..], &limits].concat()).exits(1);
    let events = run.events();
    let unit = check(&events, "V1", "node-3");
    assert!(unit["seen"].as_str().unwrap().contains("cometbft-app.service: inactive"), "{unit}");
    assert!(unit["hint"].as_str().unwrap().contains("systemctl start cometbft-app"), "{unit}");
    let rpc = check(&events, "V3", "node-3");
    let ended = "cometbft-app.service: the unit is not running";
    assert!(rpc["seen"].as_str().unwrap().contains(ended), "there is nothing to wait for: {rpc}");
    let ports = check(&events, "V2", "node-3");
    assert!(ports["seen"].as_str().unwrap().contains("app 26658 does not listen"), "{ports}");
    lab.loomctl(&["up", "-i", at]).ok();
    assert_eq!((0..3).map(|host| invocation(lab, host, "cometbft")).collect::<Vec<_>>(), others);
}

/// Another build of the application is an upgrade of a live chain: it waits for consent, and node after node is restarted whole.
fn is_replaced(lab: &Lab, app: &std::path::Path) {
    let other = lab.path("abci-cli");
    let mut bytes = fs::read(app).unwrap();
    bytes.push(0);
    fs::write(&other, bytes).unwrap();
    let path = inventory(lab, other.to_str().unwrap()).write(lab);
    let at = path.to_str().unwrap();
    let before: Vec<_> = (0..lab.hosts())
        .map(|host| ["cometbft", "cometbft-app"].map(|unit| invocation(lab, host, unit)))
        .collect();
    let run = lab.loomctl(&["up", "-i", at, "--json"]).exits(0);
    let pending = &run.summary()["hosts"]["node-0"]["pending"][0];
    assert!(pending.as_str().unwrap().starts_with("its binary of app "), "{run}");
    let after: Vec<_> = (0..lab.hosts())
        .map(|host| ["cometbft", "cometbft-app"].map(|unit| invocation(lab, host, unit)))
        .collect();
    assert_eq!(before, after, "nothing is restarted without consent");
    let run = lab.loomctl(&["up", "-i", at, "--json", "--roll", "--allow-upgrade"]).exits(0);
    assert_eq!(failed(&run), Vec::<String>::new(), "{run}");
    for host in 0..lab.hosts() {
        assert!(since(lab, host, "cometbft-app") <= since(lab, host, "cometbft"));
        let sums = "sha256sum </proc/$(systemctl show -p MainPID --value cometbft-app)/exe";
        let wanted = super::download::sum_of(&other);
        assert!(lab.root(host, sums).ok().starts_with(&wanted), "host {host} runs another application");
    }
    assert_eq!(lab.loomctl(&["up", "-i", at, "--json"]).exits(0).summary()["changed"], 0);
}
