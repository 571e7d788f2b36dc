//! P1: nobody becomes root. Links in place of a node's files and folders, before a run and while it is at work.

use super::{DESTROY, DOWN, Ground, UP, differences, liars::cluster, long, on_all_hosts};
use crate::{
    e2e::keys_backup::identity,
    support::{Lab, Suite, inventory::Inventory, tests},
};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![links_that_are_there_before]);
    long(suite, tests![links_of_a_node_that_has_lived, keys_go_back_through_no_link]);
}

struct Attack {
    name: &'static str,
    /// What comes before: an ordinary node, or nothing.
    lay: fn(&Ground),
    /// What the node's account does, in its home.
    trap: &'static str,
    act: fn(&Ground),
    /// What a naive script of root's does with the same trap.
    naive: &'static str,
}

fn nothing(_: &Ground) {}

fn born(ground: &Ground) {
    ground.born();
}

fn stopped(ground: &Ground) {
    born(ground);
    ground.loomctl(DOWN).ok();
}

fn up(ground: &Ground) {
    ground.loomctl(UP);
}

fn destroy(ground: &Ground) {
    ground.loomctl(DESTROY);
    ground.loomctl(&["down", "--destroy", "--delete-keys", "--yes"]);
}

/// The chain's own program is the attacker, in its init; an interrupted run has another after it.
fn init(ground: &Ground, hook: &str) {
    let inventory = ground.hostile_program(hook);
    ground.loomctl_with(&inventory, UP);
    ground.loomctl_with(&inventory, UP);
}

/// A chain that has not begun, and will not.
fn unborn(ground: &Ground, year: u32) -> Inventory {
    ground.inventory().var("genesis_time", format!("{year}-01-01T00:00:00Z"))
}

const BEFORE: &[Attack] = &[
    Attack {
        name: "the node's folder is a link to one of root's",
        lay: nothing,
        trap: "ln -s /etc/canary node",
        act: up,
        naive: "chown chain: /home/chain/node/",
    },
    Attack {
        name: "a folder above the node's is a link to /etc",
        lay: nothing,
        trap: "ln -s /etc way",
        act: |ground| {
            let inventory = ground.inventory().var("working_directory", "/home/chain/way/node");
            ground.loomctl_with(&inventory, UP);
        },
        naive: "mkdir -p /home/chain/way/canary/made",
    },
    Attack {
        name: "a whole staging folder, its document a link to a secret",
        lay: nothing,
        trap: "mkdir -p node/.loomctl-init/config; cd node/.loomctl-init; ln -s /etc/canary/genesis.json config; : >.complete",
        act: up,
        naive: "cat /home/chain/node/.loomctl-init/config/genesis.json >/var/lib/naive",
    },
    Attack {
        name: "the staging folder is a link to a folder of root's",
        lay: nothing,
        trap: "mkdir node; ln -s /etc/canary node/.loomctl-init",
        act: |ground| {
            up(ground);
            destroy(ground);
        },
        naive: "chown -R chain: /home/chain/node/.loomctl-init/",
    },
];

