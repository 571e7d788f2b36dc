//! Where the values of a TOML text stand, and what they are.

mod limits;
mod plain;

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use serde_json::Value;
use toml_edit::{Document, Item, Key, TableLike, TomlError, Value as Toml};

/// Bytes of an error with its line.
const MAX_SAID: usize = 1000;

/// A value in a text.
#[derive(Debug, PartialEq)]
pub struct Place {
    pub span: Range<usize>,
    /// The parser's word for its type: `string`, `integer`, …
    pub kind: &'static str,
    pub value: Value,
}

/// The values of a text by their dotted keys, as TOML writes these when it can do without quotes; of an inline table its
/// entries beside itself. Read and kept of thousands of files, for which a tree of each would be too much.
#[derive(Debug)]
pub struct Places(HashMap<String, Place>);

impl Places {
    pub(super) fn of(text: &str) -> Result<Self, String> {
        plain::places(text)?.map_or_else(|| Self::of_tree(text), |places| Ok(Self(places)))
    }

    fn of_tree(text: &str) -> Result<Self, String> {
        let read = Document::parse(text).map_err(|error| said(text, &error))?;
        let mut places = HashMap::new();
        table(&mut places, "", read.as_table());
        Ok(Self(places))
    }

    pub fn get(&self, key: &str) -> Option<&Place> {
        // Nearly always it is written as it stands here.
        self.0.get(key).or_else(|| self.0.get(&dotted(&Key::parse(key).ok()?)))
    }

    /// The names that stand under `above`, of values and of tables with any.
    pub fn below(&self, above: &[Key]) -> Vec<String> {
        let under = if above.is_empty() { String::new() } else { dotted(above) + "." };
        let below: BTreeSet<&str> = self.0.keys().filter_map(|key| key.strip_prefix(&under)).collect();
        let name = |key: &str| Some(Key::parse(key).ok()?.first()?.get().to_owned());
        below.into_iter().filter_map(name).collect()
    }
}

/// What the parser says, with the line that it is about unless that is endless.
fn said(text: &str, error: &TomlError) -> String {
    let whole = error.to_string();
    if whole.len() <= MAX_SAID {
        return whole;
    }
    let before = &text.as_bytes()[..error.span().map_or(0, |span| span.start).min(text.len())];
    let line = before.split(|byte| *byte == b'\n').count();
    let why: String = error.message().chars().take(MAX_SAID).collect();
    format!("line {line}: {why}")
}

/// The parts of a key in the form that it has here.
fn dotted(parts: &[Key]) -> String {
    parts.iter().fold(String::new(), |above, part| joined(&above, part.get()))
}

fn joined(above: &str, name: &str) -> String {
    let is_bare = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
    let mut key = above.to_owned();
    key += if above.is_empty() { "" } else { "." };
    if is_bare { key + name } else { key + &Key::new(name).to_string() }
}

fn table(places: &mut HashMap<String, Place>, above: &str, table: &dyn TableLike) {
    for (name, item) in table.iter() {
        let key = joined(above, name);
        match item {
            Item::Value(value) => self::value(places, key, value),
            Item::Table(below) => self::table(places, &key, below),
            Item::ArrayOfTables(_) | Item::None => {}
        }
    }
}

fn value(places: &mut HashMap<String, Place>, key: String, value: &Toml) {
    if let Toml::InlineTable(below) = value {
        table(places, &key, below);
    }
    if let Some(span) = value.span() {
        places.insert(key, Place { span, kind: value.type_name(), value: json(value) });
    }
}

pub fn json(value: &Toml) -> Value {
    match value {
        Toml::String(text) => text.value().as_str().into(),
        Toml::Integer(number) => (*number.value()).into(),
        Toml::Float(number) => (*number.value()).into(),
        Toml::Boolean(flag) => (*flag.value()).into(),
        Toml::Datetime(time) => time.value().to_string().into(),
        Toml::Array(items) => items.iter().map(json).collect(),
        Toml::InlineTable(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.to_owned(), json(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    const TEXT: &str =
        "a = 1\n'b.c'.\"d e\" = 'x'\n\n[t]\nu.v = true\nw = { x = [1, 2], y = 1.5 }\n\n[[list]]\nz = 1\n";

    #[test]
    fn every_value_has_its_place() {
        let places = Places::of(TEXT).unwrap();
        let found = |key: &str| {
            places.get(key).map(|place| (place.kind, place.value.clone(), &TEXT[place.span.clone()]))
        };
        assert_eq!(found("a"), Some(("integer", json!(1), "1")));
        for key in ["'b.c'.\"d e\"", "\"b.c\" . 'd e'"] {
            assert_eq!(found(key), Some(("string", json!("x"), "'x'")), "{key}");
        }
        assert_eq!(found("t.u.v"), Some(("boolean", json!(true), "true")));
        assert_eq!(found("t.w.x"), Some(("array", json!([1, 2]), "[1, 2]")));
        assert_eq!(found("t.w").unwrap().1, json!({"x": [1, 2], "y": 1.5}));
        for nowhere in ["t", "t.u", "list", "list.z", "b.c.d e", "", "t."] {
            assert!(found(nowhere).is_none(), "{nowhere}");
        }
    }

    #[test]
    fn what_stands_under_a_key_is_known_by_name() {
        let places = Places::of(TEXT).unwrap();
        let below = |key: &str| places.below(&Key::parse(key).unwrap_or_default());
        assert_eq!(below(""), ["b.c", "a", "t", "t", "t", "t"]);
        assert_eq!(below("'b.c'"), ["d e"]);
        assert_eq!(below("t.w"), ["x", "y"]);
        assert!(below("a").is_empty());
    }
}
