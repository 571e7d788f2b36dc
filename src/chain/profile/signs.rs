//! What a chain's own program writes into the journal when it cannot go on, and what that means. Signs of systemd, the kernel
//! and the files of a host are in `verify/cause.rs`: they are no chain's.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Profile;

const MOST_SIGNS: usize = 64;
/// Bytes: a shorter text is in lines that mean something else, a longer one in none.
const SHORTEST: usize = 6;
const LONGEST: usize = 200;
/// Characters of what is said about it.
const LONGEST_WORDS: usize = 500;

/// What `help` may name instead of writing it out.
pub const START_OVER: &str = "{start_over}";
pub const COMPARE: &str = "{compare}";

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalSign {
    /// A part of the line, as it is written; small and capital letters are alike.
    pub text: String,
    /// Why the node does not go on.
    pub cause: String,
    /// How to go on. `{start_over}` (throw the chain away before its first block) and `{compare}` (compare the genesis documents)
    /// stand for what loomctl advises then.
    pub help: String,
    /// It says that something is wrong, not why: it counts only where no other sign is.
    #[serde(default)]
    pub vague: bool,
}

impl Profile {
    /// The word to point at, and what is wrong there.
    pub(super) fn wrong_signs(&self) -> Vec<(String, String)> {
        if self.journal_signs.len() > MOST_SIGNS {
            let count = self.journal_signs.len();
            let why = format!("`journal_signs` has {count} entries, {MOST_SIGNS} at most");
            return vec![("journal_signs".to_owned(), why)];
        }
        self.journal_signs.iter().filter_map(|sign| Some((sign.text.clone(), wrong(sign)?))).collect()
    }
}

fn wrong(sign: &JournalSign) -> Option<String> {
    let text = &sign.text;
    let shown: String = text.chars().take(40).collect();
    if !(SHORTEST..=LONGEST).contains(&text.len()) || text.trim() != text {
        return Some(format!(
            "`journal_signs`: the text {shown:?} has to have {SHORTEST} to {LONGEST} bytes, and no blanks around it"
        ));
    }
    let words = [text, &sign.cause, &sign.help];
    if words.iter().any(|words| words.contains(char::is_control)) {
        return Some(format!("`journal_signs`: {shown:?} is one line each: text, cause and help"));
    }
    if words.iter().any(|words| words.is_empty() || words.chars().count() > LONGEST_WORDS) {
        return Some(format!(
            "`journal_signs`: {shown:?} needs a cause and a help of {LONGEST_WORDS} characters at most"
        ));
    }
    let unknown = crate::chain::placeholders::names(&sign.help)
        .find(|name| ![START_OVER, COMPARE].iter().any(|known| known.trim_matches(['{', '}']) == *name))?;
    Some(format!(
        "`journal_signs`: the help of {shown:?} has {{{unknown}}}; known are {START_OVER} and {COMPARE}"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    fn with(signs: &str) -> Result<Profile, String> {
        let yaml = format!("extends: cometbft\nname: mine\nabout: mine\njournal_signs: {signs}\n");
        Profile::parse("mine/profile.yaml", &yaml, BTreeMap::new())
            .map_err(|problems| problems.iter().map(|p| p.message.clone()).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn signs_are_the_profiles_own_or_the_bases() {
        let base = Profile::builtin("cometbft").unwrap().journal_signs;
        for chain in ["cosmos", "tendermint", "cometbft-app"] {
            assert_eq!(Profile::builtin(chain).unwrap().journal_signs, base, "{chain}");
        }
        let mine = with("[{text: \"vault is sealed\", cause: the vault is sealed, help: open it}]").unwrap();
        assert_eq!(mine.journal_signs.len(), 1);
        assert!(!mine.journal_signs[0].vague && with("[]").unwrap().journal_signs.is_empty());
    }

    #[test]
    fn p7_signs_that_fit_anything_or_have_no_end_are_refused() {
        let one = |text: &str, help: &str| {
            with(&format!("[{{text: {text:?}, cause: c, help: {help:?}}}]")).err().unwrap_or_default()
        };
        assert_eq!(one("sealed vault", "{start_over}"), "");
        assert!(one("a", "h").contains("6 to 200 bytes") && one(&"x".repeat(201), "h").contains("200 bytes"));
        assert!(
            one("  sealed", "h").contains("no blanks") && one("sealed\nvault", "h").contains("one line each")
        );
        assert!(one("sealed vault", "").contains("needs a cause and a help"));
        assert!(one("sealed vault", &"x".repeat(501)).contains("500 characters"));
        assert!(
            one("sealed vault", "{begin_again}")
                .contains("has {begin_again}; known are {start_over} and {compare}")
        );
        let many: Vec<String> = (0..65).map(|n| format!("{{text: sign-{n}-x, cause: c, help: h}}")).collect();
        assert!(with(&format!("[{}]", many.join(", "))).unwrap_err().contains("65 entries, 64 at most"));
        assert!(
            with("[{text: sealed vault, cause: c, hepl: h}]").unwrap_err().contains("unknown key `hepl`")
        );
    }
}
