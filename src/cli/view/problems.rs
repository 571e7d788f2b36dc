//! Problems of an input as rustc shows them: the line, a caret, what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::{
    masked,
    problem::{Place, Problem, Severity},
};

pub fn text(problem: &Problem) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (message, help) = (masked::vaulted(&problem.message), problem.help.as_deref().map(masked::vaulted));
    let title = level.primary_title(message.as_str());
    let mut group = match &problem.place {
        Some(place) => title.element(snippet(place)),
        None => Group::with_title(title),
    };
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::styled().render(&[group])
}

fn snippet(place: &Place) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let text = masked::in_place(&place.text);
    let at = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte);
    let (start, end) = (at(place.column.saturating_sub(1)), at(place.column.saturating_sub(1) + place.width));
    Snippet::source(text)
        .line_start(place.line)
        .path(&*place.file)
        .annotation(AnnotationKind::Primary.span(start..end.max(start)))
}
