//! P4, P6, P7: the control machine. Its sockets and its memory are its user's alone; passwords in URLs are seen by nobody;
//! what hosts say reaches no terminal as it is.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
    thread,
};

use super::{Ground, UP, long, tool};
use crate::{
    e2e::life::slow_init_on,
    support::{Lab, Suite, chain_binary, command, tests},
};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![sockets_and_memory_are_closed_to_others, escape_sequences_of_hosts_stay_there]);
    long(suite, tests![a_password_in_a_url_is_seen_by_nobody]);
}

const NOBODY: u32 = 65534;

/// As an ordinary user whose umask hides nothing; cores are allowed.
/// P6
fn sockets_and_memory_are_closed_to_others(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    slow_init_on(lab, 0, 6);
    let own = tempfile::tempdir().unwrap();
    fs::set_permissions(own.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let place = |name: &str| own.path().join(name).to_str().unwrap().to_owned();
    fs::copy(env!("CARGO_BIN_EXE_loomctl"), place("loomctl")).unwrap();
    fs::copy(lab.key(), place("key")).unwrap();
    let inventory = ground.inventory().var("ansible_ssh_private_key_file", place("key"));
    let binary = place("cometbft");
    fs::copy(chain_binary("COMETBFT"), &binary).unwrap();
    fs::write(place("inventory.yaml"), inventory.var("binary", binary).yaml()).unwrap();
    for (file, mode) in [("key", 0o600), ("inventory.yaml", 0o644)] {
        fs::set_permissions(place(file), fs::Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(place(file), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let start = |words: &str| {
        let script = format!("umask 0; ulimit -c unlimited; exec {words}");
        let mut shell = Command::new("setpriv");
        let ids = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
        shell.args(ids).args(["--clear-groups", "sh", "-c", &script]).env("HOME", own.path());
        command::start(shell.current_dir("/").env_remove("SSH_AUTH_SOCK").env_remove("XDG_RUNTIME_DIR"))
    };
    let look = |pid: u32| {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
        let cores =
            limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default().to_owned();
        let owner =
            command::run(Command::new("stat").args(["-c", "%u", &format!("/proc/{pid}/environ")])).stdout;
        (cores.split_whitespace().skip(4).take(2).collect::<Vec<_>>().join(" "), owner.trim().to_owned())
    };
    let mut naive = start("sh -c 'mkdir /tmp/loomctl-naive-$$; echo made; exec sleep 600'");
    assert!(naive.says("made"), "{}", naive.kill());
    assert_eq!(look(naive.id()), ("unlimited unlimited".to_owned(), NOBODY.to_string()), "control");
    assert!(
        folders("loomctl-naive-").iter().any(|(_, mode)| *mode == 0o777),
        "control: {:?}",
        folders("loomctl-")
    );
    fs::remove_dir(format!("/tmp/loomctl-naive-{}", naive.id())).unwrap();
    naive.kill();

    let mut run =
        start(&format!("{} up --no-verify --json -i {}", place("loomctl"), place("inventory.yaml")));
    assert!(run.says("\"step\":\"init "), "{}", run.kill());
    let private = folders(&format!("loomctl-{}-", run.id()));
    let (cores, owner) = look(run.id());
    run.exits(0);
    assert!(!private.is_empty(), "its folder was not found");
    let open: Vec<_> = private.iter().filter(|(_, mode)| mode & 0o077 != 0).collect();
    // A core holds passwords, and so does what another program of its user can look into.
    let seen = (open, cores.as_str(), owner.as_str());
    assert_eq!(seen, (vec![], "0 0", "0"), "open folders, cores that it may write, whose its memory is");
}

/// Of /tmp: what begins so, and what is in it, with its mode. Sockets count by their folder.
fn folders(prefix: &str) -> Vec<(PathBuf, u32)> {
    let all = fs::read_dir("/tmp").unwrap().flatten();
    let ours = all.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    ours.map(|entry| (entry.path(), entry.metadata().map_or(0, |meta| meta.permissions().mode() & 0o777)))
        .collect()
}

const PASSWORD: &str = "canary-of-the-url";

/// A web server of the chain's binary for those who know the password, on an address of the lab; its URL.
fn serves(lab: &Lab) -> String {
    let listener = TcpListener::bind((lab.gateway(), 0)).expect("it is an address of this machine");
    let url = format!("http://someone:{PASSWORD}@{}/cometbft", listener.local_addr().unwrap());
    let content = fs::read(chain_binary("COMETBFT")).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let known =
                head.iter().any(|line| line.to_ascii_lowercase().starts_with("authorization: basic "));
            let status =
                if known { "200 OK" } else { "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"" };
            let body: &[u8] = if known { &content } else { b"" };
            let _ = write!(stream, "HTTP/1.0 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(body);
        }
    });
    url
}

/// Host 0 pulls with curl, host 1 with wget, for host 2 this machine does.
/// P6
fn a_password_in_a_url_is_seen_by_nobody(lab: &Lab) {
    let grounds: Vec<Ground> = (0..3).map(|host| Ground::new(lab, host)).collect();
    lab.lend(0, "curl");
    lab.lend(1, "wget");
    let url = serves(lab);
    let here = lab.path("seen");
    let watch = command::start(Command::new(tool()).arg("sample").arg(&here));
    for ground in &grounds {
        ground.begin("mallory", "sample", "/usr/local/bin/attack sample /home/mallory/seen");
    }
    grounds[0].root(&format!("sh -c ': naive-{PASSWORD}; sleep 0.5; true'")).ok();
    let inventory =
        lab.inventory("cometbft").first(3).var("user", "chain").var("working_directory", "/home/chain/node");
    inventory.var("binary", url.as_str()).write(lab);
    let mut said = String::new();
    for arguments in [UP, &["up", "--no-verify", "-vv"], &["plan", "--json"], &["facts", "--json"]] {
        let run = lab.loomctl(arguments).exits(0);
        said += &run.stdout;
        said += &run.stderr;
    }
    watch.kill();
    let mut found = Vec::new();
    let search = format!(
        "grep -rlsF --devices=skip -e {PASSWORD} /var/lib/loomctl /run /tmp /etc /home/chain /root /var/log; true"
    );
    for ground in &grounds {
        ground.end("sample");
        ground.root(&format!("echo {PASSWORD} >/root/decoy")).ok();
        let seen = ground.root("cat /home/mallory/seen").ok();
        let naive = format!("naive-{PASSWORD}");
        assert!(ground.host != 0 || seen.contains(&naive), "control");
        let arguments = seen.lines().filter(|line| line.contains(PASSWORD) && !line.contains(&naive));
        found.extend(arguments.map(|line| format!("host {}, arguments: {line}", ground.host)));
        let files = ground.root(&search).ok();
        assert!(files.contains("/root/decoy"), "control");
        let files = files.lines().filter(|file| *file != "/root/decoy");
        found.extend(files.map(|file| format!("host {}, file: {file}", ground.host)));
    }
    let here = String::from_utf8_lossy(&fs::read(here).unwrap()).into_owned();
    assert!(here.contains("loomctl up --no-verify"), "control");
    found.extend(
        here.lines()
            .filter(|line| line.contains(PASSWORD) && !line.contains("naive-"))
            .map(|line| format!("here: {line}")),
    );
    found.extend(said.lines().filter(|line| line.contains(PASSWORD)).map(|line| format!("said: {line}")));
    for line in &mut found {
        *line = line.chars().take(240).collect();
    }
    assert!(found.is_empty(), "the password was seen:\n{}", found.join("\n"));
}

/// What a terminal would obey: ESC, a title, the one-byte CSI of C1, a carriage return, a change of direction.
const HARM: &[char] = &['\u{1b}', '\u{7}', '\u{9b}', '\u{9d}', '\u{8}', '\r', '\u{202e}', '\u{7f}'];

const WORDS: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\u{9d}x\u{8}\u{8}\u{202e}\u{7f}end";

fn harmful(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains(HARM))?;
    Some(line.chars().take(300).flat_map(char::escape_default).collect())
}

/// P4, P7
fn escape_sequences_of_hosts_stay_there(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    let inventory = ground.hostile_program(":");
    ground.loomctl_with(&inventory, UP).ok();
    // As a name, as contents, as what the node logs, and as what the machine says of itself.
    fs::write(ground.path("home/chain/node/say"), format!("said {WORDS}\n")).unwrap();
    fs::write(
        ground.path("usr/local/bin/uname"),
        format!("#!/bin/sh\necho \"$(/usr/bin/uname \"$@\") {WORDS}\"\n"),
    )
    .unwrap();
    let lay = format!(
        "chmod 755 /usr/local/bin/uname; cd /home/chain/node; systemctl restart cometbft; sleep 2; systemctl stop cometbft
         rm -f cometbft; ln -s '{WORDS}' cometbft; printf '\\n# {WORDS}\\n' >>config/config.toml"
    );
    ground.root(&lay).ok();
    assert!(
        harmful(&ground.root("readlink /home/chain/node/cometbft").ok()).is_some(),
        "control: a naive script shows it"
    );
    let mut through = Vec::new();
    let mut all = String::new();
    for command in [
        &["facts"][..],
        &["facts", "--json"],
        &["plan"],
        &["plan", "--json"],
        &["status"],
        &["status", "--json"],
        &["verify", "--listen-timeout", "1", "--blocks-timeout", "1"],
        &["verify", "--json", "--listen-timeout", "1", "--blocks-timeout", "1"],
        &["logs"],
        &["logs", "--json"],
        &["doctor"],
        &["history"],
        &["up", "--check", "--diff"],
    ] {
        let run = ground.loomctl_with(&inventory, command);
        all += &run.stdout;
        for (stream, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
            through.extend(harmful(text).map(|line| format!("  {} ({stream}): {line}", command.join(" "))));
        }
    }
    assert!(all.contains("said") && all.contains("owned"), "control: none of it was shown at all");
    assert!(through.is_empty(), "a terminal would obey a host:\n{}", through.join("\n"));
}
