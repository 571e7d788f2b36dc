//! A YAML file that is rendered whole: the template's keys with the inventory's settings over them.
//!
//! Written so that any reader means the same: texts always in double quotes, lists in flow style.

use serde_json::{Map, Value};

use crate::types::{diagnostic::Diagnostic, nearest::nearest};

/// Keys count without regard to case, as loom's own reader takes them.
#[derive(Debug)]
pub struct Document {
    /// The leading comment.
    head: String,
    root: Map<String, Value>,
}

impl Document {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        let root = parse(text).map_err(|why| Diagnostic::error(format!("{file}: {why}")))?;
        let head =
            text.lines().take_while(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
        Ok(Self { head, root })
    }

    pub(super) fn read(&self, key: &str) -> Option<Value> {
        let mut parts = key.split('.');
        let first = below(&self.root, parts.next()?)?;
        parts.try_fold(first, |value, part| below(value.as_object()?, part)).cloned()
    }

    pub(super) fn set(
        &mut self,
        file: &str,
        known: &[String],
        key: &str,
        wanted: &Value,
    ) -> Result<(), Diagnostic> {
        near_miss(file, key, known).map_or(Ok(()), Err)?;
        set(file, &mut self.root, key, wanted)
    }

    pub(super) fn text(&self) -> String {
        let mut written = self.head.clone();
        block(&mut written, &self.root, 0);
        written
    }
}

fn below<'a>(map: &'a Map<String, Value>, part: &str) -> Option<&'a Value> {
    map.iter().find(|(name, _)| name.eq_ignore_ascii_case(part)).map(|(_, below)| below)
}

/// A text as a double-quoted scalar that YAML (1.1 and 1.2), TOML and JSON all read back unchanged.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        let code = u32::from(c);
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // YAML takes U+0085, U+2028 and U+2029 as line ends, and U+FEFF as a mark.
            c if c.is_control() || matches!(code, 0x2028 | 0x2029 | 0xFEFF | 0xFFFE | 0xFFFF) => {
                quoted.extend(format!("\\u{code:04x}").chars());
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    match serde_yaml::from_str(text) {
        Ok(Value::Object(root)) => Ok(root),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err("is not a YAML mapping".into()),
        Err(error) => Err(format!("is not YAML: {}", error.without_snippet())),
    }
}

fn near_miss(file: &str, key: &str, known: &[String]) -> Option<Diagnostic> {
    let top = key.split('.').next().unwrap_or_default();
    if known.iter().any(|name| name.eq_ignore_ascii_case(top)) {
        return None;
    }
    let near = nearest(top, known.iter().map(String::as_str))?;
    Some(
        Diagnostic::error(format!("{file}: no key `{top}`: the chain would ignore it"))
            .help(format!("is `{near}` meant?")),
    )
}

fn set(file: &str, root: &mut Map<String, Value>, key: &str, wanted: &Value) -> Result<(), Diagnostic> {
    let mut map = root;
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    if last.is_empty() || parts.contains(&"") {
        return Err(Diagnostic::error(format!("{file}: {key:?} is not a dotted key")));
    }
    for part in parts {
        let name = own_name(map, part);
        map = match map.entry(name).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(below) => below,
            _ => {
                return Err(Diagnostic::error(format!(
                    "{file}: `{key}`: `{part}` is a value and has no keys"
                )));
            }
        };
    }
    map.insert(own_name(map, last), wanted.clone());
    Ok(())
}

fn own_name(map: &Map<String, Value>, wanted: &str) -> String {
    map.keys().find(|name| name.eq_ignore_ascii_case(wanted)).cloned().unwrap_or_else(|| wanted.to_owned())
}

fn block(out: &mut String, map: &Map<String, Value>, indent: usize) {
    for (key, value) in map {
        out.push_str(&" ".repeat(indent));
        out.push_str(&key_text(key));
        match value {
            Value::Object(below) if !below.is_empty() => {
                out.push_str(":\n");
                block(out, below, indent + 2);
            }
            value => out.extend([": ", &flow(value), "\n"]),
        }
    }
}

fn key_text(key: &str) -> String {
    let plain =
        key.starts_with(|c: char| c.is_ascii_uppercase()) && key.chars().all(|c| c.is_ascii_alphanumeric());
    // Words that YAML 1.1 takes for something else: True, Yes, On, Null, N …
    let word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        .contains(&key.to_ascii_lowercase().as_str());
    if plain && !word { key.to_owned() } else { quoted(key) }
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs: Vec<_> =
                map.iter().map(|(key, value)| format!("{}: {}", quoted(key), flow(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}
