//! The commands without hosts: genesis documents in files, and what `up` would put on hosts, by facts in a file.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::{
    Lab, Suite,
    command::{self, Run},
    in_repository, tests,
};

pub fn register(suite: &mut Suite) {
    suite.plain(tests![documents_in_files, a_document_that_a_tool_has_made, a_profile_of_ones_own]);
    suite.on_lab(tests![what_is_rendered_is_what_is_on_the_hosts]);
}

fn loomctl(arguments: &[&str]) -> Run {
    command::run(Command::new(env!("CARGO_BIN_EXE_loomctl")).args(arguments))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What simd has collected is read by where it has its validators; to merge it would make books that do not add up.
fn a_document_that_a_tool_has_made() {
    let collected = in_repository("tests/fixtures/simd-0.50/collected.json");
    let collected = text(&collected);
    loomctl(&["genesis", "check", "--chain", "cosmos", collected]).ok();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("genesis.json");
    let more = fs::read_to_string(collected).unwrap().replacen("\"10000000\"", "\"30000000\"", 1);
    fs::write(&other, more).unwrap();
    let differ = loomctl(&["genesis", "diff", collected, text(&other), "--exit-code"]).exits(10);
    assert!(differ.stdout.contains("node-0") && differ.stdout.contains("30"), "{differ}");
    let refused = loomctl(&["genesis", "merge", "--chain", "cosmos", collected]).exits(2);
    assert!(
        refused.stderr.contains("makes its genesis itself") && refused.stderr.contains("loomctl up"),
        "{refused}"
    );
    let bare = in_repository("tests/fixtures/simd-0.50/genesis.json");
    let empty = loomctl(&["genesis", "check", "--chain", "cosmos", text(&bare)]).exits(2);
    assert!(empty.stderr.contains("there is no validator"), "{empty}");
}

fn documents_in_files() {
    for era in ["dposV2", "dposV3"] {
        let fixture =
            |node: &str, below: &str| in_repository(&format!("tests/fixtures/loom/{era}/{node}/{below}"));
        for (document, below) in [("app", "genesis.json"), ("chain", "chaindata/config/genesis.json")] {
            let files: Vec<_> = (0..4).map(|n| fixture(&format!("node-{n}"), below)).collect();
            let of = ["genesis", "merge", "--chain", "loom", "--document", document];
            let merged =
                loomctl(&[&of[..], &files.iter().map(|f| text(f)).collect::<Vec<_>>()].concat()).ok();

            // What a real chain of four ran on.
            let folder = tempfile::tempdir().unwrap();
            let ours = folder.path().join("merged.json");
            fs::write(&ours, &merged).unwrap();
            let real = fixture("composed", below);
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(parse(&merged), parse(&fs::read_to_string(&real).unwrap()), "{era} {document}");
            let none = loomctl(&["genesis", "diff", text(&ours), text(&real), "--exit-code"]);
            assert!(
                ["the same\n", "the same meaning in other bytes: CometBFT 1.0 does not start on that\n"]
                    .contains(&none.stdout.as_str()),
                "{none}"
            );
            let grown = loomctl(&["genesis", "diff", text(&files[0]), text(&ours), "--exit-code"]).exits(10);
            assert_eq!(grown.stdout.matches("validator added").count(), 3, "{grown}");
            let check = ["genesis", "check", "--chain", "loom", "--document", document, text(&ours)];
            assert!(loomctl(&check).ok().starts_with("ok: 4 validators, 40 voting power"));

            // Every problem at once, each with its place.
            fs::write(&ours, merged.replace("\"10\"", "\"-1\"").replacen("\"-1\"", "0", 1)).unwrap();
            let bad = loomctl(&check).exits(2);
            assert_eq!(bad.stderr.matches("power: ").count(), 4, "{bad}");
            let twice = loomctl(&[&of[..], &[text(&files[0]), text(&files[0])]].concat()).exits(2);
            assert!(twice.stderr.contains("the same validator key as") && twice.stdout.is_empty(), "{twice}");
        }
    }
    let which = loomctl(&["genesis", "check", "--chain", "loom", "/dev/null"]).exits(2);
    assert!(which.stderr.contains("--document app (genesis.json) or --document chain"), "{which}");
}

fn a_profile_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("mine");
    loomctl(&["chain", "show", "cometbft", "-o", text(&mine)]).ok();
    assert!(loomctl(&["chain", "check", text(&mine)]).ok().starts_with("cometbft  "));
    let profile = fs::read_to_string(mine.join("profile.yaml")).unwrap();
    fs::write(mine.join("profile.yaml"), profile.replace("chain_data:", "chain_dota:")).unwrap();
    let refused = loomctl(&["chain", "check", text(&mine)]).exits(2);
    assert!(
        refused.stderr.contains("is `chain_data` meant?") && refused.stderr.contains("profile.yaml:"),
        "{refused}"
    );
    loomctl(&["chain", "show", "cometbft", "-o", text(&mine)]).exits(2);
}

