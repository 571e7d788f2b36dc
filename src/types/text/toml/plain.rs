//! The values of a plain document, read without a tree of it: what `init` writes is tables of bare keys with scalars and
//! flat lists, and a plan reads thousands of such files. Whatever is beyond that, or wrong, is for the tree to judge.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    ops::Range,
};

use serde_json::Value;
use toml_parser::{
    ParseError, Source,
    decoder::ScalarKind,
    parser::{Event, EventKind, RecursionGuard, parse_document},
};

use super::{
    Place,
    limits::{Limits, MAX_DEPTH},
};

/// Bytes of a token, on the way to a list that need not grow. The lexer's own list is for the densest of texts, ten times
/// as long as it gets here.
const TOKEN: usize = 12;

/// By dotted key; None: not plain, or not TOML at all. The error: there is too much of it.
pub(super) fn places(text: &str) -> Result<Option<HashMap<String, Place>>, String> {
    Limits::of_size(text)?;
    // The parser leaves these to its caller, in comments and at line ends. A chunk is looked at in one go.
    let is_control = |byte: &u8| matches!(byte, 0..=8 | 11..=31 | 127);
    let has_control = text
        .as_bytes()
        .chunks(64)
        .any(|some| some.iter().fold(false, |found, byte| found | is_control(byte)));
    let source = Source::new(text);
    let mut reader = Reader {
        source,
        places: HashMap::new(),
        headers: HashSet::new(),
        table: String::new(),
        in_header: false,
        key: "",
        list: None,
    };
    let (mut error, mut is_plain): (Option<ParseError>, _) = (None, !has_control);
    let mut limits = Limits::default();
    let mut take = |event: Event| {
        limits.take(&event);
        is_plain = is_plain && limits.hold() && reader.take(&event).is_some();
    };
    let mut tokens = Vec::with_capacity(text.len() / TOKEN);
    tokens.extend(source.lex());
    parse_document(&tokens, &mut RecursionGuard::new(&mut take, MAX_DEPTH), &mut error);
    limits.found()?;
    Ok((is_plain && error.is_none() && reader.names_are_single()).then_some(reader.places))
}

struct Reader<'t> {
    source: Source<'t>,
    places: HashMap<String, Place>,
    headers: HashSet<String>,
    /// The header that counts, and a dot at its end if keys come below it.
    table: String,
    in_header: bool,
    key: &'t str,
    /// Where it begins, and what is in it so far.
    list: Option<(usize, Vec<Value>)>,
}

impl<'t> Reader<'t> {
    /// None: beyond what is plain.
    fn take(&mut self, event: &Event) -> Option<()> {
        match event.kind() {
            EventKind::Whitespace
            | EventKind::Comment
            | EventKind::Newline
            | EventKind::KeyValSep
            | EventKind::ValueSep => {}
            EventKind::StdTableOpen => {
                self.in_header = true;
                self.table.clear();
            }
            EventKind::SimpleKey => {
                let key = self.bare(event)?;
                if self.in_header { self.table += key } else { self.key = key }
            }
            EventKind::KeySep if self.in_header => self.table.push('.'),
            EventKind::StdTableClose => {
                self.in_header = false;
                let is_new = self.headers.insert(self.table.clone());
                self.table.push('.');
                return is_new.then_some(());
            }
            EventKind::Scalar => {
                let (kind, value) = self.scalar(event)?;
                match &mut self.list {
                    Some((_, items)) => items.push(value),
                    None => self.put(event.span().start()..event.span().end(), kind, value)?,
                }
            }
            EventKind::ArrayOpen if self.list.is_none() => {
                self.list = Some((event.span().start(), Vec::new()));
            }
            EventKind::ArrayClose => {
                let (start, items) = self.list.take()?;
                self.put(start..event.span().end(), "array", items.into())?;
            }
            EventKind::KeySep
            | EventKind::ArrayOpen
            | EventKind::ArrayTableOpen
            | EventKind::ArrayTableClose
            | EventKind::InlineTableOpen
            | EventKind::InlineTableClose
            | EventKind::Error => return None,
        }
        Some(())
    }

