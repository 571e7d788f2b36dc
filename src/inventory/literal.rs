//! Python's literals: values of INI inventories are what `ast.literal_eval` makes of them, or texts.
//!
//! So `1,2` is a list, `0644` a text, `1e9` a float, `True` true and `true` a text.

use indexmap::IndexMap;
use serde_json::{Map, Number, Value};

use super::scalar;

/// Python's own limit for brackets within brackets.
const MAX_BRACKETS: usize = 200;
/// Python refuses to convert longer digit strings.
const MAX_DIGITS: usize = 4300;

/// The value; none where the text is no literal. The error is one that Ansible ends for: a dictionary or list
/// within a set, or as a key.
pub(super) fn evaluate(text: &str) -> Result<Option<Value>, &'static str> {
    let mut reader = Reader { rest: text.trim_start_matches([' ', '\t']), brackets: 0 };
    let Some(read) = reader.whole() else { return Ok(None) };
    read.value().map(Some)
}

#[derive(Debug, Clone)]
enum Python {
    None,
    Bool(bool),
    /// In decimal, with its sign.
    Int(String),
    Float(f64),
    Complex(f64, f64),
    Text(String),
    Bytes(Vec<u8>),
    Ellipsis,
    List(Vec<Python>),
    Tuple(Vec<Python>),
    Set(Vec<Python>),
    Dict(Vec<(Python, Python)>),
}

const UNHASHABLE: &str = "Python cannot put a list, a set or a dictionary into a set, or make it a key";

impl Python {
    fn value(self) -> Result<Value, &'static str> {
        let all = |items: Vec<Self>| items.into_iter().map(Self::value).collect::<Result<Value, _>>();
        Ok(match self {
            Self::None => Value::Null,
            Self::Bool(flag) => flag.into(),
            Self::Int(digits) => digits.parse::<Number>().map_or(Value::Null, Value::Number),
            Self::Float(float) => scalar::from_f64(float),
            Self::Complex(real, imaginary) => complex(real, imaginary).into(),
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => String::from_utf8_lossy(&bytes).into(),
            Self::Ellipsis => "...".into(),
            Self::List(items) | Self::Tuple(items) => return all(items),
            Self::Set(items) => {
                let mut seen = Vec::new();
                let mut once = Vec::new();
                for item in items {
                    let key = item.same()?;
                    if !seen.contains(&key) {
                        seen.push(key);
                        once.push(item);
                    }
                }
                return all(once);
            }
            Self::Dict(entries) => {
                let mut members: IndexMap<String, (String, Value)> = IndexMap::new();
                for (key, value) in entries {
                    let (same, name, value) = (key.same()?, key.key()?, value.value()?);
                    // Of equal keys the first one's notation stays, with the last one's value.
                    members.entry(same).or_insert((name, Value::Null)).1 = value;
                }
                members.into_values().collect::<Map<_, _>>().into()
            }
        })
    }

    /// A text that is the same for what Python takes for equal: `1`, `1.0` and `True` are.
    fn same(&self) -> Result<String, &'static str> {
        Ok(match self {
            Self::Bool(flag) => format!("number {}", u8::from(*flag)),
            Self::Int(digits) => format!("number {digits}"),
            Self::Float(float) => format!("number {float}"),
            Self::Text(text) => format!("text {text}"),
            other => other.key()?,
        })
    }

    /// What Python's JSON writes for a key.
    fn key(&self) -> Result<String, &'static str> {
        match self {
            Self::List(_) | Self::Set(_) | Self::Dict(_) => Err(UNHASHABLE),
            Self::Tuple(items) => {
                let keys: Result<Vec<String>, _> = items.iter().map(Self::key).collect();
                Ok(format!("({})", keys?.join(", ")))
            }
            Self::Text(text) => Ok(text.clone()),
            other => other.clone().value().map(|value| value.to_string().trim_matches('"').to_owned()),
        }
    }
}

fn complex(real: f64, imaginary: f64) -> String {
    if real == 0.0 && real.is_sign_positive() {
        return format!("{imaginary}j");
    }
    format!("({real}{imaginary:+}j)")
}

struct Reader<'t> {
    rest: &'t str,
    brackets: usize,
}

