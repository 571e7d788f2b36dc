//! The user's own ssh: one master a machine, started by hand so that every ssh option of the inventory counts.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use openssh::{ForwardType, Session, Socket};
use tokio::{process::Command, sync::Mutex, time::Instant};

use super::{
    diagnose::{self, Outcome},
    error::HostError,
    mux,
    running::{Pipes, STDERR_LATE, keep_stderr},
};
use crate::types::login::Login;

/// A master without clients ends by itself after so many seconds: what a killed loomctl leaves does not stay.
const PERSIST: &str = "60";
/// A session that sshd refused (MaxSessions) is tried again so often: on the first connection only in case one is
/// just ending, on the spare one, where only one script runs at a time, until the last one has ended for sshd too.
const MAIN_TRIES: u32 = 3;
const SPARE_TRIES: u32 = 12;

pub struct Ssh {
    login: Arc<Login>,
    folder: PathBuf,
    name: String,
    main: Arc<Session>,
    /// A connection of its own for what does not fit into the first one's sessions (MaxSessions 1).
    spare: Mutex<Option<Arc<Session>>>,
    /// Addresses that a Unix socket in `folder`, named by their number here, leads to already.
    forwards: Mutex<Vec<SocketAddr>>,
}

impl Ssh {
    /// `folder`: private and short (a socket's path has 104 bytes at the most); `name`: unique in it.
    pub async fn connect(login: Arc<Login>, folder: &Path, name: &str) -> Result<Self, HostError> {
        let main = master(&login, folder, name).await?;
        Ok(Self {
            login,
            folder: folder.to_owned(),
            name: name.to_owned(),
            main,
            spare: Mutex::new(None),
            forwards: Mutex::new(Vec::new()),
        })
    }

    /// A remote process; `command` are words for the login shell, which may be any shell.
    pub async fn spawn(&self, command: &[String]) -> Result<Pipes, HostError> {
        let mut spare = self.spare.lock().await;
        if spare.is_none() {
            match spawn_patiently(&self.main, command, MAIN_TRIES).await {
                Ok(pipes) => return Ok(pipes),
                Err(refused) => {
                    tracing::debug!(host = self.name, %refused, "another connection for another session");
                    *spare = Some(master(&self.login, &self.folder, &format!("{}x", self.name)).await?);
                }
            }
        }
        let lost = |why: String| HostError::Lost(format!("opening a session: {why}"));
        match spare.as_ref() {
            Some(session) => {
                spawn_patiently(session, command, SPARE_TRIES).await.map_err(|e| lost(e.to_string()))
            }
            None => Err(lost("no connection".to_owned())),
        }
    }

    /// A Unix socket that leads to an address as the host sees it; where sshd forbids forwarding it ends at once.
    pub async fn forward(&self, at: SocketAddr) -> Result<PathBuf, HostError> {
        let mut forwards = self.forwards.lock().await;
        let known = forwards.iter().position(|other| *other == at);
        let path = self.folder.join(format!("{}f{}", self.name, known.unwrap_or(forwards.len())));
        if known.is_none() {
            let listen = Socket::UnixSocket { path: path.as_path().into() };
            let target = Socket::TcpSocket { host: at.ip().to_string().into(), port: at.port() };
            self.main
                .request_port_forward(ForwardType::Local, listen, target)
                .await
                .map_err(|e| HostError::Lost(format!("asking for a forward: {e}")))?;
            forwards.push(at);
        }
        Ok(path)
    }

    /// Ends the masters; sessions that still run on them end as well.
    pub async fn close(&self) {
        for name in [self.name.clone(), format!("{}x", self.name)] {
            let control = self.folder.join(&name);
            if control.exists()
                && let Err(error) = mux::terminate(&control).await
            {
                tracing::debug!(name, %error, "the master has ended before");
            }
        }
    }
}

