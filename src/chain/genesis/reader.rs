//! What the chain's program itself refuses in a document, as it does when it starts: the fields of CometBFT's genesis document
//! and of the Cosmos SDK's, and what a node demands of their values. Compared with the program over generated documents
//! (tests/e2e/verdicts.rs, which lists where the two differ on purpose).

use serde_json::Value;

use super::{
    GenesisProblem,
    amino::{Kind, Wrong, decode},
    gentx::wrong_books,
    partial::Partial,
    path::Place,
};
use crate::chain::profile::Reader;

const TEXTS: Kind = Kind::Many(&Kind::Text);

const BLOCK: Kind = Kind::Struct(&[("max_bytes", Kind::Int), ("max_gas", Kind::Int)]);

/// `max_age` is that of Tendermint before 0.33.
const EVIDENCE: Kind = Kind::Struct(&[
    ("max_age", Kind::Int),
    ("max_age_num_blocks", Kind::Int),
    ("max_age_duration", Kind::Int),
    ("max_bytes", Kind::Int),
]);

/// Of all releases: one passes over what it does not know.
const PARAMS: Kind = Kind::Struct(&[
    ("block", BLOCK),
    ("evidence", EVIDENCE),
    ("validator", Kind::Struct(&[("pub_key_types", TEXTS)])),
    ("version", Kind::Struct(&[("app", Kind::Unsigned), ("app_version", Kind::Unsigned)])),
    // 0.38 and later.
    ("abci", Kind::Struct(&[("vote_extensions_enable_height", Kind::Int)])),
    // 0.39 and later.
    ("authority", Kind::Struct(&[("authority", Kind::Text)])),
    // 1.0.
    ("synchrony", Kind::Struct(&[("precision", Kind::Int), ("message_delay", Kind::Int)])),
    (
        "feature",
        Kind::Struct(&[("vote_extensions_enable_height", Kind::Int), ("pbts_enable_height", Kind::Int)]),
    ),
    // Tendermint 0.27 names the block's limits so.
    ("block_size", BLOCK),
]);

const VALIDATORS: Kind = Kind::Many(&Kind::Struct(&[
    ("address", Kind::Hex),
    ("pub_key", Kind::PubKey),
    ("power", Kind::Int),
    ("name", Kind::Text),
]));

const PARAMS_OR_DEFAULT: Kind = Kind::Optional(&PARAMS);

/// CometBFT's, and Tendermint's.
const DOCUMENT: &[(&str, Kind)] = &[
    ("genesis_time", Kind::Time),
    ("chain_id", Kind::Text),
    ("initial_height", Kind::Int),
    ("consensus_params", PARAMS_OR_DEFAULT),
    ("validators", VALIDATORS),
    ("app_hash", Kind::Hex),
];

/// What of the SDK's document CometBFT's decoder reads.
const CONSENSUS: Kind = Kind::Struct(&[("validators", VALIDATORS), ("params", PARAMS_OR_DEFAULT)]);

/// All that the program refuses, by place.
pub(super) fn refused(name: &str, outline: &Partial<'_>, reader: Reader) -> Vec<GenesisProblem> {
    let is_of_the_sdk = reader == Reader::CosmosSdk && outline.tree.get("consensus").is_some();
    let mut wrong = Vec::new();
    if is_of_the_sdk {
        sdk(outline, &mut wrong);
    } else {
        cometbft(outline, reader, &mut wrong);
    }
    if reader == Reader::CosmosSdk {
        wrong_books(outline, &mut wrong);
    }
    wrong.into_iter().map(|(place, why)| GenesisProblem::new(name, why).at(place)).collect()
}

fn cometbft(outline: &Partial<'_>, reader: Reader, wrong: &mut Vec<Wrong>) {
    let root = Place::default();
    let read = |(field, kind): &(&str, Kind)| {
        let text = outline.below(&[field]);
        let value = decode(*kind, text.as_deref().unwrap_or("null"), &root.key(field), wrong);
        ((*field).to_owned(), value)
    };
    let document = Value::Object(DOCUMENT.iter().map(read).collect());
    if document["chain_id"] == "" {
        wrong.push((root.key("chain_id"), not_started("is missing or empty")));
    }
    if reader == Reader::Tendermint {
        return;
    }
    match document["initial_height"].as_i64() {
        Some(..0) => wrong.push((root.key("initial_height"), not_started("is less than 0"))),
        // There has to be one more.
        Some(i64::MAX) => {
            wrong.push((root.key("initial_height"), not_started("is the last height that there is")));
        }
        _ => {}
    }
    let validators = document["validators"].as_array().map_or(0, Vec::len);
    params(&document["consensus_params"], &root.key("consensus_params"), (validators, reader), wrong);
    keys(&document["validators"], &root.key("validators"), wrong);
}

