//! P1: names that change their meaning while a run is at work: after a file was read, and all the time.

use super::{DESTROY, DOWN, Ground, UP, differences, long, on_all_hosts};
use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_file_is_swapped_once_it_was_read]);
    long(suite, tests![folders_are_swapped_once_a_file_was_read, names_are_swapped_all_the_time]);
}

/// What is swapped, and for what, when FILE was read so many times.
struct Swap {
    name: &'static str,
    /// The node's account prepares, in the node's folder: a reason to write, and the trap.
    prepare: &'static str,
    read: &'static str,
    names: [&'static str; 2],
    act: &'static [&'static [&'static str]],
    /// Of root, in the node's folder: reads the file, and acts on a name when the attacker has `SWAPPED` it.
    naive: &'static str,
}

const SWAPPED: &str =
    "swapped() { for n in $(seq 3000); do ! grep -qs swapped /run/attack-after || break; sleep 0.01; done; }";

const FILE: &[Swap] = &[Swap {
    name: "a file is a link to /etc/shadow after its checksum was taken",
    prepare: "chmod 640 config/genesis.json; ln -sfn /etc/shadow config/trap",
    read: "config/genesis.json",
    names: ["config/genesis.json", "config/trap"],
    act: &[UP],
    naive: "sha256sum config/genesis.json; swapped; chown chain: config/genesis.json",
}];

const FOLDERS: &[Swap] = &[
    Swap {
        name: "config is a link to a folder of root's after a file in it was read",
        prepare: "echo '# drift' >>config/config.toml; ln -sfn /etc/canary trap",
        read: "config/genesis.json",
        names: ["config", "trap"],
        act: &[UP],
        naive: "sha256sum config/genesis.json; swapped; echo >config/config.toml",
    },
    Swap {
        name: "the node's folder is a link to one of root's after a file in it was read",
        prepare: "chmod 700 .; rm -f cometbft; ln -sfn /etc/canary ../trap",
        read: "config/genesis.json",
        names: [".", "../trap"],
        act: &[UP],
        naive: "cd /home/chain; sha256sum node/config/genesis.json; swapped; echo >node/config.toml",
    },
    Swap {
        name: "data is a link to another's after the sign state was read",
        prepare: "ln -sfn /home/other/node/data trap",
        read: "data/priv_validator_state.json",
        names: ["data", "trap"],
        act: &[DOWN, DESTROY],
        naive: "cat data/priv_validator_state.json; swapped; rm -rf data/blockstore.db",
    },
];

/// A stage reads a file some times before it acts; each moment is tried.
const MOMENTS: std::ops::RangeInclusive<u32> = 1..=4;

fn armed(ground: &Ground, swap: &Swap, moment: u32) {
    ground.by("chain", &format!("cd node; {}", swap.prepare)).ok();
    let [one, other] = swap.names.map(|name| match name {
        "." => "/home/chain/node".to_owned(),
        "../trap" => "/home/chain/trap".to_owned(),
        name => format!("/home/chain/node/{name}"),
    });
    let after =
        format!("/usr/local/bin/attack after /home/chain/node/{} {moment} {one} {other} 3000", swap.read);
    ground.begin("chain", "after", &after);
    ground.root("until [ -s /run/attack-after ]; do sleep 0.02; done").ok();
}

fn once_it_was_read(lab: &Lab, swaps: &[Swap]) {
    let moments: Vec<(&Swap, u32)> =
        MOMENTS.flat_map(|moment| swaps.iter().map(move |swap| (swap, moment))).collect();
    on_all_hosts(lab, &moments, |ground, (swap, moment)| {
        ground.clean();
        ground.born();
        let before = ground.witness();
        armed(ground, swap, *moment);
        for command in swap.act {
            ground.loomctl(command);
        }
        let said = ground.end("after");
        let done = differences(&before, &ground.witness());
        if *moment == 1 {
            assert!(said.contains("swapped"), "control: nobody has read {} ({said})", swap.read);
            control(ground, swap);
        }
        (!done.is_empty()).then(|| format!("  {} {moment} times\n{done}", swap.name))
    });
}

fn control(ground: &Ground, swap: &Swap) {
    ground.clean();
    ground.born();
    ground.root("systemctl stop cometbft").ok();
    let before = ground.witness();
    armed(ground, swap, 1);
    ground.root(&format!("{SWAPPED}; cd /home/chain/node; {}", swap.naive));
    let said = ground.end("after");
    assert!(before != ground.witness(), "control: a naive script is safe from it: {} ({said})", swap.name);
}

fn a_file_is_swapped_once_it_was_read(lab: &Lab) {
    once_it_was_read(lab, FILE);
}

fn folders_are_swapped_once_a_file_was_read(lab: &Lab) {
    once_it_was_read(lab, FOLDERS);
}

/// Two names below the node's home, and where the second leads.
const PAIRS: &[[&str; 3]] = &[
    ["node/config/genesis.json", "node/config/trap", "/etc/shadow"],
    ["node/config/config.toml", "node/config/trap", "/etc/canary/config.toml"],
    ["node/config/priv_validator_key.json", "node/config/trap", "/etc/canary/file"],
    ["node/config", "node/trap", "/etc/canary"],
    ["node/data", "node/trap", "/home/other/node/data"],
    [
        "node/data/priv_validator_state.json",
        "node/data/trap",
        "/home/other/node/data/priv_validator_state.json",
    ],
    ["node/cometbft", "node/trap", "/etc/canary/file"],
    ["node", "trap", "/etc/canary"],
    ["node/.loomctl-init", "node/trap", "/etc/canary"],
    ["node/.loomctl-init/config", "node/.loomctl-init/trap", "/etc/canary"],
];

const FOR_GOOD: &[&str] = &["down", "--destroy", "--delete-keys", "--yes"];

/// Every command over a node whose account does nothing else than to exchange two names.
fn names_are_swapped_all_the_time(lab: &Lab) {
    on_all_hosts(lab, PAIRS, |ground, [one, other, target]| {
        ground.clean();
        ground.born();
        let staging = one.contains(".loomctl-init");
        if staging {
            ground.by("chain", "mkdir -p node/.loomctl-init/config; cp node/config/genesis.json node/.loomctl-init/config").ok();
        }
        ground.by("chain", &format!("ln -s {target} {other}")).ok();
        let before = ground.witness();
        ground.begin(
            "chain",
            "swap",
            &format!("/usr/local/bin/attack swap /home/chain/{one} /home/chain/{other}"),
        );
        if staging {
            ground.root("rm -rf /var/lib/loomctl/labnet").ok();
        }
        let drift = "cd node/config && { echo '# drift' >>config.toml; chmod 600 genesis.json; true; }";
        for command in [UP, &["up", "--no-verify", "--adopt", "--roll"], UP, DOWN, DESTROY, FOR_GOOD] {
            ground.by("chain", drift);
            ground.loomctl(command);
        }
        ground.end("swap");
        let done = differences(&before, &ground.witness());
        (!done.is_empty()).then(|| format!("  {one} and {target}\n{done}"))
    });
    let ground = Ground::new(lab, 0);
    ground.root("mkdir -p /home/chain/node; echo >/home/chain/node/file; ln -s /etc/canary/file /home/chain/node/trap; chown -hR chain: /home/chain").ok();
    let before = ground.witness();
    ground.begin("chain", "swap", "/usr/local/bin/attack swap /home/chain/node/file /home/chain/node/trap");
    let looks = "cd /home/chain/node; for n in $(seq 5000); do [ -L file ] || chown chain: file; \
                 [ \"$(stat -c %U /etc/canary/file)\" != chain ] || break; done";
    ground.root(looks);
    ground.end("swap");
    assert!(before != ground.witness(), "control: who looks before he acts is safe from it");
}