impl Reader<'_> {
    /// One expression, or several with commas: a tuple.
    fn whole(&mut self) -> Option<Python> {
        let read = self.several(|rest| rest.is_empty() || rest.starts_with('#'))?;
        self.blank();
        (self.rest.is_empty() || self.rest.starts_with('#')).then_some(read)
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\x0c']);
    }

    fn take(&mut self, sign: char) -> bool {
        self.blank();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Expressions up to `end`: one alone is itself, with a comma it is a tuple.
    fn several(&mut self, end: impl Fn(&str) -> bool) -> Option<Python> {
        let first = self.sum()?;
        let mut items = vec![first];
        let mut tuple = false;
        while self.take(',') {
            tuple = true;
            self.blank();
            if end(self.rest) {
                break;
            }
            items.push(self.sum()?);
        }
        if tuple { Some(Python::Tuple(items)) } else { items.pop() }
    }

    /// A number and a complex one may be added; nothing else is calculated.
    fn sum(&mut self) -> Option<Python> {
        let left = self.signed()?;
        let minus = if self.take('+') {
            false
        } else if self.take('-') {
            true
        } else {
            return Some(left);
        };
        let real = match &left {
            Python::Int(digits) => digits.parse().ok()?,
            Python::Float(real) => *real,
            _ => return None,
        };
        let Python::Complex(0.0, right) = self.single()? else { return None };
        Some(Python::Complex(real, if minus { -right } else { right }))
    }

    fn signed(&mut self) -> Option<Python> {
        if self.take('-') {
            return match self.single()? {
                Python::Int(digits) if digits == "0" => Some(Python::Int(digits)),
                Python::Int(digits) if !digits.starts_with('-') => Some(Python::Int(format!("-{digits}"))),
                Python::Float(float) => Some(Python::Float(-float)),
                Python::Complex(real, imaginary) => Some(Python::Complex(-real, -imaginary)),
                _ => None,
            };
        }
        if self.take('+') {
            let single = self.single()?;
            return matches!(single, Python::Int(_) | Python::Float(_) | Python::Complex(..))
                .then_some(single);
        }
        self.single()
    }

    fn single(&mut self) -> Option<Python> {
        self.blank();
        let first = self.rest.chars().next()?;
        match first {
            '(' | '[' | '{' => {
                self.rest = &self.rest[1..];
                self.brackets += 1;
                let read = if self.brackets > MAX_BRACKETS { None } else { self.bracketed(first) };
                self.brackets -= 1;
                read
            }
            '.' if self.rest.starts_with("...") => {
                self.rest = &self.rest[3..];
                Some(Python::Ellipsis)
            }
            '.' | '0'..='9' => self.number(),
            _ => self.word_or_text(),
        }
    }

    fn bracketed(&mut self, open: char) -> Option<Python> {
        match open {
            '(' if self.take(')') => Some(Python::Tuple(Vec::new())),
            '(' => {
                let read = self.several(|rest| rest.starts_with(')'))?;
                self.take(')').then_some(read)
            }
            '[' => self.items(']').map(Python::List),
            _ if self.take('}') => Some(Python::Dict(Vec::new())),
            _ => self.set_or_dict(),
        }
    }

    fn items(&mut self, close: char) -> Option<Vec<Python>> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.sum()?);
            if !self.take(',') {
                return self.take(close).then_some(items);
            }
        }
        Some(items)
    }

    fn set_or_dict(&mut self) -> Option<Python> {
        let first = self.sum()?;
        if !self.take(':') {
            let mut items = vec![first];
            if self.take(',') {
                items.extend(self.items('}')?);
                return Some(Python::Set(items));
            }
            return self.take('}').then_some(Python::Set(items));
        }
        let mut entries = vec![(first, self.sum()?)];
        while self.take(',') {
            if self.take('}') {
                return Some(Python::Dict(entries));
            }
            let key = self.sum()?;
            if !self.take(':') {
                return None;
            }
            entries.push((key, self.sum()?));
        }
        self.take('}').then_some(Python::Dict(entries))
    }

    fn number(&mut self) -> Option<Python> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let mut end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let is_hex = self.rest.starts_with("0x") || self.rest.starts_with("0X");
        if !is_hex && self.rest[..end].ends_with(['e', 'E']) && self.rest[end..].starts_with(['+', '-']) {
            let after = &self.rest[end + 1..];
            end += 1 + after.find(|c| !is_part(c)).unwrap_or(after.len());
        }
        let (word, rest) = self.rest.split_at(end);
        if rest.starts_with(|c: char| c.is_alphanumeric()) {
            return None;
        }
        self.rest = rest;
        number(word)
    }

    /// `True`, `False`, `None`, `set()`, or texts side by side, which are one.
    fn word_or_text(&mut self) -> Option<Python> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if !rest.starts_with(['"', '\'']) {
            self.rest = rest;
            return match word {
                "True" => Some(Python::Bool(true)),
                "False" => Some(Python::Bool(false)),
                "None" => Some(Python::None),
                "set" if self.take('(') && self.take(')') => Some(Python::Set(Vec::new())),
                _ => None,
            };
        }
        let mut whole = self.text()?;
        loop {
            self.blank();
            let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            if !self.rest[end..].starts_with(['"', '\'']) {
                return Some(whole);
            }
            whole = match (whole, self.text()?) {
                (Python::Text(a), Python::Text(b)) => Python::Text(a + &b),
                (Python::Bytes(a), Python::Bytes(b)) => Python::Bytes([a, b].concat()),
                _ => return None,
            };
        }
    }

    /// One text with its prefix and quotes.
    fn text(&mut self) -> Option<Python> {
        let at = self.rest.find(['"', '\''])?;
        let prefix = self.rest[..at].to_ascii_lowercase();
        let (raw, bytes) = match prefix.as_str() {
            "" | "u" => (false, false),
            "r" => (true, false),
            "b" => (false, true),
            "rb" | "br" => (true, true),
            _ => return None,
        };
        let rest = &self.rest[at..];
        let quote = &rest[..1];
        let triple = quote.repeat(3);
        let quotes = if rest.starts_with(&triple) { triple.as_str() } else { quote };
        let body = &rest[quotes.len()..];
        let end = end_of(body, quotes)?;
        self.rest = &body[end + quotes.len()..];
        let text = if raw { body[..end].to_owned() } else { unescape(&body[..end], bytes)? };
        if !bytes {
            return Some(Python::Text(text));
        }
        let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        // What is no UTF-8 has no place in JSON either.
        bytes.filter(|bytes| std::str::from_utf8(bytes).is_ok()).map(Python::Bytes)
    }
}

