//! The engine's values as Python prints them: `True`, `['a', 1]`, `1e+16`.

use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::budget;
use crate::inventory::python;

/// A whole number beyond 128 bits, as its digits: it may be passed on, not calculated with.
#[derive(Debug)]
pub(super) struct Big(pub String);

impl Object for Big {
    fn repr(self: &std::sync::Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &std::sync::Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value, unless it stands for a variable that could not be rendered: what was wrong there has been noted.
pub(super) fn sound(value: Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::Invalid {
        return Err(Error::new(ErrorKind::InvalidOperation, "a variable cannot be rendered"));
    }
    Ok(value)
}

/// Python's `str`.
pub(super) fn of(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        budget::fits(text.len())?;
        budget::charge(text.len())?;
        return Ok(text.to_owned());
    }
    let mut out = String::new();
    write(value, 0, &mut out)?;
    Ok(out)
}

/// Python's `repr`.
fn write(value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
    if depth > budget::MAX_DEPTH {
        return Err(Error::new(ErrorKind::InvalidOperation, "this is nested too deep"));
    }
    budget::charge(8)?;
    budget::fits_value(out.len() + value.as_str().map_or(0, str::len))?;
    match value.kind() {
        ValueKind::Invalid => return sound(value.clone()).map(drop),
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => out.push_str(&python::number(&value.to_string(), python::Words::Repr)),
        ValueKind::String => out.push_str(&python::quoted(value.as_str().unwrap_or_default())),
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (at, item) in value.try_iter()?.enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write(&item, depth + 1, out)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (at, key) in value.try_iter()?.enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write(&key, depth + 1, out)?;
                out.push_str(": ");
                write(&value.get_item(&key)?, depth + 1, out)?;
            }
            out.push('}');
        }
        ValueKind::Plain if value.downcast_object_ref::<Big>().is_some() => out.push_str(&value.to_string()),
        kind => {
            return Err(Error::new(ErrorKind::InvalidOperation, format!("a {kind} has no text")));
        }
    }
    Ok(())
}
