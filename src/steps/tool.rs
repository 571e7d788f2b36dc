//! One step of the chain's own genesis tool, in a staging folder.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{
    Kind, UNKNOWN, documents,
    once::{self, Once},
};
use crate::{
    chain::genesis::tool::{Command, Work},
    facts::NodeFacts,
    script::{
        compose::Part,
        quote::{word, words},
    },
    types::ids::{RemotePath, Sha256, UnitName},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    pub home: RemotePath,
    pub state: RemotePath,
    /// The node's unit, and of that what confines it: the tool runs in it too.
    pub unit: UnitName,
    pub sandbox: String,
    /// What its result is kept as under the state folder.
    pub name: String,
    pub binary: RemotePath,
    pub work: Work,
}

/// Where a tool works; nothing of it stays.
pub const STAGING: &str = ".loomctl-tool";

/// The name under which is kept from what a result was made.
pub fn made_from(name: &str) -> String {
    format!("{name}.from")
}

impl Tool {
    /// The unit of one of its commands.
    pub fn unit_text(&self, command: &Command) -> String {
        let argv = std::iter::once(self.binary.to_string()).chain(command.argv.iter().cloned()).collect();
        let folder = self.home.join(STAGING).unwrap_or_else(|_| self.home.clone());
        let once = Once { argv, out: command.out.as_deref(), secret: command.secret };
        once.unit_text(&self.sandbox, &folder, &folder)
    }

    /// Of everything that the result follows from. Not of the binary: an upgrade makes no other genesis.
    pub fn from(&self) -> Sha256 {
        Sha256::of(serde_json::to_string(&self.work).unwrap_or_default())
    }

    /// A key is made once, whatever else changes.
    pub fn is_once(&self) -> bool {
        !self.work.leaves.is_empty()
    }

    /// Whether the node has its result, made from what it would be made from now.
    pub fn has_run(&self, facts: &NodeFacts) -> bool {
        self.wanted(facts).is_none()
    }

    /// Whether something that it is given holds this text.
    pub fn works_with(&self, part: &str) -> bool {
        let words = self.work.commands.iter().flat_map(|command| &command.argv);
        self.work.puts.iter().map(|(_, text)| text).chain(words).any(|text| text.contains(part))
    }

    /// What a person would call a command: the binary, and its arguments up to the first flag.
    fn command_name(&self, argv: &[String]) -> String {
        let told = argv.iter().take_while(|word| !word.starts_with('-')).map(String::as_str);
        std::iter::once(self.binary.file_name()).chain(told).collect::<Vec<_>>().join(" ")
    }
}

