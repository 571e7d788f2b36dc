//! A chain that is asked in two ways: its metrics first, and its RPC for what they do not say.

use std::{fs, path::PathBuf};

use serde_json::Value;

use super::faults::until;
use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![metrics_are_asked_before_the_rpc]);
}

/// A profile in a folder beside the inventory; `peers` is the metric that says how many there are.
fn profile(lab: &Lab, peers: &str) {
    let folder = lab.path("metered");
    fs::create_dir_all(&folder).unwrap();
    let yaml = format!(
        r"extends: cometbft
name: metered
about: CometBFT, asked by its metrics first
files:
  config/config.toml: {{set: {{instrumentation.prometheus: true}}}}
probes:
  - kind: prometheus
    port: prometheus
    metrics: {{height: cometbft_consensus_latest_block_height, peers: {peers}}}
  - {{kind: tendermint-rpc, port: rpc}}
"
    );
    fs::write(folder.join("profile.yaml"), yaml).unwrap();
}

fn statuses(lab: &Lab, path: &std::path::Path) -> Vec<Value> {
    let run = lab.loomctl(&["status", "-i", path.to_str().unwrap(), "--json"]).exits(0);
    run.events().into_iter().filter(|event| event["event"] == "status").collect()
}

fn metrics_are_asked_before_the_rpc(lab: &Lab) {
    profile(lab, "cometbft_p2p_peers");
    let path: PathBuf = lab.inventory("cometbft").var("chain", "./metered").write(lab);
    let at = path.to_str().unwrap();
    lab.loomctl(&["chain", "check", lab.path("metered").to_str().unwrap()]).ok();
    lab.loomctl(&["up", "-i", at]).ok();
    lab.loomctl(&["verify", "-i", at]).ok();
    // Verified is one peer; the others are dialled meanwhile.
    until(|| statuses(lab, &path).iter().all(|node| node["peers"] == 3));
    let nodes = statuses(lab, &path);
    assert_eq!(nodes.len(), 4);
    for node in &nodes {
        assert!(node["height"].as_u64().is_some_and(|height| height > 1), "{node}");
        assert_eq!((&node["peers"], &node["network"]), (&3.into(), &"labnet".into()), "{node}");
        assert_eq!((&node["catching_up"], node["node_id"].is_string()), (&false.into(), true), "{node}");
    }
    // The RPC knows three peers; there are four validators, and that is what the first probe is told to count.
    profile(lab, "cometbft_consensus_validators");
    assert!(statuses(lab, &path).iter().all(|node| node["peers"] == 4), "the metrics are what answers");
    // What no sample says is an error that names it, and not the RPC's business.
    profile(lab, "cometbft_p2p_piers");
    assert!(statuses(lab, &path).iter().all(|node| node["peers"].is_null() && node["height"].is_u64()));
    lab.loomctl(&["down", "-i", at, "--destroy", "--delete-keys", "--yes"]).ok();
}
