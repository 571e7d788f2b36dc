//! A program of the chain that runs once, as the unit that runs it: in the sandbox of the node's own.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{chain::unit, script::compose::Part, types::ids::RemotePath};

pub const ROOT: Part = Part::Root(include_str!("once.sh"));
pub const HAND: Part = Part::Hand(include_str!("once.hand.sh"));

/// Files for the staging folder that it works in, `BASE64|PATH` a line.
pub fn staged(files: &[(String, String)]) -> String {
    let line = |(path, content): &(String, String)| [&STANDARD.encode(content), "|", path, "\n"].concat();
    files.iter().map(line).collect()
}

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
