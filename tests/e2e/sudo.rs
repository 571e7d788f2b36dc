//! How root is reached: sudo in other languages, with messages of an administrator's own, sudo-rs; one wrong password is
//! one attempt.

use std::{fs, process::Command};

use crate::support::{Lab, Suite, command, setup_path, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![every_sudo_is_understood_and_asked_once]);
}

const PASSWORD: &str = "only-for-sudo";
const SUDOERS: &str = "Defaults env_reset\\nroot ALL=(ALL:ALL) ALL\\nubuntu ALL=(ALL:ALL) ALL\\n";
/// As pam_faillock's manual has it.
const LOCKS: &str = "auth required pam_faillock.so preauth deny=3 unlock_time=600\\n\
                     auth [success=1 default=ignore] pam_unix.so\\n\
                     auth [default=die] pam_faillock.so authfail deny=3 unlock_time=600\\n\
                     auth sufficient pam_faillock.so authsucc\\n\
                     account required pam_unix.so\\nsession required pam_unix.so\\n";

/// Four hosts: German, an administrator's own words for a wrong password, and two sudo-rs.
fn every_sudo_is_understood_and_asked_once(lab: &Lab) {
    for host in 0..lab.hosts() {
        lab.root(
            host,
            &format!(
                "echo 'ubuntu:{PASSWORD}' | chpasswd; rm -r /etc/sudoers.d; printf '{SUDOERS}' >/etc/sudoers"
            ),
        )
        .ok();
        lab.root(host, &format!("printf '{LOCKS}' >/etc/pam.d/sudo; chmod 440 /etc/sudoers")).ok();
    }
    in_german(lab, 0);
    lab.root(1, "echo 'Defaults badpass_message=\"No. Once more:\"' >>/etc/sudoers").ok();
    for (host, name) in [(2, "SUDO_RS_OLD"), (3, "SUDO_RS")] {
        instead_of_sudo(lab, host, name);
    }
    let german = lab.ssh(0, "sudo -n true").stderr;
    assert!(german.contains("Passwort"), "control: it speaks German: {german}");

    let inventory = lab.inventory("cometbft");
    let (plain, with) = (lab.path("plain.yaml"), lab.path("with.yaml"));
    fs::write(&plain, inventory.yaml()).unwrap();
    fs::write(&with, inventory.clone().var("ansible_become_password", PASSWORD).yaml()).unwrap();
    let (plain, with) = (plain.to_str().unwrap(), with.to_str().unwrap());
    let all = "node-[0:3]: ";
    let run = lab.loomctl(&["up", "-i", plain]).exits(1);
    assert!(
        run.stderr.contains(&format!("{all}sudo wants a password")) && run.stderr.contains("-K"),
        "{run}"
    );

    each(lab, "faillock --user ubuntu --reset");
    let run = lab.loomctl(&["up", "-i", plain, "-e", "ansible_become_password=wrong"]).exits(1);
    assert!(run.stderr.contains(&format!("{all}sudo refused the password")), "{run}");
    assert_eq!(failures(lab), [1, 1, 1, 1], "one wrong password is one attempt");
    // What is left of a sudo that asked would count once more at its end.
    let left = |host| lab.root(host, "ps -eo args | grep -c '[l]oomctl-gives-sudo' || true").ok();
    assert!((0..4).all(|host| left(host).trim() == "0"));
    lab.ssh(1, "printf 'wrong\\nagain\\n' | sudo -S true");
    assert!(failures(lab)[1] >= 3, "control: each further line counts: {:?}", failures(lab));
    each(lab, "faillock --user ubuntu --reset");

    lab.loomctl(&["up", "-i", with, "--no-verify"]).exits(0);
    let again = lab.loomctl(&["up", "-i", with, "--no-verify", "--json"]).exits(0);
    assert_eq!(again.summary()["changed"], 0, "{again}");
    assert_eq!(
        lab.loomctl(&["exec", "-b", "all", "-i", with, "--", "id", "-u"]).ok(),
        "node-[0:3]: ok\n| 0\n"
    );
    // Without -b nobody becomes root, so nobody needs a password for it.
    assert_eq!(
        lab.loomctl(&["exec", "all", "-i", plain, "--", "id", "-un"]).ok(),
        "node-[0:3]: ok\n| ubuntu\n"
    );
    // Nobody is asked: the password is left over, and the script is not.
    each(lab, "sed -i 's/^ubuntu.*/ubuntu ALL=(ALL:ALL) NOPASSWD: ALL/' /etc/sudoers");
    for inventory in [plain, with] {
        let again = lab.loomctl(&["up", "-i", inventory, "--no-verify", "--json"]).exits(0);
        assert_eq!(again.summary()["changed"], 0, "{again}");
    }
    // A locked account refuses the right one, too; the lock is not made longer by that.
    each(lab, "sed -i 's/^ubuntu.*/ubuntu ALL=(ALL:ALL) ALL/' /etc/sudoers");
    lab.ssh(0, "sudo -k; printf 'wrong\\nwrong\\nwrong\\n' | sudo -S true");
    let run = lab.loomctl(&["up", "-i", with]).exits(1);
    assert!(
        run.stderr.contains("node-0: sudo refused the password") && run.stderr.contains("faillock"),
        "{run}"
    );
    assert!(!run.stderr.contains(PASSWORD), "{run}");
}

fn each(lab: &Lab, command: &str) {
    for host in 0..lab.hosts() {
        lab.root(host, command).ok();
    }
}

/// Wrong passwords that each host has counted.
fn failures(lab: &Lab) -> Vec<usize> {
    let count = |host| lab.root(host, "faillock --user ubuntu | tail -n +3 | grep -c . || true").ok();
    (0..lab.hosts()).map(|host| count(host).trim().parse().unwrap()).collect()
}

/// The login's language, as Debian sets it.
fn in_german(lab: &Lab, host: usize) {
    let locale = lab.folder().join(format!("h{host}/root/usr/lib/locale/de_DE.utf8"));
    command::run(Command::new("localedef").args(["-i", "de_DE", "-f", "UTF-8"]).arg(locale)).ok();
    lab.root(host, "echo LANG=de_DE.UTF-8 >/etc/default/locale").ok();
}

/// A build of sudo-rs takes sudo's place.
fn instead_of_sudo(lab: &Lab, host: usize, name: &str) {
    let (built, there) = (setup_path(name), lab.folder().join(format!("h{host}/root/usr/local/bin/sudo")));
    fs::copy(&built, &there).unwrap_or_else(|error| panic!("{} (tests/lab/setup): {error}", built.display()));
    lab.root(host, "chown root:root /usr/local/bin/sudo && chmod 4755 /usr/local/bin/sudo").ok();
    let version = lab.ssh(host, "sudo --version 2>&1").ok();
    assert!(version.contains("sudo-rs"), "{version}");
}
