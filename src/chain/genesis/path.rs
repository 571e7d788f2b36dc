//! Where something stands in a JSON document: by key, by index, or by what an entry contains.
//!
//! `contracts[name=dposV3|dposV2].init.validators`, `contracts[*].init.owner`, `validators[0].power`. A part in
//! double quotes may hold dots. A plain number on an array is an index (`validators.0.power`).

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::types::{ids::Invalid, nearest::nearest};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Key(String),
    Index(usize),
    Every,
    Where { field: String, values: Vec<String> },
}

/// A path that may match several places of a document.
#[derive(Debug, Clone, PartialEq, Eq, Default, schemars::JsonSchema)]
#[schemars(with = "String")]
pub struct DocPath {
    text: String,
    parts: Vec<Part>,
}

/// One step of a place that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Index(usize),
}

/// One place of one document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place(Vec<Step>);

/// What is left of a path at a place that it leads through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail<'a>(Left<'a>);

#[derive(Debug, Clone, Copy)]
enum Left<'a> {
    Parts(&'a [Part]),
    /// What `[field=…]` looks at in each entry.
    Field(&'a str),
}

impl DocPath {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bad = |why: &str| Invalid { what: "path", why: format!("{text:?} {why}") };
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (inside, after) = inner.split_once(']').ok_or_else(|| bad("has a `[` without `]`"))?;
                parts.push(bracket(inside).ok_or_else(|| bad("has an empty or unknown `[…]`"))?);
                rest = after;
            } else if let Some(inner) = rest.strip_prefix('"') {
                let (key, after) = inner.split_once('"').ok_or_else(|| bad("has an open quote"))?;
                parts.push(Part::Key(key.to_owned()));
                rest = after;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                parts.push(Part::Key(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            if matches!(parts.last(), Some(Part::Key(key)) if key.is_empty()) {
                return Err(bad("has an empty part"));
            }
            match rest.strip_prefix('.') {
                Some("") => return Err(bad("ends with a dot")),
                Some(after) => rest = after,
                None if rest.is_empty() || rest.starts_with('[') => {}
                None => return Err(bad("needs a dot between two parts")),
            }
        }
        if parts.is_empty() {
            return Err(bad("is empty"));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Every place of the document that the path names, in the document's order.
    pub fn places(&self, document: &Value) -> Vec<Place> {
        let mut found = vec![Place::default()];
        for part in &self.parts {
            found = found.iter().flat_map(|place| place.below(document, part)).collect();
        }
        found
    }

    /// What stands at the first of these places.
    pub fn first<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.places(document).first()?.get(document)
    }

    /// Where the path picks entries of a list by a member of theirs: the keys down to the list, and that member.
    pub(super) fn named_list(&self) -> Option<(Vec<&str>, &str)> {
        let mut keys = Vec::new();
        for part in &self.parts {
            match part {
                Part::Key(key) => keys.push(key.as_str()),
                Part::Where { field, .. } => return Some((keys, field)),
                Part::Index(_) | Part::Every => return None,
            }
        }
        None
    }

    pub(super) fn tail(&self) -> Tail<'_> {
        Tail(Left::Parts(&self.parts))
    }

    /// Why `places` is empty: the first part that is not there, and the key that may have been meant.
    pub fn missing(&self, document: &Value) -> String {
        let mut found = vec![Place::default()];
        for part in &self.parts {
            let next: Vec<_> = found.iter().flat_map(|place| place.below(document, part)).collect();
            if next.is_empty() {
                return describe_missing(document, found.first(), part);
            }
            found = next;
        }
        format!("`{self}` is there")
    }
}

impl Tail<'_> {
    /// The path means this place, with all that is in it.
    pub fn ends_here(self) -> bool {
        matches!(self.0, Left::Parts([]))
    }

    pub fn below_key(self, key: &str) -> Option<Self> {
        match self.0 {
            Left::Parts([Part::Key(wanted), rest @ ..]) if wanted == key => Some(Self(Left::Parts(rest))),
            Left::Field(wanted) if wanted == key => Some(Self(Left::Parts(&[]))),
            _ => None,
        }
    }

    /// Below an entry of a list. Which one a `[field=…]` means is only known when it has been read: it may be each.
    pub fn below_index(self, index: usize) -> impl Iterator<Item = Self> {
        let (rest, field) = match self.0 {
            Left::Parts([Part::Key(key), rest @ ..]) if key.parse() == Ok(index) => (Some(rest), None),
            Left::Parts([Part::Index(wanted), rest @ ..]) if *wanted == index => (Some(rest), None),
            Left::Parts([Part::Every, rest @ ..]) => (Some(rest), None),
            Left::Parts([Part::Where { field, .. }, rest @ ..]) => (Some(rest), Some(field.as_str())),
            _ => (None, None),
        };
        rest.map(Left::Parts).into_iter().chain(field.map(Left::Field)).map(Self)
    }
}

fn bracket(inside: &str) -> Option<Part> {
    if inside == "*" {
        return Some(Part::Every);
    }
    if let Ok(index) = inside.parse() {
        return Some(Part::Index(index));
    }
    let (field, values) = inside.split_once('=')?;
    let values: Vec<String> = values.split('|').map(str::to_owned).collect();
    (!field.is_empty() && values.iter().all(|v| !v.is_empty()))
        .then(|| Part::Where { field: field.to_owned(), values })
}

