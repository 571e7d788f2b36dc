//! Answers of the Tendermint RPC, 0.27 to 1.0: JSON in, what we ask about out.
//!
//! Numbers are quoted or not, an error comes with HTTP 200 or 500, hashes are upper-case hex; before the first
//! block the height is "0" and the hash empty.

use serde_json::Value;

use super::{
    Answer, Block, Dialect, NetInfo, PAGE, ProbeError, Question, Request, RpcValidator, Status, Validators,
    answered, checked, checked_address, first_part, missing, no_more_than_validators, text_of,
};
use crate::{
    chain::profile::Probe,
    types::ids::{NodeId, ValidatorKey},
};

pub struct Tendermint {
    port: String,
    path: String,
}

impl Tendermint {
    pub fn of(probe: &Probe) -> Self {
        Self { port: probe.port.clone(), path: probe.path.clone().unwrap_or_default() }
    }
}

impl Dialect for Tendermint {
    fn request(&self, question: Question) -> Option<Request> {
        let path = match question {
            Question::Status | Question::Height | Question::CatchingUp => "/status".to_owned(),
            Question::Peers | Question::PeerCount => "/net_info".to_owned(),
            Question::Block(height) | Question::BlockTime(height) => format!("/block?height={height}"),
            // The first page has no number: releases without pages refuse to be asked for one.
            Question::Validators { height, page: 1 } => {
                format!("/validators?height={height}&per_page={PAGE}")
            }
            Question::Validators { height, page } => {
                format!("/validators?height={height}&per_page={PAGE}&page={page}")
            }
            Question::ConsensusStep => "/consensus_state".to_owned(),
            Question::Genesis => "/genesis".to_owned(),
        };
        Some(Request::to(&self.port, format!("{}{path}", self.path), None))
    }

    fn read(&self, question: Question, body: &[u8]) -> Result<Answer, ProbeError> {
        let body = text_of(body)?;
        Ok(match question {
            Question::Status => Answer::Status(status(body)?),
            Question::Height => Answer::Height(status(body)?.height),
            Question::CatchingUp => Answer::CatchingUp(status(body)?.catching_up),
            Question::Peers => Answer::Peers(net_info(body)?),
            Question::PeerCount => Answer::PeerCount(net_info(body)?.peers.len() as u64),
            Question::Block(_) => Answer::Block(block(body)?),
            Question::BlockTime(_) => Answer::BlockTime(made_at(body).ok_or_else(|| missing("time"))?),
            Question::Validators { .. } => Answer::Validators(validators(body)?),
            Question::ConsensusStep => Answer::ConsensusStep(consensus_step(body)?),
            Question::Genesis => Answer::Genesis(field(&result(body)?, &["genesis"])?.clone()),
        })
    }

    fn says_when_behind(&self) -> bool {
        true
    }
}

/// `/status`.
pub fn status(body: &str) -> Result<Status, ProbeError> {
    let result = result(body)?;
    let info = field(&result, &["node_info"])?;
    let sync = field(&result, &["sync_info"])?;
    Ok(Status {
        node_id: Some(node_id(info)?),
        network: Some(text(info, &["network"])?),
        version: text(info, &["version"]).unwrap_or_default(),
        state_version: state_version(info),
        height: number(sync, &["latest_block_height"])?,
        hash: text(sync, &["latest_block_hash"])?,
        app_hash: text(sync, &["latest_app_hash"])?,
        catching_up: field(sync, &["catching_up"])?.as_bool().unwrap_or(false),
        earliest_height: number(sync, &["earliest_block_height"]).unwrap_or(0),
        validator_address: text(&result, &["validator_info", "address"]).unwrap_or_default(),
    })
}

/// Of `node_info`: the versions of block and application that stand in the header of each block.
fn state_version(info: &Value) -> Option<String> {
    let version = |name| text(info, &["protocol_version", name]).ok();
    Some(format!("block {}, app {}", version("block")?, version("app")?))
}

