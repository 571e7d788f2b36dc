//! Damage done by hand to chains that `up` has made, a row of «What goes wrong» each: verify names the line, the host
//! and the cause, and nobody who is sound.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::causes::{Failure, expect, failures_with, failures_within};
use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![damaged_cometbft_nodes_are_explained]);
    suite.slow_on_lab(tests![slow_damaged_loom_nodes_are_explained]);
}

/// These hosts fail and no other does.
fn only(rows: &[Failure], hosts: &[&str]) {
    let blamed: BTreeSet<&str> = rows.iter().map(|(_, host, _)| host.as_str()).collect();
    assert_eq!(blamed, hosts.iter().copied().collect(), "{rows:#?}");
}

/// This host fails in these lines and in no other.
fn lines(rows: &[Failure], host: &str, ids: &[&str]) {
    let failed: BTreeSet<&str> = rows.iter().filter(|row| row.1 == host).map(|row| row.0.as_str()).collect();
    assert_eq!(failed, ids.iter().copied().collect(), "{rows:#?}");
}

const APP: &str = "/home/ubuntu/genesis.json";
const CHAIN: &str = "/home/ubuntu/chaindata/config/genesis.json";
const CONFIG: &str = "/home/ubuntu/chaindata/config/config.toml";
/// Back to height 0, with keys and documents.
const RESET: &str = "systemctl stop loom && cd /home/ubuntu && runuser -u ubuntu -- ./loom reset";

/// Four loom nodes, and the documents that they should have.
struct Looms<'a> {
    lab: &'a Lab,
    inventory: String,
    app: String,
    chain: String,
}

impl<'a> Looms<'a> {
    fn up(lab: &'a Lab) -> Self {
        let inventory = lab.inventory("loom").write(lab).to_str().unwrap().to_owned();
        lab.loomctl(&["up", "-i", &inventory, "--no-verify"]).ok();
        let read = |path| lab.root(0, &format!("cat {path}")).ok();
        Self { lab, inventory, app: read(APP), chain: read(CHAIN) }
    }

    fn root(&self, host: usize, script: &str) {
        self.lab.root(host, script).ok();
    }

    fn everywhere(&self, script: &str) {
        thread::scope(|all| (0..4).for_each(|host| drop(all.spawn(move || self.root(host, script)))));
    }

    /// All at height 0 with these documents, and not running.
    fn anew(&self, app: &str, chain: &str) {
        self.everywhere(&format!("{RESET} && {}; {}", put(APP, app), put(CHAIN, chain)));
    }

    /// This one node at height 0, with the right application's document and this one of the chain.
    fn reset(&self, host: usize, chain: &str) {
        self.root(host, &format!("{RESET} && {}; {}", put(APP, &self.app), put(CHAIN, chain)));
    }

    fn start(&self) {
        self.everywhere("systemctl start loom");
    }

    fn verify(&self) -> Vec<Failure> {
        failures_within(self.lab, &self.inventory, 8)
    }

