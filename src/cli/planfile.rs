//! The file of a plan: readable for its owner alone, since it holds configurations, though without their secrets.

use std::{io::Write as _, path::Path};

use super::files;
use crate::{
    plan::saved::Saved,
    types::{diagnostic::Diagnostic, harmless},
};

pub fn write(path: &Path, saved: &Saved) -> Result<(), Diagnostic> {
    files::replace(path, |file| {
        let written = serde_json::to_string_pretty(saved)?;
        writeln!(file, "{}", harmless::json(&written))
    })
}

pub fn read(path: &Path) -> Result<Saved, Diagnostic> {
    let text = files::read(path)?;
    Saved::read(&text).map_err(|e| {
        let message = format!("{}: it is not a plan that this loomctl can read: {e}", path.display());
        Diagnostic::error(message).help("make one with `loomctl plan --out FILE`")
    })
}
