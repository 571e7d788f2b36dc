//! `{word}` in a profile's arguments: replaced once, whatever the replacement holds.

/// The words of a text: small letters and underscores in braces. Other braces are what they are.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(Result::ok)
}

/// The text with every word replaced; `None` where one of them stands for nothing.
pub fn filled(text: &str, of: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut filled = String::with_capacity(text.len());
    for part in parts(text) {
        match part {
            Ok(word) => filled += &of(word)?,
            Err(plain) => filled += plain,
        }
    }
    Some(filled)
}

/// Words, and as errors the text between them.
fn parts(text: &str) -> impl Iterator<Item = Result<&str, &str>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = rest.match_indices('{').find_map(|(at, _)| Some((at, word_at(&rest[at..])?)));
        let (part, used) = match next {
            Some((0, word)) => (Ok(word), word.len() + 2),
            Some((at, _)) => (Err(&rest[..at]), at),
            None => (Err(rest), rest.len()),
        };
        rest = &rest[used..];
        Some(part)
    })
}

fn word_at(text: &str) -> Option<&str> {
    let (word, _) = text.strip_prefix('{')?.split_once('}')?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (!word.is_empty() && word.bytes().all(fits)).then_some(word)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_are_replaced_once_and_other_braces_stay() {
        let of = |word: &str| match word {
            "a" => Some("{b}".to_owned()),
            "b" => Some("2".to_owned()),
            _ => None,
        };
        assert_eq!(filled("x{a}{b}{}{\"k\":1}{ü}{", of).unwrap(), "x{b}2{}{\"k\":1}{ü}{");
        assert_eq!(filled("{a}{c}", of), None);
        assert_eq!(names("{a}-{b_c}{D}").collect::<Vec<_>>(), ["a", "b_c"]);
    }
}
