//! A step of the genesis tool as shell: what it is given and what it runs are functions, which `step_tool` calls.

use std::fmt::Write as _;

use super::{staged, word, words};
use crate::steps::Tool;

pub(super) fn call(tool: &Tool) -> String {
    let (home, state) = (tool.home.as_str(), tool.state.as_str());
    words(["step_tool", home, state, tool.unit.as_str(), &tool.name, tool.from().as_str()])
}

/// What `step_tool` works with, and the function that it calls.
pub(super) fn functions(tool: &Tool) -> String {
    let mut body = String::new();
    for (name, value) in [
        ("tool_puts", staged(&tool.work.puts)),
        ("tool_links", tool.work.links.join("\n")),
        ("tool_gives", tool.work.gives.clone()),
        ("tool_leaves", tool.work.leaves.join("\n")),
    ] {
        let _ = writeln!(body, "{name}={}", word(&value));
    }
    body += "tool_run() {\n:\n";
    for command in &tool.work.commands {
        let quiet = if command.secret { "secret" } else { "" };
        let unit = tool.unit_text(command);
        let does = words(["tool_does", tool.unit.as_str(), &unit, &name(tool, &command.argv), quiet]);
        let _ = writeln!(body, "{does} || return 1");
    }
    body.push('}');
    body
}

/// What a person would call the command: the binary, and its arguments up to the first flag.
fn name(tool: &Tool, argv: &[String]) -> String {
    let told = argv.iter().take_while(|word| !word.starts_with('-')).map(String::as_str);
    std::iter::once(tool.binary.file_name()).chain(told).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, path::Path};

    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::super::tests::{path, run};
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
