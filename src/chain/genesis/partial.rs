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
    /// What the tree leaves out: where in it, where in the text.
    kept: BTreeMap<Place, Range<usize>>,
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
        let mut kept = BTreeMap::new();
        let whole = text.as_str();
        let tree = Opening { whole, kept: &mut kept }.value(&mut Place::default(), whole.trim(), &tails);
        Self { text, tree, kept }
    }

    pub fn read(name: &str, rule: &Document, text: &'a str) -> Result<Self, GenesisProblem> {
        Ok(Self::of(Sound::read(name, text)?, rule, &[]))
    }

    /// As it came.
    pub fn text(&self) -> &Sound<'a> {
        &self.text
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
}

impl Opening<'_> {
    /// `value` is a part of the whole text; `tails` is what the paths that lead here still have before them.
    fn value(&mut self, place: &mut Place, value: &str, tails: &[Tail<'_>]) -> Value {
        if tails.iter().any(|tail| tail.ends_here()) {
            return serde_json::from_str(value).unwrap_or_default();
        }
        match parts(value) {
            Parts::Object(entries) if !tails.is_empty() => {
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
                let start = value.as_ptr().addr() - self.whole.as_ptr().addr();
                self.kept.insert(place.clone(), start..start + value.len());
                Value::Null
            }
        }
    }
}
