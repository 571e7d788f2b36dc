//! Filters of lists.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::super::text;
use super::{Given, Row, refused};

pub(super) const ROWS: &[Row] = &[
    ("length", &[], length),
    ("count", &[], length),
    ("first", &[], |value, _| Ok(items(value)?.into_iter().next().unwrap_or(Value::UNDEFINED))),
    ("last", &[], |value, _| Ok(items(value)?.into_iter().next_back().unwrap_or(Value::UNDEFINED))),
    ("list", &[], |value, _| Ok(items(value)?.into())),
    ("reverse", &[], reverse),
    ("join", &["d", "attribute"], join),
    ("unique", &["case_sensitive", "attribute"], unique),
    ("union", &["b"], |value, given| both(value, given, |_, _| true, true)),
    ("intersect", &["b"], |value, given| both(value, given, |item, other| other.contains(item), false)),
    ("difference", &["b"], |value, given| both(value, given, |item, other| !other.contains(item), false)),
    ("flatten", &["levels", "skip_nulls"], flatten),
    ("zip", &["b"], zip),
    ("sum", &["attribute", "start"], sum),
];

/// What Python's `for` would go over: the characters of a text, the keys of a dictionary.
pub(super) fn items(value: &Value) -> Result<Vec<Value>, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.chars().map(Value::from).collect());
    }
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
        return Err(refused(format!("a {} is no list", value.kind())));
    }
    value.try_iter()?.map(text::sound).collect()
}

fn length(value: &Value, _: &Given) -> Result<Value, Error> {
    Ok(items(value)?.len().into())
}

fn reverse(value: &Value, _: &Given) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.chars().rev().collect::<String>().into());
    }
    Ok(items(value)?.into_iter().rev().collect())
}

fn join(value: &Value, given: &Given) -> Result<Value, Error> {
    let between = given.get(0).map(text::of).transpose()?.unwrap_or_default();
    let mut texts = Vec::new();
    for item in items(value)? {
        texts.push(match given.get(1) {
            Some(attribute) => text::of(&item.get_item(attribute)?)?,
            None => text::of(&item)?,
        });
    }
    Ok(texts.join(&between).into())
}

fn same(item: &Value, case_sensitive: bool) -> Value {
    match item.as_str() {
        Some(text) if !case_sensitive => text.to_lowercase().into(),
        _ => item.clone(),
    }
}

fn unique(value: &Value, given: &Given) -> Result<Value, Error> {
    let (mut seen, mut kept) = (Vec::new(), Vec::new());
    for item in items(value)? {
        let by = match given.get(1) {
            Some(attribute) => item.get_item(attribute)?,
            None => item.clone(),
        };
        let by = same(&by, given.flag(0));
        if !seen.contains(&by) {
            seen.push(by);
            kept.push(item);
        }
    }
    Ok(kept.into())
}

/// Of two lists those that `keep` wants, each once. Ansible's own order is that of a Python set.
fn both(value: &Value, given: &Given, keep: fn(&Value, &[Value]) -> bool, all: bool) -> Result<Value, Error> {
    let (mut first, second) = (items(value)?, items(given.needed(0)?)?);
    if all {
        first.extend(second.iter().cloned());
    }
    let mut kept: Vec<Value> = Vec::new();
    for item in first {
        if keep(&item, &second) && !kept.contains(&item) {
            kept.push(item);
        }
    }
    Ok(kept.into())
}

fn flatten(value: &Value, given: &Given) -> Result<Value, Error> {
    let skip = given.0.get(1).and_then(Option::as_ref).is_none_or(Value::is_true);
    let mut out = Vec::new();
    flat(items(value)?, given.whole(0)?.unwrap_or(i64::MAX), skip, 0, &mut out)?;
    Ok(out.into())
}

fn flat(items: Vec<Value>, levels: i64, skip: bool, depth: usize, out: &mut Vec<Value>) -> Result<(), Error> {
    if depth > text::MAX_DEPTH {
        return Err(refused("this is nested too deep"));
    }
    for item in items {
        let is_null = item.is_none() || matches!(item.as_str(), Some("None" | "null"));
        match item.kind() {
            _ if skip && is_null => {}
            ValueKind::Seq | ValueKind::Iterable if levels >= 1 => {
                flat(self::items(&item)?, levels - 1, skip, depth + 1, out)?;
            }
            _ => out.push(item),
        }
    }
    Ok(())
}

fn zip(value: &Value, given: &Given) -> Result<Value, Error> {
    let pairs = items(value)?.into_iter().zip(items(given.needed(0)?)?);
    Ok(pairs.map(|(a, b)| Value::from(vec![a, b])).collect())
}

fn sum(value: &Value, given: &Given) -> Result<Value, Error> {
    let (mut whole, mut float, mut is_float) = (0_i128, 0.0, false);
    let start = given.get(1).cloned();
    let mut all = items(value)?;
    if let Some(attribute) = given.get(0) {
        all = all.iter().map(|item| item.get_item(attribute)).collect::<Result<_, _>>()?;
    }
    for item in start.into_iter().chain(all) {
        if !matches!(item.kind(), ValueKind::Number | ValueKind::Bool) {
            return Err(refused(format!("only numbers are added up, and this is a {}", item.kind())));
        }
        is_float |= item.is_number() && !item.is_integer();
        if !is_float {
            let next = i128::try_from(item.clone()).ok().and_then(|item| whole.checked_add(item));
            whole = next.ok_or_else(|| refused("the sum is too large"))?;
        }
        float += if item.kind() == ValueKind::Bool {
            f64::from(u8::from(item.is_true()))
        } else {
            f64::try_from(item)?
        };
    }
    Ok(if is_float { float.into() } else { whole.into() })
}
