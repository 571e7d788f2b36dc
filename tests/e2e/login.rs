//! Why a login fails, in the words of ssh, of the server and of the login; and what passes by itself.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{
    Lab, Suite,
    command::{self, Run},
    inventory::Inventory,
    tests,
};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        a_key_that_ssh_does_not_take_is_named,
        what_servers_and_logins_say_is_shown,
        a_host_that_is_booting_is_waited_for
    ]);
}

fn fails(lab: &Lab, inventory: &Inventory, words: &[&str]) -> Run {
    let file = inventory.write(lab);
    let run = lab.loomctl(&["up", "-i", file.to_str().unwrap(), "--no-verify", "--timeout", "2"]).exits(1);
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} is not in\n{run}");
    }
    run
}

fn keyfile(lab: &Lab, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = lab.path(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn new_key(path: &Path) {
    command::run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path)).ok();
}

fn a_key_that_ssh_does_not_take_is_named(lab: &Lab) {
    let base = lab.inventory("cometbft").first(1);
    let key = fs::read_to_string(lab.key()).unwrap();
    let public = fs::read_to_string(lab.key().with_extension("pub")).unwrap();
    let with = |path: &Path| base.clone().var("ansible_ssh_private_key_file", path.to_str().unwrap());
    let open = keyfile(lab, "open", &key, 0o644);
    fails(lab, &with(&open), &["node-0: ssh login refused: ", "are too open", "chmod 600"]);
    let missing = lab.path("no-such-key");
    fails(
        lab,
        &with(&missing),
        &["not accessible: No such file or directory", "ansible_ssh_private_key_file"],
    );
    let dos = keyfile(lab, "dos", &key.replace('\n', "\r\n"), 0o600);
    fails(lab, &with(&dos), &["Load key ", "line ends of Unix"]);
    let cut = keyfile(lab, "cut", &key[..key.len() / 2], 0o600);
    fails(lab, &with(&cut), &["Load key ", "whole"]);
    let public = keyfile(lab, "key.pub", &public, 0o600);
    fails(lab, &with(&public), &["Permission denied (publickey", "key.pub"]);

    // An ssh that is told to be quiet.
    let stranger = lab.path("stranger");
    new_key(&stranger);
    let quiet = keyfile(lab, "quiet", "LogLevel QUIET\n", 0o600);
    let common = |more: &str| format!("-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null {more}");
    for how in [format!("-F {}", quiet.display()), "-q".to_owned(), "-o LogLevel=ERROR".to_owned()] {
        let inventory = with(&stranger).var("ansible_ssh_common_args", common(&how));
        fails(lab, &inventory, &["node-0: ssh login refused: ", "Permission denied (publickey"]);
    }
    let config = keyfile(lab, "config", "Host *\n  UseKeychain yes\n", 0o600);
    let inventory = base.clone().var("ansible_ssh_common_args", common(&format!("-F {}", config.display())));
    fails(lab, &inventory, &["line 2: Bad configuration option: usekeychain", "IgnoreUnknown"]);
    let inventory = base.clone().var("ansible_ssh_common_args", common("-o NoSuchOption=1"));
    fails(lab, &inventory, &["Bad configuration option: nosuchoption", "ansible_ssh_common_args"]);

    // More keys in an agent than sshd lets be tried.
    let agent = lab.path("agent");
    let _agent = command::start(Command::new("ssh-agent").arg("-D").arg("-a").arg(&agent));
    while !agent.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    for number in 0..7 {
        let one = lab.path(&format!("agent-{number}"));
        new_key(&one);
        command::run(Command::new("ssh-add").arg("-q").arg(&one).env("SSH_AUTH_SOCK", &agent)).ok();
    }
    let up = |inventory: &Inventory| {
        let file = inventory.write(lab);
        let mut up = lab.loomctl_command(&["up", "-i", file.to_str().unwrap(), "--no-verify"]);
        command::run(up.env("SSH_AUTH_SOCK", &agent))
    };
    up(&base).exits(0);
    let run = up(&base.clone().without("ansible_ssh_private_key_file")).exits(1);
    assert!(
        run.stderr.contains("Too many authentication failures") && run.stderr.contains("IdentitiesOnly"),
        "{run}"
    );
}

