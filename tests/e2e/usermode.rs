//! Without root: everything as the login user, under that user's own systemd. sudo is taken away first, so that a hidden
//! one would fail.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{Lab, Suite, command::Run, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        a_cluster_without_root_is_proven_left_alone_repaired_and_removed,
        without_lingering_nothing_is_begun,
        what_only_root_can_do_is_refused_on_hosts
    ]);
    suite.slow_on_lab(tests![
        slow_a_run_without_root_that_is_killed_is_finished_by_the_next,
        slow_some_hosts_have_root_and_some_have_not
    ]);
}

const HOME: &str = "/home/ubuntu";

fn without_root(lab: &Lab, hosts: impl IntoIterator<Item = usize>, linger: bool) {
    for host in hosts {
        lab.root(host, "rm -f /etc/sudoers.d/* && chmod 0 /usr/bin/sudo").ok();
        if linger {
            lab.root(host, "loginctl enable-linger ubuntu").ok();
        }
    }
}

fn inventory(lab: &Lab) -> Inventory {
    lab.inventory("cometbft").without("user").var("ansible_become", false)
}

fn write(lab: &Lab, inventory: &Inventory) -> String {
    inventory.write(lab).to_str().unwrap().to_owned()
}

/// As the login user, by its own systemd.
fn systemctl(lab: &Lab, host: usize, what: &str) -> String {
    lab.ssh(host, &format!("systemctl --user {what}")).ok()
}

/// Everything that a second run must not move. The node writes its address book every two minutes, which changes its folder.
fn still(lab: &Lab) -> String {
    let look = "find ~/node/config ~/.config ~/.local ! -name addrbook.json ! -name 'write-file-atomic-*' \
                ! -path ~/node/config -printf '%p %i %C@\\n' | sort; \
                systemctl --user show -p MainPID,NRestarts,InvocationID cometbft";
    (0..lab.hosts()).fold(String::new(), |mut all, host| {
        let _ = writeln!(all, "host {host}\n{}", lab.ssh(host, look).ok());
        all
    })
}

/// What has changed on a host since `mark`, when its own timers were stopped, but below the user's home and runtime folder, and what every login leaves.
fn elsewhere(lab: &Lab, host: usize) -> String {
    let look = "find / -xdev -newer /mark ! -type d ! -path '/home/ubuntu/*' ! -path '/run/user/1000/*' ! -path '/proc/*' \
                ! -path '/sys/*' ! -path '/dev/*' ! -path '/var/log/*' ! -path '/run/*' 2>/dev/null; \
                find / -xdev -name '*loomctl*' ! -path '/home/ubuntu/*' ! -path '/proc/*' 2>/dev/null; \
                find /run -name '*loomctl*' ! -path '/run/user/1000/*'; \
                ls /etc/systemd/system/cometbft* 2>/dev/null";
    lab.root(host, &format!("{look}; true")).stdout
}

fn height(lab: &Lab, host: usize) -> u64 {
    let status = lab.get(host, 26657, "/status").unwrap_or_default();
    let height = status["result"]["sync_info"]["latest_block_height"].as_str().unwrap_or("0").to_owned();
    height.parse().unwrap()
}

