//! The one serialisation: two spaces, a final newline. CometBFT 1.0 refuses to start when only the layout changed.

use std::fmt::{Result, Write};

use serde_json::Value;

/// How a value stands in the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// On one line, without a space.
    Line,
    /// A line for each entry, as deep as this.
    Lines(usize),
}

impl Layout {
    #[must_use]
    pub fn deeper(self) -> Self {
        match self {
            Self::Line => Self::Line,
            Self::Lines(depth) => Self::Lines(depth + 1),
        }
    }

    #[must_use]
    fn back(self) -> Self {
        match self {
            Self::Line => Self::Line,
            Self::Lines(depth) => Self::Lines(depth.saturating_sub(1)),
        }
    }

    pub fn next_line(self, out: &mut impl Write) -> Result {
        let Self::Lines(depth) = self else { return Ok(()) };
        out.write_char('\n')?;
        (0..depth).try_for_each(|_| out.write_str("  "))
    }

    pub fn colon(self, out: &mut impl Write) -> Result {
        out.write_str(if self == Self::Line { ":" } else { ": " })
    }
}

/// Lays out a value of a sound text. Numbers and the order of keys stay as written; strings are written as serde_json
/// writes them. One pass, and nothing is held: what is laid out may be larger than what one wants to hold.
pub fn lay(value: &str, mut layout: Layout, out: &mut impl Write) -> Result {
    let mut rest = value.trim_start_matches(SPACE);
    while let Some(first) = rest.as_bytes().first() {
        let length = match first {
            b'{' | b'[' => {
                layout = layout.deeper();
                1
            }
            b'}' | b']' => {
                layout = layout.back();
                layout.next_line(out)?;
                1
            }
            b'"' => string(rest),
            b',' | b':' => 1,
            _ => rest.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after.trim_start_matches(SPACE);
        match token {
            ":" => layout.colon(out)?,
            "{" | "[" if rest.starts_with(['}', ']']) => {
                layout = layout.back();
                out.write_str(if token == "{" { "{}" } else { "[]" })?;
                rest = rest[1..].trim_start_matches(SPACE);
            }
            "{" | "[" | "," => {
                out.write_str(token)?;
                layout.next_line(out)?;
            }
            text if text.starts_with('"') && text.contains('\\') => {
                // Escapes that are not needed go: `\u003c` of Go is `<`.
                write!(out, "{}", serde_json::from_str::<Value>(text).unwrap_or_default())?;
            }
            other => out.write_str(other)?,
        }
    }
    Ok(())
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The length of the string that `text` begins with, quotes included.
fn string(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(found) =
        bytes.get(at..).and_then(|rest| rest.iter().position(|b| matches!(b, b'"' | b'\\')))
    {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_is_what_serde_json_would_write() {
        for text in [
            "{}",
            "[ ]",
            "7",
            r#" { "a" : [ ] , "b":{ } , "c":[ 1.0 , -0,true,null , "" ] } "#,
            r#"{"a\"}{[,:\\":"\\","b":"\\\"","é\u00e9":"\u2028\/\n\u001f\ud83d\ude00"}"#,
            r#"[[[],{}],[{"a":[{"b":[]}]}],123456789012345678901234567890]"#,
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            let (mut lines, mut line) = (String::new(), String::new());
            lay(text, Layout::Lines(0), &mut lines).unwrap();
            lay(text, Layout::Line, &mut line).unwrap();
            assert_eq!((lines, line), (format!("{value:#}"), value.to_string()));
        }
        let mut kept = String::new();
        lay("[1e400,1E-7]", Layout::Line, &mut kept).unwrap();
        assert_eq!(kept, "[1e400,1E-7]", "numbers stay as written");
    }
}
