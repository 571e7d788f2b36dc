//! Which error it is, by what ssh, a login or sudo has printed: foreign programs have nothing but their words.

use std::time::Duration;

use super::{
    error::HostError,
    sudo::{self, Refusal},
};

/// So many lines of one program are kept for a message, each of so many characters.
const MOST_LINES: usize = 6;
const LONGEST_LINE: usize = 300;

/// What an ssh that has not connected has left: its log, and what came on stderr (the server's banner, a jump host's ssh).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub log: String,
    pub stderr: String,
}

impl Outcome {
    fn has(&self, sign: &str) -> bool {
        self.log.contains(sign) || self.stderr.contains(sign)
    }

    /// The last lines of the log, where the cause is, and the first ones of the rest.
    fn lines(&self) -> Vec<String> {
        let log: Vec<String> = plain(&self.log).collect();
        let mut lines = log[log.len().saturating_sub(MOST_LINES)..].to_vec();
        // Without a log (a configuration that ssh does not read) it is all on stderr.
        for line in plain(&self.stderr).take(MOST_LINES) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    /// MaxStartups: sshd hangs up before it says who it is; pam_nologin: the host is still booting.
    pub fn may_pass(&self) -> bool {
        let signs = ["kex_exchange_identification", "Connection reset by", BOOTING, "Exceeded MaxStartups"];
        signs.iter().any(|sign| self.has(sign))
    }

    /// sshd has ended it before the right key was tried: an agent's keys come first.
    pub fn ran_out_of_tries(&self) -> bool {
        self.has("Too many authentication failures")
    }
}

/// By systemd-user-sessions, for pam_nologin.
const BOOTING: &str = "System is booting up";
const GOING_DOWN: &str = "System is going down";

/// Lines that say something, without what ssh says of every connection and the frames around its warnings.
fn plain(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| line.trim().trim_matches('@').trim()).filter(|line| says_something(line)).map(cut)
}

fn says_something(line: &str) -> bool {
    const OF_EVERY_CONNECTION: [&str; 5] =
        ["Warning: Permanently added", "** ", "debug1: ", "debug2: ", "debug3: "];
    line.contains(char::is_alphanumeric) && !OF_EVERY_CONNECTION.iter().any(|begin| line.starts_with(begin))
}

fn cut(line: &str) -> String {
    line.trim_end_matches('.').chars().take(LONGEST_LINE).collect()
}

/// In the order in which it was said.
fn joined(lines: &[String], nothing: &str) -> String {
    if lines.is_empty() { nothing.to_owned() } else { lines.join("; ") }
}

/// Why ssh has not connected.
pub fn of_ssh(outcome: &Outcome) -> HostError {
    let lines = outcome.lines();
    let all = joined(&lines, "ssh said nothing");
    let has = |sign: &str| outcome.has(sign);
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED") || has("Host key verification failed") {
        let sign = |line: &&String| {
            line.contains("IDENTIFICATION HAS CHANGED") || line.contains("host key is known")
        };
        let whole: Vec<String> = plain(&outcome.log).chain(plain(&outcome.stderr)).collect();
        let said = whole.iter().find(sign).or(lines.last()).cloned();
        return HostError::HostKey(said.unwrap_or(all));
    }
    if has("Could not resolve hostname") {
        return HostError::NoSuchName(all);
    }
    if has_expired(&all) {
        return HostError::Expired(all);
    }
    if has("Permission denied (") || outcome.ran_out_of_tries() {
        return HostError::LoginRefused(all);
    }
    let of_options = ["Bad configuration option", "command-line line", "unknown option", "terminating, "];
    if of_options.iter().any(|sign| has(sign)) {
        return HostError::NoSsh(all);
    }
    if outcome.may_pass() || has(GOING_DOWN) {
        return HostError::HungUpOn(all);
    }
    HostError::Unreachable(all)
}