/// S2, S8
fn a_cluster_without_root_is_proven_left_alone_repaired_and_removed(lab: &Lab) {
    without_root(lab, 0..lab.hosts(), true);
    (0..lab.hosts()).for_each(|host| drop(lab.root(host, "systemctl stop '*.timer'; touch /mark").ok()));
    let path = write(lab, &inventory(lab));
    let i = ["-i", path.as_str()];
    let plan = lab.loomctl(&["plan", i[0], i[1], "--exit-code"]).exits(10).stdout;
    assert!(plan.contains("/.config/systemd/user/cometbft.service"), "{plan}");
    assert!(!plan.contains("/etc/systemd") && !plan.contains("/var/lib"), "{plan}");
    lab.root(0, &format!("test ! -e {HOME}/.config && test ! -e {HOME}/.local && test ! -e {HOME}/node"))
        .ok();

    let run = lab.loomctl(&["up", i[0], i[1], "--json"]).exits(0);
    let events = run.events();
    for id in ["V1", "V2", "V3", "V4", "V5", "V6", "V7", "V8", "V9", "V10"] {
        let rows: Vec<&Value> =
            events.iter().filter(|event| event["event"] == "check" && event["id"] == id).collect();
        assert!(rows.len() == lab.hosts() && rows.iter().all(|row| row["result"] == "ok"), "{id}");
    }
    let ours = "ps -o user= -p $(pidof cometbft); cat /proc/$(pidof cometbft)/cgroup; \
                grep -E 'NoNewPrivs|Seccomp:' /proc/$(pidof cometbft)/status; systemctl is-enabled cometbft 2>&1";
    let ours = lab.root(0, &format!("{ours}; true")).stdout;
    assert!(
        ours.starts_with("ubuntu\n") && ours.contains("/user@1000.service/app.slice/cometbft.service"),
        "{ours}"
    );
    assert!(ours.contains("NoNewPrivs:\t1\nSeccomp:\t2"), "{ours}");
    for host in 0..lab.hosts() {
        assert_eq!(elsewhere(lab, host), "", "on host {host}");
        let said = lab.ssh(host, "systemd-analyze --user verify cometbft.service 2>&1; true").stdout;
        assert_eq!(said, "");
    }

    let before = still(lab);
    assert_eq!(lab.loomctl(&["up", i[0], i[1], "--json"]).exits(0).summary()["changed"], 0);
    assert_eq!(still(lab), before, "S2: nothing moves");
    lab.loomctl(&["plan", i[0], i[1], "--exit-code"]).exits(0);

    looked_at(lab, i);
    repaired(lab, i);
    lives_without_a_session_and_over_a_reboot(lab, i);
    removed(lab, i);
}

fn looked_at(lab: &Lab, i: [&str; 2]) {
    let status = lab.loomctl(&["status", i[0], i[1]]).ok();
    assert_eq!(status.matches("active (running)").count(), lab.hosts(), "{status}");
    let logs = lab.loomctl(&["logs", i[0], i[1], "--grep", "Started cometbft.service", "-n", "50"]).ok();
    for host in 0..lab.hosts() {
        assert!(logs.lines().any(|line| line.starts_with(&format!("node-{host} "))), "{logs}");
    }
    assert!(
        lab.loomctl(&["logs", i[0], i[1], "-n", "20"]).ok().contains("cometbft: I["),
        "the node's own lines"
    );
    let facts = lab.loomctl(&["facts", i[0], i[1], "--json"]).exits(0);
    let facts = facts.events().into_iter().find(|event| event["event"] == "facts").unwrap();
    assert_eq!((&facts["machine"]["uid"], &facts["machine"]["lingers"]), (&"1000".into(), &true.into()));
    let listeners = facts["machine"]["listeners"].as_array().unwrap();
    let own = listeners.iter().find(|listener| listener["port"] == 26657).unwrap();
    assert_eq!((&own["unit"], &own["manager"]), (&"cometbft".into(), &1000.into()));
    rendered(lab, i);
    let doctor = lab.loomctl(&["doctor", i[0], i[1]]).exits(0).stdout;
    assert!(
        doctor.contains("none: user mode as ubuntu") && doctor.contains("its own node has them"),
        "{doctor}"
    );
    assert!(lab.loomctl(&["history", i[0], i[1]]).ok().contains("unit cometbft start"));
}

/// From facts that were written down comes what is there.
fn rendered(lab: &Lab, i: [&str; 2]) {
    let facts = lab.path("facts.json");
    std::fs::write(&facts, lab.loomctl(&["facts", i[0], i[1], "--json"]).ok()).unwrap();
    let out = lab.path("rendered");
    lab.loomctl(&["render", i[0], i[1], "--facts", facts.to_str().unwrap(), "--out", out.to_str().unwrap()])
        .ok();
    let unit = std::fs::read_to_string(out.join("node-2/home/ubuntu/.config/systemd/user/cometbft.service"))
        .unwrap();
    assert_eq!(unit, lab.ssh(2, "cat ~/.config/systemd/user/cometbft.service").ok());
}

