//! Hosts as they come: off, with a sudo password, with one session, without forwarding, cloned.

use std::fs;

use crate::support::{Lab, Suite, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        one_host_off_and_no_other_is_touched,
        a_host_that_is_down_is_left_out_by_limit,
        difficult_hosts_are_worked_with,
        cloned_keys_are_refused_by_name,
        errors_say_what_to_do,
        a_host_that_cannot_serve_stops_the_run_before_any_write
    ]);
}

/// S6
fn one_host_off_and_no_other_is_touched(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    lab.kill(2);
    let run = lab.loomctl(&["up", "-i", inventory.to_str().unwrap(), "--timeout", "3"]).exits(1);
    assert!(
        run.stderr.contains("node-2: unreachable") && run.stderr.contains("help: is the machine up"),
        "{run}"
    );
    assert!(!run.stderr.contains("node-1:"), "{run}");
    for host in [0, 1, 3] {
        lab.root(host, "test ! -e /home/ubuntu/node && test ! -e /var/lib/loomctl").ok();
    }
    lab.start(2);
}

/// Its peers keep it, though it cannot say who it is.
fn a_host_that_is_down_is_left_out_by_limit(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let up = |more: &[&str], code| {
        let mut arguments = vec!["up", "-i", inventory.to_str().unwrap(), "--json", "--timeout", "3"];
        arguments.extend(more);
        lab.loomctl(&arguments).exits(code)
    };
    up(&["--no-verify"], 0);
    lab.kill(0);
    assert!(up(&[], 1).stderr.contains("node-0: unreachable"));
    let rest = "all:!node-0";
    let refused = up(&["--limit", rest], 1);
    assert!(
        refused.stderr.contains("lock is on node-0") && refused.stderr.contains("--lock-host"),
        "{refused}"
    );
    lab.root(2, "rm /home/ubuntu/node/config/genesis.json").ok();
    let run = up(&["--limit", rest, "--lock-host", "node-1"], 0);
    assert!(run.stderr.contains("node-0: unreachable") && run.stderr.contains("left out"), "{run}");
    let summary = run.summary();
    assert_eq!(
        (&summary["changed"], &summary["pending"]),
        (&2.into(), &0.into()),
        "one file, one manifest: {run}"
    );
    assert_eq!(summary["hosts"]["node-0"]["result"], "skipped");
    assert!(up(&["--lock-host", "node-9", "--limit", rest], 2).stderr.contains("no host node-9"));
    lab.start(0);
    assert_eq!(up(&[], 0).summary()["changed"], 0);
}

/// S3: sudo's password.
fn difficult_hosts_are_worked_with(lab: &Lab) {
    let inventory = lab.inventory("cometbft");
    let plain = inventory.clone().write(lab);
    let plain = plain.to_str().unwrap();
    lab.root(1, "echo 'ubuntu:only-for-sudo' | chpasswd; echo 'ubuntu ALL=(ALL) ALL' >/etc/sudoers.d/ubuntu")
        .ok();
    lab.sshd(2, "MaxSessions 1");
    lab.sshd(3, "AllowTcpForwarding no\nAllowStreamLocalForwarding no");

    let run = lab.loomctl(&["up", "-i", plain]).exits(1);
    assert!(run.stderr.contains("node-1: sudo wants a password") && run.stderr.contains("-K"), "{run}");
    let run = lab.loomctl(&["up", "-i", plain, "-e", "ansible_become_password=wrong"]).exits(1);
    assert!(run.stderr.contains("node-1: sudo refused the password"), "{run}");

    let with = inventory.host_var("node-1", "ansible_become_password", "only-for-sudo").write(lab);
    let run = lab.loomctl(&["up", "-i", with.to_str().unwrap(), "-vv", "--json"]).exits(0);
    assert!(!run.stdout.contains("only-for-sudo") && !run.stderr.contains("only-for-sudo"));
    assert_eq!(run.events().iter().filter(|e| e["event"] == "check" && e["result"] == "ok").count(), 40);
}

/// S4; S13: a lost key.
fn cloned_keys_are_refused_by_name(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory, "--no-verify"]).ok();
    lab.loomctl(&["down", "-i", inventory, "--destroy"]).ok();
    let key = lab.root(0, "cat /home/ubuntu/node/config/node_key.json").ok();
    lab.root(3, &format!("printf '%s' '{}' >/home/ubuntu/node/config/node_key.json", key.trim())).ok();
    let run = lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(3);
    assert!(run.stderr.contains("node-3: has the same node id as node-0"), "{run}");
    lab.root(3, "test ! -e /etc/systemd/system/cometbft.service").ok();

    // S13: a key that is gone is not made anew.
    lab.root(3, "rm /home/ubuntu/node/config/node_key.json /home/ubuntu/node/data/priv_validator_state.json")
        .ok();
    let run = lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(3);
    assert!(run.stderr.contains("node-3: the node key is missing"), "{run}");
    lab.root(3, "test ! -e /home/ubuntu/node/config/node_key.json").ok();
}