fn end_of(body: &str, quotes: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if !escaped && body[at..].starts_with(quotes) {
            return Some(at);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn unescape(text: &str, bytes: bool) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if bytes && !c.is_ascii() {
            return None;
        }
        if c != '\\' {
            plain.push(c);
            continue;
        }
        let escape = rest.chars().next()?;
        rest = &rest[escape.len_utf8()..];
        let width = match escape {
            'x' => 2,
            'u' if !bytes => 4,
            'U' if !bytes => 8,
            'N' if !bytes => return None,
            _ => 0,
        };
        if width > 0 {
            let digits = rest.get(..width).filter(|d| d.bytes().all(|c| c.is_ascii_hexdigit()))?;
            plain.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
            rest = &rest[width..];
            continue;
        }
        match escape {
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|c| matches!(c, b'0'..=b'7')).count();
                let digits = format!("{escape}{}", &rest[..more]);
                plain.push(char::from_u32(u32::from_str_radix(&digits, 8).ok()?)?);
                rest = &rest[more..];
            }
            'a' => plain.push('\x07'),
            'b' => plain.push('\x08'),
            'f' => plain.push('\x0c'),
            'n' => plain.push('\n'),
            'r' => plain.push('\r'),
            't' => plain.push('\t'),
            'v' => plain.push('\x0b'),
            '\\' | '\'' | '"' => plain.push(escape),
            other => plain.extend(['\\', other]),
        }
    }
    Some(plain)
}

fn number(word: &str) -> Option<Python> {
    let based = |base| scalar::number(false, &without_lines(&format!("0{}", &word[2..]), base)?, base);
    let whole = match word.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => Some(based(16)?),
        Some("0o") => Some(based(8)?),
        Some("0b") => Some(based(2)?),
        _ => None,
    };
    if let Some(whole) = whole {
        return (word.len() > 2).then(|| Python::Int(whole.to_string()));
    }
    let (body, imaginary) = match word.strip_suffix(['j', 'J']) {
        Some(body) => (body, true),
        None => (word, false),
    };
    if body.contains(['.', 'e', 'E']) || imaginary {
        let float = float(body)?;
        return Some(if imaginary { Python::Complex(0.0, float) } else { Python::Float(float) });
    }
    let digits = without_lines(body, 10)?;
    if digits.len() > MAX_DIGITS || digits.starts_with('0') && digits.bytes().any(|c| c != b'0') {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(Python::Int(if digits.is_empty() { "0" } else { digits }.to_owned()))
}

