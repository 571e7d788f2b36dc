//! JSON as Python's `json` reads it, to the same events as YAML: with `NaN` and infinities, halves of characters joined, and
//! no more than one value.

use super::libyaml::{Cursor, Event, Mark, Named, Span, Style, Wrong};

pub(super) struct Json<'t> {
    cursor: Cursor<'t>,
    /// The closing brackets that are still to come.
    open: Vec<char>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Value,
    /// Behind an opening bracket.
    First,
    Key,
    After,
    End,
}

type Result<T> = std::result::Result<T, Wrong>;

/// Why a text is no JSON.
pub(super) fn check(text: &str) -> Result<()> {
    let mut json = Json::new(text);
    while json.next()?.0 != Event::StreamEnd {}
    Ok(())
}

impl<'t> Json<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { cursor: Cursor::new(text), open: Vec::new(), state: State::Start }
    }

    pub fn next(&mut self) -> Result<(Event, Span)> {
        self.skip_blanks();
        let start = self.cursor.mark;
        match self.state {
            State::Start => {
                self.state = State::Value;
                Ok((Event::DocumentStart, Span { start, end: start }))
            }
            State::First if self.cursor.peek() == self.open.last().copied() => Ok(self.close(start)),
            State::First if self.is_in_object() => self.key(start),
            State::First | State::Value => self.value(start),
            State::Key => self.key(start),
            State::After => self.after(start),
            State::End => Ok((Event::StreamEnd, Span { start, end: start })),
        }
    }

    fn is_in_object(&self) -> bool {
        self.open.last() == Some(&'}')
    }

    fn skip_blanks(&mut self) {
        while matches!(self.cursor.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.any();
        }
    }

    /// One character, whatever it is.
    fn any(&mut self) -> Option<char> {
        let next = self.cursor.peek();
        let _ = self.cursor.skip_break().or_else(|| self.cursor.skip());
        next
    }

    fn scalar(&mut self, text: String, style: Style, start: Mark) -> (Event, Span) {
        let event = Event::Scalar { name: Named::default(), text, style };
        (event, Span { start, end: self.cursor.mark })
    }

    fn value(&mut self, start: Mark) -> Result<(Event, Span)> {
        self.state = State::After;
        match self.cursor.peek() {
            Some('{') => Ok(self.open('}', Event::MappingStart(Named::default()), start)),
            Some('[') => Ok(self.open(']', Event::SequenceStart(Named::default()), start)),
            Some('"') => {
                let text = self.text(start)?;
                Ok(self.scalar(text, Style::Quoted, start))
            }
            _ => {
                let text = self.word(start)?;
                Ok(self.scalar(text, Style::Plain, start))
            }
        }
    }

    fn open(&mut self, closing: char, event: Event, start: Mark) -> (Event, Span) {
        self.open.push(closing);
        self.cursor.skip();
        self.state = State::First;
        (event, Span { start, end: self.cursor.mark })
    }

    fn close(&mut self, start: Mark) -> (Event, Span) {
        self.open.pop();
        self.cursor.skip();
        self.state = State::After;
        (Event::End, Span { start, end: self.cursor.mark })
    }

    fn key(&mut self, start: Mark) -> Result<(Event, Span)> {
        if !self.cursor.is('"') {
            return wrong("a key in double quotes is missing", start);
        }
        let text = self.text(start)?;
        let key = self.scalar(text, Style::Quoted, start);
        self.skip_blanks();
        if !self.cursor.is(':') {
            return wrong("a `:` is missing behind a key", self.cursor.mark);
        }
        self.cursor.skip();
        self.state = State::Value;
        Ok(key)
    }

    fn after(&mut self, start: Mark) -> Result<(Event, Span)> {
        let next = self.cursor.peek();
        if self.open.is_empty() {
            if next.is_some() {
                return wrong("something follows behind the value", start);
            }
            self.state = State::End;
            return Ok((Event::DocumentEnd, Span { start, end: start }));
        }
        if next == self.open.last().copied() {
            return Ok(self.close(start));
        }
        if next != Some(',') {
            let missing =
                if self.is_in_object() { "a `,` or `}` is missing" } else { "a `,` or `]` is missing" };
            return wrong(missing, start);
        }
        self.cursor.skip();
        self.state = if self.is_in_object() { State::Key } else { State::Value };
        self.next()
    }

    /// A number, or one of Python's six words.
    fn word(&mut self, start: Mark) -> Result<String> {
        let mut word = String::new();
        while self.cursor.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')) {
            word.extend(self.any());
        }
        let is_word = matches!(word.as_str(), "true" | "false" | "null" | "NaN" | "Infinity" | "-Infinity");
        if is_word || word.parse::<serde_json::Number>().is_ok() {
            return Ok(word);
        }
        wrong("a value is missing", start)
    }

    fn text(&mut self, start: Mark) -> Result<String> {
        let mut text = String::new();
        self.cursor.skip();
        loop {
            let at = self.cursor.mark;
            match self.any() {
                None => return wrong("a text has no closing quote", start),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape(at)?),
                Some('\0'..' ') => {
                    return wrong(
                        "a text holds a control character (a line's end is written `\\n`, a tab `\\t`)",
                        at,
                    );
                }
                Some(other) => text.push(other),
            }
        }
    }

    fn escape(&mut self, at: Mark) -> Result<char> {
        Ok(match self.any() {
            Some(itself @ ('"' | '\\' | '/')) => itself,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(at),
            _ => return wrong("a backslash is followed by what is no escape of JSON", at),
        })
    }

    /// What is beyond U+FFFF is written as two halves.
    fn unicode(&mut self, at: Mark) -> Result<char> {
        let mut halves = vec![self.four_digits(at)?];
        if (0xd800..0xdc00).contains(&halves[0]) && self.cursor.begins_with("\\u") {
            self.cursor.skip_many(2);
            halves.push(self.four_digits(at)?);
        }
        let mut found = char::decode_utf16(halves);
        match (found.next(), found.next()) {
            (Some(Ok(one)), None) => Ok(one),
            _ => wrong("an escape is half of a character, without the other half", at),
        }
    }

    fn four_digits(&mut self, at: Mark) -> Result<u16> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.cursor.peek().and_then(|next| next.to_digit(16)) else {
                return wrong("`\\u` takes four hexadecimal digits", at);
            };
            value = value * 16 + digit;
            self.cursor.skip();
        }
        Ok(u16::try_from(value).unwrap_or_default())
    }
}

fn wrong<T>(problem: &'static str, mark: Mark) -> Result<T> {
    Err(Wrong { problem, mark, began: None })
}