/// S10: a changed host key.
fn errors_say_what_to_do(lab: &Lab) {
    let base = lab.inventory("cometbft").first(2);
    let fails = |inventory: Inventory, code: i32, words: &[&str]| {
        let file = inventory.write(lab);
        let run =
            lab.loomctl(&["up", "-i", file.to_str().unwrap(), "--no-verify", "--timeout", "3"]).exits(code);
        for word in words {
            assert!(run.stderr.contains(word), "{word:?} is not in\n{run}");
        }
    };
    // The input: nothing was touched.
    fails(base.clone().without("binary"), 2, &["missing variable `binary`", "help"]);
    fails(base.clone().var("chain", "cometbtf"), 2, &["unknown chain", "did you mean `cometbft`?"]);
    fails(base.clone().var("binary", "/no/such/file"), 2, &["there is no file /no/such/file"]);
    fails(base.clone().var("binary_sha256", "0".repeat(64)), 2, &["binary_sha256 says 000"]);
    fails(base.clone().var("ports", serde_json::json!({"rcp": 1})), 2, &["did you mean `rpc`?"]);

    // The way to the host.
    let stranger = lab.path("stranger");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&stranger)
        .status();
    assert!(made.unwrap().success());
    let key = stranger.to_str().unwrap();
    fails(
        base.clone().host_var("node-1", "ansible_ssh_private_key_file", key),
        1,
        &["node-1: ssh login refused", "ansible_ssh_private_key_file"],
    );
    fails(
        base.clone().host_var("node-1", "ansible_host", "no-such-name.invalid"),
        1,
        &["node-1: the host name does not resolve"],
    );
    let known = lab.path("known_hosts");
    let public = fs::read_to_string(stranger.with_extension("pub")).unwrap();
    fs::write(&known, format!("{} {public}", lab.address(1))).unwrap();
    let strict = format!("-o StrictHostKeyChecking=yes -o UserKnownHostsFile={}", known.display());
    fails(
        base.clone().host_var("node-1", "ansible_ssh_common_args", strict),
        1,
        &["node-1: its host key has changed", "ssh-keygen -R"],
    );

    // The host itself.
    let foreign = lab.path("foreign");
    let mut elf = fs::read("/bin/true").unwrap();
    elf[18] = 0xb7;
    fs::write(&foreign, elf).unwrap();
    fails(
        base.clone().var("binary", foreign.to_str().unwrap()),
        1,
        &["built for aarch64, the host is x86_64"],
    );
    fails(base.clone().var("user", "nobody-here"), 1, &["there is no user \"nobody-here\""]);
    lab.root(1, "systemd-run -q --unit=squatter bash -c 'exec sleep 99' && true").ok();
    lab.root(1, "mkdir -p /var/lib/loomctl && mount -t tmpfs -o size=8m none /var/lib").ok();
    fails(base.clone(), 1, &["node-1: disk full", "make room"]);
    lab.root(1, "umount /var/lib").ok();
    lab.root(1, "rm -f /etc/sudoers.d/ubuntu").ok();
    fails(base.clone(), 1, &["node-1:", "sudo"]);
    lab.root(1, "echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ubuntu").ok();

    fails(
        base.clone().var("ansible_become", false),
        1,
        &["lingering is off", "loginctl enable-linger ubuntu", "remove `ansible_become: false`"],
    );

    // Somebody else's files and units are left alone.
    lab.root(1, "echo '[Service]' >/etc/systemd/system/cometbft.service").ok();
    fails(
        base.clone(),
        3,
        &["node-1: /etc/systemd/system/cometbft.service is there, and loomctl has not made it"],
    );
    lab.root(1, "rm /etc/systemd/system/cometbft.service; install -d -o ubuntu /home/ubuntu/node/config; echo {} >/home/ubuntu/node/config/node_key.json").ok();
    fails(base, 3, &["node_key.json is there, and loomctl has not made it"]);
    lab.root(0, "test ! -e /home/ubuntu/node").ok();
}

fn a_host_that_cannot_serve_stops_the_run_before_any_write(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let refused = |node: usize, words: &[&str]| {
        let run = lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(1);
        let first = run.stderr.lines().find(|line| !line.contains(": upload cometbft ")).unwrap_or_default();
        assert!(first.starts_with(&format!("error: node-{node}: ")), "{run}");
        for word in words {
            assert!(run.stderr.contains(word), "{word:?} is not in\n{run}");
        }
        for host in 0..lab.hosts() {
            lab.root(host, super::faults::NOTHING_WRITTEN).ok();
        }
    };
    // By this folder programs tell that systemd is pid 1.
    lab.root(1, "mv /run/systemd/system /run/systemd/elsewhere").ok();
    refused(1, &["systemd is not the init system", "use a host that booted with systemd"]);
    lab.root(1, "mv /run/systemd/elsewhere /run/systemd/system; mv /usr/bin/setpriv /root").ok();
    refused(1, &["programs are missing there: setpriv", "install coreutils, util-linux"]);
    lab.root(1, "mv /root/setpriv /usr/bin").ok();

    lab.root(2, "systemd-run -q --unit=squatter systemd-socket-activate -l 26656 cat").ok();
    lab.root(2, "until grep -q :6820 /proc/net/tcp6; do sleep 0.05; done").ok();
    let pid = lab.root(2, "systemctl show -p MainPID --value squatter").ok();
    let who = format!("taken by systemd-socket- (pid {}) of squatter.service", pid.trim());
    refused(2, &["port 26656 (p2p) is", &who, "ports: {p2p: …}"]);
    lab.root(2, "systemctl stop squatter").ok();
    // A socket unit's port is held by systemd itself.
    lab.root(3, "printf '[Socket]\\nListenStream=127.0.0.1:26657\\nAccept=yes\\n' >/run/systemd/system/held.socket; \
                 printf '[Service]\\nExecStart=/bin/cat\\n' >/run/systemd/system/held@.service; systemctl start held.socket")
        .ok();
    refused(3, &["port 26657 (rpc) is taken by systemd (pid 1)", "ports: {rpc: …}"]);
    lab.root(3, "systemctl stop held.socket").ok();
    lab.loomctl(&["up", "-i", inventory, "--no-verify"]).ok();
}
