//! Tera, with nothing but encoded values in the context.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use tera::{Context, ErrorKind, Tera};

use super::Basics;
use crate::{
    chain::{config::quoted, profile::Profile},
    problem::{Place, Problem, nearest},
};

pub(super) fn configuration(profile: &Profile, template: &str, basics: &Basics) -> Result<String, Problem> {
    let mut context = Context::new();
    context.insert("name", &quoted(basics.name.as_str()));
    context.insert("chain_id", &quoted(basics.chain_id.as_str()));
    fill(profile, template, &context)
}

/// A template's source; compiled once, since every node is written with it.
#[derive(Debug, Clone, Default)]
pub struct Template {
    source: String,
    compiled: OnceLock<Tera>,
}

impl Template {
    fn compiled(&self, name: &str) -> Result<&Tera, tera::Error> {
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

/// A template of the profile's folder with its values.
pub fn fill(profile: &Profile, template: &str, context: &Context) -> Result<String, Problem> {
    let source = profile.templates.get(template);
    let source = source
        .ok_or_else(|| Problem::error(format!("{}: no template `{template}` in the folder", profile.name)))?;
    let render = || source.compiled(template)?.render(template, context);
    render().map_err(|error| problem(template, source, &error))
}

/// A template that does not parse, or uses a value that its context does not have.
pub fn template_problem(template: &str, source: &str, context: &[&str]) -> Option<Problem> {
    let tera = match compile(template, source) {
        Ok(tera) => tera,
        Err(error) => return Some(problem(template, source, &error)),
    };
    let used = tera.get_template_variables(template).unwrap_or_default();
    let unknown = used.into_iter().find(|name| !context.contains(name))?;
    let message = format!("template `{template}` uses `{unknown}`, which is not there");
    let help = match nearest(unknown, context.iter().copied()) {
        Some(near) => format!("is `{near}` meant?"),
        None => format!("there are {}", context.join(", ")),
    };
    Some(Problem::error(message).help(help))
}

fn compile(template: &str, source: &str) -> Result<Tera, tera::Error> {
    let mut tera = Tera::new();
    // Values come encoded for where they stand; HTML's rules would spoil them.
    tera.autoescape_on(Vec::<&str>::new());
    tera.add_raw_template(template, source)?;
    Ok(tera)
}

fn problem(template: &str, source: &str, error: &tera::Error) -> Problem {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let (line, column) = (report.span().start_line, report.span().start_col);
            let text = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            let place = Place {
                file: Arc::from(template),
                line,
                column: column + 1,
                width: 1,
                text: Arc::from(text),
            };
            Problem::error(format!("template `{template}`: {}", report.message())).at(Some(&place))
        }
        other => Problem::error(format!("template `{template}`: {other:?}")),
    }
}
