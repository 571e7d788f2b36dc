//! What other users of a host could see of a script: the arguments of what it starts.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    compose::{Part, Script},
    quote::word,
};
use crate::types::scope::Scope;

pub const NONCE: &str = "nonce4711";

/// Of a step, where one is needed to look at.
const FILE: [Part; 2] =
    [Part::Root(include_str!("../steps/file.sh")), Part::Both(include_str!("../steps/file.hand.sh"))];
const DOCUMENTS: [Part; 1] = [Part::Root(include_str!("../steps/documents.sh"))];

/// What a script says whose places are below `root`, and whose programs come from `root/bin` first.
pub fn said(root: &Path, needs: &[Part], body: &str) -> String {
    let mut script = Script::new(NONCE);
    script.needs(needs);
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
pub fn program(root: &Path, name: &str, text: &str) {
    fs::create_dir_all(root.join("bin")).unwrap();
    let at = root.join("bin").join(name);
    fs::write(&at, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
}

pub fn text(path: &Path) -> String {
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
    let said = said(root, &FILE, &body);
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
/// What sudo or a login has left in root's environment is nobody's below a node's folder, whatever is in it.
#[test]
fn s3_nothing_of_our_environment_goes_on_to_a_hand() {
    let root = tempfile::tempdir().unwrap();
    let body = r#"me=5; canary='it''s
export me=x
"$(id)"'; export canary me
hand_is root "0 root /root"
say hand "$(in_hand env | grep -cE '^(canary|me|export)=')" "$me"
printf '%s' "$canary""#;
    let said = said(root.path(), &[], body);
    assert!(said.contains(" hand 0 5\n") && said.ends_with("its\nexport me=x\n\"$(id)\""), "{said}");
}

#[test]
fn p2_what_a_step_says_has_a_limit() {
    let root = tempfile::tempdir().unwrap();
    // What brings documents has a limit of its own.
    let endless = "ulimit -v 300000; hand_user=$(id -un) hand_group=$(id -gn) hand_home=/; \
                   step s brings sh -c 'head -c 200000000 /dev/zero | tr \\\\0 x >&2'";
    assert!(said(root.path(), &DOCUMENTS, endless).contains(" failed s 1 "), "it is cut off");
    let flood = "ulimit -v 100000; hand_user=$(id -un) hand_group=$(id -gn) hand_home=/; \
                 step s hand_does sh -c 'head -c 200000000 /dev/zero | tr \\\\0 x; echo; echo its end; exit 3'";
    let said = said(root.path(), &[], flood);
    let failed = said.lines().find_map(|line| line.split_once(" failed s 3 ")).unwrap();
    let words = STANDARD.decode(failed.1).unwrap();
    assert!(words.len() <= 4000 && words.trim_ascii_end().ends_with(b"its end"), "{} bytes", words.len());
}

/// Cut short, or in another release's notation: a node cannot read it, so there is none. CometBFT 0.38, Tendermint 0.32, loom.
#[test]
fn s13_a_sign_state_that_its_node_cannot_read_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("state");
    let read = |state: &str, how: &str| {
        fs::write(&at, state).unwrap();
        let (functions, _) = include_str!("hand.sh").split_once("\nroot_owner=").unwrap();
        let script = format!("{functions}\nread_sign_state '{}' {how}", at.display());
        let out = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let comet = "{\n  \"height\": \"41\",\n  \"round\": 0,\n  \"step\": 3,\n  \"signature\": \"c2ln\",\n  \"signbytes\": \"7B22\"\n}";
    let old = comet.replace("\"round\": 0", "\"round\": \"0\"");
    let loom = "{\"address\":\"A\",\"pub_key\":{\"type\":\"t\",\"value\":\"p\"},\"last_height\":\"7\",\"last_round\":\"0\",\
                \"last_step\":3,\"priv_key\":{\"type\":\"t\",\"value\":\"k\"}}";
    assert_eq!(read(comet, "height number"), "41");
    assert_eq!(
        (read(&old, "height number"), read(&old, "height text"), read(&old, "height")),
        (String::new(), "41".into(), "41".into())
    );
    assert_eq!((read(comet, "height text"), read(loom, "last_height text")), (String::new(), "7".into()));
    for cut in 1..comet.len() {
        assert_eq!(read(&comet[..cut], "height number"), "", "{}", &comet[..cut]);
    }
    for cut in (loom.len() - 60)..loom.len() {
        assert_eq!(read(&loom[..cut], "last_height text"), "", "{}", &loom[..cut]);
    }
    for broken in ["{}", "[]", "{\"height\":41,\"round\":0,\"step\":3}", "{\"height\":\"41\",\"step\":3}"] {
        assert_eq!(read(broken, "height number"), "", "{broken}");
    }
}