/// Go's own decoder reads what is around `consensus`: numbers without quotes, bytes in base64, a time of any zone.
fn sdk(outline: &Partial<'_>, wrong: &mut Vec<Wrong>) {
    let root = Place::default();
    let text = |field: &str| outline.below(&[field]).filter(|text| text != "null");
    for field in ["app_name", "app_version", "chain_id"] {
        if let Some(text) = text(field) {
            decode(Kind::Text, &text, &root.key(field), wrong);
        }
    }
    if text("chain_id").is_none_or(|id| id == "\"\"") {
        wrong.push((root.key("chain_id"), not_started("is missing or empty")));
    }
    if let Some(height) = text("initial_height") {
        let why = match serde_json::from_str::<i64>(&height) {
            Err(_) if height.starts_with('"') => {
                Some("has to be a number without quotes: the SDK would pass over `consensus`".to_owned())
            }
            Err(_) => Some(not_started(&format!("{height} is not a whole number"))),
            Ok(height) => (height < 0).then(|| not_started("is less than 0")),
        };
        wrong.extend(why.map(|why| (root.key("initial_height"), why)));
    }
    if let Some(hash) = text("app_hash") {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let bytes = serde_json::from_str::<String>(&hash).ok().filter(|text| STANDARD.decode(text).is_ok());
        if bytes.is_none() {
            wrong.push((root.key("app_hash"), not_started("is not base64")));
        }
    }
    let at = root.key("consensus");
    let consensus = text("consensus");
    let Some(consensus) = consensus else {
        wrong.push((at, not_started("is missing")));
        return;
    };
    let read = decode(CONSENSUS, &consensus, &at, wrong);
    let validators =
        outline.tree.pointer("/app_state/genutil/gen_txs").and_then(Value::as_array).map_or(0, Vec::len);
    params(&read["params"], &at.key("params"), (validators, Reader::CosmosSdk), wrong);
    keys(&read["validators"], &at.key("validators"), wrong);
}

fn not_started(why: &str) -> String {
    format!("{why}: the chain would not start")
}

/// `ConsensusParams.ValidateBasic`, and what a node needs beside it. Not there, or `null`: the defaults.
fn params(params: &Value, at: &Place, of: (usize, Reader), wrong: &mut Vec<Wrong>) {
    if params.is_null() {
        return;
    }
    let number = |group: &str, field: &str| params[group][field].as_i64().unwrap_or_default();
    let mut refuse = |group: &str, field: &str, why: &str| {
        wrong.push((at.key(group).key(field), not_started(why)));
    };
    let max_bytes = number("block", "max_bytes");
    let room = if max_bytes == -1 { BLOCK_LIMIT } else { max_bytes };
    match max_bytes {
        0 => refuse("block", "max_bytes", "0 is never allowed (or it is missing)"),
        ..=-2 => refuse("block", "max_bytes", &format!("{max_bytes} is less than -1")),
        _ if max_bytes > BLOCK_LIMIT => {
            refuse("block", "max_bytes", &format!("{max_bytes} is more than {BLOCK_LIMIT}"));
        }
        _ if room < smallest(of) => {
            let (validators, least) = (of.0, smallest(of));
            let why = format!(
                "{max_bytes} is no room for a block: header and signatures of {validators} validators take up to {least}"
            );
            refuse("block", "max_bytes", &why);
        }
        _ => {}
    }
    if number("block", "max_gas") < -1 {
        refuse("block", "max_gas", "is less than -1");
    }
    for field in ["max_age_num_blocks", "max_age_duration"] {
        if number("evidence", field) <= 0 {
            refuse("evidence", field, "is not above 0 (or it is missing)");
        }
    }
    match number("evidence", "max_bytes") {
        ..0 => refuse("evidence", "max_bytes", "is less than 0"),
        bytes if room > 0 && bytes > room => {
            refuse("evidence", "max_bytes", &format!("{bytes} is more than block.max_bytes, {room}"));
        }
        _ => {}
    }
    for (group, field) in [
        ("abci", "vote_extensions_enable_height"),
        ("feature", "vote_extensions_enable_height"),
        ("feature", "pbts_enable_height"),
    ] {
        if number(group, field) < 0 {
            refuse(group, field, "is less than 0");
        }
    }
    if params["authority"]["authority"].as_str().is_some_and(|authority| authority.len() > 256) {
        refuse("authority", "authority", "has more than 256 bytes");
    }
    let types = params["validator"]["pub_key_types"].as_array().map_or(&[][..], Vec::as_slice);
    if types.is_empty() {
        refuse("validator", "pub_key_types", "is empty (or missing)");
    }
    for unknown in types.iter().filter(|kind| !kind.as_str().is_some_and(|kind| KEY_TYPES.contains(&kind))) {
        refuse(
            "validator",
            "pub_key_types",
            &format!("{unknown} is no type of a key (known: {})", KEY_TYPES.join(", ")),
        );
    }
}

/// What pub_key_types may name: all releases, 0.38.26 and 0.40, 0.40.
const KEY_TYPES: &[&str] = &["ed25519", "secp256k1", "ml_dsa_65", "secp256k1eth"];

/// MaxBlockSizeBytes.
const BLOCK_LIMIT: i64 = 104_857_600;

/// Header, overhead and a commit of so many validators: with less, the node ends at its start. From 0.38.26 on a signature may have
/// 3309 bytes, whatever keys there are; the SDK 0.50 comes with releases before it.
fn smallest((validators, reader): (usize, Reader)) -> i64 {
    let signature = if reader == Reader::CosmosSdk { 109 + 3 } else { 3309 + 20 + 1 + 14 + 11 + 3 };
    11 + 626 + 94 + signature * i64::try_from(validators).unwrap_or(i64::MAX / signature / 2)
}

/// A validator without a key. The rest of a validator is judged by the profile's rule.
fn keys(validators: &Value, at: &Place, wrong: &mut Vec<Wrong>) {
    for (index, validator) in validators.as_array().into_iter().flatten().enumerate() {
        if validator["pub_key"].is_null() {
            wrong.push((at.index(index).key("pub_key"), not_started("is not a public key")));
        }
    }
}
