//! One machine, reached: it runs scripts, takes uploads and lets us ask its loopback ports.

use std::{io::Read as _, net::SocketAddr, path::Path, process::Stdio, sync::Arc, time::Duration};

use tokio::{io::AsyncReadExt as _, process::Command};

use super::{
    error::HostError,
    running::{Pipes, Running},
    ssh::Ssh,
    sudo,
};
use crate::{
    script::{compose::Script, record::Record},
    types::{
        ids::{RemotePath, UserName},
        login::{Login, Via},
        scope::{LoginUser, Scope},
    },
};

/// How long a shell may take to come up (a busy host, a slow PAM), on top of the connection; less where a host may be
/// silent for less.
const SHELL_LIMIT: Duration = Duration::from_secs(45);

/// So long it is waited for that a sudo which asks again has been ended.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of what an account's record says.
const LONGEST_WORD: usize = 4096;

/// By the accounts' own record: a login's environment may say anything.
const WHO_WE_ARE: &str = r#"say ready
fact host uid "$(id -u)"
fact host name "$(id -un)"
fact host group "$(id -gn)"
who=$(getent passwd "$(id -u)")
who=${who%:*}
fact host home "${who##*:}"
finish 0"#;

enum Line {
    Ssh(Ssh),
    Local,
}

pub struct Host {
    login: Arc<Login>,
    line: Line,
    scope: Scope,
    /// How long it may be silent: while its shell comes up, and in an upload.
    limit: Duration,
    /// Set once the host's sshd was seen to forbid forwarding.
    pub(super) no_forward: std::sync::atomic::AtomicBool,
    /// The host was found to have no program that could ask instead.
    pub(super) no_tool: std::sync::atomic::AtomicBool,
}

impl Host {
    /// `nonce`: for the one script that asks a login without root who it is.
    pub async fn connect(
        login: Arc<Login>,
        folder: &Path,
        name: &str,
        nonce: &str,
        limit: Duration,
    ) -> Result<Self, HostError> {
        let line = match login.via {
            Via::Local => Line::Local,
            Via::Ssh => Line::Ssh(Ssh::connect(Arc::clone(&login), folder, name).await?),
        };
        let (no_forward, no_tool) = (false.into(), false.into());
        let mut host = Self { login, line, scope: Scope::System, limit, no_forward, no_tool };
        if host.login.asks_for_no_root() {
            host.scope = host.who_we_are(nonce).await?;
        }
        Ok(host)
    }

