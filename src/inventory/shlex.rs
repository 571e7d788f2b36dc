//! Words of a line as Python's `shlex` splits them, each with its place: host lines of INI inventories.
//!
//! Quotes are lost, `#` begins a comment even within a word.

/// A word without its quotes, and which characters of the line it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub start: usize,
    pub end: usize,
}

/// The error says what has no end, and where it begins.
pub(super) fn split(line: &str) -> Result<Vec<Word>, (&'static str, usize)> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut chars = line.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        let open = |word: Option<Word>| word.unwrap_or(Word { text: String::new(), start: at, end: at });
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' => break,
            '\\' => {
                let Some((end, next)) = chars.next() else { return Err(("a `\\` stands at the end", at)) };
                let mut open = open(word);
                open.text.push(next);
                word = Some(Word { end: end + 1, ..open });
            }
            '"' | '\'' => {
                let mut open = open(word);
                let mut closed = None;
                while let Some((end, next)) = chars.next() {
                    let escapes = c == '"' && next == '\\';
                    if next == c {
                        closed = Some(end + 1);
                        break;
                    }
                    match chars.peek() {
                        Some((_, after @ ('"' | '\\'))) if escapes => {
                            open.text.push(*after);
                            chars.next();
                        }
                        _ => open.text.push(next),
                    }
                }
                let Some(end) = closed else { return Err(("a quote has no end", at)) };
                word = Some(Word { end, ..open });
            }
            _ => {
                let mut open = open(word);
                open.text.push(c);
                word = Some(Word { end: at + 1, ..open });
            }
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn words_as_shlex_splits_them() {
        let texts = |line: &str| split(line).unwrap().into_iter().map(|word| word.text).collect::<Vec<_>>();
        assert_eq!(texts("a b=1\tc"), ["a", "b=1", "c"]);
        assert_eq!(texts(r#"a x="1 2" y='"' z=a\ b"#), ["a", "x=1 2", "y=\"", "z=a b"]);
        assert_eq!(texts(r#"x="a\"b\\c\d""#), [r#"x=a"b\c\d"#]);
        assert_eq!(texts("a b#c d"), ["a", "b"]);
        assert_eq!(texts("'' a"), ["", "a"]);
        assert_eq!(texts("x='a'\"b\"c"), ["x=abc"]);
        assert_eq!(split("a 'b c'd").unwrap()[1], Word { text: "b cd".to_owned(), start: 2, end: 8 });
        assert_eq!(split("a 'b"), Err(("a quote has no end", 2)));
        assert!(split("a\\").is_err());
    }
}
