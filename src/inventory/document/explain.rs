//! Why a text cannot be read, at the place where a reader would look, with what to do.

use std::sync::Arc;

use super::libyaml::{Mark, Span, TAB_IN_BLOCK, TAB_IN_INDENT, Wrong, is_break};
use crate::{
    inventory::Source,
    types::diagnostic::{Diagnostic, Place},
};

pub(super) const QUOTE_IT: &str = "a value that begins with `{{` needs quotes: `name: \"{{ value }}\"`";
/// What version control leaves of two changes that it could not unite.
const CONFLICT: [&str; 4] = ["<<<<<<< ", ">>>>>>> ", "||||||| ", "======="];
const AT_END: &str = "found unexpected end of stream";
const NO_COLON: &str = "could not find expected ':'";
const NO_TOKEN: &str = "found character that cannot start any token";

/// The lines of a text, as libyaml counts them.
pub(super) fn lines(text: &str) -> Vec<Arc<str>> {
    let mut lines = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    loop {
        let end = rest.find(|c| is_break(Some(c))).unwrap_or(rest.len());
        lines.push(rest[..end].into());
        rest = &rest[end..];
        let Some(line_end) = rest.chars().next() else { return lines };
        let length = if rest.starts_with("\r\n") { 2 } else { line_end.len_utf8() };
        rest = &rest[length..];
    }
}

/// The line of a merge conflict, if there is one.
pub(in crate::inventory) fn conflict<'l>(lines: impl IntoIterator<Item = &'l str>) -> Option<usize> {
    lines
        .into_iter()
        .position(|line| CONFLICT[..3].iter().any(|marker| line.starts_with(marker)) || line == CONFLICT[3])
}

pub(in crate::inventory) fn of_conflict() -> Diagnostic {
    Diagnostic::error("this is a merge-conflict marker").help("resolve the conflict, and remove its markers")
}

/// Whether it can only have been meant as JSON.
pub(super) fn is_meant_as_json(source: &Source) -> bool {
    source.extension() == Some("json") || source.text.trim_start().starts_with("{\"")
}

pub(super) fn json(wrong: &Wrong, place: impl Fn(Span) -> Place) -> Diagnostic {
    let place = place(Span { start: wrong.mark, end: wrong.mark });
    Diagnostic::error(format!("this is not JSON: {}", wrong.problem)).at(Some(&place))
}

pub(super) fn yaml(wrong: &Wrong, lines: &[Arc<str>], place: impl Fn(Span) -> Place) -> Diagnostic {
    let at = |mark: Mark| place(Span { start: mark, end: mark });
    if let Some(line) = conflict(lines.iter().map(|line| &**line)) {
        let (start, end) = (Mark { line, ..Mark::default() }, Mark { line, column: 7, ..Mark::default() });
        return of_conflict().at(Some(&place(Span { start, end })));
    }
    let mark = where_to_look(wrong, lines);
    let line = lines.get(mark.line).map_or("", |line| &**line);
    if let Some(tab) = tab(wrong, lines) {
        return Diagnostic::error("this is not YAML: a tab cannot be used for indentation")
            .at(Some(&at(tab)))
            .help("indent with spaces");
    }
    let problem = Diagnostic::error(format!("this is not YAML: {}", wrong.problem)).at(Some(&at(mark)));
    if wrong.problem == "found invalid Unicode character escape code" {
        return problem.help("halves of a character are JSON: write the character itself, or `\\U0001F680`");
    }
    // It may show only in the line below.
    let above = mark.line.checked_sub(1).and_then(|above| lines.get(above));
    let is_bare = is_bare_template(line) || above.is_some_and(|above| is_bare_template(above));
    if is_bare { problem.help(QUOTE_IT) } else { problem }
}

/// Where it began, if it is noticed only where something else is.
fn where_to_look(wrong: &Wrong, lines: &[Arc<str>]) -> Mark {
    let is_late = matches!(wrong.problem, AT_END | NO_COLON) || wrong.mark.line >= lines.len();
    wrong.began.filter(|_| is_late).unwrap_or(wrong.mark)
}

/// The tab that is to blame.
fn tab(wrong: &Wrong, lines: &[Arc<str>]) -> Option<Mark> {
    let indent = |line: usize| -> Option<Mark> {
        let before = lines.get(line)?.chars().take_while(|c| c.is_whitespace()).position(|c| c == '\t')?;
        Some(Mark { line, column: before, ..Mark::default() })
    };
    let is_tab = |mark: Mark| lines.get(mark.line)?.chars().nth(mark.column).filter(|c| *c == '\t');
    match wrong.problem {
        TAB_IN_BLOCK | TAB_IN_INDENT => Some(wrong.mark),
        NO_TOKEN => is_tab(wrong.mark).map(|_| wrong.mark),
        // A key behind a tab goes on with the text above it, and what it has is no value there.
        "mapping values are not allowed in this context" | NO_COLON => indent(wrong.mark.line),
        _ => None,
    }
}

/// Whether a value in this line begins with `{{` without quotes: to YAML that is a dictionary in a dictionary.
pub(super) fn is_bare_template(line: &str) -> bool {
    let value = line.split_once(": ").map_or(line, |(_, value)| value);
    value.trim_start_matches([' ', '-']).starts_with("{{")
}