    fn bare(&self, event: &Event) -> Option<&'t str> {
        let (raw, mut error) = (self.source.get(event)?, None::<ParseError>);
        raw.decode_key(&mut (), &mut error);
        (event.encoding().is_none() && error.is_none()).then(|| raw.as_str())
    }

    fn scalar(&self, event: &Event) -> Option<(&'static str, Value)> {
        let (mut text, mut error) = (Cow::Borrowed(""), None::<ParseError>);
        let kind = self.source.get(event)?.decode_scalar(&mut text, &mut error);
        if error.is_some() {
            return None;
        }
        Some(match kind {
            ScalarKind::String => ("string", text.into_owned().into()),
            ScalarKind::Boolean(flag) => ("boolean", flag.into()),
            ScalarKind::Integer(radix) => ("integer", i64::from_str_radix(&text, radix.value()).ok()?.into()),
            ScalarKind::Float => ("float", text.parse::<f64>().ok().filter(|it| it.is_finite())?.into()),
            ScalarKind::DateTime => return None,
        })
    }

    fn put(&mut self, span: Range<usize>, kind: &'static str, value: Value) -> Option<()> {
        let key = [&self.table, self.key].concat();
        self.places.insert(key, Place { span, kind, value }).is_none().then_some(())
    }

    /// Nothing is a value and a table. That nothing is there twice is known: here each table has one header.
    fn names_are_single(&self) -> bool {
        let ends = |header: &str| header.match_indices('.').map(|(dot, _)| dot).collect::<Vec<_>>();
        let is_value = |name: &str| self.places.contains_key(name);
        let clashes =
            |header: &String| is_value(header) || ends(header).iter().any(|&end| is_value(&header[..end]));
        !self.headers.iter().any(clashes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::Places, *};
    use crate::fuzz::fuzz;

    /// What the chains' own `init` has written.
    const REAL: &[&str] = &[
        include_str!("../../../../tests/fixtures/cometbft-0.38/config.toml"),
        include_str!("../../../../tests/fixtures/loom/config.toml"),
        include_str!("../../../../tests/fixtures/simd-0.50/config.toml"),
        include_str!("../../../../tests/fixtures/simd-0.50/app.toml"),
    ];
    const FORMS: &str = "a = 1_000\nb-c = -0.5e3 # d\n\n[t.u]\nv = 'w\\'\nx = \"\\u00e9\\n\"\ny = [ 0x1f, # z\n true, \
                         \"ü\" ,]\nz = []\n[t]\nu_ = \"\"\"\n a \"b\"\"\"\"\n9 = false\n";

    /// Whether it is plain; what is read of it is then what the tree has.
    fn is_plain(text: &str) -> bool {
        let Ok(Some(found)) = places(text) else { return false };
        assert_eq!(Ok(found), Places::of_tree(text).map(|tree| tree.0), "{text:?}");
        true
    }

    #[test]
    fn what_chains_write_is_plain() {
        for text in REAL.iter().chain(&[FORMS, "", "# nothing\n"]) {
            assert!(is_plain(text), "{text}");
        }
    }

    #[test]
    fn what_is_beyond_is_left_to_the_tree() {
        for text in [
            "a.b = 1",
            "'a' = 1",
            "\"a\" = 1",
            "[\"a\"]",
            "[[a]]\nb = 1",
            "a = {}",
            "a = { b = 1 }",
            "a = [[1]]",
            "a = 1979-05-27",
            "a = inf",
            "a = nan",
            "a = 1\r\n",
            "a = [{}]",
        ] {
            assert!(!is_plain(text) && Places::of_tree(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_left_to_the_tree() {
        for text in [
            "a = 1\na = 2",
            "[a]\n[a]",
            "a = 1\n[a]",
            "a = 1\n[a.b]",
            "[a]\nb = 1\n[a.b]",
            "[a]\nb = 1\n[a.b.c]",
            "[a.b]\nc = 1\n[a]\nb = 1",
            "a = 1 b = 2",
            "a = 01",
            "a = 9223372036854775808",
            "a = 1e999",
            "a = 'b",
            "a = [1",
            "a",
            "a =",
            "= 1",
            "[a",
            "[]",
            "[a.]",
            "a = \"\\q\"",
            "# \u{7f}",
            "a = 1 # \u{1}",
            "a = 1\rb = 2",
            "é = 1",
            "a = truE",
            "a = [1 2]",
            "a = }",
            "a = ]",
            "\u{0}",
        ] {
            assert!(!is_plain(text) && Places::of_tree(text).is_err(), "{text}");
        }
    }

    /// P7
    #[test]
    fn fuzz_plain_toml() {
        let corpus: Vec<&[u8]> = REAL.iter().chain(&[FORMS]).map(|text| text.as_bytes()).collect();
        fuzz("plain-toml", &corpus, |bytes| {
            str::from_utf8(bytes)
                .map(|text| (is_plain(text), Places::of(text).map(|read| read.0.len()).ok()))
                .ok()
        });
    }
}
