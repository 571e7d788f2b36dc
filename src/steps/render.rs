//! Steps → shell. The functions are in runtime.sh; every value is quoted here.

mod tool;

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    facts::manifest::Manifest,
    script::{
        compose::Script,
        quote::{word, words},
    },
    steps::{Init, KEY_MODE, Run, Step},
    types::ids::Sha256,
};

/// The steps in order, numbered from `first`.
pub fn steps(script: &mut Script, steps: &[Step], first: usize) {
    for (offset, step) in steps.iter().enumerate() {
        match step {
            Step::Init(init) => drop(script.line(before_init(init))),
            Step::Tool(tool) => drop(script.line(tool::functions(tool))),
            _ => {}
        }
        script.line(format!("step {} {}", first + offset, call(step)));
    }
}

fn call(step: &Step) -> String {
    match step {
        Step::Account { user } => words(["step_account", user.as_str()]),
        Step::Folder { path, owner, mode, strict } => {
            let strict = if *strict { "1" } else { "0" };
            words(["step_dir", path.as_str(), owner, &octal(*mode), strict])
        }
        Step::File { path, owner, mode, content } => {
            let size = content.len().to_string();
            words([
                "step_file",
                path.as_str(),
                owner,
                &octal(*mode),
                &size,
                content.sha256().as_str(),
                content,
            ])
        }
        // As an argument of a function, never of a process: printf is the shell's own.
        Step::Key { path, owner, content } => {
            let content = content.reveal();
            words([
                "step_file",
                path.as_str(),
                owner,
                &octal(KEY_MODE),
                &content.len().to_string(),
                Sha256::of(content).as_str(),
                content,
            ])
        }
        Step::Link { path, target } => words(["step_link", path.as_str(), target.as_str()]),
        Step::Binary { path, sha256, url, relayed } => {
            let pulled = url.as_deref().filter(|_| relayed.is_none());
            words(["step_binary", path.as_str(), sha256.as_str(), pulled.unwrap_or("")])
        }
        Step::Fetch { name, url, relayed: None } => words(["step_fetch", name, url]),
        // Whoever sends the file up sets the variable.
        Step::Fetch { name, url, relayed: Some(_) } => {
            format!("{} \"$relayed\"", words(["step_relayed", name, url]))
        }
        Step::Init(init) => init_call(init),
        Step::Tool(tool) => tool::call(tool),
        Step::Adopt(adopt) => {
            let keep: Vec<String> = adopt.keep.iter().map(|(name, path)| format!("{name} {path}")).collect();
            words(["step_adopt", adopt.home.as_str(), adopt.state.as_str(), &keep.join("\n")])
        }
        Step::Manifest { path, manifest } => {
            let (head, entries, tail) = manifest_parts(manifest);
            words(["step_manifest", path.as_str(), &head, &entries, &tail])
        }
        Step::Unit { name, run, state, record, runs, .. } => {
            let run = match run {
                Run::Start => "start",
                Run::Restart => "restart",
                Run::Leave => "leave",
            };
            let record = format!("{state}/{record}");
            words(["step_unit", name.as_str(), run, &record, runs.as_str()])
        }
        Step::Stopped { unit } => words(["step_stopped", unit.as_str()]),
        Step::Disabled { unit } => words(["step_disabled", unit.as_str()]),
        Step::Unsigned { path, prefix } => words(["step_unsigned", path.as_str(), prefix]),
        Step::Gone { path } => words(["step_gone", path.as_str()]),
        Step::Unused { path } => words(["step_unused", path.as_str()]),
        Step::Reload => "step_reload".to_owned(),
        Step::EmptyGone { path } => words(["step_empty_gone", path.as_str()]),
    }
}

fn octal(mode: u32) -> String {
    format!("{mode:o}")
}

fn init_call(init: &Init) -> String {
    words(["step_init", init.home.as_str(), init.state.as_str(), init.unit.as_str()])
}

/// What `step_init` works with.
fn before_init(init: &Init) -> String {
    let keep: Vec<String> = init.keep.iter().map(|(name, path)| format!("{name} {path}")).collect();
    let (to, of) = init.prints.clone().unwrap_or_default();
    let values = [
        ("init_before", staged(&init.before)),
        ("init_docs", keep.join("\n")),
        ("init_makes", init.makes.join("\n")),
        ("init_prints", to),
        ("init_prints_of", of),
        ("init_drops", init.drops.join("\n")),
        ("init_unit", init.unit_text()),
    ];
    let values = values.iter().map(|(name, value)| format!("{name}={}", word(value)));
    values.collect::<Vec<_>>().join("\n")
}

/// Files for a staging folder, `BASE64|PATH` a line.
fn staged(files: &[(String, String)]) -> String {
    let line = |(path, content): &(String, String)| [&STANDARD.encode(content), "|", path, "\n"].concat();
    files.iter().map(line).collect()
}

