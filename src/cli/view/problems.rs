//! Problems of an input as rustc shows them: the line, a caret, what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{
    columns::{cell, cut},
    out::SafeText,
};
use crate::types::{
    diagnostic::{Diagnostic, Place, Severity, alike},
    harmless,
    ranges::in_order,
    redact,
};

/// So many warnings are said of the first ones and of the last ones: one host can bring tens of thousands.
const SAID: usize = 20;
/// Characters of a message: as much as is kept of what a failed step has said.
const LONGEST: usize = 64 << 10;
/// In front of each further line of a message: a value in it begins no line that could be one of ours.
const MORE: &str = "\n| ";

/// Warnings about hosts, each in one line; of a flood the first and the last ones. What one host has invented stands together,
/// so it hides nothing at either end.
pub fn few(mut warnings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let left_out = warnings.len().saturating_sub(2 * SAID);
    if left_out > 0 {
        let more = format!("and {left_out} more warnings, which are left out here");
        warnings.splice(SAID..SAID + left_out, [Diagnostic::warning(more)]);
    }
    for warning in &mut warnings {
        warning.message = cell(&harmless::line(&warning.message)).into_owned();
    }
    warnings
}

/// What several hosts have alike is one, and help that some in a row have is printed with the last of them.
pub fn grouped(all: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut groups = alike(all);
    for hosts in groups.iter_mut().filter_map(|group| group.hosts.as_mut()) {
        in_order(&mut hosts.0);
    }
    let goes_on: Vec<bool> = groups
        .windows(2)
        .map(|pair| pair[0].help == pair[1].help && pair[0].place.is_none() && pair[1].place.is_none())
        .collect();
    for (group, _) in groups.iter_mut().zip(goes_on).filter(|(_, goes_on)| *goes_on) {
        group.help = None;
    }
    groups
}

pub fn text(problem: &Diagnostic) -> SafeText {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let visible = |text: &str| {
        let text = redact::vaulted(text);
        harmless::text(&cut(&text, LONGEST)).trim_end().replace('\n', MORE)
    };
    let (message, help) = (visible(&problem.said()), problem.help.as_deref().map(visible));
    let title = level.primary_title(message.as_str());
    let mut group = match &problem.place {
        Some(place) => title.element(snippet(place)),
        None => Group::with_title(title),
    };
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    SafeText::of_renderer(&Renderer::styled().render(&[group]))
}

fn snippet(place: &Place) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let text = redact::in_place(&place.text);
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
        .path(harmless::line(&place.file).into_owned())
        .annotation(AnnotationKind::Primary.span(start..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_a_value_begins_no_line_of_its_own() {
        let said = text(&Diagnostic::error("n-0: it says:\nerror: all is well")).without_colours();
        assert_eq!(said.lines().nth(1).map(str::trim_start), Some("| error: all is well"));
        assert_eq!(few(vec![Diagnostic::warning("a key\nerror: b")])[0].message, "a key\\nerror: b");
    }

    #[test]
    fn what_hosts_have_alike_is_one_message() {
        let of = |host: &str, why: &str| Diagnostic::error(why).of_host(host).help("make room");
        let order = ["n-2", "n-0", "n-10", "n-1"];
        let all = order.map(|host| of(host, "disk full")).into_iter().chain([of("n-3", "no user")]);
        let said: Vec<_> = grouped(all.collect()).iter().map(|one| (one.said(), one.help.clone())).collect();
        let help = Some("make room".to_owned());
        assert_eq!(said, [("n-[0:2], n-10: disk full".to_owned(), None), ("n-3: no user".to_owned(), help)]);
    }

    #[test]
    fn p7_of_a_flood_of_warnings_the_first_and_the_last_are_said() {
        let of = |n: usize| Diagnostic::warning(n.to_string()).of_host("n-0");
        let said = few(grouped((0..80_000).map(of).collect()));
        assert_eq!((said.len(), &said[0], &said[2 * SAID]), (2 * SAID + 1, &of(0), &of(79_999)));
        assert_eq!(said[SAID].said(), "and 79960 more warnings, which are left out here");
        let all: Vec<_> = (0..2 * SAID).map(of).collect();
        assert_eq!(few(all.clone()), all);
        let long = few(vec![Diagnostic::warning("x".repeat(16 << 20))]);
        assert!(long[0].message.len() < 8192);
    }
}