const LATER: &[Attack] = &[
    Attack {
        name: "init leaves its end mark as a link to a file of root's",
        lay: nothing,
        trap: "ln -s /etc/canary/file mark",
        act: |ground| init(ground, "ln -s /etc/canary/file $home/.complete"),
        naive: ": >/home/chain/mark",
    },
    Attack {
        name: "init leaves its end mark as a link to nowhere",
        lay: nothing,
        trap: "ln -s /etc/new-file mark",
        act: |ground| init(ground, "ln -s /etc/new-file $home/.complete"),
        naive: ": >/home/chain/mark",
    },
    Attack {
        name: "init leaves a document as a link to a secret",
        lay: nothing,
        trap: "ln -s /etc/canary/genesis.json genesis",
        act: |ground| init(ground, "ln -sf /etc/canary/genesis.json $home/config/genesis.json"),
        naive: "cp /home/chain/genesis /var/lib/naive",
    },
    Attack {
        name: "init leaves a program that swaps its document for a link to a secret",
        lay: nothing,
        trap: "ln -s /etc/canary/genesis.json genesis",
        act: |ground| {
            let swap = "ln -s /etc/canary/genesis.json $home/x; setsid /usr/local/bin/attack swap \
                        $home/config/genesis.json $home/x </dev/null >/dev/null 2>&1 &";
            init(ground, swap);
        },
        naive: "cp /home/chain/genesis /var/lib/naive",
    },
    Attack {
        name: "init leaves its configuration as a link to a secret",
        lay: nothing,
        trap: "ln -s /etc/canary/config.toml config",
        act: |ground| init(ground, "ln -sf /etc/canary/config.toml $home/config/config.toml"),
        naive: "cp /home/chain/config /var/lib/naive",
    },
    Attack {
        name: "init leaves its keys as links to files of root's",
        lay: nothing,
        trap: "ln -s /etc/canary/file key",
        act: |ground| {
            init(
                ground,
                "for key in config/node_key.json config/priv_validator_key.json data/priv_validator_state.json; do \
                 ln -sf /etc/canary/file $home/$key; done",
            );
        },
        naive: "chown chain: /home/chain/key",
    },
    Attack {
        name: "init leaves its data as a link to another's",
        lay: nothing,
        trap: "ln -s /home/other/node/data data",
        act: |ground| {
            init(ground, "rm -r $home/data; ln -s /home/other/node/data $home/data");
            destroy(ground);
        },
        naive: "rm -rf /home/chain/data/blockstore.db",
    },
    Attack {
        name: "data is a link to another's, and the node is destroyed",
        lay: stopped,
        trap: "until rm -rf node/data; do :; done; mkdir -p node; ln -s /home/other/node/data node/data",
        act: destroy,
        naive: "rm -rf /home/chain/node/data/blockstore.db",
    },
    Attack {
        name: "a database is a link to another's, and the node is destroyed",
        lay: stopped,
        trap: "mkdir -p node/data; until rm -rf node/data/blockstore.db; do :; done; ln -s /home/other/node/data/blockstore.db node/data",
        act: destroy,
        naive: "rm -rf /home/chain/node/data/blockstore.db/",
    },
    Attack {
        name: "the sign state is a link to another's, and the node is destroyed",
        lay: stopped,
        trap: "mkdir -p node/data; ln -sf /home/other/node/data/priv_validator_state.json node/data",
        act: destroy,
        naive: "sed -i --follow-symlinks s/1/0/ /home/chain/node/data/priv_validator_state.json",
    },
    Attack {
        name: "config is a link to a folder of root's, and files there are missing",
        // With the keys there as well, so that a run gets that far.
        lay: |ground| {
            stopped(ground);
            ground.root("cp -p /home/chain/node/config/*key.json /etc/canary").ok();
        },
        trap: "mkdir -p node/config; mv node/config node/c; ln -s /etc/canary node/config",
        act: |ground| {
            up(ground);
            destroy(ground);
        },
        naive: "touch /home/chain/node/config/config.toml",
    },
    Attack {
        name: "a node is taken over whose configuration is a link to a secret",
        lay: |ground| {
            born(ground);
            ground.root("sleep 3; rm -rf /var/lib/loomctl/labnet").ok();
        },
        trap: "mkdir -p node/config; ln -sf /etc/canary/config.toml node/config",
        act: |ground| drop(ground.loomctl(&["up", "--no-verify", "--adopt"])),
        naive: "cp /home/chain/node/config/config.toml /var/lib/naive",
    },
    Attack {
        name: "data is a link to another's, and an unborn chain begins again",
        lay: |ground| drop(ground.loomctl_with(&unborn(ground, 2035), UP).ok()),
        trap: "mkdir -p node; until rm -rf node/data; do :; done; ln -s /home/other/node/data node/data",
        act: |ground| {
            drop(ground.loomctl_with(&unborn(ground, 2036), &["up", "--no-verify", "--reset-unborn"]));
        },
        naive: "rm -rf /home/chain/node/data/blockstore.db",
    },
    Attack {
        name: "the last folder is one that others own",
        lay: born,
        trap: "until rm -rf node; do :; done; ln -s /home/other/node node",
        act: |ground| {
            up(ground);
            destroy(ground);
        },
        naive: "chown -R chain: /home/chain/node/",
    },
];

fn links_that_are_there_before(lab: &Lab) {
    all(lab, BEFORE);
}

fn links_of_a_node_that_has_lived(lab: &Lab) {
    all(lab, LATER);
}

fn all(lab: &Lab, attacks: &[Attack]) {
    on_all_hosts(lab, attacks, |ground, attack| {
        ground.clean();
        (attack.lay)(ground);
        ground.by("chain", attack.trap).ok();
        let before = ground.witness();
        (attack.act)(ground);
        let done = differences(&before, &ground.witness());

        ground.clean();
        ground.by("chain", attack.trap).ok();
        let before = ground.witness();
        ground.root(attack.naive);
        assert!(before != ground.witness(), "control: nobody would notice that {}", attack.name);
        (!done.is_empty()).then(|| format!("  {}\n{done}", attack.name))
    });
}

/// A node that has lost its disk, and an account there that has made the folders which its keys go to.
fn keys_go_back_through_no_link(lab: &Lab) {
    let (grounds, inventory) = cluster(lab, 4, |_| ":");
    let path = inventory.write(lab);
    let loomctl = |arguments: &[&str]| lab.loomctl(&[arguments, &["-i", path.to_str().unwrap()]].concat());
    loomctl(&["up"]).ok();
    let (own, recipient) = identity(lab, "own.txt");
    let file = lab.path("keys.age");
    let file = file.to_str().unwrap();
    loomctl(&["keys", "backup", "-r", &recipient, "-o", file]).ok();
    let gone = "systemctl stop cometbft; rm -rf /home/chain/node /var/lib/loomctl/labnet /etc/systemd/system/cometbft.service \
                /etc/systemd/system/*.wants/cometbft.service; systemctl daemon-reload";
    let ground = &grounds[3];
    let mut through = Vec::new();
    for trap in [
        "mkdir node; ln -s /etc/canary node/config",
        "mkdir node; ln -s /home/other/node/data node/data",
        "ln -s /etc/canary node",
        "mkdir -p node/config; ln -s /etc/canary/file node/config/.node_key.json.loomctl-new",
    ] {
        ground.root(gone).ok();
        ground.by("chain", trap).ok();
        let before = ground.witness();
        loomctl(&["keys", "restore", file, "--identity", &own, "--yes"]);
        let done = differences(&before, &ground.witness());
        if !done.is_empty() {
            through.push(format!("  {trap}\n{done}"));
        }
        ground.clean();
    }
    ground.by("chain", "mkdir node; ln -s /etc/canary node/config").ok();
    let before = ground.witness();
    ground.root("install -m 600 -o chain /etc/canary/file /home/chain/node/config/node_key.json").ok();
    assert!(before != ground.witness(), "control: a naive script is safe from it");
    assert!(through.is_empty(), "{} attacks got through:\n{}", through.len(), through.join("\n"));
}
