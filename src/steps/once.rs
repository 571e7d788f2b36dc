//! A program of the chain that runs once, as the unit that runs it: in the sandbox of the node's own.

use crate::{chain::unit, types::ids::RemotePath};

/// The program and its arguments, where its output goes, and whether that may be a secret.
pub struct Once<'a> {
    pub argv: Vec<String>,
    pub out: Option<&'a str>,
    pub secret: bool,
}

impl Once<'_> {
    /// The unit's text; empty where there can be none, and then nothing runs. What the program says is written by itself, into
    /// its own folder: it may say more than anybody wants to keep. `home`: its `$HOME`.
    pub fn unit_text(self, sandbox: &str, folder: &RemotePath, home: &RemotePath) -> String {
        let (out, err) = match (self.out, self.secret) {
            (Some(out), true) => (out, "/dev/null"),
            (Some(out), false) => (out, ".loomctl-err"),
            (None, true) => ("/dev/null", "/dev/null"),
            (None, false) => (".loomctl-out", ".loomctl-err"),
        };
        let shell = ["/bin/sh", "-c", r#"out=$0 err=$1; shift; exec "$@" >"$out" 2>"$err""#, out, err];
        let argv: Vec<String> = shell.into_iter().map(str::to_owned).chain(self.argv).collect();
        if sandbox.is_empty() {
            return String::new();
        }
        unit::once(sandbox, folder, home, &argv).unwrap_or_default()
    }
}
