//! A text to tokens. What may be a key is not known before its colon: the tokens for it are put in later, before others that
//! wait.

use std::collections::VecDeque;

use super::cursor::{Cursor, is_allowed, is_blank_or_end};
use super::{Mark, Result, Span, Token, wrong};

/// A key on one line has no more characters than these before its colon.
const MAX_KEY: usize = 1024;

pub(super) struct Scanner<'t> {
    pub cursor: Cursor<'t>,
    tokens: VecDeque<(Token, Span)>,
    /// Tokens that the parser has taken.
    taken: usize,
    /// Levels of brackets.
    pub flow: usize,
    /// Columns of the block collections around.
    indents: Vec<Option<usize>>,
    pub indent: Option<usize>,
    /// What may turn out to be a key, one for each level of brackets.
    keys: Vec<Option<Candidate>>,
    pub key_allowed: bool,
}

#[derive(Clone, Copy)]
struct Candidate {
    /// Nothing else can begin here.
    required: bool,
    number: usize,
    mark: Mark,
}

impl<'t> Scanner<'t> {
    pub fn new(text: &'t str) -> Result<Self> {
        let mut cursor = Cursor::new(text.strip_prefix('\u{feff}').unwrap_or(text));
        while let Some(next) = cursor.peek() {
            if !is_allowed(next) {
                return wrong("control characters are not allowed", cursor.mark, None);
            }
            let _ = cursor.skip_break().or_else(|| cursor.skip());
        }
        Ok(Self {
            cursor: Cursor::new(text.strip_prefix('\u{feff}').unwrap_or(text)),
            tokens: VecDeque::new(),
            taken: 0,
            flow: 0,
            indents: Vec::new(),
            indent: None,
            keys: vec![None],
            key_allowed: true,
        })
    }

    /// The next token, which stays.
    pub fn peek(&mut self) -> Result<&(Token, Span)> {
        while self.needs_more()? {
            self.fetch()?;
        }
        // There is one: only the end of the stream adds none, and it is never taken.
        Ok(self.tokens.front().unwrap_or(&END))
    }

    /// The next token, taken. The end of the stream stays.
    pub fn take(&mut self) -> Result<(Token, Span)> {
        if self.peek()?.0 == Token::StreamEnd {
            return self.peek().cloned();
        }
        self.taken += 1;
        Ok(self.tokens.pop_front().unwrap_or(END))
    }

    fn needs_more(&mut self) -> Result<bool> {
        if self.tokens.is_empty() {
            return Ok(true);
        }
        self.drop_stale_keys()?;
        Ok(self.keys.iter().flatten().any(|key| key.number == self.taken))
    }

    fn fetch(&mut self) -> Result<()> {
        self.skip_to_token();
        self.drop_stale_keys()?;
        self.unroll(Some(self.cursor.mark.column));
        let Some(next) = self.cursor.peek() else { return self.end_of_stream() };
        if self.cursor.mark.column == 0 && next == '%' {
            self.end_blocks()?;
            let token = self.directive()?;
            self.tokens.push_back(token);
            return Ok(());
        }
        for (marker, token) in [("---", Token::DocumentStart), ("...", Token::DocumentEnd)] {
            if self.cursor.is_document(marker) {
                self.end_blocks()?;
                self.indicator(token, 3);
                return Ok(());
            }
        }
        self.fetch_by(next)
    }

    /// What begins with this character.
    fn fetch_by(&mut self, next: char) -> Result<()> {
        let alone = is_blank_or_end(self.cursor.ahead(1));
        let in_flow = self.flow > 0;
        match next {
            '[' => self.flow_start(Token::FlowSequenceStart),
            '{' => self.flow_start(Token::FlowMappingStart),
            ']' => self.flow_end(Token::FlowSequenceEnd),
            '}' => self.flow_end(Token::FlowMappingEnd),
            ',' => {
                self.forget_key()?;
                self.key_allowed = true;
                self.indicator(Token::FlowEntry, 1);
                Ok(())
            }
            '-' if alone => self.entry(),
            '?' if in_flow || alone => self.key(),
            ':' if in_flow || alone => self.value(),
            '|' | '>' if !in_flow => {
                self.forget_key()?;
                self.key_allowed = true;
                let token = self.block_scalar(next == '|')?;
                self.tokens.push_back(token);
                Ok(())
            }
            // Blanks, ends of lines and comments were passed over.
            '\t' | '|' | '>' | '%' | '@' | '`' => {
                wrong("found character that cannot start any token", self.cursor.mark, None)
            }
            _ => self.node(next),
        }
    }

    /// What may be a key: an alias, an anchor, a tag or a scalar that is no block.
    fn node(&mut self, next: char) -> Result<()> {
        self.save_key()?;
        self.key_allowed = false;
        let token = match next {
            '*' | '&' => self.anchor()?,
            '!' => self.tag()?,
            '\'' | '"' => self.quoted(next)?,
            _ => self.plain()?,
        };
        self.tokens.push_back(token);
        Ok(())
    }