fn what_servers_and_logins_say_is_shown(lab: &Lab) {
    let base = lab.inventory("cometbft").first(1);
    let root = base.clone().var("ansible_user", "root");
    // As cloud images have it.
    let forced = r#"no-port-forwarding,command="echo 'Please login as the user \"ubuntu\" rather than the user \"root\".';echo;sleep 1" "#;
    lab.root(0, &format!("cp /root/.ssh/authorized_keys /root/kept; printf '%s' '{}' >/tmp/f; cat /tmp/f /root/kept >/root/.ssh/authorized_keys", forced.replace('\'', r"'\''"))).ok();
    let words = ["Please login as the user \"ubuntu\" rather than the user \"root\"", "set ansible_user"];
    fails(lab, &root, &words);
    lab.root(0, "mv /root/kept /root/.ssh/authorized_keys").ok();
    lab.root(0, "useradd -m -s /usr/sbin/nologin shut; cp -r /home/ubuntu/.ssh /home/shut; chown -R shut: /home/shut/.ssh").ok();
    fails(lab, &base.clone().var("ansible_user", "shut"), &["This account is currently not available"]);
    lab.sshd(0, "Match User shut\n ForceCommand internal-sftp");
    fails(lab, &base.clone().var("ansible_user", "shut"), &["This service allows sftp connections only"]);

    lab.root(0, "chage -d 0 ubuntu").ok();
    fails(lab, &base, &["node-0: the account or its password has expired: ", "chage -l"]);
    lab.root(0, "chage -d 1000 -M -1 -E 0 ubuntu").ok();
    fails(lab, &base, &["node-0: the account or its password has expired: ", "chage -l"]);
    lab.root(0, "chage -E -1 ubuntu").ok();
    lab.root(
        0,
        "echo 'System is going down. Unprivileged users are not permitted to log in anymore.' >/run/nologin",
    )
    .ok();
    fails(
        lab,
        &base,
        &["node-0: hung up on before the login: ", "System is going down", "shut down or rebooted"],
    );
    // A banner comes before it is known whether it matters: escape sequences and floods of words stay there.
    lab.root(0, "rm /run/nologin; { printf 'Authorized use only \\033[31m\\n'; yes 'a legal notice' | head -n 5000; } >/etc/issue.net").ok();
    lab.sshd(0, "Banner /etc/issue.net");
    let stranger = lab.path("stranger");
    new_key(&stranger);
    let run = fails(
        lab,
        &base.var("ansible_ssh_private_key_file", stranger.to_str().unwrap()),
        &["Permission denied (publickey", "Authorized use only"],
    );
    assert!(run.stderr.len() < 4000 && !run.stderr.contains("\u{1b}[31m"), "{run}");
}

/// Until --timeout is over.
fn a_host_that_is_booting_is_waited_for(lab: &Lab) {
    let base = lab.inventory("cometbft").first(1);
    let booting =
        "echo 'System is booting up. Unprivileged users are not permitted to log in yet.' >/run/nologin";
    lab.root(0, booting).ok();
    fails(lab, &base, &["node-0: hung up on before the login: ", "System is booting up", "--timeout"]);
    let inventory = base.write(lab);
    let up = ["up", "-i", inventory.to_str().unwrap(), "--no-verify", "--timeout", "60"];
    let run = lab.start_loomctl(&up);
    // sshd has turned it away at least once.
    lab.root(0, "until journalctl -q -u ssh --since -2s | grep -q 'Failed\\|denied\\|closed'; do sleep 0.1; done; rm /run/nologin").ok();
    run.wait().exits(0);
}