/// `/net_info`.
fn net_info(body: &str) -> Result<NetInfo, ProbeError> {
    let result = result(body)?;
    // Go writes an empty list as null.
    let peers = list(&result, &["peers"]);
    no_more_than_validators(peers.len(), "peers")?;
    let peers = peers.iter().map(|peer| node_id(field(peer, &["node_info"])?));
    Ok(NetInfo { peers: peers.collect::<Result<_, _>>()? })
}

/// `/block?height=N`.
fn block(body: &str) -> Result<Block, ProbeError> {
    let result = result(body)?;
    // Up to 0.32 the id stands in block_meta.
    let hash = text(&result, &["block_id", "hash"])
        .or_else(|_| text(&result, &["block_meta", "block_id", "hash"]))?;
    let header = field(&result, &["block", "header"])?;
    Ok(Block {
        height: number(header, &["height"])?,
        hash,
        app_hash: text(header, &["app_hash"])?,
        signed_by: signers(&result)?,
    })
}

/// When a block was made, in seconds since 1970: `/block?height=N`.
fn made_at(body: &str) -> Option<f64> {
    let json: Value = serde_json::from_str(body).ok()?;
    let time = json["result"]["block"]["header"]["time"].as_str()?;
    let since = humantime::parse_rfc3339_weak(time).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(since.as_secs_f64())
}

/// `/validators?height=N`.
fn validators(body: &str) -> Result<Validators, ProbeError> {
    let result = result(body)?;
    let members: Vec<_> = list(&result, &["validators"]).iter().map(validator).collect::<Result<_, _>>()?;
    let total = number(&result, &["total"]).unwrap_or(members.len() as u64);
    Ok(Validators { height: number(&result, &["block_height"])?, members, total })
}

/// `/consensus_state` as `height/round/step`, for a chain that stands.
fn consensus_step(body: &str) -> Result<String, ProbeError> {
    text(&result(body)?, &["round_state", "height/round/step"])
}

fn validator(entry: &Value) -> Result<RpcValidator, ProbeError> {
    let key = field(entry, &["pub_key"])?;
    let key: ValidatorKey = serde_json::from_value(key.clone()).map_err(|_| missing("pub_key"))?;
    checked(&key.kind, "pub_key.type").and(checked(&key.value, "pub_key.value"))?;
    let power = field(entry, &["voting_power"])?;
    let power = as_number(power).ok_or_else(|| missing("voting_power"))?;
    let priority = entry.get("proposer_priority").and_then(as_number);
    Ok(RpcValidator { address: checked_address(&text(entry, &["address"])?)?, key, power, priority })
}

/// `signatures` from 0.33 on (flag 2 is a vote for the block), `precommits` with nulls before.
fn signers(result: &Value) -> Result<Vec<String>, ProbeError> {
    let commit = &result["block"]["last_commit"];
    let votes = commit["signatures"].as_array().or_else(|| commit["precommits"].as_array());
    no_more_than_validators(votes.map_or(0, Vec::len), "signatures")?;
    let signed = votes.into_iter().flatten().filter(|vote| {
        vote.get("block_id_flag").is_none_or(|flag| as_number(flag) == Some(2)) && !vote.is_null()
    });
    let addresses = signed.filter_map(|vote| vote["validator_address"].as_str());
    addresses.map(checked_address).collect()
}

fn result(body: &str) -> Result<Value, ProbeError> {
    let mut answer: Value = serde_json::from_str(body)
        .map_err(|error| ProbeError::Unreadable(format!("{error}; it begins {:?}", first_part(body))))?;
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        let part = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let words: Vec<_> = ["message", "data"].into_iter().filter_map(part).collect();
        let said = if words.is_empty() { error.to_string() } else { words.join(": ") };
        return Err(answered(&said));
    }
    match answer.get_mut("result").map(Value::take) {
        Some(result) if result.is_object() => Ok(result),
        _ => Err(missing("result")),
    }
}

