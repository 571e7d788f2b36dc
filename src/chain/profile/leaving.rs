//! What a chain itself has to be told of a validator that leaves it, in words and commands for a person: loomctl sends none of them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Profile;
use crate::chain::placeholders;

/// Commands at the most, and characters of a text.
const MOST: usize = 16;
const LONGEST: usize = 1000;

/// What texts may name: of the validator that leaves, and of the node (`on`) where commands are run, with the address of its
/// RPC there. `key_in_url` is the key as it stands in a query, `key_type` the last part of its type (`ed25519`), `stake` its power
/// times `power_unit`; and the names of `genesis.values`. What is not known stands there in capital letters.
pub const WORDS: &[&str] = &[
    "name",
    "key",
    "key_in_url",
    "key_type",
    "address",
    "power",
    "stake",
    "chain_id",
    "binary",
    "home",
    "on",
    "on_home",
    "rpc",
];

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaving {
    /// How its vote ends, and what there is to wait for.
    pub how: String,
    /// Commands for it, one after another. `{name}`, `{key}`, `{key_in_url}`, `{key_type}`, `{address}`, `{power}`, `{stake}`,
    /// `{chain_id}`, `{binary}` and `{home}` are of the validator; `{on}`, `{on_home}` and `{rpc}` of another node, on whose
    /// host they are run. Names of `genesis.values` stand for these.
    #[serde(default)]
    pub commands: Vec<String>,
}

impl Profile {
    /// The word to point at, and what is wrong there.
    pub(super) fn wrong_leaving(&self) -> Vec<(String, String)> {
        let Some(leaving) = &self.leaving else { return Vec::new() };
        let mut wrong = Vec::new();
        let mut report = |why: String| wrong.push(("leaving".to_owned(), format!("`leaving`: {why}")));
        if leaving.commands.len() > MOST {
            report(format!("{} commands, {MOST} at most", leaving.commands.len()));
        }
        for text in leaving.commands.iter().chain([&leaving.how]) {
            let shown: String = text.chars().take(40).collect();
            if text.is_empty() || text.chars().count() > LONGEST || text.contains(char::is_control) {
                report(format!("{shown:?} has to be one line of 1 to {LONGEST} characters"));
            }
            let is_known = |name: &&str| WORDS.contains(name) || self.genesis.values.contains_key(*name);
            if let Some(unknown) = placeholders::names(text).find(|name| !is_known(name)) {
                report(format!("{shown:?} has {{{unknown}}}; known are {}", WORDS.join(", ")));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    fn with(leaving: &str) -> Result<Profile, String> {
        let yaml = format!("extends: cometbft\nname: mine\nabout: mine\nleaving: {leaving}\n");
        Profile::parse("mine/profile.yaml", &yaml, BTreeMap::new())
            .map_err(|problems| problems.iter().map(|p| p.message.clone()).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_text_names_what_is_known_and_has_an_end() {
        assert!(with("{how: \"wait for {power}\", commands: [\"{\\\"a\\\": {key}}\"]}").is_ok());
        assert!(with("null").unwrap().leaving.is_none());
        assert!(with("{how: \"{pubkey}\"}").unwrap_err().contains("has {pubkey}; known are name, key,"));
        assert!(with("{how: \"\"}").unwrap_err().contains("one line of 1 to 1000"));
        assert!(with("{how: h, commands: [\"a\\nb\"]}").unwrap_err().contains("one line"));
        assert!(with(&format!("{{how: {}}}", "x".repeat(1001))).unwrap_err().contains("1000 characters"));
        let many = vec!["c"; 17].join(", ");
        assert!(with(&format!("{{how: h, commands: [{many}]}}")).unwrap_err().contains("17 commands"));
    }

    #[test]
    fn every_chain_says_how_its_validators_leave() {
        for name in super::super::builtin_names() {
            assert!(Profile::builtin(name).unwrap().leaving.is_some(), "{name}");
        }
    }
}
