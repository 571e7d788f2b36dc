//! What stands behind `is`: Jinja's own tests and those of ansible-core that need nothing from outside.

use minijinja::value::{Kwargs, Rest, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, Value, tests};

use super::filters::regex_found;
use super::text;

pub(super) fn add(engine: &mut Environment<'static>) {
    engine.add_test("defined", |value: &Value| !value.is_undefined());
    engine.add_test("undefined", |value: &Value| value.is_undefined());
    simple(engine, "none", Value::is_none);
    simple(engine, "boolean", |value| value.kind() == ValueKind::Bool);
    simple(engine, "true", |value| value.kind() == ValueKind::Bool && value.is_true());
    simple(engine, "false", |value| value.kind() == ValueKind::Bool && !value.is_true());
    simple(engine, "integer", |value| value.kind() == ValueKind::Number && value.is_integer());
    simple(engine, "float", |value| value.kind() == ValueKind::Number && !value.is_integer());
    // To Python a boolean is a number.
    simple(engine, "number", |value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool));
    simple(engine, "string", |value| value.kind() == ValueKind::String);
    simple(engine, "mapping", |value| value.kind() == ValueKind::Map);
    simple(engine, "sequence", is_iterable);
    simple(engine, "iterable", is_iterable);
    simple(engine, "lower", |value| cased(value, char::is_lowercase, char::is_uppercase));
    simple(engine, "upper", |value| cased(value, char::is_uppercase, char::is_lowercase));
    engine.add_test("odd", tests::is_odd);
    engine.add_test("even", tests::is_even);
    engine.add_test("divisibleby", tests::is_divisibleby);
    engine.add_test("in", |value: &Value, list: &Value| {
        defined([value, list]).and_then(|()| contains(list, value))
    });
    engine.add_test("contains", |list: &Value, value: &Value| {
        defined([value, list]).and_then(|()| contains(list, value))
    });
    for names in [
        ["eq", "equalto", "=="],
        ["ne", "ne", "!="],
        ["gt", "greaterthan", ">"],
        ["lt", "lessthan", "<"],
        ["ge", "ge", ">="],
        ["le", "le", "<="],
    ] {
        for name in names {
            let sign = names[2];
            engine.add_test(name, move |a: &Value, b: &Value| compared(sign, a, b));
        }
    }
    engine.add_test("match", |value: &Value, rest: Rest<Value>| matched(value, &rest, true));
    engine.add_test("search", |value: &Value, rest: Rest<Value>| matched(value, &rest, false));
    engine.add_test("regex", |value: &Value, rest: Rest<Value>| matched(value, &rest, false));
    engine.add_test("truthy", |value: &Value| defined([value]).map(|()| value.is_true()));
    engine.add_test("falsy", |value: &Value| defined([value]).map(|()| !value.is_true()));
}

fn simple(engine: &mut Environment<'static>, name: &'static str, holds: fn(&Value) -> bool) {
    engine.add_test(name, move |value: &Value| defined([value]).map(|()| holds(value)));
}

fn defined<const N: usize>(values: [&Value; N]) -> Result<(), Error> {
    if values.into_iter().any(Value::is_undefined) {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    Ok(())
}

fn is_iterable(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable | ValueKind::Map)
}

fn cased(value: &Value, is: fn(char) -> bool, other: fn(char) -> bool) -> bool {
    text::of(value).is_ok_and(|text| text.chars().any(is) && !text.chars().any(other))
}

fn contains(list: &Value, value: &Value) -> Result<bool, Error> {
    match (list.as_str(), value.as_str(), list.kind()) {
        (Some(text), Some(part), _) => Ok(text.contains(part)),
        (None, _, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) => {
            Ok(list.try_iter()?.any(|item| item == *value))
        }
        (_, _, kind) => {
            let why = format!("a {} cannot be in a {kind}", value.kind());
            Err(Error::new(ErrorKind::InvalidOperation, why))
        }
    }
}

fn compared(sign: &str, a: &Value, b: &Value) -> Result<bool, Error> {
    defined([a, b])?;
    let numbers = |value: &Value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool);
    if !matches!(sign, "==" | "!=") && a.kind() != b.kind() && !(numbers(a) && numbers(b)) {
        let why = format!("a {} and a {} have no order", a.kind(), b.kind());
        return Err(Error::new(ErrorKind::InvalidOperation, why));
    }
    Ok(match sign {
        "==" => a == b,
        "!=" => a != b,
        ">" => a > b,
        "<" => a < b,
        ">=" => a >= b,
        _ => a <= b,
    })
}

fn matched(value: &Value, arguments: &[Value], start: bool) -> Result<bool, Error> {
    let (pattern, named): (&str, Kwargs) = from_args(arguments)?;
    let flag = |name: &str| named.get::<Option<bool>>(name).map(Option::unwrap_or_default);
    let (ignore_case, lines) = (flag("ignorecase")?, flag("multiline")?);
    named.assert_all_used()?;
    defined([value])?;
    regex_found(&text::of(value)?, pattern, start, ignore_case, lines)
}
