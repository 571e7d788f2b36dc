//! Texts: plain ones, those in quotes, and blocks.

use super::cursor::{is_blank, is_blank_or_end, is_break, is_break_or_end};
use super::scanner::Scanner;
use super::{Mark, Result, Span, Style, Token, wrong};

/// What is between two words of a text.
#[derive(Default)]
struct Gap {
    blanks: String,
    /// The first line's end, and those after it.
    first: String,
    more: String,
    over_lines: bool,
}

impl Gap {
    /// One end of a line is a blank, of several all but the first stay.
    fn fold_into(self, text: &mut String) {
        if !self.over_lines {
            *text += &self.blanks;
        } else if !self.first.starts_with('\n') {
            *text += &self.first;
            *text += &self.more;
        } else if self.more.is_empty() {
            text.push(' ');
        } else {
            *text += &self.more;
        }
    }
}

/// How a block text ends.
#[derive(PartialEq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

/// A block text being read.
struct Block {
    start: Mark,
    /// Where its last line ended.
    end: Mark,
    indent: usize,
    /// Empty lines that wait for what comes after them.
    breaks: String,
}

impl Scanner<'_> {
    fn scalar(&self, text: String, style: Style, start: Mark) -> (Token, Span) {
        (Token::Scalar { text, style }, Span { start, end: self.cursor.mark })
    }

    pub(super) fn quoted(&mut self, quote: char) -> Result<(Token, Span)> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let mut text = String::new();
        loop {
            if self.cursor.is_any_document() {
                return wrong("found unexpected document indicator", self.cursor.mark, Some(start));
            }
            if self.cursor.peek().is_none() {
                return wrong("found unexpected end of stream", self.cursor.mark, Some(start));
            }
            let over_lines = self.quoted_word(quote, &mut text, start)?;
            if self.cursor.is(quote) {
                self.cursor.skip();
                return Ok(self.scalar(text, Style::Quoted, start));
            }
            self.gap(Gap { over_lines, ..Gap::default() }).fold_into(&mut text);
        }
    }

    /// Up to a blank, a line's end or the closing quote; whether it ended with an escaped line's end.
    fn quoted_word(&mut self, quote: char, text: &mut String, start: Mark) -> Result<bool> {
        while !is_blank_or_end(self.cursor.peek()) {
            if quote == '\'' && self.cursor.begins_with("''") {
                text.push('\'');
                self.cursor.skip_many(2);
            } else if self.cursor.is(quote) {
                break;
            } else if quote == '"' && self.cursor.is('\\') {
                if is_break(self.cursor.ahead(1)) {
                    self.cursor.skip();
                    self.cursor.skip_break();
                    return Ok(true);
                }
                text.push(self.escape(start)?);
            } else {
                self.cursor.read(text);
            }
        }
        Ok(false)
    }

    /// The character that an escape in double quotes stands for.
    fn escape(&mut self, start: Mark) -> Result<char> {
        let (length, plain) = match self.cursor.ahead(1) {
            Some('0') => (0, '\0'),
            Some('a') => (0, '\u{7}'),
            Some('b') => (0, '\u{8}'),
            Some('t' | '\t') => (0, '\t'),
            Some('n') => (0, '\n'),
            Some('v') => (0, '\u{b}'),
            Some('f') => (0, '\u{c}'),
            Some('r') => (0, '\r'),
            Some('e') => (0, '\u{1b}'),
            Some('N') => (0, '\u{85}'),
            Some('_') => (0, '\u{a0}'),
            Some('L') => (0, '\u{2028}'),
            Some('P') => (0, '\u{2029}'),
            Some(itself @ (' ' | '"' | '/' | '\\')) => (0, itself),
            Some('x') => (2, ' '),
            Some('u') => (4, ' '),
            Some('U') => (8, ' '),
            _ => return wrong("found unknown escape character", self.cursor.mark, Some(start)),
        };
        self.cursor.skip_many(2);
        let mut value = 0;
        for at in 0..length {
            let Some(digit) = self.cursor.ahead(at).and_then(|next| next.to_digit(16)) else {
                return wrong("did not find expected hexadecimal number", self.cursor.mark, Some(start));
            };
            value = value * 16 + digit;
        }
        let Some(found) = (if length == 0 { Some(plain) } else { char::from_u32(value) }) else {
            return wrong("found invalid Unicode character escape code", self.cursor.mark, Some(start));
        };
        self.cursor.skip_many(length);
        Ok(found)
    }

    /// Blanks and ends of lines.
    fn gap(&mut self, mut gap: Gap) -> Gap {
        loop {
            let next = self.cursor.peek();
            if is_blank(next) {
                if gap.over_lines {
                    self.cursor.skip();
                } else {
                    self.cursor.read(&mut gap.blanks);
                }
            } else if is_break(next) {
                self.cursor.read_break(if gap.over_lines { &mut gap.more } else { &mut gap.first });
                gap.over_lines = true;
            } else {
                return gap;
            }
        }
    }

    pub(super) fn plain(&mut self) -> Result<(Token, Span)> {
        let indent = self.indent.map_or(0, |indent| indent + 1);
        let start = self.cursor.mark;
        let mut end = start;
        let (mut text, mut gap) = (String::new(), Gap::default());
        while !self.cursor.is_any_document() && !self.cursor.is('#') {
            let before = text.len();
            self.plain_word(&mut text, &mut gap, start)?;
            if text.len() > before {
                end = self.cursor.mark;
            }
            if !is_blank(self.cursor.peek()) && !is_break(self.cursor.peek()) {
                break;
            }
            gap = self.plain_gap(gap, indent, start)?;
            if self.flow == 0 && self.cursor.mark.column < indent {
                break;
            }
        }
        if gap.over_lines {
            self.key_allowed = true;
        }
        Ok((Token::Scalar { text, style: Style::Plain }, Span { start, end }))
    }

    /// Up to what ends a plain text; what was before it is taken into it with the first character.
    fn plain_word(&mut self, text: &mut String, gap: &mut Gap, start: Mark) -> Result<()> {
        while let Some(next) = self.cursor.peek().filter(|next| !is_blank_or_end(Some(*next))) {
            let after = self.cursor.ahead(1);
            let in_flow = self.flow > 0;
            if in_flow && next == ':' && matches!(after, Some(',' | '?' | '[' | ']' | '{' | '}')) {
                return wrong("found unexpected ':'", self.cursor.mark, Some(start));
            }
            if next == ':' && is_blank_or_end(after) || in_flow && matches!(next, ',' | '[' | ']' | '{' | '}')
            {
                break;
            }
            std::mem::take(gap).fold_into(text);
            self.cursor.read(text);
        }
        Ok(())
    }

    fn plain_gap(&mut self, gap: Gap, indent: usize, start: Mark) -> Result<Gap> {
        let mut gap = gap;
        while is_blank(self.cursor.peek()) || is_break(self.cursor.peek()) {
            if gap.over_lines && self.cursor.mark.column < indent && self.cursor.is('\t') {
                return wrong(TAB_IN_INDENT, self.cursor.mark, Some(start));
            }
            gap = self.one_of_gap(gap);
        }
        Ok(gap)
    }

    fn one_of_gap(&mut self, mut gap: Gap) -> Gap {
        if is_break(self.cursor.peek()) {
            if !gap.over_lines {
                gap.blanks.clear();
            }
            self.cursor.read_break(if gap.over_lines { &mut gap.more } else { &mut gap.first });
            gap.over_lines = true;
        } else if gap.over_lines {
            self.cursor.skip();
        } else {
            self.cursor.read(&mut gap.blanks);
        }
        gap
    }

    pub(super) fn block_scalar(&mut self, literal: bool) -> Result<(Token, Span)> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let (chomping, increment) = self.block_header(start)?;
        self.cursor.skip_break();
        let end = self.cursor.mark;
        let indent = increment.map_or(0, |increment| self.indent.unwrap_or(0) + increment);
        let mut block = Block { start, end, indent, breaks: String::new() };
        self.block_breaks(&mut block)?;
        let mut text = String::new();
        let mut line_end = String::new();
        let mut was_blank = false;
        while self.cursor.mark.column == block.indent && self.cursor.peek().is_some() {
            let blank = is_blank(self.cursor.peek());
            if !literal && line_end.starts_with('\n') && !was_blank && !blank {
                if block.breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text += &line_end;
            }
            line_end.clear();
            text += &std::mem::take(&mut block.breaks);
            was_blank = blank;
            while !is_break_or_end(self.cursor.peek()) {
                self.cursor.read(&mut text);
            }
            // At the end of the text there is none, and so the value has none.
            self.cursor.read_break(&mut line_end);
            self.block_breaks(&mut block)?;
        }
        if chomping != Chomping::Strip {
            text += &line_end;
        }
        if chomping == Chomping::Keep {
            text += &block.breaks;
        }
        Ok((Token::Scalar { text, style: Style::Block }, Span { start, end: block.end }))
    }

    /// Indicators, and a comment behind them.
    fn block_header(&mut self, start: Mark) -> Result<(Chomping, Option<usize>)> {
        let mut chomping = self.chomping();
        let mut increment = None;
        if let Some(digit) = self.cursor.peek().and_then(|next| next.to_digit(10)) {
            if digit == 0 {
                return wrong("found an indentation indicator equal to 0", self.cursor.mark, Some(start));
            }
            increment = Some(digit as usize);
            self.cursor.skip();
            chomping = chomping.or_else(|| self.chomping());
        }
        self.cursor.skip_while(is_blank);
        self.cursor.skip_comment();
        if !is_break_or_end(self.cursor.peek()) {
            return wrong("did not find expected comment or line break", self.cursor.mark, Some(start));
        }
        Ok((chomping.unwrap_or(Chomping::Clip), increment))
    }

    fn chomping(&mut self) -> Option<Chomping> {
        let chomping = match self.cursor.peek() {
            Some('+') => Chomping::Keep,
            Some('-') => Chomping::Strip,
            _ => return None,
        };
        self.cursor.skip();
        Some(chomping)
    }

    /// Indentation and empty lines; the first one that is not empty says how deep the text is, where nothing else has.
    fn block_breaks(&mut self, block: &mut Block) -> Result<()> {
        let mut deepest = 0;
        block.end = self.cursor.mark;
        loop {
            let in_indent = |column: usize| block.indent == 0 || column < block.indent;
            while in_indent(self.cursor.mark.column) && self.cursor.is(' ') {
                self.cursor.skip();
            }
            deepest = deepest.max(self.cursor.mark.column);
            if in_indent(self.cursor.mark.column) && self.cursor.is('\t') {
                return wrong(TAB_IN_BLOCK, self.cursor.mark, Some(block.start));
            }
            let Some(line_end) = self.cursor.skip_break() else { break };
            block.breaks.push(line_end);
            block.end = self.cursor.mark;
        }
        if block.indent == 0 {
            block.indent = deepest.max(self.indent.map_or(0, |indent| indent + 1)).max(1);
        }
        Ok(())
    }
}

pub const TAB_IN_INDENT: &str = "found a tab character that violates indentation";
pub const TAB_IN_BLOCK: &str = "found a tab character where an indentation space is expected";
