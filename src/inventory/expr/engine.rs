//! The engine as Ansible sets up its own: nothing undefined passes, values keep their types, and what is there is what
//! Ansible has.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Instant;

use minijinja::machinery::{self, Vm};
use minijinja::value::{Object, Rest, ValueKind, from_args};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, functions,
};

use minijinja_contrib::pycompat;

use super::{budget, checks, filters, globals, guard, held, source, text};

/// Instructions that one template may take: loops in loops end.
const FUEL: u64 = 1_000_000;
/// What a rendering costs before its first instruction, and what each of these does, in bytes of `budget`.
const RENDERING: usize = 2048;
const INSTRUCTION: usize = 8;
/// Under this name the values that a template has printed are kept.
const PRINTED: &str = "printed";

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(engine);

fn engine() -> Environment<'static> {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_formatter(print);
    engine.set_unknown_method_callback(method);
    engine.add_function("range", range);
    engine.add_function("dict", |arguments: Rest<Value>| filters::dict(&arguments));
    engine.add_function("namespace", functions::namespace);
    for name in globals::OUTSIDE {
        engine.add_function(name, move |_: Rest<Value>| outside(name));
    }
    engine.add_filter(guard::HELD, held::held);
    engine.add_filter(guard::RAW, |bytes: usize| budget::charge(bytes));
    filters::add(&mut engine);
    checks::add(&mut engine);
    engine
}

/// The engine's own has the lists that are too long, and calculates with what is far beyond them.
fn range(lower: isize, upper: Option<isize>, step: Option<isize>) -> Result<Value, Error> {
    let far = |number: isize| number.unsigned_abs() > 1 << 48;
    if far(lower) || upper.is_some_and(far) || step.is_some_and(far) {
        return Err(Error::new(ErrorKind::InvalidOperation, "the numbers of a `range` are too large"));
    }
    functions::range(lower, upper, step)
}

/// Methods of Python's texts, lists and dictionaries.
fn method(state: &State<'_, '_>, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    filters::fit(value, method, arguments)?;
    if value.kind() != ValueKind::Seq || method != "index" {
        return pycompat::unknown_method_callback(state, value, method, arguments);
    }
    let (wanted,): (&Value,) = from_args(arguments)?;
    let at = value.try_iter()?.position(|item| item == *wanted);
    at.map(Value::from)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{wanted} is not in the list")))
}

fn outside(name: &str) -> Result<Value, Error> {
    let why = format!("`{name}` reads files, runs programs or asks the clock, and is not done here");
    Err(Error::new(ErrorKind::InvalidOperation, why))
}

/// What a template has printed: alone, a value is the template's value.
#[derive(Debug, Default)]
struct Printed(Mutex<(usize, Value)>);

impl Object for Printed {}

fn print(out: &mut Output<'_>, state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    // Ansible leaves out what is None.
    if value.is_none() {
        return Ok(());
    }
    let printed = state.get_or_set_temp_object(PRINTED, Printed::default);
    let mut printed = printed.0.lock().unwrap_or_else(PoisonError::into_inner);
    *printed = (printed.0 + 1, value.clone());
    drop(printed);
    let text = text::of(value)?;
    budget::charge(text.len())?;
    out.write_str(&text).map_err(|_| Error::new(ErrorKind::WriteFailure, "the text is too long"))
}

/// The value of a template: where it is one `{{ }}` and nothing else, that of the expression.
pub(super) fn render(template: &str, context: Value) -> Result<Value, Error> {
    if template.starts_with("#jinja2:") {
        return Err(Error::new(ErrorKind::SyntaxError, "`#jinja2:` settings are not read here"));
    }
    budget::charge(RENDERING + 2 * template.len())?;
    let begun = Instant::now();
    let prepared = source::prepared(template);
    let (code, blocks) = guard::compile(&prepared)?;
    let mut text = String::new();
    let mut out = machinery::make_string_output(&mut text);
    let ran = Vm::new(&ENGINE).eval(&code, context, &blocks, &mut out, AutoEscape::None);
    drop(out);
    let Ok((_, state)) = ran else {
        // How many it took only a clock can say.
        budget::charge(
            usize::try_from(begun.elapsed().as_nanos() / budget::NANOSECONDS).unwrap_or(usize::MAX),
        )?;
        return Err(ran.map(drop).err().unwrap_or_else(|| ErrorKind::BadSerialization.into()));
    };
    let instructions = state.fuel_levels().map_or(0, |(used, _)| usize::try_from(used).unwrap_or(usize::MAX));
    budget::charge(instructions.saturating_mul(INSTRUCTION))?;
    let printed = state.get_temp(PRINTED).and_then(|object| object.downcast_object::<Printed>());
    let (times, value) = match &printed {
        Some(printed) => printed.0.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        None => (0, Value::from(())),
    };
    let is_text = value.as_str().is_some();
    if times == 0 && text.is_empty() || times == 1 && !is_text && text::of(&value)? == text {
        return Ok(value);
    }
    budget::fits(text.len())?;
    Ok(with_newlines(template, text).into())
}

/// Ansible puts the newlines back that a template ends with.
fn with_newlines(template: &str, mut text: String) -> String {
    let count = |text: &str| text.len() - text.trim_end_matches('\n').len();
    let lost = count(template).saturating_sub(count(&text));
    text.extend(std::iter::repeat_n('\n', lost));
    text
}

/// What the engine says, in one line.
pub(super) fn reason(error: &Error) -> String {
    let text = match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    };
    let line = error.line().filter(|line| *line > 1).map(|line| format!(" (line {line} of it)"));
    text.lines().next().unwrap_or_default().to_owned() + &line.unwrap_or_default()
}
