//! Filters of lists.

use std::collections::HashSet;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::super::{budget, text};
use super::arguments::{Arguments, Row, refused};

/// What a look at an item costs.
const ITEM: usize = 16;

pub(super) const ROWS: &[Row] = &[
    ("length", &[], length),
    ("count", &[], length),
    ("first", &[], |value, _| Ok(items(value)?.into_iter().next().unwrap_or(Value::UNDEFINED))),
    ("last", &[], |value, _| Ok(items(value)?.into_iter().next_back().unwrap_or(Value::UNDEFINED))),
    ("list", &[], |value, _| Ok(items(value)?.into())),
    ("reverse", &[], reverse),
    ("batch", &["linecount", "fill_with"], batch),
    ("join", &["d", "attribute"], join),
    ("unique", &["case_sensitive", "attribute"], unique),
    ("union", &["b"], |value, arguments| both(value, arguments, |_| true, true)),
    ("intersect", &["b"], |value, arguments| both(value, arguments, |is_other| is_other, false)),
    ("difference", &["b"], |value, arguments| both(value, arguments, |is_other| !is_other, false)),
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
    let mut items = Vec::new();
    for item in value.try_iter()? {
        budget::charge(ITEM)?;
        items.push(text::sound(item)?);
        budget::fits_list(items.len())?;
    }
    Ok(items)
}

fn batch(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let count = usize::try_from(arguments.whole(0)?.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?);
    let count =
        count.ok().filter(|count| *count > 0).ok_or_else(|| refused("`batch` takes a number above 0"))?;
    let mut batches: Vec<Vec<Value>> = items(value)?.chunks(count).map(<[Value]>::to_vec).collect();
    if let (Some(fill), Some(last)) = (arguments.get(1), batches.last_mut()) {
        budget::fits_list(count)?;
        last.resize(count, fill.clone());
    }
    Ok(batches.into_iter().map(Value::from).collect())
}

fn length(value: &Value, _: &Arguments) -> Result<Value, Error> {
    Ok(items(value)?.len().into())
}

fn reverse(value: &Value, _: &Arguments) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.chars().rev().collect::<String>().into());
    }
    Ok(items(value)?.into_iter().rev().collect())
}

fn join(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let between = arguments.get(0).map(text::of).transpose()?.unwrap_or_default();
    let mut joined = String::new();
    for (nth, item) in items(value)?.into_iter().enumerate() {
        if nth > 0 {
            joined.push_str(&between);
        }
        joined.push_str(&match arguments.get(1) {
            Some(attribute) => text::of(&item.get_item(attribute)?)?,
            None => text::of(&item)?,
        });
        budget::charge(between.len())?;
        budget::fits(joined.len())?;
    }
    Ok(joined.into())
}

fn same(item: &Value, case_sensitive: bool) -> Value {
    match item.as_str() {
        Some(text) if !case_sensitive => text.to_lowercase().into(),
        _ => item.clone(),
    }
}

/// Items that were met: texts are found at once, all else is compared.
#[derive(Default)]
struct Seen(HashSet<Value>, Vec<Value>);

impl Seen {
    fn of(items: &[Value]) -> Result<Self, Error> {
        let mut seen = Self::default();
        items.iter().try_for_each(|item| seen.is_new(item).map(drop))?;
        Ok(seen)
    }

    fn has(&self, item: &Value) -> Result<bool, Error> {
        budget::charge(ITEM)?;
        if item.as_str().is_some() {
            return Ok(self.0.contains(item));
        }
        budget::charge(4 * self.1.len())?;
        Ok(self.1.contains(item))
    }

    fn is_new(&mut self, item: &Value) -> Result<bool, Error> {
        let is_new = !self.has(item)?;
        match item.as_str() {
            Some(_) if is_new => drop(self.0.insert(item.clone())),
            None if is_new => self.1.push(item.clone()),
            _ => {}
        }
        Ok(is_new)
    }
}

fn unique(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (mut seen, mut kept) = (Seen::default(), Vec::new());
    for item in items(value)? {
        let by = match arguments.get(1) {
            Some(attribute) => item.get_item(attribute)?,
            None => item.clone(),
        };
        if seen.is_new(&same(&by, arguments.flag(0)))? {
            kept.push(item);
        }
    }
    Ok(kept.into())
}

/// Of two lists those that `keep` wants, each once. Ansible's own order is that of a Python set.
fn both(value: &Value, arguments: &Arguments, keep: fn(bool) -> bool, all: bool) -> Result<Value, Error> {
    let (mut first, second) = (items(value)?, items(arguments.needed(0)?)?);
    if all {
        first.extend(second.iter().cloned());
    }
    let (others, mut seen) = (Seen::of(&second)?, Seen::default());
    let mut kept: Vec<Value> = Vec::new();
    for item in first {
        if keep(others.has(&item)?) && seen.is_new(&item)? {
            kept.push(item);
        }
    }
    Ok(kept.into())
}

fn flatten(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let skip = arguments.0.get(1).and_then(Option::as_ref).is_none_or(Value::is_true);
    let mut out = Vec::new();
    flat(items(value)?, arguments.whole(0)?.unwrap_or(i64::MAX), skip, 0, &mut out)?;
    Ok(out.into())
}

fn flat(items: Vec<Value>, levels: i64, skip: bool, depth: usize, out: &mut Vec<Value>) -> Result<(), Error> {
    if depth > budget::MAX_DEPTH {
        return Err(refused("this is nested too deep"));
    }
    for item in items {
        budget::charge(ITEM)?;
        budget::fits_list(out.len())?;
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

fn zip(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let pairs = items(value)?.into_iter().zip(items(arguments.needed(0)?)?);
    Ok(pairs.map(|(a, b)| Value::from(vec![a, b])).collect())
}

fn sum(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (mut whole, mut float, mut is_float) = (0_i128, 0.0, false);
    let start = arguments.get(1).cloned();
    let mut all = items(value)?;
    if let Some(attribute) = arguments.get(0) {
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