    /// Whose systemd runs this machine's nodes, and where everything of ours is there.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    async fn who_we_are(&self, nonce: &str) -> Result<Scope, HostError> {
        let mut script = Script::new(nonce);
        script.line(WHO_WE_ARE);
        let mut running = self.start(&script, "asking who we are").await?;
        let mut said = std::collections::BTreeMap::new();
        while let Some(record) = running.next_within(self.limit).await? {
            if let Record::Fact { key, value, .. } = record
                && value.len() <= LONGEST_WORD
            {
                said.insert(key, value);
            }
        }
        let text = |key: &str| said.get(key).cloned().unwrap_or_default();
        if text("uid") == "0" {
            return Ok(Scope::System);
        }
        let user = || {
            Some(LoginUser {
                uid: text("uid").parse().ok()?,
                name: UserName::new(text("name")).ok()?,
                group: said.get("group").filter(|group| !group.is_empty())?.clone(),
                home: RemotePath::new(text("home")).ok()?,
            })
        };
        user().map(Scope::User).ok_or_else(|| {
            let output =
                format!("user {:?}, home {:?}: not what a node could run as", text("name"), text("home"));
            HostError::Step { step: "asking who we are".to_owned(), output }
        })
    }

    /// Starts a script; it has said `ready` when this returns. `doing` names it in errors.
    pub async fn start(&self, script: &Script, doing: &str) -> Result<Running, HostError> {
        self.started(sudo::opening(&self.login), script, doing).await
    }

    /// The same without the inventory's become: as whoever logs in.
    pub async fn start_as_login(&self, script: &Script, doing: &str) -> Result<Running, HostError> {
        self.started(sudo::opening_as_login(), script, doing).await
    }

    async fn started(
        &self,
        opening: sudo::Opening,
        script: &Script,
        doing: &str,
    ) -> Result<Running, HostError> {
        let limit = SHELL_LIMIT.min(self.limit);
        let mut running = Running::new(self.spawn(&opening.words).await?, &script.nonce, doing);
        if let Some(password) = &opening.password
            && let Err(refused) = running.get_in(password, limit).await
        {
            // While its input is still open.
            if let Some(pid) = refused.asks {
                self.end_sudo(pid).await;
            }
            return Err(refused.why);
        }
        running.start(&script.text(&self.scope), limit).await?;
        Ok(running)
    }

    async fn spawn(&self, command: &[String]) -> Result<Pipes, HostError> {
        match &self.line {
            Line::Ssh(ssh) => ssh.spawn(command).await,
            Line::Local => spawn_here(command),
        }
    }

    async fn end_sudo(&self, pid: u32) {
        let end = async {
            let mut pipes = self.spawn(&sudo::kill(pid)).await?;
            let mut said = Vec::new();
            let _ = pipes.stdout.read_to_end(&mut said).await;
            Ok::<(), HostError>(())
        };
        if !matches!(tokio::time::timeout(KILL_LIMIT, end).await, Ok(Ok(()))) {
            tracing::debug!(pid, "a sudo that asks again could not be ended");
        }
    }

    /// A stream to an address as the host sees it.
    pub(super) async fn dial(&self, at: SocketAddr) -> Result<super::stream::Stream, HostError> {
        let refused = |e: std::io::Error| HostError::Lost(format!("dialling {at}: {e}"));
        match &self.line {
            Line::Ssh(ssh) => {
                let path = ssh.forward(at).await?;
                let stream = tokio::net::UnixStream::connect(path).await.map_err(refused)?;
                Ok(Box::new(stream))
            }
            Line::Local => {
                let stream = tokio::net::TcpStream::connect(at).await.map_err(refused)?;
                Ok(Box::new(stream))
            }
        }
    }

    /// Brings a file into the cache of binaries; it gets the name of its checksum when the host has hashed what arrived (S11).
    /// `progress` is told the bytes sent so far.
    pub async fn upload(
        &self,
        nonce: &str,
        source: &Path,
        sha256: &str,
        name: &str,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), HostError> {
        let broken = |e: std::io::Error| HostError::Upload(format!("{}: {e}", source.display()));
        let file = std::fs::File::open(source).map_err(broken)?;
        let size = file.metadata().map_err(broken)?.len();
        let mut file = file.take(size);
        let script = receive(nonce, sha256, name, &self.scope);
        let mut running = self.start(&script, "uploading the binary").await?;
        // As much as a pipe takes at once. Read right here: the file has just been hashed, so that it is in memory, and to
        // another thread and back for each piece costs more than the piece.
        let mut buffer = vec![0; 64 * 1024];
        let mut sent = 0;
        loop {
            let read = file.read(&mut buffer).map_err(broken)?;
            // What arrives is a sign of life: only a piece that does not get through is silence.
            let piece = tokio::time::timeout(self.limit, running.send(&buffer[..read])).await;
            let piece = piece.map_err(|_| HostError::Silent(self.limit, uploading(name, sent, size)))?;
            if read == 0 || piece.is_err() {
                break;
            }
            sent += read as u64;
            progress(sent);
        }
        // A file that has become shorter must not be waited for.
        running.hang_up().await;
        running.now_doing(uploading(name, sent, size));
        while let Some(record) = running.next_within(self.limit).await? {
            if let Record::Failed { output, .. } = record {
                return Err(HostError::Upload(output));
            }
        }
        Ok(())
    }

    pub async fn close(&self) {
        if let Line::Ssh(ssh) = &self.line {
            ssh.close().await;
        }
    }
}

/// What an upload is at, for the message when it stops.
fn uploading(name: &str, sent: u64, size: u64) -> String {
    match sent * 100 / size.max(1) {
        100 => format!("checking the upload of {name}, which was sent to its end"),
        percent => format!("uploading {name}: {percent} % of {} MB were sent", size / 1_000_000),
    }
}

/// The upload's other end. No watcher here: stdin is the file, and what ends too early has another checksum. `cat`, since
/// `head -c` moves 8 KB at a time and takes twice as long.
fn receive(nonce: &str, sha256: &str, name: &str, scope: &Scope) -> Script {
    let mut script = Script::new(nonce);
    script.set("dir", &format!("{}/bin/{sha256}", scope.lib())).set("name", name).set("sha", sha256);
    script.line(
        r#"receive() {
  gone "$dir/$name.new" || return 1
  cat <&4 >"$dir/$name.new" || { rm -f "$dir/$name.new"; return 1; }
  settle_binary "$dir/$name.new" "$dir/$name" "$sha" || return 1
  return 10
}
mkdir -p "$dir" || { say failed 0 1 "$(echo "$dir cannot be made" | base64 -w0)"; finish 1; }
exec 4<&3
say ready
step 0 receive
finish 0"#,
    );
    script
}

fn spawn_here(command: &[String]) -> Result<Pipes, HostError> {
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => HostError::NoTool(command.first().cloned().unwrap_or_default()),
        _ => HostError::NoShell(e.to_string()),
    };
    let (program, args) = command.split_first().map_or(("sh", &[][..]), |(p, a)| (p.as_str(), a));
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Pipes {
            stdin: Box::pin(stdin),
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
            keep: Box::new(child),
        }),
        _ => Err(HostError::NoShell("no pipes".to_owned())),
    }
}

#[cfg(test)]
mod tests;
