//! Whether others may write to what an inventory is read from. Who sets variables runs code as root on all hosts; folders
//! of a Vagrant share or a CI clone are often open to all, so that is said and not refused.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Folder, is_list, parent};
use crate::{inventory::Asked, types::diagnostic::Diagnostic};

const OTHERS_WRITE: u32 = 0o002;
/// Others may add to it, and cannot take away what is there: /tmp.
const STICKY: u32 = 0o1000;

/// One warning a folder, of all in it that others may write to.
pub(in crate::inventory) fn warnings(asked: &Asked<'_>, folders: &[Folder]) -> Vec<Diagnostic> {
    let mut read: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in asked.paths.iter().filter(|path| !is_list(path) && path.exists()) {
        let folder = if path.is_dir() { path.clone() } else { parent(path) };
        read.entry(folder).or_default().extend((!path.is_dir()).then(|| path.clone()));
    }
    for folder in folders {
        let named = folder.read();
        if !named.is_empty() {
            read.entry(folder.path.clone()).or_default().extend(named);
        }
    }
    read.into_iter().filter_map(|(folder, inside)| warning(&folder, inside, folders)).collect()
}

fn warning(folder: &Path, inside: Vec<PathBuf>, folders: &[Folder]) -> Option<Diagnostic> {
    let mode = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.permissions().mode());
    let mut open: Vec<PathBuf> = [folder.to_owned()].into_iter().chain(inside).collect();
    open.retain(|path| mode(path) & OTHERS_WRITE != 0);
    open.dedup();
    let here = Path::new(".");
    let shown = |path: &PathBuf| if path.as_os_str().is_empty() { here } else { path }.display().to_string();
    let named = open.iter().map(shown).collect::<Vec<_>>();
    if named.is_empty() {
        return None;
    }
    let is_here = folders.iter().any(|other| other.is_working_directory && other.path == folder);
    let strongest = if is_here { " (the working directory's count most)" } else { "" };
    let message = format!(
        "anyone may write to {}: who sets variables{strongest} runs code as root on all hosts",
        named.join(", ")
    );
    let help = if mode(folder) & STICKY == 0 {
        format!("`chmod o-w {}`, or run where nobody else writes", named.join(" "))
    } else {
        "move them to a folder where nobody else writes".to_owned()
    };
    Some(Diagnostic::warning(message).help(help))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn warned(inventory: &Path, here: &Path) -> Vec<(String, String)> {
        let asked = Asked { paths: &[inventory.to_owned()], here: here.to_owned(), ..Asked::default() };
        let (_, warnings) = crate::inventory::load(&asked).unwrap();
        warnings.into_iter().map(|warning| (warning.message, warning.help.unwrap_or_default())).collect()
    }

    /// P8
    #[test]
    fn folders_that_others_may_write_to_are_warned_about_once_and_not_refused() {
        let (own, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let inventory = own.path().join("i.yaml");
        let vars = here.path().join("group_vars");
        fs::write(&inventory, "all: {hosts: {a: }, vars: {x: 0}}").unwrap();
        mode(&inventory, 0o644);
        // Nothing is read there.
        mode(here.path(), 0o777);
        assert_eq!(warned(&inventory, here.path()), []);
        fs::create_dir(&vars).unwrap();
        fs::write(vars.join("all.yml"), "x: 1").unwrap();
        mode(&vars, 0o755);
        mode(&vars.join("all.yml"), 0o644);
        let said = warned(&inventory, here.path());
        assert_eq!(said.len(), 1, "{said:?}");
        let (message, help) = &said[0];
        assert!(message.contains(&format!("may write to {}:", here.path().display())), "{message}");
        assert!(
            message.contains("working directory's") && message.contains("as root on all hosts"),
            "{message}"
        );
        assert!(help.contains("chmod o-w"), "{help}");
        mode(here.path(), 0o1777);
        assert!(warned(&inventory, here.path())[0].1.contains("move them"));
        // Any of what is read is enough, and it is one warning.
        mode(here.path(), 0o755);
        assert_eq!(warned(&inventory, here.path()), []);
        mode(&vars, 0o777);
        mode(&vars.join("all.yml"), 0o666);
        let said = warned(&inventory, here.path());
        assert!(
            said.len() == 1 && said[0].0.contains("group_vars, ") && said[0].0.contains("all.yml:"),
            "{said:?}"
        );
        mode(&vars, 0o775);
        mode(&vars.join("all.yml"), 0o664);
        assert_eq!(warned(&inventory, here.path()), [], "a group is of one's own choosing");
        // The inventory itself.
        mode(&inventory, 0o646);
        assert!(warned(&inventory, here.path())[0].0.contains("i.yaml"));
        mode(&inventory, 0o644);
        mode(own.path(), 0o757);
        let said = warned(&inventory, here.path());
        assert!(said.len() == 1 && !said[0].0.contains("working directory"), "{said:?}");
        assert_eq!(warned(&inventory, own.path()).len(), 1);
    }
}
