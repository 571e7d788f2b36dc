//! Files of the control machine that commands read and write. What is written may hold what others must not read, or must
//! not change before it is used: none of it is left to the umask.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, symlink},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use crate::{
    steps::{File, Link, Step},
    types::{diagnostic::Diagnostic, limited},
};

/// A text; `-` is stdin.
pub fn read(path: &Path) -> Result<String, Diagnostic> {
    let text = if path.as_os_str() == "-" {
        limited::text_of(std::io::stdin().lock(), limited::DOCUMENT)
    } else {
        limited::text(path, limited::DOCUMENT)
    };
    text.map_err(|e| wrong(path, &e))
}

/// Who may write to a folder may put links in it in which our files would go elsewhere.
const WRITABLE_FOR_OTHERS: u32 = 0o022;

/// Written whole and readable for its owner alone: beside itself, synced, renamed.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> std::io::Result<()>,
) -> Result<(), Diagnostic> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        write(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(|e: std::io::Error| wrong(path, &e))
}

/// A folder for results: made, or there, empty and ours alone. What is in one is never mixed with what is written now.
pub fn new_folder(path: &Path) -> Result<(), Diagnostic> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| wrong(path, &e))?;
    ours_alone(path)?;
    let holds = fs::read_dir(path).map(|mut found| found.next().is_some());
    let holds = holds.map_err(|e| wrong(path, &e))?;
    if holds {
        let problem = Diagnostic::error(format!("{}: this folder is not empty", path.display()));
        return Err(problem.help("name a new one, or remove it first"));
    }
    Ok(())
}

/// Somebody else may have made it before us, or a link in its place that leads where we can write: in /tmp anybody can.
fn ours_alone(path: &Path) -> Result<(), Diagnostic> {
    // Without a slash at its end, with which a link is looked through.
    let named: PathBuf = path.components().collect();
    let found = named.symlink_metadata().and_then(|link| Ok([link, fs::metadata(&named)?]));
    let [link, folder] = found.map_err(|e| wrong(path, &e))?;
    let refuse = |why: String| {
        let problem = Diagnostic::error(format!("{}: {why}", path.display()));
        Err(problem.help("name a new folder, in one that is yours"))
    };
    let strangers = [link.uid(), folder.uid()].into_iter().find(|uid| *uid != geteuid().as_raw());
    if let Some(uid) = strangers {
        return refuse(format!("this folder was made by another user (uid {uid})"));
    }
    if folder.mode() & WRITABLE_FOR_OTHERS != 0 {
        return refuse(format!("others may write to this folder (mode {:o})", folder.mode() & 0o7777));
    }
    Ok(())
}

/// What a step would put on a host, below `root`; true if it is something that has a place there.
pub fn put(root: &Path, step: &Step) -> Result<bool, Diagnostic> {
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    match step {
        Step::File(File { path, mode, content, .. }) => {
            let at = below(path.as_str());
            let mut options = fs::OpenOptions::new();
            // As on the host, but nobody else's to change, and closed by its folder.
            options.write(true).create_new(true).mode(mode & 0o755);
            let write = |()| options.open(&at)?.write_all(content.as_bytes());
            parents(&at).and_then(write).map_err(|e| wrong(&at, &e))?;
        }
        Step::Link(Link { path, target }) => {
            let at = below(path.as_str());
            parents(&at).and_then(|()| symlink(target.as_str(), &at)).map_err(|e| wrong(&at, &e))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// A text under a name of its own in a folder that `new_folder` made: a new file, through no link.
pub fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| wrong(path, &e))
}

fn parents(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |parent| fs::DirBuilder::new().recursive(true).mode(0o700).create(parent))
}

fn wrong(path: &Path, why: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::types::ids::RemotePath;

    /// A umask is the whole process's: this test is started once more for each.
    /// P6
    #[test]
    fn s3_what_is_written_is_closed_to_others_whatever_the_umask_is() {
        if std::env::var_os("LOOMCTL_TEST_UMASK").is_some() {
            return written();
        }
        for umask in ["000", "002", "077"] {
            let name = "cli::files::tests::s3_what_is_written_is_closed_to_others_whatever_the_umask_is";
            let mut again = std::process::Command::new("sh");
            again.arg("-c").arg(format!("umask {umask}; exec \"$0\" --exact {name}"));
            again.arg(std::env::current_exe().unwrap()).env("LOOMCTL_TEST_UMASK", umask);
            let out = again.output().unwrap();
            let said = String::from_utf8_lossy(&out.stdout);
            assert!(out.status.success() && said.contains("1 passed"), "umask {umask}: {said}");
        }
    }

    /// P6
    #[test]
    fn s3_a_folder_that_others_have_made_or_may_write_to_is_refused() {
        use std::os::unix::fs::chown;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let why = |name: &str| new_folder(&at(name)).unwrap_err().message;
        let chmod =
            |name: &str, mode| fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        fs::create_dir(at("out")).unwrap();
        for mode in [0o777, 0o1777, 0o775, 0o707] {
            chmod("out", mode);
            assert!(why("out").contains(&format!("others may write to this folder (mode {mode:o})")));
        }
        chmod("out", 0o755);
        assert!(new_folder(&at("out")).is_ok() && new_folder(&at("a/b/c")).is_ok());
        symlink(at("out"), at("link")).unwrap();
        assert!(new_folder(&at("link")).is_ok(), "a link of ours");
        // Somebody else's, where we may make one his.
        if chown(at("out"), Some(4711), Some(4711)).is_ok() {
            assert!(why("out").contains("another user (uid 4711)") && why("link").contains("another user"));
            chown(at("out"), Some(geteuid().as_raw()), None).unwrap();
            std::os::unix::fs::lchown(at("link"), Some(4711), None).unwrap();
            assert!(why("link").contains("another user") && why("link/").contains("another user"));
        }
    }

    /// P6
    #[test]
    fn s3_what_is_written_follows_no_link_and_is_never_over_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (precious, planted) = (folder.path().join("precious"), folder.path().join("profile.yaml"));
        fs::write(&precious, "kept").unwrap();
        for target in ["precious", "not there yet"] {
            symlink(folder.path().join(target), &planted).unwrap();
            assert!(write(&planted, "x").is_err(), "{target}");
            fs::remove_file(&planted).unwrap();
        }
        assert!(write(&precious, "x").is_err() && !folder.path().join("not there yet").exists());
        assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
    }

    fn written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        // Plans and reports; over one that was open before, too.
        fs::write(at("plan"), "old").unwrap();
        replace(&at("plan"), |file| file.write_all(b"new")).unwrap();
        assert_eq!((mode(&at("plan")), fs::read_to_string(at("plan")).unwrap().as_str()), (0o600, "new"));
        crate::cli::keyfile::write(&at("backup"), b"sealed", None).unwrap();
        assert_eq!(mode(&at("backup")), 0o600);
        new_folder(&at("out")).unwrap();
        write(&at("out/profile.yaml"), "x").unwrap();
        assert_eq!((mode(&at("out")), mode(&at("out/profile.yaml"))), (0o700, 0o600));
        let path = RemotePath::new("/etc/deep/x").unwrap();
        let step = Step::File(File { path, owner: "root:root".into(), mode: 0o666, content: "x".into() });
        put(&at("out"), &step).unwrap();
        assert_eq!(mode(&at("out/etc/deep")), 0o700);
        assert_eq!(mode(&at("out/etc/deep/x")) & 0o022, 0);
    }
}
