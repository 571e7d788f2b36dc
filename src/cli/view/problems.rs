//! Problems of an input as rustc shows them: the line, a caret, what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::problem::{Place, Problem, Severity};

pub fn text(problem: &Problem) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(problem.message.as_str());
    let mut group = match &problem.place {
        Some(place) => title.element(snippet(place)),
        None => Group::with_title(title),
    };
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::styled().render(&[group])
}

fn snippet(place: &Place) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let text = masked(&place.text);
    let at = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte);
    let (start, end) = (at(place.column.saturating_sub(1)), at(place.column.saturating_sub(1) + place.width));
    Snippet::source(text)
        .line_start(place.line)
        .path(&*place.file)
        .annotation(AnnotationKind::Primary.span(start..end.max(start)))
}

/// What a key's name must hold for its value to be nobody's business (S3).
const SECRET: [&str; 4] = ["pass", "secret", "token", "mnemonic"];

/// The line with the values of secret keys starred out, as many characters long as before: carets keep their places.
fn masked(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(colon) = rest.find([':', '=']) {
        let (before, after) = rest.split_at(colon + 1);
        out += before;
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let key = before[..colon].trim_end_matches(['"', '\'', ' ']);
        let key = key.rsplit(|c| !word(c)).next().unwrap_or_default().to_lowercase();
        rest = after;
        if SECRET.iter().any(|part| key.contains(part)) {
            let blank = after.len() - after.trim_start().len();
            let end = blank + value_length(&after[blank..]);
            out += &after[..blank];
            out.extend(after[blank..end].chars().map(|_| '*'));
            rest = &after[end..];
        }
    }
    out + rest
}

/// Up to the quote that ends it, or to what can follow a value on the same line; too much rather than too little.
fn value_length(text: &str) -> usize {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    match quote.and_then(|quote| text[1..].rfind(quote)) {
        Some(end) => end + 2,
        None => text.find(", ").or_else(|| text.rfind('}')).unwrap_or(text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn s3_values_of_secret_keys_are_not_shown() {
        let lines = [
            ("  ansible_password: hunter2", "  ansible_password: *******"),
            ("h: {ansible_become_pass: hunter2, power: -3}", "h: {ansible_become_pass: *******, power: -3}"),
            ("h: {ansible_become_pass: hunter2}", "h: {ansible_become_pass: *******}"),
            ("\"my_secret\": \"a, ü: b\"", "\"my_secret\": *********"),
            ("working_directory: /srv/x", "working_directory: /srv/x"),
        ];
        for (line, shown) in lines {
            assert_eq!(masked(line), shown);
            assert_eq!(masked(line).chars().count(), line.chars().count());
        }
    }
}
