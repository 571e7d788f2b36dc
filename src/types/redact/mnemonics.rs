//! Mnemonics of keys.

use std::ops::Range;

/// So many words of a mnemonic's kind in a row are one.
const WORDS: usize = 12;

/// Runs of lower-case words of three to eight letters, one blank between them: sentences have shorter ones, or signs.
pub(super) fn secrets(line: &str) -> Vec<Range<usize>> {
    let (mut found, mut run, mut count) = (Vec::new(), 0..0, 0);
    let mut word = 0..0;
    for (at, c) in line.char_indices().chain([(line.len(), '.')]) {
        if c.is_ascii_lowercase() {
            let begin = if word.end == at { word.start } else { at };
            word = begin..at + 1;
            continue;
        }
        let fits = word.end == at && (3..=8).contains(&word.len());
        if fits {
            run = if count == 0 { word.start } else { run.start }..at;
            count += 1;
        }
        if !fits || c != ' ' {
            found.extend((count >= WORDS).then(|| run.clone()));
            count = 0;
        }
    }
    found
}
