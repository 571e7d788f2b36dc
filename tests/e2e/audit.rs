//! `make audit` is no success where nobody has looked.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::support::{Suite, command, in_repository, tests};

pub fn register(suite: &mut Suite) {
    suite.plain(tests![an_audit_that_could_not_look_is_no_success]);
}

/// By a `cargo` that plays the network's part; what each script does for `cargo audit`, and how that ends.
fn an_audit_that_could_not_look_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("db/crates")).unwrap();
    let write = |name: &str, text: &str| {
        fs::write(at(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let audit = |deny: &str, advisories: &str, db: &str| {
        write("cargo-deny", "");
        write("cargo-audit", "");
        write("cargo", &format!("case $1 in deny) {deny};; audit) {advisories};; *) exit 9;; esac"));
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut audit = Command::new(in_repository("tests/audit"));
        audit.env("PATH", path).env("LOOMCTL_LAB_CACHE", at("cache")).env("LOOMCTL_ADVISORY_DB", at(db));
        command::run(&mut audit)
    };
    let offline = audit("exit 0", "echo no network >&2; exit 1", "none").exits(2);
    assert!(
        offline.stdout.ends_with("LOOMCTL_ADVISORY_DB)\n")
            && offline.stdout.contains("NOT CHECKED: advisories")
    );
    assert!(!offline.stdout.contains("passed"), "{offline}");
    let found = "echo '{}'; exit 1";
    assert!(audit("exit 0", found, "none").exits(1).stdout.contains("FAILED: advisories"));
    assert!(audit("exit 0", found, "db").exits(1).stdout.contains("FAILED: advisories"));
    assert!(audit("exit 1", "exit 0", "db").exits(1).stdout.contains("FAILED: licences"));
    let good = audit("exit 0", "exit 0", "db").exits(0);
    assert!(good.stdout.ends_with("audit: all checks passed\n"), "{good}");
    assert!(good.stderr.contains("newer ones are not in it"), "{good}");
}
