//! Where the passwords of Ansible Vault come from: files, programs that print them, a question.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{refuse, script};
use crate::{
    inventory::Vault,
    types::{diagnostic::Diagnostic, limited},
};

/// Reads all passwords: `ids` as `LABEL@FILE`, `FILE` or `LABEL@prompt`, then `files`. `ask` is told the label.
pub fn passwords(
    ids: &[String],
    files: &[PathBuf],
    ask: impl Fn(&str) -> Result<String, Diagnostic>,
) -> Result<Vault, Vec<Diagnostic>> {
    let mut vault = Vault::default();
    let mut problems = Vec::new();
    let named = ids.iter().map(|id| id.split_once('@').unwrap_or(("default", id)));
    let named = named.map(|(label, source)| (label, PathBuf::from(source)));
    for (label, source) in named.chain(files.iter().map(|file| ("default", file.clone()))) {
        let is_question = matches!(source.to_str(), Some("prompt" | "prompt_ask_vault_pass"));
        let password = if is_question {
            ask(label).map(String::into_bytes)
        } else {
            file(&source, label).map_err(|problem| *problem)
        };
        match password {
            Ok(password) if password.is_empty() => {
                problems.push(Diagnostic::error(format!(
                    "the password of Ansible Vault is empty ({})",
                    source.display()
                )));
            }
            Ok(password) => vault.add(label, password),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(vault) } else { Err(problems) }
}

fn file(path: &Path, label: &str) -> Result<Vec<u8>, Box<Diagnostic>> {
    let fail = |error: &std::io::Error| {
        let message = format!("the password file {} cannot be read: {error}", path.display());
        refuse(message, "check the path and its permissions")
    };
    let meta = fs::metadata(path).map_err(|error| fail(&error))?;
    if meta.is_file() && meta.permissions().mode() & 0o111 != 0 {
        // As in Ansible, a program that ends so is told which password is meant.
        let is_client = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("-client"));
        let arguments: &[&str] = if is_client { &["--vault-id", label] } else { &[] };
        return Ok(script::run(path, arguments)?.text.trim_matches(['\r', '\n']).as_bytes().to_vec());
    }
    Ok(limited::read(path, limited::SMALL).map_err(|error| fail(&error))?.trim_ascii().to_vec())
}
