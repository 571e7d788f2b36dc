//! Values of keys whose names say that they are secret.

use std::ops::Range;

use super::{is_secret, spans::Next};

/// Where the values of secret keys may begin: behind `key:`, `key=`, `--key `.
pub(super) fn keys(line: &str) -> impl Iterator<Item = usize> {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    line.match_indices([':', '=', ' ']).filter_map(move |(at, sign)| {
        let before =
            line[..at].trim_end_matches(if sign == " " { &[][..] } else { &['"', '\'', ' ', '\\'][..] });
        let key = before.rsplit(|c| !word(c)).next().unwrap_or_default();
        (is_secret(key) && (sign != " " || key.starts_with("--"))).then_some(at + 1)
    })
}

/// Values that are no secret under any name.
const NOTHING: [&str; 5] = ["true", "false", "null", "[]", "{}"];

pub(super) fn secrets(line: &str) -> Vec<Range<usize>> {
    let mut ends = Ends::of(line);
    let value = |start: usize| {
        let start = line.len() - line[start..].trim_start().len();
        let end = ends.of_value(start);
        // Quotes stay: what is masked can still be read by whoever reads the format.
        let quote = line[start..end].chars().next().filter(|c| matches!(c, '"' | '\''));
        let quoted = quote.is_some_and(|quote| end - start > 1 && line[..end].ends_with(quote));
        if quoted { start + 1..end - 1 } else { start..end }
    };
    keys(line).map(value).filter(|range| !NOTHING.contains(&&line[range.clone()])).collect()
}

/// What can end a value, looked for once a line: as many values may begin there as it has room for.
struct Ends<'a> {
    line: &'a str,
    /// Where the blanks at its end begin.
    text: usize,
    brace: Option<usize>,
    last_brace: Option<usize>,
    last_quote: [Option<usize>; 2],
    commas: Next<Box<dyn Iterator<Item = usize> + 'a>>,
}

impl<'a> Ends<'a> {
    fn of(line: &'a str) -> Self {
        Self {
            line,
            text: line.trim_end().len(),
            brace: line.find('{'),
            last_brace: line.rfind('}'),
            last_quote: ['"', '\''].map(|quote| line.rfind(quote)),
            commas: Next::of(Box::new(line.match_indices(", ").map(|(at, _)| at))),
        }
    }

    /// Up to the quote that ends it; in braces to what can follow a value there, else to the line's end.
    fn of_value(&mut self, start: usize) -> usize {
        let value = &self.line[start..];
        let several = value.starts_with("\"\"\"") || value.starts_with("'''");
        let quote = match value.chars().next() {
            Some('"') if !several => self.last_quote[0],
            Some('\'') if !several => self.last_quote[1],
            _ => None,
        };
        let end = self.text.max(start);
        match quote.filter(|quote| *quote > start) {
            Some(quote) => quote + 1,
            None if self.brace.is_some_and(|brace| brace < start) => {
                self.commas.from(start).or(self.last_brace.filter(|brace| *brace >= start)).unwrap_or(end)
            }
            // A JSON value that is no text: `"token": 17,`
            None if self.line[start..end].ends_with(',') => end - 1,
            None => end,
        }
    }
}
