//! Texts and bytes in quotes.

use super::Python;
use super::reader::Reader;

impl Reader<'_> {
    /// One text with its prefix and quotes.
    pub(super) fn text(&mut self) -> Option<Python> {
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
