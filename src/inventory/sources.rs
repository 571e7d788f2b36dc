//! Files to texts: the only file of the inventory that touches any.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Source;
use super::extra::Extra;
use crate::problem::Problem;

/// Larger inventories are refused.
const MAX_BYTES: u64 = 32 << 20;

/// Reads every inventory file and every `@file` of the extra variables.
pub(super) fn read(
    paths: &[PathBuf],
    extra: &[String],
    problems: &mut Vec<Problem>,
) -> (Vec<Source>, Vec<Extra>) {
    let mut sources = Vec::new();
    for path in paths {
        let read = inventory(path);
        match read {
            Ok(source) => sources.push(source),
            Err(problem) => problems.push(*problem),
        }
    }
    let mut extras = Vec::new();
    for argument in extra {
        match argument.strip_prefix('@') {
            None => extras.push(Extra::Argument(argument.clone())),
            Some(name) => match text(Path::new(name), "the file of --extra-vars") {
                Ok(source) => extras.push(Extra::File(source)),
                Err(problem) => problems.push(*problem),
            },
        }
    }
    (sources, extras)
}

#[allow(clippy::unnecessary_box_returns)] // it goes into a Result, whose error should be small
fn refuse(message: String, help: &str) -> Box<Problem> {
    Box::new(Problem::error(message).help(help))
}

fn inventory(path: &Path) -> Result<Source, Box<Problem>> {
    let shown = path.display();
    if path.is_dir() {
        return Err(refuse(
            format!("the inventory {shown} is a directory; this version reads YAML files"),
            "name its YAML files one by one, each with -i",
        ));
    }
    let source = text(path, "the inventory")?;
    if source.text.starts_with("#!") {
        return Err(refuse(
            format!("the inventory {shown} is a script; this version reads YAML files"),
            "write its result to a file: `ansible-inventory -i SCRIPT --list --yaml > inventory.yaml`",
        ));
    }
    if source.text.starts_with("$ANSIBLE_VAULT;") {
        return Err(refuse(
            format!(
                "the inventory {shown} is encrypted with Ansible Vault, which this version does not read"
            ),
            "decrypt it first: `ansible-vault decrypt`",
        ));
    }
    if is_ini(&source.text) {
        return Err(refuse(
            format!("the inventory {shown} is in INI form; this version reads YAML files"),
            "turn it into YAML: `ansible-inventory -i FILE --list --yaml > inventory.yaml`",
        ));
    }
    refuse_vars_folders(path)?;
    Ok(source)
}

/// The first line that says anything is a `[section]` of its own.
fn is_ini(text: &str) -> bool {
    let said = |line: &&str| !line.is_empty() && !line.starts_with(['#', ';']);
    let Some(first) = text.lines().map(str::trim).find(said) else { return false };
    let section = first.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    section.is_some_and(|(name, rest)| {
        let rest = rest.trim();
        !name.is_empty() && !name.contains([',', '"', '{']) && (rest.is_empty() || rest.starts_with('#'))
    })
}

/// Variables that Ansible would read and we would not: half an inventory is none.
fn refuse_vars_folders(path: &Path) -> Result<(), Box<Problem>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for name in ["group_vars", "host_vars"] {
        let vars = folder.join(name);
        let shows = |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().starts_with('.');
        let any = fs::read_dir(&vars).is_ok_and(|mut list| list.any(|entry| entry.is_ok_and(|e| shows(&e))));
        if any {
            return Err(refuse(
                format!("{} holds variables that this version does not read", vars.display()),
                "move them into the inventory's `vars:`, or the inventory away from the folder",
            ));
        }
    }
    Ok(())
}

/// The texts in a folder by file name, those that are no text left out: a chain profile and its templates.
pub fn texts_of(folder: &Path) -> Result<BTreeMap<String, String>, Box<Problem>> {
    let entries = fs::read_dir(folder).map_err(|error| {
        refuse(
            format!("the folder {} cannot be read: {error}", folder.display()),
            "check the path and its permissions",
        )
    })?;
    let mut texts = BTreeMap::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()) {
        if let (Some(name), Ok(source)) =
            (path.file_name().and_then(|name| name.to_str()), text(&path, "the file"))
        {
            texts.insert(name.to_owned(), source.text);
        }
    }
    Ok(texts)
}

fn text(path: &Path, what: &str) -> Result<Source, Box<Problem>> {
    let shown = path.display().to_string();
    let fail = |error: &std::io::Error| {
        refuse(format!("{what} {shown} cannot be read: {error}"), "check the path and its permissions")
    };
    let length = fs::metadata(path).map_err(|error| fail(&error))?.len();
    if length > MAX_BYTES {
        return Err(refuse(
            format!("{what} {shown} has {length} bytes, more than {MAX_BYTES}"),
            "name the inventory itself, not what it deploys",
        ));
    }
    let bytes = fs::read(path).map_err(|error| fail(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        refuse(format!("{what} {shown} is not UTF-8 (byte {at})"), "save it as UTF-8")
    })?;
    let absolute = std::path::absolute(path).map_err(|error| fail(&error))?;
    Ok(Source { name: shown, path: Some(Arc::from(absolute)), text })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn refused(name: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        crate::inventory::load(&[path], &[]).unwrap_err()[0].message.clone()
    }

    #[test]
    fn what_is_not_yaml_is_named() {
        assert!(refused("hosts", "# ours\n[web]\nhost1\n").contains("INI"));
        assert!(refused("hosts.sh", "#!/bin/sh\n").contains("script"));
        assert!(refused("hosts.yml", "$ANSIBLE_VAULT;1.1;AES256\n").contains("Vault"));
        assert!(refused("hosts.yml", "").contains("empty"));
        let here = tempfile::tempdir().unwrap();
        let problems = crate::inventory::load(&[here.path().into()], &[]).unwrap_err();
        assert!(problems[0].message.contains("directory"));
        let problems = crate::inventory::load(&[here.path().join("none")], &[]).unwrap_err();
        assert!(problems[0].message.contains("cannot be read"));
    }

    #[test]
    fn variables_beside_the_inventory_are_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.yaml");
        fs::write(&path, "all: {hosts: {a: }}").unwrap();
        fs::create_dir(folder.path().join("group_vars")).unwrap();
        let (inventory, _) = crate::inventory::load(std::slice::from_ref(&path), &[]).unwrap();
        assert_eq!(inventory.base, folder.path());
        assert_eq!(inventory.hosts["a"].file.as_deref(), Some(path.as_path()));
        fs::write(folder.path().join("group_vars/all.yml"), "x: 1").unwrap();
        assert!(crate::inventory::load(&[path], &[]).unwrap_err()[0].message.contains("group_vars"));
    }
}
