//! How a shell of root's is started by sudo, and what sudo says where it is not: its own words, since it has nothing else.
//!
//! With a password the order is: the password; then nothing, until the wrapper that sudo starts says that it runs; then the
//! mark and the script. What follows a password is the next password for a sudo that has refused the first one, and some
//! sudoers (sudo-rs up to 0.2.5) read on beyond its line.

use zeroize::Zeroizing;

use crate::{
    script::quote::word,
    types::login::{Login, Secret},
};

/// Who logs in, without a process more.
pub const OWN_UID: &str = r#"while read -r k u r; do [ "$k" != Uid: ] || break; done </proc/self/status"#;

/// What is recognised by its words is asked to say them in English, the login's shell as well as sudo and PAM.
const IN_ENGLISH: &str = "LC_ALL=C; export LC_ALL";

/// The script's shell: in a session of its own, whose leader it is. It has no terminal that it could type into (with
/// `ansible_connection: local` that would be the operator's), and what it starts can be told from all else there.
pub const SHELL: &str = "setsid -w sh -s";

/// The line before the script. It stands in the arguments of processes, which every user of the machine can read, so it is
/// a fixed word: the nonce comes with the script alone.
pub const MARK: &str = "loomctl-script-follows";

/// What the wrapper says once it runs: until then nothing follows the password.
const RUNS: &str = "loomctl-wrapper-runs";

/// What sudo asks with: where it asks twice, it has refused the password, whatever it says to that (`insults`,
/// `badpass_message`). PAM modules may ask in words of their own.
const PROMPT: &str = "loomctl-gives-sudo-a-password: ";

/// What stands before the number of sudo's process.
const PROCESS: &str = "loomctl-sudo-is ";

/// How a shell is started: the words of a command, and the password where sudo may ask for one.
pub struct Opening {
    pub words: Vec<String>,
    /// A line.
    pub password: Option<Zeroizing<Vec<u8>>>,
}

/// The words that start `sh` as whoever logs in.
pub fn opening_as_login() -> Opening {
    Opening { words: start(format!("{IN_ENGLISH}; exec {SHELL}")), password: None }
}

fn start(text: String) -> Vec<String> {
    ["sh".to_owned(), "-c".to_owned(), text].to_vec()
}

/// The words that start `sh` as root there.
///
/// A password line can never become input of the script: the wrapper reads up to the mark, whether sudo took the password
/// or (NOPASSWD, a fresh timestamp) left it to us.
pub fn opening(login: &Login) -> Opening {
    if !login.sudo {
        return opening_as_login();
    }
    let root = format!("{IN_ENGLISH}; {OWN_UID}; [ \"$u\" != 0 ]");
    match &login.sudo_password {
        None => {
            // What sudo starts is `sh`: sudoers may name it.
            let run = word(&format!("exec {SHELL}"));
            let words = start(format!("{root} || exec {SHELL}; exec sudo -n sh -c {run}"));
            Opening { words, password: None }
        }
        Some(password) => {
            let (eat, prompt) = (eat(), word(PROMPT));
            // The first line ends what a login has said without a newline.
            let process = format!("echo; echo \"{PROCESS}$$\"");
            let sudo = format!("exec sudo -S -p {prompt} sh -c {}", word(&eat));
            let words = start(format!("{root} || {{ {eat}; }}; {process}; {sudo}"));
            Opening { words, password: Some(line(password)) }
        }
    }
}

/// The wrapper: it says that it runs, and reads one line or two, of which the last is the mark.
fn eat() -> String {
    let mark = word(MARK);
    let line = format!("IFS= read -r l; [ \"$l\" = {mark} ]");
    let refuse = "{ echo \"sudo asks for more than a password\" >&2; exit 1; }";
    format!("echo; echo {RUNS}; {line} || {{ {line}; }} || {refuse}; exec {SHELL}")
}

/// Made in one piece, so that no half of it stays behind in memory.
fn line(password: &Secret) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(password.reveal().len() + 1));
    line.extend_from_slice(password.reveal().as_bytes());
    line.push(b'\n');
    line
}

/// A line of stdout before the script.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The process that asks for the password.
    Asks(u32),
    Runs,
    Other,
}

pub fn heard(line: &str) -> Heard {
    match line.strip_prefix(PROCESS).map(str::parse) {
        Some(Ok(pid)) => Heard::Asks(pid),
        _ if line == RUNS => Heard::Runs,
        _ => Heard::Other,
    }
}

/// The words that end a sudo which asks once more. Its end by an empty answer would count as another attempt (pam_faillock),
/// as would any signal that it can answer. It may be killed by who has started it: until it has let him in, its real user
/// is his.
pub fn kill(pid: u32) -> Vec<String> {
    ["sh", "-c", &format!("kill -KILL {pid}")].map(str::to_owned).to_vec()
}

