//! A node's own configuration files: dotted keys in TOML (comments and order kept) and in YAML (rendered whole),
//! and the addresses with ports in them.

mod listen;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use serde_json::{Map, Value};

pub use listen::Listen;
pub use toml::set_toml;
pub use yaml::{quoted, set_yaml};

use super::profile::Format;

/// A file that several keys are read of.
#[derive(Debug)]
pub enum Parsed {
    Toml(toml_edit::DocumentMut),
    Yaml(Value),
}

impl Parsed {
    /// None where the file is broken.
    pub fn of(format: Format, text: &str) -> Option<Self> {
        Some(match format {
            Format::Toml => Self::Toml(text.parse().ok()?),
            Format::Yaml => Self::Yaml(yaml::parsed(text)?),
        })
    }

    /// The value of a dotted key; None where there is no such key.
    pub fn key(&self, key: &str) -> Option<Value> {
        match self {
            Self::Toml(document) => toml::read(document, key),
            Self::Yaml(root) => yaml::read(root, key),
        }
    }
}

/// The value of a dotted key; None where the file is broken or has no such key.
pub fn read_key(format: Format, text: &str, key: &str) -> Option<Value> {
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
