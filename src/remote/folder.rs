//! Where the control sockets of a run live: who can write there can put a socket of his own in a socket's place, and is
//! told the password of sudo.

use std::{
    fs::{self, Metadata, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;
use tempfile::TempDir;

const FOLDER: &str = "loomctl-";
/// Of everybody's in a folder each may still keep what is his: /tmp.
const STICKY: u32 = 0o1000;
const WRITABLE_FOR_OTHERS: u32 = 0o022;
/// As long as a parent may be, so that a control socket's name has room (61 bytes at the most).
const LONGEST: usize = 40;

/// A folder for this user alone. Its name begins with our process id: what a killed run has left behind is found by that
/// and removed.
pub fn private() -> io::Result<TempDir> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let parents = runtime.into_iter().chain([PathBuf::from("/tmp"), std::env::temp_dir()]);
    private_in(parents)
}

fn private_in(parents: impl IntoIterator<Item = PathBuf>) -> io::Result<TempDir> {
    let mut refused = Vec::new();
    for parent in parents {
        let made = safe(&parent).and_then(|parent| {
            remove_orphans(&parent);
            make(&parent).map_err(|error| error.to_string())
        });
        match made {
            Ok(folder) => return Ok(folder),
            Err(why) => {
                tracing::debug!(parent = %parent.display(), why, "no place for control sockets");
                refused.push(format!("{}: {why}", parent.display()));
            }
        }
    }
    let why = format!(
        "no place for ssh's control sockets: {}; let XDG_RUNTIME_DIR name a folder of yours",
        refused.join("; ")
    );
    Err(io::Error::other(why))
}

/// The mode is set once more: what the umask has taken away is given back.
fn make(parent: &Path) -> io::Result<TempDir> {
    let prefix = format!("{FOLDER}{}-", std::process::id());
    let mode = || Permissions::from_mode(0o700);
    let folder =
        tempfile::Builder::new().prefix(&prefix).rand_bytes(6).permissions(mode()).tempdir_in(parent)?;
    fs::set_permissions(folder.path(), mode())?;
    let made = folder.path().symlink_metadata()?;
    if !is_ours(&made) || made.mode() & 0o7777 != 0o700 {
        return Err(io::Error::other(format!("{} is not ours alone", folder.path().display())));
    }
    Ok(folder)
}

/// The real path of a folder in which, and on the way to which, nobody but root and us can exchange what is ours; else why.
fn safe(parent: &Path) -> Result<PathBuf, String> {
    let real = parent.canonicalize().map_err(|error| error.to_string())?;
    if real.as_os_str().len() > LONGEST {
        return Err(format!("its path is longer than {LONGEST} bytes"));
    }
    for folder in real.ancestors() {
        let is = folder.symlink_metadata().map_err(|error| error.to_string())?;
        let named = folder.display();
        if !is.is_dir() {
            return Err(format!("{named} is no folder"));
        }
        if is.uid() != 0 && is.uid() != geteuid().as_raw() {
            return Err(format!("{named} belongs to another user (uid {})", is.uid()));
        }
        if is.mode() & WRITABLE_FOR_OTHERS != 0 && is.mode() & STICKY == 0 {
            return Err(format!("others may write to {named} (mode {:o})", is.mode() & 0o7777));
        }
    }
    Ok(real)
}

fn is_ours(found: &Metadata) -> bool {
    found.is_dir() && found.uid() == geteuid().as_raw()
}

/// Folders of ours alone, of processes that are gone; a link is none.
fn remove_orphans(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid =
            name.to_str().and_then(|name| name.strip_prefix(FOLDER)?.split_once('-')?.0.parse::<u32>().ok());
        if let Some(pid) = pid
            && !Path::new(&format!("/proc/{pid}")).exists()
            && entry.path().symlink_metadata().is_ok_and(|found| is_ours(&found))
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{
        os::unix::fs::{chown, symlink},
        process::Command,
    };

    use super::*;

    /// Somebody else; `None` where we may not make files his.
    fn give_away(path: &Path) -> Option<()> {
        chown(path, Some(4711), Some(4711)).ok()
    }

    fn short() -> TempDir {
        tempfile::Builder::new().prefix("lc").tempdir_in("/tmp").unwrap()
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A umask is the whole process's: this test is started once more for each.
    /// P6
    #[test]
    fn the_folder_is_closed_to_others_whatever_the_umask_is() {
        if std::env::var_os("LOOMCTL_TEST_UMASK").is_some() {
            let folder = private().unwrap();
            assert_eq!(folder.path().metadata().unwrap().mode() & 0o7777, 0o700);
            fs::write(folder.path().join("socket"), "").unwrap();
            return;
        }
        for umask in ["000", "002", "022", "777"] {
            let name = "remote::folder::tests::the_folder_is_closed_to_others_whatever_the_umask_is";
            let again = format!("umask {umask}; exec \"$0\" --exact {name}");
            let exe = std::env::current_exe().unwrap();
            let out =
                Command::new("sh").arg("-c").arg(again).arg(exe).env("LOOMCTL_TEST_UMASK", umask).output();
            let out = out.unwrap();
            let said = String::from_utf8_lossy(&out.stdout);
            assert!(out.status.success() && said.contains("1 passed"), "umask {umask}: {said}");
        }
    }

    /// P6
    #[test]
    fn a_parent_in_which_others_could_exchange_it_is_refused_with_a_reason() {
        let at = short();
        let open = at.path().join("o");
        fs::create_dir(&open).unwrap();
        let why = |path: &Path| private_in([path.to_owned()]).unwrap_err().to_string();
        for bits in [0o777, 0o775, 0o770, 0o707] {
            mode(&open, bits);
            assert!(why(&open).contains(&format!("others may write to {}", open.display())), "{bits:o}");
        }
        // One on the way is as bad.
        let below = open.join("b");
        fs::create_dir(&below).unwrap();
        mode(&below, 0o700);
        assert!(why(&below).contains("others may write to"));
        mode(&open, 0o1777);
        assert!(private_in([below.clone()]).is_ok());
        // A link counts by where it leads.
        let link = at.path().join("l");
        mode(&open, 0o777);
        symlink(&open, &link).unwrap();
        assert!(why(&link).contains("others may write to"));
        mode(&open, 0o755);
        if give_away(&open).is_some() {
            assert!(why(&open).contains("belongs to another user (uid 4711)"));
            assert!(why(&below).contains("belongs to another user"));
        }
        // The next one is taken.
        assert!(private_in([open, PathBuf::from("/tmp")]).is_ok());
    }

    /// P6
    #[test]
    fn of_what_is_left_behind_only_folders_of_ours_are_removed() {
        let at = short();
        let make = |name: &str| {
            let path = at.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("socket"), "").unwrap();
            path
        };
        // Above what a process id can be.
        let (ours, alive, others) = (
            make("loomctl-4194305-a"),
            make(&format!("loomctl-{}-a", std::process::id())),
            make("loomctl-4194306-a"),
        );
        let kept = make("kept");
        symlink(&kept, at.path().join("loomctl-4194307-a")).unwrap();
        let given = give_away(&others).is_some();
        remove_orphans(at.path());
        assert!(!ours.exists() && alive.join("socket").exists());
        assert!(kept.join("socket").exists() && at.path().join("loomctl-4194307-a").is_symlink());
        assert!(!given || others.join("socket").exists());
    }
}
