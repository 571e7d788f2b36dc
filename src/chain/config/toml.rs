//! Keys of a TOML file that `init` made: values change, comments and order stay.

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;
use toml_edit::{Array, Document as Read, Item, Key, Value as Toml};

use crate::problem::{Problem, nearest};

/// The text as it was read, and what goes in the place of some of its values: all else stays, byte for byte. (A tree that is
/// changed and written again makes a plan half as slow again.)
#[derive(Debug)]
pub struct Document {
    read: Read<String>,
    /// By where the value that it replaces begins.
    edits: BTreeMap<usize, (Range<usize>, Toml)>,
}

impl Document {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Problem> {
        let read = text.parse().map_err(|error| Problem::error(format!("{file} is not TOML: {error}")))?;
        Ok(Self { read, edits: BTreeMap::new() })
    }

    pub(super) fn read(&self, key: &str) -> Option<Value> {
        let parts = Key::parse(key).ok()?;
        let item = parts.iter().try_fold(self.read.as_item(), |item, part| item.get(part.get()))?;
        let found = item.as_value()?;
        let edit = found.span().and_then(|span| self.edits.get(&span.start));
        Some(to_json(edit.map_or(found, |(_, value)| value)))
    }

    pub(super) fn set(&mut self, file: &str, key: &str, wanted: &Value) -> Result<(), Problem> {
        let named = |problem: Problem| Problem { message: format!("{file}: {}", problem.message), ..problem };
        let (found, value) = fitting(self.read.as_item(), key, wanted).map_err(named)?;
        let nowhere = || named(Problem::error(format!("`{key}` has no place in the text")));
        let span = found.span().ok_or_else(nowhere)?;
        // What says the same already stays as it is written.
        if to_json(&value) == to_json(found) {
            self.edits.remove(&span.start);
        } else {
            self.edits.insert(span.start, (span, value));
        }
        Ok(())
    }

    pub(super) fn text(&self) -> String {
        let raw = self.read.raw();
        let (mut text, mut at) = (String::with_capacity(raw.len() + 256), 0);
        for (span, value) in self.edits.values() {
            text += &raw[at..span.start];
            text += &value.to_string();
            at = span.end;
        }
        text + &raw[at..]
    }
}

/// The key's value, and what belongs in its place.
fn fitting<'a>(root: &'a Item, key: &str, wanted: &Value) -> Result<(&'a Toml, Toml), Problem> {
    let parts = Key::parse(key).map_err(|_| Problem::error(format!("{key:?} is not a dotted key")))?;
    let mut item = root;
    for (nth, part) in parts.iter().enumerate() {
        item = item.get(part.get()).ok_or_else(|| {
            let above: Vec<_> = parts[..nth].iter().map(Key::get).collect();
            let known = item.as_table_like().into_iter().flat_map(|table| table.iter().map(|(key, _)| key));
            unknown(key, &above.join("."), part.get(), known)
        })?;
    }
    let Some(found) = item.as_value() else {
        return Err(Problem::error(format!("`{key}` is a section")).help("give the keys in it"));
    };
    let value = fit(found, wanted).ok_or_else(|| {
        Problem::error(format!("`{key}` is {}, so it cannot be {wanted}", found.type_name()))
    })?;
    Ok((found, value))
}

fn unknown<'a>(key: &str, above: &str, part: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let problem = Problem::error(format!("no key `{key}`: the node's own file does not have it"));
    match nearest(part, known) {
        Some(near) if above.is_empty() => problem.help(format!("is `{near}` meant?")),
        Some(near) => problem.help(format!("is `{above}.{near}` meant?")),
        None => problem.help("the file that `init` makes names every key there is"),
    }
}

/// The wanted value in the type that the file has; None where that would change its meaning.
fn fit(found: &Toml, wanted: &Value) -> Option<Toml> {
    match (found, wanted) {
        (Toml::String(_), Value::String(text)) => Some(Toml::from(text.as_str())),
        // `chunk_fetchers = "4"`: files quote numbers, people do not.
        (Toml::String(_), Value::Number(number)) => Some(Toml::from(number.to_string())),
        (Toml::Boolean(_), Value::Bool(flag)) => Some(Toml::from(*flag)),
        // What comes out of a `{{ }}` expression is a text.
        (Toml::Boolean(_), Value::String(text)) => text.parse::<bool>().ok().map(Toml::from),
        (Toml::Integer(_), Value::Number(number)) => number.as_i64().map(Toml::from),
        (Toml::Integer(_), Value::String(text)) => text.parse::<i64>().ok().map(Toml::from),
        (Toml::Float(_), Value::Number(number)) => number.as_f64().map(Toml::from),
        (Toml::Array(_), Value::Array(items)) => {
            items.iter().map(scalar).collect::<Option<Array>>().map(Toml::Array)
        }
        _ => None,
    }
}

fn scalar(value: &Value) -> Option<Toml> {
    match value {
        Value::String(text) => Some(Toml::from(text.as_str())),
        Value::Bool(flag) => Some(Toml::from(*flag)),
        Value::Number(number) => number.as_i64().map(Toml::from).or_else(|| number.as_f64().map(Toml::from)),
        _ => None,
    }
}

fn to_json(value: &Toml) -> Value {
    match value {
        Toml::String(text) => text.value().as_str().into(),
        Toml::Integer(number) => (*number.value()).into(),
        Toml::Float(number) => (*number.value()).into(),
        Toml::Boolean(flag) => (*flag.value()).into(),
        Toml::Datetime(time) => time.value().to_string().into(),
        Toml::Array(items) => items.iter().map(to_json).collect(),
        Toml::InlineTable(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.to_owned(), to_json(value))).collect())
        }
    }
}
