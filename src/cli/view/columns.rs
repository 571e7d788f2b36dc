//! How wide our tables and lines become. What hosts and inventories say has any length: a format's width above 65,535
//! panics, one wide text makes every line as long as itself, and sixteen megabytes are no cell of a table.

use std::borrow::Cow;

/// No column is made wider than this for the sake of its widest text, in characters.
const WIDEST: usize = 80;
/// Characters of a cell, or of a value in a line of ours: keys of any kind have fewer.
const LONGEST: usize = 4096;

/// The width of a column of these texts; what is wider pushes the rest of its own line to the right.
pub fn width<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts.into_iter().map(|text| text.chars().count()).max().map_or(0, at_most)
}

/// The same where the width is known.
pub fn at_most(width: usize) -> usize {
    width.min(WIDEST)
}

/// As much of a text as has a place in a line.
pub fn cell(text: &str) -> Cow<'_, str> {
    cut(text, LONGEST)
}

/// The first characters, and a sign that there were more.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    // Only what is too long by its bytes is counted by its characters.
    if text.len() <= most || text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(most.saturating_sub(1)).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_no_text_makes_a_column_wider_than_can_be_read() {
        let long = "ü".repeat(70_000);
        assert_eq!(width([long.as_str(), "a"]), WIDEST);
        assert_eq!((width(["ab", "c"]), width([])), (2, 0));
        let width = width([long.as_str()]);
        assert_eq!(format!("{:width$}|", "a").len(), WIDEST + 1);
        assert_eq!(cell(&long).chars().count(), LONGEST);
        assert!(cell(&long).ends_with('…'));
        assert_eq!((cut("über", 4), cut("übers", 4)), (Cow::Borrowed("über"), Cow::Owned("übe…".into())));
    }
}
