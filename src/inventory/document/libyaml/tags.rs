//! Anchors, aliases, tags and directives.

use super::cursor::{is_blank, is_blank_or_end, is_break_or_end, is_word};
use super::scanner::Scanner;
use super::{Mark, Result, Span, Token, wrong};

/// Digits of a version.
const MAX_VERSION: usize = 9;

impl Scanner<'_> {
    pub(super) fn anchor(&mut self) -> Result<(Token, Span)> {
        let start = self.cursor.mark;
        let is_alias = self.cursor.skip() == Some('*');
        let name = self.word();
        let next = self.cursor.peek();
        if name.is_empty()
            || !is_blank_or_end(next) && !matches!(next, Some('?' | ':' | ',' | ']' | '}' | '%' | '@' | '`'))
        {
            let problem = "did not find expected alphabetic or numeric character";
            return wrong(problem, self.cursor.mark, Some(start));
        }
        let token = if is_alias { Token::Alias(name) } else { Token::Anchor(name) };
        Ok((token, Span { start, end: self.cursor.mark }))
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while is_word(self.cursor.peek()) {
            self.cursor.read(&mut word);
        }
        word
    }

    pub(super) fn tag(&mut self) -> Result<(Token, Span)> {
        let start = self.cursor.mark;
        let (handle, suffix) =
            if self.cursor.begins_with("!<") { self.whole_tag(start)? } else { self.short_tag(start)? };
        let next = self.cursor.peek();
        if !is_blank_or_end(next) && (self.flow == 0 || next != Some(',')) {
            return wrong("did not find expected whitespace or line break", self.cursor.mark, Some(start));
        }
        Ok((Token::Tag { handle, suffix }, Span { start, end: self.cursor.mark }))
    }

    /// `!<tag>`
    fn whole_tag(&mut self, start: Mark) -> Result<(String, String)> {
        self.cursor.skip_many(2);
        let suffix = self.uri(true, "", start)?;
        if !self.cursor.is('>') {
            return wrong("did not find the expected '>'", self.cursor.mark, Some(start));
        }
        self.cursor.skip();
        Ok((String::new(), suffix))
    }

    /// `!suffix`, `!!suffix`, `!handle!suffix`, or `!` alone, which has no handle.
    fn short_tag(&mut self, start: Mark) -> Result<(String, String)> {
        let handle = self.handle(false, start)?;
        if handle.len() > 1 && handle.ends_with('!') {
            let suffix = self.uri(false, "", start)?;
            return Ok((handle, suffix));
        }
        let suffix = self.uri(false, &handle, start)?;
        Ok(if suffix.is_empty() { (String::new(), "!".to_owned()) } else { ("!".to_owned(), suffix) })
    }

    fn handle(&mut self, in_directive: bool, start: Mark) -> Result<String> {
        let mut handle = String::new();
        if !self.cursor.is('!') {
            return wrong("did not find expected '!'", self.cursor.mark, Some(start));
        }
        self.cursor.read(&mut handle);
        handle += &self.word();
        if self.cursor.is('!') {
            self.cursor.read(&mut handle);
        } else if in_directive && handle != "!" {
            return wrong("did not find expected '!'", self.cursor.mark, Some(start));
        }
        Ok(handle)
    }

    /// The rest of a tag of which `head` has been read as a handle.
    fn uri(&mut self, is_whole: bool, head: &str, start: Mark) -> Result<String> {
        let mut uri = head.get(1..).unwrap_or_default().to_owned();
        let mut is_empty = head.is_empty();
        loop {
            match self.cursor.peek() {
                Some('%') => uri.push(self.escaped(start)?),
                Some(',' | '[' | ']') if is_whole => self.cursor.read(&mut uri),
                Some(next) if is_word(Some(next)) || ";/?:@&=+$.!~*'()".contains(next) => {
                    self.cursor.read(&mut uri);
                }
                _ if is_empty => {
                    return wrong("did not find expected tag URI", self.cursor.mark, Some(start));
                }
                _ => return Ok(uri),
            }
            is_empty = false;
        }
    }

    /// A character of which each byte is written as `%XX`.
    fn escaped(&mut self, start: Mark) -> Result<char> {
        let mut bytes = Vec::new();
        loop {
            let digit =
                |at| self.cursor.ahead(at).filter(|_| self.cursor.is('%')).and_then(|next| next.to_digit(16));
            let (Some(high), Some(low)) = (digit(1), digit(1).and(digit(2))) else {
                return wrong("did not find URI escaped octet", self.cursor.mark, Some(start));
            };
            bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
            let found = std::str::from_utf8(&bytes);
            if found.is_err_and(|wrong| wrong.error_len().is_some()) {
                return wrong("found an incorrect UTF-8 octet", self.cursor.mark, Some(start));
            }
            self.cursor.skip_many(3);
            if let Some(one) = found.ok().and_then(|text| text.chars().next()) {
                return Ok(one);
            }
        }
    }

    pub(super) fn directive(&mut self) -> Result<(Token, Span)> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let name = self.word();
        if name.is_empty() {
            return wrong("could not find expected directive name", self.cursor.mark, Some(start));
        }
        if !is_blank_or_end(self.cursor.peek()) {
            return wrong("found unexpected non-alphabetical character", self.cursor.mark, Some(start));
        }
        let token = match name.as_str() {
            "YAML" => self.version(start)?,
            "TAG" => self.tag_directive(start)?,
            _ => return wrong("found unknown directive name", self.cursor.mark, Some(start)),
        };
        let end = self.cursor.mark;
        self.cursor.skip_while(is_blank);
        self.cursor.skip_comment();
        if !is_break_or_end(self.cursor.peek()) {
            return wrong("did not find expected comment or line break", self.cursor.mark, Some(start));
        }
        self.cursor.skip_break();
        Ok((token, Span { start, end }))
    }

    fn version(&mut self, start: Mark) -> Result<Token> {
        self.cursor.skip_while(is_blank);
        let major = self.number(start)?;
        if !self.cursor.is('.') {
            let problem = "did not find expected digit or '.' character";
            return wrong(problem, self.cursor.mark, Some(start));
        }
        self.cursor.skip();
        Ok(Token::Version(major, self.number(start)?))
    }

    fn number(&mut self, start: Mark) -> Result<u32> {
        let (mut value, mut length) = (0, 0);
        while let Some(digit) = self.cursor.peek().and_then(|next| next.to_digit(10)) {
            length += 1;
            if length > MAX_VERSION {
                return wrong("found extremely long version number", self.cursor.mark, Some(start));
            }
            value = value * 10 + digit;
            self.cursor.skip();
        }
        if length == 0 {
            return wrong("did not find expected version number", self.cursor.mark, Some(start));
        }
        Ok(value)
    }

    fn tag_directive(&mut self, start: Mark) -> Result<Token> {
        self.cursor.skip_while(is_blank);
        let handle = self.handle(true, start)?;
        if !is_blank(self.cursor.peek()) {
            return wrong("did not find expected whitespace", self.cursor.mark, Some(start));
        }
        self.cursor.skip_while(is_blank);
        let prefix = self.uri(true, "", start)?;
        if !is_blank_or_end(self.cursor.peek()) {
            return wrong("did not find expected whitespace or line break", self.cursor.mark, Some(start));
        }
        Ok(Token::TagDirective { handle, prefix })
    }
}
