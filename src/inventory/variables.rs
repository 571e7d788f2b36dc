//! Entries of a mapping as variables.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::document::{Entry, Kind};
use super::{Marks, Origin, Source, Var};

/// Ansible takes anything that Python calls false for "no variables".
pub(super) fn is_falsy(kind: &Kind) -> bool {
    match kind {
        Kind::Scalar(Value::Null | Value::Bool(false)) => true,
        Kind::Scalar(Value::String(text)) => text.is_empty(),
        Kind::Scalar(Value::Number(number)) => number.as_f64() == Some(0.0),
        Kind::Sequence(items) => items.is_empty(),
        _ => false,
    }
}

/// The variables of a file that holds nothing else.
pub(super) fn variables(
    source: &Source,
    entries: &IndexMap<String, Entry>,
    origin: &Origin,
) -> impl Iterator<Item = (Arc<str>, Arc<Var>)> {
    entries.values().map(|entry| {
        let (name, mut var) = variable(entry, origin.clone());
        Arc::make_mut(&mut var).marks.secret = source.secret;
        (name, var)
    })
}

/// A variable of a mapping's entry.
pub(super) fn variable(entry: &Entry, origin: Origin) -> (Arc<str>, Arc<Var>) {
    let mut marks = Marks::default();
    let value = entry.value.value(&mut marks);
    let name = entry.key.key_text().unwrap_or_default();
    let name_place = entry.key.place.clone();
    let is_scalar = matches!(entry.value.kind, Kind::Scalar(_));
    let place = if is_scalar { entry.value.place.clone() } else { name_place.clone() };
    (name.into(), Arc::new(Var { value, place: Some(place), name_place: Some(name_place), origin, marks }))
}
