//! The operators that can make much of little, behind filters of `guard`; and what the engine's own methods and filters
//! would make, before they do.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value, context};

use super::super::{budget, guard, held::held, text};
use super::arguments::refused;

/// Digits of a width or a precision.
const MAX_DIGITS: usize = 4;

static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(Environment::empty);

pub(super) fn add(engine: &mut Environment<'static>) {
    engine.add_filter(guard::TIMES, times);
    engine.add_filter(guard::CONCAT, concat);
    engine.add_filter(guard::SLICE, slice);
}

/// What the engine makes of it.
fn plain(expression: &'static str, values: Value) -> Result<Value, Error> {
    PLAIN.compile_expression(expression)?.eval(values)
}

fn times(a: &Value, b: &Value) -> Result<Value, Error> {
    for (of, by) in [(a, b), (b, a)] {
        let by = by.as_usize().unwrap_or_default();
        if let Some(text) = of.as_str() {
            budget::fits(text.len().saturating_mul(by))?;
            budget::charge(text.len() * by)?;
        } else if matches!(of.kind(), ValueKind::Seq | ValueKind::Iterable) {
            budget::fits_list(of.len().unwrap_or(usize::MAX).saturating_mul(by.max(1)))?;
            budget::fits_list(by)?;
        }
    }
    plain("a * b", context! { a, b }).and_then(held)
}

/// A text that stops where it is too long.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.0.len() + part.len() > budget::MAX_TEXT {
            return Err(fmt::Error);
        }
        self.0.push_str(part);
        Ok(())
    }
}

fn concat(a: &Value, b: &Value) -> Result<Value, Error> {
    if a.is_undefined() || b.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let mut text = Short(String::new());
    if write!(text, "{a}{b}").is_err() {
        return Err(budget::fits(usize::MAX).err().unwrap_or_else(|| refused("this has no text")));
    }
    held(text.0.into())
}

/// Python's; the engine's own goes wrong backwards where there is nothing.
fn slice(value: &Value, start: &Value, stop: &Value, step: &Value) -> Result<Value, Error> {
    let number = |value: &Value| -> Result<Option<i64>, Error> {
        if value.is_none() { Ok(None) } else { i64::try_from(value.clone()).map(Some) }
    };
    let Some(step) = number(step)?.filter(|step| *step < 0) else {
        return plain("a[b:c:d]", context! { a => value, b => start, c => stop, d => step }).and_then(held);
    };
    let items = super::lists::items(value)?;
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let at = |arguments: Option<i64>, none: i64| match arguments {
        None => none,
        Some(at) if at < 0 => at.saturating_add(length).max(-1),
        Some(at) => at.min(length - 1),
    };
    let (first, last) = (at(number(start)?, length - 1), at(number(stop)?, -1));
    let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    let places = (last.saturating_add(1)..=first).rev().step_by(stride);
    let taken = places.filter_map(|at| items.get(usize::try_from(at).ok()?).cloned());
    if value.as_str().is_none() {
        return held(taken.collect::<Vec<_>>().into());
    }
    held(taken.filter_map(|one| one.as_str().map(str::to_owned)).collect::<String>().into())
}

/// Whether a method of a text (or the filter `format`) makes something that may be gone on with.
pub(in super::super) fn fit(value: &Value, method: &str, arguments: &[Value]) -> Result<(), Error> {
    let Some(of) = value.as_str() else { return Ok(()) };
    budget::charge(of.len())?;
    match (method, arguments) {
        ("replace", [old, new, ..]) => {
            fit_replaced(of, old.as_str().unwrap_or(" "), new.as_str().unwrap_or(""))
        }
        ("join", [list]) => fit_joined(of, list),
        ("format", _) => fit_format(of, arguments),
        _ => Ok(()),
    }
}

pub(super) fn fit_replaced(of: &str, old: &str, new: &str) -> Result<(), Error> {
    let times = if old.is_empty() { of.len() + 1 } else { of.matches(old).count() };
    budget::fits(times.saturating_mul(new.len()))
}

fn fit_joined(between: &str, list: &Value) -> Result<(), Error> {
    let mut bytes = 0_usize;
    for item in list.try_iter()? {
        let Some(text) = item.as_str() else {
            return Err(refused(format!("`join` puts texts together, and this is a {}", item.kind())));
        };
        bytes = bytes.saturating_add(between.len() + text.len());
        budget::charge(between.len() + text.len())?;
        budget::fits(bytes)?;
    }
    Ok(())
}

/// Each of its places may take the longest value, and be as wide as it says.
fn fit_format(format: &str, arguments: &[Value]) -> Result<(), Error> {
    let is_digit = |c: char| c.is_ascii_digit();
    let widest = format.split(|c| !is_digit(c)).map(str::len).max().unwrap_or(0);
    if widest > MAX_DIGITS {
        return Err(refused(format!("a width or a precision in `format` has more than {MAX_DIGITS} digits")));
    }
    let mut longest = if widest > 2 { 10_usize.pow(4) } else { 100 };
    for argument in arguments {
        let width = argument.as_usize().filter(|_| format.contains('*')).unwrap_or(0);
        longest = longest.max(text::of(argument).map_or(0, |text| text.len())).max(width);
    }
    let places = format.matches(['%', '{']).count();
    budget::fits(longest.saturating_mul(places))
}
