//! `loomctl keys`: public parts for a table, and everything for a backup.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::{StreamExt as _, stream::FuturesUnordered};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    chain::{
        identity,
        profile::{HomePath, NodeKeyReader, Profile, ValidatorKeyReader},
        sign_state,
    },
    cluster::{
        Cluster, Node,
        backup::{Kept, KeptFile},
    },
    facts::{NodeFacts, ask},
    fleet::Target,
    remote::{error::HostError, host::Host, http::nonce},
    script::{compose::Script, quote::words, record::Record},
    session::read::ReadSession,
    types::ids::{NodeId, NodeName, ValidatorKey},
    types::{code::Code, diagnostic::Diagnostic},
};

/// The public parts of one node's keys; null: not there, or its host was not reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyRow {
    /// The node's name.
    pub host: String,
    pub node_id: Option<NodeId>,
    /// Of key types that are known.
    pub address: Option<String>,
    pub validator_key: Option<ValidatorKey>,
    /// The height that the sign state stands at.
    pub signed_height: Option<u64>,
}

/// In inventory order.
pub fn list(session: &ReadSession) -> Vec<KeyRow> {
    let row = |node: &Node| {
        let seen = session.facts.nodes.get(&node.name);
        let key = seen.and_then(|seen| seen.validator_key.clone());
        KeyRow {
            host: node.name.to_string(),
            node_id: seen.and_then(|seen| seen.node_id.clone()),
            address: key.as_ref().and_then(identity::address),
            validator_key: key,
            signed_height: seen.and_then(|seen| seen.signed_height),
        }
    };
    session.nodes().map(row).collect()
}

/// What a backup would lack.
pub fn without_keys(session: &ReadSession) -> Vec<Diagnostic> {
    let lacks = |node: &Node| {
        let seen = session.facts.nodes.get(&node.name)?;
        let signs = session.cluster.profile.sign_state.is_none() || seen.signed_height.is_some();
        let whole = seen.node_id.is_some() && seen.validator_key.is_some() && signs;
        (!whole).then(|| incomplete(&node.name, "its node key, validator key or sign state is not there"))
    };
    session.nodes().filter_map(lacks).collect()
}

fn incomplete(node: &NodeName, why: impl Into<String>) -> Diagnostic {
    let advice =
        "a backup is of all nodes or of none: `loomctl up` makes what is missing, --limit leaves a node out";
    Diagnostic::refusal(Code::KeysAbsent, Some(node), why).help(advice)
}

/// A file as its host has sent it.
struct Sent {
    /// `MODE OWNER`
    stat: String,
    bytes: Zeroizing<Vec<u8>>,
}

/// By the number of the question and that of the file.
type Files = BTreeMap<(usize, usize), Sent>;

/// The keys of every node that is looked at. Who cannot be read is lost; what does not fit what its host said before is
/// refused.
pub async fn read(session: &mut ReadSession) -> Result<BTreeMap<NodeName, Kept>, Vec<Diagnostic>> {
    let all: FuturesUnordered<_> = session
        .reached()
        .map(|(member, host)| {
            let (cluster, limit) = (&session.cluster, session.fleet.limit);
            async move { (member.clone(), of_machine(host, member, cluster, limit).await) }
        })
        .collect();
    let answers: Vec<_> = all.collect().await;
    let (mut nodes, mut refusals) = (BTreeMap::new(), Vec::new());
    for (member, answer) in answers {
        match answer {
            Err(error) => drop(session.lost.insert(member.machine, error)),
            Ok(files) => {
                for (number, question) in member.questions.iter().enumerate() {
                    let Some(seen) = session.facts.nodes.get(&question.node) else { continue };
                    match kept(&session.cluster, seen, number, &files) {
                        Ok(kept) => drop(nodes.insert(question.node.clone(), kept)),
                        Err(why) => refusals.push(incomplete(&question.node, why)),
                    }
                }
            }
        }
    }
    if refusals.is_empty() { Ok(nodes) } else { Err(refusals) }
}

/// The files in the profile's order: the sign state after its key.
async fn of_machine(
    host: &Host,
    member: &Target,
    cluster: &Cluster,
    limit: Duration,
) -> Result<Files, HostError> {
    let mut script = Script::new(&nonce());
    script.line("say ready\nwatch");
    // `MODE OWNER` and the file, as the node's user sees it: encoded once more, so that it is one word whatever it holds.
    script.line(
        r#"key_of() {
  printf '%s blob %s file%s ' "$NONCE" "$1" "$2"
  glance 2097152 key_file "${3:-$hand_home}/$4" | base64 -w0
  echo
}"#,
    );
    for (scope, question) in member.questions.iter().enumerate() {
        script.line(ask::hand_is(question));
        for (number, path) in cluster.profile.key_files().into_iter().enumerate() {
            let folder = question.folder.as_ref().map_or("", |folder| folder.as_str());
            let (scope, number) = (scope.to_string(), number.to_string());
            script.line(words(["key_of", &scope, &number, folder, path.as_str()]));
        }
    }
    script.line("finish 0");
    let mut running = host.start(&script, "reading the keys").await?;
    running.keep_alive();
    let mut files = Files::new();
    let place = |scope: &str, key: &str| Some((scope.parse().ok()?, key.strip_prefix("file")?.parse().ok()?));
    while let Some(record) = running.next_within(limit).await? {
        if let Record::Blob { scope, key, bytes } = record
            && let Some(place) = place(&scope, &key)
            && let Some(sent) = sent(&Zeroizing::new(bytes))
        {
            files.insert(place, sent);
        }
    }
    Ok(files)
}

