//! What operators do with nodes that live: stop, start, restart.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

use crate::support::{
    Lab, Suite, chain_binary,
    command::{self, Run},
    tests,
};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        nodes_are_stopped_started_and_restarted_as_they_lie_there,
        the_only_validator_is_asked_about,
        a_binary_is_exchanged_and_given_back
    ]);
}

fn invocations(lab: &Lab) -> Vec<String> {
    let of = |host| lab.root(host, "systemctl show -p InvocationID --value cometbft").ok();
    (0..lab.hosts()).map(of).collect()
}

/// Hosts in the order in which their units were restarted.
fn restarted(run: &Run) -> Vec<String> {
    let events =
        run.events().into_iter().filter(|event| event["event"] == "step" && event["result"] == "changed");
    let units = events.filter(|event| event["step"].as_str().is_some_and(|step| step.ends_with(" restart")));
    units.map(|event| event["host"].as_str().unwrap().to_owned()).collect()
}

fn height(lab: &Lab, host: usize) -> u64 {
    let status = lab.get(host, 26657, "/status").unwrap();
    status["result"]["sync_info"]["latest_block_height"].as_str().unwrap().parse().unwrap()
}

fn nodes_are_stopped_started_and_restarted_as_they_lie_there(lab: &Lab) {
    let path = lab.inventory("cometbft").write(lab);
    let at = path.to_str().unwrap();
    let never = lab.loomctl(&["start", "-i", at]).exits(3);
    assert!(
        never.stderr.contains("has never been started") && never.stderr.contains("`loomctl up`"),
        "{never}"
    );
    lab.loomctl(&["up", "-i", at]).ok();

    // Half of the power is not stopped in passing, nor a part of it.
    let half = lab.loomctl(&["stop", "node-1,node-2", "-i", at]).exits(3);
    assert!(half.stderr.contains("of 40 voting power offline"), "{half}");
    lab.root(1, "systemctl is-active -q cometbft && systemctl is-enabled -q cometbft").ok();
    let before = invocations(lab);
    let plan = lab.loomctl(&["stop", "node-1", "-i", at, "--check", "--exit-code"]).exits(10);
    assert!(plan.stdout.contains("stopped cometbft"), "{plan}");
    assert_eq!(invocations(lab), before);
    lab.loomctl(&["stop", "node-1", "-i", at]).ok();
    lab.root(1, "! systemctl is-active -q cometbft && ! systemctl is-enabled -q cometbft").ok();
    assert_eq!(lab.loomctl(&["stop", "node-1", "-i", at, "--json"]).exits(0).summary()["changed"], 0);

    // With one down the others' restart would stop the chain: nothing of it is done.
    let whole = lab.loomctl(&["restart", "-i", at]).exits(3);
    assert!(whole.stderr.contains("node-1 down already"), "{whole}");
    lab.loomctl(&["start", "node-1", "-i", at]).ok();
    lab.root(1, "systemctl is-active -q cometbft && systemctl is-enabled -q cometbft").ok();
    assert_eq!(lab.loomctl(&["start", "-i", at, "--json"]).exits(0).summary()["changed"], 0);
    assert_eq!(invocations(lab)[0], before[0], "the others are as they were");

    // One after another, each once, and the chain goes on.
    let before = invocations(lab);
    let run = lab.loomctl(&["restart", "-i", at, "--json", "--canary", "1", "--soak", "3"]).exits(0);
    let order = restarted(&run);
    assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 4, "{run}");
    assert_eq!(order.len(), 4, "{run}");
    assert!(invocations(lab).iter().zip(&before).all(|(after, before)| after != before));
    let soaked = soak(&run);
    assert!(soaked >= 3.0 * 0.5, "the second is restarted {soaked} s after the first");
    assert_eq!(lab.loomctl(&["up", "-i", at, "--json"]).exits(0).summary()["changed"], 0);

    let unknown = lab.loomctl(&["restart", "-i", at, "--service", "cometbtf"]).exits(2);
    assert!(unknown.stderr.contains("did you mean `cometbft`?"), "{unknown}");
}

/// Seconds from the end of the first restart to the begin of the second.
fn soak(run: &Run) -> f64 {
    let is_restart = |event: &Value| event["step"].as_str().is_some_and(|step| step.ends_with(" restart"));
    let at = |kind: &str, nth: usize| {
        let events: Vec<Value> = run.events();
        events.iter().filter(|event| event["event"] == kind && is_restart(event)).nth(nth).unwrap()["at"]
            .as_f64()
            .unwrap()
    };
    at("started", 1) - at("step", 0)
}

