//! Expressions against Ansible's own templar, value by value with their types: `expressions.yaml` of the corpus.

use loomctl::inventory::{Asked, load};
use serde_json::Value;

use super::{Case, ansible};
use crate::support::{Suite, in_repository, tests};

pub fn register(suite: &mut Suite) {
    suite.with_ansible(tests![expressions_have_the_values_that_ansible_gives_them]);
}

fn expressions_have_the_values_that_ansible_gives_them() {
    let folder = in_repository("tests/fixtures/inventory");
    let inventory = vec!["expressions.yaml".to_owned()];
    let case = Case { folder: folder.clone(), inventory, values: true, ..Case::default() };
    let theirs = ansible(std::slice::from_ref(&case)).remove(0);
    let paths = [folder.join("expressions.yaml")];
    let (inventory, _) = load(&Asked { paths: &paths, here: folder, ..Asked::default() }).unwrap();
    let only = std::env::var("LOOMCTL_CASE").unwrap_or_default();
    let (mut compared, mut wrong) = (0, Vec::new());
    for (host, vars) in theirs["values"].as_object().unwrap() {
        for (name, theirs) in vars.as_object().unwrap().iter().filter(|(name, _)| name.contains(&only)) {
            let ours = inventory.hosts[host].get(name);
            compared += 1;
            let same = match (&ours, theirs.get("value")) {
                (Ok(Some(ours)), Some(theirs)) => same(ours, theirs),
                (Err(_), None) => true,
                (Err(_), Some(_)) => name.starts_with("refused_"),
                _ => false,
            };
            let ours = ours.map_err(|problem| problem.message);
            if !same || ours.is_ok() && name.starts_with("refused_") {
                wrong.push(format!("{host} {name}\n  ours:      {ours:?}\n  Ansible's: {theirs}"));
            }
        }
    }
    assert!(compared > 150 || !only.is_empty(), "only {compared} were compared");
    assert!(wrong.is_empty(), "{} of {compared} differ\n{}", wrong.len(), wrong.join("\n"));
}

/// The same value of the same type; floats may be written in two ways.
pub fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            let is_float = |number: &serde_json::Number| number.to_string().contains(['.', 'e', 'E']);
            ours == theirs || is_float(ours) && is_float(theirs) && ours.as_f64() == theirs.as_f64()
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            let member =
                |(key, ours): (&String, &Value)| theirs.get(key).is_some_and(|theirs| same(ours, theirs));
            ours.len() == theirs.len() && ours.iter().all(member)
        }
        _ => ours == theirs,
    }
}
