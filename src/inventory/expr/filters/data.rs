//! Filters that turn values into others.

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Error, ErrorKind, Value};
use serde_json::Value as Json;

use super::super::{budget, text, values};
use super::arguments::{Arguments, Row, refused};
use super::lists::items;
use crate::inventory::python;

pub(super) const ROWS: &[Row] = &[
    ("default", &["default_value", "boolean"], |value, arguments| Ok(default(value, arguments))),
    ("d", &["default_value", "boolean"], |value, arguments| Ok(default(value, arguments))),
    ("mandatory", &["msg"], mandatory),
    ("ternary", &["true_val", "false_val", "none_val"], ternary),
    ("bool", &[], |value, _| Ok(to_bool(value).into())),
    ("int", &["default", "base"], int),
    ("float", &["default"], float),
    ("abs", &[], abs),
    ("round", &["precision", "method"], round),
    ("to_json", &[], |value, _| dumped(&values::to_json(value)?, None)),
    ("to_nice_json", &["indent"], to_nice_json),
    ("from_json", &[], from_json),
    ("combine", &["b", "recursive"], combine),
    ("dict2items", &["key_name", "value_name"], dict_to_items),
    ("items2dict", &["key_name", "value_name"], items_to_dict),
    ("extract", &["container", "morekeys"], extract),
    ("type_debug", &[], type_debug),
];

fn default(value: &Value, arguments: &Arguments) -> Value {
    let falls_back = value.is_undefined() || arguments.flag(1) && !value.is_true();
    let other = || arguments.0[0].clone().unwrap_or_else(|| Value::from(""));
    if falls_back { other() } else { value.clone() }
}

fn mandatory(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    match arguments.get(0) {
        Some(message) if value.is_undefined() => Err(refused(text::of(message)?)),
        _ if value.is_undefined() => Err(Error::from(ErrorKind::UndefinedError)),
        _ => Ok(value.clone()),
    }
}

fn ternary(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if let Some(none) = arguments.get(2).filter(|_| value.is_none()) {
        return Ok(none.clone());
    }
    arguments.needed(usize::from(!value.is_true())).cloned()
}

fn to_bool(value: &Value) -> bool {
    let is_one = || f64::try_from(value.clone()).is_ok_and(|number| (number - 1.0).abs() == 0.0);
    match value.as_str().map(str::to_lowercase) {
        Some(word) => matches!(word.as_str(), "yes" | "on" | "true" | "1"),
        None if value.kind() == ValueKind::Bool => value.is_true(),
        None => value.kind() == ValueKind::Number && is_one(),
    }
}

fn int(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let base = arguments.whole(1)?.unwrap_or(10);
    let default = arguments.0[0].clone().unwrap_or_else(|| Value::from(0));
    if !matches!(base, 2 | 8 | 10 | 16) {
        return Err(refused("`int` takes the bases 2, 8, 10 and 16 here"));
    }
    Ok(match value.kind() {
        ValueKind::Bool => i64::from(value.is_true()).into(),
        ValueKind::Number if value.is_integer() => value.clone(),
        ValueKind::Number => truncated(f64::try_from(value.clone())?).unwrap_or(default),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default().trim();
            whole(text, u32::try_from(base).unwrap_or(10))
                .or_else(|| truncated(number(text)?))
                .unwrap_or(default)
        }
        _ => default,
    })
}

/// Digits of that base, as Python's `int` reads them.
fn whole(text: &str, base: u32) -> Option<Value> {
    let (minus, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = text.to_ascii_lowercase();
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let digits = lower.strip_prefix(prefix).unwrap_or(&lower);
    let sound = !digits.starts_with(['_', '-', '+']) && !digits.ends_with('_') && !digits.contains("__");
    let number = i128::from_str_radix(&digits.replace('_', ""), base).ok().filter(|_| sound)?;
    Some(Value::from(if minus { -number } else { number }))
}

/// A number in Python's notation; infinities are none.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let letters = text.trim_start_matches(['-', '+']);
    let starts = letters.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    text.replace('_', "").parse().ok().filter(|_| starts)
}

