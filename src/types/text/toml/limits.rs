//! How much a document may hold. Such a file comes from the node's own account on a host: what would take minutes or
//! gigabytes to read is named instead, before anything is made of it.

use toml_parser::parser::{Event, EventKind};

/// Bytes of a document; the longest of real ones has a tenth of it.
const MAX_BYTES: usize = 1 << 20;
/// Bytes of a key with all that it stands under, as it is written.
const MAX_KEY: usize = 512;
/// Its parts.
const MAX_PARTS: usize = 32;
/// Tables, values and items of lists in sum.
const MAX_VALUES: usize = 20_000;
/// Lists and inline tables in each other.
pub(super) const MAX_DEPTH: u32 = 32;

#[derive(Clone, Copy, Default)]
struct Path {
    bytes: usize,
    parts: usize,
}

/// Counts along with the parser.
#[derive(Default)]
pub(super) struct Limits {
    header: Path,
    /// The key being read.
    key: Path,
    /// With all that it stands under, once its `=` was there.
    whole: Path,
    /// What the keys of open inline tables stand under; of a list what it is the value of.
    open: Vec<Path>,
    values: usize,
    why: Option<String>,
}

impl Limits {
    /// What a text is too large for, if it is.
    pub fn of_size(text: &str) -> Result<(), String> {
        over("bytes", text.len(), MAX_BYTES).map_or(Ok(()), Err)
    }

    pub fn hold(&self) -> bool {
        self.why.is_none()
    }

    pub fn found(self) -> Result<(), String> {
        self.why.map_or(Ok(()), Err)
    }

    pub fn take(&mut self, event: &Event) {
        let span = event.span();
        match event.kind() {
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => {
                (self.header, self.key) = Default::default();
            }
            EventKind::StdTableClose | EventKind::ArrayTableClose => {
                self.header = std::mem::take(&mut self.key);
                self.count();
            }
            EventKind::SimpleKey => self.part(span.end() - span.start()),
            EventKind::KeyValSep => {
                self.whole = self.under();
                self.key = Path::default();
            }
            EventKind::Scalar => self.count(),
            EventKind::InlineTableOpen | EventKind::ArrayOpen => {
                self.open.push(self.whole);
                self.count();
                self.refuse(over(
                    "lists and inline tables in each other",
                    self.open.len(),
                    MAX_DEPTH as usize,
                ));
            }
            EventKind::InlineTableClose | EventKind::ArrayClose => {
                self.whole = self.open.pop().unwrap_or_default();
                self.key = Path::default();
            }
            _ => {}
        }
    }

    fn part(&mut self, bytes: usize) {
        self.key = Path { bytes: self.key.bytes + bytes + 1, parts: self.key.parts + 1 };
        let whole = self.under();
        self.refuse(over("bytes in one key", whole.bytes - 1, MAX_KEY));
        self.refuse(over("parts in one key", whole.parts, MAX_PARTS));
    }

    fn under(&self) -> Path {
        let above = self.open.last().unwrap_or(&self.header);
        Path { bytes: above.bytes + self.key.bytes, parts: above.parts + self.key.parts }
    }

    fn count(&mut self) {
        self.values += 1;
        self.refuse(over("tables and values", self.values, MAX_VALUES));
    }

    /// The first that was found is told.
    fn refuse(&mut self, why: Option<String>) {
        if self.why.is_none() {
            self.why = why;
        }
    }
}

