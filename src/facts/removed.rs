//! Who was taken out of a cluster, as its hosts remember it (S17): a tombstone each, in
//! `/var/lib/loomctl/<cluster>/.removed/<node>.<identity>.json`, one line of JSON.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::types::ids::{ChainId, ClusterName, NodeId, NodeName, Sha256, ValidatorKey};

/// The tombstone's own version: an older loomctl begins nothing beside a newer one.
pub const FORMAT: u32 = 1;
/// Tombstones of one host at the most, and bytes of one (removed.sh).
pub const MOST: usize = 1000;
pub const LONGEST: usize = 4096;

/// What it keeps from being started. The last one keeps most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// The node was brought back.
    Nothing,
    /// Whoever has its keys; another node may have its name.
    Keys,
    /// The node of this name, and whoever has its keys.
    Node,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    pub format: u32,
    pub loomctl: String,
    pub cluster: ClusterName,
    pub chain_id: ChainId,
    pub node: NodeName,
    /// `None`: nobody knew it when the node was removed, since its host was gone.
    pub node_id: Option<NodeId>,
    pub validator_key: Option<ValidatorKey>,
    /// When this was decided last, RFC 3339 in UTC by the control machine's clock, and who decided it (`user@host`).
    pub time: String,
    pub who: String,
    pub holds: Holds,
}

impl Tombstone {
    /// Whose it is, whatever it holds: one node may be removed several times, with other keys.
    pub fn identity(&self) -> (&ClusterName, &NodeName, Option<&NodeId>, Option<&ValidatorKey>) {
        (&self.cluster, &self.node, self.node_id.as_ref(), self.validator_key.as_ref())
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        let text = |part: Option<String>| part.unwrap_or_default();
        let id = text(self.node_id.as_ref().map(ToString::to_string));
        let key = text(self.validator_key.as_ref().map(ToString::to_string));
        format!("{}.{}.json", self.node, Sha256::of(format!("{id} {key}")).short())
    }

    /// As it is written on hosts.
    pub fn text(&self) -> String {
        serde_json::to_string(self).map(|line| line + "\n").unwrap_or_default()
    }

    /// The error: why it is none that this version may pass over.
    fn parse(line: &str) -> Result<Self, String> {
        let json: serde_json::Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
        match json.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => {
                Err(format!("its format is {format}, and this loomctl knows {FORMAT}"))
            }
            Some(_) => serde_json::from_value(json).map_err(|e| e.to_string()),
            None => Err("it has no format number".to_owned()),
        }
    }
}

type Stones = Result<Vec<Arc<Tombstone>>, String>;

/// What one host remembers. It is the same for each of its nodes, and read once.
#[derive(Debug, Default)]
pub struct Removed {
    first: Option<(Vec<u8>, Stones)>,
}

impl Removed {
    pub fn of(&mut self, bytes: Vec<u8>) -> Stones {
        match &self.first {
            Some((first, read)) if *first == bytes => read.clone(),
            Some(_) => Err("it says something else of each of its nodes".to_owned()),
            None => {
                let read: Stones = read(&bytes).map(|stones| stones.into_iter().map(Into::into).collect());
                self.first = Some((bytes, read.clone()));
                read
            }
        }
    }
}

/// Those of one host; or why they cannot be used. One that is not understood may be of any node.
pub fn read(bytes: &[u8]) -> Result<Vec<Tombstone>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    if lines.len() > MOST {
        return Err(format!("there are {}, {MOST} at most", lines.len()));
    }
    if lines.iter().any(|line| line.len() > LONGEST) {
        return Err(format!("one has more than {LONGEST} bytes"));
    }
    lines.into_iter().map(Tombstone::parse).collect()
}

