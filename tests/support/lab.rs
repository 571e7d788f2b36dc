//! A lab of real hosts (tests/lab/lab), which ends when the test or its process does, however that happens.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::command::{self, Run, Running};
use super::inventory::Inventory;
use super::{chain_binary, in_repository};

fn script() -> PathBuf {
    in_repository("tests/lab/lab")
}

/// Why labs cannot run here, in words for a person; `None` where they can.
pub fn impossible() -> Option<String> {
    let check = command::run(Command::new(script()).arg("check"));
    match check.code {
        Some(0) => {}
        Some(77) => return Some(check.stderr.trim().to_owned()),
        _ => panic!("the lab cannot tell whether it can run: {check}"),
    }
    let missing =
        ["COMETBFT", "LOOM", "ABCI_CLI"].into_iter().map(chain_binary).find(|binary| !binary.exists());
    missing.map(|binary| format!("{} is not built (tests/lab/setup, or make test)", binary.display()))
}

/// N hosts, numbered from 0, and a scratch folder of this machine for whoever uses them.
pub struct Lab {
    folder: PathBuf,
    hosts: usize,
    /// Holds the lab's life line, its stdin: closed when this process ends, the lab is taken down.
    owner: Option<Child>,
    scratch: TempDir,
}

impl Lab {
    /// Boots a lab of one's own.
    pub fn up(hosts: usize) -> Self {
        let started = Instant::now();
        let mut owner = Command::new(script())
            .args(["hold", &hosts.to_string()])
            .env_remove("LAB")
            .env_remove("LAB_NUMBER")
            // The usual one has the client make a key of 80 ms of the processor, four times a run.
            .env("LAB_KEX", "curve25519-sha256")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs tests/lab/lab");
        let stdout = owner.stdout.take().expect("stdout was asked to be a pipe");
        let line = BufReader::new(stdout).lines().next().transpose().expect("the lab's stdout can be read");
        let line = line.unwrap_or_else(|| panic!("a lab of {hosts} does not come up; its message is above"));
        let folder = PathBuf::from(line.strip_prefix("LAB=").expect("the lab names its folder"));
        if std::env::var_os("LOOMCTL_TEST_TIMES").is_some() {
            eprintln!("{hosts} hosts up in {:.2} s", started.elapsed().as_secs_f64());
        }
        Self { folder, hosts, owner: Some(owner), scratch: scratch() }
    }

    /// Takes over a lab that runs already and outlives this process.
    pub fn running(folder: PathBuf) -> Self {
        let mut lab = Self { folder, hosts: 0, owner: None, scratch: scratch() };
        lab.hosts = lab.command(&["hosts"]).ok().lines().count();
        lab
    }

    /// Pristine hosts and an empty scratch folder again. `Err` where a host does not come back.
    pub fn fresh(&mut self) -> Result<(), Run> {
        self.scratch = scratch();
        let run = self.command(&["fresh"]);
        if std::env::var_os("LOOMCTL_TEST_TIMES").is_some() {
            eprintln!("fresh in {:.2} s", run.seconds);
        }
        if run.code == Some(0) { Ok(()) } else { Err(run) }
    }

    pub fn hosts(&self) -> usize {
        self.hosts
    }