/// Whether it has refused what it was given, as far as it has said.
pub fn has_refused(stderr: &str) -> bool {
    const REFUSED: [&str; 2] = ["Sorry, try again", "Authentication failed, try again"];
    stderr.matches(PROMPT.trim_end()).nth(1).is_some() || REFUSED.iter().any(|sign| stderr.contains(sign))
}

/// Without what we have told it to ask.
pub fn without_prompts(stderr: &str) -> String {
    stderr.replace(PROMPT, "").replace(PROMPT.trim_end(), "")
}

/// What sudo or sudo-rs has said in place of starting anything.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    Terminal,
    PasswordWanted,
    PasswordWrong,
    Other,
}

/// `None`: nothing that sudo says. `password`: it was given one.
pub fn refusal(stderr: &str, password: bool) -> Option<Refusal> {
    let has = |signs: &[&str]| signs.iter().any(|sign| stderr.contains(sign));
    if has(&["you must have a tty"]) {
        return Some(Refusal::Terminal);
    }
    if has_refused(stderr) || has(&["incorrect password", "incorrect authentication attempt"]) {
        return Some(Refusal::PasswordWrong);
    }
    if has(&[
        "a password is required",
        "a terminal is required",
        "no askpass program",
        "interactive authentication is required",
        "A terminal is required to authenticate",
        "Authentication required but not attempted",
        "Interaction is required",
    ]) {
        return Some(Refusal::PasswordWanted);
    }
    // sudo-rs passes on what a stack of modules makes of a wrong password, and (0.2.5) of none at all.
    if has(&["PAM error: Permission denied", "PAM error: Authentication"]) {
        return Some(if password { Refusal::PasswordWrong } else { Refusal::PasswordWanted });
    }
    let shell = ["sudo: not found", "sudo: command not found", "ommand: sudo", "command not found: sudo"];
    let own = stderr.lines().any(|line| line.starts_with("sudo: ") || line.starts_with("sudo-rs: "));
    let is_sudo =
        own || has(&shell) || has(&["sudoers", "sudo:", "is not allowed to execute", "may not run"]);
    is_sudo.then_some(Refusal::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sudo_is_understood() {
        let of = |text: &str| refusal(text, false);
        for wanted in [
            "sudo: a password is required\n",
            "sudo-rs: interactive authentication is required\n",
            "sudo: interactive authentication is required\n",
        ] {
            assert_eq!(of(wanted), Some(Refusal::PasswordWanted), "{wanted}");
        }
        let asked = PROMPT.trim_end();
        for wrong in [
            "Sorry, try again.\n".to_owned(),
            "sudo: 1 incorrect password attempt\n".to_owned(),
            "sudo-rs: Authentication failed, try again.\n".to_owned(),
            "sudo: maximum 3 incorrect authentication attempts\n".to_owned(),
            "sudo-rs: Maximum 3 incorrect authentication attempts\n".to_owned(),
            // `insults` of an administrator, and how sudo-rs shows what it was told to ask.
            format!("{PROMPT}Nein!\n{PROMPT}"),
            format!("[sudo: {asked}] Password: \n[sudo: {asked}] Password: "),
        ] {
            assert_eq!(of(&wrong), Some(Refusal::PasswordWrong), "{wrong}");
        }
        for by_pam in
            ["Permission denied", "Authentication failure", "Authentication token manipulation error"]
        {
            let said = format!("sudo-rs: PAM error: {by_pam}\n");
            assert_eq!(of(&said), Some(Refusal::PasswordWanted));
            assert_eq!(refusal(&said, true), Some(Refusal::PasswordWrong));
        }
        // A password that has expired is no wrong one.
        let expired = "sudo-rs: Account or password is expired, reset your password and try again\n";
        assert_eq!(of(expired), Some(Refusal::Other));
        assert_eq!(of(&format!("{PROMPT}\n")), None, "asked once");
        for other in [
            "u is not in the sudoers file.\n",
            "Sorry, user u may not run sudo on h.\n",
            "sudo-rs: I'm sorry u. I'm afraid I can't do that\n",
            "sh: 1: exec: sudo: not found\n",
            "fish: Unknown command: sudo\n",
        ] {
            assert_eq!(of(other), Some(Refusal::Other), "{other}");
        }
        assert_eq!(of("Password change required but no TTY available.\n"), None);
    }

    #[test]
    fn only_whole_lines_are_the_wrappers() {
        assert_eq!(heard("loomctl-sudo-is 4711"), Heard::Asks(4711));
        assert_eq!(heard("loomctl-wrapper-runs"), Heard::Runs);
        for other in
            ["", "loomctl-sudo-is 1; reboot", "Welcome! loomctl-wrapper-runs", "loomctl-wrapper-runs "]
        {
            assert_eq!(heard(other), Heard::Other, "{other}");
        }
    }
}
