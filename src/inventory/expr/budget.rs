//! What one variable may cost with all that it needs. Inventories and profiles come from elsewhere, too: an expression
//! that would take gigabytes or minutes ends with an error that names the variable, on any machine at the same point.

use std::cell::Cell;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::{text, values};

/// Bytes of a text, wherever in an expression.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Bytes of a list or a dictionary as text.
pub(super) const MAX_VALUE: usize = 8 << 20;
/// Items of a list or a dictionary, with those of the lists in it.
pub(super) const MAX_ITEMS: usize = 100_000;
/// Bytes that are made or looked at; what is counted otherwise is counted as so many. It takes about a second.
const WORK: u64 = 1 << 27;
/// What a value costs beside its bytes.
const VALUE: usize = 32;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// A variable's rendering begins; it stays on this thread.
pub(super) fn begin() {
    LEFT.set(WORK);
}

pub(super) fn charge(bytes: usize) -> Result<(), Error> {
    let left = LEFT.get().checked_sub(bytes as u64);
    LEFT.set(left.unwrap_or(0));
    left.map(drop).ok_or_else(|| refused("this is more work than is done for one variable".to_owned()))
}

/// A text of so many bytes, with what there is of it already.
pub(super) fn fits(bytes: usize) -> Result<(), Error> {
    within(bytes, MAX_TEXT, "a text of it has")
}

/// The same for a list or a dictionary as text.
pub(super) fn fits_value(bytes: usize) -> Result<(), Error> {
    within(bytes, MAX_VALUE, "its value has")
}

pub(super) fn fits_list(items: usize) -> Result<(), Error> {
    if items > MAX_ITEMS {
        return Err(refused(format!("a list or a dictionary of it has more than {MAX_ITEMS} items")));
    }
    Ok(())
}

fn within(bytes: usize, most: usize, what: &str) -> Result<(), Error> {
    if bytes > most {
        return Err(refused(format!("{what} more than {most} bytes")));
    }
    Ok(())
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}

/// The value, if it may be gone on with. What the engine would make only when it is asked for it is made now, and so is
/// counted; variables are not rendered.
pub(super) fn held(value: Value) -> Result<Value, Error> {
    charge(VALUE)?;
    if let Some(text) = value.as_str() {
        charge(text.len())?;
        return fits(text.len()).map(|()| value);
    }
    if values::is_rendered_later(&value) {
        return Ok(value);
    }
    let value = match value.kind() {
        ValueKind::Iterable => value.try_iter()?.take(MAX_ITEMS + 1).collect::<Vec<Value>>().into(),
        _ => value,
    };
    let mut items = 0;
    count(&value, 0, &mut items)?;
    charge(items * VALUE)?;
    Ok(value)
}

fn count(value: &Value, depth: usize, items: &mut usize) -> Result<(), Error> {
    if depth > text::MAX_DEPTH {
        return Err(refused("this is nested too deep".to_owned()));
    }
    let is_map = value.kind() == ValueKind::Map;
    if !is_map && !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
        || values::is_rendered_later(value)
    {
        return Ok(());
    }
    for item in value.try_iter()? {
        *items += 1;
        fits_list(*items)?;
        count(&if is_map { value.get_item(&item)? } else { item }, depth + 1, items)?;
    }
    Ok(())
}
