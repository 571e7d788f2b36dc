//! The reader as a whole: places, problems, limits, and the inventories that ship with loomctl.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod limits;

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use super::{Asked, Inventory, Origin, Source, assemble, load, parse_yaml, sources};
use crate::types::diagnostic::Diagnostic;

fn read(text: &str) -> Inventory {
    parse_yaml("i.yaml", text).unwrap().0
}

/// `line:column+width message | help` of each problem.
fn problems(text: &str) -> Vec<String> {
    let problems = match parse_yaml("i.yaml", text) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    problems.iter().map(shown).collect()
}

fn shown(problem: &Diagnostic) -> String {
    let place =
        problem.place.as_ref().map_or(String::new(), |p| format!("{}:{}+{} ", p.line, p.column, p.width));
    let help = problem.help.as_ref().map_or(String::new(), |help| format!(" | {help}"));
    format!("{place}{}{help}", problem.message)
}

#[test]
fn every_variable_knows_where_it_comes_from() {
    let inventory = read(
        "all:\n  vars:\n    power: 10\n  hosts:\n    a:\n      role: full\n      ports: {p2p: 1}\n      e:\n",
    );
    let host = &inventory.hosts["a"];
    let at = |name: &str| {
        let place = host.vars[name].place.as_ref().unwrap();
        (place.line, place.column, place.width, &*place.text)
    };
    assert_eq!(at("power"), (3, 12, 2, "    power: 10"));
    assert_eq!(at("role"), (6, 13, 4, "      role: full"));
    assert_eq!(at("ports"), (7, 7, 5, "      ports: {p2p: 1}"));
    assert_eq!(at("e"), (8, 7, 1, "      e:"));
    assert_eq!(host.vars["power"].name_place.as_ref().unwrap().column, 5);
    assert_eq!(host.vars["power"].origin, Origin::Group("all".to_owned()));
    assert_eq!(host.vars["role"].origin, Origin::Host);
    assert_eq!(host.place.as_ref().unwrap().line, 5);
    assert_eq!(*host.groups, ["ungrouped"]);
}

#[test]
fn all_problems_of_a_file_at_once() {
    let text = "all:\n  host:\n    a:\n  hosts:\n    n[1:]:\n    12:\n    b: text\n    c: {x: !vault y, d: 2024-99-99}\n  vars: [1]\n";
    assert_eq!(
        problems(text),
        [
            "8:25+10 `2024-99-99` is written like a date and is none; as a text it needs quotes",
            "2:3+4 the group `all` has no `host`; it takes `hosts`, `vars` and `children` | did you mean `hosts`?",
            "5:5+5 a range needs an end",
            "6:5+2 the name of a host is a text, and this is a number | put it in quotes",
            "7:8+4 the host `b` takes a dictionary of variables, and this is a text",
            "9:9+1 `vars` takes a dictionary, and this is a list | write `name:` under `vars:`, one a line, without a dash",
        ]
    );
}

#[test]
fn what_is_no_inventory() {
    for (text, word) in [
        ("", "empty"),
        ("{}", "empty"),
        ("# only this\n", "empty"),
        ("- a\n", "dictionary of groups"),
        ("plugin: aws_ec2\n", "plugin"),
        ("all: {hosts: {a: }}\n---\nall:\n", "second document"),
        ("all: [1\n", "not YAML"),
        ("all:\n\thosts:\n", "not YAML"),
        ("all: text", "takes `hosts`"),
        ("all: {hosts: {a: {x: *nope}}}", "not YAML"),
        ("all: {hosts: {a: {x: &x [*x]}}}", "inside of what it names"),
        ("all: {hosts: {a: {[1]: x}}}", "cannot be a key"),
        ("all: {hosts: {a: {<<: 1}}}", "`<<` takes"),
        ("all: {hosts: {a: {x: !python y}}}", "not known"),
        ("a: {children: {b: }}\nb: {children: {a: }}", "children of each other"),
        ("a: {children: {a: }}", "children of each other"),
        ("a: {children: {all: }}", "children of each other"),
        ("a: {vars: {ansible_group_priority: high}}", "whole number"),
        ("all: {hosts: {'n[0:1000000000]': }}", "100000"),
    ] {
        let found = problems(text);
        assert!(found.iter().any(|problem| problem.contains(word)), "{text:?}: {found:?}");
        assert!(parse_yaml("i", text).is_err(), "{text:?}");
    }
}

