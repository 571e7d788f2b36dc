//! What goes wrong on a chain, provoked on real nodes: verify fails at the right line and says why.

use serde_json::Value;

use super::faults::until;
use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        loom_by_the_playbooks_inventory,
        broken_nodes_are_explained,
        a_mended_fault_explains_nothing,
        files_that_were_emptied_are_named
    ]);
}

/// A failed row of a verification: `(line, host, everything it says)`.
pub type Failure = (String, String, String);

fn failures(lab: &Lab, inventory: &str) -> Vec<Failure> {
    failures_within(lab, inventory, 8)
}

/// Seconds that a node's RPC may take to come up.
pub fn failures_within(lab: &Lab, inventory: &str, seconds: u32) -> Vec<Failure> {
    failures_with(lab, inventory, seconds, 8)
}

/// The same, and those that its next block may take.
pub fn failures_with(lab: &Lab, inventory: &str, seconds: u32, blocks: u32) -> Vec<Failure> {
    let limits = format!(
        "--listen-timeout {seconds} --blocks-timeout {blocks} --sync-timeout 3 --rpc-timeout 4 -i {inventory}"
    );
    let arguments: Vec<&str> = ["verify", "--json"].into_iter().chain(limits.split(' ')).collect();
    let run = lab.loomctl(&arguments).exits(1);
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let failed = run.events().into_iter().filter(|row| row["event"] == "check" && row["result"] == "failed");
    failed.map(|row| (text(&row, "id"), text(&row, "host"), row.to_string())).collect()
}

pub fn expect(rows: &[Failure], id: &str, host: &str, word: &str) {
    let hit = rows.iter().any(|(i, h, text)| i == id && h == host && text.contains(word));
    assert!(hit, "no {id} of {host} with {word:?} in {rows:#?}");
}

/// The playbook's inventory, unchanged but for addresses and the build's path.
/// S1, S5: the same bytes everywhere. S13: key and sign state in one file.
fn loom_by_the_playbooks_inventory(lab: &Lab) {
    let inventory = lab.inventory("loom").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    let again = lab.loomctl(&["up", "-i", inventory, "--json", "--no-verify"]);
    assert_eq!(again.summary()["changed"], 0, "{again}");
    let sums = |lab: &Lab, host| {
        lab.root(host, "cd /home/ubuntu && sha256sum genesis.json chaindata/config/genesis.json").ok()
    };
    assert!((1..4).all(|host| sums(lab, host) == sums(lab, 0)));
    let unit = lab.root(1, "systemctl show -p ExecStart loom").ok();
    for host in [0, 2, 3] {
        assert!(unit.contains(&format!("@{}:26656", lab.address(host))), "{unit}");
    }
    assert!(
        unit.contains("--persistent-peers tcp://") && !unit.contains(&format!("@{}:", lab.address(1))),
        "{unit}"
    );
    assert!(
        lab.root(0, "cat /home/ubuntu/loom.yml").ok().contains("QueryServerHost: \"tcp://0.0.0.0:9999\"")
    );

    // S13: key and sign state are one file here; the one goes to zero, the other stays.
    let key = "grep -oE '\"value\": *\"[A-Za-z0-9+/=]{80,}\"' /home/ubuntu/chaindata/config/priv_validator.json | sha256sum";
    let before = lab.root(2, key).ok();
    lab.loomctl(&["down", "-i", inventory, "--destroy"]).ok();
    assert_eq!(lab.root(2, key).ok(), before);
    lab.root(2, "grep -q '\"last_height\": *\"0\"' /home/ubuntu/chaindata/config/priv_validator.json").ok();
    lab.loomctl(&["up", "-i", inventory]).ok();
    assert_eq!(lab.root(2, key).ok(), before);

    // The first node's app document differs from the others' only in what decides the app hash.
    lab.loomctl(&["down", "-i", inventory]).ok();
    let app = "/home/ubuntu/genesis.json";
    lab.root(3, &format!("sed -i 's/\"validatorCount\": *\"21\"/\"validatorCount\": \"20\"/' {app}")).ok();
    let refused = lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(3);
    assert!(refused.stderr.contains("hold different `app` documents"), "{refused}");
}

/// Its height, and whether it is catching up.
fn sync_state(lab: &Lab, host: usize) -> Option<(u64, bool)> {
    let info = &lab.get(host, 26657, "/status")?["result"]["sync_info"];
    Some((info["latest_block_height"].as_str()?.parse().ok()?, info["catching_up"].as_bool()?))
}

/// These make blocks again, and none of them is behind.
fn goes_on_above(lab: &Lab, hosts: std::ops::Range<usize>, height: u64) {
    until(|| {
        hosts.clone().all(|host| sync_state(lab, host).is_some_and(|(at, behind)| at > height && !behind))
    });
}

