//! Texts of others without what would work in a terminal or hide in one: such characters are made visible.

use std::{borrow::Cow, fmt::Write as _};

/// All of them but a line's end and a tab: controls (C0, DEL, C1), what turns the direction of writing, what breaks lines
/// unseen, what is not seen at all.
pub fn is_dangerous(c: char) -> bool {
    let single =
        ['\u{ad}', '\u{61c}', '\u{115f}', '\u{1160}', '\u{180e}', '\u{3164}', '\u{feff}', '\u{ffa0}'];
    let ranges = [
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{fff9}'..='\u{fffb}',
        '\u{e0000}'..='\u{e0fff}',
    ];
    match c {
        '\n' | '\t' => false,
        c if c.is_ascii() => c.is_control(),
        c => c.is_control() || single.contains(&c) || ranges.iter().any(|range| range.contains(&c)),
    }
}

/// A text of several lines: `\r`, `\u{1b}`, `\u{202e}` in place of what they stand for.
pub fn text(text: &str) -> Cow<'_, str> {
    visible(text, is_dangerous)
}

/// A value that stands in a line of ours: it cannot begin another.
pub fn line(text: &str) -> Cow<'_, str> {
    visible(text, |c| matches!(c, '\n' | '\t') || is_dangerous(c))
}

fn visible(text: &str, wrong: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&wrong) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if wrong(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// JSON that means the same: there only strings can hold such characters, and serde_json escapes no more than C0.
pub fn json(written: &str) -> Cow<'_, str> {
    if !written.chars().any(is_dangerous) {
        return Cow::Borrowed(written);
    }
    let mut out = String::with_capacity(written.len() + 16);
    for c in written.chars() {
        if is_dangerous(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// One line of a log as people read it: its colours go, a tab is a space, all else is visible.
pub fn log_line(line: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(at) = rest.find('\u{1b}') {
        out += &rest[..at];
        rest = &rest[at..];
        let colour = colour(rest).unwrap_or_else(|| {
            out.push('\u{1b}');
            1
        });
        rest = &rest[colour..];
    }
    out += rest;
    self::line(out.replace('\t', " ").trim_end()).into_owned()
}

/// The length of `ESC [ 1 ; 31 m` at the beginning.
pub fn colour(text: &str) -> Option<usize> {
    let after = text.strip_prefix("\u{1b}[")?;
    let end = after.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    after[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_work_in_a_terminal_is_seen_instead() {
        assert_eq!(text("a\u{1b}[2J\u{9b}2J\r\n\tb"), "a\\u{1b}[2J\\u{9b}2J\\r\n\tb");
        assert_eq!(
            text("\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}"),
            "\\u{202e}gpj.exe\\u{2066}\\u{200b}\\u{feff}"
        );
        assert_eq!(line("ok\nFAILED\t"), "ok\\nFAILED\\t");
        assert!(matches!(text("grün ✓ 日本 🦀\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_log_loses_its_colours_and_shows_the_rest() {
        assert_eq!(log_line("\u{1b}[32mI\u{1b}[0;1m[2026] a\tb\r"), "I[2026] a b");
        assert_eq!(log_line("\u{1b}]0;title\u{7}x"), "\\u{1b}]0;title\\u{7}x");
        assert_eq!(log_line("a\u{1b}"), "a\\u{1b}");
        assert_eq!(log_line("\u{1b}[31\u{1b}[2Jm"), "\\u{1b}[31\\u{1b}[2Jm");
        // What is left when a colour has gone is looked at, too.
        assert_eq!(log_line("\u{1b}\u{1b}[0m[2Jx"), "\\u{1b}[2Jx");
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_left(any in any::<String>()) {
            prop_assert!(!text(&any).contains(is_dangerous) && !log_line(&any).contains(is_dangerous));
            prop_assert!(!line(&any).contains(|c| c == '\n' || is_dangerous(c)));
        }

        #[test]
        fn json_means_the_same(key in any::<String>(), value in any::<String>()) {
            let meant = serde_json::json!({key: [value, 1.5]});
            for written in [meant.to_string(), format!("{meant:#}")] {
                let safe = json(&written);
                prop_assert!(!safe.contains(is_dangerous));
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&safe).unwrap(), &meant);
            }
        }
    }
}
