//! Folders that no node can have: they are the system's.

use crate::types::ids::{RemotePath, UserName};

/// With everything below.
const WITH_ALL_BELOW: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lock",
    "/var/run",
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
    "/var/spool",
    "/var/tmp",
];

pub const INSTEAD: &str = "give the node a folder of its own, such as /srv/node or /var/lib/node";

/// What is wrong with it as the folder of a node that runs as `user`.
pub fn of_the_system(folder: &RemotePath, user: &UserName) -> Option<String> {
    let roots = folder.as_str() == "/root" && user.as_str() != "root";
    if roots || ALONE.contains(&folder.as_str()) {
        return Some(format!("{folder} is a folder of the system, and not a node's"));
    }
    let whole = WITH_ALL_BELOW.iter().find(|whole| folder.is_at_or_below(whole))?;
    Some(format!("{folder} is in {whole}, which is the system's"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_systems_folders_are_no_nodes() {
        let user = UserName::new("node").unwrap();
        let wrong = |path: &str| of_the_system(&RemotePath::new(path).unwrap(), &user);
        for path in [
            "/",
            "/home",
            "/opt",
            "/etc",
            "/etc/loom",
            "/var/lib",
            "/usr",
            "/usr/local/node",
            "/root",
            "/var/run/node",
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
