//! A document of which only what rules speak about is a tree of values.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Range};

use serde_json::Value;

use super::{
    GenesisProblem,
    layout::{Layout, lay},
    path::{DocPath, Place, Tail},
    text::{Parts, Sound, parts},
};
use crate::chain::profile::Document;

/// Its text, with the tree of the places that some paths lead to. Everything else stays text, and is `null` in the tree.
#[derive(Debug, Clone)]
pub struct Partial<'a> {
    text: Sound<'a>,
    /// May be changed where a path leads; written so.
    pub tree: Value,
    /// The tree as it was read.
    read: Value,
    /// What the tree leaves out: where in it, where in the text.
    kept: BTreeMap<Place, Range<usize>>,
    /// And what it has, down to where a path ends.
    opened: BTreeMap<Place, Range<usize>>,
}

impl<'a> Partial<'a> {
    /// All that the rules of a document speak about, and `more`.
    pub fn of(text: Sound<'a>, rule: &Document, more: &[DocPath]) -> Self {
        let ids = rule.chain_id.iter().flat_map(|rule| &rule.at);
        let ruled = ids
            .chain(&rule.genesis_time)
            .chain([&rule.validators.at])
            .chain(&rule.may_differ)
            .chain(&rule.quoted)
            .chain(
                rule.limits
                    .iter()
                    .flat_map(|limit| [Some(&limit.at), limit.not_above.as_ref()].into_iter().flatten()),
            );
        let tails: Vec<Tail<'_>> = ruled.chain(more).map(DocPath::tail).collect();
        let (mut kept, mut opened) = (BTreeMap::new(), BTreeMap::new());
        let whole = text.as_str();
        let mut opening = Opening { whole, kept: &mut kept, opened: &mut opened };
        let tree = opening.value(&mut Place::default(), whole.trim(), &tails);
        Self { text, read: tree.clone(), tree, kept, opened }
    }

    pub fn read(name: &str, rule: &Document, text: &'a str) -> Result<Self, GenesisProblem> {
        Ok(Self::of(Sound::read(name, text)?, rule, &[]))
    }

    /// As it came.
    pub fn text(&self) -> &Sound<'a> {
        &self.text
    }

    /// What stands below these keys: as it is written, or as it will be written where it was changed. `None`: nothing.
    pub fn below(&self, keys: &[&str]) -> Option<Cow<'_, str>> {
        let (mut place, mut value, mut read) = (Place::default(), &self.tree, Some(&self.read));
        for (depth, key) in keys.iter().enumerate() {
            if let Some(range) = self.kept.get(&place) {
                return below(&self.text.as_str()[range.clone()], &keys[depth..]).map(Cow::Borrowed);
            }
            place.push_key(key);
            value = value.get(key)?;
            read = read.and_then(|read| read.get(key));
        }
        let range = self.kept.get(&place).or_else(|| self.opened.get(&place).filter(|_| read == Some(value)));
        if let Some(range) = range {
            return Some(self.text.as_str()[range.clone()].into());
        }
        let mut text = String::new();
        self.lay(&mut place, value, Layout::Line, &mut text).ok()?;
        Some(text.into())
    }

    fn lay(
        &self,
        place: &mut Place,
        value: &Value,
        layout: Layout,
        out: &mut impl fmt::Write,
    ) -> fmt::Result {
        let next = |first: bool, out: &mut _| -> fmt::Result {
            if !first {
                fmt::Write::write_char(out, ',')?;
            }
            layout.deeper().next_line(out)
        };
        match value {
            Value::Null => match self.kept.get(place) {
                Some(range) => lay(&self.text.as_str()[range.clone()], layout, out),
                None => out.write_str("null"),
            },
            Value::Object(map) if !map.is_empty() => {
                out.write_char('{')?;
                for (nth, (key, value)) in map.iter().enumerate() {
                    next(nth == 0, out)?;
                    write!(out, "{}", Value::from(key.as_str()))?;
                    layout.colon(out)?;
                    place.push_key(key);
                    self.lay(place, value, layout.deeper(), out)?;
                    place.pop();
                }
                layout.next_line(out)?;
                out.write_char('}')
            }
            Value::Array(entries) if !entries.is_empty() => {
                out.write_char('[')?;
                for (nth, value) in entries.iter().enumerate() {
                    next(nth == 0, out)?;
                    place.push_index(nth);
                    self.lay(place, value, layout.deeper(), out)?;
                    place.pop();
                }
                layout.next_line(out)?;
                out.write_char(']')
            }
            plain => write!(out, "{plain}"),
        }
    }
}

/// The bytes that belong on every host.
impl fmt::Display for Partial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lay(&mut Place::default(), &self.tree, Layout::Lines(0), f)?;
        f.write_str("\n")
    }
}

struct Opening<'o> {
    whole: &'o str,
    kept: &'o mut BTreeMap<Place, Range<usize>>,
    opened: &'o mut BTreeMap<Place, Range<usize>>,
}

/// Down from a value of a sound text.
fn below<'v>(value: &'v str, keys: &[&str]) -> Option<&'v str> {
    keys.iter().try_fold(value, |value, key| match parts(value) {
        Parts::Object(entries) => {
            entries.into_iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
        }
        _ => None,
    })
}

impl Opening<'_> {
    /// `value` is a part of the whole text; `tails` is what the paths that lead here still have before them.
    fn value(&mut self, place: &mut Place, value: &str, tails: &[Tail<'_>]) -> Value {
        let start = value.as_ptr().addr() - self.whole.as_ptr().addr();
        let range = start..start + value.len();
        if tails.iter().any(|tail| tail.ends_here()) {
            self.opened.insert(place.clone(), range);
            return serde_json::from_str(value).unwrap_or_default();
        }
        match parts(value) {
            Parts::Object(entries) if !tails.is_empty() => {
                self.opened.insert(place.clone(), range);
                let entry = |(key, value): (Cow<'_, str>, &str)| {
                    let below: Vec<_> = tails.iter().filter_map(|tail| tail.below_key(&key)).collect();
                    place.push_key(&key);
                    let value = self.value(place, value, &below);
                    place.pop();
                    (key.into_owned(), value)
                };
                Value::Object(entries.into_iter().map(entry).collect())
            }
            Parts::List(entries) if !tails.is_empty() => {
                self.opened.insert(place.clone(), range);
                let entry = |(index, value): (usize, &str)| {
                    let below: Vec<_> = tails.iter().flat_map(|tail| tail.below_index(index)).collect();
                    place.push_index(index);
                    let value = self.value(place, value, &below);
                    place.pop();
                    value
                };
                Value::Array(entries.into_iter().enumerate().map(entry).collect())
            }
            _ => {
                self.kept.insert(place.clone(), range);
                Value::Null
            }
        }
    }
}
