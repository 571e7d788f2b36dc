//! Python's literals: values of INI inventories are what `ast.literal_eval` makes of them, or texts.
//!
//! So `1,2` is a list, `0644` a text, `1e9` a float, `True` true and `true` a text. `reader` (the syntax), `texts` and
//! `numbers` (its words), `value` (what JSON has for each).

mod numbers;
mod reader;
mod texts;
mod value;

#[cfg(test)]
mod tests;

use serde_json::Value;

use reader::Reader;

/// The value; none where the text is no literal. The error is one that Ansible ends for: a dictionary or list
/// within a set, or as a key.
pub(super) fn evaluate(text: &str) -> Result<Option<Value>, &'static str> {
    let Some(read) = Reader::of(text).whole() else { return Ok(None) };
    read.value().map(Some)
}

#[derive(Debug, Clone)]
enum Python {
    None,
    Bool(bool),
    /// In decimal, with its sign.
    Int(String),
    Float(f64),
    Complex(f64, f64),
    Text(String),
    Bytes(Vec<u8>),
    Ellipsis,
    List(Vec<Python>),
    Tuple(Vec<Python>),
    Set(Vec<Python>),
    Dict(Vec<(Python, Python)>),
}

const UNHASHABLE: &str = "Python cannot put a list, a set or a dictionary into a set, or make it a key";
