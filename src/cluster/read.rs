//! One host's variables, typed: each reader notes what is wrong and goes on, so that all problems come at once.

use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    inventory::Host,
    types::{
        diagnostic::{Diagnostic, Place},
        ids::Invalid,
    },
};

/// Why a text will not do, where no type of ours says so.
pub fn unfit(why: impl std::fmt::Display) -> Invalid {
    Invalid { what: "value", why: why.to_string() }
}

/// A host's variables and the problems found while reading them.
pub struct Reader<'a> {
    pub host: &'a Host,
    pub problems: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    pub fn place(&self, name: &str) -> Option<Place> {
        self.host.vars.get(name).and_then(|var| var.place.clone())
    }

    /// Notes that this variable's value will not do.
    pub fn wrong(&mut self, name: &str, why: impl std::fmt::Display) {
        let problem = Diagnostic::error(why.to_string()).of_host(&self.host.name);
        self.problems.push(problem.at(self.place(name).as_ref()));
    }

    /// The same, with the way out.
    pub fn wrong_but(&mut self, name: &str, why: impl std::fmt::Display, help: String) {
        self.wrong(name, why);
        let problem = self.problems.pop().map(|problem| problem.help(help));
        self.problems.extend(problem);
    }

    /// The first of these names that is set and not null: its name and value.
    pub fn any<'n>(&mut self, names: &[&'n str]) -> Option<(&'n str, Value)> {
        for &name in names {
            match self.host.get(name) {
                Ok(Some(Value::Null) | None) => {}
                Ok(Some(value)) => return Some((name, value)),
                Err(problem) => {
                    self.problems.push(problem);
                    return None;
                }
            }
        }
        None
    }

    /// A text; numbers and booleans count as what they look like, lists do not.
    pub fn text(&mut self, names: &[&str]) -> Option<String> {
        let (name, value) = self.any(names)?;
        match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(yes) => Some(yes.to_string()),
            other => {
                self.wrong(name, format!("{name} must be a text, not {}", kind_of(&other)));
                None
            }
        }
    }

    /// A text of a checked type.
    pub fn typed<T>(&mut self, names: &[&str], make: impl FnOnce(String) -> Result<T, Invalid>) -> Option<T> {
        let text = self.text(names)?;
        let name = names.iter().find(|name| self.host.vars.contains_key(**name)).copied().unwrap_or(names[0]);
        make(text).map_err(|invalid| self.wrong(name, format!("{name}: {}", invalid.why))).ok()
    }

    /// Ansible's truth: true, yes, on, 1 and their opposites.
    pub fn truth(&mut self, name: &str) -> Option<bool> {
        let text = self.text(&[name])?.to_lowercase();
        match text.as_str() {
            "true" | "yes" | "on" | "1" | "y" | "t" => Some(true),
            "false" | "no" | "off" | "0" | "n" | "f" => Some(false),
            _ => {
                self.wrong(name, format!("{name} must be true or false, not {text:?}"));
                None
            }
        }
    }

    pub fn port(&mut self, names: &[&str]) -> Option<u16> {
        self.typed(names, |text| match text.parse::<u16>() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(unfit(format!("{text:?} is not a port (1–65535)"))),
        })
    }

    /// A list of texts; a single text is a list of one.
    pub fn list(&mut self, name: &str) -> Option<Vec<String>> {
        match self.any(&[name])?.1 {
            Value::String(text) => Some(vec![text]),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                Some(items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
            }
            other => {
                self.wrong(name, format!("{name} must be a list of texts, not {}", kind_of(&other)));
                None
            }
        }
    }

    /// A dictionary; nothing set is an empty one.
    pub fn map(&mut self, name: &str) -> IndexMap<String, Value> {
        match self.any(&[name]) {
            Some((_, Value::Object(map))) => map.into_iter().collect(),
            Some((_, other)) => {
                self.wrong(name, format!("{name} must be a dictionary, not {}", kind_of(&other)));
                IndexMap::new()
            }
            None => IndexMap::new(),
        }
    }

    /// A dictionary of dictionaries.
    pub fn maps(&mut self, name: &str) -> IndexMap<String, IndexMap<String, Value>> {
        let mut maps = IndexMap::new();
        for (key, value) in self.map(name) {
            match value {
                Value::Object(inner) => {
                    maps.insert(key, inner.into_iter().collect());
                }
                other => {
                    self.wrong(name, format!("{name}.{key} must be a dictionary, not {}", kind_of(&other)));
                }
            }
        }
        maps
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a dictionary",
    }
}
