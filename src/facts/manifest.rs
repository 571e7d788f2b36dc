//! What we left on a host, as written there: `/var/lib/loomctl/<cluster>/<node>/manifest.json`.

use serde::{Deserialize, Serialize};

use crate::{
    cluster::decided::DecidedBy,
    types::ids::{FileName, RemotePath, ServiceName, Sha256, UnitName},
};

/// The manifest's own version: an older loomctl refuses a newer one.
pub const FORMAT: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub loomctl: String,
    pub cluster: String,
    pub node: String,
    pub profile: String,
    pub unit: String,
    pub home: RemotePath,
    /// The binary that this node was last given.
    pub binary_sha256: Option<Sha256>,
    /// Whether its checksum was written down by a person (`binary_sha256`) or is the first one seen.
    pub pinned: bool,
    /// Its other programs; format 1 had none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceEntry>,
    /// A command gave the node its binary, and not the inventory; formats 1 and 2 had none of the next three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// Binaries that made blocks here before this one, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Previous>,
    /// The binary that `upgrade --prepare` has tried here, until the node has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<Prepared>,
    pub paths: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    pub by: DecidedBy,
    /// What the inventory had then: as long as it has that, the decision counts. `None`: the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Sha256>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    pub binary_sha256: Sha256,
    /// The version of the chain's state that it made, where the chain says that: another one is not for it to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    pub binary_sha256: Sha256,
    /// Seconds since 1970, by the host's clock.
    pub at: u64,
}

/// One of the node's programs beside the chain's own, in the words of `Manifest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEntry {
    pub service: ServiceName,
    pub unit: UnitName,
    /// The name of its file in the cache.
    pub binary: FileName,
    pub binary_sha256: Option<Sha256>,
    pub pinned: bool,
}

/// What a path is to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    File,
    Link,
    Binary,
    Unit,
    Genesis,
    Key,
    /// Of another version: it is left alone.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub path: RemotePath,
    pub kind: EntryKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctime: Option<String>,
}

impl Manifest {
    /// The text, or why it is not a manifest that this version may act on.
    pub fn parse(text: &str) -> Result<Self, String> {
        let json: serde_json::Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
        match json.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => {
                let by = json.get("loomctl").and_then(serde_json::Value::as_str).unwrap_or("a newer loomctl");
                return Err(format!(
                    "its format is {format}, written by loomctl {by}; this loomctl knows {FORMAT}"
                ));
            }
            Some(_) => {}
            None => return Err("it has no format number".to_owned()),
        }
        serde_json::from_value(json).map_err(|e| e.to_string())
    }

    /// Binaries that are kept beside the present one.
    pub fn kept(&self) -> impl Iterator<Item = &Sha256> {
        let previous = self.previous.iter().map(|previous| &previous.binary_sha256);
        previous.chain(self.prepared.iter().map(|prepared| &prepared.binary_sha256))
    }

    /// Whether they differ in nothing but what only the host knows.
    pub fn plans_the_same(&self, other: &Self) -> bool {
        fn plan(of: &Manifest) -> impl PartialEq + '_ {
            let Manifest {
                format,
                loomctl,
                cluster,
                node,
                profile,
                unit,
                home,
                binary_sha256,
                pinned,
                services,
                decided,
                previous,
                prepared,
                paths,
            } = of;
            let paths: Vec<_> = paths
                .iter()
                .map(|Entry { path, kind, sha256, inode: _, size: _, mtime: _, ctime: _ }| {
                    (path, kind, sha256)
                })
                .collect();
            let versions = (decided, previous, prepared);
            let names = [loomctl, cluster, node, profile, unit];
            (format, names, home, (binary_sha256, pinned, services), versions, paths)
        }
        plan(self) == plan(other)
    }

    /// The same without what only the host knows (inode, size, times).
    #[must_use]
    pub fn planned(&self) -> Self {
        let bare = |e: &Entry| Entry { inode: None, size: None, mtime: None, ctime: None, ..e.clone() };
        Self { paths: self.paths.iter().map(bare).collect(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_newer_manifest_is_refused() {
        let newer = r#"{"format": 99, "loomctl": "9.0.0"}"#;
        assert!(Manifest::parse(newer).unwrap_err().contains("written by loomctl 9.0.0"));
        assert!(Manifest::parse("{").is_err() && Manifest::parse("{}").is_err());
    }

    /// Recorded from a host by the first build that wrote this format.
    #[test]
    fn a_manifest_of_format_1_is_read() {
        use EntryKind::{Binary, File, Genesis, Key, Link, Unit};
        let manifest = Manifest::parse(include_str!("../../tests/fixtures/format-1/manifest.json")).unwrap();
        assert_eq!(
            (manifest.format, manifest.node.as_str(), manifest.unit.as_str()),
            (1, "node-0", "cometbft")
        );
        assert!(manifest.binary_sha256.is_some());
        let kinds: Vec<EntryKind> = manifest.paths.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [Binary, Genesis, File, Link, Link, Unit, Key, Key, Key]);
        let text = serde_json::to_value(kinds).unwrap();
        let names = ["binary", "genesis", "file", "link", "link", "unit", "key", "key", "key"];
        assert_eq!(text, serde_json::json!(names), "as it is written on hosts");
        let newer: EntryKind = serde_json::from_str("\"socket\"").unwrap();
        assert_eq!(newer, EntryKind::Unknown);
    }

    #[test]
    fn a_plan_compares_what_it_knows() {
        let entry = r#"{"path": "/n/config/config.toml", "kind": "file"}"#;
        let text = format!(
            r#"{{"format": 1, "loomctl": "0.1.0", "cluster": "c", "node": "n", "profile": "loom", "unit": "loom",
                "home": "/n", "binary_sha256": null, "pinned": false, "paths": [{entry}]}}"#
        );
        let manifest = Manifest::parse(&text).unwrap();
        let mut there = manifest.clone();
        there.paths[0].inode = Some(7);
        there.paths[0].mtime = Some("1".to_owned());
        assert!(there.plans_the_same(&manifest) && there != manifest && there.planned() == manifest);
        for (from, to) in [
            ("0.1.0", "0.2.0"),
            ("\"c\"", "\"d\""),
            ("\"/n\"", "\"/o\""),
            ("false", "true"),
            ("\"file\"", "\"unit\""),
            (entry, ""),
        ] {
            let other = Manifest::parse(&text.replace(from, to)).unwrap();
            assert!(!there.plans_the_same(&other), "{from} {to}");
        }
    }
}
