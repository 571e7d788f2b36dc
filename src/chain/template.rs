//! A template of a profile.

use std::{ops::Deref, sync::OnceLock};

use tera::Tera;

/// A template's source; compiled once, since every node is written with it.
#[derive(Debug, Clone, Default)]
pub struct Template {
    source: String,
    compiled: OnceLock<Tera>,
}

impl Template {
    /// Of this name in messages.
    pub(super) fn compiled(&self, name: &str) -> Result<&Tera, tera::Error> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        let compiled = compile(name, &self.source)?;
        Ok(self.compiled.get_or_init(|| compiled))
    }
}

impl<T: Into<String>> From<T> for Template {
    fn from(source: T) -> Self {
        Self { source: source.into(), compiled: OnceLock::new() }
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Deref for Template {
    type Target = str;

    fn deref(&self) -> &str {
        &self.source
    }
}

pub(super) fn compile(template: &str, source: &str) -> Result<Tera, tera::Error> {
    let mut tera = Tera::new();
    // Values come encoded for where they stand; HTML's rules would spoil them.
    tera.autoescape_on(Vec::<&str>::new());
    tera.add_raw_template(template, source)?;
    Ok(tera)
}