fn describe_missing(document: &Value, deepest: Option<&Place>, part: &Part) -> String {
    let place = deepest.cloned().unwrap_or_default();
    let at = if place.0.is_empty() { "the document".to_owned() } else { format!("`{place}`") };
    match (part, place.get(document)) {
        (Part::Key(key), Some(Value::Object(map))) => {
            let keys: Vec<_> = map.keys().map(String::as_str).collect();
            let hint = nearest(key, keys.iter().copied()).map(|near| format!("is `{near}` meant?"));
            let hint = hint.unwrap_or_else(|| format!("it has {}", keys[..keys.len().min(12)].join(", ")));
            format!("{at} has no `{key}`; {hint}")
        }
        (Part::Key(key), _) => format!("{at} has no keys, so no `{key}`"),
        (Part::Index(index), Some(Value::Array(items))) => {
            format!("{at} has {} entries, so no [{index}]", items.len())
        }
        (Part::Where { field, values }, Some(Value::Array(_))) => {
            format!("{at} has no entry whose `{field}` is {}", values.join(" or "))
        }
        (Part::Every, Some(Value::Array(_))) => format!("{at} is empty"),
        _ => format!("{at} is no list"),
    }
}

impl Place {
    /// The steps from here that `part` allows.
    fn below(&self, document: &Value, part: &Part) -> Vec<Self> {
        let here = self.get(document);
        let step = |step| {
            let mut steps = self.0.clone();
            steps.push(step);
            Self(steps)
        };
        match (part, here) {
            (Part::Key(key), Some(Value::Object(map))) if map.contains_key(key) => {
                vec![step(Step::Key(key.clone()))]
            }
            (Part::Key(key), Some(Value::Array(items))) => match key.parse::<usize>() {
                Ok(index) if index < items.len() => vec![step(Step::Index(index))],
                _ => Vec::new(),
            },
            (Part::Index(index), Some(Value::Array(items))) if *index < items.len() => {
                vec![step(Step::Index(*index))]
            }
            (Part::Every, Some(Value::Array(items))) => {
                (0..items.len()).map(|index| step(Step::Index(index))).collect()
            }
            (Part::Where { field, values }, Some(Value::Array(items))) => {
                let says = |item: &Value| {
                    item.get(field).and_then(Value::as_str).is_some_and(|v| values.iter().any(|x| x == v))
                };
                (0..items.len()).filter(|i| says(&items[*i])).map(|i| step(Step::Index(i))).collect()
            }
            _ => Vec::new(),
        }
    }

    pub fn get<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }

    pub fn get_mut<'a>(&self, document: &'a mut Value) -> Option<&'a mut Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(index),
        })
    }

    /// One step down, for who walks through a document; `pop` is the way back.
    pub(super) fn push_key(&mut self, key: &str) {
        self.0.push(Step::Key(key.to_owned()));
    }

    pub(super) fn push_index(&mut self, index: usize) {
        self.0.push(Step::Index(index));
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    /// The place of a key or an entry below this one, whether it exists or not.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    /// The place that a path of keys and indices names below this one, whether it exists or not.
    #[must_use]
    pub fn under(&self, path: &DocPath) -> Self {
        let mut steps = self.0.clone();
        steps.extend(path.parts.iter().filter_map(|part| match part {
            Part::Key(key) => Some(Step::Key(key.clone())),
            Part::Index(index) => Some(Step::Index(*index)),
            Part::Every | Part::Where { .. } => None,
        }));
        Self(steps)
    }

    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }
}

impl fmt::Display for DocPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if nth == 0 { "" } else { "." };
                    if key.is_empty() || key.contains(['.', '[', ']', '"']) {
                        write!(f, "{dot}{key:?}")?;
                    } else {
                        write!(f, "{dot}{key}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for DocPath {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn found(path: &str, document: &Value) -> Vec<String> {
        DocPath::parse(path).unwrap().places(document).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn entries_are_found_by_name_and_not_by_position() {
        let document =
            json!({"contracts": [{"name": "coin"}, {"name": "dposV3", "init": {"validators": [1]}}]});
        assert_eq!(
            found("contracts[name=dpos|dposV3].init.validators", &document),
            ["contracts[1].init.validators"]
        );
        assert_eq!(found("contracts[*].name", &document), ["contracts[0].name", "contracts[1].name"]);
        assert_eq!(found("contracts.1.init.validators[0]", &document), ["contracts[1].init.validators[0]"]);
        assert!(found("contracts[name=other]", &document).is_empty());
    }

    #[test]
    fn what_is_missing_is_said_with_the_nearest_key() {
        let document = json!({"consensus_params": {"block": {"max_gas": "-1"}}, "list": [1]});
        let why = |path: &str| DocPath::parse(path).unwrap().missing(&document);
        assert_eq!(
            why("consensus_params.block.max_gass"),
            "`consensus_params.block` has no `max_gass`; is `max_gas` meant?"
        );
        assert_eq!(why("list[3]"), "`list` has 1 entries, so no [3]");
        assert_eq!(
            why("consensus_params.block.max_gas.x"),
            "`consensus_params.block.max_gas` has no keys, so no `x`"
        );
    }

    #[test]
    fn broken_paths_are_refused() {
        for path in ["", ".", "a.", "a..b", "a[", "a[]", "a[=x]", "a[x=]", "a]b\"", "\"a", "a[0]b"] {
            let parsed = DocPath::parse(path);
            assert!(parsed.is_err() || path == "a]b\"", "{path:?}");
        }
        assert_eq!(found("\"a.b\".c", &json!({"a.b": {"c": 1}})), ["\"a.b\".c"]);
    }
}
