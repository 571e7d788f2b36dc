//! What stands behind `|`: Jinja's own filters and those of ansible-core that need nothing from outside.
//!
//! What is not in these tables is refused, rather than read nearly as Ansible reads it.

mod arguments;
mod data;
mod lists;
mod operators;
mod regexes;
mod texts;

use minijinja::value::Rest;
use minijinja::{Environment, State, Value, filters};

pub(super) use data::dict;
pub(super) use operators::fit;
pub(super) use regexes::found as regex_found;

use super::held::held;
use arguments::Arguments;

/// Filters that are asked even where something is undefined.
const OF_UNDEFINED: [&str; 4] = ["default", "d", "mandatory", "ternary"];

pub(super) fn add(engine: &mut Environment<'static>) {
    for (name, parameters, filter) in [texts::ROWS, regexes::ROWS, lists::ROWS, data::ROWS].concat() {
        engine.add_filter(name, move |value: &Value, arguments: Rest<Value>| {
            let arguments = Arguments::read(parameters, &arguments)?;
            let undefined = value.is_undefined() || arguments.is_undefined();
            if undefined && !OF_UNDEFINED.contains(&name) {
                // Undefined it stays: `default` may come yet.
                return Ok(Value::UNDEFINED);
            }
            filter(value, &arguments).and_then(held)
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
