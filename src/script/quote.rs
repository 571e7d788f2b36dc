//! Values on their way through a POSIX shell (S9).

/// One word of a POSIX shell, whatever `text` holds; a NUL cannot stand in one and is the caller's to refuse.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A command line of words.
pub fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn a_shell_gives_back_every_word_as_it_was(texts in prop::collection::vec("[^\0]{0,12}|[$`'\"\\\\;%! \n~*?#&|<>(){}\\[\\]]{0,8}", 1..5)) {
            let script = format!("printf '%s\\0' {}", words(texts.iter().map(String::as_str)));
            let out = Command::new("sh").arg("-c").arg(&script).output().unwrap();
            let seen: Vec<String> =
                String::from_utf8(out.stdout).unwrap().split_terminator('\0').map(str::to_owned).collect();
            prop_assert_eq!(seen, texts);
        }
    }
}
