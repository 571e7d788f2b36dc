//! S9: what an inventory says arrives as it is, or is refused; nothing on the way interprets it.

use std::process::Command;

use super::*;
use crate::{
    chain::{config::read_key, profile::Format},
    plan::sim::{home_of, try_cluster},
    script::{compose::Script, quote::words},
    steps::File,
    types::ids::RemotePath,
};

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,10}",
        "[a\"'\\\\$%;`{}#:!&|<>*~ \t]{1,10}",
        "[a-zäß✓\u{202e}]{1,6}",
        Just("$(touch x)".to_owned()),
        Just("%h ${HOME}".to_owned()),
        Just("{{ 7 * 7 }}".to_owned()),
        Just("line\nline".to_owned()),
        Just("\0".to_owned()),
    ]
}

/// The inventory as JSON, which is YAML; `!unsafe` is not there, so what looks like a template is one.
fn inventory(vars: &serde_json::Value) -> String {
    let mut host = serde_json::json!({"ansible_host": "10.0.0.1", "user": "u", "binary": "/bin/sh"});
    host.as_object_mut().unwrap().extend(vars.as_object().unwrap().clone());
    serde_json::json!({"all": {"hosts": {"n-0": host}}}).to_string()
}

/// The texts of the started node, by path; `None`: refused, with words.
fn arrived(vars: &serde_json::Value) -> Option<(Cluster, Sim)> {
    let cluster = match try_cluster(&inventory(vars)) {
        Ok(cluster) => cluster,
        Err(problems) => {
            assert!(problems.iter().any(|problem| !problem.message.is_empty()));
            return None;
        }
    };
    let mut world = Sim::default();
    let outcome = world.up(&cluster, &Options::default()).unwrap();
    match outcome.end {
        Next::Done(_) => Some((cluster, world)),
        Next::Refused(refusals) => {
            assert!(!refusals.is_empty());
            None
        }
        Next::Stage(_) => unreachable!(),
    }
}

fn text(cluster: &Cluster, world: &mut Sim, at: &RemotePath) -> Text {
    world.host(cluster, &cluster.nodes[0]).files[at].content.clone().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn s9_hostile_values_arrive_or_are_refused(value in hostile(), chain in prop::sample::select(vec!["cometbft", "loom"])) {
        let templated = value.contains("{{") || value.contains("{%") || value.contains("{#");
        let vars = serde_json::json!({
            "chain": chain, "chain_id": value, "cluster": "c",
            "settings": {"config.toml": {"moniker": value}},
        });
        if let Some((cluster, mut world)) = arrived(&vars).filter(|_| !templated) {
            let home = home_of(&cluster.nodes[0]);
            let config = cluster.profile.files.keys().find(|path| path.file_name() == "config.toml").unwrap();
            let config = text(&cluster, &mut world, &config.under(&home));
            prop_assert_eq!(read_key(Format::Toml, &config, "moniker"), Some(value.clone().into()));
            let genesis = text(&cluster, &mut world, &cluster.profile.documents["chain"].path.under(&home));
            let genesis: serde_json::Value = serde_json::from_str(&genesis).unwrap();
            prop_assert_eq!(genesis["chain_id"].as_str(), Some(value.as_str()));
        }
    }

    #[test]
    fn s9_hostile_folders_and_directives_arrive_or_are_refused(value in hostile()) {
        let templated = value.contains("{{") || value.contains("{%") || value.contains("{#");
        let vars = serde_json::json!({
            "chain": "cometbft", "working_directory": format!("/srv/{value}x"),
            "unit": {"Service": {"Environment": "A=1"}},
        });
        if let Some((cluster, mut world)) = arrived(&vars).filter(|_| !templated) {
            let home = home_of(&cluster.nodes[0]);
            let unit = text(&cluster, &mut world, &crate::plan::sim::path("/etc/systemd/system/cometbft.service"));
            let line = unit.lines().find_map(|line| line.strip_prefix("WorkingDirectory=")).unwrap();
            prop_assert_eq!(line.replace("%%", "%"), home.as_str());
            prop_assert_eq!(unit.lines().filter(|line| line.starts_with("ExecStart=")).count(), 1);
        }
        let vars = serde_json::json!({"chain": "cometbft", "unit": {"Service": {"Nice": value}}});
        if let Some((cluster, mut world)) = arrived(&vars).filter(|_| !templated) {
            let unit = text(&cluster, &mut world, &crate::plan::sim::path("/etc/systemd/system/cometbft.service"));
            // A directive is systemd's own syntax, but it stays in its line.
            prop_assert_eq!(unit.lines().filter(|line| line.starts_with("Nice=")).count(), 1);
            prop_assert!(!value.contains('\n'));
        }
    }

    #[test]
    fn s9_files_arrive_through_a_real_shell(name in hostile(), content in hostile()) {
        let folder = tempfile::tempdir().unwrap();
        let id = |flag| String::from_utf8(Command::new("id").arg(flag).output().unwrap().stdout).unwrap();
        let (user, group) = (id("-un"), id("-gn"));
        let owner = format!("{}:{}", user.trim(), group.trim());
        let Ok(at) = RemotePath::new(format!("{}/{name}x", folder.path().display())) else { return Ok(()) };
        let content = content.replace('\0', "");
        let step = Step::File(File { path: at.clone(), owner, mode: 0o600, content: content.as_str().into() });
        let mut script = Script::new("n");
        script.line(words(["hand_is", user.trim(), &format!("0 {} /", group.trim())])).line("say ready");
        step.add_to(&mut script, 0);
        script.line("finish 0");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), script.text(&crate::types::scope::Scope::System)).unwrap();
        let out = Command::new("sh").arg(file.path()).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        prop_assert!(said.contains("n done 0 changed"), "{said}");
        prop_assert_eq!(std::fs::read_to_string(at.as_str()).unwrap(), content);
        prop_assert!(!folder.path().join("x").exists() || at.file_name() == "x");
    }
}

/// CometBFT reads a variable in its own `--home`; loom has its folder from the unit.
#[test]
fn s9_a_folder_that_the_chain_reads_otherwise_is_refused() {
    let vars = |chain: &str| serde_json::json!({"chain": chain, "working_directory": "/srv/a$b"});
    let Err(problems) = try_cluster(&inventory(&vars("cometbft"))) else { panic!("not refused") };
    assert!(problems[0].message.contains("cometbft itself reads the $"), "{problems:?}");
    assert!(try_cluster(&inventory(&vars("loom"))).is_ok());
}
