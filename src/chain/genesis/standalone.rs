//! One document by itself, as a person has it in a file: no host, no key file, no other document beside it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    GenesisProblem,
    check::check_values,
    merge::{Contribution, Merging, twice},
    once,
    partial::Partial,
    text::Sound,
    validators::first_validators,
};
use crate::{
    chain::profile::{Document, Profile},
    types::ids::{ChainId, ValidatorKey},
};

/// What validators' `init`s wrote, one file after another: each is let go of before the next is read, but the first.
pub struct Files<'a> {
    profile: &'a Profile,
    name: &'a str,
    rule: &'a Document,
    chain_id: Option<ChainId>,
    merging: Option<Merging<'a>>,
    keys: Vec<(String, ValidatorKey)>,
    problems: Vec<GenesisProblem>,
}

impl<'a> Files<'a> {
    /// With no chain id, it is that of the first document. None: the profile has no such document.
    pub fn new(profile: &'a Profile, document: &str, chain_id: Option<ChainId>) -> Option<Self> {
        let (name, rule) = profile.documents.get_key_value(document)?;
        let (merging, keys, problems) = (None, Vec::new(), Vec::new());
        Some(Self { profile, name, rule, chain_id, merging, keys, problems })
    }

    /// The next validator's. Its key is the one that the document names: it has to name one only.
    pub fn add(&mut self, whose: &str, text: String) {
        match self.contribution(whose, text) {
            Ok(input) => {
                let chain_id =
                    self.chain_id.get_or_insert_with(|| named(self.profile, self.rule, &input.outline));
                self.keys.push((input.whose.clone(), input.key.clone()));
                let merging = || Merging::new(self.name, self.rule, chain_id.clone());
                self.merging.get_or_insert_with(merging).add(input);
            }
            Err(found) => self.problems.extend(found.into_iter().map(|problem| problem.of(whose))),
        }
    }

    fn contribution(&self, whose: &str, text: String) -> Result<Contribution<'a>, Vec<GenesisProblem>> {
        let sound = Sound::read(self.name, text).map_err(|problem| vec![problem])?;
        let outline = match &self.merging {
            Some(merging) => merging.open(sound, &[]).map_err(|problem| vec![problem])?,
            None => Partial::of(sound, self.rule, &[]),
        };
        let members = first_validators(&self.rule.validators, self.name, &outline.tree)?;
        let [member] = members.as_slice() else {
            let message = format!("holds {} validators instead of one node's own", members.len());
            let help = "merge what `init` made on each host, before any merge";
            return Err(vec![GenesisProblem::new(self.name, message).help(help)]);
        };
        Ok(Contribution { whose: whose.to_owned(), key: member.key.clone(), power: None, outline })
    }

    /// The document of all, written as it is shown; else everything that is wrong. `now` is in Unix seconds.
    pub fn merged(self, now: i64) -> Result<Partial<'a>, Vec<GenesisProblem>> {
        let mut problems = self.problems;
        problems.extend(twice(self.name, self.keys.iter().map(|(whose, key)| (whose.as_str(), key))));
        let (Some(merging), Some(chain_id)) = (self.merging, self.chain_id) else { return Err(problems) };
        match merging.finish() {
            Ok(outline) if problems.is_empty() => checked(self.profile, self.name, outline, &chain_id, now),
            Ok(_) => Err(once(problems)),
            Err(found) => {
                problems.extend(found);
                Err(once(problems))
            }
        }
    }
}

/// The chain id that the document itself names; where it names none, the profile's.
fn named(profile: &Profile, rule: &Document, outline: &Partial<'_>) -> ChainId {
    in_document(rule, outline).unwrap_or_else(|| profile.chain_id.clone())
}

fn in_document(rule: &Document, outline: &Partial<'_>) -> Option<ChainId> {
    let json = &outline.tree;
    let mut places = rule.chain_id.iter().flat_map(|rule| &rule.at).flat_map(|path| path.places(json));
    places.find_map(|place| match place.get(json)? {
        Value::String(text) => ChainId::new(text).ok(),
        Value::Number(number) => ChainId::new(number.to_string()).ok(),
        _ => None,
    })
}

/// The chain id that a document names.
pub fn chain_id(profile: &Profile, document: &str, text: &str) -> Option<ChainId> {
    let rule = profile.documents.get(document)?;
    in_document(rule, &Partial::read(document, rule, text).ok()?)
}

/// Everything that is wrong with a document (S5), by the chain id that it names itself. `now` is in Unix seconds.
pub fn check_one(profile: &Profile, document: &str, text: &str, now: i64) -> Vec<GenesisProblem> {
    let Some(rule) = profile.documents.get(document) else { return Vec::new() };
    let checked = Partial::read(document, rule, text).map_err(|problem| vec![problem]).and_then(|outline| {
        let chain_id = named(profile, rule, &outline);
        checked(profile, document, outline, &chain_id, now)
    });
    checked.err().unwrap_or_default()
}

fn checked<'a>(
    profile: &Profile,
    name: &str,
    outline: Partial<'a>,
    chain_id: &ChainId,
    now: i64,
) -> Result<Partial<'a>, Vec<GenesisProblem>> {
    let mut documents = BTreeMap::from([(name.to_owned(), outline)]);
    let problems = check_values(profile, &documents, chain_id, now);
    documents.remove(name).filter(|_| problems.is_empty()).ok_or(problems)
}