#[allow(clippy::cast_possible_truncation)] // towards zero is what Python does
fn truncated(float: f64) -> Option<Value> {
    (float.is_finite() && float.abs() < 1e37).then(|| Value::from(float as i128))
}

fn float(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let default = arguments.0[0].clone().unwrap_or_else(|| Value::from(0.0));
    Ok(match value.kind() {
        ValueKind::Bool => f64::from(u8::from(value.is_true())).into(),
        ValueKind::Number => f64::try_from(value.clone())?.into(),
        ValueKind::String => number(value.as_str().unwrap_or_default()).map_or(default, Value::from),
        _ => default,
    })
}

fn abs(value: &Value, _: &Arguments) -> Result<Value, Error> {
    if value.is_integer() {
        let number = i128::try_from(value.clone())?.checked_abs();
        return number.map(Value::from).ok_or_else(|| refused("this number is too large"));
    }
    Ok(f64::try_from(value.clone())?.abs().into())
}

fn round(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let method = arguments.get(1).and_then(Value::as_str).unwrap_or("common");
    let precision = i32::try_from(arguments.whole(0)?.unwrap_or(0))
        .map_err(|_| refused("so many digits there are not"))?;
    if value.kind() != ValueKind::Number {
        return Err(refused(format!("a {} cannot be rounded", value.kind())));
    }
    let (float, power) = (f64::try_from(value.clone())?, 10_f64.powi(precision));
    Ok(match method {
        "common" if value.is_integer() && precision >= 0 => value.clone(),
        "common" if value.is_integer() => return Err(refused("whole numbers are not rounded to tens here")),
        // The nearest decimal of the number itself, halves to even: what Python does, and what printing does.
        "common" if precision >= 0 => {
            let digits = usize::try_from(precision).unwrap_or(0).min(320);
            format!("{float:.digits$}").parse::<f64>().map_err(|error| refused(error.to_string()))?.into()
        }
        "common" => ((float * power).round_ties_even() / power).into(),
        "ceil" => ((float * power).ceil() / power).into(),
        "floor" => ((float * power).floor() / power).into(),
        other => return Err(refused(format!("`round` knows common, ceil and floor, not `{other}`"))),
    })
}

fn to_nice_json(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let indent = usize::try_from(arguments.whole(0)?.unwrap_or(4)).unwrap_or(0).min(40);
    dumped(&sorted(values::to_json(value)?), Some(indent))
}

fn sorted(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            let mut members: Vec<(String, Json)> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            members.into_iter().map(|(key, member)| (key, sorted(member))).collect()
        }
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        scalar => scalar,
    }
}

/// As Python's `json.dumps` writes it.
fn dumped(value: &Json, indent: Option<usize>) -> Result<Value, Error> {
    let mut out = String::new();
    dump(value, indent, 0, &mut out)?;
    Ok(out.into())
}

fn dump(value: &Json, indent: Option<usize>, depth: usize, out: &mut String) -> Result<(), Error> {
    let line = |depth: usize, out: &mut String| {
        out.extend(indent.map(|indent| format!("\n{}", " ".repeat(indent * depth))));
    };
    let between = if indent.is_some() { "," } else { ", " };
    let (open, close, is_empty) = match value {
        Json::Array(items) => ('[', ']', items.is_empty()),
        Json::Object(members) => ('{', '}', members.is_empty()),
        _ => {
            *out += &scalar(value);
            return budget::fits(out.len());
        }
    };
    let members = value.as_object().into_iter().flatten().map(|(key, member)| (Some(key), member));
    let items = value.as_array().into_iter().flatten().map(|item| (None, item));
    out.push(open);
    for (nth, (key, item)) in members.chain(items).enumerate() {
        *out += if nth > 0 { between } else { "" };
        line(depth + 1, out);
        out.extend(key.map(|key| ascii(key) + ": "));
        dump(item, indent, depth + 1, out)?;
    }
    if !is_empty {
        line(depth, out);
    }
    out.push(close);
    Ok(())
}

fn scalar(value: &Json) -> String {
    match value {
        Json::String(text) => ascii(text),
        Json::Number(number) => python::number(&number.to_string(), python::Words::Json),
        other => other.to_string(),
    }
}

