//! `genesis: {how: tool}`: the chain's own commands that make the genesis, on which hosts, from what.
//!
//! Each step runs in an empty folder of its own, as the node's user, never in the node's folder.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{GenesisHow, HomePath, Profile};
use crate::chain::placeholders::names;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolStep {
    /// Its result goes by this name.
    pub name: String,
    pub on: ToolOn,
    /// Files and folders of the node that it reads where they are: keys.
    #[serde(default)]
    pub links: Vec<HomePath>,
    /// Files that it finds there: path → the name of a document as init made it, with the inventory's `genesis:` set in it,
    /// or of an earlier step's result. With `{number}` in the path: one of every validator, in their order.
    #[serde(default)]
    pub puts: BTreeMap<HomePath, String>,
    pub run: Vec<ToolRun>,
    /// The public text that it has made, which is kept, and is all that leaves the host.
    pub gives: HomePath,
    /// What goes into the node's folder: keys. A step that leaves something is never run again.
    #[serde(default)]
    pub leaves: Vec<HomePath>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ToolOn {
    EachValidator,
    /// In inventory order.
    FirstValidator,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolRun {
    /// Arguments after the binary. `{home}` is the step's own folder; `{name}`, `{chain_id}`, `{address}` (where peers reach
    /// it), `{stake}` (its power, times `power_unit`), `genesis.values` and results of earlier steps are the validator's.
    pub argv: Vec<String>,
    /// Once for every validator, with the words of that one.
    #[serde(default)]
    pub for_each_validator: bool,
    /// Where its standard output goes.
    #[serde(default)]
    pub out: Option<HomePath>,
    /// What it prints may be a secret: nobody ever sees it, whatever becomes of it.
    #[serde(default)]
    pub secret: bool,
}

/// Words that a step's arguments may hold beside values and results.
const WORDS: [&str; 5] = ["home", "name", "chain_id", "address", "stake"];
/// Those that are known before init.
const INIT_WORDS: [&str; 3] = ["home", "name", "chain_id"];

/// What does not fit: the word of the text to point at, and why.
pub(super) fn wrong(profile: &Profile) -> Vec<(String, String)> {
    let genesis = &profile.genesis;
    let mut problems = Vec::new();
    let mut report = |word: &str, message: String| problems.push((word.to_owned(), message));
    if (genesis.how == GenesisHow::Tool) == genesis.steps.is_empty() {
        report("genesis", "`genesis.steps` belong to `how: tool`, and it needs them".to_owned());
    }
    if genesis.how == GenesisHow::Tool && profile.documents.len() != 1 {
        report(
            "documents",
            "with `how: tool` there is one genesis document: what the last step gives".into(),
        );
    }
    if genesis.steps.last().is_some_and(|step| step.on != ToolOn::FirstValidator) {
        report("steps", "the last of `genesis.steps` is for one host: `on: first-validator`".to_owned());
    }
    let values: BTreeSet<&str> = genesis.values.keys().map(String::as_str).collect();
    let init: BTreeSet<&str> = INIT_WORDS.into_iter().chain(values.iter().copied()).collect();
    for argument in &profile.init.argv {
        for word in names(argument).filter(|word| !init.contains(word)) {
            report(argument, format!("{{{word}}} has no value here"));
        }
    }
    let mut known: BTreeSet<&str> = WORDS.into_iter().chain(values).collect();
    let mut texts: BTreeSet<&str> = profile.documents.keys().map(String::as_str).collect();
    for step in &genesis.steps {
        for argument in step.run.iter().flat_map(|run| &run.argv) {
            for word in names(argument).filter(|word| !known.contains(word)) {
                report(argument, format!("{{{word}}} has no value here"));
            }
        }
        for (path, text) in step.puts.iter().filter(|(_, text)| !texts.contains(text.as_str())) {
            report(path.as_str(), format!("`{text}` is neither a document nor the name of an earlier step"));
        }
        let plain = step.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if step.name.is_empty() || !plain || !known.insert(&step.name) || !texts.insert(&step.name) {
            report(&step.name, "a step needs a name of its own, of small letters".to_owned());
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::types::diagnostic::Diagnostic;

    fn cosmos(more: &str) -> Result<Profile, Vec<Diagnostic>> {
        let text = format!("extends: cosmos\nname: mine\n{more}");
        Profile::parse("mine/profile.yaml", &text, BTreeMap::new())
    }

    #[test]
    fn another_chain_of_the_sdk_says_only_what_it_has_otherwise() {
        let mine = cosmos("binary: {name: wasmd}\ngenesis: {values: {denom: uwasm}}\n").unwrap();
        assert_eq!((mine.genesis.values["denom"].as_str(), mine.genesis.values.len()), ("uwasm", 5));
        assert_eq!(mine.genesis.steps.len(), 3);
    }

    #[test]
    fn what_stands_for_nothing_is_refused_at_once() {
        let step = |text: &str| {
            let steps = format!("genesis: {{steps: [{text}]}}\n");
            let problems = cosmos(&steps).unwrap_err();
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
        };
        let said = step(
            "{name: one, on: each-validator, puts: {g.json: chian}, run: [{argv: ['{homes}', '{one}']}], gives: g}",
        );
        for part in
            ["`on: first-validator`", "`chian` is neither", "{homes} has no value", "{one} has no value"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        let said = step("{name: stake, on: first-validator, run: [], gives: g}");
        assert!(said.contains("a name of its own"), "{said}");
        let said = cosmos("genesis: {how: merge}\n").unwrap_err();
        assert!(said[0].message.contains("belong to `how: tool`"), "{said:?}");
        let said = cosmos("init: {argv: [init, '{address}']}\n").unwrap_err();
        assert!(said[0].message.contains("{address} has no value here"), "{said:?}");
    }
}
