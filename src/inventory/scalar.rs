//! What a scalar of YAML 1.1 means, as `PyYAML` 6 resolves it (`yaml/resolver.py`, `yaml/constructor.py`).
//!
//! Only plain scalars are resolved; quoted ones are strings. Numbers keep their exact value, however big.

use std::fmt::Write;

use serde_json::{Number, Value};

use super::timestamp;

/// Python refuses to convert longer digit strings (`sys.int_info.default_max_str_digits`).
const MAX_DIGITS: usize = 4300;

/// Whose rules type a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typing {
    /// YAML 1.1 as `PyYAML` reads it.
    Yaml,
    /// The file is valid JSON as a whole, which Ansible tries first: `1e9` is a number there.
    Json,
}

/// The value of a plain scalar; the error says why it looks like a type that it cannot be.
pub(super) fn resolve(text: &str, typing: Typing) -> Result<Value, String> {
    if typing == Typing::Json
        && let Ok(number) = text.parse::<Number>()
    {
        let whole = !text.contains(['.', 'e', 'E']);
        if text == "-0" {
            return Ok(Value::Number(0.into()));
        }
        return Ok(if whole { Value::Number(number) } else { from_f64(text.parse().unwrap_or(f64::NAN)) });
    }
    if let (Typing::Json, Some(special)) = (typing, of_python(text)) {
        return Ok(from_f64(special));
    }
    if let Some(flag) = boolean(text) {
        return Ok(Value::Bool(flag));
    }
    if is_null(text) {
        return Ok(Value::Null);
    }
    if let Some(float) = float(text) {
        return Ok(float);
    }
    if let Some(integer) = integer(text) {
        return integer.map(Value::Number);
    }
    if let Some(moment) = timestamp::resolve(text) {
        return moment.map(Value::String);
    }
    match text {
        // Of these the last three are plain only where a tag makes them so.
        "=" | "<<" | "!" | "&" | "*" => {
            Err(format!("`{text}` has a meaning of its own in YAML; as a text it needs quotes"))
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// The same for a text that a tag makes plain. Python's `$` is in front of a line's end, too: `"1\n"` is a number.
pub(super) fn resolve_quoted(text: &str, typing: Typing) -> Result<Value, String> {
    let Some(line) = text.strip_suffix('\n') else { return resolve(text, typing) };
    match resolve(line, typing)? {
        Value::Bool(_) => Err(format!("`{line}` with a line's end is no boolean")),
        Value::String(_) if timestamp::resolve(line).is_none() => Ok(Value::String(text.to_owned())),
        other => Ok(other),
    }
}

/// The value of a scalar with one of YAML's own tags (`!!str`, `!!int`, …).
pub(super) fn tagged(tag: &str, text: &str) -> Result<Value, String> {
    let value = match tag {
        "str" => Some(Value::String(text.to_owned())),
        "null" => Some(Value::Null),
        "bool" => boolean(text).map(Value::Bool),
        "int" => integer(text).transpose()?.map(Value::Number),
        "float" => float(text).or_else(|| integer(text)?.ok()?.as_f64().map(from_f64)),
        "timestamp" => timestamp::resolve(text).transpose()?.map(Value::String),
        _ => return Err(format!("the tag `!!{tag}` is not read in inventories")),
    };
    value.ok_or_else(|| format!("`{text}` is no value of the tag `!!{tag}`"))
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Splits a leading sign off; `true` is minus.
fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn all(text: &str, accept: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(accept)
}

fn digits(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_digit) && all(text, |c| c.is_ascii_digit() || c == b'_')
}

/// One part of a sexagesimal number after a colon: `[0-5]?[0-9]`.
fn sixty(part: &str) -> bool {
    match part.as_bytes() {
        [only] => only.is_ascii_digit(),
        [tens, ones] => (b'0'..=b'5').contains(tens) && ones.is_ascii_digit(),
        _ => false,
    }
}

/// `None` when the text does not look like an integer; the error when it does and is none (`0x_`).
fn integer(text: &str) -> Option<Result<Number, String>> {
    let (minus, rest) = sign(text);
    let (base, body) = if let Some(body) = rest.strip_prefix("0b") {
        (all(body, |c| matches!(c, b'0' | b'1' | b'_'))).then_some((2, body))?
    } else if let Some(body) = rest.strip_prefix("0x") {
        (all(body, |c| c.is_ascii_hexdigit() || c == b'_')).then_some((16, body))?
    } else if rest.len() > 1 && rest.starts_with('0') {
        all(rest, |c| matches!(c, b'0'..=b'7' | b'_')).then_some((8, rest))?
    } else if rest.contains(':') && !rest.starts_with('0') {
        return sexagesimal(minus, rest, text);
    } else {
        digits(rest).then_some((10, rest))?
    };
    let body: String = body.chars().filter(|c| *c != '_').collect();
    Some(number(minus, &body, base).ok_or_else(|| refused(text)))
}

fn sexagesimal(minus: bool, rest: &str, text: &str) -> Option<Result<Number, String>> {
    let (first, others) = rest.split_once(':')?;
    if !digits(first) || !others.split(':').all(sixty) {
        return None;
    }
    let head = first.replace('_', "");
    let total = others.split(':').try_fold(head.parse::<u128>().ok()?, |sum, part| {
        sum.checked_mul(60)?.checked_add(part.parse::<u128>().ok()?)
    });
    Some(total.and_then(|sum| number(minus, &sum.to_string(), 10)).ok_or_else(|| refused(text)))
}

fn refused(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    format!("`{shown}` looks like a number and cannot be read as one; as a text it needs quotes")
}

/// The exact number written in `base`.
pub(super) fn number(minus: bool, body: &str, base: u32) -> Option<Number> {
    if body.is_empty() || body.len() > MAX_DIGITS {
        return None;
    }
    let decimal = match u128::from_str_radix(body, base) {
        Ok(small) => small.to_string(),
        Err(_) if base == 10 => body.to_owned(),
        Err(_) => to_decimal(body, base)?,
    };
    let minus = if minus && decimal != "0" { "-" } else { "" };
    format!("{minus}{decimal}").parse().ok()
}

/// Schoolbook conversion for what is beyond 128 bits; bounded by `MAX_DIGITS`.
fn to_decimal(body: &str, base: u32) -> Option<String> {
    const LIMB: u64 = 1_000_000_000;
    let mut limbs: Vec<u64> = vec![0];
    for digit in body.chars() {
        let mut carry = u64::from(digit.to_digit(base)?);
        for limb in &mut limbs {
            let value = *limb * u64::from(base) + carry;
            *limb = value % LIMB;
            carry = value / LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let (last, rest) = limbs.split_last()?;
    let mut decimal = last.to_string();
    for limb in rest.iter().rev() {
        let _ = write!(decimal, "{limb:09}");
    }
    Some(decimal)
}

/// A float of YAML 1.1: a dot is needed (`1e9` is a string) and the exponent has a sign.
fn float(text: &str) -> Option<Value> {
    let (minus, rest) = sign(text);
    if let Some(special) = special(text, minus, rest) {
        return Some(from_f64(special));
    }
    let value = if rest.contains(':') { sexagesimal_float(rest)? } else { decimal_float(text, rest)? };
    Some(from_f64(if minus { -value } else { value }))
}

/// What Python's JSON has beyond JSON.
fn of_python(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn special(text: &str, minus: bool, rest: &str) -> Option<f64> {
    match rest {
        ".inf" | ".Inf" | ".INF" => Some(if minus { f64::NEG_INFINITY } else { f64::INFINITY }),
        ".nan" | ".NaN" | ".NAN" if rest == text => Some(f64::NAN),
        _ => None,
    }
}

fn decimal_float(text: &str, rest: &str) -> Option<f64> {
    let (whole, tail) = rest.split_once('.')?;
    if whole.is_empty() && (rest.len() != text.len() || !tail.starts_with(|c: char| c.is_ascii_digit())) {
        return None;
    }
    if !whole.is_empty() && !digits(whole) {
        return None;
    }
    let (fraction, exponent) = match tail.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (tail, None),
    };
    let signed = |exponent: &str| {
        exponent.strip_prefix(['+', '-']).is_some_and(|digits| all(digits, |c| c.is_ascii_digit()))
    };
    if !fraction.bytes().all(|c| c.is_ascii_digit() || c == b'_') || !exponent.is_none_or(signed) {
        return None;
    }
    let plain = format!("0{whole}.{fraction}0e{}", exponent.unwrap_or("0")).replace('_', "");
    plain.parse().ok()
}

fn sexagesimal_float(rest: &str) -> Option<f64> {
    let (most, fraction) = rest.split_once('.')?;
    let (first, others) = most.split_once(':')?;
    if !digits(first)
        || !others.split(':').all(sixty)
        || !fraction.bytes().all(|c| c.is_ascii_digit() || c == b'_')
    {
        return None;
    }
    let parts: Vec<&str> = std::iter::once(first).chain(others.split(':')).collect();
    let (last, before) = parts.split_last()?;
    let mut base = 1.0;
    let mut value = format!("{last}.{fraction}0").replace('_', "").parse::<f64>().ok()?;
    for part in before.iter().rev() {
        base *= 60.0;
        value += part.replace('_', "").parse::<f64>().ok()? * base;
    }
    Some(value)
}

/// JSON has no infinity: in values it is a number that is too large for a float, and "no number" an even larger one.
const INFINITE: [&str; 3] = ["1e+999", "-1e+999", "1e+9999"];
/// The same, as YAML writes them.
const WORDS: [&str; 3] = [".inf", "-.inf", ".nan"];

pub(super) fn from_f64(value: f64) -> Value {
    let infinite = || match (value.is_nan(), value < 0.0) {
        (true, _) => INFINITE[2],
        (_, minus) => INFINITE[usize::from(minus)],
    };
    Number::from_f64(value).or_else(|| infinite().parse().ok()).map_or(Value::Null, Value::Number)
}

/// The float that a number stands for, if it is none of JSON's.
pub(super) fn not_finite(number: &str) -> Option<f64> {
    let at = INFINITE.iter().position(|infinite| *infinite == number)?;
    Some([f64::INFINITY, f64::NEG_INFINITY, f64::NAN][at])
}

/// A value that knows no infinity: these stay the words that YAML has for them.
pub(super) fn finite(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            match INFINITE.iter().position(|infinite| *infinite == text) {
                Some(at) => Value::String(WORDS[at].to_owned()),
                None => Value::Number(number),
            }
        }
        Value::Array(items) => items.into_iter().map(finite).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key, finite(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use serde_json::json;

    fn plain(text: &str) -> Value {
        resolve(text, Typing::Yaml).unwrap()
    }

    #[test]
    fn words_of_yaml_1_1() {
        for (text, value) in [
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!("y")),
            ("yEs", json!("yEs")),
            ("~", json!(null)),
            ("Null", json!(null)),
            ("nULL", json!("nULL")),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
    }

    #[test]
    fn integers() {
        for (text, value) in [
            ("0644", json!(420)),
            ("-017", json!(-15)),
            ("0o17", json!("0o17")),
            ("089", json!("089")),
            ("0_", json!(0)),
            ("1_000", json!(1000)),
            ("+5", json!(5)),
            ("-0", json!(0)),
            ("0x_fF", json!(255)),
            ("0b1010", json!(10)),
            ("22:22", json!(1342)),
            ("12:30:45", json!(45045)),
            ("-1:30", json!(-90)),
            ("1:60", json!("1:60")),
            ("01:30", json!("01:30")),
            ("_1", json!("_1")),
            ("1.2.3.4", json!("1.2.3.4")),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
    }

    #[test]
    fn big_integers_are_exact() {
        let power = "1000000000000000000000000000000000000000000000";
        assert_eq!(plain(power).to_string(), power);
        assert_eq!(
            plain("0x100000000000000000000000000000000000").to_string(),
            "1393796574908163946345982392040522594123776"
        );
        assert!(resolve(&"9".repeat(5000), Typing::Yaml).is_err());
    }

    #[test]
    fn floats_need_a_dot_and_a_signed_exponent() {
        for (text, value) in [
            ("1.5", json!(1.5)),
            ("1.", json!(1.0)),
            ("-.5", json!("-.5")),
            (".5", json!(0.5)),
            ("1e9", json!("1e9")),
            ("1.0e9", json!("1.0e9")),
            ("1.0e+9", json!(1e9)),
            ("6.8523015e+5", json!(685_230.15)),
            ("190:20:30.15", json!(685_230.15)),
            ("1_000.5", json!(1000.5)),
            (".", json!(".")),
            ("._1", json!("._1")),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
        assert_eq!(resolve("1e9", Typing::Json).unwrap(), json!(1e9));
        assert_eq!(resolve("1e400", Typing::Json).unwrap(), plain(".inf"));
        assert_eq!(resolve("-Infinity", Typing::Json).unwrap(), plain("-.INF"));
        for (text, word) in [("+.Inf", ".inf"), ("-.inf", "-.inf"), (".NaN", ".nan"), ("1.0e+999", ".inf")] {
            assert_eq!(finite(json!([plain(text)])), json!([word]), "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_value_and_is_none_is_refused() {
        for text in ["0x_", "0b_", "=", "2024-13-01"] {
            assert!(resolve(text, Typing::Yaml).is_err(), "{text}");
        }
    }

    #[test]
    fn texts_that_a_tag_makes_plain() {
        let quoted = |text| resolve_quoted(text, Typing::Yaml);
        assert_eq!(quoted("1\n"), Ok(json!(1)));
        assert_eq!(quoted("2001-01-01\n"), Ok(json!("2001-01-01")));
        assert_eq!(quoted("\n"), Ok(json!(null)));
        assert_eq!(quoted("a\n"), Ok(json!("a\n")));
        assert_eq!(quoted("1\n\n"), Ok(json!("1\n\n")));
        for text in ["yes\n", "!", "&", "*", "=\n"] {
            assert!(quoted(text).is_err(), "{text}");
        }
        assert_eq!(resolve("-0", Typing::Json), Ok(json!(0)));
    }

    #[test]
    fn tags_of_yaml() {
        assert_eq!(tagged("str", "5").unwrap(), json!("5"));
        assert_eq!(tagged("int", "0x10").unwrap(), json!(16));
        assert_eq!(tagged("float", "3").unwrap(), json!(3.0));
        assert!(tagged("int", "five").is_err());
        assert!(tagged("python/object", "x").is_err());
    }
}
