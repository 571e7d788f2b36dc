//! Keys of a TOML file that `init` made: values change, comments and order stay.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use serde_json::Value;
use toml_edit::{Array, Key, Value as Toml};

use crate::types::{
    diagnostic::Diagnostic,
    nearest::nearest,
    text::{Place, Places, Text, json},
};

/// The text as it was read, and what goes in the place of some of its values: all else stays, byte for byte.
#[derive(Debug)]
pub struct Document {
    text: Text,
    /// By where the value that it replaces begins.
    edits: BTreeMap<usize, (Range<usize>, Toml)>,
}

impl Document {
    pub(super) fn parse(file: &str, text: &Text) -> Result<Self, Diagnostic> {
        text.toml()
            .map_err(|why| Diagnostic::error(format!("{file} is not TOML that can be read: {why}")))?;
        Ok(Self { text: text.clone(), edits: BTreeMap::new() })
    }

    pub(super) fn read(&self, key: &str) -> Option<Value> {
        let place = self.text.toml().ok()?.get(key)?;
        let edit = self.edits.get(&place.span.start);
        Some(edit.map_or_else(|| place.value.clone(), |(_, value)| json(value)))
    }

    pub(super) fn set(&mut self, file: &str, key: &str, wanted: &Value) -> Result<(), Diagnostic> {
        let named = |why: &str| Diagnostic::error(format!("{file}: {why}"));
        let places = self.text.toml().map_err(named)?;
        let place = places.get(key).ok_or_else(|| {
            let problem = nowhere(places, key);
            Diagnostic { message: format!("{file}: {}", problem.message), ..problem }
        })?;
        let unfit = || named(&format!("`{key}` is {}, so it cannot be {wanted}", place.kind));
        let value = fit(place, wanted).ok_or_else(unfit)?;
        // What says the same already stays as it is written.
        if json(&value) == place.value {
            self.edits.remove(&place.span.start);
        } else {
            self.edits.insert(place.span.start, (place.span.clone(), value));
        }
        Ok(())
    }

    pub(super) fn text(&self) -> Text {
        if self.edits.is_empty() {
            return self.text.clone();
        }
        let (mut parts, mut at) = (Vec::with_capacity(2 * self.edits.len() + 1), 0);
        for (span, value) in self.edits.values() {
            parts.push(Cow::from(&self.text[at..span.start]));
            parts.push(value.to_string().into());
            at = span.end;
        }
        parts.push(self.text[at..].into());
        parts.concat().into()
    }
}

/// Why there is no value of this key.
fn nowhere(places: &Places, key: &str) -> Diagnostic {
    let Ok(parts) = Key::parse(key) else {
        return Diagnostic::error(format!("{key:?} is not a dotted key"));
    };
    if !places.below(&parts).is_empty() {
        return Diagnostic::error(format!("`{key}` is a section")).help("give the keys in it");
    }
    let problem = Diagnostic::error(format!("no key `{key}`: the node's own file does not have it"));
    // The first part that is not there is the one that is misspelt.
    let known = (0..parts.len()).find(|nth| places.below(&parts[..=*nth]).is_empty()).unwrap_or_default();
    let above: Vec<_> = parts[..known].iter().map(Key::get).collect();
    match nearest(parts[known].get(), places.below(&parts[..known]).iter().map(String::as_str)) {
        Some(near) if above.is_empty() => problem.help(format!("is `{near}` meant?")),
        Some(near) => problem.help(format!("is `{}.{near}` meant?", above.join("."))),
        None => problem.help("the file that `init` makes names every key there is"),
    }
}

/// The wanted value in the type that the file has; None where that would change its meaning.
fn fit(place: &Place, wanted: &Value) -> Option<Toml> {
    match (place.kind, wanted) {
        ("string", Value::String(text)) => Some(Toml::from(text.as_str())),
        // `chunk_fetchers = "4"`: files quote numbers, people do not.
        ("string", Value::Number(number)) => Some(Toml::from(number.to_string())),
        ("boolean", Value::Bool(flag)) => Some(Toml::from(*flag)),
        // What comes out of a `{{ }}` expression is a text.
        ("boolean", Value::String(text)) => text.parse::<bool>().ok().map(Toml::from),
        ("integer", Value::Number(number)) => number.as_i64().map(Toml::from),
        ("integer", Value::String(text)) => text.parse::<i64>().ok().map(Toml::from),
        ("float", Value::Number(number)) => number.as_f64().map(Toml::from),
        ("array", Value::Array(items)) => {
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
