//! The file of a plan: written whole and readable for its owner alone, since it holds configurations.

use std::{io::Write as _, path::Path};

use crate::{plan::saved::Saved, problem::Problem};

pub fn write(path: &Path, saved: &Saved) -> Result<(), Problem> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, saved)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(|e: std::io::Error| wrong(path, &e.to_string()))
}

pub fn read(path: &Path) -> Result<Saved, Problem> {
    let text = std::fs::read_to_string(path).map_err(|e| wrong(path, &e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| {
        wrong(path, &format!("it is not a plan that this loomctl can read: {e}"))
            .help("make one with `loomctl plan --out FILE`")
    })
}

fn wrong(path: &Path, why: &str) -> Problem {
    Problem::error(format!("{}: {why}", path.display()))
}