/// `MODE OWNER`, and the file in base64; `None`: it is not there, or cannot be read.
fn sent(said: &[u8]) -> Option<Sent> {
    let (stat, file) = said.split_at_checked(said.iter().position(|byte| *byte == b'\n')?)?;
    let bytes = Zeroizing::new(STANDARD.decode(&file[1..]).ok()?);
    Some(Sent { stat: String::from_utf8(stat.to_vec()).ok()?, bytes })
}

/// Of an ed25519 key: its public half, the last 32 of 64 bytes, and the node id that belongs to it.
fn public_half(json: &Value) -> Option<(String, Option<NodeId>)> {
    let bytes = Zeroizing::new(STANDARD.decode(json["priv_key"]["value"].as_str()?).ok()?);
    let public = STANDARD.encode(bytes.get(32..64)?);
    let id = identity::node_id_of_pubkey(&public).ok();
    Some((public, id))
}

/// Whether a key file holds what its host has said of it.
fn is_own_key(profile: &Profile, path: &HomePath, text: &str, seen: &NodeFacts) -> Result<(), String> {
    let (node, validator) = (&profile.node_key, &profile.validator_key);
    let node = (*path == node.file && node.read == NodeKeyReader::Ed25519NodeKey).then_some(&seen.node_id);
    let validator = (*path == validator.file && validator.read == ValidatorKeyReader::TendermintPubKey)
        .then_some(&seen.validator_key);
    if let Some(prints) = profile.init.prints.as_ref().filter(|prints| prints.to == *path) {
        let id = seen.node_id.as_ref().map_or("", |id| id.as_str());
        return if text.contains(id) { Ok(()) } else { Err(format!("{path} is not of {}", prints.of)) };
    }
    if node.is_none() && validator.is_none() {
        return Ok(());
    }
    let json: Value = serde_json::from_str(text).map_err(|_| format!("{path} is not JSON"))?;
    let half = public_half(&json);
    if node.is_some_and(|id| half.as_ref().and_then(|half| half.1.as_ref()) != id.as_ref()) {
        return Err(format!("{path} is not the key of its node id"));
    }
    let Some(key) = validator.and_then(Option::as_ref) else { return Ok(()) };
    if json["pub_key"]["value"] != key.value.as_str() {
        return Err(format!("{path} is not the key that it was a moment ago"));
    }
    match half {
        Some((public, _)) if public != key.value => {
            Err(format!("{path} holds another private key than its public one"))
        }
        _ => Ok(()),
    }
}

/// One node's files, seen to be those of which its host has said the public parts.
fn kept(cluster: &Cluster, seen: &NodeFacts, number: usize, files: &Files) -> Result<Kept, String> {
    let profile = &cluster.profile;
    let mut kept = BTreeMap::new();
    let mut signed_height = 0;
    let (Some(node_id), Some(validator_key)) = (&seen.node_id, &seen.validator_key) else {
        return Err("its keys cannot be read".to_owned());
    };
    for (file, path) in profile.key_files().into_iter().enumerate() {
        let sent = files.get(&(number, file)).ok_or_else(|| format!("{} cannot be read", path.as_str()))?;
        let text = std::str::from_utf8(&sent.bytes).map_err(|_| format!("{} is no text", path.as_str()))?;
        is_own_key(profile, path, text, seen)?;
        if let Some(signs) = profile.sign_state.as_ref().filter(|signs| signs.file == *path) {
            signed_height =
                sign_state::height(text, &signs.prefix).map_err(|e| format!("{}: {e}", path.as_str()))?;
        }
        let (mode, owner) = sent.stat.split_once(' ').unwrap_or_default();
        kept.insert(path.as_str().to_owned(), KeptFile::new(mode.to_owned(), owner.to_owned(), &sent.bytes));
    }
    let documents = seen.pristine.iter().filter(|(name, _)| profile.documents.contains_key(*name));
    Ok(Kept {
        files: kept,
        documents: documents.map(|(name, text)| (name.clone(), text.to_string())).collect(),
        node_id: node_id.clone(),
        validator_key: validator_key.clone(),
        signed_height,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_known_by_the_public_half_of_its_private_one() {
        let public = "kmblzluOCHcoalreFKiXSnXZKBhV5TAM5yEDcsdgdPU=";
        let private = [&[7; 32][..], &STANDARD.decode(public).unwrap()].concat();
        let json = serde_json::json!({"priv_key": {"type": "t", "value": STANDARD.encode(private)}});
        let (half, id) = public_half(&json).unwrap();
        assert_eq!(
            (half.as_str(), id.unwrap().as_str()),
            (public, "32fa7e27d0260147aac7d7fd3e92842866b4075b")
        );
        for other in ["", "AAAA", "no base64"] {
            assert!(public_half(&serde_json::json!({"priv_key": {"value": other}})).is_none());
        }
    }
}