async fn spawn_patiently(
    session: &Arc<Session>,
    command: &[String],
    tries: u32,
) -> Result<Pipes, openssh::Error> {
    let mut tried = 0;
    loop {
        match spawn_on(session, command).await {
            Err(_) if tried < tries => {
                tried += 1;
                tokio::time::sleep(Duration::from_millis(20 * u64::from(tried))).await;
            }
            result => return result,
        }
    }
}

async fn spawn_on(session: &Arc<Session>, command: &[String]) -> Result<Pipes, openssh::Error> {
    let (program, args) = command.split_first().map_or(("sh", &[][..]), |(p, a)| (p.as_str(), a));
    let mut remote = Arc::clone(session).arc_command(program);
    remote.args(args);
    remote.stdin(openssh::Stdio::piped()).stdout(openssh::Stdio::piped()).stderr(openssh::Stdio::piped());
    let mut child = remote.spawn().await?;
    let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
    match (stdin, stdout, stderr) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Pipes {
            stdin: Box::pin(stdin),
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
            keep: Box::new(child),
        }),
        _ => Err(openssh::Error::Disconnected),
    }
}

/// Of two equal options ssh takes the first: ours that must hold, then the user's, then our defaults.
fn arguments(login: &Login, control: &Path, log: &Path, configured: &Configured) -> Vec<String> {
    let mut args: Vec<String> = Vec::new();
    let option = |args: &mut Vec<String>, text: String| args.extend(["-o".to_owned(), text]);
    option(&mut args, "BatchMode=yes".to_owned());
    // Not `-M` as well: the two together mean "ask".
    option(&mut args, "ControlMaster=yes".to_owned());
    option(&mut args, format!("ControlPath={}", control.display()));
    option(&mut args, format!("ControlPersist={PERSIST}"));
    args.extend(["-E".to_owned(), log.display().to_string()]);
    if configured.is_quiet {
        option(&mut args, "LogLevel=INFO".to_owned());
    }
    if configured.named_keys_only {
        option(&mut args, "IdentitiesOnly=yes".to_owned());
    }
    let users = login_arguments(login);
    args.extend(if configured.is_quiet { users.into_iter().filter_map(aloud).collect() } else { users });
    option(&mut args, format!("ConnectTimeout={}", login.connect_timeout.as_secs().max(1)));
    option(&mut args, "ServerAliveInterval=5".to_owned());
    option(&mut args, "ServerAliveCountMax=4".to_owned());
    if configured.asks {
        option(&mut args, "StrictHostKeyChecking=accept-new".to_owned());
    }
    if let Some(ciphers) = configured.faster_ciphers() {
        option(&mut args, format!("Ciphers={ciphers}"));
    }
    args
}

/// A word of ssh's arguments without `-q`, which would count whatever LogLevel says.
fn aloud(word: String) -> Option<String> {
    const FLAGS: &str = "46AaCGgKkNnqsTtVvXxYy";
    let is_quiet = word
        .strip_prefix('-')
        .is_some_and(|flags| flags.contains('q') && flags.chars().all(|flag| FLAGS.contains(flag)));
    if !is_quiet {
        return Some(word);
    }
    Some(word.replace('q', "")).filter(|word| word != "-")
}

/// What the inventory says, as ssh's own arguments.
fn login_arguments(login: &Login) -> Vec<String> {
    let mut args = Vec::new();
    if let Some(port) = login.port {
        args.extend(["-p".to_owned(), port.to_string()]);
    }
    if let Some(user) = &login.user {
        args.extend(["-l".to_owned(), user.to_string()]);
    }
    if let Some(identity) = &login.identity {
        args.extend(["-i".to_owned(), identity.display().to_string()]);
    }
    args.extend(login.ssh_args.iter().cloned());
    args
}

