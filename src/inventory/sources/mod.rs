//! What `-i` names, opened: files, directories of them, lists of hosts, scripts. Only this folder touches files and
//! starts the user's own programs.

mod adjacent;
mod others;
mod password;
mod script;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::extra::Extra;
use super::{Asked, Source, Vault, vault};
use crate::types::{diagnostic::Diagnostic, limited};
pub(super) use adjacent::Folder;
pub(super) use others::warnings;
pub use password::passwords;
pub(super) use script::Script;

/// Directories within directories.
const MAX_LEVELS: usize = 20;

/// What Ansible passes over in an inventory directory, beside hidden files.
const IGNORED_NAMES: [&str; 3] = ["host_vars", "group_vars", "vars_plugins"];
const IGNORED_ENDS: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];

/// One source, ready to be read.
pub(super) enum Opened {
    /// A file in YAML, JSON or INI form.
    Text(Source),
    /// `host1,host2,`
    List(String),
    Script(Script),
}

/// Opens every source, in order.
pub(super) fn open(paths: &[PathBuf], vault: &Vault, problems: &mut Vec<Diagnostic>) -> Vec<Opened> {
    let mut opened = Vec::new();
    for path in paths {
        if is_list(path) {
            opened.push(Opened::List(path.to_string_lossy().into_owned()));
        } else if path.is_dir() {
            let before = opened.len() + problems.len();
            directory(path, 0, vault, &mut opened, problems);
            if opened.len() + problems.len() == before {
                let message =
                    format!("the inventory {} is a directory without inventory files", path.display());
                problems.push(*refuse(
                    message,
                    "Ansible passes over hidden files, *.cfg, *.md, *.txt and backups",
                ));
            }
        } else {
            one(path, false, vault, &mut opened, problems);
        }
    }
    opened
}

/// A list is told by its comma, unless there is a file of that name.
fn is_list(path: &Path) -> bool {
    path.as_os_str().as_bytes().contains(&b',') && !path.exists()
}

fn directory(
    path: &Path,
    level: usize,
    vault: &Vault,
    opened: &mut Vec<Opened>,
    problems: &mut Vec<Diagnostic>,
) {
    let fail = |error: &std::io::Error| {
        *refuse(format!("the inventory {} cannot be read: {error}", path.display()), "check its permissions")
    };
    if level >= MAX_LEVELS {
        let message = format!("{} is nested more than {MAX_LEVELS} directories deep", path.display());
        return problems.push(*refuse(message, "is a link its own parent?"));
    }
    let mut entries: Vec<PathBuf> = match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => return problems.push(fail(&error)),
    };
    entries.retain(|entry| entry.file_name().is_some_and(|name| !is_ignored(&name.to_string_lossy())));
    entries.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    for entry in entries {
        if entry.is_dir() {
            directory(&entry, level + 1, vault, opened, problems);
        } else {
            one(&entry, true, vault, opened, problems);
        }
    }
}

fn is_ignored(name: &str) -> bool {
    name.starts_with('.')
        || IGNORED_NAMES.contains(&name)
        || IGNORED_ENDS.iter().any(|end| name.ends_with(end))
}

fn one(path: &Path, inside: bool, vault: &Vault, opened: &mut Vec<Opened>, problems: &mut Vec<Diagnostic>) {
    let found =
        if is_program(path) { Script::list(path).map(Opened::Script) } else { file(path, inside, vault) };
    match found {
        Ok(source) => opened.push(source),
        Err(problem) => problems.push(*problem),
    }
}

/// Executable, and something that the system can start: files on some mounts are all executable.
fn is_program(path: &Path) -> bool {
    let executable =
        fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    let mut begin = [0; 4];
    // A pipe is opened once: what is read of it here would be missed later.
    let mut read = || fs::File::open(path).and_then(|mut file| std::io::Read::read(&mut file, &mut begin));
    executable && read().is_ok() && (begin.starts_with(b"#!") || &begin == b"\x7fELF")
}

