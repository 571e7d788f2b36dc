//! A node's own configuration files: dotted keys in TOML (comments and order kept) and in YAML (rendered whole),
//! and the addresses with ports in them.

mod listen;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use serde_json::{Map, Value};

pub use listen::Listen;
pub use yaml::quoted;

use crate::types::{diagnostic::Diagnostic, text::Text};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    Toml,
    Yaml,
}

/// A file that keys are read of and set in.
#[derive(Debug)]
pub enum Parsed {
    Toml(toml::Document),
    Yaml(yaml::Document),
}

impl Parsed {
    /// None where the file is broken.
    pub fn of(format: Format, text: &Text) -> Option<Self> {
        Self::named("", format, text).ok()
    }

    /// The file's name is for the words of what is wrong with it.
    pub fn named(file: &str, format: Format, text: &Text) -> Result<Self, Diagnostic> {
        Ok(match format {
            Format::Toml => Self::Toml(toml::Document::parse(file, text)?),
            Format::Yaml => Self::Yaml(yaml::Document::parse(file, text)?),
        })
    }

    /// The value of a dotted key; None where there is no such key.
    pub fn key(&self, key: &str) -> Option<Value> {
        match self {
            Self::Toml(document) => document.read(key),
            Self::Yaml(document) => document.read(key),
        }
    }

    /// Sets dotted keys. In TOML one that the file does not have is refused, since the chain would ignore it in silence;
    /// in YAML one that is nearly a `known` one.
    pub fn set(
        &mut self,
        file: &str,
        known: &[String],
        sets: &[(String, Value)],
    ) -> Result<(), Vec<Diagnostic>> {
        let set = |(key, value): &(String, Value)| match self {
            Self::Toml(document) => document.set(file, key, value).err(),
            Self::Yaml(document) => document.set(file, known, key, value).err(),
        };
        let problems: Vec<Diagnostic> = sets.iter().filter_map(set).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    pub fn text(&self) -> Text {
        match self {
            Self::Toml(document) => document.text(),
            Self::Yaml(document) => document.text().into(),
        }
    }
}

/// The value of a dotted key; None where the file is broken or has no such key.
pub fn read_key(format: Format, text: &Text, key: &str) -> Option<Value> {
    Parsed::of(format, text)?.key(key)
}

/// `{p2p: {pex: false}}` and `{p2p.pex: false}` alike as dotted keys with their values.
pub fn flatten(settings: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in settings {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                flat.extend(
                    flatten(inner).into_iter().map(|(below, value)| (format!("{key}.{below}"), value)),
                );
            }
            value => flat.push((key.clone(), value.clone())),
        }
    }
    flat
}