/// Its own configuration, which it has not understood.
pub fn of_configuration(stderr: &str) -> HostError {
    HostError::NoSsh(joined(&plain(stderr).take(MOST_LINES).collect::<Vec<_>>(), "ssh said nothing"))
}

/// ssh has not come to an end.
pub fn no_connection(limit: Duration, outcome: &Outcome) -> HostError {
    let (lines, secs) = (outcome.lines(), limit.as_secs());
    let said = if lines.is_empty() { String::new() } else { format!(": {}", joined(&lines, "")) };
    HostError::Unreachable(format!("no connection within {secs} s{said}"))
}

/// An account or its password, as PAM, sshd and sudo say it.
fn has_expired(text: &str) -> bool {
    const SIGNS: [&str; 5] = [
        "Password change required",
        "account has expired",
        "password has expired",
        "required to change your password",
        "password is expired",
    ];
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// Why no script of ours runs: what came on stderr before one could say `ready`, and what the login has greeted with.
/// `password`: sudo was given one.
pub fn of_login(stderr: &str, greeting: &[String], password: bool) -> HostError {
    let own = sudo::without_prompts(stderr);
    let lines: Vec<String> = plain(&own).collect();
    let last = lines.last().cloned().unwrap_or_default();
    if last.contains("setsid")
        && ["not found", "nknown command", "option"].iter().any(|why| last.contains(why))
    {
        return HostError::NoTool("setsid (of util-linux)".to_owned());
    }
    let all: Vec<String> = greeting.iter().flat_map(|line| plain(line)).take(MOST_LINES).collect();
    let all = [&lines[lines.len().saturating_sub(MOST_LINES)..], &all].concat();
    if has_expired(&joined(&all, "")) {
        return HostError::Expired(joined(&all, ""));
    }
    match sudo::refusal(stderr, password) {
        Some(Refusal::Terminal) => HostError::SudoWantsTerminal(last),
        Some(Refusal::PasswordWanted) => HostError::SudoPasswordWanted,
        Some(Refusal::PasswordWrong) => HostError::SudoPasswordWrong,
        Some(Refusal::Other) => HostError::NoSudo(last),
        None => HostError::NoShell(joined(&all, "nothing was said")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of_log(log: &str) -> HostError {
        of_ssh(&Outcome { log: log.to_owned(), stderr: String::new() })
    }

    fn of_stderr(text: &str) -> HostError {
        of_login(text, &[], false)
    }

    /// S10: a changed host key is not a refused login. P9.
    #[test]
    fn ssh_words_are_told_apart() {
        let changed = "@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@\nIT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n1\n2\n3\n4\n5\nHost key verification failed.\n";
        assert!(matches!(of_log(changed), HostError::HostKey(said) if said.contains("HAS CHANGED")));
        let refused = "ubuntu@10.0.0.1: Permission denied (publickey).\n";
        assert!(matches!(of_log(refused), HostError::LoginRefused(_)));
        let off = "ssh: connect to host 10.0.0.9 port 22: No route to host\n";
        assert!(matches!(of_log(off), HostError::Unreachable(_)));
        let dropped = "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.0.0.1 port 22\n";
        assert!(matches!(of_log(dropped), HostError::HungUpOn(_)));
        assert_eq!(of_stderr("sudo: a password is required\n"), HostError::SudoPasswordWanted);
        let tty = "sudo: sorry, you must have a tty to run sudo\n";
        assert!(matches!(of_stderr(tty), HostError::SudoWantsTerminal(_)));
        assert!(matches!(of_stderr("u is not in the sudoers file.\n"), HostError::NoSudo(_)));
        assert!(matches!(of_stderr("sudo: /etc/sudoers is world writable\n"), HostError::NoSudo(_)));
    }

    #[test]
    fn the_cause_before_ssh_s_last_line_is_kept() {
        let open = "@@@@@@@@@@@\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\n@@@@@@@@@@@\n\
                    Permissions 0644 for '/k' are too open.\nIt is required that your private key files are NOT accessible by others.\n\
                    This private key will be ignored.\nLoad key \"/k\": bad permissions\nu@h: Permission denied (publickey).\n";
        let causes = [
            (open, "Permissions 0644 for '/k' are too open"),
            (
                "Warning: Identity file /k not accessible: No such file or directory.\nu@h: Permission denied (publickey).\n",
                "/k not accessible",
            ),
            (
                "Load key \"/k\": error in libcrypto\nu@h: Permission denied (publickey).\n",
                "error in libcrypto",
            ),
            (
                "Received disconnect from h port 22:2: Too many authentication failures\nDisconnected from h port 22\n",
                "Too many authentication failures",
            ),
        ];
        for (log, cause) in causes {
            let said = of_log(log);
            assert!(matches!(&said, HostError::LoginRefused(said) if said.contains(cause)), "{said:?}");
        }
        let config = "/root/.ssh/config: line 2: Bad configuration option: usekeychain\n/root/.ssh/config: terminating, 1 bad configuration options\n";
        let error = of_ssh(&Outcome { log: String::new(), stderr: config.to_owned() });
        assert!(
            matches!(&error, HostError::NoSsh(said) if said.contains("line 2: Bad configuration option: usekeychain"))
        );
        assert!(error.advice().unwrap().contains("IgnoreUnknown"), "{error:?}");
        let option = Outcome {
            log: String::new(),
            stderr: "command-line line 0: Bad configuration option: x\n".to_owned(),
        };
        assert!(of_ssh(&option).advice().unwrap().contains("ansible_ssh_common_args"));
    }

    /// P4
    #[test]
    fn a_banner_tells_why_and_has_an_end() {
        let with = |banner: &str| Outcome {
            log: "Connection closed by 10.0.0.1 port 22\n".to_owned(),
            stderr: banner.to_owned(),
        };
        let booting = with("\"System is booting up. Unprivileged users are not permitted to log in yet.\"\n");
        assert!(booting.may_pass());
        assert!(matches!(of_ssh(&booting), HostError::HungUpOn(said) if said.contains("booting up")));
        let down = with("System is going down. Unprivileged users are not permitted to log in anymore.\n");
        assert!(!down.may_pass());
        assert!(matches!(of_ssh(&down), HostError::HungUpOn(said) if said.contains("going down")));
        let expired = with("Your account has expired; please contact your system administrator.\n");
        assert!(of_ssh(&expired).advice().unwrap().contains("chage"));
        let endless = with(&"a legal notice of many words, again and again\n-- \n".repeat(1000));
        assert!(of_ssh(&endless).to_string().len() < 500);
        let wide = with(&"x".repeat(1 << 20));
        assert!(of_ssh(&wide).to_string().len() < 500);
    }

    #[test]
    fn what_a_login_greets_with_is_said_where_no_script_runs() {
        let greeting = ["Please login as the user \"ubuntu\" rather than the user \"root\".".to_owned()];
        let said = of_login("", &greeting, false);
        assert!(matches!(&said, HostError::NoShell(said) if said.contains("login as the user \"ubuntu\"")));
        assert!(said.advice().unwrap().contains("ansible_user"), "{said:?}");
        assert!(matches!(of_login("", &[], false), HostError::NoShell(said) if said == "nothing was said"));
        let noise = ["ready gathered done".to_owned()];
        assert_eq!(of_login("sudo: a password is required\n", &noise, false), HostError::SudoPasswordWanted);
        let change = of_login("Password change required but no TTY available.\n", &[], false);
        assert!(matches!(change, HostError::Expired(_)) && change.advice().unwrap().contains("chage"));
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
            let error = of_stderr(said);
            assert!(error.to_string().contains("missing there: setsid"), "{said}: {error}");
            assert!(error.advice().unwrap().contains("util-linux"));
        }
    }
}