fn file(path: &Path, inside: bool, vault: &Vault) -> Result<Opened, Box<Diagnostic>> {
    let shown = path.display();
    let source = Source { inside, ..text(path, "the inventory", vault)? };
    if source.text.starts_with("#!") {
        return Err(refuse(
            format!("the inventory {shown} is a script that may not be executed"),
            "`chmod +x` it",
        ));
    }
    if source.extension() == Some("toml") {
        return Err(refuse(
            format!("the inventory {shown} is in TOML, which is not read"),
            "turn it into YAML: `ansible-inventory -i FILE --list --yaml > inventory.yaml`",
        ));
    }
    Ok(Opened::Text(source))
}

/// Reads every `@file` of the extra variables.
pub(super) fn extras(extra: &[String], vault: &Vault, problems: &mut Vec<Diagnostic>) -> Vec<Extra> {
    let mut extras = Vec::new();
    for argument in extra {
        match argument.strip_prefix('@') {
            None => extras.push(Extra::Argument(argument.clone())),
            Some(name) => match text(Path::new(name), "the file of --extra-vars", vault) {
                Ok(source) => extras.push(Extra::File(source)),
                Err(problem) => problems.push(*problem),
            },
        }
    }
    extras
}

/// The patterns in a file that `--limit @FILE` names, one a line.
pub(super) fn patterns(path: &str) -> Result<Vec<String>, Box<Diagnostic>> {
    let source = text(Path::new(path), "the file of --limit", &Vault::default())?;
    Ok(source.text.split('\n').map(|line| line.trim().to_owned()).collect())
}

/// The folders whose `group_vars/` and `host_vars/` count, weakest first: of each source, then the working directory.
pub(super) fn folders(asked: &Asked<'_>, problems: &mut Vec<Diagnostic>) -> Vec<Folder> {
    let vault = &asked.vault;
    let mut folders: Vec<(PathBuf, PathBuf)> = Vec::new();
    for path in asked.paths.iter().filter(|path| !is_list(path)) {
        let folder = if path.is_dir() { path.clone() } else { parent(path) };
        let Ok(real) = folder.canonicalize() else { continue };
        // Of a folder that is named twice, the last word is the one that counts.
        folders.retain(|(_, known)| *known != real);
        folders.push((folder, real));
    }
    let here = Path::new(".").join(&asked.here).canonicalize().ok();
    let is_here = folders.last().is_some_and(|(_, last)| here.as_ref() == Some(last));
    let mut found: Vec<Folder> =
        folders.into_iter().map(|(folder, _)| Folder::open(&folder, false, vault, problems)).collect();
    if !is_here {
        found.push(Folder::open(&asked.here, true, vault, problems));
    }
    found
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Where relative paths of an inventory begin: its own folder, itself where it is a directory, here for a list.
pub(super) fn base(path: &Path) -> PathBuf {
    let folder = if is_list(path) {
        PathBuf::from(".")
    } else if path.is_dir() {
        path.to_owned()
    } else {
        parent(path)
    };
    std::path::absolute(folder).unwrap_or_default()
}

#[allow(clippy::unnecessary_box_returns)] // it goes into a Result, whose error should be small
fn refuse(message: String, help: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(message).help(help))
}

/// The texts in a folder by file name, those that are no text left out: a chain profile and its templates.
pub fn texts_of(folder: &Path) -> Result<BTreeMap<String, String>, Box<Diagnostic>> {
    let entries = fs::read_dir(folder).map_err(|error| {
        refuse(
            format!("the folder {} cannot be read: {error}", folder.display()),
            "check the path and its permissions",
        )
    })?;
    let mut texts = BTreeMap::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()) {
        if let (Some(name), Ok(source)) =
            (path.file_name().and_then(|name| name.to_str()), text(&path, "the file", &Vault::default()))
        {
            texts.insert(name.to_owned(), source.text);
        }
    }
    Ok(texts)
}

/// The inventory that an `ansible.cfg` here names, for somebody who comes with one.
fn of_ansible() -> Option<String> {
    let text = limited::text(Path::new("ansible.cfg"), limited::SMALL).ok()?;
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "[defaults]").skip(1);
    let own = lines.by_ref().take_while(|line| !line.starts_with('['));
    let named = own.filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "inventory");
    named.map(|(_, value)| value.trim().to_owned())
}

