//! Random documents of YAML and JSON in all styles (documents.py), as `PyYAML` reads them for Ansible: the same value, or an error
//! on both sides. `LOOMCTL_DOCUMENTS=N` says how many, `LOOMCTL_SEED` which.

use std::process::Command;

use loomctl::inventory::value_of;
use serde_json::Value;

use super::{random::setting, values::same};
use crate::support::{Suite, in_repository, setup_path, tests};

const USUAL: u64 = 2000;

pub fn register(suite: &mut Suite) {
    suite.with_ansible(tests![random_documents_are_read_as_pyyaml_reads_them]);
}

fn random_documents_are_read_as_pyyaml_reads_them() {
    let (count, seed) = (setting("LOOMCTL_DOCUMENTS", USUAL), setting("LOOMCTL_SEED", 1));
    let output = Command::new(setup_path("ANSIBLE").join("bin/python"))
        .arg(in_repository("tests/inventory/documents.py"))
        .args([count.to_string(), seed.to_string()])
        .env("ANSIBLE_HOME", std::env::temp_dir().join("loomctl-ansible"))
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut compared, mut read, mut wrong) = (0, 0, Vec::new());
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        let (ours, theirs) = (value_of(document["text"].as_str().unwrap()), document.get("value"));
        compared += 1;
        read += u64::from(theirs.is_some());
        let is_same = match (&ours, theirs) {
            (Ok(ours), Some(theirs)) => same(ours, theirs),
            (ours, theirs) => ours.is_err() && theirs.is_none(),
        };
        if !is_same {
            let ours = ours.map_err(|problems| problems.into_iter().map(|it| it.message).collect::<Vec<_>>());
            wrong.push(format!(
                "{}\n  ours:     {ours:?}\n  PyYAML's: {theirs:?} {}",
                document["text"], document["error"]
            ));
        }
    }
    assert!(compared == count && read > count / 5, "{compared} were compared, {read} of them read");
    assert!(wrong.is_empty(), "seed {seed}: {} of {count} differ\n{}", wrong.len(), wrong.join("\n"));
}