fn repaired(lab: &Lab, i: [&str; 2]) {
    let running = systemctl(lab, 0, "show -p MainPID cometbft");
    lab.ssh(0, "echo Nice=3 >>~/.config/systemd/user/cometbft.service; systemctl --user disable -q cometbft")
        .ok();
    lab.ssh(1, "rm ~/node/config/genesis.json; echo x >>$(readlink ~/node/cometbft).new").ok();
    lab.ssh(2, "systemctl --user stop cometbft").ok();
    let plan = lab.loomctl(&["plan", i[0], i[1], "--exit-code"]).exits(10).stdout;
    for word in ["-Nice=3", "is disabled", "genesis.json — is missing", "is inactive"] {
        assert!(plan.contains(word), "{word:?} is not in\n{plan}");
    }
    lab.loomctl(&["up", i[0], i[1]]).ok();
    assert_eq!(systemctl(lab, 0, "show -p MainPID cometbft"), running, "S8: nothing is restarted for it");
    assert_eq!(systemctl(lab, 0, "is-enabled cometbft").trim(), "enabled");
    assert_eq!(lab.loomctl(&["up", i[0], i[1], "--json", "--no-verify"]).summary()["changed"], 0);
    // A node that fails is explained from its journal, which its user may read.
    lab.ssh(3, "systemctl --user stop cometbft; echo '[' >>~/node/config/config.toml; systemctl --user start cometbft").ok();
    // journald asks whose a line is when it reads it: of who is gone by then it does not know. The next try says it again.
    lab.ssh(3, "timeout 60 sh -c 'until journalctl --user-unit cometbft -n 12 | grep -q \"toml: \"; do sleep 0.2; done'").ok();
    let verify = ["verify", i[0], i[1], "--listen-timeout", "3", "--blocks-timeout", "3"];
    let explained = |run: &Run| run.stdout.contains("toml: ") && run.stdout.contains("Main process exited");
    let mut failed = lab.loomctl(&verify).exits(1);
    for _ in 0..9 {
        if explained(&failed) {
            break;
        }
        failed = lab.loomctl(&verify).exits(1);
    }
    assert!(explained(&failed), "{failed}");
    lab.ssh(3, "systemctl --user stop cometbft").ok();
    lab.loomctl(&["up", i[0], i[1]]).ok();
}

fn lives_without_a_session_and_over_a_reboot(lab: &Lab, i: [&str; 2]) {
    // Every session ends, and with it whatever only lived for one.
    lab.root(0, "for s in $(loginctl list-sessions --no-legend | awk '{print $1}'); do loginctl terminate-session $s; done; \
                 for i in $(seq 150); do loginctl list-sessions --no-legend | grep -q . || exec pidof cometbft; sleep 0.2; done; exit 1").ok();
    let boot = |host| {
        lab.root(host, "cat /proc/1/stat | cut -d' ' -f22; cat /proc/$(pidof cometbft)/stat | cut -d' ' -f22")
            .ok()
    };
    let (before, at) = (boot(1), height(lab, 0));
    lab.reboot(1);
    let verified = lab.loomctl(&["verify", i[0], i[1]]).exits(0);
    assert!(verified.stdout.contains("ok  4/4"), "{verified}");
    assert_ne!(boot(1), before, "it came back by itself");
    assert!(height(lab, 1) > at && height(lab, 0) > at);
    assert_eq!(
        lab.loomctl(&["up", i[0], i[1], "--json"]).exits(0).summary()["changed"],
        0,
        "S2 after a reboot"
    );
}

