//! Tokens to events, by libyaml's states.

use super::scanner::Scanner;
use super::{Event, Mark, Named, Result, Span, Style, Token, wrong};

/// Each is compared with all of them.
const MOST_DIRECTIVES: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FirstDocument,
    Document,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequence,
    /// A sequence in the column of the key that it belongs to.
    IndentlessSequence,
    BlockKey,
    BlockValue,
    FlowSequence {
        first: bool,
    },
    /// A single pair within a sequence: `[a: b]`.
    PairKey,
    PairValue,
    PairEnd,
    FlowKey {
        first: bool,
    },
    FlowValue {
        /// Its key had no colon.
        empty: bool,
    },
    End,
}

pub struct Parser<'t> {
    scanner: Scanner<'t>,
    state: State,
    states: Vec<State>,
    /// Where the collections around began.
    marks: Vec<Mark>,
    /// Handle and prefix.
    directives: Vec<(String, String)>,
}

impl<'t> Parser<'t> {
    pub fn new(text: &'t str) -> Result<Self> {
        let scanner = Scanner::new(text)?;
        let (states, marks, directives) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { scanner, state: State::FirstDocument, states, marks, directives })
    }

    pub fn next(&mut self) -> Result<(Event, Span)> {
        match self.state {
            State::FirstDocument => self.document_start(true),
            State::Document => self.document_start(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequence => self.block_sequence(),
            State::IndentlessSequence => self.indentless_sequence(),
            State::BlockKey => self.block_key(),
            State::BlockValue => self.block_value(),
            State::FlowSequence { first } => self.flow_sequence(first),
            State::PairKey => self.pair_key(),
            State::PairValue => self.pair_value(),
            State::PairEnd => self.pair_end(),
            State::FlowKey { first } => self.flow_key(first),
            State::FlowValue { empty } => self.flow_value(empty),
            State::End => Ok((Event::StreamEnd, self.scanner.peek()?.1)),
        }
    }

    fn is_next(&mut self, tokens: &[Token]) -> Result<bool> {
        let next = &self.scanner.peek()?.0;
        Ok(tokens.iter().any(|token| token == next))
    }

    fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    /// A node after which this is to follow.
    fn node_then(&mut self, then: State, block: bool, indentless: bool) -> Result<(Event, Span)> {
        self.states.push(then);
        self.node(block, indentless)
    }

    /// A node of which nothing is written.
    fn empty_then(&mut self, then: State, mark: Mark) -> (Event, Span) {
        self.state = then;
        nothing(Named::default(), Span { start: mark, end: mark })
    }

    /// The end of the collection, whose own token is taken.
    fn collection_end(&mut self) -> Result<(Event, Span)> {
        self.pop();
        self.marks.pop();
        Ok((Event::End, self.scanner.take()?.1))
    }

    /// The collection around has come to something that does not belong into it.
    fn unexpected(&mut self, problem: &'static str) -> Result<(Event, Span)> {
        let began = self.marks.pop();
        wrong(problem, self.scanner.peek()?.1.start, began)
    }

    fn document_start(&mut self, first: bool) -> Result<(Event, Span)> {
        while !first && self.is_next(&[Token::DocumentEnd])? {
            self.scanner.take()?;
        }
        let (next, span) = self.scanner.peek()?;
        let span = *span;
        let is_explicit =
            matches!(next, Token::Version(..) | Token::TagDirective { .. } | Token::DocumentStart);
        if *next == Token::StreamEnd {
            self.state = State::End;
            return Ok((Event::StreamEnd, span));
        }
        self.read_directives()?;
        self.states.push(State::DocumentEnd);
        if first && !is_explicit {
            self.state = State::BlockNode;
            return Ok((Event::DocumentStart, Span { start: span.start, end: span.start }));
        }
        let (next, last) = self.scanner.peek()?;
        if *next != Token::DocumentStart {
            return wrong("did not find expected <document start>", last.start, None);
        }
        let end = last.end;
        self.state = State::DocumentContent;
        self.scanner.take()?;
        Ok((Event::DocumentStart, Span { start: span.start, end }))
    }

    fn read_directives(&mut self) -> Result<()> {
        let mut has_version = false;
        loop {
            let (next, span) = self.scanner.peek()?.clone();
            match next {
                Token::Version(..) if has_version => {
                    return wrong("found duplicate %YAML directive", span.start, None);
                }
                Token::Version(1, 1 | 2) => has_version = true,
                Token::Version(..) => return wrong("found incompatible YAML document", span.start, None),
                Token::TagDirective { handle, prefix } => {
                    if self.directives.iter().any(|(known, _)| *known == handle) {
                        return wrong("found duplicate %TAG directive", span.start, None);
                    }
                    if self.directives.len() == MOST_DIRECTIVES {
                        return wrong("found more %TAG directives than anybody writes", span.start, None);
                    }
                    self.directives.push((handle, prefix));
                }
                _ => break,
            }
            self.scanner.take()?;
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if !self.directives.iter().any(|(known, _)| known == handle) {
                self.directives.push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    fn document_content(&mut self) -> Result<(Event, Span)> {
        let (next, span) = self.scanner.peek()?;
        let is_empty = matches!(
            next,
            Token::Version(..)
                | Token::TagDirective { .. }
                | Token::DocumentStart
                | Token::DocumentEnd
                | Token::StreamEnd
        );
        let mark = span.start;
        if !is_empty {
            return self.node(true, false);
        }
        self.pop();
        Ok(nothing(Named::default(), Span { start: mark, end: mark }))
    }

    fn document_end(&mut self) -> Result<(Event, Span)> {
        let mut span = self.scanner.peek()?.1;
        if self.is_next(&[Token::DocumentEnd])? {
            self.scanner.take()?;
        } else {
            span.end = span.start;
        }
        self.directives.clear();
        self.state = State::Document;
        Ok((Event::DocumentEnd, span))
    }

    fn node(&mut self, block: bool, indentless: bool) -> Result<(Event, Span)> {
        if matches!(self.scanner.peek()?.0, Token::Alias(_)) {
            return self.alias_or_scalar(Named::default(), None);
        }
        let (name, span) = self.properties()?;
        let (next, of_next) = self.scanner.peek()?;
        let whole = Span { start: span.start, end: of_next.end };
        let (state, event): (State, fn(Named) -> Event) = match next {
            Token::BlockEntry if indentless => {
                self.state = State::IndentlessSequence;
                return Ok((Event::SequenceStart(name), whole));
            }
            Token::Scalar { .. } => return self.alias_or_scalar(name, Some(whole)),
            Token::FlowSequenceStart => (State::FlowSequence { first: true }, Event::SequenceStart),
            Token::FlowMappingStart => (State::FlowKey { first: true }, Event::MappingStart),
            Token::BlockSequenceStart if block => (State::BlockSequence, Event::SequenceStart),
            Token::BlockMappingStart if block => (State::BlockKey, Event::MappingStart),
            _ if name == Named::default() => {
                return wrong("did not find expected node content", of_next.start, None);
            }
            _ => {
                self.pop();
                return Ok(nothing(name, span));
            }
        };
        self.marks.push(of_next.start);
        self.scanner.take()?;
        self.state = state;
        Ok((event(name), whole))
    }

    /// A node that is one token.
    fn alias_or_scalar(&mut self, name: Named, whole: Option<Span>) -> Result<(Event, Span)> {
        self.pop();
        let (token, span) = self.scanner.take()?;
        let event = match token {
            Token::Alias(name) => Event::Alias(name),
            Token::Scalar { text, style } => Event::Scalar { name, text, style },
            _ => return wrong("did not find expected node content", span.start, None),
        };
        Ok((event, whole.unwrap_or(span)))
    }

    /// Anchor and tag, in either order.
    fn properties(&mut self) -> Result<(Named, Span)> {
        let start = self.scanner.peek()?.1.start;
        let mut span = Span { start, end: start };
        let (mut anchor, mut tag) = (None, None);
        loop {
            let (next, of_next) = self.scanner.peek()?.clone();
            match next {
                Token::Anchor(name) if anchor.is_none() => anchor = Some(name),
                Token::Tag { handle, suffix } if tag.is_none() => tag = Some((handle, suffix, of_next.start)),
                _ => break,
            }
            span.end = of_next.end;
            self.scanner.take()?;
        }
        let tag = match tag {
            None => None,
            Some((handle, suffix, _)) if handle.is_empty() => Some(suffix),
            Some((handle, suffix, mark)) => {
                match self.directives.iter().find(|(known, _)| *known == handle) {
                    Some((_, prefix)) => Some(format!("{prefix}{suffix}")),
                    None => return wrong("found undefined tag handle", mark, Some(start)),
                }
            }
        };
        Ok((Named { anchor, tag }, span))
    }

    fn block_sequence(&mut self) -> Result<(Event, Span)> {
        if self.is_next(&[Token::BlockEntry])? {
            let mark = self.scanner.take()?.1.end;
            if self.is_next(&[Token::BlockEntry, Token::BlockEnd])? {
                return Ok(self.empty_then(State::BlockSequence, mark));
            }
            return self.node_then(State::BlockSequence, true, false);
        }
        if self.is_next(&[Token::BlockEnd])? {
            return self.collection_end();
        }
        self.unexpected("did not find expected '-' indicator")
    }

    fn indentless_sequence(&mut self) -> Result<(Event, Span)> {
        if !self.is_next(&[Token::BlockEntry])? {
            self.pop();
            let mark = self.scanner.peek()?.1.start;
            return Ok((Event::End, Span { start: mark, end: mark }));
        }
        let mark = self.scanner.take()?.1.end;
        if self.is_next(&[Token::BlockEntry, Token::Key, Token::Value, Token::BlockEnd])? {
            return Ok(self.empty_then(State::IndentlessSequence, mark));
        }
        self.node_then(State::IndentlessSequence, true, false)
    }

    fn block_key(&mut self) -> Result<(Event, Span)> {
        if self.is_next(&[Token::Key])? {
            let mark = self.scanner.take()?.1.end;
            if self.is_next(&[Token::Key, Token::Value, Token::BlockEnd])? {
                return Ok(self.empty_then(State::BlockValue, mark));
            }
            return self.node_then(State::BlockValue, true, true);
        }
        if self.is_next(&[Token::BlockEnd])? {
            return self.collection_end();
        }
        self.unexpected("did not find expected key")
    }

    fn block_value(&mut self) -> Result<(Event, Span)> {
        if !self.is_next(&[Token::Value])? {
            let mark = self.scanner.peek()?.1.start;
            return Ok(self.empty_then(State::BlockKey, mark));
        }
        let mark = self.scanner.take()?.1.end;
        if self.is_next(&[Token::Key, Token::Value, Token::BlockEnd])? {
            return Ok(self.empty_then(State::BlockKey, mark));
        }
        self.node_then(State::BlockKey, true, true)
    }

    fn flow_sequence(&mut self, first: bool) -> Result<(Event, Span)> {
        if !first && !self.is_next(&[Token::FlowSequenceEnd])? {
            if !self.is_next(&[Token::FlowEntry])? {
                return self.unexpected("did not find expected ',' or ']'");
            }
            self.scanner.take()?;
        }
        if self.is_next(&[Token::Key])? {
            self.state = State::PairKey;
            let span = self.scanner.take()?.1;
            return Ok((Event::MappingStart(Named::default()), span));
        }
        if self.is_next(&[Token::FlowSequenceEnd])? {
            return self.collection_end();
        }
        self.node_then(State::FlowSequence { first: false }, false, false)
    }

    fn pair_key(&mut self) -> Result<(Event, Span)> {
        if self.is_next(&[Token::Value, Token::FlowEntry, Token::FlowSequenceEnd])? {
            // libyaml passes over what comes next, whatever it is.
            let mark = self.scanner.take()?.1.end;
            return Ok(self.empty_then(State::PairValue, mark));
        }
        self.node_then(State::PairValue, false, false)
    }

    fn pair_value(&mut self) -> Result<(Event, Span)> {
        if self.is_next(&[Token::Value])? {
            self.scanner.take()?;
            if !self.is_next(&[Token::FlowEntry, Token::FlowSequenceEnd])? {
                return self.node_then(State::PairEnd, false, false);
            }
        }
        let mark = self.scanner.peek()?.1.start;
        Ok(self.empty_then(State::PairEnd, mark))
    }

    fn pair_end(&mut self) -> Result<(Event, Span)> {
        self.state = State::FlowSequence { first: false };
        let mark = self.scanner.peek()?.1.start;
        Ok((Event::End, Span { start: mark, end: mark }))
    }

    fn flow_key(&mut self, first: bool) -> Result<(Event, Span)> {
        if !first && !self.is_next(&[Token::FlowMappingEnd])? {
            if !self.is_next(&[Token::FlowEntry])? {
                return self.unexpected("did not find expected ',' or '}'");
            }
            self.scanner.take()?;
        }
        if self.is_next(&[Token::Key])? {
            self.scanner.take()?;
            if !self.is_next(&[Token::Value, Token::FlowEntry, Token::FlowMappingEnd])? {
                return self.node_then(State::FlowValue { empty: false }, false, false);
            }
            let mark = self.scanner.peek()?.1.start;
            return Ok(self.empty_then(State::FlowValue { empty: false }, mark));
        }
        if self.is_next(&[Token::FlowMappingEnd])? {
            return self.collection_end();
        }
        self.node_then(State::FlowValue { empty: true }, false, false)
    }

    fn flow_value(&mut self, empty: bool) -> Result<(Event, Span)> {
        if !empty && self.is_next(&[Token::Value])? {
            self.scanner.take()?;
            if !self.is_next(&[Token::FlowEntry, Token::FlowMappingEnd])? {
                return self.node_then(State::FlowKey { first: false }, false, false);
            }
        }
        let mark = self.scanner.peek()?.1.start;
        Ok(self.empty_then(State::FlowKey { first: false }, mark))
    }
}

fn nothing(name: Named, span: Span) -> (Event, Span) {
    (Event::Scalar { name, text: String::new(), style: Style::Plain }, span)
}
