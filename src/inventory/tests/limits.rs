//! Inventories that want to be read for ever, or to have more hosts than there are.

use std::path::PathBuf;
use std::time::Duration;

use super::{Asked, load, parse_yaml};
use crate::fuzz::cpu;

fn yaml(name: &str, text: &str) -> String {
    let start = cpu();
    let said = match parse_yaml("i.yaml", text) {
        Ok((inventory, _)) => format!("{} hosts", inventory.hosts.len()),
        Err(problems) => problems[0].message.clone(),
    };
    let took = cpu().saturating_sub(start);
    assert!(took < Duration::from_secs(8), "{name} took {took:?}: {said}");
    said
}

#[test]
fn much_yaml_ends_soon() {
    let million = 200_000;
    let laughs = |mid: &str| {
        let one = |n: usize| format!("a{}: &a{} [{}]\n", n + 1, n + 1, vec![format!("*a{n}"); 9].join(mid));
        format!("a0: &a0 [x]\n{}", (0..20).map(one).collect::<String>())
    };
    let merged = |n: usize| format!("a{}: &a{} {{<<: [*a{n}, *a{n}], k{n}: 1}}\n", n + 1, n + 1);
    let merges = format!("a0: &a0 {{x: 1}}\n{}", (0..90).map(merged).collect::<String>());
    for (name, text, word) in [
        ("open lists", "a: ".to_owned() + &"[".repeat(million), ""),
        ("open dictionaries", "a: ".to_owned() + &"{a: ".repeat(million / 4), ""),
        ("dashes", "- ".repeat(million), ""),
        ("questions", "? ".repeat(million), ""),
        ("laughs", laughs(", "), "aliases make this document larger"),
        ("merges", merges, ""),
        ("a long key", format!("all: {{vars: {{{}: 1}}}}", "k".repeat(4 * million)), "not YAML"),
        ("a long line", format!("all: {{vars: {{a: [{}1]}}}}", "1, ".repeat(60_000)), "0 hosts"),
        ("the same key", "all:\n".repeat(30_000), ""),
        ("quotes", "'".repeat(2 * million), ""),
        ("anchors", (0..20_000).map(|n| format!("a{n}: &a{n} 1\n")).collect::<Vec<_>>().concat(), ""),
        ("comments", "# nothing\n".repeat(40_000) + "all:", "0 hosts"),
        ("tabs", "\t".repeat(2 * million), ""),
    ] {
        let said = yaml(name, &text);
        assert!(said.contains(word), "{name}: {said}");
    }
}

#[test]
fn ranges_are_counted_over_all_sources_together() {
    let hosts = |keys: &str| format!("all: {{hosts: {{{keys}}}}}");
    let many = |n: usize| (0..n).map(|n| format!("'g{n}-[0:9999]': ")).collect::<Vec<_>>().join(", ");
    for (name, keys, word) in [
        ("a range", "'n[0:999999999]': ".to_owned(), "more than 100000 hosts"),
        ("letters", "'[a:z][a:z][a:z][a:z][a:z]': ".to_owned(), "more than 100000 hosts"),
        ("ranges", "'[1:9][1:9][1:9][1:9][1:9][1:9][1:9]': ".to_owned(), "more than 100000 hosts"),
        ("several", many(11), "more than 100000 hosts, all sources together"),
        ("very many", many(5_000), "more than 100000 hosts, all sources together"),
        ("enough", many(10), "100000 hosts"),
    ] {
        let said = yaml(name, &hosts(&keys));
        assert!(said.contains(word), "{name}: {said}");
    }
    let again: String =
        (0..12).map(|n| format!("g{n}: {{hosts: {{'n[0:99999]': }}}}\n")).collect::<Vec<_>>().concat();
    assert!(yaml("the same again", &again).contains("names more than 1000000 hosts"));
    let paths = ["a", "b"].map(|name| PathBuf::from(format!("{name},{}", [name; 10].join(","))));
    let folder = tempfile::tempdir().unwrap();
    let files = ["x", "y"].map(|name| folder.path().join(name));
    for (file, letter) in files.iter().zip(["x", "y"]) {
        std::fs::write(file, format!("[g]\n{letter}[0:59999]\n")).unwrap();
    }
    let all: Vec<PathBuf> = paths.into_iter().chain(files).collect();
    let problems = load(&Asked { paths: &all, here: folder.path().into(), ..Asked::default() }).unwrap_err();
    assert!(problems[0].message.contains("all sources together"), "{problems:?}");
}

#[test]
fn much_ini_ends_soon() {
    let vars: String = (0..60_000).map(|n| format!(" v{n}=1")).collect::<Vec<_>>().concat();
    let chain: String = (0..30_000)
        .map(|n| format!("[g{n}]\nh{n}\n[g{n}:children]\ng{}\n", n + 1))
        .collect::<Vec<_>>()
        .concat();
    let left: String = (0..40_000).map(|n| format!("h{n}\n")).collect::<Vec<_>>().concat();
    for (name, text, word) in [
        ("a long line", format!("h{vars}\n"), "1 hosts"),
        ("groups in groups", format!("{chain}[g30000]\nlast\n"), "more than 1000000 groups together"),
        ("hosts in two places", format!("{left}[g]\n{left}"), "40000 hosts"),
        ("broken lines", "a b\n".repeat(100_000), ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts.ini");
        std::fs::write(&path, text).unwrap();
        let start = cpu();
        let read = load(&Asked { paths: &[path], here: folder.path().into(), ..Asked::default() });
        let said = match read {
            Ok((inventory, _)) => format!("{} hosts", inventory.hosts.len()),
            Err(problems) => {
                assert!(problems.len() <= 1001, "{name}: {} problems", problems.len());
                problems[0].message.clone()
            }
        };
        let took = cpu().saturating_sub(start);
        assert!(took < Duration::from_secs(8) && said.contains(word), "{name} took {took:?}: {said}");
    }
}

#[test]
fn an_input_that_is_no_file_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let asked = |path: &str| {
        let paths = [PathBuf::from(path)];
        load(&Asked { paths: &paths, here: folder.path().into(), ..Asked::default() }).unwrap_err()[0]
            .message
            .clone()
    };
    assert_eq!(asked("/dev/zero"), "the inventory /dev/zero cannot be read: it has more than 4194304 bytes");
    let extra = ["@/dev/zero".to_owned()];
    let wrong = load(&Asked { extra: &extra, here: folder.path().into(), ..Asked::default() }).unwrap_err();
    assert!(wrong[0].message.contains("it has more than 4194304 bytes"), "{wrong:?}");
    let script = folder.path().join("i.sh");
    std::fs::write(&script, "#!/bin/sh\nyes\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert!(asked(script.to_str().unwrap()).ends_with("--list` has printed more than 33554432 bytes"));
}
