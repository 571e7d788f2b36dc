//! JSON-RPC of Ethereum's family: several calls in one request, numbers in hex, errors by call.
//!
//! A node is known by its whole public key, and so is who it signs as.

use serde_json::{Value, json};

use super::{
    Answer, Block, Dialect, NetInfo, ProbeError, Question, Request, RpcValidator, Status, Validators,
    answered, checked, first_part, missing, no_more_than_validators, text_of,
};
use crate::{
    chain::{
        genesis::istanbul::Extra,
        identity,
        profile::{Probe, ProbeMethods},
    },
    types::ids::NodeId,
};

pub struct Evm {
    port: String,
    path: String,
    methods: ProbeMethods,
}

impl Evm {
    pub fn of(probe: &Probe) -> Self {
        Self {
            port: probe.port.clone(),
            path: probe.path.clone().unwrap_or_default(),
            methods: probe.methods.clone().unwrap_or_default(),
        }
    }
}

impl Dialect for Evm {
    fn request(&self, question: Question) -> Option<Request> {
        let body = match question {
            Question::Status | Question::Height | Question::CatchingUp => ask_status(),
            Question::Peers | Question::PeerCount => ask_peers(),
            Question::Block(height) | Question::BlockTime(height) => ask_block(&self.methods, height),
            Question::Validators { height, .. } => ask_validators(&self.methods, height)?,
            Question::ConsensusStep | Question::Genesis => return None,
        };
        Some(Request::to(&self.port, self.path.clone(), Some(body)))
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
            #[allow(clippy::cast_precision_loss)] // Seconds since 1970.
            Question::BlockTime(_) => {
                Answer::BlockTime(made_at(body).ok_or_else(|| missing("timestamp"))? as f64)
            }
            // All on one page.
            Question::Validators { height, .. } => {
                let members = validators(body)?;
                Answer::Validators(Validators { height, total: members.len() as u64, members })
            }
            Question::ConsensusStep | Question::Genesis => return Err(missing(question.subject())),
        })
    }

    /// One that follows the others never does, however far behind it is.
    fn says_when_behind(&self) -> bool {
        false
    }
}

/// A method and its parameters.
type Call<'a> = (&'a str, Value);

fn ask_status() -> String {
    request(&[
        ("web3_clientVersion", json!([])),
        ("eth_chainId", json!([])),
        ("admin_nodeInfo", json!([])),
        ("eth_syncing", json!([])),
        ("eth_getBlockByNumber", json!(["latest", false])),
    ])
}

/// A node that follows the others says that it is not syncing, however far behind it is: who compares heights knows better.
fn status(body: &str) -> Result<Status, ProbeError> {
    let [version, chain, node, syncing, block] = results(body)?;
    let id = text(&node, "id")?;
    let height = number(&block, "number")?;
    let chain = hex_number(&chain).ok_or_else(|| missing("eth_chainId"))?;
    Ok(Status {
        validator_address: identity::evm_address(&id).map(|key| key.value).map_err(unreadable)?,
        node_id: Some(NodeId::new(id).map_err(unreadable)?),
        network: Some(chain.to_string()),
        version: checked(version.as_str().unwrap_or_default(), "version").unwrap_or_default(),
        state_version: None,
        height,
        hash: if height == 0 { String::new() } else { text(&block, "hash")? },
        app_hash: text(&block, "stateRoot")?,
        catching_up: syncing != Value::Bool(false),
        earliest_height: 0,
    })
}

fn ask_peers() -> String {
    request(&[("admin_peers", json!([]))])
}

fn net_info(body: &str) -> Result<NetInfo, ProbeError> {
    let [peers] = results(body)?;
    no_more_than_validators(peers.as_array().map_or(0, Vec::len), "peers")?;
    let id = |peer: &Value| NodeId::new(text(peer, "id")?.to_ascii_lowercase()).map_err(unreadable);
    Ok(NetInfo { peers: peers.as_array().into_iter().flatten().map(id).collect::<Result<_, _>>()? })
}

fn ask_block(methods: &ProbeMethods, height: u64) -> String {
    let method = methods.block.as_deref().unwrap_or("eth_getBlockByNumber");
    request(&[(method, json!([format!("{height:#x}"), false]))])
}

