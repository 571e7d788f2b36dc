//! What hosts and networks do to a run, each fault injected for real: docs/faults.md, «Shown on hosts».

use std::{
    fs,
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use super::life::{held_up, let_go, made_once, slow_init, still_the_same};
use crate::support::{
    Lab, Suite,
    command::{self, Run},
    inventory::Inventory,
    tests,
};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        odd_hosts_are_worked_with,
        hosts_that_cannot_be_worked_with_say_why,
        a_run_that_loses_hosts_in_the_middle_is_finished_by_the_next
    ]);
    suite.slow_on_lab(tests![slow_a_silent_network_and_a_sleeping_run, slow_a_login_that_hangs]);
}

const PASSWORD: &str = "only-for-sudo";
/// What a login shell may say before our script does: our own words, Latin-1, and no newline at the end.
const NOISE: &str = "echo ready gathered done 0 ok; echo warning: setlocale >&2; \
                     printf \"Pr\\\\374fsumme, and no newline\"; umask 077";

/// Four hosts, each with its own oddities, and none of them a reason not to work.
fn odd_hosts_are_worked_with(lab: &Lab) {
    // The jump host of all others lets one in at a time, and its users have fish.
    lab.lend(0, "fish");
    lab.root(0, "usermod -s /usr/local/bin/fish ubuntu").ok();
    lab.sshd(0, "MaxStartups 1\nBanner /etc/issue.net");
    // Words before ours, a sudo that lectures and closes umasks, a /tmp that runs nothing.
    let noisy = format!("{{ echo '{NOISE}'; cat .bashrc; }} >rc && mv rc .bashrc");
    lab.root(1, &format!("cd /home/ubuntu && {noisy}; mount -t tmpfs -o noexec,nosuid none /tmp")).ok();
    lab.root(1, "echo 'Defaults lecture=always,umask=0077,umask_override' >/etc/sudoers.d/odd").ok();
    // IPv6 and nothing else.
    for host in 0..lab.hosts() {
        lab.root(host, &format!("ip addr add {}/64 dev host0 nodad", six(lab, host))).ok();
    }
    lab.sshd(2, "AddressFamily inet6");
    // A C shell, and an account whose home has everything in its name.
    lab.lend(3, "tcsh");
    lab.root(3, "usermod -s /usr/local/bin/tcsh ubuntu; echo 'echo noise' >/home/ubuntu/.cshrc").ok();
    lab.root(3, "mkdir -p /srv && useradd -m -d '/srv/Häuser zu 100%h/op' op").ok();
    for host in [0, 1, 3] {
        let asks = "echo 'ubuntu ALL=(ALL) ALL' >/etc/sudoers.d/ubuntu";
        lab.root(host, &format!("echo 'ubuntu:{PASSWORD}' | chpasswd; {asks}")).ok();
    }

    let inventory = odd_inventory(lab).write(lab);
    let inventory = inventory.to_str().unwrap();
    // A jump host that is busy with another's login refuses this one.
    let up = ["up", "-i", inventory, "--json", "--timeout", "60"];
    let run = lab.loomctl(&up).exits(1);
    assert!(run.stderr.contains("node-3: ssh login refused") && run.stderr.contains("ssh-add"), "{run}");
    assert!(!run.stderr.contains("node-0:") && !run.stderr.contains("node-1:"), "{run}");

    let agent = lab.path("agent");
    let _agent = command::start(Command::new("ssh-agent").arg("-D").arg("-a").arg(&agent));
    let add =
        || command::run(Command::new("ssh-add").arg("-q").arg(lab.key()).env("SSH_AUTH_SOCK", &agent)).code;
    until(|| add() == Some(0));
    let with_agent = || {
        let mut up = lab.loomctl_command(&up);
        command::run(up.env("SSH_AUTH_SOCK", &agent)).exits(0)
    };
    let run = with_agent();
    assert_eq!(run.events().iter().filter(|e| e["event"] == "check" && e["result"] == "ok").count(), 40);
    assert_eq!(with_agent().summary()["changed"], 0);
    let mode = lab.root(1, "stat -c %a /home/ubuntu/node/config/genesis.json").ok();
    assert_eq!(mode.trim(), "644", "whatever the umask of login and sudo");
}

fn odd_inventory(lab: &Lab) -> Inventory {
    let config = lab.path("ssh_config");
    let jump = format!(
        "Host jump\n HostName {}\n User ubuntu\n IdentityFile {}\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n",
        lab.address(0),
        lab.key().display()
    );
    fs::write(&config, jump).unwrap();
    let jump = format!("-F {} -o ProxyJump=jump", config.display());
    let mut inventory = lab.inventory("cometbft").var("ansible_become_password", PASSWORD);
    for node in ["node-1", "node-2", "node-3"] {
        inventory = inventory.host_var(node, "ansible_ssh_extra_args", jump.as_str());
    }
    inventory
        .host_var("node-2", "ansible_host", six(lab, 2))
        .host_var("node-2", "private_ip", six(lab, 2))
        .host_var("node-3", "ansible_ssh_private_key_file", with_passphrase(lab, "secret").to_str().unwrap())
        .host_var("node-3", "user", "op")
        .host_var("node-3", "working_directory", "/srv/Häuser zu 100%h/op/ein Knoten")
}

