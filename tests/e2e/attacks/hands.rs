//! P1, P2, P6: what a node's account does to the processes that work as itself in its folder, and what others see of them.

use std::time::Duration;

use super::{DESTROY, DOWN, Ground, UP, differences, long};
use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_hand_shows_nothing_of_root, copies_are_closed_to_others]);
    long(
        suite,
        tests![
            a_hand_that_is_stopped_holds_nobody_up,
            thousands_of_ports_hide_no_node,
            root_has_no_node_in_a_folder_of_somebody_elses,
            a_folder_that_its_owner_has_closed_goes,
            a_neighbour_of_another_account_is_not_touched,
            a_run_on_its_own_host_lends_no_terminal,
            a_home_that_root_cannot_look_at,
            a_home_that_vanishes_leads_nowhere_else
        ],
    );
}

/// By the node's account, which sees the environment of what works as itself.
/// P6
fn a_hand_shows_nothing_of_root(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    ground.begin("chain", "sample", "/usr/local/bin/attack sample /home/chain/seen");
    let naive = "export CANARY_OF_ROOT=1; for n in $(seq 1000); do setpriv --reuid=chain --regid=chain --init-groups \
                 env -i sleep 0.01; ! grep -qs CANARY_OF_ROOT /home/chain/seen || break; done";
    ground.root(naive).ok();
    // Long enough to be seen.
    let inventory = ground.hostile_program("sleep 2");
    ground.loomctl_with(&inventory, UP).ok();
    ground.by("chain", "echo '# drift' >>node/config/config.toml").ok();
    ground.loomctl_with(&inventory, UP).ok();
    ground.end("sample");
    let seen = ground.root("cat /home/chain/seen").ok();
    assert!(seen.contains("CANARY_OF_ROOT"), "control: who drops root first shows its environment");
    assert!(seen.contains("USER=chain") && seen.contains("cometbft init"), "control: little was seen");
    let configuration = ground.root("sha256sum </home/chain/node/config/config.toml").ok();
    let sum = configuration.split(' ').next().unwrap();
    for secret in ["SUDO_", "SSH_", sum] {
        let line = seen.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} was seen");
    }
}

/// A configuration with a password, in a folder that only its owner reads.
/// P6
fn copies_are_closed_to_others(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    let password = "canary-of-a-database";
    let inventory = ground.inventory().var(
        "settings",
        serde_json::json!({"config.toml": {"tx_index.psql-conn": format!("postgresql://u:{password}@db/x")}}),
    );
    ground.loomctl_with(&inventory, UP).ok();
    ground.by("chain", "chmod 700 node/config").ok();
    // The node is taken over, by a run that knows nothing of it.
    ground.root("rm -rf /var/lib/loomctl/labnet").ok();
    let adopted = ground.loomctl_with(&inventory, &["up", "--no-verify", "--adopt", "--roll"]);
    assert_eq!(adopted.code, Some(0), "{adopted}");
    let all = ground.root(&format!("grep -rlF {password} /var/lib/loomctl /home/chain/node/config")).ok();
    assert!(all.contains("/pristine/") && all.contains("config.toml"), "control: {all}");
    let seen =
        ground.by("mallory", &format!("grep -rlsF {password} /var/lib/loomctl /home/chain || true")).ok();
    assert_eq!(seen, "");
    let sum = ground.root("sha256sum </home/chain/node/config/config.toml").ok();
    let sum = sum.split(' ').next().unwrap();
    let all = ground.root(&format!("grep -rlF {sum} /var/lib/loomctl")).ok();
    assert!(all.contains("manifest.json"), "control: {all}");
    let seen = ground.by("mallory", &format!("grep -rlsF {sum} /var/lib/loomctl || true")).ok();
    assert_eq!(seen, "", "by its checksum a short password can be guessed");
}

/// What looks has a minute, and the node two for its stop before systemd kills it.
const PATIENCE: Duration = Duration::from_secs(300);

/// P2
fn a_hand_that_is_stopped_holds_nobody_up(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    ground.born();
    ground.begin("chain", "stop", "/usr/local/bin/attack stop");
    let naive =
        ground.root("timeout -s KILL 5 setpriv --reuid=chain --regid=chain --init-groups sh -c 'sleep 1'");
    assert_eq!(naive.code, Some(137), "control: what works as the account ends all the same");
    let inventory = ground.write(&ground.inventory());
    let run = |command: &[&str]| {
        ground.lab.start_loomctl(&[command, &["-i", &inventory]].concat()).wait_for(PATIENCE)
    };
    let up = run(UP).exits(1);
    assert!(up.stderr.contains("could not be read to its end as chain"), "{up}");
    run(DOWN).exits(0);
    assert_ne!(ground.root("systemctl is-active cometbft").stdout, "active\n");
    ground.end("stop");
    ground.loomctl(UP).ok();
}

