//! One JSON document by GET, and where in it the answers are: JSON pointers of the profile.

use serde_json::Value;

use super::{
    Answer, Dialect, ProbeError, Question, Request, Status, WrongProbe, checked, first_part, missing, text_of,
};
use crate::{
    chain::{MOST_VALIDATORS, profile::Probe},
    types::ids::NodeId,
};

/// Keys of a profile's entry that are pointers.
pub const KEYS: [&str; 6] = ["height", "peers", "catching_up", "chain_id", "node_id", "version"];

/// Characters of a pointer.
const LONGEST_POINTER: usize = 200;

pub struct Rest {
    port: String,
    path: String,
    height: Option<String>,
    peers: Option<String>,
    catching_up: Option<String>,
    chain_id: Option<String>,
    node_id: Option<String>,
    version: Option<String>,
}

impl Rest {
    pub fn of(probe: &Probe) -> Result<Self, WrongProbe> {
        let places = probe.places();
        if let Some((name, text)) = places.iter().find(|(_, text)| !is_pointer(text)) {
            let why =
                format!("`{name}`: {text:?} is no JSON pointer: `/` before each key, as in /result/height");
            return Err(((*text).clone(), why));
        }
        if places.is_empty() {
            let why = "`kind: rest` needs at least one of `height`, `peers`, `catching_up`, `chain_id`, `node_id` and \
                       `version`: JSON pointers into its document";
            return Err(("rest".to_owned(), why.to_owned()));
        }
        Ok(Self {
            port: probe.port.clone(),
            path: probe.path.clone().unwrap_or_default(),
            height: probe.height.clone(),
            peers: probe.peers.clone(),
            catching_up: probe.catching_up.clone(),
            chain_id: probe.chain_id.clone(),
            node_id: probe.node_id.clone(),
            version: probe.version.clone(),
        })
    }

    fn answers(&self, question: Question) -> bool {
        match question {
            Question::Height => self.height.is_some(),
            Question::PeerCount => self.peers.is_some(),
            Question::CatchingUp => self.catching_up.is_some(),
            // Who it is; a height alone is no status.
            Question::Status => self.height.is_some() && (self.chain_id.is_some() || self.node_id.is_some()),
            _ => false,
        }
    }

    fn status(&self, document: &Value) -> Result<Status, ProbeError> {
        let text = |place: &Option<String>| place.as_ref().map(|at| text(document, at)).transpose();
        let id = text(&self.node_id)?.map(|id| NodeId::new(id.trim_start_matches("0x").to_ascii_lowercase()));
        Ok(Status {
            node_id: id.transpose().map_err(|error| ProbeError::Unreadable(error.to_string()))?,
            network: text(&self.chain_id)?,
            version: text(&self.version).ok().flatten().unwrap_or_default(),
            height: self.height.as_ref().map_or(Ok(0), |at| number(document, at))?,
            catching_up: self.catching_up.as_ref().map_or(Ok(false), |at| flag(document, at))?,
            ..Status::default()
        })
    }
}

impl Dialect for Rest {
    fn request(&self, question: Question) -> Option<Request> {
        self.answers(question).then(|| Request::to(&self.port, self.path.clone(), None))
    }

    fn read(&self, question: Question, body: &[u8]) -> Result<Answer, ProbeError> {
        let body = text_of(body)?;
        let document: Value = serde_json::from_str(body)
            .map_err(|error| ProbeError::Unreadable(format!("{error}; it begins {:?}", first_part(body))))?;
        let at = |place: &Option<String>| place.clone().ok_or_else(|| missing(question.subject()));
        match question {
            Question::Status => Ok(Answer::Status(self.status(&document)?)),
            Question::Height => Ok(Answer::Height(number(&document, &at(&self.height)?)?)),
            Question::PeerCount => Ok(Answer::PeerCount(count(&document, &at(&self.peers)?)?)),
            Question::CatchingUp => Ok(Answer::CatchingUp(flag(&document, &at(&self.catching_up)?)?)),
            _ => Err(missing(question.subject())),
        }
    }

    fn says_when_behind(&self) -> bool {
        self.catching_up.is_some()
    }
}

fn is_pointer(text: &str) -> bool {
    text.starts_with('/') && text.len() <= LONGEST_POINTER && !text.contains(char::is_control)
}

/// A number of its own, or a quoted one; 63 bits, as everywhere.
fn number(document: &Value, at: &str) -> Result<u64, ProbeError> {
    let value = document.pointer(at).ok_or_else(|| missing(at))?;
    let digits = |text: &str| !text.is_empty() && text.len() < 20 && text.bytes().all(|c| c.is_ascii_digit());
    let quoted = || value.as_str().filter(|text| digits(text))?.parse().ok();
    let number = value.as_u64().or_else(quoted).filter(|number| i64::try_from(*number).is_ok());
    number.ok_or_else(|| ProbeError::Unreadable(format!("its `{at}` is no whole number")))
}

/// A number, or a list that is as long.
fn count(document: &Value, at: &str) -> Result<u64, ProbeError> {
    let count = match document.pointer(at) {
        Some(Value::Array(list)) => list.len() as u64,
        _ => number(document, at)?,
    };
    if count <= MOST_VALIDATORS as u64 {
        return Ok(count);
    }
    Err(ProbeError::Unreadable(format!("it has {count} peers, more than {MOST_VALIDATORS}")))
}

