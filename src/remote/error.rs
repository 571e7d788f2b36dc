//! Why a host could not be worked with: data here, one message and one piece of advice each.

use std::time::Duration;

use crate::types::{code::Code, diagnostic::Diagnostic};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("unreachable: {0}")]
    Unreachable(String),
    #[error("hung up on before the login: {0}")]
    HungUpOn(String),
    #[error("the host name does not resolve: {0}")]
    NoSuchName(String),
    #[error("its host key has changed or is not known: {0}")]
    HostKey(String),
    #[error("ssh login refused: {0}")]
    LoginRefused(String),
    #[error("the ssh program on this machine could not be used: {0}")]
    NoSsh(String),
    #[error("no sudo: {0}")]
    NoSudo(String),
    #[error("sudo wants a terminal: {0}")]
    SudoWantsTerminal(String),
    #[error("sudo wants a password")]
    SudoPasswordWanted,
    #[error("sudo refused the password")]
    SudoPasswordWrong,
    #[error("no shell that runs our script: {0}")]
    NoShell(String),
    /// One without which no script of ours begins.
    #[error("programs are missing there: {0}")]
    NoTool(String),
    #[error("not enough rights: we are uid {0} there, and root is needed")]
    NotRoot(String),
    #[error("no systemd of the user {0} runs there: {1} is missing")]
    NoUserManager(String, String),
    #[error("{0} is locked by another run: {1}")]
    Locked(String, String),
    #[error("the connection was lost while {0}")]
    Lost(String),
    #[error("no answer for {secs} s while {doing}", secs = .0.as_secs(), doing = .1)]
    Silent(Duration, String),
    /// Never silent for too long, and yet without an end.
    #[error("not done after {secs} s, while {doing}", secs = .0.as_secs(), doing = .1)]
    Endless(Duration, String),
    #[error("it says what cannot be: {0}")]
    Odd(String),
    #[error("too much came from it while {doing}: {limit}")]
    TooMuch { doing: String, limit: String },
    #[error("upload failed: {0}")]
    Upload(String),
    #[error("{step}: {output}")]
    Step { step: String, output: String },
    /// Nothing of the host's: what this machine was to download for it.
    #[error("{step}: {why}")]
    Download { step: String, why: String, reason: Undelivered },
    #[error("interrupted")]
    Interrupted,
}

/// Why this machine has no file for a host that cannot pull it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undelivered {
    NotDownloaded,
    /// There is no room for it here.
    NotKept,
    OtherSum,
}

impl HostError {
    pub fn code(&self) -> Code {
        match self {
            Self::Unreachable(_) => Code::Unreachable,
            Self::HungUpOn(_) => Code::HungUp,
            Self::NoSuchName(_) => Code::NoSuchName,
            Self::HostKey(_) => Code::HostKey,
            Self::LoginRefused(_) => Code::LoginRefused,
            Self::NoSsh(_) => Code::NoSsh,
            Self::NoSudo(_) => Code::NoSudo,
            Self::SudoWantsTerminal(_) => Code::SudoTerminal,
            Self::SudoPasswordWanted => Code::SudoPasswordWanted,
            Self::SudoPasswordWrong => Code::SudoPasswordWrong,
            Self::NoShell(_) => Code::NoShell,
            Self::NoTool(_) => Code::ProgramsMissing,
            Self::NotRoot(_) => Code::NotRoot,
            Self::NoUserManager(..) => Code::NoUserManager,
            Self::Locked(..) => Code::Locked,
            Self::Lost(_) => Code::Lost,
            Self::Silent(..) => Code::Silent,
            Self::Endless(..) => Code::Endless,
            Self::Odd(_) => Code::Implausible,
            Self::TooMuch { .. } => Code::TooMuch,
            Self::Upload(_) => Code::UploadFailed,
            Self::Step { .. } => Code::StepFailed,
            Self::Download { reason: Undelivered::OtherSum, .. } => Code::OtherDownload,
            Self::Download { .. } => Code::DownloadFailed,
            Self::Interrupted => Code::Interrupted,
        }
    }