fn six(lab: &Lab, host: usize) -> String {
    lab.address(host).replace("10.77.", "fd00:77::").replace('.', ":")
}

/// The lab's key, as a careful person keeps it.
pub(super) fn with_passphrase(lab: &Lab, passphrase: &str) -> std::path::PathBuf {
    let key = lab.path("locked");
    fs::copy(lab.key(), &key).unwrap();
    command::run(Command::new("ssh-keygen").args(["-q", "-p", "-P", "", "-N", passphrase, "-f"]).arg(&key))
        .ok();
    fs::copy(lab.key().with_extension("pub"), key.with_extension("pub")).unwrap();
    key
}

pub(super) fn until(mut what: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !what() {
        assert!(Instant::now() < end, "what was waited for did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The cache of binaries may be filled before all hosts are accepted; nothing else is written.
pub(super) const NOTHING_WRITTEN: &str = "test ! -e /home/ubuntu/node && test ! -e /etc/systemd/system/cometbft.service && \
    test -z \"$(find /var/lib/loomctl -mindepth 1 -maxdepth 1 ! -name bin)\"";

fn untouched(lab: &Lab) {
    for host in 0..lab.hosts() {
        lab.root(host, NOTHING_WRITTEN).ok();
    }
}

fn says(run: &Run, words: &[&str]) {
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} is not in\n{run}");
    }
}

/// V9: 60 s stop a birth.
fn hosts_that_cannot_be_worked_with_say_why(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let up = ["up", "-i", inventory.to_str().unwrap(), "--no-verify", "--timeout", "3", "--json"];

    lab.root(1, "echo 'Defaults requiretty' >/etc/sudoers.d/odd").ok();
    // It takes connections and says nothing, as a host out of memory does.
    lab.root(2, "systemctl kill -s STOP --kill-who=main ssh").ok();
    // Somebody who does not log in takes the only place.
    lab.sshd(3, "MaxStartups 1");
    let place = TcpStream::connect((lab.address(3), 22)).unwrap();
    let run = lab.loomctl(&up).exits(1);
    says(&run, &["node-2: unreachable", "timed out", "node-3: hung up on before the login", "MaxStartups"]);
    assert!(run.seconds < 40.0 && !run.stderr.contains("node-0"), "{run}");
    lab.root(2, "systemctl kill -s CONT --kill-who=main ssh").ok();
    drop(place);
    let run = lab.loomctl(&up).exits(1);
    says(&run, &["node-1: sudo wants a terminal", "Defaults:USER !requiretty"]);
    lab.root(1, "rm /etc/sudoers.d/odd").ok();
    untouched(lab);

    // Hosts of a lab share the kernel's clock, so it is `date` that errs.
    let ahead = "#!/bin/sh\\nexec /usr/bin/date -d \"60 seconds\" \"$@\"\\n";
    lab.root(0, &format!("printf '{ahead}' >/usr/local/bin/date && chmod 755 /usr/local/bin/date")).ok();
    let run = lab.loomctl(&up).exits(1);
    says(&run, &["node-0: its clock is +", " s off the others'", "timedatectl set-ntp true"]);
    lab.root(0, "rm /usr/local/bin/date").ok();
    untouched(lab);

    lab.root(3, "mount --bind /etc /etc && mount -o remount,ro,bind /etc").ok();
    let run = lab.loomctl(&up).exits(1);
    says(&run, &["node-3: ", "Read-only file system", "remount,rw"]);
    lab.root(3, "umount /etc").ok();
    lab.loomctl(&up).exits(0);
}

/// S6, S7
fn a_run_that_loses_hosts_in_the_middle_is_finished_by_the_next(lab: &Lab) {
    let alive = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ServerAliveInterval=1 -o ServerAliveCountMax=3";
    let inventory = lab.inventory("cometbft").var("ansible_ssh_common_args", alive).write(lab);
    let inventory = inventory.to_str().unwrap();
    the_disk_fills_while_the_binary_arrives(lab, inventory);
    lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).ok();

    (0..lab.hosts()).for_each(|host| held_up(lab, host, "start loomctl-*"));
    let up = ["up", "-i", inventory, "--no-verify", "--json"];
    let mut run = lab.start_loomctl(&up);
    for host in 0..lab.hosts() {
        let begun = format!("\"host\":\"node-{host}\",\"stage\":\"prepare\",\"step\":\"init ");
        assert!(run.says(&begun), "{}", run.kill());
    }
    lab.root(1, "ip link set host0 down").ok();
    let cut = Instant::now();
    lab.reboot(2);
    lab.root(3, "systemctl restart ssh").ok();
    (0..lab.hosts()).for_each(|host| let_go(lab, host));
    let run = run.exits(1);
    assert!(cut.elapsed() < Duration::from_secs(60), "{run}");
    let lost = "the connection was lost while carrying out `init /home/ubuntu/node`";
    says(&run, &[&format!("node-1, node-2: {lost}"), "run the same command again"]);
    for host in [0, 3] {
        lab.root(host, "test -e /var/lib/loomctl/labnet/node-*/initialised").ok();
    }
    for host in 0..lab.hosts() {
        lab.root(host, "test ! -e /etc/systemd/system/cometbft.service").ok();
    }
    plugged_in(lab, 1);
    let mut known = made_once(lab, inventory);
    lab.loomctl(&["up", "-i", inventory]).exits(0);
    still_the_same(&mut known, made_once(lab, inventory), "after the next run");
}

