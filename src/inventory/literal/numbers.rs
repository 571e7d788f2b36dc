//! Numbers, as Python writes them.

use super::Python;
use crate::inventory::scalar;

/// Python refuses to convert longer digit strings.
const MAX_DIGITS: usize = 4300;

pub(super) fn number(word: &str) -> Option<Python> {
    let based = |base| scalar::number(false, &without_lines(&format!("0{}", &word[2..]), base)?, base);
    let whole = match word.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => Some(based(16)?),
        Some("0o") => Some(based(8)?),
        Some("0b") => Some(based(2)?),
        _ => None,
    };
    if let Some(whole) = whole {
        return (word.len() > 2).then(|| Python::Int(whole.to_string()));
    }
    let (body, imaginary) = match word.strip_suffix(['j', 'J']) {
        Some(body) => (body, true),
        None => (word, false),
    };
    if body.contains(['.', 'e', 'E']) || imaginary {
        let float = float(body)?;
        return Some(if imaginary { Python::Complex(0.0, float) } else { Python::Float(float) });
    }
    let digits = without_lines(body, 10)?;
    if digits.len() > MAX_DIGITS || digits.starts_with('0') && digits.bytes().any(|c| c != b'0') {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(Python::Int(if digits.is_empty() { "0" } else { digits }.to_owned()))
}

fn float(body: &str) -> Option<f64> {
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |part: &str| if part.is_empty() { Some(String::new()) } else { without_lines(part, 10) };
    let exponent = match exponent {
        None => "0".to_owned(),
        Some(exponent) => {
            let (sign, body) = exponent
                .strip_prefix('-')
                .map_or(("", exponent.strip_prefix('+').unwrap_or(exponent)), |e| ("-", e));
            format!("{sign}{}", without_lines(body, 10)?)
        }
    };
    format!("0{}.{}0e{exponent}", digits(whole)?, digits(fraction)?).parse().ok()
}

/// Digits of that base, without the `_` that may stand between two.
fn without_lines(text: &str, base: u32) -> Option<String> {
    let is_digit = |c: char| c.is_digit(base);
    let sound = text.starts_with(is_digit) && text.ends_with(is_digit) && !text.contains("__");
    let all = text.chars().all(|c| is_digit(c) || c == '_');
    (sound && all).then(|| text.replace('_', ""))
}