    fn until_height(&self, host: usize, height: u64) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let status = self.lab.get(host, 46658, "rpc/status").unwrap_or_default();
            let seen = status["result"]["sync_info"]["latest_block_height"].as_str();
            if seen.and_then(|seen| seen.parse().ok()).is_some_and(|seen: u64| seen >= height) {
                return;
            }
            assert!(Instant::now() < end, "host {host} is not at height {height}: {status}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A command that writes a document; owner and mode stay.
fn put(path: &str, document: &str) -> String {
    format!("printf '%s' '{document}' >{path}")
}

/// The document, changed.
fn with(document: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut document = serde_json::from_str(document).unwrap();
    change(&mut document);
    document.to_string()
}

/// What the application's document says of its dpos contract.
fn dpos(app: &mut Value) -> &mut Value {
    let contracts = app["contracts"].as_array_mut().unwrap();
    &mut contracts.iter_mut().find(|contract| contract["name"] == "dposV3").unwrap()["init"]
}

/// V1, V2 (documents that no node starts with), V3 (a genesis_time in the future), V4 (gone, changed), V5, V6 (another chain id),
/// V7, V8 (the only sign of a node that ran alone), V10 (one that catches up without peers).
fn slow_damaged_loom_nodes_are_explained(lab: &Lab) {
    let looms = Looms::up(lab);
    documents_that_no_node_starts_with(&looms);
    documents_of_one_node_that_stop_it(&looms);
    a_second_chain_behind_good_looks(&looms);
    documents_that_come_too_late_or_too_early(&looms);
}

/// On each host another one.
fn documents_that_no_node_starts_with(looms: &Looms) {
    let chain = &looms.chain;
    looms.anew(&looms.app, chain);
    looms.root(0, &put(CHAIN, &with(chain, |chain| chain["validators"][0]["power"] = json!(10))));
    looms.root(1, &put(CHAIN, &with(chain, |chain| chain["validators"][0]["power"] = json!("0"))));
    let twice = with(chain, |chain| {
        let members = chain["validators"].as_array_mut().unwrap();
        members.push(members[0].clone());
    });
    looms.root(2, &put(CHAIN, &twice));
    looms.root(3, &format!("rm {APP}"));
    looms.start();
    let rows = looms.verify();
    for line in ["V1", "V2", "V3"] {
        expect(&rows, line, "loom-0", "is a number, and this chain wants it quoted");
        expect(&rows, line, "loom-1", "a validator in the genesis document has power 0");
        expect(&rows, line, "loom-2", "a validator stands twice in the genesis document");
        expect(&rows, line, "loom-3", "one of its genesis documents is gone");
    }
    expect(&rows, "V4", "loom-3", "`app` is missing");
}

/// The others go on without it. What stands in its log from before its restart is no cause any more.
fn documents_of_one_node_that_stop_it(looms: &Looms) {
    // Go's zero time: the node puts the time of its own first start in its place.
    looms.anew(&looms.app, &looms.chain);
    looms.root(
        3,
        &put(CHAIN, &with(&looms.chain, |chain| chain["genesis_time"] = json!("0001-01-01T00:00:00Z"))),
    );
    looms.start();
    looms.until_height(0, 1);
    let rows = looms.verify();
    only(&rows, &["loom-3"]);
    expect(&rows, "V4", "loom-3", "this host's document is not the others'");
    expect(&rows, "V7", "loom-3", "genesis_time is not the same on all nodes (or is the zero time)");

    looms.anew(&looms.app, &looms.chain);
    let other = with(&looms.app, |app| dpos(app)["params"]["validatorCount"] = json!("20"));
    looms.root(3, &put(APP, &other));
    looms.start();
    looms.until_height(0, 2);
    let rows = looms.verify();
    only(&rows, &["loom-3"]);
    lines(&rows, "loom-3", &["V4", "V7"]);
    expect(&rows, "V4", "loom-3", "`app`");
    expect(&rows, "V7", "loom-3", "its app genesis (validators, their order, oracle or owner)");
}

/// A node ran alone with an application's document of its own, and got the common one afterwards. So that not even the
/// validators at height 1 tell, the chain's document lets it make the first blocks alone; after that dpos decides.
fn a_second_chain_behind_good_looks(looms: &Looms) {
    let strong = with(&looms.chain, |chain| chain["validators"][3]["power"] = json!("90"));
    looms.anew(&looms.app, &strong);
    looms.start();
    looms.until_height(0, 3);
    let alone = with(&looms.app, |app| {
        let own = dpos(app)["validators"][3].clone();
        dpos(app)["validators"] = json!([own]);
    });
    let run = format!(
        "{RESET} && {} && cp -p {CONFIG} /root/config && \
         sed -i 's/^timeout_commit = .*/timeout_commit = \"10ms\"/; s/^fast_sync = .*/fast_sync = false/' {CONFIG}; \
         timeout 2 unshare -n sh -c 'ip link set lo up; exec runuser -u ubuntu -- ./loom run' >/dev/null 2>&1; \
         {}; cp -p /root/config {CONFIG}; systemctl start loom",
        put(APP, &alone),
        put(APP, &looms.app)
    );
    looms.root(3, &run);
    let rows = looms.verify();
    only(&rows, &["loom-3"]);
    lines(&rows, "loom-3", &["V8"]);
    expect(&rows, "V8", "loom-3", "loom-3 is on a chain of its own");

    // The advice is right.
    looms.lab.loomctl(&["down", "-i", &looms.inventory]).ok();
    looms.lab.loomctl(&["down", "-i", &looms.inventory, "--destroy", "--limit", "loom-3"]).ok();
    looms.lab.loomctl(&["up", "-i", &looms.inventory]).ok();
}

fn documents_that_come_too_late_or_too_early(looms: &Looms) {
    let chain = looms.lab.root(0, &format!("cat {CHAIN}")).ok();
    let late = with(&chain, |chain| chain["validators"][0]["power"] = json!("20"));
    looms.root(2, &format!("{}; systemctl restart loom", put(CHAIN, &late)));
    looms.reset(3, &with(&chain, |chain| chain["genesis_time"] = json!("2999-01-01T00:00:00Z")));
    looms.start();
    let rows = looms.verify();
    only(&rows, &["loom-2", "loom-3"]);
    lines(&rows, "loom-2", &["V4", "V5"]);
    expect(&rows, "V4", "loom-2", "was changed after the first start (its validators or their powers)");
    for line in ["V2", "V3"] {
        expect(&rows, line, "loom-3", "in the future: until then the node opens no port");
    }

    looms.root(2, &put(CHAIN, &chain));
    looms.reset(3, &with(&chain, |chain| chain["chain_id"] = json!("other")));
    looms.start();
    let rows = looms.verify();
    only(&rows, &["loom-3"]);
    for line in ["V6", "V7", "V10"] {
        expect(&rows, line, "loom-3", "its chain id and a peer's are not the same");
    }
}

/// V1, V2, V3 (a process that hangs, another node id, another chain id), V4, V6, V7, V9 (a `date` 2 s ahead), V10.
fn damaged_cometbft_nodes_are_explained(lab: &Lab) {
    lab.root(1, "useradd -m chain").ok();
    let inventory = lab.inventory("cometbft").host_var("node-1", "user", "chain");
    let inventory = inventory.host_var("node-1", "working_directory", "/home/chain").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();

    // A binary that is gone, a user that is gone, a process that hangs, a document that is gone.
    lab.root(0, "rm /var/lib/loomctl/bin/cometbft.service/cometbft && systemctl restart cometbft").ok();
    lab.root(1, "systemctl stop cometbft && userdel chain && systemctl start cometbft").ok();
    lab.root(2, "systemctl kill -s STOP cometbft").ok();
    lab.root(3, "rm /home/ubuntu/node/config/genesis.json").ok();
    let rows = failures_within(lab, inventory, 4);
    for line in ["V1", "V2", "V3"] {
        expect(&rows, line, "node-0", "could not execute the binary");
        expect(&rows, line, "node-1", "the user that the unit runs as does not exist");
    }
    expect(&rows, "V3", "node-2", "its process listens and says nothing");
    expect(&rows, "V4", "node-3", "`chain` is missing");
    expect(&rows, "V7", "node-3", "node-0, node-1, node-2 missing");

    // The advice is right.
    lab.root(1, "useradd -m chain").ok();
    lab.root(2, "systemctl kill -s CONT cometbft").ok();
    lab.loomctl(&["up", "-i", inventory]).ok();

    somebody_elses_answers(lab, inventory);

    // A wrong clock (hosts of a lab share the kernel's, so it is `date` that errs), and a chain id of its own.
    let fast = "#!/bin/sh\\nexec /usr/bin/date -d \"2 seconds\" \"$@\"\\n";
    lab.root(1, &format!("printf '{fast}' >/usr/local/bin/date && chmod 755 /usr/local/bin/date")).ok();
    let other = "systemctl stop cometbft && cd /home/ubuntu/node && rm -r data/*.db data/cs.wal && \
                 printf '{\"height\":\"0\",\"round\":0,\"step\":0}' >data/priv_validator_state.json && \
                 sed -i 's/\"labnet\"/\"other\"/' config/genesis.json && systemctl start cometbft";
    lab.root(3, other).ok();
    let rows = failures_with(lab, inventory, 8, 20);
    only(&rows, &["node-1", "node-3"]);
    lines(&rows, "node-1", &["V9"]);
    expect(&rows, "V9", "node-1", "set the clock right");
    for line in ["V6", "V10"] {
        expect(&rows, line, "node-3", "its chain id and a peer's are not the same");
    }
}

/// Who answers is not who the files on its host say: a key, and a document, that came after its start.
fn somebody_elses_answers(lab: &Lab, inventory: &str) {
    let other_key = "cd /home/ubuntu/node && cp -p config/node_key.json /root && \
                     runuser -u ubuntu -- ./cometbft init --home /tmp/other >/dev/null && \
                     cat /tmp/other/config/node_key.json >config/node_key.json";
    lab.root(2, other_key).ok();
    let document = "/home/ubuntu/node/config/genesis.json";
    lab.root(3, &format!("cp -p {document} /root && sed -i 's/\"labnet\"/\"other\"/' {document}")).ok();
    let running = lab.get(2, 26657, "/status").unwrap()["result"]["node_info"]["id"].clone();
    let rows = failures_within(lab, inventory, 4);
    expect(&rows, "V3", "node-2", &format!("\"seen\":\"node id {}", running.as_str().unwrap()));
    expect(&rows, "V3", "node-3", r#""seen":"chain id \"labnet\""#);
    expect(&rows, "V4", "node-3", "`chain` ");
    assert!(
        !rows.iter().any(|(id, host, _)| id == "V3" && (host == "node-0" || host == "node-1")),
        "{rows:#?}"
    );
    lab.root(2, "cp -p /root/node_key.json /home/ubuntu/node/config/").ok();
    lab.root(3, &format!("cp -p /root/genesis.json {document}")).ok();
}
