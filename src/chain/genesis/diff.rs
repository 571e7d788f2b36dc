//! Where two documents differ, path by path.

use std::fmt;

use serde_json::Value;

use super::path::Place;

/// One place that is not the same on both sides; None where one side has nothing there.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub path: String,
    pub left: Option<Value>,
    pub right: Option<Value>,
}

impl Difference {
    /// A side as one line, shortened.
    pub fn show(side: Option<&Value>) -> String {
        let text = side.map_or_else(|| "(nothing)".to_owned(), Value::to_string);
        if text.chars().count() <= 80 { text } else { text.chars().take(79).chain(['…']).collect() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, right) = (Self::show(self.left.as_ref()), Self::show(self.right.as_ref()));
        write!(f, "{}: {left} ≠ {right}", self.path)
    }
}

/// Two documents as text, readably: a line for each place, or that they are no JSON, or that only their bytes
/// differ. Empty when they are the same bytes.
pub fn difference(left: &str, right: &str) -> Vec<String> {
    if left == right {
        return Vec::new();
    }
    let json = |text: &str| serde_json::from_str::<Value>(text);
    match (json(left), json(right)) {
        (Ok(a), Ok(b)) => {
            let found = differences(&a, &b);
            if found.is_empty() {
                return vec!["the same meaning in other bytes (layout or order of keys)".into()];
            }
            found.iter().map(ToString::to_string).collect()
        }
        (Err(error), _) => vec![format!("the first is not JSON: {error}")],
        (_, Err(error)) => vec![format!("the second is not JSON: {error}")],
    }
}

/// Every smallest place where the two differ, in the order of the left, then what only the right has.
pub fn differences(left: &Value, right: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(&Place::default(), Some(left), Some(right), &mut found);
    found
}

fn walk(place: &Place, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<Difference>) {
    match (left, right) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for (key, value) in a {
                walk(&place.key(key), Some(value), b.get(key), found);
            }
            for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                walk(&place.key(key), None, Some(value), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                walk(&place.index(index), a.get(index), b.get(index), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(Difference { path: place.to_string(), left: a.cloned(), right: b.cloned() }),
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
