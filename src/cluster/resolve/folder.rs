//! Folders that no node can have: they are the system's.

use crate::types::ids::RemotePath;

/// With everything below.
const WITH_ALL_BELOW: &[&str] = &[
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys",
    "/usr",
];
/// Others are in there, or may be at any time. What is mounted by a name of one's own is a node's as any folder.
const ALONE: &[&str] = &[
    "/",
    "/home",
    "/media",
    "/opt",
    "/snap",
    "/srv",
    "/tmp",
    "/var",
    "/var/backups",
    "/var/cache",
    "/var/lib",
    "/var/local",
    "/var/log",
    "/var/mail",
    "/var/opt",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// What is wrong with it as a node's folder, and what to do.
pub(super) fn of_the_system(folder: &RemotePath) -> Option<String> {
    let is = |whole: &&&str| folder.is_at_or_below(whole);
    let why = if ALONE.contains(&folder.as_str()) {
        format!("working_directory: {folder} is a folder of the system, and not a node's")
    } else {
        let whole = WITH_ALL_BELOW.iter().find(is)?;
        format!("working_directory: {folder} is in {whole}, which is the system's")
    };
    Some(format!("{why}; give the node a folder of its own, such as /srv/node or /var/lib/node"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_systems_folders_are_no_nodes() {
        let wrong = |path: &str| of_the_system(&RemotePath::new(path).unwrap());
        for path in [
            "/",
            "/home",
            "/opt",
            "/etc",
            "/etc/loom",
            "/var/lib",
            "/usr",
            "/usr/local/node",
            "/run/node",
            "/tmp",
        ] {
            assert!(wrong(path).is_some_and(|why| why.contains(path)), "{path}");
        }
        for path in [
            "/home/ubuntu",
            "/opt/loom",
            "/var/lib/loom",
            "/data",
            "/mnt/disk",
            "/srv/node",
            "/usrdata",
            "/mnt",
        ] {
            assert_eq!(wrong(path), None, "{path}");
        }
    }
}
