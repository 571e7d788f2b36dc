//! Scalars as Python's `repr` writes them.

use std::fmt::Write as _;

use super::scalar;

/// The words for what is infinite: those of `repr`, and those of `json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    Repr,
    Json,
}

/// Floats in Python's notation; integers stay as they are.
pub fn number(number: &str, words: Words) -> String {
    if !number.contains(['.', 'e', 'E']) {
        return number.to_owned();
    }
    if let Some(float) = scalar::not_finite(number) {
        let [repr, json] = match (float.is_nan(), float < 0.0) {
            (true, _) => ["nan", "NaN"],
            (_, true) => ["-inf", "-Infinity"],
            _ => ["inf", "Infinity"],
        };
        return if words == Words::Repr { repr } else { json }.to_owned();
    }
    let Ok(float) = number.parse::<f64>() else { return number.to_owned() };
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return number.to_owned() };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{float:?}"),
    }
}

/// A text in single quotes, in double ones where only these need no backslash.
pub fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 || (0x7f..0xa0).contains(&u32::from(c)) => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}