/// A text in JSON that is ASCII alone.
fn ascii(text: &str) -> String {
    let quoted = Json::from(text).to_string();
    let mut out = String::new();
    for c in quoted.chars() {
        let mut units = [0; 2];
        match c {
            ' '..='~' => out.push(c),
            c => out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}"))),
        }
    }
    out
}

fn from_json(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let text = value.as_str().ok_or_else(|| refused("`from_json` takes a text"))?;
    let json: Json =
        serde_json::from_str(text).map_err(|error| refused(format!("this is not JSON: {error}")))?;
    Ok(values::plain(&json))
}

/// The pairs of a dictionary.
fn pairs(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    if value.kind() != ValueKind::Map {
        return Err(refused(format!("a dictionary is wanted here, not a {}", value.kind())));
    }
    let pair = |key: Value| value.get_item(&key).and_then(text::sound).map(|member| (key, member));
    value.try_iter()?.map(pair).collect()
}

/// Python's `dict`: of a dictionary or of pairs, and of names.
pub(in super::super) fn dict(arguments: &[Value]) -> Result<Value, Error> {
    let (first, named): (Option<Value>, Kwargs) = from_args(arguments)?;
    let mut members = match first {
        Some(first) if first.kind() == ValueKind::Map => pairs(&first)?,
        Some(first) => items(&first)?.iter().map(pair).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    for name in named.args() {
        members.push((name.into(), named.get(name)?));
    }
    Ok(Value::from_iter(members))
}

fn pair(item: &Value) -> Result<(Value, Value), Error> {
    let mut both = items(item)?.into_iter();
    match (both.next(), both.next(), both.next()) {
        (Some(key), Some(member), None) => Ok((key, member)),
        _ => Err(refused("`dict` takes a list of pairs")),
    }
}

fn combine(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    merged(value, arguments.needed(0)?, arguments.flag(1), 0)
}

fn merged(low: &Value, high: &Value, recursive: bool, depth: usize) -> Result<Value, Error> {
    if depth > budget::MAX_DEPTH {
        return Err(refused("this is nested too deep"));
    }
    let mut members = pairs(low)?;
    for (key, member) in pairs(high)? {
        budget::charge(16 + members.len())?;
        let is_map = |value: &Value| value.kind() == ValueKind::Map;
        match members.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) if recursive && is_map(known) && is_map(&member) => {
                *known = merged(known, &member, true, depth + 1)?;
            }
            Some((_, known)) => *known = member,
            None => members.push((key, member)),
        }
    }
    Ok(Value::from_iter(members))
}

fn extract(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let more = match arguments.get(1) {
        Some(more) if more.as_str().is_none() => items(more)?,
        more => more.into_iter().cloned().collect(),
    };
    let mut found = arguments.needed(0)?.clone();
    for key in [value.clone()].into_iter().chain(more) {
        if found.is_undefined() {
            break;
        }
        found = text::sound(found.get_item(&key)?)?;
    }
    Ok(found)
}

fn names(arguments: &Arguments) -> (&str, &str) {
    let name = |at: usize| arguments.get(at).and_then(Value::as_str);
    (name(0).unwrap_or("key"), name(1).unwrap_or("value"))
}

fn dict_to_items(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (key_name, value_name) = names(arguments);
    let one = |(key, member): (Value, Value)| Value::from_iter([(key_name, key), (value_name, member)]);
    Ok(pairs(value)?.into_iter().map(one).collect())
}

fn items_to_dict(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (key_name, value_name) = names(arguments);
    let mut members = Vec::new();
    for item in items(value)? {
        let (key, member) = (item.get_attr(key_name)?, item.get_attr(value_name)?);
        if key.is_undefined() || member.is_undefined() {
            return Err(refused(format!("an item of this list has no `{key_name}` or no `{value_name}`")));
        }
        members.push((key, member));
    }
    Ok(Value::from_iter(members))
}

fn type_debug(value: &Value, _: &Arguments) -> Result<Value, Error> {
    Ok(match value.kind() {
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => "dict",
        kind => return Err(refused(format!("a {kind} has no type here"))),
    }
    .into())
}