/// A chain of one key stops with it: one yes is enough, and no flag says more.
fn the_only_validator_is_asked_about(lab: &Lab) {
    let inventory = lab.inventory("cometbft").first(3);
    let path = inventory.host_var("node-1", "role", "full").host_var("node-2", "role", "full").write(lab);
    let at = path.to_str().unwrap();
    lab.loomctl(&["up", "-i", at]).ok();
    for command in ["stop", "restart"] {
        let asked = lab.loomctl(&[command, "node-0", "-i", at]).exits(3);
        assert!(asked.stderr.contains("node-0 is the only validator: blocks stop"), "{asked}");
    }
    lab.loomctl(&["restart", "node-1", "-i", at]).ok();
    lab.loomctl(&["restart", "node-0", "-i", at, "--yes"]).ok();
    lab.loomctl(&["stop", "node-0", "-i", at, "--yes"]).ok();
    let stands = height(lab, 1);
    lab.loomctl(&["start", "-i", at]).ok();
    assert!(height(lab, 1) > stands, "it goes on");
}

/// `upgrade` and `rollback`, with a build that differs in nothing but its checksum.
fn a_binary_is_exchanged_and_given_back(lab: &Lab) {
    let path = lab.inventory("cometbft").write(lab);
    let at = path.to_str().unwrap();
    let next = lab.path("cometbft-next");
    let mut build = std::fs::read(chain_binary("COMETBFT")).unwrap();
    build.extend(b"another build");
    std::fs::write(&next, build).unwrap();
    let broken = lab.path("cometbft-broken");
    std::fs::write(&broken, "#!/bin/sh\necho no such glibc >&2\nexit 3\n").unwrap();
    let [next, broken] = [&next, &broken].map(|path| path.to_str().unwrap());
    lab.loomctl(&["up", "-i", at]).ok();
    let before = invocations(lab);

    let url = lab.loomctl(&["upgrade", "-i", at, "--binary", "https://builds.invalid/c"]).exits(2);
    assert!(url.stderr.contains("--sha256"), "{url}");
    let nothing = lab.loomctl(&["rollback", "-i", at]).exits(3);
    assert!(nothing.stderr.contains("no earlier binary"), "{nothing}");
    // What does not run on a host is found out before anything depends on it.
    let tried = lab.loomctl(&["upgrade", "-i", at, "--binary", broken]).exits(1);
    assert!(tried.stderr.contains("does not run here") && tried.stderr.contains("no such glibc"), "{tried}");
    let prepared = lab.loomctl(&["upgrade", "-i", at, "--binary", next, "--prepare", "--json"]).exits(0);
    assert!(prepared.summary()["changed"].as_u64() > Some(0), "{prepared}");
    assert_eq!(invocations(lab), before, "prepared is not used");
    let again = lab.loomctl(&["upgrade", "-i", at, "--binary", next, "--prepare", "--json"]).exits(0);
    assert_eq!(again.summary()["changed"], 0, "{again}");
    assert_eq!(lab.loomctl(&["up", "-i", at, "--json"]).exits(0).summary()["changed"], 0);

    let run = lab
        .loomctl(&["upgrade", "-i", at, "--binary", next, "--json", "--canary", "1", "--soak", "2"])
        .exits(0);
    assert_eq!(restarted(&run).iter().collect::<BTreeSet<_>>().len(), 4, "{run}");
    let runs = |host, build: &str| {
        let sums = lab.root(host, "sha256sum </proc/$(systemctl show -p MainPID --value cometbft)/exe").ok();
        let build = command::run(Command::new("sha256sum").arg(build)).ok();
        assert_eq!(sums.split_whitespace().next(), build.split_whitespace().next());
    };
    (0..lab.hosts()).for_each(|host| runs(host, next));
    // The inventory is behind, and nothing is changed about that.
    let up = lab.loomctl(&["up", "-i", at]).exits(0);
    assert!(up.stdout.contains("nothing to change") && up.stderr.contains("the inventory is behind"), "{up}");
    (0..lab.hosts()).for_each(|host| runs(host, next));

    let back = lab.loomctl(&["rollback", "-i", at, "--json"]).exits(0);
    assert_eq!(restarted(&back).len(), 4, "{back}");
    let old = chain_binary("COMETBFT");
    (0..lab.hosts()).for_each(|host| runs(host, old.to_str().unwrap()));
    assert_eq!(lab.loomctl(&["rollback", "-i", at, "--json"]).exits(0).summary()["changed"], 0);
    let up = lab.loomctl(&["up", "-i", at]).exits(0);
    assert!(up.stdout.contains("nothing to change") && !up.stderr.contains("behind"), "{up}");
}
