//! How a shell is started on a host, by a real one.

#![allow(clippy::unwrap_used)]
use std::{fs, os::unix::fs::PermissionsExt as _};

use zeroize::Zeroizing;

use super::*;
use crate::types::{ids::HostAddr, login::Secret};

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
fn command(login: &Login, folder: &Path, prompts: usize) -> (Vec<String>, Option<Zeroizing<Vec<u8>>>) {
    let sudo = format!(
        "#!/bin/sh\nfor n in $(seq {prompts}); do printf %s \"$3\" >&2; IFS= read -r l; echo \"$l\" >>{}/told; done\nwhile case $1 in -n | -S) ;; -p) \
         shift ;; *) false ;; esac; do shift; done\n\"$@\"\n",
        folder.display()
    );
    fs::write(folder.join("sudo"), sudo).unwrap();
    fs::set_permissions(folder.join("sudo"), fs::Permissions::from_mode(0o755)).unwrap();
    let sudo::Opening { mut words, password } = sudo::opening(login);
    words[2] = words[2].replace(sudo::OWN_UID, &format!("PATH={}:$PATH; u=1", folder.display()));
    (words, password)
}

async fn run(login: &Login, prompts: usize, body: &str) -> (Result<Vec<Record>, HostError>, String) {
    let folder = tempfile::tempdir().unwrap();
    let (words, password) = command(login, folder.path(), prompts);
    let mut script = Script::new("nonce4711");
    script.line(body);
    let pipes = spawn_here(&words).unwrap();
    let text = script.text(&Scope::System);
    let limit = Duration::from_secs(20);
    let mut running = Running::new(pipes, "nonce4711", "testing");
    let began = async {
        if let Some(password) = &password {
            running.get_in(password, limit).await.map_err(|refused| refused.why)?;
        }
        running.start(&text, limit).await
    };
    let began = began.await;
    let told = || fs::read_to_string(folder.path().join("told")).unwrap_or_default();
    if let Err(error) = began {
        return (Err(error), told());
    }
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
    // One that asks again is given nothing more: neither the mark nor the script.
    for prompts in [2, 3, 60] {
        let (records, told) = run(&login(Some(PASSWORD)), prompts, body).await;
        assert!(matches!(records, Err(HostError::SudoPasswordWrong)), "{records:?}");
        assert_eq!(told, format!("{PASSWORD}\n"));
    }
}

/// One that reads on beyond the password's line, as sudo-rs 0.2.5 does.
#[tokio::test]
async fn nothing_follows_a_password_until_the_wrapper_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (words, password) = command(&login(Some(PASSWORD)), folder.path(), 0);
    let sudo = "#!/bin/sh\nprintf '%s' \"$3\" >&2\ndd bs=65536 count=1 of=\"${0%/*}/told\" 2>/dev/null\nshift 3\n\"$@\"\n";
    fs::write(folder.path().join("sudo"), sudo).unwrap();
    let mut running = Running::new(spawn_here(&words).unwrap(), "n0", "testing");
    let limit = Duration::from_secs(20);
    assert!(running.get_in(&password.unwrap(), limit).await.is_ok());
    let mut script = Script::new("n0");
    script.line("say ready; finish 0");
    running.start(&script.text(&Scope::System), limit).await.unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("told")).unwrap(), format!("{PASSWORD}\n"));
}

/// A login that gives back or runs what it reads: its words are shown, and the password is in none of them.
#[tokio::test]
async fn s3_a_password_that_is_given_back_is_not_shown() {
    for strange in ["cat; echo who logs in here?", "sh; echo who logs in here?"] {
        let words = ["sh", "-c", &format!("{{ {strange}; }} 2>&1 | tee /dev/stderr")].map(str::to_owned);
        let mut running = Running::new(spawn_here(&words).unwrap(), "n0", "testing");
        let password = format!("{PASSWORD}\n");
        let hang_up = Arc::clone(&running.stdin);
        let late = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            hang_up.lock().await.take();
        };
        let (refused, ()) = tokio::join!(running.get_in(password.as_bytes(), Duration::from_secs(20)), late);
        let why = refused.err().unwrap().why;
        assert!(matches!(&why, HostError::NoShell(said) if said.contains("who logs in here?")), "{why:?}");
        assert!(!why.to_string().contains("canary"), "{why}");
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
    let plain = spawn_here(&sudo::opening(&without).words).unwrap();
    let mut script = Script::new("n0");
    script.line(body);
    let text = script.text(&Scope::System);
    let mut running = Running::new(plain, "n0", "testing");
    running.start(&text, Duration::from_secs(20)).await.unwrap();
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
    let pipes = spawn_here(&sudo::opening(&without).words).unwrap();
    let text = script.text(&Scope::System);
    let mut running = Running::new(pipes, "n0", "testing");
    running.start(&text, Duration::from_secs(20)).await.unwrap();
    assert!(matches!(running.next().await.unwrap(), Some(Record::Fact { .. })));
    running.hang_up().await;
    let end = running.next_within(Duration::from_secs(20)).await.unwrap();
    assert!(matches!(end, Some(Record::End { status: 143 })), "{end:?}");
}

#[test]
fn the_shells_own_status_comes_through() {
    let status =
        std::process::Command::new("sh").args(["-c", &format!("echo 'exit 43' | {}", sudo::SHELL)]).status();
    assert_eq!(status.unwrap().code(), Some(43));
}

#[test]
fn a_machine_without_setsid_says_so() {
    let Err(HostError::NoTool(tool)) = spawn_here(&["loomctl-no-such-setsid".to_owned()]).map(drop) else {
        panic!("it was started")
    };
    assert_eq!(tool, "loomctl-no-such-setsid");
}