    /// For the reader, of the host that it happened on.
    pub fn diagnostic(&self, host: &str) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.to_string()).coded(self.code()).of_host(host);
        Diagnostic { help: self.advice(), ..diagnostic }
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::Unreachable(_) => {
                "is the machine up, and are ansible_host and ansible_port right? Try the same with `ssh`"
            }
            Self::HungUpOn(_) => {
                "sshd there or on the jump host lets in too few at once (MaxStartups: try --forks 4, or a longer --timeout), is still booting, or keeps this machine out (fail2ban, hosts.deny)"
            }
            Self::NoSuchName(_) => "check ansible_host, /etc/hosts and DNS",
            Self::HostKey(_) => {
                "if the machine was really reinstalled, remove its old key with `ssh-keygen -R HOST`; else somebody may be in between"
            }
            Self::LoginRefused(_) => {
                "check ansible_user and ansible_ssh_private_key_file; the user's authorized_keys must hold that key, and a key with a passphrase must be in an ssh agent (`ssh-add`)"
            }
            Self::NoSsh(_) => "install openssh-client and look at ansible_ssh_common_args",
            Self::NoSudo(_) => {
                "install sudo and let the login user use it, or log in as root (ansible_user: root)"
            }
            Self::SudoWantsTerminal(_) => {
                "take `requiretty` out of sudoers, or add `Defaults:USER !requiretty` for the login user"
            }
            Self::SudoPasswordWanted => {
                "give it with -K or ansible_become_password, or allow NOPASSWD in sudoers"
            }
            Self::SudoPasswordWrong => "check ansible_become_password or what was typed for -K",
            Self::NoShell(_) => {
                "the login must reach a POSIX shell (sh); is the account locked to another program?"
            }
            Self::NoTool(_) => "install util-linux (and a POSIX shell)",
            Self::NotRoot(_) => "sudo has to lead to root, or log in as root",
            Self::NoUserManager(user, _) => {
                return Some(format!(
                    "ask the host's administrator for `sudo loginctl enable-linger {user}`; or let it be root: remove ansible_become: false"
                ));
            }
            Self::Locked(..) => "wait for that run, or use --lock-wait SECONDS",
            Self::Lost(_) => "run the same command again: it goes on from where this host stands",
            Self::Silent(..) => {
                "look on that host at what hangs (`ps axf`, `df`, `dmesg`), or let it be silent for longer with --step-timeout; then run the same command again: it goes on from where this host stands"
            }
            Self::Endless(..) => {
                "look on that host at what is so slow (`ps axf`, `df`, `dmesg`), or give it more time with --step-timeout, of which that is a multiple"
            }
            Self::Odd(_) => {
                "look at that host by hand (`getent passwd USER`, `ls -ld FOLDER`): somebody may have put words into its mouth"
            }
            Self::TooMuch { .. } => {
                "no host of ours says that much: look who answers there in place of our script (`ssh HOST true`, the login's profile), and what is in the node's folder"
            }
            Self::Upload(why) if why.contains("that arrived has sha256") => {
                "did the file change while it was being sent? What arrived was thrown away unused: run again"
            }
            Self::Upload(_) => "is the disk full (`df -h /var/lib`)?",
            Self::Step { output, .. } => return step_advice(output).map(str::to_owned),
            Self::Download { reason, .. } => match reason {
                Undelivered::NotKept => "make room here, or let TMPDIR name another place",
                Undelivered::NotDownloaded => {
                    "try the same here with curl or wget; a file of this machine as `binary` needs no download"
                }
                Undelivered::OtherSum => OTHER_SUM,
            },
            Self::Interrupted => return None,
        };
        Some(advice.to_owned())
    }
}

const OTHER_SUM: &str =
    "it was thrown away unused: is the build behind `binary` the one that `binary_sha256` names?";

/// By the words of the host's programs, ours among them.
fn step_advice(output: &str) -> Option<&'static str> {
    let causes = [
        (
            "the host cannot pull it: ",
            "can the host reach that address? Where it cannot, the file goes through this machine: run again when the other failures are mended",
        ),
        (
            "No space left on device",
            "the disk is full: make room (`df -h`, `journalctl --vacuum-size=100M`) and run again",
        ),
        (
            "Read-only file system",
            "that file system is mounted read-only, by its own error or on purpose (`dmesg`, /etc/fstab): make it writable (`mount -o remount,rw …`) and run again",
        ),
        ("Exec format error", "the binary is of another architecture than the host"),
        (
            "Permission denied",
            "the file system may be mounted noexec, or a folder on the way is closed to the user",
        ),
        ("could not download", "what came could not be written there: is its disk full (`df -h`)?"),
        ("the binary that arrived has sha256", OTHER_SUM),
        ("invalid user", "the user does not exist on the host: create it, or set `user`"),
    ];
    causes.iter().find(|(sign, _)| output.contains(sign)).map(|(_, advice)| *advice)
}

