//! Whom and what loomctl trusts: host keys as ssh does, binaries by their checksum.

use std::fs;

use crate::support::{Lab, Suite, chain_binary, command, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        s10_a_new_host_key_is_written_down_and_a_changed_one_refused,
        s11_a_wrong_binary_is_never_run
    ]);
}

/// P9
fn s10_a_new_host_key_is_written_down_and_a_changed_one_refused(lab: &Lab) {
    let known = lab.path("known_hosts");
    // Neither this machine's configuration nor its known hosts have a say.
    let ssh = format!(
        "-F /dev/null -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile={} -o HashKnownHosts=no",
        known.display()
    );
    let base = lab.inventory("cometbft").first(2).var("ansible_ssh_common_args", ssh.as_str());
    let inventory = base.write(lab);
    let inventory = inventory.to_str().unwrap();
    let up = ["up", "-i", inventory, "--no-verify"];
    let untouched = || {
        for host in 0..2 {
            lab.root(host, "test ! -e /home/ubuntu/node && test ! -e /var/lib/loomctl").ok();
        }
    };

    base.clone().var("ansible_ssh_common_args", format!("{ssh} -o StrictHostKeyChecking=yes")).write(lab);
    let run = lab.loomctl(&up).exits(1);
    assert!(run.stderr.contains("node-0: its host key has changed or is not known"), "{run}");
    assert!(run.stderr.contains("host key is known for"), "ssh's own words: {run}");
    assert!(!known.exists(), "nothing was accepted");
    untouched();

    // ssh would ask here, which nobody could answer.
    base.write(lab);
    lab.loomctl(&["plan", "-i", inventory]).exits(0);
    let written = fs::read_to_string(&known).unwrap();
    for host in 0..2 {
        let key = lab.root(host, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").ok();
        let line = format!("{} {}", lab.address(host), key.trim());
        assert!(written.lines().any(|known| known == line), "{line} is not in\n{written}");
    }

    lab.root(1, "cd /etc/ssh && rm ssh_host_* && ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key")
        .ok();
    lab.root(1, "systemctl restart ssh").ok();
    let run = lab.loomctl(&up).exits(1);
    assert!(run.stderr.contains("node-1: its host key has changed"), "{run}");
    assert!(
        run.stderr.contains("IDENTIFICATION HAS CHANGED") && run.stderr.contains("ssh-keygen -R"),
        "{run}"
    );
    assert!(!run.stderr.contains("node-0"), "{run}");
    assert_eq!(fs::read_to_string(&known).unwrap(), written, "the old key stays written down");
    untouched();
}

/// A program that leaves a trace when anybody runs it.
const TRAITOR: &str = "#!/bin/sh\ntouch /tmp/executed\nexit 1\n";

/// A file that changes while it is sent, too.
fn s11_a_wrong_binary_is_never_run(lab: &Lab) {
    let file = chain_binary("COMETBFT");
    let size = fs::metadata(&file).unwrap().len();
    let sum = command::run(std::process::Command::new("sha256sum").arg(&file)).ok();
    let sum = sum.split_whitespace().next().unwrap();
    let cached = format!("/var/lib/loomctl/bin/{sum}/cometbft");
    let up = |inventory: &str| lab.loomctl(&["up", "-i", inventory, "--no-verify", "--json"]);
    let uploads = |run: &command::Run| -> Vec<String> {
        let events = run.events();
        let sent = events.iter().filter(|e| e["event"] == "step" && e["step"] == "upload cometbft");
        let mut hosts: Vec<String> = sent.map(|e| e["host"].as_str().unwrap().to_owned()).collect();
        hosts.sort();
        hosts
    };
    let no_trace = || {
        for host in 0..lab.hosts() {
            lab.root(host, "test ! -e /tmp/executed").ok();
        }
    };

    the_file_changes_on_the_way(lab, size);
    no_trace();

    // Before the birth: where the binary belongs is something else, of the right size by the stamp, or half of one.
    lab.root(0, &format!("mkdir -p $(dirname {cached}); cd $(dirname {cached}); printf '{TRAITOR}' >cometbft; truncate -s {size} cometbft; chmod 755 cometbft; stat -c '%i %s 0.0 0.0' cometbft >.stamp")).ok();
    lab.root(
        1,
        &format!("mkdir -p $(dirname {cached}); printf '{TRAITOR}' >{cached}.new; chmod 755 {cached}.new"),
    )
    .ok();
    lab.root(0, &format!("{cached}; test -e /tmp/executed && rm /tmp/executed")).ok();
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    assert_eq!(uploads(&up(inventory).exits(0)), ["node-0", "node-1", "node-2", "node-3"]);
    no_trace();

    // Before a start: the same size and time of change, other bytes. Without its stamp it is only hashed again.
    lab.loomctl(&["down", "-i", inventory]).ok();
    lab.root(2, &format!("touch -r {cached} /tmp/time; printf '{TRAITOR}' | dd of={cached} conv=notrunc 2>/dev/null; touch -r /tmp/time {cached}")).ok();
    lab.root(3, &format!("rm $(dirname {cached})/.stamp")).ok();
    assert_eq!(uploads(&up(inventory).exits(0)), ["node-2"]);
    no_trace();
    for host in 0..lab.hosts() {
        let seen = lab.root(host, "sha256sum </proc/$(systemctl show -p MainPID --value cometbft)/exe").ok();
        assert_eq!(seen.split_whitespace().next().unwrap(), sum, "what runs on host {host}");
        assert_eq!(lab.root(host, "find /var/lib/loomctl/bin -name '*.new'").ok(), "");
    }
}

/// The binary is another one when it is sent than it was when it was hashed.
fn the_file_changes_on_the_way(lab: &Lab, size: u64) {
    let copy = lab.path("cometbft");
    fs::copy(chain_binary("COMETBFT"), &copy).unwrap();
    let inventory = lab.inventory("cometbft").var("binary", copy.to_str().unwrap()).write(lab);
    // By the time that a run asks for the locks it has hashed the file, and has sent nothing.
    for host in 0..lab.hosts() {
        let hold =
            "mkdir -p /run/loomctl; systemd-run -q --unit=holder flock /run/loomctl/labnet.lock sleep 60";
        lab.root(host, hold).ok();
    }
    let arguments = ["up", "-i", inventory.to_str().unwrap(), "--no-verify", "--lock-wait", "60"];
    let run = lab.start_loomctl(&arguments);
    let waits =
        "for i in $(seq 600); do ! grep -q -e '-> FLOCK' /proc/locks || exit 0; sleep 0.05; done; exit 1";
    for host in 0..lab.hosts() {
        lab.root(host, waits).ok();
    }
    let mut traitor = TRAITOR.as_bytes().to_vec();
    traitor.resize(usize::try_from(size).unwrap(), 0);
    fs::write(&copy, traitor).unwrap();
    for host in 0..lab.hosts() {
        lab.root(host, "systemctl stop holder").ok();
    }
    let run = run.wait().exits(1);
    for word in ["upload failed: the binary that arrived has sha256", "did the file change"] {
        assert!(run.stderr.contains(word), "{word:?} is not in\n{run}");
    }
    for host in 0..lab.hosts() {
        let left = lab
            .root(host, "find /var/lib/loomctl/bin -type f; ls -d /home/ubuntu/node 2>/dev/null; true")
            .ok();
        assert_eq!(left, "", "on host {host}");
    }
}