/// The manifest's text before, in and after its list of paths; each entry lacks its end, which the host adds.
fn manifest_parts(manifest: &Manifest) -> (String, String, String) {
    let planned = manifest.planned();
    let bare = Manifest { paths: Vec::new(), ..planned.clone() };
    let json = serde_json::to_string_pretty(&bare).unwrap_or_default();
    let head = json.trim_end().trim_end_matches("[]\n}").trim_end().to_owned() + " [";
    let mut entries = String::new();
    for entry in &planned.paths {
        let json = serde_json::to_string(entry).unwrap_or_default();
        let _ = writeln!(entries, "{}\t{}", json.trim_end_matches('}'), entry.path);
    }
    (head, entries, "]}".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{os::unix::fs::PermissionsExt as _, process::Command};

    use super::*;
    use crate::{
        facts::manifest::{Entry, EntryKind, FORMAT},
        types::ids::{RemotePath, UnitName, UserName},
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
        steps(&mut script, list, 0);
        script.line("finish 0");
        let checked = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(checked.path(), script.text(&crate::types::scope::Scope::System)).unwrap();
        let syntax = Command::new("dash").arg("-n").arg(checked.path()).output().unwrap();
        assert!(syntax.status.success(), "{}", String::from_utf8_lossy(&syntax.stderr));
        let out = Command::new("sh").arg(checked.path()).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    }

    fn manifest(home: &RemotePath) -> Manifest {
        Manifest {
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
            Step::Folder { path: home.join("d/e").unwrap(), owner: owner.clone(), mode: 0o750, strict: true },
            Step::File { path: home.join("a b").unwrap(), owner, mode: 0o640, content: hostile.into() },
            Step::Link { path: home.join("l").unwrap(), target: home.join("a b").unwrap() },
            Step::Manifest { path: home.join("m.json").unwrap(), manifest: manifest(&home).into() },
        ];
        let first = run(&list);
        for n in 0..4 {
            assert!(first.contains(&format!("n done {n} changed")), "{first}");
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("a b")).unwrap(), hostile);
        let text = std::fs::read_to_string(folder.path().join("m.json")).unwrap();
        let read = Manifest::parse(&text).unwrap();
        assert_eq!(read.planned(), manifest(&home).planned());
        assert_eq!(read.paths[0].size, Some(hostile.len() as u64));
        let second = run(&list);
        for n in 0..4 {
            assert!(second.contains(&format!("n done {n} ok")), "{second}");
        }
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 4, "{left:?}");
    }

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
            Step::File {
                path: state.join("restored").unwrap(),
                owner: me(),
                mode: 0o644,
                content: "key\n".into(),
            },
            Step::File {
                path: state.join("pristine/chain").unwrap(),
                owner: me(),
                mode: 0o644,
                content: "old".into(),
            },
            Step::Key {
                path: home.join("key").unwrap(),
                owner: me(),
                content: crate::types::login::Secret::new("mine"),
            },
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

    #[test]
    fn a_failed_step_ends_the_script_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let home = path(folder.path().to_str().unwrap());
        std::fs::create_dir(folder.path().join("f")).unwrap();
        let list = [
            Step::File { path: home.join("f").unwrap(), owner: me(), mode: 0o644, content: "x".into() },
            Step::Gone { path: home.join("f").unwrap() },
        ];
        let out = run(&list);
        assert!(
            out.contains("n failed 0 1 ") && out.contains("n end 1") && !out.contains("begin 1"),
            "{out}"
        );
        assert!(folder.path().join("f").exists());
    }

    #[test]
    fn every_kind_is_valid_shell() {
        let unit = UnitName::new("no-such-unit-of-ours").unwrap();
        let gone = Step::Stopped { unit: unit.clone() };
        let text = [
            call(&gone),
            call(&Step::Account { user: UserName::new("nobody-of-ours").unwrap() }),
            call(&Step::Disabled { unit: unit.clone() }),
            call(&Step::Unsigned { path: path("/nowhere/x"), prefix: String::new() }),
            call(&Step::EmptyGone { path: path("/nowhere/x") }),
            call(&Step::Fetch { name: "n".into(), url: "http://h/$(x)".into(), relayed: None }),
            call(&Step::Fetch { name: "n".into(), url: "http://h/$(x)".into(), relayed: Some("y".into()) }),
            call(&Step::Unit {
                name: unit,
                run: Run::Start,
                reload: true,
                state: path("/s"),
                record: crate::steps::started(),
                runs: Sha256::of(""),
            }),
        ]
        .join("\n");
        let out = Command::new("dash").args(["-n", "-c", &text]).output().unwrap();
        assert!(out.status.success(), "{text}");
    }
}
