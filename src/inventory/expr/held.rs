//! A value that an expression goes on with: made now, and counted.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::{
    budget::{MAX_DEPTH, MAX_ITEMS, charge, fits, fits_list, refused},
    values::is_rendered_later,
};

/// What a value costs beside its bytes.
const VALUE: usize = 32;

/// The value, if it may be gone on with. What the engine would make only when it is asked for it is made now, and so is
/// counted; variables are not rendered.
pub(super) fn held(value: Value) -> Result<Value, Error> {
    charge(VALUE)?;
    if let Some(text) = value.as_str() {
        charge(text.len())?;
        return fits(text.len()).map(|()| value);
    }
    if is_rendered_later(&value) {
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
    if depth > MAX_DEPTH {
        return Err(refused("this is nested too deep".to_owned()));
    }
    let is_map = value.kind() == ValueKind::Map;
    if !is_map && !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) || is_rendered_later(value) {
        return Ok(());
    }
    for item in value.try_iter()? {
        *items += 1;
        fits_list(*items)?;
        count(&if is_map { value.get_item(&item)? } else { item }, depth + 1, items)?;
    }
    Ok(())
}