fn removed(lab: &Lab, i: [&str; 2]) {
    let id = |host| lab.ssh(host, "cat ~/node/config/node_key.json").ok();
    let before = id(0);
    lab.loomctl(&["down", i[0], i[1]]).ok();
    assert!(lab.root(0, "pidof cometbft").code != Some(0), "it is stopped");
    lab.loomctl(&["down", i[0], i[1], "--destroy", "--yes"]).ok();
    assert_eq!(id(0), before, "keys stay");
    let gone = "test ! -e ~/.config/systemd/user/cometbft.service && test ! -L ~/.config/systemd/user/default.target.wants/cometbft.service && \
                test ! -e ~/node/cometbft && test ! -e ~/node/data/blockstore.db";
    (0..lab.hosts()).for_each(|host| drop(lab.ssh(host, gone).ok()));
    lab.loomctl(&["up", i[0], i[1], "--no-verify"]).ok();
    assert_eq!(id(0), before);
    lab.loomctl(&["down", i[0], i[1], "--destroy", "--delete-keys", "--yes"]).ok();
    // A node that was stopped while it wrote its address book leaves a temporary file of its own.
    let left = "find ~/node ~/.local ~/.config ! -type d ! -name 'write-file-atomic-*'; ls ~/.local/state/loomctl/labnet";
    assert_eq!(lab.ssh(0, left).ok(), "");
    assert_eq!(elsewhere(lab, 0), "");
}

fn without_lingering_nothing_is_begun(lab: &Lab) {
    without_root(lab, 0..lab.hosts(), false);
    without_root(lab, 1..lab.hosts(), true);
    let path = write(lab, &inventory(lab));
    let refused = lab.loomctl(&["up", "-i", &path]).exits(1);
    assert!(refused.stderr.contains("node-0: the node would end with ubuntu's last session"), "{refused}");
    assert!(
        refused.stderr.contains("sudo loginctl enable-linger ubuntu")
            && !refused.stderr.contains("error: node-1:")
    );
    let doctor = lab.loomctl(&["doctor", "-i", &path]).exits(1).stdout;
    assert!(doctor.contains("without lingering"), "{doctor}");
    // The last session takes the runtime folder and the lock in it along.
    lab.root(0, "for i in $(seq 60); do [ -e /run/user/1000 ] || exit 0; sleep 1; done; exit 1").ok();
    for host in 0..lab.hosts() {
        // The cache of binaries may be filled before all hosts are accepted; nothing else is written.
        let left = format!(
            "find {HOME} -name node -o -name systemd; find / -xdev -path '*loomctl*' ! -type d ! -path '/proc/*' ! -path '*/loomctl/bin/*'"
        );
        assert_eq!(lab.root(host, &left).ok(), "", "on host {host}");
    }
    // No session of systemd's at all: there is not even a place for the lock.
    lab.root(0, "sed -i /pam_systemd/d /etc/pam.d/*").ok();
    let refused = lab.loomctl(&["up", "-i", &path]).exits(1);
    assert!(refused.stderr.contains("no systemd of the user ubuntu runs there"), "{refused}");
    assert!(refused.stderr.contains("enable-linger ubuntu"), "{refused}");
    // With lingering its systemd needs no session.
    lab.root(0, "loginctl enable-linger ubuntu").ok();
    lab.loomctl(&["up", "-i", &path]).ok();
}

