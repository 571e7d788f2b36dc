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

/// The value of a dotted key; None where the file is broken or has no such key.
pub fn read_key(format: Format, text: &str, key: &str) -> Option<Value> {
    match format {
        Format::Toml => toml::read(text, key),
        Format::Yaml => yaml::read(text, key),
    }
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
