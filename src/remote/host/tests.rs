//! How a shell is started on a host, by a real one.

#![allow(clippy::unwrap_used)]
use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::types::ids::HostAddr;

const PASSWORD: &str = "canary's $(touch x) \\ word";

fn login(password: Option<&str>) -> Login {
    Login {
        via: Via::Local,
        host: HostAddr::new("localhost").unwrap(),
        port: None,
        user: None,
        identity: None,
        ssh_args: Vec::new(),
        sudo: true,
        sudo_password: password.map(Secret::new),
        connect_timeout: Duration::from_secs(1),
    }
}

/// The command as somebody who is not root would start it, with a sudo of ours: it asks `prompts` times, says what it was
/// told, and then starts the command.
fn command(login: &Login, folder: &Path, prompts: usize) -> (Vec<String>, Zeroizing<Vec<u8>>) {
    let sudo = format!(
        "#!/bin/sh\nfor n in $(seq {prompts}); do IFS= read -r l; echo \"$l\" >>{}/told; done\nwhile case $1 in -n | -S) ;; -p) \
         shift ;; *) false ;; esac; do shift; done\n\"$@\"\n",
        folder.display()
    );
    fs::write(folder.join("sudo"), sudo).unwrap();
    fs::set_permissions(folder.join("sudo"), fs::Permissions::from_mode(0o755)).unwrap();
    let (mut words, preface) = shell_command(login);
    words[2] = words[2].replace(OWN_UID, &format!("PATH={}:$PATH; u=1", folder.display()));
    (words, preface)
}

async fn run(login: &Login, prompts: usize, body: &str) -> (Result<Vec<Record>, HostError>, String) {
    let folder = tempfile::tempdir().unwrap();
    let (words, preface) = command(login, folder.path(), prompts);
    let mut script = Script::new("nonce4711");
    script.line(body);
    let pipes = spawn_here(&words).unwrap();
    let text = script.text(&Scope::System);
    let began = Running::start(pipes, "nonce4711", &preface, &text, "testing", Duration::from_secs(20)).await;
    let told = || fs::read_to_string(folder.path().join("told")).unwrap_or_default();
    let mut running = match began {
        Ok(running) => running,
        Err(error) => return (Err(error), told()),
    };
    let mut records = Vec::new();
    while let Some(record) = running.next().await.unwrap() {
        records.push(record);
    }
    (Ok(records), told())
}

fn fact(records: &[Record], wanted: &str) -> String {
    let found = records.iter().find_map(|record| match record {
        Record::Fact { key, value, .. } if key == wanted => Some(value.clone()),
        _ => None,
    });
    found.unwrap_or_default()
}

/// Every process above the script's shell, and that one: what it was started with.
const ARGUMENTS: &str = r#"say ready
pid=$$ seen=''
while [ "$pid" -gt 1 ]; do
  seen="$seen $(tr '\0\n' '  ' <"/proc/$pid/cmdline")"
  read -r _ _ _ parent _ <"/proc/$pid/stat"
  pid=$parent
done
fact host seen "$seen"
fact host environment "$(tr '\0\n' '  ' <"/proc/$$/environ")"
finish 0"#;

/// P4: a host that knows no nonce says no fact. P6.
#[tokio::test]
async fn s3_neither_nonce_nor_password_stand_in_arguments_or_environment() {
    for (password, prompts) in [(None, 0), (Some(PASSWORD), 0), (Some(PASSWORD), 1)] {
        let (records, _) = run(&login(password), prompts, ARGUMENTS).await;
        let records = records.unwrap();
        let (seen, environment) = (fact(&records, "seen"), fact(&records, "environment"));
        assert!(seen.contains("sh -s") && !environment.is_empty(), "{seen}");
        for secret in ["nonce4711", "canary"] {
            assert!(!seen.contains(secret), "{seen}");
            assert!(!environment.contains(secret), "{environment}");
        }
    }
}