    fn skip_to_token(&mut self) {
        loop {
            if self.cursor.mark.column == 0 && self.cursor.is('\u{feff}') {
                self.cursor.skip();
            }
            let tabs = self.flow > 0 || !self.key_allowed;
            self.cursor.skip_while(|next| next == Some(' ') || tabs && next == Some('\t'));
            self.cursor.skip_comment();
            if self.cursor.skip_break().is_none() {
                return;
            }
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    /// A token of so many characters.
    fn indicator(&mut self, token: Token, length: usize) {
        let start = self.cursor.mark;
        self.cursor.skip_many(length);
        self.tokens.push_back((token, Span { start, end: self.cursor.mark }));
    }

    fn end_of_stream(&mut self) -> Result<()> {
        if self.cursor.mark.column != 0 {
            self.cursor.mark.column = 0;
            self.cursor.mark.line += 1;
        }
        self.end_blocks()?;
        self.indicator(Token::StreamEnd, 0);
        Ok(())
    }

    /// What ends all blocks around: a document's end, a directive.
    fn end_blocks(&mut self) -> Result<()> {
        self.unroll(None);
        self.forget_key()?;
        self.key_allowed = false;
        Ok(())
    }

    fn flow_start(&mut self, token: Token) -> Result<()> {
        self.save_key()?;
        self.keys.push(None);
        self.flow += 1;
        self.key_allowed = true;
        self.indicator(token, 1);
        Ok(())
    }

    fn flow_end(&mut self, token: Token) -> Result<()> {
        self.forget_key()?;
        if self.flow > 0 {
            self.flow -= 1;
            self.keys.pop();
        }
        self.key_allowed = false;
        self.indicator(token, 1);
        Ok(())
    }

    fn entry(&mut self) -> Result<()> {
        self.block_start(
            Token::BlockSequenceStart,
            "block sequence entries are not allowed in this context",
        )?;
        self.forget_key()?;
        self.key_allowed = true;
        self.indicator(Token::BlockEntry, 1);
        Ok(())
    }

    fn key(&mut self) -> Result<()> {
        self.block_start(Token::BlockMappingStart, "mapping keys are not allowed in this context")?;
        self.forget_key()?;
        self.key_allowed = self.flow == 0;
        self.indicator(Token::Key, 1);
        Ok(())
    }

    fn value(&mut self) -> Result<()> {
        if let Some(key) = self.keys.last_mut().and_then(Option::take) {
            self.put(key.number, Token::Key, key.mark);
            self.roll(key.mark.column, Some(key.number), Token::BlockMappingStart, key.mark);
            self.key_allowed = false;
        } else {
            self.block_start(Token::BlockMappingStart, "mapping values are not allowed in this context")?;
            self.key_allowed = self.flow == 0;
        }
        self.indicator(Token::Value, 1);
        Ok(())
    }

    /// A block collection begins here, where none has in this column.
    fn block_start(&mut self, token: Token, problem: &'static str) -> Result<()> {
        if self.flow == 0 {
            if !self.key_allowed {
                return wrong(problem, self.cursor.mark, None);
            }
            self.roll(self.cursor.mark.column, None, token, self.cursor.mark);
        }
        Ok(())
    }

    fn roll(&mut self, column: usize, number: Option<usize>, token: Token, mark: Mark) {
        if self.flow > 0 || self.indent.is_some_and(|indent| indent >= column) {
            return;
        }
        self.indents.push(self.indent);
        self.indent = Some(column);
        self.put(number.unwrap_or(self.taken + self.tokens.len()), token, mark);
    }

    /// A token without characters, as the so many-th.
    fn put(&mut self, number: usize, token: Token, mark: Mark) {
        let at = number.saturating_sub(self.taken).min(self.tokens.len());
        self.tokens.insert(at, (token, Span { start: mark, end: mark }));
    }

    /// Ends the blocks that are deeper than this column.
    fn unroll(&mut self, column: Option<usize>) {
        while self.flow == 0 && self.indent > column {
            self.indicator(Token::BlockEnd, 0);
            self.indent = self.indents.pop().flatten();
        }
    }

    fn save_key(&mut self) -> Result<()> {
        if self.key_allowed {
            let mark = self.cursor.mark;
            let required = self.flow == 0 && self.indent == Some(mark.column);
            self.forget_key()?;
            if let Some(last) = self.keys.last_mut() {
                *last = Some(Candidate { required, number: self.taken + self.tokens.len(), mark });
            }
        }
        Ok(())
    }

    fn forget_key(&mut self) -> Result<()> {
        match self.keys.last_mut().and_then(Option::take) {
            Some(key) if key.required => no_colon(self.cursor.mark, key.mark),
            _ => Ok(()),
        }
    }

    fn drop_stale_keys(&mut self) -> Result<()> {
        let now = self.cursor.mark;
        for key in &mut self.keys {
            if let Some(old) =
                key.filter(|key| key.mark.line < now.line || key.mark.index + MAX_KEY < now.index)
            {
                if old.required {
                    return no_colon(now, old.mark);
                }
                *key = None;
            }
        }
        Ok(())
    }
}

const END: (Token, Span) = {
    let mark = Mark { index: 0, line: 0, column: 0 };
    (Token::StreamEnd, Span { start: mark, end: mark })
};

fn no_colon(mark: Mark, began: Mark) -> Result<()> {
    wrong("could not find expected ':'", mark, Some(began))
}