/// What ssh wrote when it could not connect.
pub fn from_ssh_log(log: &str) -> HostError {
    let lines: Vec<&str> = log
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with("Warning: Permanently added"))
        .collect();
    let last = lines.last().copied().unwrap_or("ssh said nothing").to_owned();
    let has = |sign: &str| log.contains(sign);
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED") || has("Host key verification failed") {
        let said = lines
            .iter()
            .find(|l| l.contains("IDENTIFICATION HAS CHANGED") || l.contains("host key is known"));
        return HostError::HostKey(said.map_or(last, |l| l.trim_matches(['@', ' ']).to_owned()));
    }
    if has("Could not resolve hostname") {
        return HostError::NoSuchName(last);
    }
    if has("Permission denied (") || has("Too many authentication failures") {
        return HostError::LoginRefused(last);
    }
    if has("Bad configuration option")
        || has("command-line line")
        || has("unknown option")
        || has("terminating, ")
    {
        return HostError::NoSsh(last);
    }
    if dropped_at_the_door(log) {
        return HostError::HungUpOn(last);
    }
    HostError::Unreachable(last)
}

/// MaxStartups: sshd hangs up before it says who it is; pam_nologin: the host is still booting.
pub fn dropped_at_the_door(log: &str) -> bool {
    ["kex_exchange_identification", "Connection reset by", "System is booting up", "Exceeded MaxStartups"]
        .iter()
        .any(|sign| log.contains(sign))
}

/// What the remote side wrote before a script could say `ready`.
pub fn from_preamble(stderr: &str) -> HostError {
    let last =
        stderr.lines().map(str::trim).rfind(|l| !l.is_empty()).unwrap_or("nothing was said").to_owned();
    let has = |sign: &str| stderr.contains(sign);
    if last.contains("setsid")
        && ["not found", "nknown command", "option"].iter().any(|why| last.contains(why))
    {
        return HostError::NoTool("setsid (of util-linux)".to_owned());
    }
    if has("you must have a tty") {
        HostError::SudoWantsTerminal(last)
    } else if has("a password is required") || has("a terminal is required") || has("no askpass program") {
        HostError::SudoPasswordWanted
    } else if has("Sorry, try again") || has("incorrect password") {
        HostError::SudoPasswordWrong
    } else if has("sudo: not found") || has("sudo: command not found") || has("sudoers") || has("sudo:") {
        HostError::NoSudo(last)
    } else {
        HostError::NoShell(last)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_failed_download_has_advice() {
        let step = |output: &str| HostError::Step { step: "binary".into(), output: output.into() }.advice();
        let here = |reason| {
            HostError::Download { step: "binary".into(), why: "404".into(), reason }.advice().unwrap()
        };
        let full = here(Undelivered::NotKept);
        assert!(full.contains("TMPDIR"), "this machine's disk, not a host's: {full}");
        assert!(here(Undelivered::NotDownloaded).contains("try the same here"));
        assert!(here(Undelivered::OtherSum).contains("binary_sha256"));
        assert!(step("curl: (23) …\ncould not download http://x/y").unwrap().contains("disk full"));
        assert!(step("the binary that arrived has sha256 0, expected 1").unwrap().contains("binary_sha256"));
    }

    /// S10: a changed host key is not a refused login. P9.
    #[test]
    fn ssh_words_are_told_apart() {
        let changed = "@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@\nHost key verification failed.\n";
        assert!(matches!(from_ssh_log(changed), HostError::HostKey(said) if said.contains("HAS CHANGED")));
        let refused = "ubuntu@10.0.0.1: Permission denied (publickey).\n";
        assert!(matches!(from_ssh_log(refused), HostError::LoginRefused(_)));
        let off = "ssh: connect to host 10.0.0.9 port 22: No route to host\n";
        assert!(matches!(from_ssh_log(off), HostError::Unreachable(_)));
        let dropped = "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.0.0.1 port 22\n";
        assert!(matches!(from_ssh_log(dropped), HostError::HungUpOn(_)));
        assert_eq!(from_preamble("sudo: a password is required\n"), HostError::SudoPasswordWanted);
        let tty = "sudo: sorry, you must have a tty to run sudo\n";
        assert!(matches!(from_preamble(tty), HostError::SudoWantsTerminal(_)));
        assert!(matches!(from_preamble("u is not in the sudoers file.\n"), HostError::NoSudo(_)));
        assert!(matches!(from_preamble("sudo: /etc/sudoers is world writable\n"), HostError::NoSudo(_)));
    }

    #[test]
    fn a_host_without_setsid_is_told_what_it_needs() {
        for said in [
            "sh: 1: exec: setsid: not found\n",
            "bash: line 1: setsid: command not found\n",
            "zsh:1: command not found: setsid\n",
            "fish: Unknown command: setsid\n",
            "sudo: setsid: command not found\n",
            "setsid: unrecognized option: w\n",
        ] {
            let error = from_preamble(said);
            assert!(error.to_string().contains("missing there: setsid"), "{said}: {error}");
            assert!(error.advice().unwrap().contains("util-linux"));
        }
    }
}