/// Its own seals say who has committed it.
fn block(body: &str) -> Result<Block, ProbeError> {
    let [block] = results(body)?;
    let hash = text(&block, "hash")?;
    Ok(Block {
        height: number(&block, "number")?,
        signed_by: signers(&block, &hash).unwrap_or_default(),
        app_hash: text(&block, "stateRoot")?,
        hash,
    })
}

/// When the block was made, in seconds since 1970.
fn made_at(body: &str) -> Option<u64> {
    let [block] = results(body).ok()?;
    number(&block, "timestamp").ok()
}

/// `None`: the chain has no such method.
fn ask_validators(methods: &ProbeMethods, height: u64) -> Option<String> {
    Some(request(&[(methods.validators.as_deref()?, json!([format!("{height:#x}")]))]))
}

fn validators(body: &str) -> Result<Vec<RpcValidator>, ProbeError> {
    let [addresses] = results(body)?;
    let validator = |address: &Value| {
        let address = checked(address.as_str().ok_or_else(|| missing("address"))?, "address")?;
        let key = identity::evm_validator(&address).map_err(unreadable)?;
        Ok(RpcValidator { address: key.value.clone(), key, power: 1, priority: None })
    };
    let addresses = addresses.as_array().ok_or_else(|| missing("result"))?;
    no_more_than_validators(addresses.len(), "validators")?;
    addresses.iter().map(validator).collect()
}

fn signers(block: &Value, hash: &str) -> Option<Vec<String>> {
    let hash = <[u8; 32]>::try_from(hex::decode(hash.strip_prefix("0x")?).ok()?).ok()?;
    let extra = Extra::parse(block.get("extraData")?.as_str()?).ok()?;
    Some(extra.signers(&hash).into_iter().map(|key| key.value).collect())
}

fn request(calls: &[Call<'_>]) -> String {
    let call = |(id, (method, params)): (usize, &Call<'_>)| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    Value::from(calls.iter().enumerate().map(call).collect::<Vec<_>>()).to_string()
}

/// Of each call, in the order of the request, whatever order they came in; the first error is that of all.
fn results<const N: usize>(body: &str) -> Result<[Value; N], ProbeError> {
    let parsed: Value = serde_json::from_str(body)
        .map_err(|error| ProbeError::Unreadable(format!("{error}; it begins {:?}", first_part(body))))?;
    // A request that is refused as a whole is answered by one object.
    let answers = match parsed {
        Value::Array(answers) => answers,
        one => vec![one],
    };
    let mut results = [const { None }; N];
    for mut answer in answers {
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            let words = error.get("message").and_then(Value::as_str).map(str::to_owned);
            return Err(answered(&words.unwrap_or_else(|| error.to_string())));
        }
        let id = answer.get("id").and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok());
        if let Some(slot) = id.and_then(|id| results.get_mut(id)) {
            *slot = answer.get_mut("result").map(Value::take).filter(|result| !result.is_null());
        }
    }
    let mut lacks = false;
    let results = results.map(|result| {
        result.unwrap_or_else(|| {
            lacks = true;
            Value::Null
        })
    });
    if lacks { Err(missing("result")) } else { Ok(results) }
}

#[allow(clippy::needless_pass_by_value)] // As a function of `map_err`.
fn unreadable(error: crate::types::ids::Invalid) -> ProbeError {
    ProbeError::Unreadable(error.to_string())
}

fn text(value: &Value, key: &str) -> Result<String, ProbeError> {
    checked(value.get(key).and_then(Value::as_str).ok_or_else(|| missing(key))?, key)
}

fn number(value: &Value, key: &str) -> Result<u64, ProbeError> {
    value.get(key).and_then(hex_number).ok_or_else(|| missing(key))
}