/// What is wrong is named, where a reader would look.
#[test]
fn common_faults_are_called_by_their_names() {
    let of = |name: &str, text: &str| -> String {
        let source =
            Source { name: name.to_owned(), path: None, text: text.to_owned(), inside: false, secret: false };
        let problems = assemble(&[sources::Opened::Text(source)], &[], &[], &Asked::default(), Vec::new());
        let first = problems.unwrap_err().remove(0);
        let place = first.place.map(|place| format!("{}:{} ", place.line, place.column)).unwrap_or_default();
        place + &first.message
    };
    for (name, text, said) in [
        ("i.yaml", "all:\n  hosts:\n\th1:\n", "3:1 this is not YAML: a tab cannot be used for indentation"),
        (
            "i.yaml",
            "all:\n  vars:\n    a: b\n\t  c: d\n",
            "4:1 this is not YAML: a tab cannot be used for indentation",
        ),
        (
            "i.yaml",
            "all:\n  vars:\n    a: |\n\t\tb\n",
            "4:1 this is not YAML: a tab cannot be used for indentation",
        ),
        ("i.yaml", "all:\n<<<<<<< HEAD\n  hosts: {a: }\n=======\n", "2:1 this is a merge-conflict marker"),
        ("i.ini", "[web]\nh1\n=======\nh2\n>>>>>>> theirs\n", "3:1 this is a merge-conflict marker"),
        (
            "i.yaml",
            "---\n$ANSIBLE_VAULT;1.1;AES256\n6162\n",
            "2:1 the header of Ansible Vault must be the first line of its file",
        ),
        (
            "i.json",
            "{\"all\": {\"hosts\": {\"a\" {}}}}",
            "1:24 this is not JSON: a `:` is missing behind a key",
        ),
        (
            "i.json",
            "{\"all\": {\"vars\": {\"a\": \"\\ud83d\"}}}",
            "1:25 this is not JSON: an escape is half of a character, without the other half",
        ),
        ("i.json", "{\"all\": {},\n]", "2:1 this is not JSON: a key in double quotes is missing"),
        (
            "i.yaml",
            "all:\n  vars:\n    a: \"b\n    c: d\n",
            "3:8 this is not YAML: found unexpected end of stream",
        ),
        ("i.yaml", "all:\n  vars:\n    a: [b\n", "4:1 this is not YAML: did not find expected ',' or ']'"),
        ("i.yaml", "all:\n  vars:\n  hosts\n", "3:3 this is not YAML: could not find expected ':'"),
        (
            "i.yaml",
            "all:\n  vars:\n    a: x\u{7}y\n",
            "3:9 this is not YAML: control characters are not allowed",
        ),
        (
            "i.yaml",
            "all:\n  vars:\n    a: \"\\ud83d\\ude80\"\n",
            "3:11 this is not YAML: found invalid Unicode character escape code",
        ),
    ] {
        assert_eq!(of(name, text), said, "{text}");
    }
}

#[test]
fn a_repeated_key_is_warned_about() {
    let found = problems("all:\n  hosts:\n    a: {x: 1}\n    a: {y: 2}\n");
    assert_eq!(
        found,
        ["4:5+1 `a` stands here twice (first in line 3): this one counts | remove one of the two"]
    );
}

#[test]
fn nonsense_ends_in_an_error() {
    let mut laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (new, old) in ('b'..='i').zip('a'..) {
        let _ = writeln!(
            laughs,
            "{new}: &{new} [*{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}]"
        );
    }
    assert!(problems(&laughs)[0].contains("aliases make this document larger"));
    assert!(problems(&"[".repeat(10_000))[0].contains("nested more than"));
    assert!(parse_yaml("i", &"{a: ".repeat(10_000)).is_err());
    let mut deep = String::new();
    for indent in 0..1000 {
        let _ = writeln!(deep, "{}a:", " ".repeat(indent));
    }
    assert!(problems(&deep)[0].contains("nested more than"));
    let wide = format!("all:\n  hosts:\n    n[1:100000]: {{l: [{}]}}\n", "1,".repeat(1000));
    assert!(problems(&wide)[0].contains("values together"));
    let group = format!("all:\n  hosts: {{'n[1:100000]': }}\n  vars: {{l: [{}]}}\n", "1,".repeat(1000));
    assert!(problems(&group)[0].contains("values together"));
}

#[test]
fn extra_variables_go_over_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i.yaml");
    std::fs::write(&path, "all: {hosts: {a: {x: 1}, b: }}").unwrap();
    let vars = folder.path().join("vars.yml");
    std::fs::write(&vars, "y: 0644\n").unwrap();
    let extra = ["x=2 z='{{ x }}'".to_owned(), format!("@{}", vars.display())];
    let (inventory, _) = load(&Asked { paths: &[path], extra: &extra, ..Asked::default() }).unwrap();
    for host in inventory.hosts.values() {
        assert_eq!(host.get("x").unwrap(), Some(json!("2")));
        assert_eq!(host.get("y").unwrap(), Some(json!(420)));
        assert_eq!(host.get("z").unwrap(), Some(json!("2")));
        assert_eq!(host.vars["x"].origin, Origin::Extra);
        assert_eq!(host.vars["y"].place.as_ref().unwrap().line, 1);
    }
}

