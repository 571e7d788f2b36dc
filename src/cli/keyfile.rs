//! Files of `keys`: a backup is written whole, encrypted, readable for its owner alone, and never over another file.

use std::{io::Write as _, path::Path};

use crate::{
    cluster::backup::Backup,
    commands::encryption::{self, Identities},
    types::{diagnostic::Diagnostic, limited, login::Secret},
};

/// Whether a backup could be written there, before anything is read for it.
pub fn may_write(path: &Path) -> Result<(), Diagnostic> {
    if path.symlink_metadata().is_ok() {
        return Err(
            wrong(path, "it is there already").help("a backup is never written over: give another name")
        );
    }
    tempfile::NamedTempFile::new_in(folder(path)).map(drop).map_err(|e| wrong(path, &e.to_string()))
}

/// Writes what is sealed already. With `test`: what was written is read back, and has to open to this.
pub fn write(path: &Path, sealed: &[u8], test: Option<(&Identities, &Secret)>) -> Result<(), Diagnostic> {
    let broken = |e: std::io::Error| wrong(path, &e.to_string());
    let mut file = tempfile::NamedTempFile::new_in(folder(path)).map_err(broken)?;
    file.write_all(sealed).and_then(|()| file.as_file().sync_all()).map_err(broken)?;
    if let Some((identities, secret)) = test {
        let written = limited::read(file.path(), limited::TEXT).map_err(broken)?;
        let same = encryption::open(&written, identities).map(|opened| opened == *secret);
        match same {
            Ok(true) => {}
            Ok(false) => return Err(wrong(path, "what was written does not decrypt to what was read")),
            Err(why) => {
                return Err(wrong(
                    path,
                    &format!("no backup was kept, since the identity does not open it: {why}"),
                )
                .help("is one of the recipients the identity's own? (`age-keygen -y FILE`)"));
            }
        }
    }
    file.persist_noclobber(path).map_err(|e| broken(e.error))?;
    std::fs::File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(broken)
}

pub fn identities(path: &Path) -> Result<Identities, Diagnostic> {
    let text =
        limited::text(path, limited::SMALL).map(Secret::new).map_err(|e| wrong(path, &e.to_string()))?;
    Identities::parse(&text).map_err(|why| {
        wrong(path, &why)
            .help("an identity file of age, as `age-keygen -o FILE` makes it, without a passphrase")
    })
}

pub fn read(path: &Path, identities: &Identities) -> Result<Backup, Diagnostic> {
    let sealed = limited::read(path, limited::TEXT).map_err(|e| wrong(path, &e.to_string()))?;
    let text = encryption::open(&sealed, identities).map_err(|why| wrong(path, &why))?;
    Backup::parse(&text).map_err(|why| wrong(path, &why))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn wrong(path: &Path, why: &str) -> Diagnostic {
    Diagnostic::error(format!("{}: {why}", path.display()))
}