impl Kind for Tool {
    fn word(&self) -> &'static str {
        "tool"
    }

    fn subject(&self) -> String {
        self.name.clone()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        let from =
            facts.pristine.get(&made_from(&self.name)).filter(|_| facts.pristine.contains_key(&self.name));
        match from {
            None => Some("has not run".to_owned()),
            Some(from) if self.is_once() || from.trim() == self.from().as_str() => None,
            Some(_) => Some("what it was made from has changed".to_owned()),
        }
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        seen.pristine.insert(made_from(&self.name), format!("{}\n", self.from()).into());
        seen.pristine.insert(self.name.clone(), UNKNOWN.into());
    }

    fn shell(&self) -> &'static [Part] {
        &[
            Part::Root(include_str!("tool.sh")),
            Part::Hand(include_str!("tool.hand.sh")),
            once::ROOT,
            once::HAND,
            documents::ROOT,
            documents::HAND,
        ]
    }

    /// And the function that `step_tool` calls.
    fn given(&self) -> Option<String> {
        let mut body = String::new();
        for (name, value) in [
            ("tool_puts", once::staged(&self.work.puts)),
            ("tool_links", self.work.links.join("\n")),
            ("tool_gives", self.work.gives.clone()),
            ("tool_leaves", self.work.leaves.join("\n")),
        ] {
            let _ = writeln!(body, "{name}={}", word(&value));
        }
        body += "tool_run() {\n:\n";
        for command in &self.work.commands {
            let quiet = if command.secret { "secret" } else { "" };
            let (unit, called) = (self.unit_text(command), self.command_name(&command.argv));
            let does = words(["tool_does", self.unit.as_str(), &unit, &called, quiet]);
            let _ = writeln!(body, "{does} || return 1");
        }
        body.push('}');
        Some(body)
    }

    fn call(&self) -> String {
        let (home, state) = (self.home.as_str(), self.state.as_str());
        words(["step_tool", home, state, self.unit.as_str(), &self.name, self.from().as_str()])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, path::Path};

    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use crate::steps::tests::{path, run};
    use crate::{
        chain::genesis::tool::{Command, Work},
        steps::{Step, Tool},
        types::ids::UnitName,
    };

    /// A node's folder and ours; the "binary" is sh.
    struct Place(tempfile::TempDir, tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
        }

        fn tool(&self, name: &str, scripts: &[(&str, bool)], leaves: &[&str], links: &[&str]) -> Step {
            let home = path(self.0.path().to_str().unwrap());
            let command = |(script, secret): &(&str, bool)| Command {
                argv: vec!["-c".into(), (*script).into()],
                out: None,
                secret: *secret,
            };
            let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
            let mut commands: Vec<Command> = scripts.iter().map(command).collect();
            commands.push(Command {
                argv: vec!["-c".into(), "cat given/x".into()],
                out: Some("result".into()),
                secret: false,
            });
            Step::Tool(Tool {
                home,
                unit: UnitName::new("lc-test").unwrap(),
                sandbox: "RestrictNamespaces=yes\n".into(),
                state: path(self.1.path().to_str().unwrap()),
                name: name.into(),
                binary: path("/bin/sh"),
                work: Work {
                    links: texts(links),
                    puts: vec![("given/x".into(), "it's $HOME\n".into())],
                    commands,
                    gives: "result".into(),
                    leaves: texts(leaves),
                },
            })
        }

        fn kept(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.1.path().join("pristine").join(name)).ok()
        }

        fn at(&self, name: &str) -> std::path::PathBuf {
            self.0.path().join(name)
        }
    }

    fn exists(path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    /// What a failed step has said.
    fn said(out: &str) -> String {
        let line =
            out.lines().find(|line| line.starts_with("n failed 0 1 ")).unwrap_or_else(|| panic!("{out}"));
        String::from_utf8(STANDARD.decode(line.rsplit(' ').next().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_result_is_kept_and_made_again_when_what_it_follows_from_has_changed() {
        let place = Place::new();
        fs::write(place.at("key"), "private").unwrap();
        let tool = |more: &str| place.tool("gentx", &[(more, false)], &[], &["key"]);
        let first = tool("cat key >>given/x; echo \"$PWD\" >given/where");
        assert!(run(std::slice::from_ref(&first)).contains("n done 0 changed"));
        assert_eq!(place.kept("gentx").unwrap(), "it's $HOME\nprivate");
        assert!(run(std::slice::from_ref(&first)).contains("n done 0 ok"));
        let again = run(&[tool("true")]);
        assert!(
            again.contains("n done 0 changed") && place.kept("gentx").unwrap() == "it's $HOME\n",
            "{again}"
        );

        // A failure changes nothing, and says what the command has said.
        let failed = said(&run(&[tool("echo why; exit 3")]));
        assert!(failed.contains("why") && failed.contains("`sh` ended with status 3"), "{failed}");
        assert_eq!(place.kept("gentx").unwrap(), "it's $HOME\n");
        fs::remove_file(place.at("key")).unwrap();
        assert!(
            said(&run(&[tool("exit 0")])).contains("/key is missing"),
            "no key is made for one that is gone"
        );
        assert!(!exists(&place.at("key")));
        assert!(run(&[tool("true")]).contains("n done 0 ok"), "what is made needs no key any more");
    }

    #[test]
    fn s7_a_key_is_made_once_and_goes_on_to_its_place() {
        let place = Place::new();
        let tool = |script: &str| place.tool("account", &[(script, true)], &["ring"], &[]);
        let good = "mkdir ring && date +%N >ring/key";
        assert!(run(&[tool(good)]).contains("n done 0 changed"));
        let key = fs::read_to_string(place.at("ring/key")).unwrap();
        assert!(run(&[tool("exit 9")]).contains("n done 0 ok"), "whatever has changed");
        assert!(!exists(&place.at(".loomctl-tool")));

        // As a crash leaves it: complete and nowhere else yet; kept, and not in its place; in its place, without the
        // last word.
        let (kept, from) =
            (place.1.path().join("pristine/account"), place.1.path().join("pristine/account.from"));
        let staging = place.at(".loomctl-tool");
        for stage in 0..3 {
            fs::remove_file(&from).unwrap();
            fs::create_dir(&staging).unwrap();
            if stage < 2 {
                fs::rename(place.at("ring"), staging.join("ring")).unwrap();
            }
            fs::write(staging.join(".complete"), "").unwrap();
            fs::write(staging.join("result"), "address\n").unwrap();
            if stage < 1 {
                fs::remove_file(&kept).unwrap();
            }
            assert!(run(&[tool("exit 9")]).contains("n done 0 changed"), "{stage}");
            assert_eq!(fs::read_to_string(place.at("ring/key")).unwrap(), key, "{stage}");
            assert!(!exists(&staging) && exists(&kept) && exists(&from), "{stage}");
        }
        // Cut off in the middle of its work: that is thrown away.
        let other = Place::new();
        fs::create_dir_all(other.at(".loomctl-tool/ring")).unwrap();
        assert!(run(&[other.tool("account", &[(good, true)], &["ring"], &[])]).contains("n done 0 changed"));
        // A key that somebody else has put there stays.
        let other = Place::new();
        fs::create_dir(other.at("ring")).unwrap();
        assert!(
            said(&run(&[other.tool("account", &[(good, true)], &["ring"], &[])]))
                .contains("ring is there already")
        );
    }

    #[test]
    fn s3_what_may_be_a_secret_is_seen_by_nobody() {
        let place = Place::new();
        let canary = "echo abandon-canary; echo abandon-canary >&2; ";
        let tool = |end: &str, secret| {
            place.tool(
                "account",
                &[(&format!("{canary}mkdir ring; echo k >ring/k; {end}"), secret)],
                &["ring"],
                &[],
            )
        };
        let failed = run(&[tool("exit 4", false)]);
        assert!(said(&failed).contains("abandon-canary"), "the canary would be seen: {failed}");
        let failed = run(&[tool("exit 4", true)]);
        let why = said(&failed);
        assert!(!why.contains("canary") && why.contains("ended with status 4"), "{why}");
        let done = run(&[tool("exit 0", true)]);
        assert!(done.contains("n done 0 changed") && !done.contains("canary"), "{done}");
    }
}
