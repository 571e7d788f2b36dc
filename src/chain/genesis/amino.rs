//! JSON as Tendermint and CometBFT decode it (`libs/json`, before it go-amino): 64-bit numbers in quotes, times in UTC, bytes
//! as hex digits, interfaces with their registered name. Read off the text: escapes count, since the decoder does not undo them
//! in numbers, times and hex digits.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    path::Place,
    text::{Parts, parts},
    time,
};

/// A type of the chain's program, as far as its decoding goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// int64, int and time.Duration.
    Int,
    Unsigned,
    Text,
    Time,
    Hex,
    /// crypto.PubKey.
    PubKey,
    Many(&'static Kind),
    Struct(&'static [(&'static str, Kind)]),
    /// Not there and `null` are the same, and not the zero value.
    Optional(&'static Kind),
}

/// What is wrong with a value, and where.
pub(super) type Wrong = (Place, String);

/// The decoded value, with Go's zero values for what is missing; a number is a number. What cannot be decoded is its zero value
/// and in `wrong`.
pub(super) fn decode(kind: Kind, text: &str, at: &Place, wrong: &mut Vec<Wrong>) -> Value {
    if text == "null" {
        return zero(kind);
    }
    let decoded = match kind {
        Kind::Int => quoted(text).and_then(|inner| number::<i64>(inner, text)),
        Kind::Unsigned => quoted(text).and_then(|inner| number::<u64>(inner, text)),
        Kind::Text => serde_json::from_str::<String>(text)
            .map(Value::from)
            .map_err(|_| format!("{} is not a text", short(text))),
        Kind::Time => instant(text),
        Kind::Hex => hex_digits(text),
        Kind::PubKey => public_key(text),
        Kind::Optional(kind) => return decode(*kind, text, at, wrong),
        Kind::Many(kind) => match parts(text) {
            Parts::List(entries) => {
                let entry = |(index, text)| decode(*kind, text, &at.index(index), wrong);
                return Value::Array(entries.into_iter().enumerate().map(entry).collect());
            }
            _ => Err(format!("{} is not a list", short(text))),
        },
        Kind::Struct(fields) => match parts(text) {
            Parts::Object(entries) => {
                let field = |(name, kind): &(&str, Kind)| {
                    // Of two the last one counts.
                    let entry = entries.iter().rev().find(|(key, _)| key == name);
                    let value = entry
                        .map_or_else(|| zero(*kind), |(_, text)| decode(*kind, text, &at.key(name), wrong));
                    ((*name).to_owned(), value)
                };
                return Value::Object(fields.iter().map(field).collect());
            }
            _ => Err(format!("{} is not an object", short(text))),
        },
    };
    decoded.unwrap_or_else(|why| {
        wrong.push((at.clone(), format!("{why}: the chain would not start")));
        zero(kind)
    })
}

fn zero(kind: Kind) -> Value {
    match kind {
        Kind::Int | Kind::Unsigned => 0.into(),
        Kind::Text | Kind::Hex => "".into(),
        Kind::Time | Kind::PubKey | Kind::Optional(_) => Value::Null,
        Kind::Many(_) => Value::Array(Vec::new()),
        Kind::Struct(fields) => Value::Object(
            fields.iter().map(|(name, kind)| ((*name).to_owned(), zero(*kind))).collect::<Map<_, _>>(),
        ),
    }
}

/// Between the quotes, as it is written.
fn quoted(text: &str) -> Result<&str, String> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.ok_or_else(|| format!("{} is not a whole number in quotes", short(text)))
}

/// The text between the quotes is read as JSON once more: blanks around a number are nothing, and `null` changes nothing.
fn number<N: TryFrom<i128>>(inner: &str, text: &str) -> Result<Value, String>
where
    Value: From<N>,
{
    let digits = inner.trim_matches(' ');
    if digits == "null" {
        return Ok(0.into());
    }
    let wrong = || format!("{} is not a whole number in quotes", short(text));
    let plain = digits.strip_prefix('-').unwrap_or(digits);
    let is_json = !plain.is_empty()
        && plain.bytes().all(|b| b.is_ascii_digit())
        && (plain == "0" || !plain.starts_with('0'))
        // Go's ParseUint takes no sign at all.
        && (digits == plain || N::try_from(-1).is_ok());
    if !is_json {
        return Err(wrong());
    }
    let number = digits.parse::<i128>().ok().and_then(|number| N::try_from(number).ok());
    number.map(Value::from).ok_or_else(|| format!("{} does not fit 64 bits", short(text)))
}

fn instant(text: &str) -> Result<Value, String> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    if let Some(utc) = time::in_utc(inner).filter(|_| !inner.ends_with('Z')) {
        return Err(format!("{inner:?} has to be in UTC and end with Z: write {utc:?}"));
    }
    if !inner.ends_with('Z') || time::unix_seconds(inner).is_none() {
        return Err(format!("{} is not a time such as 2026-01-31T12:00:00Z", short(text)));
    }
    Ok(inner.into())
}

fn hex_digits(text: &str) -> Result<Value, String> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let bytes = inner.and_then(|inner| hex::decode(inner).ok());
    bytes
        .map(|bytes| hex::encode_upper(bytes).into())
        .ok_or_else(|| format!("{} is not a text of hex digits", short(text)))
}

/// `{type, value}`; of types that the built-in application knows, with as many bytes as one of the type has.
fn public_key(text: &str) -> Result<Value, String> {
    let Parts::Object(entries) = parts(text) else {
        return Err(format!("{} is not a public key", short(text)));
    };
    let last = |name: &str| entries.iter().rev().find(|(key, _)| key == name).map(|(_, text)| *text);
    let of_text = |name: &str| last(name).and_then(|text| serde_json::from_str::<String>(text).ok());
    let kind = of_text("type").ok_or_else(|| format!("{} has no text `type`", short(text)))?;
    let known = KEYS.iter().find(|(name, _)| *name == kind);
    let (_, size) = known.ok_or_else(|| format!("{kind:?} is no type of a validator's key"))?;
    let value = of_text("value").ok_or_else(|| format!("{} has no text `value`", short(text)))?;
    // Go passes over line ends, and over nothing else.
    let bytes = STANDARD
        .decode(value.replace(['\r', '\n'], ""))
        .map_err(|why| format!("{:?} is not base64: {why}", short(&value)))?;
    if bytes.len() != *size {
        return Err(format!("{:?} has {} bytes, a key of {kind} has {size}", short(&value), bytes.len()));
    }
    Ok(kind.into())
}

/// Names and sizes of keys that validators may have; those of the third line since 0.38.26, of the last in 0.40.
const KEYS: &[(&str, usize)] = &[
    ("tendermint/PubKeyEd25519", 32),
    ("tendermint/PubKeySecp256k1", 33),
    ("cometbft/PubKeyMlDsa65", 1952),
    ("tendermint/PubKeySecp256k1eth", 33),
];

/// As much of it as a message needs.
fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
