//! What other users of a host could see of a script: the arguments of what it starts.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{compose::Script, quote::word};
use crate::types::{ids::Url, scope::Scope};

const NONCE: &str = "nonce4711";

/// What a script says whose places are below `root`, and whose programs come from `root/bin` first.
fn said(root: &Path, body: &str) -> String {
    let mut script = Script::new(NONCE);
    script.set("lib", root.to_str().unwrap());
    script.line(body);
    let path = format!("PATH={}/bin:/usr/local/sbin", root.display());
    let text = script.text(&Scope::System).replacen("PATH=/usr/local/sbin", &path, 1);
    let mut shell = Command::new("sh");
    shell.arg("-s").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let out = shell.wait_with_output().unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

/// A program of ours in a real one's place.
fn program(root: &Path, name: &str, text: &str) {
    fs::create_dir_all(root.join("bin")).unwrap();
    let at = root.join("bin").join(name);
    fs::write(&at, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Notes what it was started with, then does what the real one does.
fn watched(root: &Path, name: &str) {
    let seen = root.join("seen");
    let look = format!("tr '\\0\\n' '  ' <\"/proc/$$/cmdline\" >>{0}; echo >>{0}", seen.display());
    program(root, name, &format!("PATH=${{PATH#*:}}\n{look}\nexec {name} \"$@\""));
}

/// P4, P6
#[test]
fn s3_the_nonce_stands_in_no_argument() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let programs = "cat stat sha256sum head base64 tail sed grep ls find date uname getent id readlink timeout sync dd \
                    mv rm mkdir ln chown chmod install env setpriv tr sort printf journalctl systemctl setsid sh";
    for name in programs.split_whitespace() {
        watched(root, name);
    }
    fs::write(root.join("file"), "x").unwrap();
    let at = word(root.to_str().unwrap());
    let body = format!(
        "say ready\nobserve_host; observe_ports\nnode_link=''\nobserve_files 0 {at} {at}/file {at}/none\n\
         texts 0 {at}/file\nstep 0 step_file {at}/new $(id -un):$(id -gn) 644 none text\nsay failing\nstep 1 step_file {at} a:b 644 none x"
    );
    let said = said(root, &body);
    assert!(said.contains(&format!("{NONCE} fact 0 stat regular file|")), "{said}");
    assert!(said.contains(&format!("{NONCE} done 0 changed")) && said.contains("failed 1"), "{said}");
    let seen = text(&root.join("seen"));
    for started in ["stat ", "head ", "date ", "dd "] {
        assert!(seen.contains(started), "{started}: {seen}");
    }
    assert!(!seen.contains(NONCE), "{seen}");
}

/// All scripts, also those that the test above does not run: the nonce goes to what is a part of the shell itself.
/// P4, P6
#[test]
fn s3_the_nonce_is_given_to_nothing_but_printf() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let (mut wrong, mut found) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("script/tests.rs") {
                for line in text(&path).lines().filter(|line| line.contains("$NONCE")) {
                    found += 1;
                    let line = line.trim_start();
                    let is_said = line.contains("printf '%s ")
                        || line.starts_with("s/^/$NONCE ")
                        || line.starts_with('#');
                    if !is_said {
                        wrong.push(format!("{}: {line}", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty() && found > 5, "{wrong:#?}");
}

/// A hand says what it likes: of millions of files that it cannot remove a line each.
#[test]
fn p2_what_a_step_says_has_a_limit() {
    let root = tempfile::tempdir().unwrap();
    // What brings documents has a limit of its own.
    let endless = "ulimit -v 300000; hand_user=$(id -un) hand_group=$(id -gn) hand_home=/; \
                   step s brings sh -c 'head -c 200000000 /dev/zero | tr \\\\0 x >&2'";
    assert!(said(root.path(), endless).contains(" failed s 1 "), "it is cut off");
    let flood = "ulimit -v 100000; hand_user=$(id -un) hand_group=$(id -gn) hand_home=/; \
                 step s hand_does sh -c 'head -c 200000000 /dev/zero | tr \\\\0 x; echo; echo its end; exit 3'";
    let said = said(root.path(), flood);
    let failed = said.lines().find_map(|line| line.split_once(" failed s 3 ")).unwrap();
    let words = STANDARD.decode(failed.1).unwrap();
    assert!(words.len() <= 4000 && words.trim_ascii_end().ends_with(b"its end"), "{} bytes", words.len());
}

/// Whoever has the node's account can say anything in the place of stat(1).
#[test]
fn p7_what_a_hand_says_of_files_spoils_no_manifest() {
    let root = tempfile::tempdir().unwrap();
    let said_of = |what: &str| {
        let body = format!(
            "lines=$newline'/n/file\t{what}'$newline; entry_stat \"$lines\" /n/file; say stat \"$entry_stat\""
        );
        let said = said(root.path(), &body);
        let (_, stat) = said.lines().find_map(|line| line.split_once(" stat ")).unwrap();
        stat.to_owned()
    };
    assert_eq!(
        said_of("12 345 1700000000.123456789 1700000001.000000000"),
        r#","inode":12,"size":345,"mtime":"1700000000.123456789","ctime":"1700000001.000000000""#
    );
    for lie in [
        "1",
        "1.2.3 4 5.0 6.0",
        "1 2 3.0",
        "1 2 3.0 4.0 5",
        "01 2 3.0 4.0",
        "1 99999999999999999999 3.0 4.0",
        "1 2 3 4",
        "1 2 . .",
        "",
        "x",
    ] {
        assert_eq!(said_of(lie), "", "{lie:?}");
    }
}

/// P6: what stands for a URL holds no secret.
#[test]
fn a_url_has_the_same_name_on_a_host_as_here() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "http://h",
        "https://h:8443/a/b@c",
        "https://me:pw@h/x",
        "https://tok@h",
        "https://a@b@h/x",
        "https://h/x?y=/z@w",
        "https://h?x",
        "https://h/x#y",
        "https://me:p'$(w)*@h/ü?a=b&c;d",
        "file:///srv/x",
        "https://[fd00::1]:80/x",
    ] {
        let out = said(folder.path(), &format!("named {}; printf '%s\\n' \"is $named\"", word(url)));
        let name = Url::new(url).unwrap().name();
        assert!(out.contains(&format!("is {name}\n")), "{url}: {name}: {out}");
    }
}

const SECRET: &str = "https://me:canary@h.invalid/chain?token=canary";
const WITHOUT_CURL: &str = "command() { [ \"$2\" != curl ] || return 1; type \"$2\" >/dev/null 2>&1; }";

/// P6
#[test]
fn s3_a_urls_secrets_go_to_no_argument_and_no_file() {
    for (tool, without) in [("curl", ""), ("wget", WITHOUT_CURL)] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let out = if tool == "curl" { "-o" } else { "-O" };
        let at = root.display();
        let fake = format!(
            "tr '\\0' ' ' <\"/proc/$$/cmdline\" >>{at}/seen; env >>{at}/seen; cat >>{at}/stdin\n\
             while [ \"$1\" != {out} ]; do shift; done\necho binary >\"$2\""
        );
        program(root, tool, &fake);
        let body = format!(
            "{without}\nroot_owner=$(id -un):$(id -gn)\nsay ready\nstep 0 step_fetch chain {0}\nobserve_pulled\nstep 1 step_fetch chain {0}\n\
             step 2 step_fetch chain {0}x",
            word(SECRET)
        );
        let said = said(root, &body);
        for done in ["done 0 changed", "done 1 ok", "done 2 changed"] {
            assert!(said.contains(&format!("{NONCE} {done}")), "{tool}: {said}");
        }
        let name = Url::new(SECRET).unwrap().name();
        assert!(said.contains(&format!(" {name}\n")) && !said.contains("canary"), "{said}");
        let seen = text(&root.join("seen"));
        assert!(seen.contains(tool) && !seen.contains("canary"), "{seen}");
        assert!(text(&root.join("stdin")).contains(SECRET));
        let entries = fs::read_dir(root.join("bin")).unwrap().map(|entry| entry.unwrap().path().join(".url"));
        let kept: Vec<_> = entries.filter(|path| path.exists()).collect();
        assert!(!kept.is_empty());
        for path in kept {
            assert!(!text(&path).contains("canary"), "{}", text(&path));
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

/// P6
#[test]
fn what_would_be_another_line_of_a_configuration_is_no_url() {
    for (tool, without) in [("curl", ""), ("wget", WITHOUT_CURL)] {
        let folder = tempfile::tempdir().unwrap();
        program(folder.path(), tool, &format!("cat >>{}/stdin", folder.path().display()));
        for bad in [
            "http://h/x\"\noutput = \"/etc/x",
            "http://h/x\nurl = y",
            "http://h/x\r",
            "http://h/\\\"x",
            "http://h/x y",
        ] {
            let body =
                format!("{without}\nsay ready\nstep 0 pull {} {}/new", word(bad), folder.path().display());
            let said = said(folder.path(), &body);
            let why = said
                .lines()
                .find(|line| line.contains("failed 0 1 "))
                .and_then(|line| line.rsplit(' ').next());
            let why = STANDARD.decode(why.unwrap_or_else(|| panic!("{tool}: {bad:?}: {said}"))).unwrap();
            assert!(String::from_utf8_lossy(&why).contains("no URL"), "{said}");
        }
        assert_eq!(text(&folder.path().join("stdin")), "");
    }
}

/// Arguments of all processes of this machine.
fn all_arguments() -> String {
    let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path().join("cmdline")));
    entries
        .filter_map(|path| fs::read(path).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

/// A server of one answer: what it was asked, and what could be seen of all processes meanwhile.
fn serve(listener: &TcpListener) -> (String, String) {
    let (mut stream, _) = listener.accept().unwrap();
    let seen = all_arguments();
    let (mut request, mut some) = (String::new(), [0; 4096]);
    while !request.contains("\r\n\r\n") {
        let read = stream.read(&mut some).unwrap();
        request += std::str::from_utf8(&some[..read]).unwrap();
    }
    stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine").unwrap();
    (request, seen)
}

/// By the real programs; as a control by the line that would show it.
/// P6
#[test]
fn s3_while_a_host_pulls_no_process_shows_what_the_url_holds() {
    for (tool, without) in [("curl", ""), ("wget", WITHOUT_CURL)] {
        if Command::new(tool).arg("--version").output().is_err() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let secret = format!("seen-{}-{tool}", std::process::id());
        let url = format!("http://{secret}:{secret}@{at}/chain?token={secret}&x=[1]");
        let new = folder.path().join("new");
        let pull = format!("{without}\nsay ready\nstep 0 pull {} {}", word(&url), new.display());
        let (request, seen) = std::thread::scope(|scope| {
            let served = scope.spawn(|| serve(&listener));
            said(folder.path(), &pull);
            served.join().unwrap()
        });
        assert!(request.starts_with("GET /chain?token=seen-"), "{tool}: {request}");
        assert_eq!(text(&new), "fine", "{tool}");
        assert!(!seen.contains(&secret), "{tool}");
        let naive = format!("http://x:{secret}@{at}/");
        let (_, seen) = std::thread::scope(|scope| {
            let served = scope.spawn(|| serve(&listener));
            let mut child = Command::new(tool);
            child
                .arg(&naive)
                .current_dir(folder.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            served.join().unwrap()
        });
        assert!(seen.contains(&secret), "{tool}: the control");
    }
}

/// The names in a sign state are the profile's: another number in the same file stays.
#[test]
fn s13_a_sign_state_goes_to_zero_by_the_profiles_names_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let hand = concat!(include_str!("core.sh"), include_str!("hand.sh"));
    let owner = Command::new("sh").args(["-c", "echo $(id -un):$(id -gn)"]).output().unwrap();
    let unsigned = |prefix: &str, state: &str| {
        fs::write(&file, state).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", hand, "hand", String::from_utf8_lossy(&owner.stdout).trim(), "unsigned_is"]);
        let status = shell.arg(&file).arg(prefix).status().unwrap();
        (status.code().unwrap(), text(&file))
    };
    let plain = r#"{"height": "41", "round": 2, "step": 3, "last_height": 7, "signature": "c2ln"}"#;
    let (status, is) = unsigned("", plain);
    assert_eq!((status, is.as_str()), (10, r#"{"height": "0", "round": 0, "step": 0, "last_height": 7}"#));
    let one_file = r#"{"height": 7, "last_height":"41","last_round":"2","last_step":3, "last_signature":"c2ln", "priv_key": "k"}"#;
    let (status, is) = unsigned("last_", one_file);
    let zero = r#"{"height": 7, "last_height":"0","last_round":"0","last_step":0, "priv_key": "k"}"#;
    assert_eq!((status, is.as_str()), (10, zero));
    assert_eq!(unsigned("last_", zero), (0, zero.to_owned()));
    assert_eq!(unsigned("", one_file).1.matches("41").count(), 1, "of other names it knows nothing");
}
