//! What we manage on this host, with what only the host knows filled in there.

use std::{fmt::Write as _, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    facts::{NodeFacts, manifest},
    script::{compose::Part, quote::words},
    types::ids::RemotePath,
};

const SHELL: &[Part] =
    &[Part::Root(include_str!("manifest.sh")), Part::Both(include_str!("manifest.hand.sh"))];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub path: RemotePath,
    pub manifest: Arc<manifest::Manifest>,
}

impl Manifest {
    /// Its text before, in and after its list of paths; each entry lacks its end, which the host adds.
    fn parts(&self) -> (String, String, String) {
        let planned = self.manifest.planned();
        let bare = manifest::Manifest { paths: Vec::new(), ..planned.clone() };
        let json = serde_json::to_string_pretty(&bare).unwrap_or_default();
        let head = json.trim_end().trim_end_matches("[]\n}").trim_end().to_owned() + " [";
        let mut entries = String::new();
        for entry in &planned.paths {
            let json = serde_json::to_string(entry).unwrap_or_default();
            let _ = writeln!(entries, "{}\t{}", json.trim_end_matches('}'), entry.path);
        }
        (head, entries, "]}".to_owned())
    }
}

impl Kind for Manifest {
    fn word(&self) -> &'static str {
        "manifest"
    }

    fn subject(&self) -> String {
        self.path.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        match &facts.manifest {
            None => Some("is missing".to_owned()),
            Some(found) => (!found.plans_the_same(&self.manifest)).then(|| "is out of date".to_owned()),
        }
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        seen.manifest = Some(self.manifest.clone());
    }

    fn shell(&self) -> &'static [Part] {
        SHELL
    }

    fn call(&self) -> String {
        let (head, entries, tail) = self.parts();
        words(["step_manifest", self.path.as_str(), &head, &entries, &tail])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::SHELL;
    use crate::script::tests::said;

    /// Whoever has the node's account can say anything in the place of stat(1).
    #[test]
    fn p7_what_a_hand_says_of_files_spoils_no_manifest() {
        let root = tempfile::tempdir().unwrap();
        let said_of = |what: &str| {
            let body = format!(
                "lines=$newline'/n/file\t{what}'$newline; entry_stat \"$lines\" /n/file; say stat \"$entry_stat\""
            );
            let said = said(root.path(), SHELL, &body);
            let (_, stat) = said.lines().find_map(|line| line.split_once(" stat ")).unwrap();
            stat.to_owned()
        };
        assert_eq!(
            said_of("12 345 1700000000.123456789 1700000001.000000000"),
            r#","inode":12,"size":345,"mtime":"1700000000.123456789","ctime":"1700000001.000000000""#
        );
        for lie in [
            "1",
            "1.2.3 4 5.0 6.0",
            "1 2 3.0",
            "1 2 3.0 4.0 5",
            "01 2 3.0 4.0",
            "1 99999999999999999999 3.0 4.0",
            "1 2 3 4",
            "1 2 . .",
            "",
            "x",
        ] {
            assert_eq!(said_of(lie), "", "{lie:?}");
        }
    }
}