fn over(what: &str, found: usize, most: usize) -> Option<String> {
    (found > most).then(|| format!("it has {found} {what}, more than {most}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::super::Places;

    /// What the node's account could put into its config.toml, and the word by which it is refused.
    fn attacks() -> Vec<(&'static str, String, &'static str)> {
        let long = "a".repeat(1_000_000);
        let dotted = "a.".repeat(500_000) + "a";
        let many = |line: &dyn Fn(usize) -> String, n: usize| (0..n).map(line).collect::<String>();
        let nested =
            |open: &str, close: &str, n: usize| format!("a = {}1{}", open.repeat(n), close.repeat(n));
        let wide = format!("[{}]\n", "k".repeat(500)) + &many(&|n| format!("k{n}=1\n"), 100_000);
        let inline =
            format!("a = {}b = 1{}", "{ kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk = ".repeat(80), "}".repeat(80));
        vec![
            ("a long key", format!("{long} = 1"), "bytes in one key"),
            ("a long quoted key", format!("\"{long}\" = 1"), "bytes in one key"),
            ("a long header", format!("[{long}]\na = 1"), "bytes in one key"),
            ("a dotted key", format!("{dotted} = 1"), "parts in one key"),
            ("a dotted header", format!("[{dotted}]\nb = 1"), "parts in one key"),
            ("a dotted header of lists", format!("[[{dotted}]]\nb = 1"), "parts in one key"),
            (
                "headers that lengthen",
                many(&|n| format!("[a{}]\n", ".b".repeat(n % 900)), 1_100),
                "parts in one key",
            ),
            ("tables", many(&|n| format!("[t{n}]\n"), 100_000), "tables and values"),
            ("a list of tables", "[[a]]\n".repeat(170_000), "tables and values"),
            ("keys", many(&|n| format!("k{n}=1\n"), 100_000), "tables and values"),
            ("dotted keys", many(&|n| format!("a.k{n}.b=1\n"), 60_000), "tables and values"),
            ("keys under a long one", wide, "tables and values"),
            ("the same key", "k=1\n".repeat(200_000), "tables and values"),
            ("a long list", format!("a = [{}]", "1,".repeat(500_000)), "tables and values"),
            ("nested lists", nested("[", "]", 400_000), "in each other"),
            ("nested inline tables", nested("{a=", "}", 200_000), "in one key"),
            ("open lists", format!("a = {}", "[".repeat(1_000_000)), "in each other"),
            ("deep inline keys", inline, "in one key"),
            ("size", "# nothing\n".repeat(110_000), "bytes, more than"),
            ("a broken long line", format!("a = {}", "x".repeat(1_000_000)), "line 1"),
            ("brackets", "[".repeat(1_000_000), "line 1"),
            ("quotes", "\"".repeat(1_000_000), "line 1"),
            ("equal signs", "=".repeat(1_000_000), "line 1"),
            ("a control character", format!("\u{1}{long} = 1"), "bytes in one key"),
        ]
    }

    /// P7
    #[test]
    fn what_would_take_minutes_is_refused_by_name() {
        for (name, text, word) in attacks() {
            let start = crate::fuzz::cpu();
            let why = Places::of(&text).unwrap_err();
            assert!(why.contains(word), "{name}: {}", why.chars().take(300).collect::<String>());
            assert!(why.len() < 2_000, "{name}: {} bytes of an error", why.len());
            let took = crate::fuzz::cpu().saturating_sub(start);
            assert!(took < Duration::from_secs(2), "{name} took {took:?}");
        }
    }

    /// P7
    #[test]
    fn what_is_just_allowed_is_read_in_no_time() {
        let key = format!("{}.{}", "k.".repeat(15) + &"h".repeat(440), "k.".repeat(10) + "k");
        let keys = |n: usize| (0..n).map(|n| format!("{n:05}.z={n}\n")).collect::<Vec<_>>().concat();
        let headers: String =
            (0..9_000).map(|n| format!("[{}a{n}]\nk=1\n", "a.".repeat(30))).collect::<Vec<_>>().concat();
        for text in [
            format!("{key} = 1"),
            keys(19_900),
            headers,
            "a = [".to_owned() + &"'x',".repeat(19_000) + "]",
            format!("a = '{}'", "x".repeat(1_000_000)),
            format!("a = {}{}", "[".repeat(32), "]".repeat(32)),
        ] {
            let start = crate::fuzz::cpu();
            let read = Places::of(&text);
            assert!(read.is_ok(), "{:?}", read.err());
            let took = crate::fuzz::cpu().saturating_sub(start);
            assert!(took < Duration::from_secs(2), "{:?} took {took:?}", &text[..40]);
        }
    }
}