fn float(body: &str) -> Option<f64> {
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |part: &str| if part.is_empty() { Some(String::new()) } else { without_lines(part, 10) };
    let exponent = match exponent {
        None => "0".to_owned(),
        Some(exponent) => {
            let (sign, body) = exponent
                .strip_prefix('-')
                .map_or(("", exponent.strip_prefix('+').unwrap_or(exponent)), |e| ("-", e));
            format!("{sign}{}", without_lines(body, 10)?)
        }
    };
    format!("0{}.{}0e{exponent}", digits(whole)?, digits(fraction)?).parse().ok()
}

/// Digits of that base, without the `_` that may stand between two.
fn without_lines(text: &str, base: u32) -> Option<String> {
    let is_digit = |c: char| c.is_digit(base);
    let sound = text.starts_with(is_digit) && text.ends_with(is_digit) && !text.contains("__");
    let all = text.chars().all(|c| is_digit(c) || c == '_');
    (sound && all).then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_a_literal_has_its_value() {
        for (text, value) in [
            ("1", json!(1)),
            ("-1", json!(-1)),
            ("- 1", json!(-1)),
            ("-0", json!(0)),
            ("00", json!(0)),
            ("1_000", json!(1000)),
            ("0xfF", json!(255)),
            ("0o17", json!(15)),
            ("0b_1", json!(1)),
            ("1e9", json!(1e9)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("01.5", json!(1.5)),
            ("1e-3", json!(0.001)),
            ("True", json!(true)),
            ("None", json!(null)),
            ("'a' \"b\"", json!("ab")),
            ("b'x\\x41'", json!("xA")),
            (r"'a\n\u00e4\q\101'", json!("a\nä\\qA")),
            (r"r'\n'", json!("\\n")),
            ("'''a'b'''", json!("a'b")),
            ("1,2", json!([1, 2])),
            ("1,", json!([1])),
            ("()", json!([])),
            ("(1)", json!(1)),
            ("[1, 'a', [True],]", json!([1, "a", [true]])),
            ("{'a': 1, 2: (3,), None: {}, 'a': 4}", json!({"a": 4, "2": [3], "null": {}})),
            ("{1, 1, True}", json!([1])),
            ("{1: 'a', True: 'b', 'x': 0}", json!({"1": "b", "x": 0})),
            ("set()", json!([])),
            ("...", json!("...")),
            ("2j", json!("2j")),
            ("1+2j", json!("(1+2j)")),
            ("5 # five", json!(5)),
            (" 7", json!(7)),
        ] {
            assert_eq!(evaluate(text), Ok(Some(value)), "{text}");
        }
        let big = "123456789012345678901234567890";
        assert_eq!(evaluate(big).unwrap().unwrap().to_string(), big);
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "",
            "true",
            "yes",
            "0644",
            "08",
            "1__0",
            "1_",
            "_1",
            "1.2.3.4",
            "10.0.0.1",
            "5s",
            "0x",
            "1+2",
            "--1",
            "a,b",
            "{{ x }}",
            "f'a'",
            "'a",
            "'a' b'c'",
            "b'ä'",
            r"'\x4'",
            r"'\N{DASH}'",
            "[1",
            "1]",
            "(1,,)",
            "{1: }",
            "-True",
            "1e",
            "2026-01-01",
            "'a' # b' c",
            "e9",
            "1 2",
            "#",
            "*a",
            "{**{}}",
            "[*[1]]",
            "-'a'",
            "1if",
        ] {
            let wanted = if text == "'a' # b' c" { Some(json!("a")) } else { None };
            assert_eq!(evaluate(text), Ok(wanted), "{text}");
        }
        assert_eq!(evaluate(&"[".repeat(100_000)), Ok(None));
        assert_eq!(evaluate(&"9".repeat(5000)), Ok(None));
        assert!(evaluate(&format!("{}{}", "[".repeat(150), "]".repeat(150))).unwrap().is_some());
    }

    #[test]
    fn what_python_cannot_build_is_an_error() {
        for text in ["{{1}}", "{[1]}", "{[1]: 2}", "{{}}", "{(1, [2])}"] {
            assert_eq!(evaluate(text), Err(UNHASHABLE), "{text}");
        }
    }
}
