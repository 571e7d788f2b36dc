//! The dependency direction of ARCHITECTURE.md, held by reading the sources' own `crate::…` paths.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What each module may name, by path prefix. What stands in no row may name nothing.
const MAY: &[(&str, &[&str])] = &[
    ("problem", &[]),
    ("limited", &[]),
    ("masked", &[]),
    ("harmless", &[]),
    ("event", &[]),
    ("interrupt", &[]),
    ("inventory", &["limited", "masked", "problem", "model::ids"]),
    ("vagrant", &["limited", "problem"]),
    ("text", &["model::ids"]),
    ("chain", &["problem", "model::ids", "text"]),
    ("model", &["problem", "chain", "inventory"]),
    // The gather script is written with shell's words and read from its records; the plan never sees either.
    // What a key that a host has shown is to the chain.
    ("facts", &["chain::identity", "model", "shell", "text"]),
    ("plan", &["problem", "chain", "facts", "masked", "model", "text"]),
    // Steps are the plan's data, and a manifest is written by a step.
    ("shell", &["model::ids", "model::scope", "facts::manifest", "plan::step"]),
    ("remote", &["model::ids", "model::login", "model::scope", "shell"]),
    ("binary", &["model", "problem"]),
    ("seal", &["model::login", "problem"]),
    ("fleet", &["event", "facts", "interrupt", "model", "plan", "remote", "shell"]),
    ("apply", &["event", "facts", "fleet", "masked", "model", "plan", "remote", "shell"]),
    (
        "verify",
        &[
            "chain",
            "event",
            "facts",
            "fleet",
            "harmless",
            "interrupt",
            "model",
            "plan",
            "remote",
            "shell",
            "text",
        ],
    ),
    // Commands that only look: as a run begins, but without the hosts that a run would end for.
    ("look", &["error", "event", "facts", "fleet", "model", "remote", "run"]),
    (
        "ops",
        &["binary", "chain", "event", "facts", "fleet", "look", "model", "plan", "remote", "shell", "verify"],
    ),
    // Exit codes are made of what went wrong, wherever it did.
    ("error", &["plan", "problem", "remote::error"]),
    (
        "run",
        &[
            "apply",
            "binary",
            "error",
            "event",
            "facts",
            "fleet",
            "interrupt",
            "model",
            "plan",
            "problem",
            "remote",
            "verify",
        ],
    ),
];

/// Words that stand in the files of one part only. A file is named by its beginning below src.
const ONLY: &[(&[&str], &[&str])] = &[
    // Connections are opened in one place.
    (&["tokio::net", "std::net::Tcp", "UnixStream", "openssh::", "hyper"], &["remote/"]),
    // Inventory scripts are the user's own programs; Vagrant is asked what its machines are.
    (
        &["process::Command", "Command::new("],
        &["remote/", "limited.rs", "inventory/sources/", "vagrant/ask.rs"],
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
    (&["process::exit"], &["interrupt.rs"]),
    (&["ExitCode"], &["main.rs"]),
    // Files of the control machine: the inventory's sources, the binary that goes up (and its size, for the
    // progress), the socket's folder, files that commands read and write (a backup of keys among them), and who we are for the lock's text.
    (
        &["std::fs", "fs::read", "File::open", "tokio::fs"],
        &[
            "limited.rs",
            "inventory/sources/",
            "vagrant/ask.rs",
            "cli/files.rs",
            "cli/keyfile.rs",
            "binary.rs",
            "fleet.rs",
            "remote/",
            "run.rs",
        ],
    ),
];

fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![root.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, without_tests(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    // Files that exist for tests alone.
    let tests =
        ["tests.rs", "tests/", "recording/", "differential.rs", "architecture.rs", "fuzz.rs", "golden"];
    found.retain(|name, _| !tests.iter().any(|part| name.contains(part)));
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

fn module_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let module = module_of(&file);
        if matches!(module, "cli" | "lib" | "main") {
            continue;
        }
        let may = MAY.iter().find(|(name, _)| *name == module).map_or(&[][..], |(_, may)| *may);
        for path in paths(&code) {
            let allowed = |prefix: &&str| path == **prefix || path.starts_with(&format!("{prefix}::"));
            if module_of(&path.replace("::", "/")) != module && !may.iter().any(allowed) {
                wrong.push(format!("{file}: crate::{path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "against the direction of ARCHITECTURE.md:\n{}", wrong.join("\n"));
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