fn field<'a>(value: &'a Value, path: &[&str]) -> Result<&'a Value, ProbeError> {
    path.iter().try_fold(value, |value, key| value.get(key)).ok_or_else(|| missing(&path.join(".")))
}

fn text(value: &Value, path: &[&str]) -> Result<String, ProbeError> {
    let found = field(value, path)?.as_str().ok_or_else(|| missing(&path.join(".")))?;
    checked(found, &path.join("."))
}

fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    field(value, path).ok().and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(value: &Value, path: &[&str]) -> Result<u64, ProbeError> {
    let found = as_number(field(value, path)?).and_then(|number| u64::try_from(number).ok());
    found.ok_or_else(|| missing(&path.join(".")))
}

fn as_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn node_id(info: &Value) -> Result<NodeId, ProbeError> {
    let id = text(info, &["id"])?;
    NodeId::new(id.to_ascii_lowercase()).map_err(|error| ProbeError::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    macro_rules! recorded {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/rpc/cometbft-0.38/", $name, ".json"))
        };
    }

    /// V3
    #[test]
    fn status_of_a_running_node_and_of_one_before_its_first_block() {
        let unborn = status(recorded!("status-unborn")).unwrap();
        assert_eq!((unborn.height, unborn.hash.as_str(), unborn.catching_up), (0, "", false));
        let born = status(recorded!("status")).unwrap();
        assert_eq!(born.node_id.as_ref().unwrap().as_str(), "92349d15ce4f81ce19e380fd59f781100e2b919e");
        assert_eq!((born.network.as_deref(), born.version.as_str()), (Some("rec"), "0.38.17"));
        assert_eq!((born.height, born.earliest_height), (3, 1));
        assert_eq!(born.validator_address, "9FE4D9E69288659745BF44E6D8E5F9AF0FFF2CAC");
        assert_eq!(born.app_hash, "0000000000000000");
        assert_eq!(born.state_version.as_deref(), Some("block 11, app 1"));
    }

    #[test]
    fn questions_are_paths() {
        let mut probe = Probe::of(crate::chain::profile::ProbeKind::TendermintRpc, "rpc");
        probe.path = Some("/rpc".to_owned());
        let path = |question| Tendermint::of(&probe).request(question).unwrap().path;
        assert_eq!(path(Question::Block(7)), "/rpc/block?height=7");
        let page = |page| path(Question::Validators { height: 7, page });
        assert_eq!(
            page(1),
            "/rpc/validators?height=7&per_page=100",
            "releases without pages refuse a number"
        );
        assert_eq!(page(2), "/rpc/validators?height=7&per_page=100&page=2");
    }

    /// V3
    #[test]
    fn peers_blocks_and_validators() {
        assert!(net_info(recorded!("net_info-alone")).unwrap().peers.is_empty());
        let peers = net_info(recorded!("net_info")).unwrap().peers;
        assert_eq!(peers, [NodeId::new("2116a1c7941f31422f29f6139f9b92278b6ae9a0").unwrap()]);
        let block = block(recorded!("block")).unwrap();
        assert_eq!((block.height, block.app_hash.as_str()), (2, "0000000000000000"));
        assert_eq!(block.hash, "E83056A19E9E82C2FDF67C16AE318EF5A462A89D56E11BA7D92FE0D16DD6A792");
        assert_eq!(block.signed_by.len(), 2);
        let set = validators(recorded!("validators")).unwrap();
        assert_eq!((set.height, set.total, set.members.len(), set.members[1].power), (1, 2, 2, 10));
        assert_eq!(set.members[0].key.kind, "tendermint/PubKeyEd25519");
        assert_eq!(consensus_step(recorded!("consensus_state")).unwrap(), "4/0/1");
    }

    /// V3
    #[test]
    fn an_error_is_an_error_whatever_the_status_said() {
        let error = block(recorded!("block-unknown")).unwrap_err();
        let words = "the node answered: Internal error: height 999999 must be less than or equal to the current \
                     blockchain height 3";
        assert_eq!(error.to_string(), words);
        assert!(matches!(status("<html>"), Err(ProbeError::Unreadable(_))));
        assert!(matches!(status("{\"result\":{}}"), Err(ProbeError::Unreadable(_))));
    }

    #[test]
    fn p7_texts_and_lists_of_a_node_have_an_end() {
        let long = "x".repeat(16 << 20);
        let error = block(&serde_json::json!({"error": {"message": long}}).to_string()).unwrap_err();
        assert!(error.to_string().len() < 600);
        let forged = |text: &str| {
            let network = recorded!("status").replace("\"rec\"", &serde_json::json!(text).to_string());
            status(&network).unwrap_err().to_string()
        };
        assert!(forged(&long).contains("`network` has 16777216 bytes"));
        assert!(forged("rec\nok").contains("control characters"));
        let with_key = |value: &str| {
            let key = serde_json::json!({"type": "t", "value": value});
            let member = serde_json::json!({"address": "A", "pub_key": key, "voting_power": "1"});
            validators(
                &serde_json::json!({"result": {"block_height": "1", "validators": [member]}}).to_string(),
            )
        };
        assert!(
            with_key("k").is_ok() && with_key("k\nwarning: all is well").is_err() && with_key(&long).is_err()
        );
        let votes = vec![serde_json::json!({"validator_address": "A"}); 10_001];
        let long = [serde_json::json!({"validator_address": "A".repeat(4096)})];
        let block = |votes: &[Value]| {
            let commit = serde_json::json!({"precommits": votes});
            let block =
                serde_json::json!({"header": {"height": "7", "app_hash": "CD"}, "last_commit": commit});
            super::block(
                &serde_json::json!({"result": {"block_id": {"hash": "AB"}, "block": block}}).to_string(),
            )
        };
        assert!(block(&votes[1..]).is_ok() && block(&votes).is_err() && block(&long).is_err());
        let peer = serde_json::json!({"node_info": {"id": "2116a1c7941f31422f29f6139f9b92278b6ae9a0"}});
        let peers = serde_json::json!({"result": {"peers": vec![peer; 10_001]}}).to_string();
        assert!(net_info(&peers).unwrap_err().to_string().contains("10001 peers"));
    }

    /// The forms of 0.27 and 0.32, by chains.md: the id in block_meta, precommits with nulls, no total.
    /// V3
    #[test]
    fn older_releases() {
        let old = r#"{"jsonrpc":"2.0","id":"","result":{"block_meta":{"block_id":{"hash":"AB"}},"block":{"header":
            {"height":"7","app_hash":"CD"},"last_commit":{"precommits":[null,{"validator_address":"EF"}]}}}}"#;
        let expected =
            Block { height: 7, hash: "AB".into(), app_hash: "CD".into(), signed_by: vec!["EF".into()] };
        assert_eq!(block(old).unwrap(), expected);
        let old = r#"{"result":{"block_height":"1","validators":[{"address":"A","pub_key":{"type":"t","value":"v"},
            "voting_power":"10","accum":"0"}]}}"#;
        assert_eq!(validators(old).unwrap().total, 1);
        assert!(
            net_info(r#"{"result":{"listening":true,"n_peers":"0","peers":null}}"#).unwrap().peers.is_empty()
        );
    }

    proptest! {
        /// V3, P7
        #[test]
        fn no_answer_makes_it_panic(body in ".{0,80}", cut in 0_usize..980) {
            let _ = (status(&body), net_info(&body), block(&body), validators(&body), consensus_step(&body));
            let half: String = recorded!("status").chars().take(cut).collect();
            prop_assert!(status(&half).is_err());
        }
    }
}
