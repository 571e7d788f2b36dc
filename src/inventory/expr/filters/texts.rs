//! Filters of texts.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use minijinja::{Error, Value};
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

use super::super::{budget, text};
use super::arguments::{Arguments, Row, refused};
use super::operators::fit_replaced;

pub(super) const ROWS: &[Row] = &[
    ("string", &[], |value, _| Ok(text::of(value)?.into())),
    ("lower", &[], |value, _| Ok(text::of(value)?.to_lowercase().into())),
    ("upper", &[], |value, _| Ok(text::of(value)?.to_uppercase().into())),
    ("capitalize", &[], |value, _| Ok(capital(&text::of(value)?).into())),
    ("title", &[], title),
    ("trim", &["chars"], trim),
    ("indent", &["width", "first", "blank"], indent),
    ("replace", &["old", "new", "count"], replace),
    ("split", &["sep", "maxsplit"], split),
    ("quote", &[], quote),
    ("b64encode", &["encoding", "urlsafe"], b64encode),
    ("b64decode", &["encoding", "urlsafe"], b64decode),
    ("hash", &["hashtype"], hash),
    ("basename", &[], |value, _| Ok(last_part(whole(value)?).1.into())),
    ("dirname", &[], dirname),
    ("splitext", &[], splitext),
];

fn whole(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| refused("this filter takes a text"))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &chars.as_str().to_lowercase()
}

fn title(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let text = text::of(value)?;
    let begins_word = |c: char| c.is_whitespace() || matches!(c, '-' | '(' | '{' | '[' | '<');
    let words = text.split_inclusive(begins_word);
    Ok(words.map(capital).collect::<String>().into())
}

fn trim(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = text::of(value)?;
    let trimmed = match arguments.get(0).and_then(Value::as_str) {
        Some(chars) => text.trim_matches(|c| chars.contains(c)),
        None => text.trim(),
    };
    Ok(trimmed.into())
}

fn indent(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = text::of(value)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let width = usize::try_from(arguments.whole(0)?.unwrap_or(4)).unwrap_or(0);
    budget::fits(width)?;
    let (before, mut out) = (" ".repeat(width), String::new());
    for (nth, line) in text.split('\n').enumerate() {
        out.push_str(if nth > 0 { "\n" } else { "" });
        let is_first = nth == 0 && !arguments.flag(1);
        let is_blank = line.is_empty() && !arguments.flag(2);
        out.push_str(if is_first || is_blank { "" } else { &before });
        out.push_str(line);
        budget::fits(out.len())?;
    }
    Ok(out.strip_suffix('\n').unwrap_or(&out).into())
}

fn replace(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (text, old, new) =
        (text::of(value)?, text::of(arguments.needed(0)?)?, text::of(arguments.needed(1)?)?);
    fit_replaced(&text, &old, &new)?;
    let count = arguments.whole(2)?.and_then(|count| usize::try_from(count).ok());
    Ok(count.map_or_else(|| text.replace(&old, &new), |count| text.replacen(&old, &new, count)).into())
}

fn split(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = whole(value)?;
    let most = arguments
        .whole(1)?
        .and_then(|most| usize::try_from(most).ok())
        .map_or(usize::MAX, |most| most.saturating_add(1));
    let Some(separator) = arguments.get(0) else {
        let mut parts = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let at = if parts.len() + 1 >= most { None } else { rest.find(char::is_whitespace) };
            let (part, after) = rest.split_at(at.unwrap_or(rest.len()));
            parts.push(Value::from(part));
            rest = after.trim_start();
        }
        return Ok(parts.into());
    };
    let separator = separator.as_str().filter(|separator| !separator.is_empty());
    let separator = separator.ok_or_else(|| refused("`split` takes a text that is not empty"))?;
    Ok(text.splitn(most, separator).map(Value::from).collect())
}

/// As `shlex.quote` does it.
fn quote(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let text = text::of(value)?;
    let safe = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return Ok(text.into());
    }
    Ok(format!("'{}'", text.replace('\'', "'\"'\"'")).into())
}

fn only_utf8(arguments: &Arguments) -> Result<(), Error> {
    match arguments.get(0).and_then(Value::as_str) {
        None | Some("utf-8" | "utf8" | "ascii") => Ok(()),
        Some(other) => Err(refused(format!("the encoding {other} is not read here"))),
    }
}

fn b64encode(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    only_utf8(arguments)?;
    let engine = if arguments.flag(1) { &URL_SAFE } else { &STANDARD };
    Ok(engine.encode(text::of(value)?).into())
}

fn b64decode(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    only_utf8(arguments)?;
    let engine = if arguments.flag(1) { &URL_SAFE } else { &STANDARD };
    let bytes =
        engine.decode(whole(value)?).map_err(|error| refused(format!("this is not base64: {error}")))?;
    Ok(String::from_utf8(bytes).map_err(|_| refused("what it holds is no text"))?.into())
}

fn hash(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = text::of(value)?;
    let digest = match arguments.get(0).and_then(Value::as_str) {
        Some("sha224") => hex::encode(Sha224::digest(text)),
        Some("sha256") => hex::encode(Sha256::digest(text)),
        Some("sha384") => hex::encode(Sha384::digest(text)),
        Some("sha512") => hex::encode(Sha512::digest(text)),
        _ => return Err(refused("`hash` is sha224, sha256, sha384 or sha512 here")),
    };
    Ok(digest.into())
}

/// A path, split at its last slash.
fn last_part(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

fn dirname(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let head = last_part(whole(value)?).0;
    let trimmed = head.trim_end_matches('/');
    Ok(if trimmed.is_empty() { head } else { trimmed }.into())
}

/// Dots that begin the name are no ends.
fn splitext(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let path = whole(value)?;
    let name = last_part(path).1;
    let start = path.len() - name.trim_start_matches('.').len();
    let at = path[start..].rfind('.').map_or(path.len(), |at| start + at);
    Ok([&path[..at], &path[at..]].into_iter().collect())
}
