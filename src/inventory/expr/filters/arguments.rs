//! What a filter is given.

use minijinja::value::{Kwargs, from_args};
use minijinja::{Error, ErrorKind, Value};

/// A filter's name, the names of its parameters, and what it does.
pub(super) type Row = (&'static str, &'static [&'static str], fn(&Value, &Arguments) -> Result<Value, Error>);

/// The arguments of a filter, in the order of its parameters.
pub(super) struct Arguments(pub(super) Vec<Option<Value>>);

impl Arguments {
    pub(super) fn read(parameters: &[&str], arguments: &[Value]) -> Result<Self, Error> {
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

    pub(super) fn is_undefined(&self) -> bool {
        self.0.iter().flatten().any(Value::is_undefined)
    }

    pub(super) fn get(&self, at: usize) -> Option<&Value> {
        self.0.get(at)?.as_ref().filter(|value| !value.is_none())
    }

    pub(super) fn needed(&self, at: usize) -> Result<&Value, Error> {
        self.0.get(at).and_then(Option::as_ref).ok_or_else(|| Error::from(ErrorKind::MissingArgument))
    }

    pub(super) fn text(&self, at: usize) -> Result<&str, Error> {
        self.needed(at)?.as_str().ok_or_else(|| refused("a filter wants a text here"))
    }

    pub(super) fn flag(&self, at: usize) -> bool {
        self.get(at).is_some_and(Value::is_true)
    }

    pub(super) fn whole(&self, at: usize) -> Result<Option<i64>, Error> {
        let number =
            |value: &Value| value.as_i64().ok_or_else(|| refused("a filter wants a whole number here"));
        self.get(at).map(number).transpose()
    }
}

pub(super) fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, why.into())
}
