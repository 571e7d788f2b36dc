//! Inventory scripts: programs of the user that print groups and hosts as JSON.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::{MAX_BYTES, refuse};
use crate::inventory::Source;
use crate::problem::Problem;

/// A script, and what it has printed for `--list`.
pub(in crate::inventory) struct Script {
    path: PathBuf,
    pub listed: Source,
}

impl Script {
    pub fn list(path: &Path) -> Result<Self, Box<Problem>> {
        Ok(Self { path: path.to_owned(), listed: run(path, &["--list"])? })
    }

    /// What it has to say of one host, where its list says nothing of hosts' variables.
    pub fn host(&self, name: &str) -> Result<Source, Box<Problem>> {
        run(&self.path, &["--host", name])
    }
}

pub(super) fn run(path: &Path, arguments: &[&str]) -> Result<Source, Box<Problem>> {
    let name = format!("{} {}", path.display(), arguments.join(" ")).trim_end().to_owned();
    let fail = |why: String, said: &str| {
        let help = match said.trim() {
            "" => "run it by hand: it must end with status 0".to_owned(),
            said => format!("it said: {}", said.chars().take(1000).collect::<String>()),
        };
        refuse(format!("the program `{name}` {why}"), &help)
    };
    let absolute = std::path::absolute(path).map_err(|error| fail(format!("has no path: {error}"), ""))?;
    let mut command = Command::new(&absolute);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| fail(format!("cannot be started: {error}"), ""))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Both at once: a script that fills one pipe while the other is read would never end.
    let (printed, said) = std::thread::scope(|scope| {
        let said = scope.spawn(|| whole(stderr));
        (whole(stdout), said.join().unwrap_or_default())
    });
    let said = String::from_utf8_lossy(&said).into_owned();
    if printed.len() as u64 > MAX_BYTES {
        let _ = child.kill();
        let _ = child.wait();
        return Err(fail(format!("has printed more than {MAX_BYTES} bytes"), ""));
    }
    let status = child.wait().map_err(|error| fail(format!("was lost: {error}"), &said))?;
    if !status.success() {
        return Err(fail(format!("failed ({status})"), &said));
    }
    let text = String::from_utf8(printed)
        .map_err(|_| fail("has printed something that is not UTF-8".to_owned(), &said))?;
    Ok(Source { name, path: Some(Arc::from(absolute)), text, inside: false, secret: false })
}

/// All that comes, up to one byte more than is allowed.
fn whole(from: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let _ = from.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    }
    bytes
}