/// P2
fn thousands_of_ports_hide_no_node(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    ground.begin("mallory", "listen", "-p LimitNOFILE=65536 /usr/local/bin/attack listen 9000");
    ground.root("for n in $(seq 100); do grep -q listens /run/attack-listen && exit; sleep 0.1; done; cat /run/attack-listen.err; exit 1").ok();
    let naive =
        "grep -F -e \"$(sed -E 's/^ *([^ ]+ +){9}([0-9]+) .*/socket:[\\2]/' /proc/net/tcp)\" /dev/null";
    let naive = ground.root(naive);
    assert!(naive.stderr.contains("Argument list too long"), "control: {naive}");
    let up = ground.loomctl(&["up"]);
    ground.end("listen");
    assert_eq!(up.code, Some(0), "{up}");
}

/// P1
fn root_has_no_node_in_a_folder_of_somebody_elses(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    let theirs = [
        ("mallory has the folder", "mkdir -p /srv/chain/node; chown mallory /srv/chain/node"),
        ("anyone may write to the folder", "mkdir -p /srv/chain/node; chmod 777 /srv/chain/node"),
        ("mallory has a folder on the way", "mkdir -p /srv/chain/node; chown mallory /srv/chain"),
        (
            "mallory has a folder in it",
            "mkdir -p /srv/chain/node/config; chown mallory /srv/chain/node/config",
        ),
    ];
    let inventory = ground.inventory().var("user", "root").var("working_directory", "/srv/chain/node");
    let before = ground.witness();
    for (name, prepare) in theirs {
        ground.root(&format!("rm -rf /srv/chain; {prepare}")).ok();
        let up = ground.loomctl_with(&inventory, UP);
        assert_eq!(up.code, Some(3), "{name}: {up}");
        assert!(up.stderr.contains("cannot be a node of root's"), "{name}: {up}");
        let there =
            ground.root("find /srv/chain -type f; ls /etc/systemd/system/cometbft.service 2>/dev/null");
        assert_eq!(there.stdout, "", "{name}");
    }
    assert_eq!(differences(&before, &ground.witness()), "");
    // Control: where it is root's it can be.
    ground.root("rm -rf /srv/chain").ok();
    ground.loomctl_with(&inventory, UP).ok();
    ground.loomctl_with(&inventory, &["down", "--destroy", "--delete-keys", "--yes"]).ok();
}

/// P1
fn a_folder_that_its_owner_has_closed_goes(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    ground.born();
    ground.root("systemctl stop cometbft").ok();
    let closed = "cd node/data/blockstore.db; mkdir -p a/b; touch a/b/c a/d; chmod 0 a/b; chmod 0 a; ! rm -rf a 2>/dev/null";
    ground.by("chain", closed).ok(); // control: a naive rm does not remove it
    let down = ground.loomctl(DESTROY);
    assert_eq!(down.code, Some(0), "{down}");
    assert_eq!(ground.root("ls -d /home/chain/node/data/blockstore.db 2>/dev/null").stdout, "", "{down}");
}

/// Two nodes of one cluster on one machine, each with an account of its own: what one does with links is not the other's harm.
/// P1
fn a_neighbour_of_another_account_is_not_touched(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    let address = lab.address(0);
    let second = serde_json::json!({
        "ansible_host": address, "private_ip": address, "user": "other", "working_directory": "/home/other/second",
        "unit_name": "second", "ports": {"p2p": 26756, "rpc": 26757, "prometheus": 26760},
    });
    let inventory = ground.inventory().host("neighbour", &second);
    ground.loomctl_with(&inventory, &["up"]).ok();
    let owners = ground.root(
        "find /home/chain/node -printf '%u\\n' | sort -u; find /home/other/second -printf '%u\\n' | sort -u",
    );
    assert_eq!(owners.stdout, "chain\nother\n");
    ground.loomctl_with(&inventory, DOWN).ok();
    let theirs = "cd /home/other/second && find . -type f ! -name 'write-file-atomic-*' -exec sha256sum {} + | sort; find . -printf '%p %u %m\\n' | sort";
    let before = ground.root(theirs).ok();
    let trap = "cd node; rm -rf data config/genesis.json; ln -s /home/other/second/data data; ln -s /home/other/second/config/genesis.json config/genesis.json";
    ground.by("chain", trap).ok();
    for command in [UP, DOWN, DESTROY, &["down", "--destroy", "--delete-keys", "--yes"]] {
        ground.loomctl_with(&inventory, &[command, &["--limit", "node-0"]].concat());
        assert_eq!(ground.root(theirs).ok(), before, "{command:?}");
    }
    let naive = ground
        .root("rm -rf /home/chain/node/data/blockstore.db; test -e /home/other/second/data/blockstore.db");
    assert_ne!(naive.code, Some(0), "control: a naive script is safe from it");
    ground.loomctl_with(&inventory, &["down", "--destroy", "--delete-keys", "--yes"]);
}

