//! Ansible Vault: what is needed is opened, what is not stays closed, and nothing of it is ever printed (S3).

use std::fs;
use std::process::Command;

use crate::support::{
    Suite,
    command::{self, Run},
    in_repository, tests,
};

pub fn register(suite: &mut Suite) {
    suite.plain(tests![
        s3_what_was_encrypted_is_used_and_never_printed,
        s3_what_was_encrypted_is_revealed_to_who_asks,
        only_what_is_needed_needs_its_password
    ]);
}

/// `loomctl inventory …` among tests/fixtures/vault, whose password is `test`.
fn loomctl(arguments: &[&str]) -> Run {
    let mut run = Command::new(env!("CARGO_BIN_EXE_loomctl"));
    run.current_dir(in_repository("tests/fixtures/vault")).env_remove("ANSIBLE_VAULT_PASSWORD_FILE");
    command::run(run.arg("inventory").args(arguments))
}

fn s3_what_was_encrypted_is_used_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "test\n").unwrap();
    let password = password.to_str().unwrap();
    let labelled = format!("lab@{password}");
    for command in [&["list"][..], &["graph", "--vars"], &["check"], &["check", "--json"]] {
        // Views print what Ansible prints of inline values: what everybody reads who has the file.
        let is_view = command[0] != "check";
        for flags in [["--vault-password-file", password], ["--vault-id", &labelled]] {
            let run = loomctl(&[command, &["-i", "sealed.yaml"], &flags].concat()).exits(0);
            assert!(run.stdout.contains("<vault>") && run.stdout.contains("working_directory"), "{run}");
            assert_eq!(run.stdout.contains("$ANSIBLE_VAULT;"), is_view, "{run}");
            for secret in ["203.0.113.77", "sealed-folder", "hunter2"] {
                assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{secret}: {run}");
            }
        }
    }
    // A value that will not do is named, not shown; neither is the line of an encrypted file.
    let run =
        loomctl(&["check", "-i", "sealed.yaml", "--vault-id", &labelled, "-e", "ports={{ private_ip }}"])
            .exits(2);
    assert!(run.stderr.contains("ports") && !run.stderr.contains("203.0.113.77"), "{run}");
    let run = loomctl(&[
        "check",
        "-i",
        "sealed.yaml",
        "--vault-id",
        &labelled,
        "-e",
        "user={{ working_directory }}",
    ])
    .exits(2);
    assert!(run.stderr.contains("user") && !run.stderr.contains("sealed-folder"), "{run}");
    // Neither is what an expression has made of it.
    let made = ["-i", "sealed.yaml", "--vault-id", &labelled, "-e", "user={{ working_directory | upper }}"];
    let run = loomctl(&[&["check"][..], &made].concat()).exits(2);
    assert!(run.stderr.contains("user") && !run.stderr.contains("SEALED-FOLDER"), "{run}");
}

/// The user asks for it, as with `keys backup`.
fn s3_what_was_encrypted_is_revealed_to_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "test\n").unwrap();
    let flags = [
        "-i",
        "sealed.yaml",
        "--vault-password-file",
        password.to_str().unwrap(),
        "-e",
        "ansible_ssh_pass=hunter3",
    ];
    for command in [&["list"][..], &["graph", "--vars"]] {
        let masked = loomctl(&[command, &flags].concat()).ok();
        let revealed = loomctl(&[command, &["--reveal"], &flags].concat()).ok();
        assert!(!masked.contains("hunter3") && masked.contains("ansible_ssh_pass"), "{masked}");
        assert!(revealed.contains("hunter3") && !revealed.contains("<vault>"), "{revealed}");
        assert!(!revealed.contains("********"), "{revealed}");
    }
    assert!(loomctl(&["check", "--reveal", "-i", "sealed.yaml"]).exits(2).stderr.contains("--reveal"));
}

fn only_what_is_needed_needs_its_password() {
    // Names need no variables, so they need no password.
    for command in ["hosts", "graph"] {
        loomctl(&[command, "-i", "sealed.yaml"]).ok();
    }
    // A file that is encrypted as a whole is always needed.
    let run = loomctl(&["list", "-i", "sealed.yaml"]).exits(2);
    assert!(
        run.stderr.contains("group_vars/nodes.yml") && run.stderr.contains("--vault-password-file"),
        "{run}"
    );
    // A value is needed only when it is used.
    assert!(loomctl(&["list", "-i", "unused.yaml"]).ok().contains("\"__ansible_vault\": \"$ANSIBLE_VAULT;"));
    assert!(loomctl(&["check", "-i", "unused.yaml"]).ok().contains("plain: validator"));
    let run = loomctl(&["check", "-i", "unused.yaml", "-e", "user={{ nobody_asks }}"]).exits(2);
    assert!(
        run.stderr.contains("`nobody_asks` of the host `plain`")
            && run.stderr.contains("there is no password"),
        "{run}"
    );
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong");
    fs::write(&wrong, "other").unwrap();
    let run =
        loomctl(&["list", "-i", "sealed.yaml", "--vault-password-file", wrong.to_str().unwrap()]).exits(2);
    assert!(run.stderr.contains("no password fits"), "{run}");
}
