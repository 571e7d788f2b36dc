//! What a systemd of a version knows of our units: a directive that it lacks is left out, so that what is in a unit counts.

use crate::types::ids::RemotePath;

/// Directives of our units that a systemd in use (Debian 11 has 247, RHEL 8 has 239) may lack, with the version that brought
/// them: systemd's NEWS, and "Added in version" of systemd.exec(5).
const SINCE: [(&str, u32); 18] = [
    ("BindPaths", 233),
    ("KeyringMode", 235),
    ("LockPersonality", 235),
    ("MemoryDenyWriteExecute", 231),
    ("PrivateIPC", 248),
    ("PrivateUsers", 232),
    ("ProcSubset", 247),
    ("ProtectClock", 245),
    ("ProtectControlGroups", 232),
    ("ProtectHostname", 242),
    ("ProtectKernelLogs", 244),
    ("ProtectKernelModules", 232),
    ("ProtectKernelTunables", 232),
    ("ProtectProc", 247),
    ("RestrictFileSystems", 250),
    ("RestrictNamespaces", 233),
    ("RestrictRealtime", 231),
    ("RestrictSUIDSGID", 242),
];

/// Before this one the folders on the way to a bound one were made with the unit's own umask: closed to the node's user.
const OWN_UMASK: u32 = 252;
const HIDDEN: [&str; 3] = ["/home", "/root", "/run/user"];
const CLOSED: &str = "UMask=0027";
const OPEN: &str = "UMask=0022";

/// What is otherwise in a unit for an older systemd.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacks {
    /// `NAME= (VERSION)`, in the order of the unit.
    pub left_out: Vec<String>,
    pub open_umask: bool,
}

impl Lacks {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// In a sentence.
    pub fn words(&self) -> String {
        let left_out = (!self.left_out.is_empty())
            .then(|| format!("it lacks {}, which the unit does without", self.left_out.join(", ")));
        let umask = self.open_umask.then(|| {
            format!("below a home it starts a unit with {OPEN} alone (0027 from {OWN_UMASK} on): the node's new files are readable for others")
        });
        left_out.into_iter().chain(umask).collect::<Vec<_>>().join("; ")
    }
}

/// The text for this systemd, and what is otherwise in it. `shown`: what the unit shows the node of people's homes.
pub fn fit(text: &str, version: Option<u32>, shown: &RemotePath) -> (String, Lacks) {
    let mut lacks = Lacks::default();
    let Some(version) = version else { return (text.to_owned(), lacks) };
    let hides_homes = text.lines().any(|line| line.trim() == "ProtectHome=tmpfs");
    lacks.open_umask = version < OWN_UMASK
        && hides_homes
        && is_within_a_home(shown)
        && text.lines().any(|line| line.trim() == CLOSED);
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let name = line.split_once('=').map_or("", |(name, _)| name.trim());
        match SINCE.iter().find(|(directive, since)| *directive == name && *since > version) {
            Some((name, since)) => {
                let entry = format!("{name}= ({since})");
                if !lacks.left_out.contains(&entry) {
                    lacks.left_out.push(entry);
                }
            }
            None if line.trim() == CLOSED && lacks.open_umask => kept.extend([OPEN, "\n"]),
            None => {
                kept.push_str(line);
                kept.push('\n');
            }
        }
    }
    (kept, lacks)
}

/// Below a folder that is made for it in what hides the homes: not that folder itself.
fn is_within_a_home(shown: &RemotePath) -> bool {
    HIDDEN.iter().any(|hidden| {
        let below = shown.as_str().strip_prefix(hidden).and_then(|rest| rest.strip_prefix('/'));
        below.is_some_and(|below| below.contains('/'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chain::profile::{builtin_files, builtin_names};

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
    }

    #[test]
    fn an_older_systemd_gets_what_it_knows() {
        let unit = "[Service]\nProtectHome=tmpfs\nBindPaths=/home/u/node\nPrivateIPC=yes\nProtectProc=invisible\nUMask=0027\n";
        let at = path("/home/u/node");
        for version in [None, Some(252), Some(257)] {
            let (text, lacks) = fit(unit, version, &at);
            assert!(text == unit && lacks.is_nothing(), "{version:?}: {text}");
        }
        let (text, lacks) = fit(unit, Some(247), &at);
        assert_eq!(text, unit.replace("PrivateIPC=yes\n", "").replace("0027", "0022"));
        assert_eq!(lacks, Lacks { left_out: vec!["PrivateIPC= (248)".into()], open_umask: true });
        assert!(lacks.words().contains("PrivateIPC= (248)") && lacks.words().contains("UMask=0022"));
        let (text, lacks) = fit(unit, Some(249), &at);
        assert!(text.contains("PrivateIPC") && text.contains("UMask=0022") && lacks.left_out.is_empty());
        // RHEL 8's.
        let (text, lacks) = fit(unit, Some(239), &at);
        assert!(!text.contains("ProtectProc") && lacks.left_out.len() == 2, "{text}");
    }

    #[test]
    fn the_umask_stays_where_no_folder_is_made_on_the_way() {
        let unit = "ProtectHome=tmpfs\nUMask=0027\n";
        for kept in ["/home/u", "/srv/a/b", "/root/node", "/homes/u/node"] {
            assert_eq!(fit(unit, Some(247), &path(kept)).0, unit, "{kept}");
        }
        for opened in ["/home/u/a", "/home/u/a/b", "/root/a/b", "/run/user/1/2"] {
            assert!(fit(unit, Some(247), &path(opened)).0.contains("UMask=0022"), "{opened}");
        }
        let open_home = "ProtectHome=read-only\nUMask=0027\n";
        assert_eq!(fit(open_home, Some(247), &path("/home/u/a")).0, open_home);
    }

    /// Who adds a directive to a unit has to know since when there is one.
    #[test]
    fn every_confining_directive_of_ours_is_judged() {
        const OLDER: [&str; 15] = [
            "CapabilityBoundingSet",
            "NoNewPrivileges",
            "PrivateDevices",
            "PrivateTmp",
            "ProtectSystem",
            "ProtectHome",
            "RestrictAddressFamilies",
            "SystemCallArchitectures",
            "SystemCallErrorNumber",
            "SystemCallFilter",
            "UMask",
            "User",
            "LimitNOFILE",
            "Environment",
            "WorkingDirectory",
        ];
        let units = builtin_names().into_iter().flat_map(|name| builtin_files(name).unwrap());
        for (file, text) in units.filter(|(file, _)| file.ends_with(".service")) {
            let service =
                text.lines().skip_while(|line| *line != "[Service]").take_while(|line| *line != "[Install]");
            let names = service.filter_map(|line| Some(line.split_once('=')?.0));
            for name in names.filter(|name| name.chars().all(char::is_alphanumeric)) {
                let of_processes =
                    ["Type", "ExecStart", "ExecStartPre", "Restart", "RestartSec", "TimeoutStopSec"];
                let known = SINCE.iter().any(|(known, _)| *known == name)
                    || OLDER.contains(&name)
                    || of_processes.contains(&name);
                assert!(known, "{file}: {name}: since which systemd?");
            }
        }
    }
}
