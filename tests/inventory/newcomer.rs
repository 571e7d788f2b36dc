//! What somebody who comes from Ansible runs into.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{
    Suite,
    command::{self, Run},
    tests,
};

pub fn register(suite: &mut Suite) {
    suite.plain(tests![
        the_environment_names_paths_with_commas_between_them,
        what_ansible_cfg_names_is_said_where_there_is_no_inventory,
        variables_of_a_group_that_nobody_names_are_warned_about
    ]);
}

fn loomctl(folder: &Path, named: &str, arguments: &[&str]) -> Run {
    let mut run = Command::new(env!("CARGO_BIN_EXE_loomctl"));
    run.current_dir(folder).env("LOOMCTL_INVENTORY", named);
    command::run(run.arg("inventory").args(arguments))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.ini"), "[validators]\na1\n").unwrap();
    fs::write(folder.path().join("b.yaml"), "validators: {hosts: {b1: }}").unwrap();
    folder
}

fn the_environment_names_paths_with_commas_between_them() {
    let folder = folder();
    assert_eq!(loomctl(folder.path(), "a.ini, b.yaml,", &["hosts"]).ok(), "a1\nb1\n");
    // What is typed counts alone, and a list of hosts is typed.
    assert_eq!(loomctl(folder.path(), "a.ini,b.yaml", &["hosts", "-i", "x1,x2"]).ok(), "x1\nx2\n");
    let run = loomctl(folder.path(), "x1,x2", &["hosts"]).exits(2);
    assert!(
        run.stderr.contains("the inventory x1 cannot be read") && run.stderr.contains("`-i h1,`"),
        "{run}"
    );
    let run = loomctl(folder.path(), "", &["hosts"]).exits(2);
    assert!(run.stderr.contains("the inventory inventory.yaml cannot be read"), "{run}");
}

fn what_ansible_cfg_names_is_said_where_there_is_no_inventory() {
    let folder = folder();
    fs::write(
        folder.path().join("ansible.cfg"),
        "[defaults]\nforks = 5\ninventory = a.ini\n[ssh]\ninventory=x\n",
    )
    .unwrap();
    let run = loomctl(folder.path(), "", &["hosts"]).exits(2);
    assert!(run.stderr.contains("ansible.cfg is not read") && run.stderr.contains("`-i a.ini`"), "{run}");
}

fn variables_of_a_group_that_nobody_names_are_warned_about() {
    let folder = folder();
    let put = |path: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "binary: /bin/sh\nuser: u\n").unwrap();
    };
    for path in [
        "group_vars/all.yml",
        "group_vars/valdators.yml",
        "group_vars/elsewhere/main.yml",
        "host_vars/a2",
        "group_vars/README.md",
    ] {
        put(path);
    }
    let run = loomctl(folder.path(), "a.ini", &["check"]).exits(0);
    for said in [
        "group_vars/valdators.yml is for a group that the inventory does not have",
        "did you mean `validators`?",
        "group_vars/elsewhere is for a group",
        "no group is named `elsewhere`",
        "host_vars/a2 is for a host",
    ] {
        assert!(run.stderr.contains(said), "{said}: {run}");
    }
    assert!(!run.stderr.contains("all.yml") && !run.stderr.contains("README"), "{run}");
    // Other commands are not disturbed by what other inventories have there.
    assert!(loomctl(folder.path(), "a.ini", &["list"]).exits(0).stderr.is_empty());
}
