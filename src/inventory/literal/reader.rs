//! The syntax of a literal.

use super::{Python, numbers};

/// Python's own limit for brackets within brackets.
const MAX_BRACKETS: usize = 200;

pub(super) struct Reader<'t> {
    pub(super) rest: &'t str,
    brackets: usize,
}

impl<'t> Reader<'t> {
    pub fn of(text: &'t str) -> Self {
        Self { rest: text.trim_start_matches([' ', '\t']), brackets: 0 }
    }

    /// One expression, or several with commas: a tuple.
    pub fn whole(&mut self) -> Option<Python> {
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
        numbers::number(word)
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
}
