//! The dependency direction of ARCHITECTURE.md, held by reading the sources' own `crate::…` paths; and what else is
//! written about the structure: the pages themselves, which test holds which promise, and what a newcomer has to touch.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod newcomer;
pub mod pages;
mod promises;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The rooms in their order, and what each names of those above it. No row names one below: there is no circle.
const ROOMS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("script", &["types"]),
    ("chain", &["types"]),
    ("inventory", &["types"]),
    ("cluster", &["types", "chain", "inventory"]),
    // The gather script is written with shell's words and read from its records; the plan never sees either.
    ("facts", &["types", "script", "chain", "cluster"]),
    ("steps", &["types", "script", "chain", "facts"]),
    ("plan", &["types", "chain", "cluster", "facts", "steps"]),
    ("remote", &["types", "script"]),
    ("fleet", &["types", "script", "facts", "plan", "remote"]),
    ("verify", &["types", "script", "chain", "cluster", "facts", "steps", "plan", "remote", "fleet"]),
    (
        "session",
        &["types", "script", "chain", "cluster", "facts", "steps", "plan", "remote", "fleet", "verify"],
    ),
    (
        "commands",
        &["types", "script", "chain", "cluster", "facts", "plan", "remote", "fleet", "verify", "session"],
    ),
    ("cli", &[]),
];

/// Words that stand in the files of one part only. A file is named by its beginning below src.
const ONLY: &[(&[&str], &[&str])] = &[
    // Connections are opened in one place.
    (&["tokio::net", "std::net::Tcp", "UnixStream", "openssh::", "hyper"], &["remote/"]),
    // Inventory scripts are the user's own programs; Vagrant is asked what its machines are.
    (
        &["process::Command", "Command::new("],
        &["remote/", "types/limited.rs", "inventory/sources/", "inventory/vagrant/ask.rs"],
    ),
    // What hosts and inventories say goes to a terminal by one way, on which it is made harmless; what moves there is drawn
    // of lines that were.
    (
        &["println!", "print!(", "eprint", "io::stdout", "io::stderr", "anstream::", "/dev/tty"],
        &["cli/view/out.rs"],
    ),
    (&["Term::", "Term,", "write_line"], &["cli/view/progress.rs"]),
    (&["io::stdin"], &["cli/"]),
    (&["std::env::args", "clap::"], &["cli/"]),
    // The second Ctrl-C must not wait for anything.
    (&["process::exit"], &["types/interrupt.rs"]),
    (&["ExitCode"], &["main.rs"]),
    // Files of the control machine: the inventory's sources, the binary that goes up (and its size, for the
    // progress), the socket's folder, files that commands read and write (a backup of keys among them), and who we are for the lock's text.
    (
        &["std::fs", "fs::read", "File::open", "tokio::fs"],
        &[
            "types/limited.rs",
            "inventory/sources/",
            "inventory/vagrant/ask.rs",
            "cli/files.rs",
            "cli/keyfile.rs",
            "session/binary.rs",
            "fleet.rs",
            "remote/",
            "session/converge.rs",
        ],
    ),
];

/// Files below a folder of the repository whose names end so, by their paths below it.
pub fn files(folder: &str, end: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut folders, mut found) = (vec![root.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == end) {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The code of src, without what exists for tests alone.
fn sources() -> BTreeMap<String, String> {
    let tests = ["tests.rs", "tests/", "sim/", "differential.rs", "architecture", "fuzz.rs", "golden"];
    let mut found = files("src", "rs");
    found.retain(|name, _| !tests.iter().any(|part| name.contains(part)));
    for text in found.values_mut() {
        *text = without_tests(text);
    }
    found
}

/// The code: no comments, and nothing from the tests at a file's end.
fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let line = |line: &str| line.split("//").next().unwrap().to_owned();
    code.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// All paths that begin with `crate::`, without it; braces taken apart.
fn paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        tree(&code[at + "crate::".len()..], "", &mut found);
    }
    found
}

/// One use-tree at the beginning of `text`; gives back what follows it.
fn tree<'a>(text: &'a str, before: &str, found: &mut BTreeSet<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            rest = tree(rest, before, found).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let path = if before.is_empty() { word.to_owned() } else { format!("{before}::{word}") };
    if let Some(rest) = rest.strip_prefix("::") {
        return tree(rest, &path, found);
    }
    found.insert(path);
    // `as NAME` in a list.
    let renamed = rest.trim_start().strip_prefix("as ");
    renamed.map_or(rest, |rest| &rest[rest.find([',', '}', ';']).unwrap_or(rest.len())..])
}

/// `plan` of `plan/mod.rs`, `plan.rs` and `plan::Stage`.
fn room_of(name: &str) -> &str {
    name.split(['/', '.', ':']).next().unwrap()
}

