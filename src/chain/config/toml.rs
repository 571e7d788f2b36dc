//! Keys of a TOML file that `init` made: values change, comments and order stay.

use serde_json::Value;
use toml_edit::{Array, DocumentMut, Item, Key, Value as Toml};

use crate::problem::{Problem, nearest};

pub(super) fn parse(file: &str, text: &str) -> Result<DocumentMut, Problem> {
    text.parse().map_err(|error| Problem::error(format!("{file} is not TOML: {error}")))
}

pub(super) fn set(file: &str, document: &mut DocumentMut, key: &str, wanted: &Value) -> Result<(), Problem> {
    set_in(document.as_item_mut(), key, wanted)
        .map_err(|problem| Problem { message: format!("{file}: {}", problem.message), ..problem })
}

pub(super) fn read(document: &DocumentMut, key: &str) -> Option<Value> {
    let parts = Key::parse(key).ok()?;
    let item = parts.iter().try_fold(document.as_item(), |item, part| item.get(part.get()))?;
    item.as_value().map(to_json)
}

fn set_in(root: &mut Item, key: &str, wanted: &Value) -> Result<(), Problem> {
    let parts = Key::parse(key).map_err(|_| Problem::error(format!("{key:?} is not a dotted key")))?;
    let mut item = root;
    for (nth, part) in parts.iter().enumerate() {
        if item.as_table_like().is_none_or(|table| !table.contains_key(part.get())) {
            let above: Vec<_> = parts[..nth].iter().map(Key::get).collect();
            let known = item.as_table_like().into_iter().flat_map(|table| table.iter().map(|(key, _)| key));
            return Err(unknown(key, &above.join("."), part.get(), known));
        }
        // It is there: indexing by a key would make what is not.
        item = &mut item[part.get()];
    }
    let Some(found) = item.as_value_mut() else {
        return Err(Problem::error(format!("`{key}` is a section")).help("give the keys in it"));
    };
    let mut value = fit(found, wanted).ok_or_else(|| {
        Problem::error(format!("`{key}` is {}, so it cannot be {wanted}", found.type_name()))
    })?;
    if to_json(&value) == to_json(found) {
        return Ok(());
    }
    *value.decor_mut() = found.decor().clone();
    *found = value;
    Ok(())
}

fn unknown<'a>(key: &str, above: &str, part: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let problem = Problem::error(format!("no key `{key}`: the node's own file does not have it"));
    match nearest(part, known) {
        Some(near) if above.is_empty() => problem.help(format!("is `{near}` meant?")),
        Some(near) => problem.help(format!("is `{above}.{near}` meant?")),
        None => problem.help("the file that `init` makes names every key there is"),
    }
}

/// The wanted value in the type that the file has; None where that would change its meaning.
fn fit(found: &Toml, wanted: &Value) -> Option<Toml> {
    match (found, wanted) {
        (Toml::String(_), Value::String(text)) => Some(Toml::from(text.as_str())),
        // `chunk_fetchers = "4"`: files quote numbers, people do not.
        (Toml::String(_), Value::Number(number)) => Some(Toml::from(number.to_string())),
        (Toml::Boolean(_), Value::Bool(flag)) => Some(Toml::from(*flag)),
        // What comes out of a `{{ }}` expression is a text.
        (Toml::Boolean(_), Value::String(text)) => text.parse::<bool>().ok().map(Toml::from),
        (Toml::Integer(_), Value::Number(number)) => number.as_i64().map(Toml::from),
        (Toml::Integer(_), Value::String(text)) => text.parse::<i64>().ok().map(Toml::from),
        (Toml::Float(_), Value::Number(number)) => number.as_f64().map(Toml::from),
        (Toml::Array(_), Value::Array(items)) => {
            items.iter().map(scalar).collect::<Option<Array>>().map(Toml::Array)
        }
        _ => None,
    }
}

fn scalar(value: &Value) -> Option<Toml> {
    match value {
        Value::String(text) => Some(Toml::from(text.as_str())),
        Value::Bool(flag) => Some(Toml::from(*flag)),
        Value::Number(number) => number.as_i64().map(Toml::from).or_else(|| number.as_f64().map(Toml::from)),
        _ => None,
    }
}

fn to_json(value: &Toml) -> Value {
    match value {
        Toml::String(text) => text.value().as_str().into(),
        Toml::Integer(number) => (*number.value()).into(),
        Toml::Float(number) => (*number.value()).into(),
        Toml::Boolean(flag) => (*flag.value()).into(),
        Toml::Datetime(time) => time.value().to_string().into(),
        Toml::Array(items) => items.iter().map(to_json).collect(),
        Toml::InlineTable(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.to_owned(), to_json(value))).collect())
        }
    }
}
