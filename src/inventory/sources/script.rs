//! Inventory scripts: programs of the user that print groups and hosts as JSON.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::refuse;
use crate::{
    inventory::Source,
    types::{diagnostic::Diagnostic, limited},
};

/// A script, and what it has printed for `--list`.
pub(in crate::inventory) struct Script {
    path: PathBuf,
    pub listed: Source,
}

impl Script {
    pub fn list(path: &Path) -> Result<Self, Box<Diagnostic>> {
        Ok(Self { path: path.to_owned(), listed: run(path, &["--list"])? })
    }

    /// What it has to say of one host, where its list says nothing of hosts' variables.
    pub fn host(&self, name: &str) -> Result<Source, Box<Diagnostic>> {
        run(&self.path, &["--host", name])
    }
}

pub(super) fn run(path: &Path, arguments: &[&str]) -> Result<Source, Box<Diagnostic>> {
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
    let ran = limited::output(command.args(arguments), limited::TEXT, limited::PROGRAM);
    let ran = ran.map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge | ErrorKind::TimedOut => fail(error.to_string(), ""),
        _ => fail(format!("cannot be started: {error}"), ""),
    })?;
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    if !ran.status.success() {
        return Err(fail(format!("failed ({})", ran.status), &said));
    }
    let text = String::from_utf8(ran.stdout)
        .map_err(|_| fail("has printed something that is not UTF-8".to_owned(), &said))?;
    Ok(Source { name, path: Some(Arc::from(absolute)), text, inside: false, secret: false })
}
