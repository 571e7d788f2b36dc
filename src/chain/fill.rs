//! Tera, with nothing but encoded values in the context.

use std::sync::Arc;

use tera::{Context, ErrorKind};

use crate::{
    chain::{basics::Basics, config::quoted, profile::Profile, template::compile},
    types::{
        diagnostic::{Diagnostic, Place},
        nearest::nearest,
    },
};

pub(super) fn configuration(
    profile: &Profile,
    template: &str,
    basics: &Basics,
) -> Result<String, Diagnostic> {
    let mut context = Context::new();
    context.insert("name", &quoted(basics.name.as_str()));
    context.insert("chain_id", &quoted(basics.chain_id.as_str()));
    fill(profile, template, &context)
}

/// Bytes of a template, and of what stands between its brackets.
const MAX_TEMPLATE: usize = 1 << 20;
const MAX_TAG: usize = 500;
const MAX_DIGITS: usize = 4;
const MAX_TAGS: usize = 200;
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "raw", "endraw"];

/// A template of the profile's folder with its values.
pub fn fill(profile: &Profile, template: &str, context: &Context) -> Result<String, Diagnostic> {
    let source = profile.templates.get(template);
    let source = source.ok_or_else(|| {
        Diagnostic::error(format!("{}: no template `{template}` in the folder", profile.name))
    })?;
    if let Some(why) = refused(source) {
        return Err(Diagnostic::error(format!("template `{template}`: {why}")));
    }
    let render = || source.compiled(template)?.render(template, context);
    render().map_err(|error| problem(template, source, &error))
}

/// A template that does not parse, or uses a value that its context does not have.
pub fn template_problem(template: &str, source: &str, context: &[&str]) -> Option<Diagnostic> {
    if let Some(why) = refused(source) {
        let help = "a template holds values, `{{ name }}`, and `{% if %}`";
        return Some(Diagnostic::error(format!("template `{template}`: {why}")).help(help));
    }
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
    Some(Diagnostic::error(message).help(help))
}

/// What a template may hold of the engine's language: values, and whether they are there. A profile may be somebody else's,
/// and nothing stops a loop or a width that it asks for.
fn refused(source: &str) -> Option<String> {
    if source.len() > MAX_TEMPLATE {
        return Some(format!("it has {} bytes, more than {MAX_TEMPLATE}", source.len()));
    }
    let mut words = 0;
    for (at, open) in source.match_indices('{') {
        let Some(kind) = source[at + open.len()..].chars().next().filter(|c| "{%".contains(*c)) else {
            continue;
        };
        let inner = &source[at + 2..];
        let inner = &inner[..inner.find(if kind == '{' { "}}" } else { "%}" }).unwrap_or(inner.len())];
        let word = inner.trim_start_matches('-').split_whitespace().next().unwrap_or_default();
        words += usize::from(kind == '%');
        if kind == '%' && !STATEMENTS.contains(&word) {
            let shown: String = word.chars().take(40).collect();
            return Some(format!("`{{% {shown} %}}` is not for templates of a profile"));
        }
        let digits = inner.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        if inner.len() > MAX_TAG || digits > MAX_DIGITS || inner.contains(['*', '(']) || words > MAX_TAGS {
            return Some("this calculates or is too long for a template of a profile".to_owned());
        }
    }
    None
}

fn problem(template: &str, source: &str, error: &tera::Error) -> Diagnostic {
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
            Diagnostic::error(format!("template `{template}`: {}", report.message())).at(Some(&place))
        }
        other => Diagnostic::error(format!("template `{template}`: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_would_never_end_is_refused() {
        let nested = "{% if name %}".repeat(300) + &"{% endif %}".repeat(300);
        let brackets = format!("{{{{ {} }}}}", "[".repeat(100_000));
        for (source, word) in [
            ("{% for a in range(end=1000000000) %}{{ a }}{% endfor %}", "`{% for %}`"),
            ("{%- set a = name ~ name -%}", "`{% set %}`"),
            ("{% include 'a' %}", "`{% include %}`"),
            ("{{ range(end=999) }}", "calculates"),
            ("{{ name | indent(width=1000000000) }}", "calculates"),
            ("{{ 9999 * 9999 }}", "calculates"),
            (nested.as_str(), "too long"),
            (brackets.as_str(), "too long"),
            (&"a".repeat(2_000_000), "it has 2000000 bytes"),
        ] {
            let said = template_problem("t", source, &["name"]).map(|problem| problem.message);
            assert!(said.as_ref().is_some_and(|said| said.contains(word)), "{word}: {said:?}");
        }
        for source in [
            "{{ name }}",
            "{%- if name %}a{% elif name %}{% else %}b{% endif %} {é {",
            "{% raw %}{{{% endraw %}",
        ] {
            assert!(template_problem("t", source, &["name"]).is_none(), "{source}");
        }
    }
}
