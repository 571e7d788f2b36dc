//! A text, and where in it one is. What ends a line is libyaml's: LF, CR LF, CR, and NEL, LS, PS of Unicode.

/// A place in the text, counted from 0 in characters. A byte order mark at its beginning has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    pub index: usize,
    pub line: usize,
    pub column: usize,
}

pub struct Cursor<'t> {
    rest: &'t str,
    pub mark: Mark,
}

impl<'t> Cursor<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { rest: text, mark: Mark::default() }
    }

    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// The character so many bytes ahead; those before it are ASCII.
    pub fn ahead(&self, bytes: usize) -> Option<char> {
        self.rest.get(bytes..)?.chars().next()
    }

    pub fn is(&self, wanted: char) -> bool {
        self.peek() == Some(wanted)
    }

    pub fn begins_with(&self, wanted: &str) -> bool {
        self.rest.starts_with(wanted)
    }

    /// `---` or `...` at the beginning of a line, alone.
    pub fn is_document(&self, marker: &str) -> bool {
        self.mark.column == 0 && self.begins_with(marker) && is_blank_or_end(self.ahead(3))
    }

    pub fn is_any_document(&self) -> bool {
        self.is_document("---") || self.is_document("...")
    }

    /// One character that ends no line, which is given back.
    pub fn skip(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        self.mark.index += 1;
        self.mark.column += 1;
        Some(next)
    }

    pub fn skip_many(&mut self, count: usize) {
        for _ in 0..count {
            self.skip();
        }
    }

    pub fn skip_while(&mut self, is_one: impl Fn(Option<char>) -> bool) {
        while self.peek().is_some_and(|next| is_one(Some(next))) {
            self.skip();
        }
    }

    /// One character that ends no line, to the text.
    pub fn read(&mut self, text: &mut String) {
        text.extend(self.skip());
    }

    /// The end of a line, as it counts in texts: LS and PS are kept, the others are LF. At the end of the text there is none.
    pub fn skip_break(&mut self) -> Option<char> {
        let next = self.peek().filter(|next| is_break(Some(*next)))?;
        let length = if self.begins_with("\r\n") { 2 } else { next.len_utf8() };
        self.mark.index += if length == 2 && next == '\r' { 2 } else { 1 };
        self.mark.line += 1;
        self.mark.column = 0;
        self.rest = &self.rest[length..];
        Some(if matches!(next, '\u{2028}' | '\u{2029}') { next } else { '\n' })
    }

    pub fn read_break(&mut self, text: &mut String) {
        text.extend(self.skip_break());
    }

    /// A comment, up to the end of its line.
    pub fn skip_comment(&mut self) {
        if self.is('#') {
            self.skip_while(|next| !is_break(next));
        }
    }
}

pub(super) fn is_blank(next: Option<char>) -> bool {
    matches!(next, Some(' ' | '\t'))
}

pub fn is_break(next: Option<char>) -> bool {
    matches!(next, Some('\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'))
}

pub(super) fn is_break_or_end(next: Option<char>) -> bool {
    next.is_none() || is_break(next)
}

pub(super) fn is_blank_or_end(next: Option<char>) -> bool {
    is_blank(next) || is_break_or_end(next)
}

/// A character of anchors, tag handles and directives.
pub(super) fn is_word(next: Option<char>) -> bool {
    next.is_some_and(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | '-'))
}

/// What libyaml reads at all, wherever it is.
pub(super) fn is_allowed(one: char) -> bool {
    matches!(one, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}
