//! Files of the control machine that commands read and write. What is written may hold what others must not read, or must
//! not change before it is used: none of it is left to the umask.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink},
    path::Path,
};

use crate::{limited, plan::step::Step, problem::Problem};

/// A text; `-` is stdin.
pub fn read(path: &Path) -> Result<String, Problem> {
    let text = if path.as_os_str() == "-" {
        limited::text_of(std::io::stdin().lock(), limited::DOCUMENT)
    } else {
        limited::text(path, limited::DOCUMENT)
    };
    text.map_err(|e| wrong(path, &e))
}

/// Written whole and readable for its owner alone: beside itself, synced, renamed.
pub fn replace(path: &Path, write: impl FnOnce(&mut fs::File) -> std::io::Result<()>) -> Result<(), Problem> {
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

/// A folder for results: made, or there and empty. What is in one is never mixed with what is written now.
pub fn new_folder(path: &Path) -> Result<(), Problem> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    let holds = made.and_then(|()| Ok(fs::read_dir(path)?.next().is_some())).map_err(|e| wrong(path, &e))?;
    if holds {
        let problem = Problem::error(format!("{}: this folder is not empty", path.display()));
        return Err(problem.help("name a new one, or remove it first"));
    }
    Ok(())
}

/// What a step would put on a host, below `root`; true if it is something that has a place there.
pub fn put(root: &Path, step: &Step) -> Result<bool, Problem> {
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    match step {
        Step::File { path, mode, content, .. } => {
            let at = below(path.as_str());
            let mut options = fs::OpenOptions::new();
            // As on the host, but nobody else's to change, and closed by its folder.
            options.write(true).create_new(true).mode(mode & 0o755);
            let write = |()| options.open(&at)?.write_all(content.as_bytes());
            parents(&at).and_then(write).map_err(|e| wrong(&at, &e))?;
        }
        Step::Link { path, target } => {
            let at = below(path.as_str());
            parents(&at).and_then(|()| symlink(target.as_str(), &at)).map_err(|e| wrong(&at, &e))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// A text under a name of its own in a folder that `new_folder` made.
pub fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| wrong(path, &e))
}

fn parents(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |parent| fs::DirBuilder::new().recursive(true).mode(0o700).create(parent))
}

fn wrong(path: &Path, why: &std::io::Error) -> Problem {
    Problem::error(format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::model::ids::RemotePath;

    /// A umask is the whole process's: this test is started once more for each.
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
        let step = Step::File { path, owner: "root:root".into(), mode: 0o666, content: "x".into() };
        put(&at("out"), &step).unwrap();
        assert_eq!(mode(&at("out/etc/deep")), 0o700);
        assert_eq!(mode(&at("out/etc/deep/x")) & 0o022, 0);
    }
}
