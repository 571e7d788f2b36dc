//! A script as it is sent: one compound command, so that a half-received one does nothing.

use std::fmt::Write as _;

use super::quote::word;

const RUNTIME: &str = include_str!("runtime.sh");
const GATHER: &str = include_str!("../facts/gather.sh");

/// Seconds without a heartbeat after which a host gives a vanished controller up.
pub const HEARTBEAT_LIMIT: u32 = 30;

/// Folder of ours on the hosts, for root; a user without sudo would have `~/.local/state/loomctl`.
pub const LIB: &str = "/var/lib/loomctl";
/// Where locks live: gone with a reboot, as locks must be.
pub const RUN: &str = "/run/loomctl";

/// A script for one host: its text, and the nonce that marks the lines that are ours.
#[derive(Debug, Clone)]
pub struct Script {
    pub nonce: String,
    pub body: String,
}

impl Script {
    pub fn new(nonce: &str) -> Self {
        Self { nonce: nonce.to_owned(), body: String::new() }
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
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(RUNTIME.len() + GATHER.len() + self.body.len() + 200);
        let nonce = word(&self.nonce);
        let _ = writeln!(text, "main() {{\nNONCE={nonce} HEARTBEAT={HEARTBEAT_LIMIT} lib={LIB} run={RUN}");
        text.push_str("root_owner=\"$(id -un):$(id -gn)\"\n");
        text.push_str(RUNTIME);
        text.push_str(GATHER);
        text.push_str(&self.body);
        text.push_str("}\nmain\n");
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use super::*;

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
    fn a_script_cut_anywhere_does_nothing() {
        let mut script = Script::new("n0");
        script.line("echo ran; finish 0");
        let text = script.text();
        assert!(feed(&text).contains("ran"));
        let cuts = (0..text.len() - "main\n".len()).step_by(97).chain(text.len() - 12..text.len() - 1);
        for cut in cuts.filter(|cut| text.is_char_boundary(*cut)) {
            // The call without its newline is still the call: only then is the script whole.
            let whole = text[..cut].ends_with("\nmain");
            assert_eq!(feed(&text[..cut]).contains("ran"), whole, "cut at {cut}");
        }
    }
}
