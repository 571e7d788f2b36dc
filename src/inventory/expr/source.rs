//! A template's text as Ansible hands it to its engine: backslashes in the texts of `{{ }}` are themselves
//! (`AnsibleLexer` of ansible-core).

use std::borrow::Cow;

/// Whether a text is to be rendered at all.
pub(super) fn is_template(text: &str) -> bool {
    text.starts_with("#jinja2:") || ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

/// The template with the backslashes of its texts in `{{ }}` doubled.
pub(super) fn prepared(template: &str) -> Cow<'_, str> {
    if !template.contains('\\') {
        return template.into();
    }
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = ["{{", "{%", "{#"].iter().filter_map(|open| rest.find(open)).min() {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        rest = match &tag[..2] {
            "{{" => expression(tag, &mut out),
            "{#" => through(tag, tag.find("#}").map(|end| end + 2), &mut out),
            _ if tag[2..].trim_start_matches(['-', '+', ' ']).starts_with("raw") => {
                let end = tag.find("endraw").and_then(|end| Some(end + tag[end..].find("%}")? + 2));
                through(tag, end, &mut out)
            }
            _ => through(tag, end_of_statement(tag), &mut out),
        };
    }
    out.push_str(rest);
    out.into()
}

/// Copies up to `end`, everything where there is none.
fn through<'t>(text: &'t str, end: Option<usize>, out: &mut String) -> &'t str {
    let (taken, rest) = text.split_at(end.unwrap_or(text.len()));
    out.push_str(taken);
    rest
}

fn end_of_statement(tag: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in tag.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if tag[at..].starts_with("%}") => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Copies one `{{ }}`; gives back what follows it.
fn expression<'t>(tag: &'t str, out: &mut String) -> &'t str {
    out.push_str("{{");
    let mut depth = 0_usize;
    let mut rest = &tag[2..];
    while let Some(c) = rest.chars().next() {
        if depth == 0 && rest.starts_with("}}") {
            out.push_str("}}");
            return &rest[2..];
        }
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            '"' | '\'' => {
                rest = quoted(rest, c, out);
                continue;
            }
            _ => {}
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    rest
}

/// Copies one text in quotes so that it means what stands there.
fn quoted<'t>(text: &'t str, quote: char, out: &mut String) -> &'t str {
    out.push(quote);
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            out.push(quote);
            return &text[at + 1..];
        }
        if c == '\\' || c == quote {
            out.push('\\');
        }
        out.push(c);
        escaped = c == '\\' && !escaped;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_of_expressions_alone() {
        for (template, wanted) in [
            (r"a\n{{ x }}", r"a\n{{ x }}"),
            (r"{{ 'a\n' }}\n", r"{{ 'a\\n' }}\n"),
            (r#"{{ "it\"s" }}"#, r#"{{ "it\\\"s" }}"#),
            (r"{% if 'a\n' %}{{ '\1' }}{% endif %}", r"{% if 'a\n' %}{{ '\\1' }}{% endif %}"),
            (r"{# '\1' #}{{ {'a': {'b': '\1'}} }}", r"{# '\1' #}{{ {'a': {'b': '\\1'}} }}"),
            (r"{% raw %}{{ '\1' }}{% endraw %}{{ '\1' }}", r"{% raw %}{{ '\1' }}{% endraw %}{{ '\\1' }}"),
            (r"{{ 'a\", r"{{ 'a\\"),
            (r"{{ \", r"{{ \"),
            (r"{% '\", r"{% '\"),
            (r"{# \", r"{# \"),
        ] {
            assert_eq!(prepared(template), wanted);
        }
    }
}