fn what_only_root_can_do_is_refused_on_hosts(lab: &Lab) {
    without_root(lab, 0..lab.hosts(), true);
    let plain = inventory(lab);
    let refused = |changed: Inventory, code: i32, words: &[&str]| {
        let run = lab.loomctl(&["up", "-i", &write(lab, &changed)]).exits(code);
        for word in words {
            assert!(run.stderr.contains(word), "{word:?} is not in {run}");
        }
    };
    refused(plain.clone().var("user", "root"), 2, &["`user` is root", "set `user: ubuntu`"]);
    refused(plain.clone().var("create_user", true), 2, &["only root makes accounts"]);
    let ports = |port: u16| plain.clone().host_var("node-2", "ports", json!({"p2p": port}));
    refused(ports(443), 1, &["node-2: port 443 (p2p) is below 1024"]);
    refused(plain.clone().var("working_directory", "/srv/node"), 1, &["ubuntu may make nothing in /srv"]);
    lab.root(1, "install -d -o root /home/ubuntu/node").ok();
    refused(plain.clone(), 1, &["node-1: /home/ubuntu/node belongs to root:root", "chown -R ubuntu"]);
    lab.root(1, "rmdir /home/ubuntu/node").ok();
    for host in 0..lab.hosts() {
        lab.root(
            host,
            // The cache of binaries may be filled before all hosts are accepted; nothing else is written.
            "cd /home/ubuntu && test ! -e node && test ! -e .config && test -z \"$(find .local -type f ! -path '*/loomctl/bin/*')\"",
        )
        .ok();
    }
    // Elsewhere, where the administrator has made room.
    (0..lab.hosts()).for_each(|host| drop(lab.root(host, "install -d -o ubuntu '/srv/a b%'").ok()));
    let path = write(lab, &plain.var("working_directory", "/srv/a b%"));
    lab.loomctl(&["up", "-i", &path]).ok();
    assert_eq!(lab.loomctl(&["up", "-i", &path, "--json"]).summary()["changed"], 0);
}

/// S7 and S12 without root: locks below the user's runtime folder, a killed run, and the next one.
fn slow_a_run_without_root_that_is_killed_is_finished_by_the_next(lab: &Lab) {
    without_root(lab, 0..lab.hosts(), true);
    let path = write(lab, &inventory(lab));
    let up = ["up", "-i", path.as_str(), "--json", "--no-verify"];
    for moment in ["\"step\":\"upload ", "\"step\":\"init ", "\"step\":\"file ", "\"step\":\"unit "] {
        let mut run = lab.start_loomctl(&up);
        if !run.says(moment) {
            run.wait();
            continue;
        }
        if moment.contains("upload") {
            run.signal("STOP");
            let second = lab.loomctl(&up).exits(4);
            assert!(second.stderr.contains("is locked by another run"), "{second}");
        }
        run.kill();
    }
    lab.loomctl(&["up", "-i", &path, "--lock-wait", "35"]).ok();
    assert_eq!(lab.loomctl(&up).exits(0).summary()["changed"], 0);
    for host in 0..lab.hosts() {
        let left = "find ~ -name '*.new' -o -name '*loomctl-new' -o -name .complete; \
                    for lock in /run/user/1000/loomctl/*.lock; do flock -n $lock true || echo $lock is held; done";
        assert_eq!(lab.ssh(host, left).ok(), "", "on host {host}");
    }
}

fn slow_some_hosts_have_root_and_some_have_not(lab: &Lab) {
    without_root(lab, [1, 3], true);
    let mixed = lab.inventory("cometbft").host_var("node-1", "ansible_become", false).host_var(
        "node-3",
        "ansible_become",
        false,
    );
    let path = write(lab, &mixed);
    lab.loomctl(&["up", "-i", &path]).ok();
    lab.root(0, "systemctl is-active cometbft && test -d /var/lib/loomctl").ok();
    lab.root(1, "! systemctl is-active cometbft && test ! -e /var/lib/loomctl").ok();
    assert_eq!(systemctl(lab, 1, "is-active cometbft").trim(), "active");
    assert_eq!(lab.loomctl(&["up", "-i", &path, "--json"]).summary()["changed"], 0);
    // S13: the same node under the other systemd would run twice.
    lab.root(2, "loginctl enable-linger ubuntu; systemctl stop cometbft").ok();
    let other = write(lab, &mixed.clone().host_var("node-2", "ansible_become", false));
    let refused = lab.loomctl(&["up", "-i", &other]).exits(3);
    assert!(refused.stderr.contains("the machine's own systemd has this node already"), "{refused}");
    let path = write(lab, &mixed);
    // A change rolls through both.
    let changed = write(lab, &mixed.var("settings", json!({"config.toml": {"p2p.pex": false}})));
    lab.loomctl(&["up", "-i", &changed, "--roll"]).ok();
    lab.loomctl(&["down", "-i", &path, "--destroy", "--delete-keys", "--yes"]).ok();
}
