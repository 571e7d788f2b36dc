//! What stands behind `|`: Jinja's own filters and those of ansible-core that need nothing from outside.
//!
//! What is not in these tables is refused, rather than read nearly as Ansible reads it.

mod data;
mod lists;
mod operators;
mod regexes;
mod texts;

use minijinja::value::{Kwargs, Rest, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};

pub(super) use data::dict;
pub(super) use operators::fit;
pub(super) use regexes::found as regex_found;

use super::budget;

/// A filter's name, the names of its parameters, and what it does.
type Row = (&'static str, &'static [&'static str], fn(&Value, &Arguments) -> Result<Value, Error>);

/// Filters that are asked even where something is undefined.
const OF_UNDEFINED: [&str; 4] = ["default", "d", "mandatory", "ternary"];

pub(super) fn add(engine: &mut Environment<'static>) {
    for (name, parameters, filter) in [texts::ROWS, regexes::ROWS, lists::ROWS, data::ROWS].concat() {
        engine.add_filter(name, move |value: &Value, arguments: Rest<Value>| {
            let arguments = Arguments::read(parameters, &arguments)?;
            let undefined = value.is_undefined() || arguments.0.iter().flatten().any(Value::is_undefined);
            if undefined && !OF_UNDEFINED.contains(&name) {
                // Undefined it stays: `default` may come yet.
                return Ok(Value::UNDEFINED);
            }
            filter(value, &arguments).and_then(budget::held)
        });
    }
    operators::add(engine);
    // Where the engine's own are the same.
    engine.add_filter("map", filters::map);
    engine.add_filter("select", filters::select);
    engine.add_filter("reject", filters::reject);
    engine.add_filter("selectattr", filters::selectattr);
    engine.add_filter("rejectattr", filters::rejectattr);
    engine.add_filter("sort", filters::sort);
    engine.add_filter("dictsort", filters::dictsort);
    engine.add_filter("format", |state: &State<'_, '_>, value: &Value, arguments: Rest<Value>| {
        fit(value, "format", &arguments).and_then(|()| filters::format(state, value, arguments))
    });
    engine.add_filter("items", filters::items);
    engine.add_filter("min", filters::min);
    engine.add_filter("max", filters::max);
}

/// The arguments of a filter, in the order of its parameters.
struct Arguments(Vec<Option<Value>>);

impl Arguments {
    fn read(parameters: &[&str], arguments: &[Value]) -> Result<Self, Error> {
        let (by_place, by_name): (&[Value], Kwargs) = from_args(arguments)?;
        if by_place.len() > parameters.len() {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        let mut arguments: Vec<Option<Value>> = by_place.iter().cloned().map(Some).collect();
        arguments.resize(parameters.len(), None);
        for (place, name) in parameters.iter().enumerate() {
            if by_name.has(name) {
                arguments[place] = Some(by_name.get(name)?);
            }
        }
        by_name.assert_all_used()?;
        Ok(Self(arguments))
    }

    fn get(&self, at: usize) -> Option<&Value> {
        self.0.get(at)?.as_ref().filter(|value| !value.is_none())
    }

    fn needed(&self, at: usize) -> Result<&Value, Error> {
        self.0.get(at).and_then(Option::as_ref).ok_or_else(|| Error::from(ErrorKind::MissingArgument))
    }

    fn text(&self, at: usize) -> Result<&str, Error> {
        self.needed(at)?.as_str().ok_or_else(|| refused("a filter wants a text here"))
    }

    fn flag(&self, at: usize) -> bool {
        self.get(at).is_some_and(Value::is_true)
    }

    fn whole(&self, at: usize) -> Result<Option<i64>, Error> {
        let number =
            |value: &Value| value.as_i64().ok_or_else(|| refused("a filter wants a whole number here"));
        self.get(at).map(number).transpose()
    }
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, why.into())
}