fn flag(document: &Value, at: &str) -> Result<bool, ProbeError> {
    let value = document.pointer(at).ok_or_else(|| missing(at))?;
    value.as_bool().ok_or_else(|| ProbeError::Unreadable(format!("its `{at}` is neither true nor false")))
}

/// A text, or a number as it is written.
fn text(document: &Value, at: &str) -> Result<String, ProbeError> {
    match document.pointer(at) {
        Some(Value::String(text)) => checked(text, at),
        Some(Value::Number(number)) => checked(&number.to_string(), at),
        _ => Err(missing(at)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chain::profile::ProbeKind;

    /// As a node of Aptos says of itself, with members that this test wants.
    const LEDGER: &str = r#"{"chain_id":4,"epoch":"3","ledger_version":"7421","oldest_ledger_version":"0",
        "ledger_timestamp":"1764570000000000","node_role":"full_node","oldest_block_height":"0","block_height":"2471",
        "git_hash":"7b0ff6","sync":{"behind":false},"peers":[{"id":"a"},{"id":"b"}]}"#;

    fn probe() -> Probe {
        let mut probe = Probe::of(ProbeKind::Rest, "api");
        probe.path = Some("/v1".to_owned());
        probe.height = Some("/block_height".to_owned());
        probe.chain_id = Some("/chain_id".to_owned());
        probe.version = Some("/git_hash".to_owned());
        probe
    }

    /// V3
    #[test]
    fn pointers_answer_questions() {
        let dialect = Rest::of(&probe()).unwrap();
        let asked = dialect.request(Question::Status).unwrap();
        assert_eq!((asked.port.as_str(), asked.path.as_str()), ("api", "/v1"));
        let Answer::Status(status) = dialect.read(Question::Status, LEDGER.as_bytes()).unwrap() else {
            panic!()
        };
        assert_eq!(
            (status.height, status.network.as_deref(), status.version.as_str()),
            (2471, Some("4"), "7b0ff6")
        );
        assert!(status.node_id.is_none() && dialect.request(Question::PeerCount).is_none());
        assert!(!dialect.says_when_behind());
        let mut more = probe();
        more.peers = Some("/peers".to_owned());
        more.catching_up = Some("/sync/behind".to_owned());
        let dialect = Rest::of(&more).unwrap();
        let read = |question| dialect.read(question, LEDGER.as_bytes()).unwrap();
        assert_eq!(read(Question::PeerCount), Answer::PeerCount(2));
        assert_eq!(read(Question::CatchingUp), Answer::CatchingUp(false));
        assert!(dialect.says_when_behind());
    }

    #[test]
    fn a_height_alone_is_no_status() {
        let mut alone = Probe::of(ProbeKind::Rest, "api");
        alone.height = Some("/height".to_owned());
        let dialect = Rest::of(&alone).unwrap();
        assert!(dialect.request(Question::Status).is_none() && dialect.request(Question::Height).is_some());
    }

    #[test]
    fn p7_what_a_document_says_has_an_end() {
        let mut probe = probe();
        probe.height = Some("/h".to_owned());
        probe.peers = Some("/p".to_owned());
        let dialect = Rest::of(&probe).unwrap();
        let read = |question, value: &str| {
            let body = format!("{{\"h\":{value},\"p\":{value},\"chain_id\":{value}}}");
            dialect.read(question, body.as_bytes()).map_err(|error| error.to_string())
        };
        assert_eq!(read(Question::Height, "\"9223372036854775807\""), Ok(Answer::Height(i64::MAX as u64)));
        for wrong in [
            "-1",
            "1.5",
            "\"\"",
            "\"1e3\"",
            "\"0x10\"",
            "null",
            "9223372036854775808",
            "1e30",
            "[]",
            "\" 7\"",
        ] {
            assert!(read(Question::Height, wrong).is_err(), "{wrong}");
        }
        assert!(read(Question::PeerCount, "10001").unwrap_err().contains("10001 peers"));
        assert!(read(Question::Status, "\"a\\nb\"").is_err());
        let long = format!("{{\"h\":1,\"chain_id\":\"{}\"}}", "x".repeat(1 << 20));
        assert!(dialect.read(Question::Status, long.as_bytes()).unwrap_err().to_string().len() < 200);
        assert!(dialect.read(Question::Height, b"<html>").unwrap_err().to_string().len() < 200);
        assert!(dialect.read(Question::Height, "[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        let mut wrong = probe();
        wrong.height = Some("block_height".to_owned());
        assert!(Rest::of(&wrong).err().unwrap().1.contains("`height`: \"block_height\" is no JSON pointer"));
        let none = Probe::of(ProbeKind::Rest, "api");
        assert!(Rest::of(&none).err().unwrap().1.contains("needs at least one"));
    }

    /// P7
    #[test]
    fn fuzz_rest() {
        let dialect = Rest::of(&probe()).unwrap();
        crate::fuzz::fuzz("rest", &[LEDGER.as_bytes(), br#"{"block_height":7,"chain_id":"x"}"#], |bytes| {
            [Question::Status, Question::Height].map(|question| dialect.read(question, bytes).is_ok())
        });
    }
}