/// S1: hosts that disagree. V1: a node that crashes, one that is stopped. V4: a genesis_time of its own. V7: below
/// quorum.
fn broken_nodes_are_explained(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();

    // A plug is pulled.
    lab.kill(2);
    let off = lab.loomctl(&["verify", "-i", inventory, "--timeout", "3"]).exits(1);
    assert!(off.stderr.contains("node-2: unreachable"), "{off}");
    assert!(
        off.stdout.contains("V8   FAILED  3/4") && off.stdout.contains("V9 node-2"),
        "the others are proven: {off}"
    );
    lab.start(2);

    // A node that crashes at its start: its RPC on a port that is taken (by its own p2p side).
    lab.root(3, "sed -i 's/127.0.0.1:26657/127.0.0.1:26656/' /home/ubuntu/node/config/config.toml; systemctl restart cometbft; \
                 timeout 60 sh -c 'until journalctl -u cometbft -n 50 | grep -q \"address already in use\"; do sleep 0.2; done'").ok();
    let rows = failures(lab, inventory);
    expect(&rows, "V1", "node-3", "address already in use");
    lab.loomctl(&["up", "-i", inventory]).ok();

    // Below quorum: two of four.
    lab.root(2, "systemctl stop cometbft").ok();
    lab.root(3, "systemctl stop cometbft").ok();
    let rows = failures(lab, inventory);
    expect(&rows, "V1", "node-2", "stopped");
    expect(&rows, "V7", "node-0", "node-2");

    // A node that ran alone on a chain of its own, behind a good-looking unit.
    let (noted, _) = sync_state(lab, 0).unwrap();
    let alone = "cd /home/ubuntu/node && cp config/genesis.json /tmp/g && rm -rf data/blockstore.db data/state.db data/cs.wal data/evidence.db data/tx_index.db \
                 && cp /var/lib/loomctl/labnet/node-3/pristine/chain config/genesis.json && sed -i 's/\"chain_id\": *\"[^\"]*\"/\"chain_id\": \"labnet\"/' config/genesis.json \
                 && printf '{\"height\":\"0\",\"round\":0,\"step\":0}' >data/priv_validator_state.json && chown -R ubuntu: . \
                 && systemctl start cometbft && sleep 6 && systemctl stop cometbft && cp /tmp/g config/genesis.json && chown ubuntu: config/genesis.json";
    lab.root(3, alone).ok();
    lab.root(2, "systemctl start cometbft").ok();
    lab.root(3, "systemctl start cometbft").ok();
    goes_on_above(lab, 0..3, noted);
    let rows = failures(lab, inventory);
    assert!(
        rows.iter().any(|(id, host, _)| host == "node-3" && matches!(id.as_str(), "V5" | "V8" | "V1")),
        "{rows:#?}"
    );
    assert!(rows.iter().all(|(_, host, _)| host == "node-3"), "only that node is to blame: {rows:#?}");

    // A genesis time of its own: nothing is written while the documents disagree.
    lab.root(
        1,
        "sed -i 's/\"genesis_time\": \"20/\"genesis_time\": \"19/' /home/ubuntu/node/config/genesis.json",
    )
    .ok();
    let rows = failures(lab, inventory);
    expect(&rows, "V4", "node-1", "genesis_time");
    let refused = lab.loomctl(&["up", "-i", inventory, "--no-verify", "--limit", "all:!node-3"]).exits(3);
    assert!(refused.stderr.contains("genesis_time"), "{refused}");
}

/// systemd could not execute the binary once, and somebody has mended that: the journal of that time says nothing about what came later,
/// however often systemd has restarted the unit since.
fn a_mended_fault_explains_nothing(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    let restart = "systemctl reset-failed cometbft; systemctl restart cometbft; sleep 5";
    lab.root(3, &format!("chmod 700 /var/lib/loomctl; {restart}")).ok();
    expect(&failures(lab, inventory), "V1", "node-3", "could not execute the binary");
    lab.root(3, &format!("chmod 755 /var/lib/loomctl; {restart}; systemctl is-active cometbft")).ok();
    lab.loomctl(&["verify", "-i", inventory]).ok();

    lab.root(
        3,
        &format!("systemctl stop cometbft; : >/home/ubuntu/node/data/blockstore.db/CURRENT; {restart}"),
    )
    .ok();
    let rows = failures(lab, inventory);
    expect(&rows, "V1", "node-3", "a database of the node is damaged");
    let hints: Vec<&str> =
        rows.iter().filter(|(_, host, _)| host == "node-3").map(|(.., text)| text.as_str()).collect();
    assert!(hints.iter().all(|text| !text.contains("could not execute")), "{hints:#?}");
}

/// The panic is above the last lines, which are goroutines: it is shown, and its cause named. Nobody else holds the ports.
fn files_that_were_emptied_are_named(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    lab.root(3, "systemctl stop cometbft; : >/home/ubuntu/node/config/addrbook.json; systemctl start cometbft; sleep 5").ok();
    let rows = failures(lab, inventory);
    expect(&rows, "V1", "node-3", "its address book is empty or damaged");
    expect(&rows, "V1", "node-3", "panic: Error reading file");
    assert!(rows.iter().all(|(_, _, text)| !text.contains("is taken by another program")), "{rows:#?}");
    lab.root(
        3,
        "systemctl stop cometbft; rm /home/ubuntu/node/config/addrbook.json; systemctl start cometbft",
    )
    .ok();
    lab.loomctl(&["verify", "-i", inventory]).ok();
}