fn hex_number(value: &Value) -> Option<u64> {
    // 63 bits, as everywhere: what is one above a height is a height.
    i64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// Of kcn 1.0.3, four validators, by the requests above.
    macro_rules! recorded {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/rpc/kaia-1.0/", $name, ".json"))
        };
    }

    /// V3
    #[test]
    fn status_and_peers_of_a_running_node() {
        let status = status(recorded!("status")).unwrap();
        let id = status.node_id.unwrap();
        assert!(id.as_str().starts_with("7debb888fefc643d") && id.as_str().len() == 128);
        // Which the node itself says as its `nodeAddress`.
        assert_eq!(status.validator_address, "0x760897540c6768589eec40f1012e24e621c66191");
        assert_eq!((status.network.as_deref(), status.catching_up), (Some("2024"), false));
        assert_eq!(status.version, "Klaytn/v1.0.3/linux-amd64/go1.26.8");
        assert!(status.height > 2 && status.hash.starts_with("0x") && status.app_hash.starts_with("0x"));
        let peers = net_info(recorded!("peers")).unwrap().peers;
        assert!(peers.len() == 3 && !peers.contains(&id));
    }

    #[test]
    fn s8_seals_say_who_has_committed_a_block() {
        let validators = validators(recorded!("validators")).unwrap();
        assert!(validators.len() == 4 && validators.iter().all(|validator| validator.power == 1));
        let read = block(recorded!("block")).unwrap();
        assert_eq!(
            (read.height, read.hash.as_str()),
            (2, "0x9d70f67cb3886bb549090e7b24b1ed4faa657a7d714b93a65f678bcea8269ad2")
        );
        let voters: Vec<&str> = validators.iter().map(|validator| validator.address.as_str()).collect();
        assert!(
            read.signed_by.len() >= 3 && read.signed_by.iter().all(|by| voters.contains(&by.as_str())),
            "{read:?}"
        );
        assert_eq!(made_at(recorded!("block")), Some(0x6b02_1e26));
        // Of another block the same seals are nobody's.
        let other = recorded!("block").replace("0x9d70f67c", "0x9d70f67d");
        assert!(block(&other).unwrap().signed_by.iter().all(|by| !voters.contains(&by.as_str())));
    }

    /// V3
    #[test]
    fn errors_are_said_in_the_nodes_own_words() {
        let unknown = block(recorded!("block-unknown")).unwrap_err().to_string();
        assert_eq!(unknown, "the node answered: the block does not exist (block number: 16777215)");
        let none = status(recorded!("no-method")).unwrap_err().to_string();
        assert!(none.contains("the method none_such does not exist"), "{none}");
        assert!(status("<html>").is_err() && status("[]").is_err() && status("{}").is_err());
        assert!(block(r#"[{"id":0,"result":null}]"#).is_err());
    }

    /// V3
    #[test]
    fn a_request_names_the_chains_own_methods() {
        let methods = ProbeMethods { validators: Some("kaia_getCouncil".into()), block: None };
        let asked = ask_validators(&methods, 17).unwrap();
        assert_eq!(asked, r#"[{"jsonrpc":"2.0","id":0,"method":"kaia_getCouncil","params":["0x11"]}]"#);
        assert!(ask_block(&methods, 0).contains(r#""method":"eth_getBlockByNumber","params":["0x0",false]"#));
        assert!(ask_validators(&ProbeMethods::default(), 1).is_none());
    }

    #[test]
    fn p7_texts_and_lists_of_a_node_have_an_end() {
        let answer = |result: &Value| json!([{"id": 0, "result": result}]).to_string();
        let address = json!("0x760897540c6768589eec40f1012e24e621c66191");
        let count = |many: usize| validators(&answer(&json!(vec![&address; many])));
        assert_eq!(count(10_000).unwrap().len(), 10_000);
        assert!(count(10_001).unwrap_err().to_string().contains("10001 validators"));
        let long = "x".repeat(16 << 20);
        assert!(validators(&answer(&json!([long]))).unwrap_err().to_string().len() < 200);
        let error = json!([{"id": 0, "error": {"message": long}}]).to_string();
        assert!(validators(&error).unwrap_err().to_string().len() < 600);
        let peers = answer(&json!(vec![json!({"id": "ab"}); 10_001]));
        assert!(net_info(&peers).unwrap_err().to_string().contains("10001 peers"));
    }

    #[test]
    fn p7_a_number_has_63_bits() {
        let number = |text: &str| hex_number(&json!(text));
        assert_eq!(number("0x7fffffffffffffff"), Some(i64::MAX.unsigned_abs()));
        for wrong in ["0x8000000000000000", "0xffffffffffffffff", "0x-1", "0x", "1", "0x10000000000000000"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    proptest! {
        /// V3, P7
        #[test]
        fn no_answer_makes_it_panic(body in ".{0,80}", cut in 0_usize..3600) {
            let _ = (status(&body), net_info(&body), block(&body), validators(&body), made_at(&body));
            let half: String = recorded!("status").chars().take(cut).collect();
            prop_assert!(status(&half).is_err());
        }
    }
}
