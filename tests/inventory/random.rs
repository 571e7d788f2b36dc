//! Random inventories against Ansible: groups in groups, ranges, values of every type, names that clash, several sources,
//! `group_vars/` and `host_vars/`. `LOOMCTL_INVENTORIES=N` says how many, `LOOMCTL_SEED` which.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{Case, Library, ansible, differences};
use crate::support::{Suite, dice::Dice, tests};

const USUAL: u64 = 200;

pub fn register(suite: &mut Suite) {
    suite.with_ansible(tests![random_inventories_are_read_as_ansible_reads_them]);
}

pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn random_inventories_are_read_as_ansible_reads_them() {
    let seed = setting("LOOMCTL_SEED", 1);
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<u64> = (0..setting("LOOMCTL_INVENTORIES", USUAL)).collect();
    let mut wrong = Vec::new();
    for some in all.chunks(500) {
        let cases: Vec<Case> =
            some.iter().map(|n| made(folder.path(), seed.wrapping_mul(1_000_003) + n)).collect();
        let results = ansible(&cases);
        for (case, theirs) in cases.iter().zip(&results) {
            let found = differences(case, &Library::of(case), theirs);
            if !found.is_empty() {
                wrong.push(format!("{}\n{}", found.join("\n"), whole(&case.folder)));
            }
            fs::remove_dir_all(&case.folder).unwrap();
        }
    }
    assert!(
        wrong.is_empty(),
        "{} inventories of seed {seed} differ\n{}",
        wrong.len(),
        wrong[..wrong.len().min(3)].join("\n")
    );
}

/// Every file below a folder, for the report.
fn whole(folder: &Path) -> String {
    let mut out = String::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let _ = writeln!(
                out,
                "--- {}\n{}",
                path.strip_prefix(folder).unwrap().display(),
                fs::read_to_string(&path).unwrap()
            );
        }
    }
    out
}

const GROUPS: [&str; 8] = ["alpha", "beta", "gamma", "delta", "eps", "zeta", "all", "ungrouped"];
const HOSTS: [&str; 12] = [
    "n0",
    "n1",
    "n2",
    "n[0:2]",
    "n[01:05:2]",
    "h.example.com",
    "10.0.0.1",
    "a[a:c]",
    "x[1:2]-[a:b]",
    "p1:2222",
    "p2:22",
    "beta",
];
const NAMES: [&str; 7] = ["va", "vb", "vc", "vd", "ve", "vf", "ansible_port"];
const IN_INI: [&str; 24] = [
    "1",
    "-3",
    "0644",
    "1.5",
    "1e9",
    "true",
    "True",
    "None",
    "text",
    "'quoted'",
    "\"two words\"",
    "1,2",
    "[1,'a']",
    "{'a':1}",
    "{{b}}",
    "a=b",
    "10.0.0.1",
    "",
    "0x1f",
    "1_000",
    "()",
    "'it\\'s'",
    "\"'5'\"",
    "yes",
];
const IN_YAML: [&str; 28] = [
    "1",
    "-3",
    "0644",
    "1.5",
    "1e9",
    "1.0e+9",
    "true",
    "yes",
    "Off",
    "~",
    "text",
    "'quoted'",
    "\"a\\tb\"",
    "[1, a]",
    "{a: 1, b: [x]}",
    "\"{{ b }}\"",
    "22:22",
    "0x1F",
    "0b11",
    "1_000",
    ".5",
    "!unsafe '{{ x }}'",
    "2026-01-02",
    "\"\"",
    "0o17",
    "12345678901234567890123",
    "!!str 5",
    "a b",
];

fn made(folder: &Path, seed: u64) -> Case {
    let mut dice = Dice(seed);
    let folder = folder.join(seed.to_string());
    fs::create_dir(&folder).unwrap();
    let mut case = Case { name: format!("random {seed}"), ..Case::default() };
    for source in 0..=dice.below(3) {
        let below = dice.of(&["one", "two", "."]);
        fs::create_dir_all(folder.join(below)).unwrap();
        let (name, text) = match dice.below(2) {
            0 => (format!("{below}/{source}.ini"), ini(&mut dice)),
            _ => (format!("{below}/{source}.yml"), yaml(&mut dice)),
        };
        fs::write(folder.join(&name), text).unwrap();
        case.inventory.push(name);
        for _ in 0..dice.below(4) {
            let (kind, name) = match dice.below(3) {
                0 => ("host_vars", dice.of(&["n0", "n1", "h.example.com", "beta"])),
                _ => ("group_vars", dice.of(&GROUPS)),
            };
            let at = folder.join(dice.of(&["one", "two", "."])).join(kind);
            fs::create_dir_all(&at).unwrap();
            let end = dice.of(&["", ".yml", ".yaml", ".json", "/main.yml"]);
            let path = at.join(format!("{name}{end}"));
            let clash = at.join(name);
            if !clash.exists() || clash.is_dir() && end == "/main.yml" {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let vars: String = (0..=dice.below(3)).map(|_| variable(&mut dice, "")).collect();
                fs::write(path, distinct(&vars)).unwrap();
            }
        }
    }
    if dice.below(3) == 0 {
        case.inventory.push("n1,l1,l2:2200".to_owned());
    }
    if dice.below(3) == 0 {
        case.extra.push(format!("{}=extra", dice.of(&NAMES)));
    }
    let limits = ["n*", "alpha", "beta[0]", "all:!alpha", "n0,&beta", "~n[0-9]$", "gamma[0:1]", "!delta"];
    case.limits.push(dice.of(&limits).to_owned());
    case.folder = folder;
    case
}

