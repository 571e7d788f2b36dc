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
        names_and_groups_need_no_sound_variables,
        what_ansible_leaves_out_is_shown_with_a_warning_and_not_built_on,
        a_script_that_prints_nothing_is_told_so,
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

fn names_and_groups_need_no_sound_variables() {
    let folder = folder();
    fs::create_dir(folder.path().join("group_vars")).unwrap();
    fs::write(folder.path().join("group_vars/all.yml"), "a: b: c\n").unwrap();
    assert_eq!(loomctl(folder.path(), "a.ini", &["hosts"]).ok(), "a1\n");
    assert!(loomctl(folder.path(), "a.ini", &["graph"]).ok().contains("|  |--a1"));
    for command in [&["list"][..], &["graph", "--vars"], &["check"]] {
        let run = loomctl(folder.path(), "a.ini", command).exits(2);
        assert!(run.stderr.contains("group_vars/all.yml:1:5"), "{run}");
    }
}

fn what_ansible_leaves_out_is_shown_with_a_warning_and_not_built_on() {
    let folder = folder();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    put("sections.yml", "x-common: &c {port: 1}\nweb:\n  note: x\n  hosts: {h1: *c}\n");
    put("empty.yml", "---\n");
    put("range.ini", "[web]\nh[3:1]\nh1\n");
    for (name, warned) in [
        ("sections.yml", "the group `web` has no `note`"),
        ("empty.yml", "the inventory empty.yml is empty"),
        ("range.ini", "the range [3:1] is empty"),
    ] {
        for command in ["list", "graph", "hosts"] {
            let run = loomctl(folder.path(), name, &[command]).exits(0);
            assert!(run.stderr.contains(warned) && !run.stderr.contains("error"), "{run}");
        }
        let run = loomctl(folder.path(), name, &["check"]).exits(2);
        assert!(run.stderr.contains("error") && run.stderr.contains(warned), "{run}");
    }
    let limited = |limit: &str| loomctl(folder.path(), "a.ini", &["list", "--limit", limit]);
    assert!(limited("!validators").exits(0).stdout.contains("\"hostvars\": {}"));
    let run = limited("nobody").exits(0);
    assert!(
        run.stdout.contains("\"hostvars\": {}") && run.stderr.contains("`nobody` matches no host"),
        "{run}"
    );
    assert_eq!(loomctl(folder.path(), "a.ini", &["hosts", "--limit", "validators[0-1]"]).ok(), "a1\n");
}

fn a_script_that_prints_nothing_is_told_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let script = folder.path().join("script.sh");
    for (text, said) in [
        ("#!/bin/sh\n", "has printed nothing"),
        ("#!/bin/sh\necho '{\"a\": [}'\n", "not JSON: a value is missing"),
    ] {
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let run = loomctl(folder.path(), "script.sh", &["list"]).exits(2);
        assert!(run.stderr.contains(said), "{run}");
    }
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