/// loomctl runs on the host as root, in somebody's terminal (TIOCSTI types into it).
/// P1, P3
fn a_run_on_its_own_host_lends_no_terminal(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    std::fs::copy(env!("CARGO_BIN_EXE_loomctl"), ground.path("usr/local/bin/loomctl")).unwrap();
    let mut inventory = ground.hostile_program("/usr/local/bin/attack spy $home/spied");
    std::fs::copy(lab.path("cometbft"), ground.path("usr/local/bin/program")).unwrap();
    ground.root("chmod 755 /usr/local/bin/program /usr/local/bin/loomctl").ok();
    inventory = inventory.var("binary", "/usr/local/bin/program").var("ansible_connection", "local");
    std::fs::write(ground.path("root/inventory.yaml"), inventory.yaml()).unwrap();
    let run = "cd /root && script -qec 'loomctl up --no-verify -i inventory.yaml' /dev/null";
    let up = ground.root(run);
    assert_eq!(up.code, Some(0), "{up}");
    let spied = ground.by("chain", "cat node/spied").ok();
    assert!(spied.contains("terminal none\n"), "{spied}");
    let naive = "script -qec 'setpriv --reuid=chain --regid=chain --init-groups /usr/local/bin/attack spy /tmp/naive' /dev/null; cat /tmp/naive";
    let naive = ground.root(naive).stdout;
    assert!(naive.contains("terminal open\n"), "control: {naive}");
}

/// The account's own file system over `over`, which shows `real`: fusermount(1) does that for anybody.
fn mounted(ground: &Ground, real: &str, over: &str) {
    ground.lab.lend(ground.host, "bindfs");
    ground.root("[ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229").ok();
    let bindfs = format!(
        "-p AmbientCapabilities=CAP_SYS_ADMIN /usr/local/bin/bindfs -f -n --no-allow-other -o nonempty {real} {over}"
    );
    ground.begin("chain", "fuse", &bindfs);
    let is_there = format!(
        "for n in $(seq 100); do ! grep -qs ' {over} fuse' /proc/mounts || exit 0; sleep 0.1; done; cat /run/attack-fuse.err; exit 1"
    );
    ground.root(&is_there).ok();
    let naive = ground.root(&format!("ls {over}"));
    assert!(naive.stderr.contains("Permission denied"), "control: root looks at it: {naive}");
}

fn unmounted(ground: &Ground, over: &str) {
    ground.end("fuse");
    ground.root(&format!("umount -l {over} 2>/dev/null; true")).ok();
}

/// As NFS with root squash and FUSE without allow_root have it: systemd has to show it to the node all the same.
/// P1
fn a_home_that_root_cannot_look_at(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    ground.by("chain", "mkdir real home; chmod 700 real home").ok();
    mounted(&ground, "/home/chain/real", "/home/chain/home");
    let inventory = ground.inventory().var("working_directory", "/home/chain/home/node");
    ground.loomctl_with(&inventory, &["up"]).ok();
    let again = ground.loomctl_with(&inventory, &["up", "--json"]);
    assert_eq!(again.summary()["changed"], 0, "{again}");
    ground.by("chain", "echo '# drift' >>home/node/config/config.toml").ok();
    ground.loomctl_with(&inventory, UP).ok();
    ground.by("chain", "! grep -q drift home/node/config/config.toml").ok();
    ground.loomctl_with(&inventory, &["down", "--destroy", "--delete-keys", "--yes"]).ok();
    let left = ground.by("chain", "find home -type f ! -name 'write-file-atomic-*'").ok();
    assert_eq!(left, "");
    unmounted(&ground, "/home/chain/home");
}

/// What root cannot look at is not there for it; once it works there, something else is.
/// P1
fn a_home_that_vanishes_leads_nowhere_else(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    for tool in ["mkdir", "install", "chown", "stat"] {
        ground.clean();
        ground.by("chain", "mkdir empty; ln -s /etc/canary node").ok();
        let before = ground.witness();
        let armed = || {
            ground.root("mkdir -p /srv/real && chown chain: /srv/real").ok();
            mounted(&ground, "/srv/real", "/home/chain");
            let vanish = format!(
                "-p AmbientCapabilities=CAP_SYS_ADMIN /usr/local/bin/attack vanish /usr/bin/{tool} /home/chain"
            );
            ground.begin("chain", "vanish", &vanish);
            ground.root("until [ -s /run/attack-vanish ]; do sleep 0.02; done").ok();
        };
        armed();
        ground.loomctl(UP);
        ground.end("vanish");
        unmounted(&ground, "/home/chain");
        assert_eq!(differences(&before, &ground.witness()), "", "at {tool}");
        if tool == "mkdir" {
            ground.clean();
            ground.by("chain", "ln -s /etc/canary node").ok();
            armed();
            ground.root(
                "[ -d /home/chain/node ] || { mkdir -p /srv/x; sleep 0.2; chown chain: /home/chain/node; }",
            );
            let said = ground.end("vanish");
            unmounted(&ground, "/home/chain");
            assert!(before != ground.witness(), "control: a naive script is safe from it ({said})");
        }
    }
}
