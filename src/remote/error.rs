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
    #[error("the account or its password has expired: {0}")]
    Expired(String),
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
    /// By what looks like this very run: it has the lock already, by another address of the machine (`MachineFacts::identity`).
    #[error("{lock} is locked by another run: {holder}")]
    Twice { lock: String, holder: String, identity: Box<[String; 3]> },
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
    /// Of `loomctl exec`, as are the next two.
    #[error("the command ended with exit status {0}")]
    Exited(i32),
    #[error("the command was ended after {secs} s (--timeout)", secs = .0.as_secs())]
    Overdue(Duration),
    #[error("the connection was lost while the command ran")]
    CutOff,
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
            Self::Expired(_) => Code::AccountExpired,
            Self::NoSsh(_) => Code::NoSsh,
            Self::NoSudo(_) => Code::NoSudo,
            Self::SudoWantsTerminal(_) => Code::SudoTerminal,
            Self::SudoPasswordWanted => Code::SudoPasswordWanted,
            Self::SudoPasswordWrong => Code::SudoPasswordWrong,
            Self::NoShell(_) => Code::NoShell,
            Self::NoTool(_) => Code::ProgramsMissing,
            Self::NotRoot(_) => Code::NotRoot,
            Self::NoUserManager(..) => Code::NoUserManager,
            Self::Locked(..) | Self::Twice { .. } => Code::Locked,
            Self::Lost(_) | Self::CutOff => Code::Lost,
            Self::Silent(..) => Code::Silent,
            Self::Endless(..) => Code::Endless,
            Self::Odd(_) => Code::Implausible,
            Self::TooMuch { .. } => Code::TooMuch,
            Self::Upload(_) => Code::UploadFailed,
            Self::Step { .. } => Code::StepFailed,
            Self::Download { reason: Undelivered::OtherSum, .. } => Code::OtherDownload,
            Self::Download { .. } => Code::DownloadFailed,
            Self::Interrupted => Code::Interrupted,
            Self::Exited(_) => Code::CommandFailed,
            Self::Overdue(_) => Code::CommandOverdue,
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
            Self::HungUpOn(why) if why.contains("System is booting up") => {
                "it was waited for (--timeout): run again when it is up, or give it longer; `systemctl list-jobs` there says what it waits for"
            }
            Self::HungUpOn(why) if why.contains("System is going down") => {
                "it is being shut down or rebooted: run again when it is up"
            }
            Self::HungUpOn(_) => {
                "sshd there or on the jump host lets in too few at once (MaxStartups: try --forks 4, or a longer --timeout), is still booting, or keeps this machine out (fail2ban, hosts.deny)"
            }
            Self::NoSuchName(_) => "check ansible_host, /etc/hosts and DNS",
            Self::HostKey(_) => {
                "if the machine was really reinstalled, remove its old key with `ssh-keygen -R HOST`; else somebody may be in between"
            }
            Self::LoginRefused(why) => return Some(login_advice(why).to_owned()),
            Self::Expired(_) => {
                "renew it there as root: `chage -l USER` shows the dates, `chage -E -1 USER` takes the account's away, `passwd USER` renews \
                 the password"
            }
            Self::NoSsh(why) if why.contains("command-line") => {
                "ssh does not know that option: look at ansible_ssh_common_args and ansible_ssh_extra_args"
            }
            Self::NoSsh(why) if why.contains("configuration option") => {
                "ssh does not read that file (of you: ~/.ssh/config): take the line out, or put `IgnoreUnknown OPTION` before it"
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
            Self::SudoPasswordWrong => {
                "check ansible_become_password or what was typed for -K; an account that wrong ones have locked refuses the right one, too \
                 (`faillock --user USER`)"
            }
            Self::NoShell(why)
                if why.to_lowercase().contains("login as") || why.to_lowercase().contains("log in as") =>
            {
                "set ansible_user to the account that the host names"
            }
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
            Self::Locked(..) | Self::Twice { .. } => "wait for that run, or use --lock-wait SECONDS",
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
            Self::Exited(127) => {
                "install the program, or name it by its path; no shell reads the command: a builtin, a pipe or a variable needs `-- sh -c '…'`"
            }
            Self::Overdue(_) => "give it more time with --timeout, or none without",
            Self::CutOff => {
                "a host ends the command 30 s after it has lost the connection: look at what was done there before you run it again"
            }
            Self::Interrupted | Self::Exited(_) => return None,
        };
        Some(advice.to_owned())
    }
}

/// By the words of ssh.
fn login_advice(why: &str) -> &'static str {
    let causes = [
        ("are too open", "close the key file to others: `chmod 600 FILE`"),
        ("not accessible", "check ansible_ssh_private_key_file: there is no such file here"),
        (
            "Load key",
            "ssh cannot read the key file: is it the private key (not FILE.pub), whole, and with line ends of Unix (`sed -i 's/\\r$//' FILE`)?",
        ),
        (
            "Too many authentication failures",
            "sshd has refused the agent's keys before the right one was tried: name the key in ansible_ssh_private_key_file, or put \
             `-o IdentitiesOnly=yes` into ansible_ssh_common_args",
        ),
    ];
    causes.iter().find(|(sign, _)| why.contains(sign)).map_or(
        "check ansible_user and ansible_ssh_private_key_file; the user's authorized_keys must hold that key, and a key with a passphrase \
         must be in an ssh agent (`ssh-add`)",
        |(_, advice)| advice,
    )
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
}
