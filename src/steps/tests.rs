//! Steps through a real shell, and the form of each in a saved plan.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, process::Command};

use super::*;
use crate::{
    facts::manifest::{self as known, Entry, EntryKind, FORMAT},
    script::quote::words,
    types::ids::Sha256,
};

/// Of systemd only this: the program of a unit that runs once, without what confines it.
const SYSTEMD: &str = r#"systemctl() {
  case $1 in
    start)
      once=$transient/$2
      cd "$(sed -n 's/^WorkingDirectory=//p' "$once")" || return 1
      ( eval "$(sed -n 's/^ExecStart=//p' "$once" | sed 's/\$\$/\\$/g; s/%%/%/g')" )
      once=$?
      [ "$once" = 0 ]
      ;;
    show) echo "$once" ;;
  esac
}"#;

pub(super) fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

pub(super) fn me() -> String {
    let id = |flag| {
        let out = Command::new("id").arg(flag).output().unwrap().stdout;
        String::from_utf8(out).unwrap().trim().to_owned()
    };
    format!("{}:{}", id("-un"), id("-gn"))
}

/// Runs the steps for real; the records that came back.
pub(super) fn run(list: &[Step]) -> String {
    let mut script = Script::new("n");
    let transient = tempfile::tempdir().unwrap();
    let me = me();
    let (user, group) = me.split_once(':').unwrap();
    script.set("transient", transient.path().to_str().unwrap());
    script.line(words(["hand_is", user, &format!("0 {group} /")]));
    script.line(SYSTEMD).line("say ready");
    list.iter().enumerate().for_each(|(number, step)| step.add_to(&mut script, number));
    script.line("finish 0");
    let checked = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(checked.path(), script.text(&crate::types::scope::Scope::System)).unwrap();
    let syntax = Command::new("dash").arg("-n").arg(checked.path()).output().unwrap();
    assert!(syntax.status.success(), "{}", String::from_utf8_lossy(&syntax.stderr));
    let out = Command::new("sh").arg(checked.path()).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

fn listed(home: &RemotePath) -> known::Manifest {
    known::Manifest {
        format: FORMAT,
        loomctl: "0".into(),
        cluster: "c".into(),
        node: "n".into(),
        profile: "p".into(),
        unit: "u".into(),
        home: home.clone(),
        binary_sha256: None,
        pinned: false,
        services: Vec::new(),
        decided: None,
        previous: Vec::new(),
        prepared: None,
        paths: vec![Entry {
            path: home.join("a b").unwrap(),
            kind: EntryKind::File,
            sha256: Some(Sha256::of("x")),
            inode: None,
            size: None,
            mtime: None,
            ctime: None,
        }],
    }
}

#[test]
fn files_links_folders_and_manifests_are_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = path(folder.path().to_str().unwrap());
    let owner = me();
    let hostile = "it's $HOME `id` \\ \"%s\" \u{fc}\n\n";
    let list = vec![
        Step::Folder(Folder {
            path: home.join("d/e").unwrap(),
            owner: owner.clone(),
            mode: 0o750,
            strict: true,
        }),
        Step::File(File { path: home.join("a b").unwrap(), owner, mode: 0o640, content: hostile.into() }),
        Step::Link(Link { path: home.join("l").unwrap(), target: home.join("a b").unwrap() }),
        Step::Manifest(Manifest { path: home.join("m.json").unwrap(), manifest: listed(&home).into() }),
    ];
    std::fs::write(folder.path().join("initialised"), "").unwrap();
    let first = run(&list);
    for n in 0..4 {
        assert!(first.contains(&format!("n done {n} changed")), "{first}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("a b")).unwrap(), hostile);
    let text = std::fs::read_to_string(folder.path().join("m.json")).unwrap();
    let read = known::Manifest::parse(&text).unwrap();
    assert_eq!(read.planned(), listed(&home).planned());
    assert_eq!(read.paths[0].size, Some(hostile.len() as u64));
    let second = run(&list);
    for n in 0..4 {
        assert!(second.contains(&format!("n done {n} ok")), "{second}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn a_failed_step_ends_the_script_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let home = path(folder.path().to_str().unwrap());
    std::fs::create_dir(folder.path().join("f")).unwrap();
    let list = [
        Step::File(File { path: home.join("f").unwrap(), owner: me(), mode: 0o644, content: "x".into() }),
        Step::Gone(Gone { path: home.join("f").unwrap() }),
    ];
    let out = run(&list);
    assert!(out.contains("n failed 0 1 ") && out.contains("n end 1") && !out.contains("begin 1"), "{out}");
    assert!(folder.path().join("f").exists());
}

/// One of each kind, as it stands in a saved plan: what plans of older versions say is read and meant alike.
const SAVED: &[&str] = &[
    r#"{"kind":"account","user":"nobody-of-ours"}"#,
    r#"{"kind":"folder","path":"/n/x","owner":"a:b","mode":488,"strict":true}"#,
    r#"{"kind":"file","path":"/n/x","owner":"a:b","mode":416,"content":"it's $HOME"}"#,
    r#"{"kind":"key","path":"/n/x","owner":"a:b"}"#,
    r#"{"kind":"link","path":"/n/x","target":"/t"}"#,
    r#"{"kind":"binary","path":"/n/x","sha256":"SUM","url":null}"#,
    r#"{"kind":"binary","path":"/n/x","sha256":"SUM","url":"http://h/","relayed":"no way there"}"#,
    r#"{"kind":"fetch","name":"n","url":"http://h/$(x)"}"#,
    r#"{"kind":"fetch","name":"n","url":"http://h/$(x)","relayed":"no way there"}"#,
    r#"{"kind":"init","home":"/n/x","user_home":"/h","state":"/s","unit":"u","sandbox":"","keep":[["n","p"]],"makes":["m"],"before":[["a","b"]],"argv":["i"]}"#,
    r#"{"kind":"init","home":"/n/x","user_home":"/h","state":"/s","unit":"u","sandbox":"","keep":[],"makes":[],"before":[],"drops":["d"],"prints":["k","f"],"argv":["i"]}"#,
    r#"{"kind":"tool","home":"/n/x","state":"/s","unit":"u","sandbox":"","name":"n","binary":"/b","work":{"links":["l"],"puts":[],"commands":[],"gives":"g","leaves":[]}}"#,
    r#"{"kind":"trial","home":"/n/x","unit":"u","sandbox":"","binary":"/b","sha256":"SUM","arguments":["version"]}"#,
    r#"{"kind":"adopt","home":"/n/x","state":"/s","keep":[["n","p"]]}"#,
    r#"{"kind":"unit","name":"u","run":"start","reload":true,"state":"/s","runs":"SUM"}"#,
    r#"{"kind":"unit","name":"u","run":"start","reload":true,"first":true,"state":"/s","runs":"SUM"}"#,
    r#"{"kind":"unit","name":"u","run":"leave","reload":false,"state":"/s","record":"other","runs":"SUM"}"#,
    r#"{"kind":"stopped","unit":"u"}"#,
    r#"{"kind":"disabled","unit":"u"}"#,
    r#"{"kind":"unsigned","path":"/n/x","prefix":"last_"}"#,
    r#"{"kind":"gone","path":"/n/x"}"#,
    r#"{"kind":"unused","path":"/n/x"}"#,
    r#"{"kind":"reload"}"#,
    r#"{"kind":"empty-gone","path":"/n/x"}"#,
    r#"{"kind":"tombstone","path":"/n/x","owner":"a:b","stone":{"format":1,"loomctl":"0","cluster":"c","chain_id":"c-1","node":"n","node_id":null,"validator_key":{"type":"t","value":"v"},"time":"2026-01-02T03:04:05Z","who":"me@here","holds":"keys"}}"#,
];

/// With a manifest, whose own form is tested elsewhere.
fn saved() -> Vec<String> {
    let sum = Sha256::of("").to_string();
    let manifest = serde_json::to_string(&listed(&path("/h"))).unwrap();
    let manifest = format!(r#"{{"kind":"manifest","path":"/n/x","manifest":{manifest}}}"#);
    SAVED.iter().map(|json| json.replace("SUM", &sum)).chain([manifest]).collect()
}

fn all() -> Vec<Step> {
    saved().iter().map(|json| serde_json::from_str(json).unwrap()).collect()
}

#[test]
fn every_kind_has_the_form_that_saved_plans_know() {
    let again: Vec<String> = all().iter().map(|step| serde_json::to_string(step).unwrap()).collect();
    assert_eq!(again, saved());
    let name = |step: &Step| format!("{step:?}").split('(').next().unwrap().to_owned();
    let seen: BTreeSet<String> = all().iter().map(name).collect();
    assert_eq!(seen, KINDS.iter().map(|kind| (*kind).to_owned()).collect(), "one of each kind");
    // Three ways to go, one word for people.
    assert_eq!(all().iter().filter(|step| step.kind() == "gone").count(), 3);
}

#[test]
fn every_kind_is_valid_shell() {
    let mut script = Script::new("n");
    all().iter().enumerate().for_each(|(number, step)| step.add_to(&mut script, number));
    let text = script.text(&crate::types::scope::Scope::System);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    let out = Command::new("dash").arg("-n").arg(file.path()).output().unwrap();
    assert!(out.status.success(), "{text}");
    // Each step's functions go there once.
    assert_eq!(text.matches("\nstep_file() {").count(), 1);
}

/// Names of functions in a shell text.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.split_once("() {").map(|(name, _)| name))
}

/// Whether a text has the name as a whole word, and not as a variable's; without comments.
fn calls(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_called = |line: &str, at: usize| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        !before.ends_with(|c: char| is_word(c) || matches!(c, '$' | '{' | '.' | '-' | '/'))
            && !after.starts_with(|c: char| is_word(c) || matches!(c, '=' | '(' | '%' | '.'))
    };
    let mut code = text.lines().map(|line| line.split("# ").next().unwrap());
    code.any(|line| line.match_indices(name).any(|(at, _)| is_called(line, at)))
}

/// What a step has of functions, by who knows them: root's script, and the hand.
fn known(parts: &[Part]) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut root, mut hand) = (BTreeSet::new(), BTreeSet::new());
    for part in parts {
        match part {
            Part::Root(text) => root.extend(functions(text)),
            Part::Hand(text) => hand.extend(functions(text)),
            Part::Both(text) => {
                root.extend(functions(text));
                hand.extend(functions(text));
            }
        }
    }
    (root, hand)
}

/// A shell notices what it lacks only when it comes to the call.
#[test]
fn every_kind_brings_what_it_calls_and_nobody_else_calls_it() {
    let texts = crate::architecture::files("src/steps", "sh");
    let of_steps: Vec<&str> = texts.values().flat_map(|text| functions(text)).collect();
    assert!(of_steps.len() > 40, "{of_steps:?}");
    let mut wrong = Vec::new();
    let mut judge = |who: String, text: &str, has: &dyn Fn(&str) -> bool| {
        let lacking = of_steps.iter().filter(|name| !has(name) && calls(text, name));
        wrong.extend(lacking.map(|name| format!("{who} lacks {name}")));
    };
    for step in all() {
        let (kind, parts) = (step.of_kind(), step.of_kind().shell());
        let (root, hand) = known(parts);
        for part in parts {
            match part {
                // Root's script calls the hand by its functions' names.
                Part::Root(text) => {
                    judge(step.name(), text, &|name| root.contains(name) || hand.contains(name));
                }
                Part::Hand(text) | Part::Both(text) => judge(step.name(), text, &|name| hand.contains(name)),
            }
        }
        assert!(kind.call().split(' ').next().is_some_and(|name| root.contains(name)), "{}", kind.call());
    }
    for folder in ["src/script", "src/facts"] {
        for (file, text) in crate::architecture::files(folder, "sh") {
            judge(file, &text, &|_| false);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
