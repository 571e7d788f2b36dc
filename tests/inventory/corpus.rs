//! The corpus in tests/fixtures/inventory: a file or a folder is a case. A folder is the working directory; its file
//! `case` has the arguments, a line each (`-i X`, `-e X`, `--limit X`, `--vault-password-file X`), without it `hosts` is read.
//!
//! A name that begins with `refused_` is a difference on purpose: docs/inventory.md has them all.

use std::fs;
use std::path::Path;

use super::{Case, Program, ansible, differences};
use crate::support::{Suite, in_repository, tests};

pub fn register(suite: &mut Suite) {
    suite.with_ansible(tests![the_corpus_is_read_as_ansible_reads_it]);
}

fn case(path: &Path) -> Case {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut case = Case { name, ..Case::default() };
    if path.is_file() {
        case.inventory.push(case.name.clone());
        path.parent().unwrap().clone_into(&mut case.folder);
        return case;
    }
    path.clone_into(&mut case.folder);
    let arguments = fs::read_to_string(path.join("case")).unwrap_or_else(|_| "-i hosts".to_owned());
    for line in arguments.lines() {
        let (flag, value) = line.split_once(' ').unwrap();
        match flag {
            "-i" => case.inventory.push(value.to_owned()),
            "-e" => case.extra.push(value.to_owned()),
            "--limit" => case.limits.push(value.to_owned()),
            "--vault-password-file" => case.vault = Some(value.to_owned()),
            _ => panic!("{}: {line}", case.name),
        }
    }
    case
}

fn the_corpus_is_read_as_ansible_reads_it() {
    let entries = fs::read_dir(in_repository("tests/fixtures/inventory")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    // NAME.json beside NAME.yaml is what Ansible once made of it, for the tests without Ansible.
    paths.retain(|path| path.extension().is_none_or(|end| end != "json"));
    paths.sort();
    let only = std::env::var("LOOMCTL_CASE").unwrap_or_default();
    let cases: Vec<Case> =
        paths.iter().map(|path| case(path)).filter(|case| case.name.contains(&only)).collect();
    assert!(cases.len() >= 120 || !only.is_empty(), "the corpus has shrunk: {}", cases.len());
    let results = ansible(&cases);
    let wrong: Vec<String> = cases
        .iter()
        .zip(&results)
        .flat_map(|(case, theirs)| differences(case, &Program(case), theirs))
        .collect();
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}