async fn master(login: &Login, folder: &Path, name: &str) -> Result<Arc<Session>, HostError> {
    let mut configured = Configured::ask(login).await?;
    let (control, log) = (folder.join(name), folder.join(format!("{name}.log")));
    // sshd's MaxStartups drops connections when many come at once, a jump host's above all: for as long as a host may
    // take to connect, it is tried again.
    let patience = Instant::now() + login.connect_timeout;
    let mut tries = 0;
    loop {
        let Some(outcome) = attempt(login, &control, &log, &configured).await? else {
            return Ok(Arc::new(Session::resume_mux(control.into(), Some(log.into()))));
        };
        // The key that the inventory names comes after those of an agent.
        if outcome.ran_out_of_tries() && login.identity.is_some() && !configured.named_keys_only {
            configured.named_keys_only = true;
            continue;
        }
        tries += 1;
        let pause = pause_after(tries);
        if !outcome.may_pass() || Instant::now() + pause > patience {
            return Err(diagnose::of_ssh(&outcome));
        }
        tokio::time::sleep(pause).await;
    }
}

/// `None`: the master runs.
async fn attempt(
    login: &Login,
    control: &Path,
    log: &Path,
    configured: &Configured,
) -> Result<Option<Outcome>, HostError> {
    let _ = std::fs::remove_file(log);
    let mut ssh = Command::new("ssh");
    ssh.args(arguments(login, control, log, configured)).args(["-N", "-f"]).arg(login.host.as_str());
    ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut ssh = ssh.spawn().map_err(|e| HostError::NoSsh(e.to_string()))?;
    let heard = Arc::new(std::sync::Mutex::new(String::new()));
    let listener =
        ssh.stderr.take().map(|stderr| tokio::spawn(keep_stderr(Box::pin(stderr), Arc::clone(&heard))));
    let limit = login.connect_timeout * 3;
    let status = tokio::time::timeout(limit, ssh.wait()).await;
    let connected = matches!(&status, Ok(Ok(status)) if status.success());
    if let Some(mut listener) = listener {
        // What a proxy has still to say is read to its end: with nobody there it would die of it, and the connection with it.
        // A jump host's ssh may outlive ours.
        if !connected {
            drop(tokio::time::timeout(STDERR_LATE, &mut listener).await);
            listener.abort();
        }
    }
    let outcome = || Outcome {
        log: std::fs::read_to_string(log).unwrap_or_default(),
        stderr: heard.lock().map(|text| text.clone()).unwrap_or_default(),
    };
    match status {
        Ok(Ok(_)) if connected => Ok(None),
        Ok(Ok(_)) => Ok(Some(outcome())),
        Ok(Err(error)) => Err(HostError::NoSsh(error.to_string())),
        Err(_) => Err(diagnose::no_connection(limit, &outcome())),
    }
}

/// Longer from try to try, and by chance: hosts that were dropped together must not come back together.
fn pause_after(tries: u32) -> Duration {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let most = u64::from(150 * tries.min(8));
    Duration::from_millis(100 + RandomState::new().build_hasher().finish() % most)
}

/// What the user's ssh is configured to do with a host, as far as it matters here.
#[derive(Debug, Default)]
struct Configured {
    /// It would ask a person about an unknown host key, which cannot be answered here (S10).
    asks: bool,
    ciphers: String,
    /// It would not say why it fails (`LogLevel QUIET`, `-q`).
    is_quiet: bool,
    /// `IdentitiesOnly`: of an agent's keys only those that are named.
    named_keys_only: bool,
}

/// Levels of ssh's log at which it does not say why it fails, or keeps the server's banner to itself.
/// `ssh -G` has its own word for QUIET.
const QUIET: [&str; 4] = ["SILENT", "QUIET", "FATAL", "ERROR"];

/// What OpenSSH allows where nobody has said otherwise, in the order that it had until it preferred the second.
const DEFAULT_CIPHERS: [&str; 6] = [
    "chacha20-poly1305@openssh.com",
    FASTER,
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
];
const FASTER: &str = "aes128-gcm@openssh.com";