/// P4, P6
#[tokio::test]
async fn s3_a_password_is_never_the_scripts_input_however_often_sudo_asks() {
    let body = "say ready; finish 0";
    for (prompts, taken) in [(0, ""), (1, "canary's $(touch x) \\ word\n")] {
        let (records, told) = run(&login(Some(PASSWORD)), prompts, body).await;
        assert!(matches!(records.unwrap()[..], [Record::End { status: 0 }]));
        assert_eq!(told, taken);
    }
    // What a script brings may hold the mark, in whatever became of the first one.
    let hostile = format!("{body}\n: '\n{MARK}\n{MARK}\ntouch owned\n'\n");
    for prompts in [2, 3, 60] {
        let (records, told) = run(&login(Some(PASSWORD)), prompts, &hostile).await;
        assert!(
            matches!(&records, Err(HostError::NoShell(why)) if why.contains("more than a password")),
            "{records:?}"
        );
        assert!(told.contains(MARK) && !Path::new("owned").exists());
    }
}

/// P2: nothing of the run outlives its session.
#[tokio::test]
async fn a_script_leads_a_session_of_its_own_without_a_terminal() {
    let body = r#"say ready
read -r _ _ _ _ group session terminal _ <"/proc/$$/stat"
fact host ids "$$ $group $session $terminal"
( : >/dev/tty ) 2>/dev/null && fact host terminal yes
finish 7"#;
    let mut without = login(None);
    without.sudo = false;
    let plain = spawn_here(&shell_command(&without).0).unwrap();
    let mut script = Script::new("n0");
    script.line(body);
    let text = script.text(&Scope::System);
    let mut running =
        Running::start(plain, "n0", b"", &text, "testing", Duration::from_secs(20)).await.unwrap();
    let mut direct = Vec::new();
    while let Some(record) = running.next().await.unwrap() {
        direct.push(record);
    }
    for records in [
        direct,
        run(&login(None), 0, body).await.0.unwrap(),
        run(&login(Some(PASSWORD)), 1, body).await.0.unwrap(),
    ] {
        let ids = fact(&records, "ids");
        let ids: Vec<&str> = ids.split(' ').collect();
        assert_eq!((ids[0], ids[0], "0"), (ids[1], ids[2], ids[3]), "{records:?}");
        assert_eq!(fact(&records, "terminal"), "");
        assert!(matches!(records.last(), Some(Record::End { status: 7 })));
    }
}

/// Ctrl-C does not reach it, since it is in another session: what ends it is its life line.
#[tokio::test]
async fn a_script_on_this_machine_ends_by_its_life_line() {
    let mut without = login(None);
    without.sudo = false;
    let mut script = Script::new("n0");
    script.line("say ready\nwatch\nfact host here yes\nwhile [ $stop = 0 ]; do sleep 0.05; done\nfinish 143");
    let pipes = spawn_here(&shell_command(&without).0).unwrap();
    let text = script.text(&Scope::System);
    let mut running =
        Running::start(pipes, "n0", b"", &text, "testing", Duration::from_secs(20)).await.unwrap();
    assert!(matches!(running.next().await.unwrap(), Some(Record::Fact { .. })));
    running.hang_up().await;
    let end = running.next_within(Duration::from_secs(20)).await.unwrap();
    assert!(matches!(end, Some(Record::End { status: 143 })), "{end:?}");
}

#[test]
fn the_shells_own_status_comes_through() {
    let status = std::process::Command::new("sh").args(["-c", &format!("echo 'exit 43' | {SHELL}")]).status();
    assert_eq!(status.unwrap().code(), Some(43));
}

#[test]
fn a_machine_without_setsid_says_so() {
    let Err(HostError::NoTool(tool)) = spawn_here(&["loomctl-no-such-setsid".to_owned()]).map(drop) else {
        panic!("it was started")
    };
    assert_eq!(tool, "loomctl-no-such-setsid");
}
