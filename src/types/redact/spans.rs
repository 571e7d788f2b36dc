//! Parts of a line: joined, replaced, and looked for from left to right.

use std::{iter::Peekable, ops::Range};

/// In order, none of them empty, those that overlap as one.
pub(super) fn joined(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.retain(|range| !range.is_empty());
    found.sort_by_key(|range| (range.start, usize::MAX - range.end));
    let mut whole: Vec<Range<usize>> = Vec::new();
    for range in found {
        match whole.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => whole.push(range),
        }
    }
    whole
}

/// `parts`: in order, and apart from each other.
pub(super) fn replaced(line: &str, parts: &[Range<usize>], by: impl Fn(&str) -> String) -> String {
    let (mut out, mut at) = (String::with_capacity(line.len()), 0);
    for range in parts {
        out += &line[at..range.start];
        out += &by(&line[range.clone()]);
        at = range.end;
    }
    out + &line[at..]
}

/// Places in a line, asked for from left to right: however often that is, the line is looked through once.
pub(super) struct Next<I: Iterator<Item = usize>>(Peekable<I>);

impl<I: Iterator<Item = usize>> Next<I> {
    pub fn of(places: I) -> Self {
        Self(places.peekable())
    }

    /// The first one from here on; `from` never goes back.
    pub fn from(&mut self, from: usize) -> Option<usize> {
        while self.0.next_if(|at| *at < from).is_some() {}
        self.0.peek().copied()
    }
}