fn text(path: &Path, what: &str, vault: &Vault) -> Result<Source, Box<Diagnostic>> {
    let shown = path.display().to_string();
    let fail = |error: &std::io::Error| {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound if what == "the inventory" => match of_ansible() {
                Some(other) => format!("ansible.cfg is not read; it names another: `-i {other}`"),
                None => "name one with -i (without it: the paths in $LOOMCTL_INVENTORY, commas between them, else \
                         inventory.yaml); a list of hosts goes to -i and has a comma: `-i h1,`"
                    .to_owned(),
            },
            std::io::ErrorKind::FileTooLarge => "name the inventory itself, not what it deploys".to_owned(),
            std::io::ErrorKind::InvalidData => "save it as UTF-8".to_owned(),
            _ => "check the path and its permissions".to_owned(),
        };
        refuse(format!("{what} {shown} cannot be read: {error}"), &help)
    };
    let text = limited::text(path, limited::TEXT).map_err(|error| fail(&error))?;
    let absolute = std::path::absolute(path).map_err(|error| fail(&error))?;
    let secret = vault::is_sealed(&text);
    let text = if secret {
        vault.open_text(&text).map_err(|why| refuse(format!("{what} {shown}: {why}"), why.help()))?
    } else {
        text
    };
    Ok(Source { name: shown, path: Some(Arc::from(absolute)), text, inside: false, secret })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn refused(name: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        crate::inventory::load(&Asked { paths: &[path], ..Asked::default() }).unwrap_err()[0].message.clone()
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert!(refused("hosts.sh", "#!/bin/sh\n").contains("may not be executed"));
        assert!(refused("hosts.yml", "$ANSIBLE_VAULT;1.1;AES256\n").contains("is no text of Ansible Vault"));
        assert!(refused("hosts.toml", "[all.hosts]\n").contains("TOML"));
        assert!(refused("hosts.yml", "").contains("empty"));
        let here = tempfile::tempdir().unwrap();
        let problems =
            crate::inventory::load(&Asked { paths: &[here.path().into()], ..Asked::default() }).unwrap_err();
        assert!(problems[0].message.contains("without inventory files"));
        let problems =
            crate::inventory::load(&Asked { paths: &[here.path().join("none")], ..Asked::default() })
                .unwrap_err();
        assert!(problems[0].message.contains("cannot be read"));
    }

    #[test]
    fn variables_beside_the_inventory_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.yaml");
        fs::write(&path, "all: {hosts: {a: }, vars: {x: 0, y: 0}}").unwrap();
        fs::create_dir(folder.path().join("group_vars")).unwrap();
        fs::write(folder.path().join("group_vars/all.yml"), "x: 1").unwrap();
        let (inventory, _) =
            crate::inventory::load(&Asked { paths: std::slice::from_ref(&path), ..Asked::default() })
                .unwrap();
        assert_eq!(inventory.base, folder.path());
        assert_eq!(inventory.hosts["a"].file.as_deref(), Some(path.as_path()));
        assert_eq!(inventory.hosts["a"].vars["x"].value, 1);
        let place = inventory.hosts["a"].vars["x"].place.clone().unwrap();
        assert!(place.file.ends_with("group_vars/all.yml") && place.line == 1);
        fs::write(folder.path().join("group_vars/all.yml"), "[x]").unwrap();
        let problems =
            crate::inventory::load(&Asked { paths: std::slice::from_ref(&path), ..Asked::default() })
                .unwrap_err();
        assert!(problems[0].message.contains("is a dictionary, and this is a list"));
        fs::remove_dir_all(folder.path().join("group_vars")).unwrap();
        fs::write(folder.path().join("group_vars"), "x: 1").unwrap();
        assert!(
            crate::inventory::load(&Asked { paths: &[path], ..Asked::default() }).unwrap_err()[0]
                .message
                .contains("no directory")
        );
    }
}