fn variable(dice: &mut Dice, indent: &str) -> String {
    format!("{indent}{}: {}\n", dice.of(&NAMES[..6]), dice.of(&IN_YAML))
}

/// Lines whose key has not been there: a repeated key is warned about.
fn distinct(lines: &str) -> String {
    let mut keys = Vec::new();
    let new = |line: &&str| {
        let key = line.split(": ").next().unwrap().to_owned();
        let is_new = !keys.contains(&key);
        keys.push(key);
        is_new
    };
    lines.split_inclusive('\n').filter(new).collect()
}

fn ini(dice: &mut Dice) -> String {
    let mut text = String::new();
    let mut known: Vec<&str> = Vec::new();
    for _ in 0..dice.below(3) {
        host(dice, &mut text);
    }
    // Groups are children of later ones only: no loops.
    for group in &GROUPS[..=dice.below(5)] {
        let _ = writeln!(text, "[{group}]");
        for _ in 0..dice.below(4) {
            host(dice, &mut text);
        }
        if dice.below(2) == 0 {
            let _ = writeln!(text, "[{group}:vars]");
            for _ in 0..dice.below(4) {
                let _ = writeln!(text, "{} = {}", dice.of(&NAMES), dice.of(&IN_INI));
            }
            if dice.below(4) == 0 {
                let _ = writeln!(text, "ansible_group_priority={}", dice.below(4));
            }
        }
        if dice.below(2) == 0 && !known.is_empty() {
            let _ = writeln!(text, "[{group}:children]\n{} # child", dice.of(&known));
        }
        known.push(group);
    }
    if dice.below(2) == 0 {
        let _ = writeln!(text, "[all:vars]\n{}={}", dice.of(&NAMES), dice.of(&IN_INI));
    }
    text
}

fn host(dice: &mut Dice, text: &mut String) {
    let _ = write!(text, "{}", dice.of(&HOSTS));
    for _ in 0..dice.below(3) {
        let value = dice.of(&IN_INI);
        let _ = write!(text, " {}={value}", dice.of(&NAMES));
    }
    let _ = writeln!(text, "{}", dice.of(&["", "", " # said", "#cut"]));
}

fn yaml(dice: &mut Dice) -> String {
    let mut text = "all:\n".to_owned();
    section(dice, "  ", &mut text);
    let mut later: Vec<&str> = Vec::new();
    // Groups are children of later ones only, as in INI: no loops.
    for group in &GROUPS[..=dice.below(5)] {
        let _ = writeln!(text, "{group}:");
        section(dice, "  ", &mut text);
        if let (0, Some(child)) = (dice.below(2), later.last()) {
            let _ = writeln!(text, "  children:\n    {child}:");
        }
        later.push(group);
    }
    text
}

fn section(dice: &mut Dice, indent: &str, text: &mut String) {
    if dice.below(3) > 0 {
        let _ = writeln!(text, "{indent}hosts:");
        let mut names: Vec<&str> = (0..=dice.below(3)).map(|_| dice.of(&HOSTS)).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let vars: String = (0..dice.below(3)).map(|_| variable(dice, &format!("{indent}    "))).collect();
            let _ = write!(text, "{indent}  \"{name}\":\n{}", distinct(&vars));
        }
    }
    if dice.below(2) == 0 {
        let vars: String = (0..=dice.below(3)).map(|_| variable(dice, &format!("{indent}  "))).collect();
        let _ = write!(text, "{indent}vars:\n{}", distinct(&vars));
        if dice.below(5) == 0 {
            let _ = writeln!(text, "{indent}  ansible_group_priority: {}", dice.below(4));
        }
    }
}