/// For each room those that its files name.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, code) in sources() {
        let room = room_of(&file);
        let names = rooms.entry(room.to_owned()).or_default();
        for path in paths(&code) {
            names.insert(room_of(&path).to_owned());
        }
        names.remove(room);
    }
    rooms.retain(|room, _| !matches!(room.as_str(), "lib" | "main"));
    rooms
}

/// Taken from the sources alone: rooms that name nobody who is left are taken away, until none is left or a circle is.
#[test]
fn no_circle_of_rooms() {
    let mut rooms = named();
    loop {
        let left: BTreeSet<String> = rooms.keys().cloned().collect();
        rooms.retain(|_, names| !names.is_disjoint(&left));
        if rooms.len() == left.len() {
            break;
        }
    }
    assert!(rooms.is_empty(), "circles: {rooms:?}");
}

/// `plan::roll::Waiting` of `plan/tests.rs` → `plan/roll.rs`; what is behind the file's name is something in it.
fn file_of(path: &[&str], files: &BTreeMap<String, String>) -> Option<String> {
    (1..=path.len()).rev().find_map(|length| {
        let name = path[..length].join("/");
        [format!("{name}.rs"), format!("{name}/mod.rs")].into_iter().find(|name| files.contains_key(name))
    })
}

/// The module that a file is: `plan::roll` of `plan/roll.rs`, `plan` of `plan/mod.rs`.
fn module_of(file: &str) -> Vec<&str> {
    let name = file.trim_end_matches(".rs");
    let name = name.strip_suffix("/mod").unwrap_or(name);
    name.split('/').collect()
}

/// The files that each file names, by its own `use` of `crate::…` and `super::…`. What a module and the files below it say of
/// each other is no way between rooms: a module lists them, and they use what it shares.
fn ways() -> BTreeMap<String, BTreeSet<String>> {
    let files = sources();
    let mut ways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, code) in &files {
        let own = module_of(file);
        let mut named: Vec<Vec<String>> =
            paths(code).iter().map(|path| path.split("::").map(str::to_owned).collect()).collect();
        for (at, _) in code.match_indices("super::") {
            if code[..at].ends_with("::") {
                continue;
            }
            let (mut rest, mut up) = (&code[at..], 0);
            while let Some(behind) = rest.strip_prefix("super::") {
                (rest, up) = (behind, up + 1);
            }
            let mut found = BTreeSet::new();
            tree(rest, "", &mut found);
            let above: Vec<String> =
                own[..own.len().saturating_sub(up)].iter().map(|part| (*part).to_owned()).collect();
            named.extend(found.iter().map(|path| {
                above.iter().cloned().chain(path.split("::").map(str::to_owned)).collect::<Vec<String>>()
            }));
        }
        let to = ways.entry(file.clone()).or_default();
        for path in named {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let Some(other) = file_of(&path, &files) else { continue };
            let theirs = module_of(&other);
            if !own.starts_with(&theirs) && !theirs.starts_with(&own) {
                to.insert(other);
            }
        }
    }
    ways
}

#[test]
fn no_circle_of_files() {
    let mut ways = ways();
    assert!(ways["plan/roll.rs"].contains("plan/start.rs"), "the reader of ways reads none");
    loop {
        let left: BTreeSet<String> = ways.keys().cloned().collect();
        ways.retain(|_, to| !to.is_disjoint(&left));
        if ways.len() == left.len() {
            break;
        }
    }
    assert!(ways.is_empty(), "circles: {ways:#?}");
}

#[test]
fn rooms_name_only_what_is_above_them() {
    let named = named();
    let rows: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len());
    let unknown: Vec<&String> = named.keys().filter(|room| !rows.contains(&room.as_str())).collect();
    assert!(unknown.is_empty(), "not in the table: {unknown:?}");
    let mut wrong = Vec::new();
    for (row, (room, may)) in ROOMS.iter().enumerate() {
        assert!(may.iter().all(|other| rows[..row].contains(other)), "{room} names a room below it");
        let names: BTreeSet<&str> = named[*room].iter().map(String::as_str).collect();
        if *room == "cli" {
            continue;
        }
        let may: BTreeSet<&str> = may.iter().copied().collect();
        if names != may {
            wrong.push(format!("{room} names {names:?}, and the table says {may:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_power_is_in_one_place() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        for (words, places) in ONLY {
            if places.iter().any(|place| file.starts_with(place)) {
                continue;
            }
            let used = words.iter().filter(|word| code.contains(**word));
            wrong.extend(used.map(|word| format!("{file}: {word} belongs to {}", places.join(", "))));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_paths_reads_them() {
    let code = "use crate::{a::{b, c as d}, e};\nfn f() { crate::g::h(); }\nuse crate::\n{i::J};";
    let found: Vec<String> = paths(code).into_iter().collect();
    assert_eq!(found, ["a::b", "a::c", "e", "g::h", "i::J"]);
    assert!(sources().len() > 50 && sources().contains_key("plan/mod.rs"));
}
