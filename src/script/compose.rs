//! A script as it is sent: one compound command, so that a half-received one does nothing.

use std::fmt::Write as _;

use super::quote::word;
use crate::types::scope::Scope;

const CORE: &str = include_str!("core.sh");
const HAND: &str = include_str!("hand.sh");
const RUNTIME: &str = include_str!("runtime.sh");
const GATHER: &str = concat!(include_str!("../facts/gather.sh"), include_str!("../facts/removed.sh"));

/// Seconds without a heartbeat after which a host gives a vanished controller up.
pub const HEARTBEAT_LIMIT: u32 = 30;

/// Functions beside those that every script has, by who knows them: root's script, the hand, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Root(&'static str),
    Hand(&'static str),
    Both(&'static str),
}

/// A script for one host: its text, and the nonce that marks the lines that are ours.
#[derive(Debug, Clone)]
pub struct Script {
    pub nonce: String,
    pub body: String,
    parts: Vec<Part>,
}

impl Script {
    pub fn new(nonce: &str) -> Self {
        Self { nonce: nonce.to_owned(), body: String::new(), parts: Vec::new() }
    }

    /// What the body calls; each is sent once, however often it is needed.
    pub fn needs(&mut self, parts: &[Part]) -> &mut Self {
        for part in parts {
            if !self.parts.contains(part) {
                self.parts.push(*part);
            }
        }
        self
    }

    /// One more line of shell; the values in it are quoted by the caller.
    pub fn line(&mut self, line: impl AsRef<str>) -> &mut Self {
        self.body.push_str(line.as_ref());
        self.body.push('\n');
        self
    }

    /// `NAME='value'`.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.line(format!("{name}={}", word(value)))
    }

    /// The whole text. Nothing runs before the last line has arrived: it is the call.
    pub fn text(&self, scope: &Scope) -> String {
        let (mut root, mut hand, mut core) = (String::new(), String::new(), CORE.to_owned());
        for part in &self.parts {
            match part {
                Part::Root(part) => root.push_str(part),
                Part::Hand(part) => hand.push_str(part),
                Part::Both(part) => core.push_str(part),
            }
        }
        // Its last line is the call.
        hand.push_str(HAND);
        let parts = core.len() + hand.len() + root.len() + RUNTIME.len() + GATHER.len();
        let mut text = String::with_capacity(parts + self.body.len() + 2000);
        let nonce = word(&self.nonce);
        let _ = writeln!(text, "main() {{\nNONCE={nonce} HEARTBEAT={HEARTBEAT_LIMIT}");
        text.push_str(&of_scope(scope));
        let _ = writeln!(text, "core={}\nhand={}\neval \"$core\"", word(&core), word(&hand));
        text.push_str(RUNTIME);
        text.push_str(GATHER);
        text.push_str(&root);
        text.push_str(&self.body);
        text.push_str("}\nmain\n");
        text
    }
}

/// Where everything of ours is, and who is asked about units: the rest of a script does not know the difference.
fn of_scope(scope: &Scope) -> String {
    let (lib, run, base) = (word(&scope.lib()), word(&scope.run()), word(scope.base()));
    let (units, transient) = (word(&scope.units()), word(&scope.transient_units()));
    let (owner, journal) = (word(&scope.owner()), scope.journal_option());
    let mut text = format!(
        "lib={lib} run={run} base={base} units={units} transient={transient} root_owner={owner} journal_unit={journal}\n"
    );
    if let Some(user) = scope.login_user() {
        // Without a bus of the user's own systemctl finds its manager by this alone.
        let _ = writeln!(text, "export XDG_RUNTIME_DIR={}", user.runtime());
        text.push_str("systemctl() { command systemctl --user \"$@\"; }\n");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::types::{
        ids::{RemotePath, UserName},
        scope::LoginUser,
    };

    fn feed(text: &str) -> String {
        let mut shell = Command::new("sh")
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _ = shell.stdin.take().unwrap().write_all(text.as_bytes());
        String::from_utf8(shell.wait_with_output().unwrap().stdout).unwrap()
    }

    #[test]
    fn a_users_script_has_its_own_places_and_its_own_systemd() {
        let user = LoginUser {
            uid: 4711,
            name: UserName::new("me").unwrap(),
            group: "me".into(),
            home: RemotePath::new("/home/it's me").unwrap(),
        };
        let mut script = Script::new("n0");
        script.line("command() { shift; echo \"asked $*\"; }; echo \"$lib|$run|$base|$XDG_RUNTIME_DIR\"; systemctl start x");
        let said = feed(&script.text(&Scope::User(user)));
        let places =
            "/home/it's me/.local/state/loomctl|/run/user/4711/loomctl|/home/it's me|/run/user/4711\n";
        assert!(said.ends_with(&format!("{places}asked --user start x\n")), "{said}");
        script.body.clear();
        script.line("echo \"$lib|$run\"; command -v systemctl | grep -c /");
        assert!(feed(&script.text(&Scope::System)).contains("/var/lib/loomctl|/run/loomctl\n1"));
    }

    /// S7
    #[test]
    fn a_script_cut_anywhere_does_nothing() {
        let mut script = Script::new("n0");
        script.line("echo ran; finish 0");
        let text = script.text(&Scope::System);
        assert!(feed(&text).contains("ran"));
        let cuts = (0..text.len() - "main\n".len()).step_by(97).chain(text.len() - 12..text.len() - 1);
        for cut in cuts.filter(|cut| text.is_char_boundary(*cut)) {
            // The call without its newline is still the call: only then is the script whole.
            let whole = text[..cut].ends_with("\nmain");
            assert_eq!(feed(&text[..cut]).contains("ran"), whole, "cut at {cut}");
        }
    }
}