    /// The lab's folder; `LAB` for tests/lab/lab.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The private key that all hosts let in, as ubuntu and as root.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    pub fn address(&self, host: usize) -> String {
        format!("10.77.{}.{}", self.number(), 10 + host)
    }

    /// This machine's address in the lab's network, for servers that hosts fetch from.
    pub fn gateway(&self) -> String {
        format!("10.77.{}.1", self.number())
    }

    fn number(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).expect("a lab's folder is its number")
    }

    /// As ubuntu over ssh, as any client would.
    pub fn ssh(&self, host: usize, script: &str) -> Run {
        self.command(&["ssh", &host.to_string(), script])
    }

    /// As root inside the host, without ssh: works when sshd or sudo is the thing that is broken.
    pub fn root(&self, host: usize, script: &str) -> Run {
        self.command(&["root", &host.to_string(), "sh", "-c", script])
    }

    /// A program of this machine (`curl`) for a host that lacks it.
    pub fn lend(&self, host: usize, program: &str) {
        self.command(&["lend", &host.to_string(), program]).ok();
    }

    /// Pulls the plug: every process of the host is gone at once.
    pub fn kill(&self, host: usize) {
        self.command(&["kill", &host.to_string()]).ok();
    }

    /// Boots a host again, with the disk that it had.
    pub fn start(&self, host: usize) {
        self.command(&["start", &host.to_string()]).ok();
    }

    /// An orderly reboot; returns when the host lets people in again.
    pub fn reboot(&self, host: usize) {
        self.command(&["reboot", &host.to_string()]).ok();
    }

    /// What the host answers over HTTP on its own 127.0.0.1; `None` where it does not, or not with JSON.
    pub fn get(&self, host: usize, port: u16, path: &str) -> Option<Value> {
        let url = format!("http://127.0.0.1:{port}/{}", path.trim_start_matches('/'));
        let run = self.command(&["in", &host.to_string(), "curl", "-s", "-m20", &url]);
        serde_json::from_str(&run.stdout).ok()
    }

    /// The answer to a JSON-RPC call of the node's own host.
    pub fn call(&self, host: usize, port: u16, method: &str, params: &Value) -> Option<Value> {
        let url = format!("http://127.0.0.1:{port}/");
        let question = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let json = "Content-Type: application/json";
        let run =
            self.command(&["in", &host.to_string(), "curl", "-s", "-m20", "-H", json, "-d", &question, &url]);
        let answer: Value = serde_json::from_str(&run.stdout).ok()?;
        answer.get("result").cloned()
    }

    /// Adds lines to the host's sshd configuration and makes them count (`MaxSessions`, `AllowTcpForwarding`, …).
    pub fn sshd(&self, host: usize, lines: &str) {
        let write =
            format!("cat >/etc/ssh/sshd_config.d/00-test.conf <<'END'\n{lines}\nEND\nsystemctl restart ssh");
        self.root(host, &write).ok();
    }

    /// All hosts as one cluster of this chain: `cometbft`, or `loom` in the words of the playbook.
    pub fn inventory(&self, chain: &str) -> Inventory {
        Inventory::of_lab(self, chain)
    }

    /// A path in the scratch folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The program under test, in the scratch folder.
    pub fn loomctl(&self, arguments: &[&str]) -> Run {
        self.start_loomctl(arguments).wait()
    }

    /// The same, still running: to be watched, or killed in the middle.
    pub fn start_loomctl(&self, arguments: &[&str]) -> Running {
        command::start(&mut self.loomctl_command(arguments))
    }

    /// The same, not yet started: for an environment of its own.
    pub fn loomctl_command(&self, arguments: &[&str]) -> Command {
        let mut loomctl = Command::new(env!("CARGO_BIN_EXE_loomctl"));
        loomctl.args(arguments).current_dir(self.scratch.path());
        // Neither an agent's keys nor a developer's settings belong to the test.
        for name in ["SSH_AUTH_SOCK", "LOOMCTL_INVENTORY", "RUST_LOG", "XDG_RUNTIME_DIR"] {
            loomctl.env_remove(name);
        }
        loomctl
    }

    fn command(&self, arguments: &[&str]) -> Run {
        command::run(Command::new(script()).args(arguments).env("LAB", &self.folder))
    }

    /// What each host's journal says of a unit: for a failed test's last words.
    pub fn journals(&self, unit: &str) -> String {
        (0..self.hosts).fold(String::new(), |mut all, host| {
            let lines = self.root(host, &format!("journalctl -u {unit} -n 20 --no-pager -o cat")).stdout;
            let _ = writeln!(all, "--- {unit} on host {host}\n{lines}");
            all
        })
    }

    /// SIGKILL for the lab's owner, so that nothing takes the lab down: for tests of the lab itself.
    pub fn orphan(mut self) -> PathBuf {
        if let Some(mut owner) = self.owner.take() {
            owner.kill().expect("a child of ours can be killed");
            owner.wait().expect("a child of ours can be waited for");
        }
        self.folder.clone()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(mut owner) = self.owner.take() {
            drop(owner.stdin.take());
            let _ = owner.wait();
        }
    }
}

/// What is left of a lab on this machine: mounts, bridges, folders.
pub fn remains(folder: &Path) -> Vec<String> {
    let name = folder.to_string_lossy().into_owned();
    let bridge = format!("lcbr{}", folder.file_name().unwrap_or_default().to_string_lossy());
    let mounts = fs::read_to_string("/proc/mounts").expect("/proc is mounted");
    let mut left: Vec<String> =
        mounts.lines().filter(|line| line.contains(&format!("{name}/"))).map(String::from).collect();
    left.extend(folder.exists().then(|| name.clone()));
    left.extend(Path::new("/sys/class/net").join(&bridge).exists().then_some(bridge));
    left
}

/// Removes what owners that were killed have left behind.
pub fn reap() {
    command::run(Command::new(script()).arg("reap")).ok();
}

fn scratch() -> TempDir {
    tempfile::Builder::new().prefix("loomctl-test.").tempdir().expect("a temporary folder can be made")
}
