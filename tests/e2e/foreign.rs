//! What is somebody else's, or no program: refused before anything is written.

use std::fs;

use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![units_of_others_are_left_alone, what_is_no_program_is_named]);
}

const SLEEPS: &str = "[Service]\nExecStart=/bin/sleep 5000\n[Install]\nWantedBy=multi-user.target\n";

/// `cometbft` as a package, an init script, a transient unit, and what somebody has set for a unit to come; then an alias.
fn units_of_others_are_left_alone(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let package = format!(
        "printf '{}' >/usr/lib/systemd/system/NAME.service && systemctl daemon-reload && systemctl enable --now NAME",
        SLEEPS.replace('\n', "\\n")
    );
    let script = "printf '#!/bin/sh\\n### BEGIN INIT INFO\\n# Provides: cometbft\\n# Required-Start:\\n# Required-Stop:\\n\
                  # Default-Start: 2 3 4 5\\n# Default-Stop: 0 1 6\\n### END INIT INFO\\nexit 0\\n' >/etc/init.d/cometbft; \
                  chmod +x /etc/init.d/cometbft; systemctl daemon-reload";
    let drop_in = "mkdir /etc/systemd/system/cometbft.service.d && \
                   printf '[Service]\\nUser=root\\n' >/etc/systemd/system/cometbft.service.d/user.conf";
    lab.root(0, &package.replace("NAME", "cometbft")).ok();
    lab.root(1, "systemd-run --unit=cometbft sleep 5000 2>/dev/null").ok();
    lab.root(2, script).ok();
    lab.root(3, drop_in).ok();
    let from = [
        "/lib/systemd/system/cometbft.service",
        "/run/systemd/transient/cometbft.service",
        "/run/systemd/generator.late/cometbft.service",
        "/etc/systemd/system/cometbft.service.d/user.conf",
    ];
    are_refused(lab, inventory, &from);

    lab.root(0, "systemctl disable --now cometbft; rm /usr/lib/systemd/system/cometbft.service").ok();
    lab.root(0, &package.replace("NAME", "gaia")).ok();
    lab.root(0, "ln -s gaia.service /usr/lib/systemd/system/cometbft.service; systemctl daemon-reload").ok();
    are_refused(lab, inventory, &["/lib/systemd/system/gaia.service"]);
}

/// Said by `doctor`, `plan` and `up`; whatever runs goes on, and nothing is written.
fn are_refused(lab: &Lab, inventory: &str, from: &[&str]) {
    let states = || {
        let state = "systemctl show -p MainPID,ActiveState,UnitFileState cometbft; ls -d /var/lib/loomctl/labnet 2>&1";
        (0..lab.hosts()).map(|host| lab.root(host, state).stdout).collect::<Vec<_>>()
    };
    let before = states();
    for (command, code) in [("doctor", 1), ("plan", 3), ("up", 3), ("down", 3)] {
        let run = lab.loomctl(&[command, "-i", inventory]);
        let run = if command == "down" { run } else { run.exits(code) };
        for (host, from) in from.iter().enumerate().filter(|_| command != "down") {
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(said.contains(from), "{command} does not name host {host}'s {from}: {run}");
        }
        assert_eq!(states(), before, "{command}");
    }
}

fn what_is_no_program_is_named(lab: &Lab) {
    let base = lab.inventory("cometbft").first(1);
    let file = lab.path("program");
    let inventory = base.clone().var("binary", file.to_str().unwrap()).write(lab);
    let inventory = inventory.to_str().unwrap();
    for (bytes, is) in [
        (&b"id > /tmp/EXECUTED\n"[..], "a text"),
        (b"<!DOCTYPE html>\n<html></html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "a gzip archive"),
        (b"", "an empty file"),
        (b"\xcf\xfa\xed\xfe\x07\0\0\x01", "macOS"),
    ] {
        fs::write(&file, bytes).unwrap();
        for command in [&["inventory", "check"][..], &["plan"], &["up"]] {
            let run = lab.loomctl(&[command, &["-i", inventory]].concat()).exits(2);
            assert!(run.stderr.contains(is), "{is}: {run}");
        }
    }
    let nothing = "ls /tmp/EXECUTED /var/lib/loomctl 2>/dev/null; true";
    assert_eq!(lab.root(0, nothing).ok(), "");
    // A whole program, for a C library that the host does not have.
    let mut program = fs::read("/bin/true").unwrap();
    let loader = b"/lib64/ld-linux-x86-64.so.2\0";
    if let Some(at) = program.windows(loader.len()).position(|part| part == loader) {
        program[at + loader.len() - 2] = b'9';
        fs::write(&file, &program).unwrap();
        let run = lab.loomctl(&["up", "-i", inventory]).exits(1);
        assert!(run.stderr.contains("needs /lib64/ld-linux-x86-64.so.9"), "{run}");
        assert_eq!(lab.root(0, nothing).ok(), "");
    }
}
