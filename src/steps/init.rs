//! The chain's own init, once, in a staging folder.

use serde::{Deserialize, Serialize};

use super::{
    Kind, documents,
    once::{self, Once},
};
use crate::{
    facts::NodeFacts,
    script::{
        compose::Part,
        quote::{word, words},
    },
    types::ids::{RemotePath, UnitName},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Init {
    pub home: RemotePath,
    /// `$HOME` of the program.
    pub user_home: RemotePath,
    pub state: RemotePath,
    /// The node's unit, and of that what confines it: the program runs in it too.
    pub unit: UnitName,
    pub sandbox: String,
    /// What is kept, pristine, under the state folder: name → path below the home.
    pub keep: Vec<(String, String)>,
    /// Paths below the home that must be there afterwards.
    pub makes: Vec<String>,
    /// Files that must stand before init runs: path below the home, content.
    pub before: Vec<(String, String)>,
    /// Paths below the home that do not stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<String>,
    /// Where what it prints is kept, and the key file that it is of: paths below the home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prints: Option<(String, String)>,
    /// The binary and its arguments; `{home}` already replaced by the staging folder.
    pub argv: Vec<String>,
}

/// Where `init` works before its files go to their places.
pub fn staging(home: &RemotePath) -> RemotePath {
    home.join(".loomctl-init").unwrap_or_else(|_| home.clone())
}

impl Init {
    pub fn unit_text(&self) -> String {
        let once = Once { argv: self.argv.clone(), out: None, secret: false };
        once.unit_text(&self.sandbox, &staging(&self.home), &self.user_home)
    }
}

impl Kind for Init {
    fn word(&self) -> &'static str {
        "init"
    }

    fn subject(&self) -> String {
        self.home.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        documents::unmarked(facts, &self.state, "has not run")
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        documents::mark(seen, &self.state);
    }

    fn shell(&self) -> &'static [Part] {
        &[
            Part::Root(include_str!("init.sh")),
            Part::Hand(include_str!("init.hand.sh")),
            once::ROOT,
            once::HAND,
            documents::ROOT,
            documents::HAND,
        ]
    }

    fn given(&self) -> Option<String> {
        let (to, of) = self.prints.clone().unwrap_or_default();
        let values = [
            ("init_before", once::staged(&self.before)),
            ("init_docs", documents::lines(&self.keep)),
            ("init_makes", self.makes.join("\n")),
            ("init_prints", to),
            ("init_prints_of", of),
            ("init_drops", self.drops.join("\n")),
            ("init_unit", self.unit_text()),
        ];
        let values = values.iter().map(|(name, value)| format!("{name}={}", word(value)));
        Some(values.collect::<Vec<_>>().join("\n"))
    }

    fn call(&self) -> String {
        words(["step_init", self.home.as_str(), self.state.as_str(), self.unit.as_str()])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::steps::{
        File, Key, Step,
        tests::{me, path, run},
    };

    fn init(home: &RemotePath, state: &RemotePath, command: &str) -> Step {
        Step::Init(Init {
            home: home.clone(),
            user_home: home.clone(),
            state: state.clone(),
            unit: UnitName::new("lc-test").unwrap(),
            sandbox: "RestrictNamespaces=yes\n".into(),
            keep: vec![("chain".into(), "config/g.json".into())],
            makes: vec!["config/g.json".into(), "key".into()],
            before: vec![("x.yml".into(), "a: 'b'\n".into())],
            drops: Vec::new(),
            prints: None,
            argv: vec!["sh".into(), "-c".into(), command.into()],
        })
    }

    /// S7
    #[test]
    fn init_runs_once_and_an_interrupted_one_goes_on() {
        let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (home, state) = (path(folder.path().to_str().unwrap()), path(state.path().to_str().unwrap()));
        let good = "mkdir -p config data && cat x.yml >config/g.json && date +%N >key";
        assert!(run(&[init(&home, &state, "echo no; exit 3")]).contains("n failed 0 1"));
        assert!(run(&[init(&home, &state, "mkdir config; echo 1 >config/g.json")]).contains("n failed 0 1"));
        assert!(!folder.path().join("config").exists(), "nothing of a failed init goes to its place");
        assert!(run(&[init(&home, &state, good)]).contains("n done 0 changed"));
        let key = std::fs::read_to_string(folder.path().join("key")).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("x.yml")).unwrap(), "a: 'b'\n");
        assert_eq!(std::fs::read_to_string(format!("{state}/pristine/chain")).unwrap(), "a: 'b'\n");
        assert!(folder.path().join("data").is_dir() && !folder.path().join(".loomctl-init").exists());
        assert!(run(&[init(&home, &state, good)]).contains("n done 0 ok"));

        // As a crash between two renames leaves it: the key still in staging, complete, and no marker.
        std::fs::remove_file(format!("{state}/initialised")).unwrap();
        let staging = folder.path().join(".loomctl-init");
        std::fs::create_dir(&staging).unwrap();
        std::fs::rename(folder.path().join("key"), staging.join("key")).unwrap();
        std::fs::write(staging.join(".complete"), "").unwrap();
        assert!(run(&[init(&home, &state, "exit 9")]).contains("n done 0 changed"));
        assert_eq!(std::fs::read_to_string(folder.path().join("key")).unwrap(), key);
        assert!(!staging.exists());
    }

    #[test]
    fn s13_init_keeps_the_keys_that_were_restored_and_none_of_its_own() {
        let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (home, state) = (path(folder.path().to_str().unwrap()), path(state.path().to_str().unwrap()));
        let at = |name: &str| folder.path().join(name);
        let back = vec![
            Step::File(File {
                path: state.join("restored").unwrap(),
                owner: me(),
                mode: 0o644,
                content: "key\n".into(),
            }),
            Step::File(File {
                path: state.join("pristine/chain").unwrap(),
                owner: me(),
                mode: 0o644,
                content: "old".into(),
            }),
            Step::Key(Key {
                path: home.join("key").unwrap(),
                owner: me(),
                content: crate::types::login::Secret::new("mine"),
            }),
        ];
        let good = "mkdir -p config && echo new >config/g.json && echo init >key && echo x >other";
        assert!(run(&back[..2]).contains("n done 1 changed"));
        assert!(
            run(&[init(&home, &state, good)]).contains("n failed 0 1"),
            "no key of init's for a lost one"
        );
        assert!(!at("key").exists() && !at("other").exists());
        assert!(run(&back).contains("n done 2 changed"));
        assert_eq!(std::fs::metadata(at("key")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(run(&[init(&home, &state, "exit 9")]).contains("n done 0 changed"), "init has run before");
        assert_eq!(std::fs::read_to_string(at("key")).unwrap(), "mine");
        assert_eq!(std::fs::read_to_string(at("other")).unwrap(), "x\n");
        assert_eq!(std::fs::read_to_string(format!("{state}/pristine/chain")).unwrap(), "old");
        assert!(!at("config/g.json").exists(), "the chain's document comes from the others");
        assert!(
            !std::path::Path::new(&format!("{state}/restored")).exists() && !at(".loomctl-init").exists()
        );
        assert!(run(&[init(&home, &state, "exit 9")]).contains("n done 0 ok"));
    }
}
