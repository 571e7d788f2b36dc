//! Compares this reader with recorded output of ansible-core 2.19: `tests/fixtures/inventory/NAME.yaml`, and
//! beside it `NAME.json`, `{"order": hosts of "all", "list": ansible-inventory --list}`.
//! `LOOMCTL_TEST_INVENTORIES` names another folder of such pairs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Asked, Inventory, load, parse_yaml};
use crate::fuzz::fuzz;

fn corpus() -> Vec<PathBuf> {
    let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inventory");
    let folder = std::env::var_os("LOOMCTL_TEST_INVENTORIES").map_or_else(ours, PathBuf::from);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // The others are compared with Ansible itself (tests/inventory).
    paths.retain(|path| {
        path.extension().is_some_and(|end| end == "yaml") && path.with_extension("json").exists()
    });
    paths.sort();
    paths
}

/// Numbers are texts inside serde here: floats compare by value, integers digit by digit.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.to_string().contains(['.', 'e', 'E']) => {
            json!(format!("float {:?}", number.as_f64().unwrap()))
        }
        // `!unsafe` stands in Ansible's output as a dictionary of its own.
        Value::Object(members) if members.len() == 1 && members.contains_key("__ansible_unsafe") => {
            members["__ansible_unsafe"].clone()
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().map(|(k, v)| (k.clone(), comparable(v))).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            sorted.into_iter().collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(comparable).collect(),
        other => other.clone(),
    }
}

/// `ansible-inventory --list`'s hostvars: hosts without variables are left out.
fn hostvars(inventory: &Inventory) -> Value {
    let mut hosts = Map::new();
    for host in inventory.hosts.values().filter(|host| !host.vars.is_empty()) {
        let vars =
            host.vars.iter().map(|(name, var)| (name.to_string(), var.value.clone())).collect::<Map<_, _>>();
        hosts.insert(host.name.clone(), vars.into());
    }
    comparable(&hosts.into())
}

/// The groups as `--list` has them: those of hosts or children.
fn groups(inventory: &Inventory) -> Value {
    let mut groups = Map::new();
    for group in inventory.groups.values() {
        let mut entry = Map::new();
        if group.name != "all" && !group.hosts.is_empty() {
            entry.insert("hosts".to_owned(), json!(group.hosts));
        }
        if !group.children.is_empty() {
            entry.insert("children".to_owned(), json!(group.children));
        }
        if !entry.is_empty() {
            groups.insert(group.name.clone(), entry.into());
        }
    }
    comparable(&groups.into())
}

#[test]
fn reads_as_ansible_does() {
    let corpus = corpus();
    assert!(corpus.len() >= 25, "the corpus has shrunk: {}", corpus.len());
    let mut wrong = Vec::new();
    for path in corpus {
        let recorded: Value =
            serde_json::from_str(&fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (inventory, _) = load(&Asked { paths: &[path], ..Asked::default() })
            .unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let mut list = recorded["list"].clone();
        let meta = list.as_object_mut().unwrap().shift_remove("_meta").unwrap();
        let pairs = [
            ("order", json!(inventory.hosts.keys().collect::<Vec<_>>()), recorded["order"].clone()),
            ("groups", groups(&inventory), comparable(&list)),
            ("hostvars", hostvars(&inventory), comparable(&meta["hostvars"])),
        ];
        for (what, ours, ansibles) in pairs {
            if ours != ansibles {
                wrong.push(format!("{name} {what}\n  ours:      {ours}\n  ansible's: {ansibles}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn texts() -> Vec<String> {
    corpus().iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Texts of INI inventories.
fn inis() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inventory");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let inis = paths.filter(|path| path.extension().is_some_and(|end| end == "ini"));
    inis.map(|path| fs::read_to_string(path).unwrap()).collect()
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}|[ \\n\\-:\\[\\]{}&*!|>'\"#%@`,?<a-c0-9~=.]{0,200}") {
        let _ = parse_yaml("i", &text);
    }

    #[test]
    fn no_damage_makes_ini_panic(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, "[ \\[\\]{}:='\"\\\\#,jxbe0-9._+\\-aNü]{0,6}"), 1..6),
    ) {
        let texts = inis();
        let mut chars: Vec<char> = which.get(&texts).chars().collect();
        for (at, length, new) in cuts {
            let at = at.index(chars.len() + 1);
            let end = (at + length).min(chars.len());
            chars.splice(at..end, new.chars());
        }
        let _ = parse_yaml("i.ini", &chars.into_iter().collect::<String>());
    }

    #[test]
    fn no_pattern_makes_it_panic(limit in "[a-c0-3~!&,:*?\\[\\]@. \\-(|]{0,30}") {
        let (inventory, _) = parse_yaml("i", "{a: {hosts: {a0: , a1: }}, b: {children: {a: }}}").unwrap();
        let _ = super::select(&inventory, &limit);
    }

    #[test]
    fn no_damage_makes_it_panic(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, "[ \\n\\-:\\[\\]{}&*!|>'\"a0<]{0,4}"), 1..6),
    ) {
        let texts = texts();
        let mut chars: Vec<char> = which.get(&texts).chars().collect();
        for (at, length, new) in cuts {
            let at = at.index(chars.len() + 1);
            let end = (at + length).min(chars.len());
            chars.splice(at..end, new.chars());
        }
        if let Ok((inventory, _)) = parse_yaml("i", &chars.into_iter().collect::<String>()) {
            for host in inventory.hosts.values() {
                for name in host.vars.keys() {
                    let _ = host.get(name);
                }
            }
        }
    }
}

/// What an inventory showed of itself, for the fuzzer: all its variables are rendered, since that may panic too.
fn shown(name: &str, bytes: &[u8]) -> (bool, usize, usize) {
    match parse_yaml(name, &String::from_utf8_lossy(bytes)) {
        Ok((inventory, warnings)) => {
            for host in inventory.hosts.values() {
                host.vars.keys().for_each(|name| drop(host.get(name)));
            }
            (true, inventory.hosts.len().min(9), warnings.len().min(9))
        }
        Err(problems) => (false, problems.len().min(9), 0),
    }
}

#[test]
fn fuzz_yaml_inventories() {
    let texts = texts();
    let corpus: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    fuzz("inventory-yaml", &corpus, |bytes| shown("i.yaml", bytes));
}

#[test]
fn fuzz_ini_inventories() {
    let texts = inis();
    let corpus: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    fuzz("inventory-ini", &corpus, |bytes| shown("i.ini", bytes));
}

#[test]
fn fuzz_patterns() {
    let (inventory, _) = parse_yaml("i", "{a: {hosts: {a0: , a1: }}, b: {children: {a: }}}").unwrap();
    let corpus: [&[u8]; 4] = [b"a:!a0", b"a[0:1],&b", b"~a[0-9]+$", b"*,!a?"];
    fuzz("patterns", &corpus, |bytes| {
        super::select(&inventory, &String::from_utf8_lossy(bytes)).map(|hosts| hosts.len()).ok()
    });
}
