//! Texts that were encrypted, line by line: whatever they have become part of, they are not shown.

use std::{
    collections::BTreeSet,
    ops::{Bound, Range},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    VAULT,
    spans::{joined, replaced},
};

/// Shorter ones would hide half of what is said, and nobody could guess less.
const SHORTEST: usize = 4;

static LEARNT: RwLock<Learnt> = RwLock::new(Learnt { lines: BTreeSet::new(), begins: [false; 256] });

/// Bytes, since what two lines have in common may end within a character.
struct Learnt {
    lines: BTreeSet<Vec<u8>>,
    /// By first byte: whether any line begins with it.
    begins: [bool; 256],
}

/// Whether the user wants to see it all.
static REVEALED: AtomicBool = AtomicBool::new(false);

/// From here on what was encrypted is shown, in a command that the user has asked for it and that does nothing else.
pub fn reveal() {
    REVEALED.store(true, Ordering::Relaxed);
}

/// Remembers a text that was encrypted.
pub fn learn(text: &str) {
    if REVEALED.load(Ordering::Relaxed) {
        return;
    }
    let mut learnt = LEARNT.write().unwrap_or_else(PoisonError::into_inner);
    for line in text.lines().map(str::trim).filter(|line| line.chars().count() >= SHORTEST) {
        learnt.begins[usize::from(line.as_bytes()[0])] = true;
        learnt.lines.insert(line.as_bytes().to_vec());
    }
}

/// A text without what was encrypted.
pub fn vaulted(text: &str) -> String {
    replaced(text, &joined(places(text)), |_| VAULT.to_owned())
}

/// Where in a text something stands that was encrypted.
pub(super) fn places(text: &str) -> Vec<Range<usize>> {
    let learnt = LEARNT.read().unwrap_or_else(PoisonError::into_inner);
    if learnt.lines.is_empty() {
        return Vec::new();
    }
    let bytes = text.as_bytes();
    let begins = (0..bytes.len()).filter(|at| learnt.begins[usize::from(bytes[*at])]);
    begins.filter_map(|at| Some(at..at + learnt.longest_in_front(&bytes[at..])?)).collect()
}

impl Learnt {
    /// The length of the longest line that `text` begins with. The nearest that is not behind `text` in order has the most in
    /// common with it, so no other is longer than that: a few looks find it, whatever the number of lines.
    fn longest_in_front(&self, mut text: &[u8]) -> Option<usize> {
        loop {
            let upto = (Bound::Unbounded, Bound::Included(text));
            let near = self.lines.range::<[u8], _>(upto).next_back()?;
            let same = near.iter().zip(text).take_while(|(a, b)| a == b).count();
            if same == near.len() {
                return Some(same);
            }
            if same < SHORTEST {
                return None;
            }
            text = &text[..same];
        }
    }
}