#[test]
fn several_files_are_merged_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["1.yaml", "2.yaml"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], "all: {hosts: {a: {x: 1}}}").unwrap();
    std::fs::write(&paths[1], "web: {hosts: {a: {x: 2}, b: }}").unwrap();
    let (inventory, _) = load(&Asked { paths: &paths, ..Asked::default() }).unwrap();
    assert_eq!(inventory.hosts["a"].vars["x"].value, json!(2));
    assert_eq!(*inventory.hosts["a"].groups, ["web"]);
    assert_eq!(inventory.hosts["a"].file.as_deref(), Some(paths[0].as_path()));
}

#[test]
fn the_inventories_that_ship() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories");
    let (playbook, warnings) =
        load(&Asked { paths: &[folder.join("playbook.yaml")], ..Asked::default() }).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(playbook.hosts.keys().collect::<Vec<_>>(), ["loom-0", "loom-1", "loom-2", "loom-3"]);
    assert_eq!(playbook.hosts["loom-1"].vars["user"].value, json!("ubuntu"));

    let (full, warnings) = load(&Asked { paths: &[folder.join("full.yaml")], ..Asked::default() }).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(full.hosts.len(), 6);
    assert_eq!(full.hosts["validator-0"].get("power").unwrap(), Some(json!(20)));
    assert_eq!(full.hosts["validator-3"].get("power").unwrap(), Some(json!(10)));
    assert_eq!(*full.hosts["full-0"].groups, ["others"]);
    assert_eq!(
        full.hosts["full-0"].get("unit").unwrap().unwrap()["Service"]["Environment"],
        json!("CMTHOME_NOTE=full-0")
    );
}

/// An inventory of so many hosts in 50 groups, with a file in `group_vars/` for each; how long it takes to read, at best.
fn seconds(count: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "all:\n  children:\n".to_owned();
    std::fs::create_dir(folder.path().join("group_vars")).unwrap();
    for group in 0..50 {
        let vars = format!("a{group}: 1\nb: two\nc: [1, 2]\nd{group}: {{e: f}}\n");
        std::fs::write(folder.path().join(format!("group_vars/g{group}.yml")), vars).unwrap();
        let _ = writeln!(text, "    g{group}:\n      hosts:");
        for host in 0..count / 50 {
            let _ =
                writeln!(text, "        h{group}-{host}: {{ansible_host: 10.0.{group}.{host}, x: 1, y: z}}");
        }
    }
    let path = [folder.path().join("i.yaml")];
    std::fs::write(&path[0], text).unwrap();
    let once = |_| {
        let start = crate::fuzz::cpu();
        let (inventory, _) = load(&Asked { paths: &path, ..Asked::default() }).unwrap();
        assert_eq!(inventory.hosts.len(), count);
        crate::fuzz::cpu().saturating_sub(start).as_secs_f64()
    };
    (0..3).map(once).fold(f64::MAX, f64::min)
}

/// Ten times the hosts in not much more than ten times the time; bench/inventory has the figures.
#[test]
fn time_grows_with_the_hosts_and_no_faster() {
    let (few, many) = (seconds(500), seconds(5000));
    assert!(many < few * 25.0, "500 hosts: {few} s, 5000: {many} s");
}

#[test]
fn a_template_without_quotes_is_told_from_other_errors() {
    for value in ["{{ x }}", "{{ x }}/bin", "{{x}}"] {
        let text = format!("all:\n  vars:\n    x: 1\n    y: {value}\n    z: 1\n");
        let said = problems(&text);
        assert!(
            !said.is_empty() && said.iter().all(|said| said.contains("needs quotes")),
            "{value}: {said:?}"
        );
    }
    for value in ["{a: {b: }}", "[}", "'{{ x }}'"] {
        let said = problems(&format!("all:\n  vars:\n    y: {value}\n"));
        assert!(said.iter().all(|said| !said.contains("needs quotes")), "{value}: {said:?}");
    }
}

#[test]
fn a_text_of_an_ini_file_that_looks_like_a_dictionary_is_warned_about() {
    let warned = |text: &str| {
        let (_, warnings) = parse_yaml("i.ini", text).unwrap();
        warnings.iter().map(shown).collect::<Vec<_>>()
    };
    let said = warned("a ports={\"p2p\":1} x={{y}}\n[g]\n[g:vars]\nl=[a, b]\nfine={'p2p': 1}\nt={{ x }}\n");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("1:9+9 this looks like a list or a dictionary"), "{said:?}");
    assert!(said[1].starts_with("4:3+6"), "{said:?}");
}
