//! What hosts and networks do to a run, each fault injected for real: docs/faults.md, «Shown on hosts».

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;

use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![odd_hosts_are_worked_with]);
}

const NOISE: &str = "echo 'ready gathered done 0 ok'; echo 'Welcome! Last login: never'; printf 'no newline'; \
                     echo 'bash: warning: setlocale' >&2; umask 077";

/// Four hosts, each with its own oddities, and none of them a reason not to work.
fn odd_hosts_are_worked_with(lab: &Lab) {
    // The way there: everybody else's jump host, which lets one in at a time; fish.
    lab.lend(0, "fish");
    lab.root(0, "usermod -s /usr/local/bin/fish ubuntu").ok();
    lab.sshd(0, "MaxStartups 1\nBanner /etc/issue.net");
    // Words before ours, a sudo that lectures and closes umasks, a /tmp that runs nothing.
    let noise = NOISE.replace('\'', "'\\''");
    lab.root(1, &format!("{{ printf '%s\\n' '{noise}'; cat /home/ubuntu/.bashrc; }} >/tmp/rc; cp /tmp/rc /home/ubuntu/.bashrc")).ok();
    lab.root(1, "echo 'Defaults lecture=always,umask=0077,umask_override,use_pty,log_input' >/etc/sudoers.d/odd").ok();
    lab.root(1, "mount -t tmpfs -o noexec,nosuid none /tmp").ok();
    // IPv6 and nothing else.
    lab.root(2, &format!("ip addr add {}/64 dev host0 nodad", six(lab, 2))).ok();
    lab.sshd(2, "AddressFamily inet6");
    for host in [0, 1, 3] {
        lab.root(host, &format!("ip addr add {}/64 dev host0 nodad", six(lab, host))).ok();
    }
    // A C shell, and an account whose home has everything in its name.
    lab.lend(3, "tcsh");
    lab.root(3, "usermod -s /usr/local/bin/tcsh ubuntu; echo 'echo noise' >/home/ubuntu/.cshrc").ok();
    lab.root(3, "mkdir -p /srv; useradd -m -d '/srv/Häuser zu 100%h $HOME/op' op").ok();

    let config = lab.path("ssh_config");
    let text = format!(
        "Host jump\n  HostName {}\n  User ubuntu\n  IdentityFile {}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n",
        lab.address(0),
        lab.key().display()
    );
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    let jump = format!("-F {} -o ProxyJump=jump", config.display());
    let mut inventory = lab.inventory("cometbft");
    for node in ["node-1", "node-2", "node-3"] {
        inventory = inventory.host_var(node, "ansible_ssh_extra_args", jump.as_str());
    }
    let inventory = inventory
        .host_var("node-2", "ansible_host", six(lab, 2))
        .host_var("node-2", "private_ip", six(lab, 2))
        .host_var("node-3", "user", "op")
        .host_var("node-3", "working_directory", "/srv/Häuser zu 100%h $HOME/op/ein Knoten");
    let inventory = inventory.write(lab);
    let run = lab.loomctl(&["up", "-i", inventory.to_str().unwrap(), "--json", "-vv"]);
    eprintln!("{run}");
    run.exits(0);
    let _ = json!({});
}

fn six(lab: &Lab, host: usize) -> String {
    lab.address(host).replace("10.77.", "fd00:77::").replace('.', ":")
}