impl Configured {
    async fn ask(login: &Login) -> Result<Self, HostError> {
        let mut ssh = Command::new("ssh");
        ssh.arg("-G").args(login_arguments(login)).arg(login.host.as_str()).stdin(Stdio::null());
        let out = ssh.output().await.map_err(|e| HostError::NoSsh(e.to_string()))?;
        if !out.status.success() {
            return Err(diagnose::of_configuration(&String::from_utf8_lossy(&out.stderr)));
        }
        Ok(Self::read(&String::from_utf8_lossy(&out.stdout)))
    }

    fn read(shown: &str) -> Self {
        let value =
            |key: &str| shown.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(' '));
        Self {
            asks: value("stricthostkeychecking") == Some("ask"),
            ciphers: value("ciphers").unwrap_or_default().to_owned(),
            is_quiet: value("loglevel").is_some_and(|level| QUIET.contains(&level)),
            named_keys_only: value("identitiesonly") == Some("yes"),
        }
    }

    /// The same ciphers with the one in front that costs both ends half of what OpenSSH's first choice does, where this
    /// machine has instructions for it; none where somebody has chosen ciphers.
    fn faster_ciphers(&self) -> Option<String> {
        let named: Vec<&str> = self.ciphers.split(',').collect();
        let default = named.len() == DEFAULT_CIPHERS.len()
            && DEFAULT_CIPHERS.iter().all(|cipher| named.contains(cipher))
            && named[0] == DEFAULT_CIPHERS[0];
        let others = named.into_iter().filter(|cipher| *cipher != FASTER);
        (default && has_aes()).then(|| [FASTER].into_iter().chain(others).collect::<Vec<_>>().join(","))
    }
}

fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::types::{ids::HostAddr, login::Via};

    /// S10, P9
    #[test]
    fn the_users_options_come_after_what_must_hold_and_before_our_defaults() {
        let login = Login {
            via: Via::Ssh,
            host: HostAddr::new("10.0.0.1").unwrap(),
            port: Some(2222),
            user: None,
            identity: None,
            ssh_args: vec!["-o".into(), "ConnectTimeout=3".into(), "-o".into(), "BatchMode=no".into()],
            sudo: true,
            sudo_password: None,
            connect_timeout: Duration::from_secs(10),
        };
        let asks = Configured { asks: true, ..Configured::default() };
        let args = arguments(&login, Path::new("/c"), Path::new("/l"), &asks);
        let at = |text: &str| args.iter().position(|a| a == text).unwrap();
        assert!(at("BatchMode=yes") < at("BatchMode=no"));
        assert!(at("ConnectTimeout=3") < at("ConnectTimeout=10"));
        assert_eq!(args.last().unwrap(), "StrictHostKeyChecking=accept-new");
    }

    /// The reason must be there to be shown.
    #[test]
    fn a_quiet_ssh_says_why_it_fails() {
        for level in QUIET {
            assert!(Configured::read(&format!("loglevel {level}\n")).is_quiet, "{level}");
        }
        assert!(!Configured::read("loglevel DEBUG1\n").is_quiet, "somebody looks for something");
        let left =
            |words: &[&str]| words.iter().filter_map(|word| aloud((*word).to_owned())).collect::<Vec<_>>();
        assert_eq!(
            left(&["-q", "-o", "Port=q", "-Cq", "-qC", "-Jq.example"]),
            ["-o", "Port=q", "-C", "-C", "-Jq.example"]
        );
    }

    #[test]
    fn ciphers_that_somebody_has_chosen_stay() {
        let of = |ciphers: &str| Configured::read(&format!("port 22\nciphers {ciphers}\n")).faster_ciphers();
        let default = "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com";
        let faster = "aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes256-gcm@openssh.com";
        assert_eq!(of(default).as_deref(), has_aes().then_some(faster));
        for chosen in [
            "aes256-ctr,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
            "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com",
            "aes256-gcm@openssh.com",
            "",
        ] {
            assert_eq!(of(chosen), None, "{chosen}");
        }
    }
}
