//! What others can see of a URL while a host pulls from it, and afterwards.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::ROOT;
use crate::{
    script::{
        quote::word,
        tests::{NONCE, program, said, text},
    },
    steps::fetch,
    types::ids::Url,
};

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
        let out = said(folder.path(), &[ROOT], &format!("named {}; printf '%s\\n' \"is $named\"", word(url)));
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
        let said = said(root, fetch::SHELL, &body);
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
            let said = said(folder.path(), &[ROOT], &body);
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
            said(folder.path(), &[ROOT], &pull);
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
