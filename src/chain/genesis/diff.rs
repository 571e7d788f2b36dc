//! Where two documents differ, path by path.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
};

use serde_json::Value;

use super::{
    layout::{Layout, lay},
    path::Place,
    text::{Parts, Sound, parts},
};

/// One place that is not the same on both sides, as the sides' text has it; None where one has nothing there.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference<'a> {
    pub path: String,
    pub left: Option<&'a str>,
    pub right: Option<&'a str>,
}

impl Difference<'_> {
    /// A side as one line, shortened.
    pub fn show(side: Option<&str>) -> String {
        let Some(value) = side else { return "(nothing)".to_owned() };
        let mut line = Shortened(String::new());
        // It ends early where the line is full.
        let _ = lay(value, Layout::Line, &mut line);
        if line.0.chars().count() <= SHOWN {
            line.0
        } else {
            line.0.chars().take(SHOWN - 1).chain(['…']).collect()
        }
    }

    pub fn value(side: Option<&str>) -> Option<Value> {
        side.map(|value| serde_json::from_str(value).unwrap_or_default())
    }
}

const SHOWN: usize = 80;

/// What may be a hundred megabytes, up to where nobody reads on.
struct Shortened(String);

impl fmt::Write for Shortened {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // A sign more than is shown tells that there is more.
        self.0.extend(text.chars().take(SHOWN + 1));
        if self.0.chars().count() > SHOWN { Err(fmt::Error) } else { Ok(()) }
    }
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ≠ {}", self.path, Self::show(self.left), Self::show(self.right))
    }
}

/// Two documents as text, readably: a line for each place, or that they are no JSON, or that only their bytes
/// differ. Empty when they are the same bytes.
pub fn difference(left: &str, right: &str) -> Vec<String> {
    if left == right {
        return Vec::new();
    }
    match (Sound::read("", left), Sound::read("", right)) {
        (Ok(a), Ok(b)) => {
            let found = differences(&a, &b, &BTreeSet::new());
            if found.is_empty() {
                return vec!["the same meaning in other bytes (layout or order of keys)".into()];
            }
            found.iter().map(ToString::to_string).collect()
        }
        (Err(problem), _) => vec![format!("the first is {}", problem.message)],
        (_, Err(problem)) => vec![format!("the second is {}", problem.message)],
    }
}

/// Every smallest place where the two differ, in the order of the left, then what only the right has; but nothing of
/// the places that may.
pub fn differences<'a>(
    left: &'a Sound<'_>,
    right: &'a Sound<'_>,
    but: &BTreeSet<Place>,
) -> Vec<Difference<'a>> {
    let mut walk = Walk { but, at: Place::default(), found: Vec::new() };
    walk.both(left.as_str().trim(), right.as_str().trim());
    walk.found
}

struct Walk<'a, 'b> {
    but: &'b BTreeSet<Place>,
    at: Place,
    found: Vec<Difference<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn below(&mut self, key: Result<&str, usize>, left: Option<&'a str>, right: Option<&'a str>) {
        // The same bytes mean the same: most of a large document is not looked at any further.
        if left == right {
            return;
        }
        match key {
            Ok(key) => self.at.push_key(key),
            Err(index) => self.at.push_index(index),
        }
        match (left, right) {
            (Some(_), Some(_)) if self.but.contains(&self.at) => {}
            (Some(left), Some(right)) => self.both(left, right),
            _ => self.differ(left, right),
        }
        self.at.pop();
    }

    fn both(&mut self, left: &'a str, right: &'a str) {
        match (parts(left), parts(right)) {
            (Parts::Object(a), Parts::Object(b)) => {
                let ours: HashSet<&str> = a.iter().map(|(key, _)| key.as_ref()).collect();
                let theirs: HashMap<&str, &str> =
                    b.iter().map(|(key, value)| (key.as_ref(), *value)).collect();
                for (key, value) in &a {
                    self.below(Ok(key), Some(value), theirs.get(key.as_ref()).copied());
                }
                for (key, value) in b.iter().filter(|(key, _)| !ours.contains(key.as_ref())) {
                    self.below(Ok(key), None, Some(value));
                }
            }
            (Parts::List(a), Parts::List(b)) => {
                for index in 0..a.len().max(b.len()) {
                    self.below(Err(index), a.get(index).copied(), b.get(index).copied());
                }
            }
            (Parts::Plain, Parts::Plain)
                if Difference::value(Some(left)) == Difference::value(Some(right)) => {}
            _ => self.differ(Some(left), Some(right)),
        }
    }

    fn differ(&mut self, left: Option<&'a str>, right: Option<&'a str>) {
        self.found.push(Difference { path: self.at.to_string(), left, right });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_by_path() {
        let lines = difference(r#"{"a":{"b":1,"c":[1,2]},"x":1}"#, r#"{"a":{"b":2,"c":[1]},"y":"n"}"#);
        assert_eq!(
            lines,
            ["a.b: 1 ≠ 2", "a.c[1]: 2 ≠ (nothing)", "x: 1 ≠ (nothing)", "y: (nothing) ≠ \"n\""]
        );
        assert!(difference("{}", "{}").is_empty());
        assert_eq!(difference("{}", "{ }").len(), 1);
        assert!(difference("{", "{}")[0].contains("the first is not JSON"));
    }
}
