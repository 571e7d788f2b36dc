//! `--extra-vars`: `k=v k2="v 2"`, a YAML or JSON dictionary, or a file of one.
//!
//! After `load_extra_vars` (ansible/utils/vars.py) and `parse_kv` (ansible/parsing/splitter.py). Values of
//! `k=v` are texts, whatever they look like.

use std::sync::Arc;

use serde_json::Value;

use super::document::{self, Kind};
use super::{Origin, Source, Var, Vars, variables};
use crate::types::diagnostic::{Diagnostic, Place};

/// One `-e`, its file already read.
pub(super) enum Extra {
    Argument(String),
    File(Source),
}

/// All of them, later ones over earlier ones.
pub(super) fn read(extra: &[Extra], problems: &mut Vec<Diagnostic>) -> Vars {
    let mut vars = Vars::new();
    for one in extra {
        match one {
            Extra::File(source) => dictionary(source, &mut vars, problems),
            Extra::Argument(text) if text.starts_with(['{', '[']) => {
                let name = "--extra-vars".to_owned();
                let source = Source { name, path: None, text: text.clone(), inside: false, secret: false };
                dictionary(&source, &mut vars, problems);
            }
            Extra::Argument(text) if text.starts_with(['/', '.']) => {
                let message = format!("--extra-vars `{text}` looks like a file");
                problems.push(
                    Diagnostic::error(message).help(format!("a file is named with an @: `-e @{text}`")),
                );
            }
            Extra::Argument(text) => pairs(text, &mut vars, problems),
        }
    }
    vars
}

fn dictionary(source: &Source, vars: &mut Vars, problems: &mut Vec<Diagnostic>) {
    let before = problems.len();
    let root = document::read(source, problems);
    match root.as_ref().map(|root| &root.kind) {
        Some(Kind::Mapping(entries)) => {
            vars.extend(variables::variables(source, entries, &Origin::Extra));
        }
        None if problems.len() > before => {}
        _ => problems.push(
            Diagnostic::error(format!("{} holds no dictionary of variables", source.name))
                .at(root.as_ref().map(|root| &root.place)),
        ),
    }
}

fn pairs(text: &str, vars: &mut Vars, problems: &mut Vec<Diagnostic>) {
    let line: Arc<str> = text.lines().next().unwrap_or_default().into();
    let words = match words(text) {
        Ok(words) => words,
        Err(message) => return problems.push(Diagnostic::error(format!("--extra-vars `{text}`: {message}"))),
    };
    for word in words {
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
            let message = format!("--extra-vars: `{word}` is no `name=value`");
            problems.push(
                Diagnostic::error(message).help("put a value with blanks in quotes: `-e 'name=\"a b\"'`"),
            );
            continue;
        };
        let mut var = Var::new(Value::String(unquote(&escapes(value.trim())).to_owned()), Origin::Extra);
        let column = text.find(&word).map_or(1, |at| text[..at].chars().count() + 1);
        let width = word.chars().count();
        var.place = Some(Place { file: "--extra-vars".into(), line: 1, column, width, text: line.clone() });
        vars.insert(name.trim().into(), var.into());
    }
}

/// Words between blanks; blanks within quotes and `{{ }}` belong to the word.
fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let (mut quote, mut depth, mut last) = (None, 0_usize, ' ');
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open && last != '\\' => quote = None,
            (None, '"' | '\'') if last != '\\' => quote = Some(c),
            (_, '{') if matches!(last, '{') => depth += 1,
            (_, '%' | '#') if last == '{' => depth += 1,
            (_, '}') if matches!(last, '}' | '%' | '#') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if quote.is_none() && depth == 0 && c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(c);
        }
        last = c;
    }
    if quote.is_some() || depth > 0 {
        return Err("a quote or a `{{` has no end");
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

fn escapes(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some(c @ ('\\' | '\'' | '"' | '=')) => plain.push(c),
            Some(c) => plain.extend(['\\', c]),
            None => plain.push('\\'),
        }
    }
    plain
}

fn unquote(text: &str) -> &str {
    let within = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use indexmap::IndexMap;
    use serde_json::json;

    fn vars(extra: &[&str]) -> (IndexMap<String, Value>, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let extra: Vec<Extra> = extra.iter().map(|text| Extra::Argument((*text).to_owned())).collect();
        let vars = read(&extra, &mut problems);
        (vars.iter().map(|(name, var)| (name.to_string(), var.value.clone())).collect(), problems)
    }

    #[test]
    fn pairs_are_texts_and_dictionaries_are_typed() {
        let (vars, problems) = vars(&[r#"a=1 b="x y" c={{ a }}z"#, r#"{"d": 1, "e": [true]}"#, "{f: yes}"]);
        assert!(problems.is_empty(), "{problems:?}");
        let wanted = [
            ("a", json!("1")),
            ("b", json!("x y")),
            ("c", json!("{{ a }}z")),
            ("d", json!(1)),
            ("e", json!([true])),
            ("f", json!(true)),
        ];
        assert_eq!(vars.into_iter().collect::<Vec<_>>(), wanted.map(|(k, v)| (k.to_owned(), v)));
    }

    #[test]
    fn what_is_refused() {
        for text in ["word", "./file", "a=\"b", "[1, 2]", "{", "=x"] {
            assert_eq!(vars(&[text]).1.len(), 1, "{text}");
        }
    }
}
