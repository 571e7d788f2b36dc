//! Where the control sockets of a run live.

use std::path::Path;

use tempfile::TempDir;

/// A private folder whose path leaves room for a control socket's name (61 bytes at the most). Its name begins with
/// our process id: what a killed run has left behind is found by that and removed.
pub fn private() -> std::io::Result<TempDir> {
    let runtime =
        std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| dir.len() <= 40 && Path::new(dir).is_dir());
    let prefix = format!("{FOLDER}{}-", std::process::id());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).rand_bytes(6);
    for parent in runtime.iter().map(Path::new).chain([Path::new("/tmp")]) {
        remove_orphans(parent);
        if let Ok(folder) = builder.tempdir_in(parent) {
            return Ok(folder);
        }
    }
    builder.tempdir()
}

const FOLDER: &str = "loomctl-";

fn remove_orphans(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid =
            name.to_str().and_then(|name| name.strip_prefix(FOLDER)?.split_once('-')?.0.parse::<u32>().ok());
        if let Some(pid) = pid
            && !Path::new(&format!("/proc/{pid}")).exists()
        {
            // Somebody else's is not ours to remove, and the attempt fails.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
