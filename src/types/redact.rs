//! Texts without the secrets in them (S3): what was encrypted, what a key's name marks as nobody's business, passwords in URLs, mnemonics.
//! Rather too much than too little: this is for people and files, never for hosts.
//!
//! Lines come from hosts too, so each is gone through a few times, however many secrets it seems to hold.

mod learnt;
mod mnemonics;
mod names;
mod spans;
#[cfg(test)]
mod tests;
mod urls;
mod values;

use std::ops::Range;

use serde_json::Value;

pub use learnt::{learn, reveal, vaulted};
use names::is_secret;
use spans::{joined, replaced};

/// What stands for a value; its length says nothing.
pub const STARS: &str = "********";

/// What stands for a text that was encrypted with Ansible Vault.
pub const VAULT: &str = "<vault>";

/// A text of several lines: configuration, a unit, output of a program.
pub fn text(text: &str) -> String {
    lines(text).concat()
}

/// The same, line by line, each with its newline: as many as there were.
pub fn lines(text: &str) -> Vec<String> {
    let mut inside = Inside::default();
    vaulted(text).split_inclusive('\n').map(|line| inside.line(line)).collect()
}

/// One line, its secrets replaced.
pub fn line(line: &str) -> String {
    let line = &*vaulted(line);
    replaced(line, &secrets(line), |_| STARS.to_owned())
}

/// One line, its secrets starred out one by one: carets below it keep their places.
pub fn in_place(line: &str) -> String {
    replaced(line, &secrets(line), |secret| "*".repeat(secret.chars().count()))
}

/// All texts in a JSON value, at any depth.
pub fn json(value: &mut Value) {
    match value {
        Value::String(found) => *found = text(found),
        Value::Array(values) => values.iter_mut().for_each(json),
        Value::Object(values) => values.values_mut().for_each(json),
        _ => {}
    }
}

/// The values of secret keys, at any depth, and the secrets of URLs; the path of a file with a secret is none.
pub fn by_key(value: &mut Value) {
    match value {
        Value::String(text) => *text = replaced(text, &joined(urls::secrets(text)), |_| STARS.to_owned()),
        Value::Array(values) => values.iter_mut().for_each(by_key),
        Value::Object(values) => values.iter_mut().for_each(|(key, value)| of_key(key, value)),
        _ => {}
    }
}

/// The value of this key: stars in its place where the key's name says that it is a secret.
pub fn of_key(key: &str, value: &mut Value) {
    if is_secret(key) && !is_nothing(value) {
        *value = STARS.into();
    } else {
        by_key(value);
    }
}

/// Where one is between the lines of a text.
#[derive(Default)]
struct Inside {
    /// A TOML table whose name is a secret's.
    table: bool,
    /// The indentation of a secret's key whose value goes on below it.
    below: Option<usize>,
    /// What ends a text of several lines.
    quotes: Option<&'static str>,
}

impl Inside {
    fn line(&mut self, whole: &str) -> String {
        let body = whole.trim_end_matches(['\n', '\r']);
        let content = body.trim_start();
        let indent = body.len() - content.len();
        let hidden = || format!("{}{STARS}{}", &body[..indent], &whole[body.len()..]);
        if let Some(quotes) = self.quotes {
            if content.contains(quotes) {
                self.quotes = None;
            }
            return hidden();
        }
        if self.below.is_some_and(|of| indent > of || content.starts_with("- ")) && !content.is_empty() {
            return hidden();
        }
        if !content.is_empty() {
            self.below = None;
        }
        if content.starts_with('[') && content.trim_end().ends_with(']') && !content.contains(['"', ',']) {
            self.table = is_secret(content);
            return whole.to_owned();
        }
        if let Some(start) = values::keys(body).next() {
            let value = body[start..].trim();
            self.quotes =
                ["\"\"\"", "'''"].into_iter().find(|q| value.starts_with(q) && value.matches(q).count() == 1);
            if value.is_empty() || ["[", "{"].contains(&value) || value.starts_with(['|', '>']) {
                self.below = Some(indent);
            }
        } else if let Some(at) = body.find('=').filter(|_| self.table) {
            return format!("{} {STARS}{}", &body[..=at], &whole[body.len()..]);
        }
        format!("{}{}", line(body), &whole[body.len()..])
    }
}

/// What no secret can be: yes, no, or nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Ansible's own passwords, at any depth: all that a view that is to be Ansible's own leaves out beside what was encrypted.
pub fn passwords_of_ansible(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(passwords_of_ansible),
        Value::Object(values) => {
            values.iter_mut().for_each(|(key, value)| password_of_ansible(key, value));
        }
        _ => {}
    }
}

/// The value of this variable: stars where it is a password of Ansible's own.
pub fn password_of_ansible(key: &str, value: &mut Value) {
    if names::is_password_of_ansible(key) && !is_nothing(value) {
        *value = STARS.into();
    } else {
        passwords_of_ansible(value);
    }
}

/// The parts of a line that nobody may see, in order, none of them empty.
fn secrets(line: &str) -> Vec<Range<usize>> {
    let mut found = values::secrets(line);
    found.extend(urls::secrets(line));
    found.extend(mnemonics::secrets(line));
    found.extend(learnt::places(line));
    joined(found)
}
