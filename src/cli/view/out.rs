//! The only place that writes to stdout and stderr. What it writes for people is a `SafeText`, and nothing comes into one but
//! made harmless; JSON is made harmless as a whole.

use std::{
    fmt,
    io::{IsTerminal as _, Write as _},
};

use serde_json::Value;

use crate::types::{harmless, redact};

/// A text for people: the colours in it are our own, and every other character may go to a terminal.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct SafeText(String);

impl SafeText {
    pub fn painted(&mut self, style: anstyle::Style, text: &str) {
        let _ = fmt::Write::write_fmt(&mut self.0, format_args!("{style}{}{style:#}", Self::from(text)));
    }

    pub fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// What a renderer has made of harmless texts: its colours count as ours.
    pub fn of_renderer(ansi: &str) -> Self {
        let (mut shown, mut rest) = (Self::default(), ansi);
        while let Some(at) = rest.find('\u{1b}') {
            shown.0 += &harmless::text(&rest[..at]);
            rest = &rest[at..];
            let colour = harmless::colour(rest);
            let (escape, after) = rest.split_at(colour.unwrap_or(1));
            shown.0 += &if colour.is_some() { escape.into() } else { harmless::text(escape) };
            rest = after;
        }
        shown.0 += &harmless::text(rest);
        shown
    }

    pub fn without_colours(&self) -> String {
        anstream::adapter::strip_str(&self.0).to_string()
    }
}

impl fmt::Write for SafeText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += &harmless::text(&redact::vaulted(text));
        Ok(())
    }
}

impl<T: AsRef<str>> From<T> for SafeText {
    fn from(text: T) -> Self {
        Self(harmless::text(&redact::vaulted(text.as_ref())).into_owned())
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub fn no_colours() {
    anstream::ColorChoice::Never.write_global();
}

/// To stdout; whether anybody reads it: a reader that has gone away (`| head`) is no error of ours.
pub fn print(text: impl Into<SafeText>) -> bool {
    let mut out = anstream::stdout();
    write!(out, "{}", text.into()).and_then(|()| out.flush()).is_ok()
}

/// A line on stderr.
pub fn say(text: impl Into<SafeText>) {
    let _ = writeln!(anstream::stderr(), "{}", text.into());
}

/// The same without the line's end: an answer comes behind it.
pub fn ask(text: impl Into<SafeText>) {
    let mut err = anstream::stderr();
    let _ = write!(err, "{}", text.into()).and_then(|()| err.flush());
}

/// One line on stdout.
pub fn json(value: &Value) -> bool {
    writeln!(std::io::stdout(), "{}", written(value)).is_ok()
}

pub fn written(value: &Value) -> String {
    harmless::json(&redact::vaulted(&value.to_string())).into_owned()
}

/// In place of what the terminal shows; `None`: stdout is none. Home, each line and then the rest of the screen cleared
/// behind what is written: no flicker.
pub fn screen(text: impl FnOnce() -> SafeText) -> Option<bool> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (mut out, text) = (anstream::stdout(), text().0.replace('\n', "\x1b[K\n"));
    Some(write!(out, "\x1b[H{text}\x1b[J").and_then(|()| out.flush()).is_ok())
}

/// A document that is the result itself: byte for byte, but not at a terminal.
pub fn document(text: impl fmt::Display) {
    let out = std::io::stdout().lock();
    if out.is_terminal() {
        drop(out);
        print(text.to_string());
        return;
    }
    // Laid out while it is written: it may be larger than anyone wants to hold.
    let mut out = std::io::BufWriter::with_capacity(1 << 16, out);
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Where the log goes.
#[derive(Default)]
pub struct Log(Vec<u8>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let text = SafeText::from(String::from_utf8_lossy(&std::mem::take(&mut self.0)));
        write!(std::io::stderr(), "{text}")
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// Whether there is somebody to ask.
pub fn is_attended() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn colours_are_ours_alone() {
        let red = anstyle::AnsiColor::Red.on_default();
        let mut shown = SafeText::default();
        let _ = write!(shown, "\u{1b}[32mgreen ");
        shown.painted(red, "red\u{9b}");
        assert_eq!(shown.to_string(), "\\u{1b}[32mgreen \u{1b}[31mred\\u{9b}\u{1b}[0m");
        assert_eq!(shown.without_colours(), "\\u{1b}[32mgreen red\\u{9b}");
        let rendered = SafeText::of_renderer("\u{1b}[1;31merror\u{1b}[0m\u{1b}[2J\u{1b}]0;x\u{7}\u{1b}");
        assert_eq!(rendered.to_string(), "\u{1b}[1;31merror\u{1b}[0m\\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{1b}");
    }
}
