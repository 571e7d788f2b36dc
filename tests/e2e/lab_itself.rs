//! The lab keeps its promises; the pattern for tests on hosts.

use crate::support::{Lab, Suite, lab, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        lab_hosts_answer,
        a_plug_is_pulled_and_put_back,
        a_host_reboots_itself,
        sshd_is_reconfigured
    ]);
    suite.with_labs(tests![fresh_hosts_are_pristine, a_killed_owner_leaves_nothing_for_long]);
}

fn lab_hosts_answer(lab: &Lab) {
    for host in 0..lab.hosts() {
        let seen = lab.ssh(host, "hostname; id -un; sudo -n id -un; systemctl is-system-running --wait").ok();
        assert_eq!(seen, format!("host-{host}\nubuntu\nroot\nrunning\n"));
        let tools = lab.ssh(host, "command -v python3 perl5 curl wget jq ss netstat").stdout;
        assert_eq!(tools, "", "a bare host must not have these");
        let neighbour = lab.address((host + 1) % lab.hosts());
        lab.ssh(host, &format!("bash -c 'exec 3<>/dev/tcp/{neighbour}/22'")).ok();
    }
    let ids = (0..lab.hosts()).map(|host| lab.ssh(host, "cat /etc/machine-id").ok());
    assert_eq!(
        ids.collect::<std::collections::HashSet<_>>().len(),
        lab.hosts(),
        "each has its own machine-id"
    );
}

fn a_plug_is_pulled_and_put_back(lab: &Lab) {
    lab.ssh(1, "echo kept >file; sync").ok();
    lab.kill(1);
    lab.ssh(1, "true").exits(255);
    assert_eq!(lab.ssh(2, "hostname").ok(), "host-2\n", "the others are not touched");
    lab.start(1);
    assert_eq!(lab.ssh(1, "cat file").ok(), "kept\n");
}

fn a_host_reboots_itself(lab: &Lab) {
    let boot = |lab: &Lab| lab.root(0, "systemctl show -p UserspaceTimestampMonotonic").ok();
    let before = boot(lab);
    lab.reboot(0);
    assert_ne!(boot(lab), before);
    lab.ssh(0, "true").ok();
}

fn sshd_is_reconfigured(lab: &Lab) {
    assert!(
        lab.root(3, "sshd -T").ok().contains("\nmaxsessions 10\n"),
        "the default, which loomctl must live with"
    );
    lab.sshd(3, "MaxSessions 1");
    assert!(lab.root(3, "sshd -T").ok().contains("\nmaxsessions 1\n"));
    lab.ssh(3, "true").ok();
}

fn fresh_hosts_are_pristine() {
    let mut lab = Lab::up(1);
    let key = |lab: &Lab| lab.ssh(0, "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub").ok();
    let before = key(&lab);
    lab.root(0, "echo x >/home/ubuntu/x; useradd someone; rm /etc/ssh/sshd_config").ok();
    std::fs::write(lab.path("x"), "").expect("the scratch folder can be written");
    lab.fresh().unwrap_or_else(|run| panic!("{run}"));
    assert_eq!(
        lab.ssh(0, "ls -A /home/ubuntu/x; id someone; ls /etc/ssh/sshd_config").stdout,
        "/etc/ssh/sshd_config\n"
    );
    assert_eq!(key(&lab), before, "it is the same host");
    assert!(!lab.path("x").exists());
    let folder = lab.folder().to_owned();
    drop(lab);
    assert_eq!(lab::remains(&folder), Vec::<String>::new());
}

fn a_killed_owner_leaves_nothing_for_long() {
    let folder = Lab::up(1).orphan();
    assert!(!lab::remains(&folder).is_empty(), "the control: something must be there to be removed");
    lab::reap();
    assert_eq!(lab::remains(&folder), Vec::<String>::new());
}
