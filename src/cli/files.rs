//! Files of the control machine that commands read and write.

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
            options.write(true).create_new(true).mode(*mode);
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
    fs::write(path, text).map_err(|e| wrong(path, &e))
}

fn parents(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn wrong(path: &Path, why: &std::io::Error) -> Problem {
    Problem::error(format!("{}: {why}", path.display()))
}