/// Its cable is back, and this machine has found out: for a moment it still remembers that nobody answered there.
fn plugged_in(lab: &Lab, host: usize) {
    lab.root(host, "ip link set host0 up").ok();
    let until = Instant::now() + Duration::from_secs(20);
    while lab.ssh(host, "true").code != Some(0) {
        assert!(Instant::now() < until, "host {host} does not come back");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Between the look at its space and the upload.
fn the_disk_fills_while_the_binary_arrives(lab: &Lab, inventory: &str) {
    lab.root(1, "mkdir -p /var/lib/loomctl && mount -t tmpfs -o size=600m none /var/lib/loomctl").ok();
    // What takes the bytes waits for the disk to be full.
    let patient = "printf '#!/bin/sh\\n[ $# = 0 ] && until [ -e /run/full ]; do sleep 0.05; done\\n\
                   exec /usr/bin/cat \"$@\"\\n' >/usr/local/bin/cat; chmod 755 /usr/local/bin/cat";
    lab.root(1, patient).ok();
    let mut run = lab.start_loomctl(&["up", "-i", inventory, "--no-verify", "--json"]);
    assert!(run.says("\"host\":\"node-1\",\"stage\":\"gather\",\"step\":\"upload "), "{}", run.kill());
    lab.root(1, "fallocate -l 590m /var/lib/loomctl/filler && : >/run/full").ok();
    let run = run.wait().exits(1);
    lab.root(1, "rm /usr/local/bin/cat").ok();
    says(&run, &["node-1: upload failed", "No space left on device", "df -h /var/lib"]);
    let left =
        lab.root(1, "find /var/lib/loomctl -type f ! -name filler; ls -d /home/ubuntu/node; true").ok();
    assert_eq!(left, "", "nothing half");
    lab.root(1, "umount /var/lib/loomctl").ok();
}

/// The run sleeps for longer than its hosts wait for it: they let go, and it learns that (S12).
fn slow_a_silent_network_and_a_sleeping_run(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    slow_init(lab, 3);
    let up = ["up", "-i", inventory, "--no-verify", "--json"];
    let mut run = lab.start_loomctl(&up);
    for host in 0..lab.hosts() {
        let begun = format!("\"host\":\"node-{host}\",\"stage\":\"prepare\",\"step\":\"init ");
        assert!(run.says(&begun), "{}", run.kill());
    }
    run.signal("STOP");
    let second = lab.loomctl(&["up", "-i", inventory, "--no-verify", "--lock-wait", "45"]).exits(0);
    assert!(second.seconds > 10.0 && second.seconds < 60.0, "{second}");
    run.signal("CONT");
    let run = run.wait_for(Duration::from_secs(30)).exits(1);
    says(&run, &["the connection was lost while holding the lock", "run the same command again"]);
    assert!(!run.stdout.contains("\"stage\":\"start\",\"step\""), "{run}");
    let again = lab.loomctl(&up).exits(0);
    assert_eq!(again.summary()["changed"], 0, "{again}\n{second}");

    // The network, with nothing set: given up by ssh's own heartbeat.
    lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).ok();
    let mut run = lab.start_loomctl(&up);
    assert!(run.says("\"host\":\"node-1\",\"stage\":\"prepare\",\"step\":\"init "), "{}", run.kill());
    lab.root(1, "ip link set host0 down").ok();
    let run = run.wait_for(Duration::from_secs(60)).exits(1);
    assert!(run.seconds < 40.0, "{run}");
    says(&run, &["node-1: the connection was lost while carrying out `init /home/ubuntu/node`"]);
    plugged_in(lab, 1);
    lab.loomctl(&["up", "-i", inventory, "--lock-wait", "35"]).exits(0);
}

fn slow_a_login_that_hangs(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    lab.root(1, "cd /home/ubuntu && { echo sleep 600; cat .bashrc; } >rc && mv rc .bashrc").ok();
    let run = lab.loomctl(&["up", "-i", inventory.to_str().unwrap(), "--no-verify"]).exits(1);
    says(&run, &["node-1: no answer for 45 s while waiting for a shell"]);
    assert!(run.seconds < 60.0 && !run.stderr.contains("node-0"), "{run}");
    untouched(lab);
}