/// The files of a chain that runs, byte for byte, out of an inventory and its facts; by a profile of one's own.
fn what_is_rendered_is_what_is_on_the_hosts(lab: &Lab) {
    let mine = lab.path("mine");
    lab.loomctl(&["chain", "show", "cometbft", "-o", text(&mine)]).ok();
    let profile = fs::read_to_string(mine.join("profile.yaml")).unwrap();
    let profile = profile
        .replace("chain_id: cometbft-local", "chain_id: mine-local")
        .replace("name: cometbft\nabout", "name: mine\nabout");
    fs::write(mine.join("profile.yaml"), profile).unwrap();
    let inventory = lab.inventory("cometbft").var("chain", text(&mine)).write(lab);
    let inventory = text(&inventory);
    let facts = lab.path("facts.jsonl");
    let offline =
        |command: &[&str]| lab.loomctl(&[command, &["-i", inventory, "--facts", text(&facts)]].concat());

    // Before there are keys there is nothing to say, and that is said.
    fs::write(&facts, lab.loomctl(&["facts", "-i", inventory, "--json"]).ok()).unwrap();
    let early = offline(&["peers"]).exits(2);
    assert!(early.stderr.contains("it has no node key yet in these facts"), "{early}");

    lab.loomctl(&["up", "-i", inventory]).ok();
    fs::write(&facts, lab.loomctl(&["facts", "-i", inventory, "--json"]).ok()).unwrap();
    let out = lab.path("out");
    offline(&["render", "-o", text(&out)]).ok();
    for host in 0..lab.hosts() {
        let root = out.join(format!("node-{host}"));
        let files =
            command::run(Command::new("find").arg(&root).args(["-type", "f", "-printf", "/%P\\n"])).ok();
        assert!(files.lines().count() >= 3, "{files}");
        for path in files.lines() {
            let ours = fs::read_to_string(root.join(&path[1..])).unwrap();
            assert_eq!(lab.root(host, &format!("cat {path}")).ok(), ours, "node-{host} {path}");
        }
        let link = fs::read_link(root.join("home/ubuntu/node/cometbft")).unwrap();
        assert_eq!(lab.root(host, "readlink /home/ubuntu/node/cometbft").ok().trim(), text(&link));
    }
    offline(&["render", "-o", text(&out)]).exits(2);

    let config = lab.root(1, "grep '^persistent_peers =' /home/ubuntu/node/config/config.toml").ok();
    assert_eq!(offline(&["peers", "--node", "node-1", "--format", "toml"]).ok(), config);
    let all: Value = serde_json::from_str(&offline(&["peers", "--format", "json"]).ok()).unwrap();
    assert!((0..4).all(|n| all[format!("node-{n}")].as_array().unwrap().len() == 3), "{all}");
    offline(&["peers", "--node", "node-9"]).exits(2);
}