#[cfg(test)]
pub(crate) fn example(node: &str, node_id: Option<NodeId>, validator_key: Option<ValidatorKey>) -> Tombstone {
    #![allow(clippy::unwrap_used)]
    Tombstone {
        format: FORMAT,
        loomctl: "0".to_owned(),
        cluster: ClusterName::new("c").unwrap(),
        chain_id: ChainId::new("c-1").unwrap(),
        node: NodeName::new(node).unwrap(),
        node_id,
        validator_key,
        time: "2026-01-02T03:04:05Z".to_owned(),
        who: "me@here".to_owned(),
        holds: Holds::Node,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, process::Command};

    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;
    use crate::{script::compose::Script, types::scope::Scope};

    /// As it is written on hosts since the first version.
    const LINE: &str = r#"{"format":1,"loomctl":"0","cluster":"c","chain_id":"c-1","node":"n-0","node_id":null,"validator_key":null,"time":"2026-01-02T03:04:05Z","who":"me@here","holds":"node"}"#;

    #[test]
    fn what_is_written_is_read() {
        let stone = example("n-0", None, None);
        assert_eq!(stone.text(), format!("{LINE}\n"));
        let key = ValidatorKey { kind: "tendermint/PubKeyEd25519".into(), value: "a+b/c=".into() };
        let other = Tombstone { validator_key: Some(key), holds: Holds::Keys, ..stone.clone() };
        let both = format!("{}{}", stone.text(), other.text());
        assert_eq!(read(both.as_bytes()).unwrap(), [stone.clone(), other.clone()]);
        assert!(stone.file_name().starts_with("n-0.") && stone.file_name() != other.file_name());
        assert!(Holds::Node > Holds::Keys && Holds::Keys > Holds::Nothing);
    }

    /// S17: what cannot be read may be anybody's.
    #[test]
    fn s17_one_that_is_not_understood_is_not_passed_over() {
        let newer = LINE.replace("\"format\":1", "\"format\":2");
        assert!(read(newer.as_bytes()).unwrap_err().contains("its format is 2"));
        for bad in [&LINE[..LINE.len() - 3], "{}", "x", &LINE.replace("\"node\"}", "\"half\"}")] {
            assert!(read(format!("{LINE}\n{bad}\n").as_bytes()).is_err(), "{bad}");
        }
        assert!(read(b"\xff").is_err());
        let many = format!("{LINE}\n").repeat(MOST + 1);
        assert!(read(many.as_bytes()).unwrap_err().contains("1000 at most"));
        assert!(read(b"").unwrap().is_empty());
    }

    /// P7: a host with many nodes is not read once a node.
    #[test]
    fn p7_all_nodes_of_a_host_remember_the_same() {
        let mut host = Removed::default();
        let bytes = format!("{LINE}\n").into_bytes();
        let first = host.of(bytes.clone()).unwrap();
        assert!(Arc::ptr_eq(&first[0], &host.of(bytes).unwrap()[0]));
        assert!(host.of(Vec::new()).unwrap_err().contains("something else"));
    }

    #[test]
    fn s17_a_host_says_all_that_it_has_or_that_it_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let lib = folder.path();
        let says = || {
            let mut script = Script::new("n");
            script.set("lib", lib.to_str().unwrap());
            script.line("observe_removed 0; observe_removed 1");
            let out = Command::new("sh").args(["-c", &script.text(&Scope::System)]).output().unwrap();
            String::from_utf8(out.stdout).unwrap()
        };
        assert_eq!(says().trim(), "", "nothing, and no process, where nobody was removed");
        for (cluster, node) in [("a", "n-0"), ("b", "n 1")] {
            fs::create_dir_all(lib.join(cluster).join(".removed")).unwrap();
            let file = lib.join(cluster).join(".removed").join(format!("{node}.x.json"));
            fs::write(file, format!("{LINE}\n")).unwrap();
        }
        let said = says();
        let blob = |scope: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(&format!("n blob {scope} removed ")));
            STANDARD.decode(line.unwrap()).unwrap()
        };
        assert_eq!(read(&blob("0")).unwrap().len(), 2);
        assert_eq!(blob("0"), blob("1"));
        // One that is too long is cut, and so it is none.
        fs::write(lib.join("a/.removed/long.json"), format!("{LINE}{}\n", " ".repeat(LONGEST))).unwrap();
        fs::write(lib.join("a/.removed/zz.json"), format!("{LINE}\n")).unwrap();
        let said = says();
        let line = said.lines().find_map(|line| line.strip_prefix("n blob 0 removed ")).unwrap();
        assert!(read(&STANDARD.decode(line).unwrap()).is_err());
        fs::remove_file(lib.join("a/.removed/long.json")).unwrap();
        fs::create_dir(lib.join("a/.removed/folder.json")).unwrap();
        assert!(says().contains("n fact 0 removed_error "), "{}", says());
        fs::remove_dir(lib.join("a/.removed/folder.json")).unwrap();
        for number in 0..MOST {
            fs::write(lib.join(format!("b/.removed/{number}.json")), "").unwrap();
        }
        assert!(says().contains("n fact 0 removed_error "), "{}", says());
    }
}
