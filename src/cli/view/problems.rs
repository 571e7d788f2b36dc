//! Problems of an input as rustc shows them: the line, a caret, what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::out::Shown;
use crate::{
    harmless, masked,
    problem::{Place, Problem, Severity},
};

pub fn text(problem: &Problem) -> Shown {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let visible = |text: &str| harmless::text(&masked::vaulted(text)).into_owned();
    let (message, help) = (visible(&problem.message), problem.help.as_deref().map(visible));
    let title = level.primary_title(message.as_str());
    let mut group = match &problem.place {
        Some(place) => title.element(snippet(place)),
        None => Group::with_title(title),
    };
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Shown::of_renderer(&Renderer::styled().render(&[group]))
}

fn snippet(place: &Place) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let text = masked::in_place(&place.text);
    let first = place.column.saturating_sub(1);
    let part = |from: usize, to: usize| {
        let chars: String = text.chars().skip(from).take(to - from).collect();
        harmless::text(&chars).into_owned()
    };
    let last = first.saturating_add(place.width);
    // The caret stays under what it points at, however wide that has become.
    let (before, marked, after) = (part(0, first), part(first, last), part(last, usize::MAX));
    let (start, end) = (before.len(), before.len() + marked.len());
    Snippet::source(before + &marked + &after)
        .line_start(place.line)
        .path(harmless::text(&place.file).into_owned())
        .annotation(AnnotationKind::Primary.span(start..end))
}
