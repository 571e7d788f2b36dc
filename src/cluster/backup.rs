//! The document that `keys backup` encrypts: for each node its key files and what they are for.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::{
    chain::profile::HomePath,
    types::{
        ids::{ChainId, ClusterName, NodeId, NodeName, ValidatorKey},
        login::Secret,
    },
};

/// The document's own version: an older loomctl refuses a newer one.
pub const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    #[serde(rename = "loomctl-keys")]
    pub format: u32,
    pub cluster: ClusterName,
    pub chain_id: ChainId,
    /// When it was made, RFC 3339 in UTC.
    pub time: String,
    pub nodes: BTreeMap<NodeName, Kept>,
}

/// One node's keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// By path below the node's home.
    pub files: BTreeMap<String, KeptFile>,
    /// The genesis documents as the node's own init made them, by name: what a birth is composed of. Public.
    pub documents: BTreeMap<String, String>,
    pub node_id: NodeId,
    pub validator_key: ValidatorKey,
    /// The height that the sign state stood at; the chain has gone on since.
    pub signed_height: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptFile {
    /// As it was: four octal digits.
    pub mode: String,
    /// As it was: `user:group`.
    pub owner: String,
    /// The content.
    #[serde(rename = "base64", serialize_with = "reveal", deserialize_with = "conceal")]
    content: Secret,
}

fn reveal<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.reveal())
}

fn conceal<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

impl KeptFile {
    pub fn new(mode: String, owner: String, bytes: &[u8]) -> Self {
        Self { mode, owner, content: Secret::new(STANDARD.encode(bytes)) }
    }

    /// Its text; the error says nothing of it.
    pub fn text(&self) -> Result<Secret, String> {
        let bytes = STANDARD.decode(self.content.reveal()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| "is not base64".to_owned())?;
        std::str::from_utf8(&bytes).map(Secret::new).map_err(|_| "is not a text".to_owned())
    }
}

impl Kept {
    pub fn text(&self, path: &HomePath) -> Result<Secret, String> {
        let file = self.files.get(path.as_str()).ok_or_else(|| format!("{path} is not in it"))?;
        file.text().map_err(|why| format!("{path} {why}"))
    }
}

impl Backup {
    /// The whole document, private keys and all.
    pub fn to_text(&self) -> Secret {
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// The document, or why it is not one that this version can read. The error holds nothing of the text.
    pub fn parse(text: &Secret) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(rename = "loomctl-keys")]
            format: u32,
        }
        let head: Head = serde_json::from_str(text.reveal())
            .map_err(|_| "what it holds is not a backup of `loomctl keys backup`".to_owned())?;
        if head.format > FORMAT {
            return Err(format!("its format is {}; this loomctl knows {FORMAT}", head.format));
        }
        serde_json::from_str(text.reveal())
            .map_err(|e| format!("it is damaged: line {}, column {}", e.line(), e.column()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn backup() -> Backup {
        let file = KeptFile::new("0600".into(), "ubuntu:ubuntu".into(), b"canary");
        let kept = Kept {
            files: [("config/key.json".to_owned(), file)].into(),
            documents: [("chain".to_owned(), "{}".to_owned())].into(),
            node_id: NodeId::new("ab".repeat(20)).unwrap(),
            validator_key: ValidatorKey { kind: "t".into(), value: "v".into() },
            signed_height: 7,
        };
        Backup {
            format: FORMAT,
            cluster: ClusterName::new("c").unwrap(),
            chain_id: ChainId::new("c").unwrap(),
            time: "2026-01-31T12:00:00Z".into(),
            nodes: [(NodeName::new("n-0").unwrap(), kept)].into(),
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let text = backup().to_text();
        assert!(text.reveal().starts_with(r#"{"loomctl-keys":1,"cluster":"c","chain_id":"c","#));
        let read = Backup::parse(&text).unwrap();
        assert_eq!(read, backup());
        let path = HomePath::new("config/key.json").unwrap();
        assert_eq!(read.nodes.values().next().unwrap().text(&path).unwrap().reveal(), "canary");
        assert!(read.nodes.values().next().unwrap().text(&HomePath::new("other").unwrap()).is_err());
    }

    #[test]
    fn s3_neither_its_debug_form_nor_its_errors_show_a_key() {
        let text = backup().to_text();
        let base64 = STANDARD.encode("canary");
        assert!(text.reveal().contains(&base64), "control");
        assert!(!format!("{:?} {text:?}", backup()).contains(&base64));
        for cut in 1..text.reveal().len() {
            let why = Backup::parse(&Secret::new(&text.reveal()[..cut])).unwrap_err();
            assert!(!why.contains(&base64[..4]), "{why}");
        }
        let newer = Secret::new(text.reveal().replace("keys\":1", "keys\":99"));
        assert!(Backup::parse(&newer).unwrap_err().contains("format is 99"));
    }
}
