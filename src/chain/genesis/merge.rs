//! The first validator's documents with the validators of all: what every host writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    GenesisProblem, NodeDocs, Overrides,
    align::aligned,
    check::check_values,
    claims::{self, Claim},
    diff::{Difference, differences},
    once,
    partial::Partial,
    path::{DocPath, Place},
    text::Sound,
    validators::{key, lists, member},
};
use crate::{
    chain::profile::{ChainIdForm, ChainIdWriter, Document, Profile},
    types::{
        ids::{ChainId, Power, ValidatorKey},
        nearest::nearest,
    },
};

/// What composing starts from.
#[derive(Debug, Clone, Copy)]
pub struct Compose<'a> {
    pub profile: &'a Profile,
    /// Validators only, in inventory order: the first one's documents are the base.
    pub nodes: &'a [NodeDocs],
    pub chain_id: &'a ChainId,
    pub overrides: &'a Overrides,
    /// Unix seconds, of the latest clock that is known.
    pub now: i64,
}

/// One node's document.
#[derive(Debug)]
pub struct Contribution<'a> {
    pub whose: String,
    pub key: ValidatorKey,
    pub power: Option<Power>,
    pub outline: Partial<'a>,
}

/// One document in the making. What comes is compared and gives its validator; only the first is kept.
#[derive(Debug)]
pub struct Merging<'a> {
    name: &'a str,
    rule: &'a Document,
    chain_id: ChainId,
    base: Option<Contribution<'a>>,
    lists: Vec<(Place, Vec<Value>)>,
    /// Where there is an inventory: what each host's own entry claims.
    claims: Option<Vec<Claim>>,
    problems: Vec<GenesisProblem>,
}

/// The documents by the profile's name, byte for byte what belongs on every host; else everything that is wrong.
pub fn compose(ask: Compose<'_>) -> Result<BTreeMap<String, String>, Vec<GenesisProblem>> {
    let first = ask.profile.documents.keys().next().map_or("", String::as_str);
    let mut problems = twice(first, ask.nodes.iter().map(|node| (node.whose.as_str(), &node.key)));
    let mut composed = BTreeMap::new();
    for (name, rule) in &ask.profile.documents {
        match one_document(ask, name, rule) {
            Ok(outline) => drop(composed.insert(name.clone(), outline)),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(set_overrides(ask.profile, &mut composed, ask.overrides));
    if problems.is_empty() {
        problems.extend(check_values(ask.profile, &composed, ask.chain_id, ask.now));
    }
    if !problems.is_empty() {
        return Err(once(problems));
    }
    Ok(composed.into_iter().map(|(name, outline)| (name, outline.to_string())).collect())
}

/// The documents with the overrides set; the same bytes where they change nothing.
pub fn overridden(
    profile: &Profile,
    documents: &BTreeMap<String, String>,
    overrides: &Overrides,
) -> Result<BTreeMap<String, String>, Vec<GenesisProblem>> {
    let mut problems = Vec::new();
    let mut parsed = BTreeMap::new();
    for (name, text) in documents {
        let Some(rule) = profile.documents.get(name) else { continue };
        match Sound::read(name, text) {
            Ok(sound) => {
                let outline = Partial::of(sound, rule, &overridden_paths(name, rule, overrides));
                parsed.insert(name.clone(), outline);
            }
            Err(problem) => problems.push(problem),
        }
    }
    let before: BTreeMap<String, Value> =
        parsed.iter().map(|(name, outline)| (name.clone(), outline.tree.clone())).collect();
    problems.extend(set_overrides(profile, &mut parsed, overrides));
    if !problems.is_empty() {
        return Err(problems);
    }
    let text = |(name, text): (&String, &String)| match parsed.get(name) {
        Some(outline) if before.get(name) != Some(&outline.tree) => (name.clone(), outline.to_string()),
        _ => (name.clone(), text.clone()),
    };
    Ok(documents.iter().map(text).collect())
}

/// Two of one key, by the names of who brought it.
pub(super) fn twice<'a>(
    document: &str,
    keys: impl Iterator<Item = (&'a str, &'a ValidatorKey)>,
) -> Vec<GenesisProblem> {
    let mut seen = BTreeMap::new();
    let mut problems = Vec::new();
    for (whose, key) in keys {
        if let Some(first) = seen.insert(key, whose) {
            let message = format!("has the same validator key as {first} ({key})");
            let help = "cloned machines? Remove the keys on one of them and let it run `init` again";
            problems.push(GenesisProblem::new(document, message).of(whose).help(help));
        }
    }
    problems
}

fn one_document<'a>(
    ask: Compose<'a>,
    name: &'a str,
    rule: &'a Document,
) -> Result<Partial<'a>, Vec<GenesisProblem>> {
    let more = overridden_paths(name, rule, ask.overrides);
    let mut merging = Merging::new(name, rule, ask.chain_id.clone()).of_inventory();
    for node in ask.nodes {
        let text = node.documents.get(name).ok_or_else(|| GenesisProblem::new(name, "is missing"));
        match text.and_then(|text| Sound::read(name, text)).and_then(|sound| merging.open(sound, &more)) {
            Ok(outline) => merging.add(Contribution {
                whose: node.whose.clone(),
                key: node.key.clone(),
                power: node.power,
                outline,
            }),
            Err(problem) => merging.problems.push(problem.of(&node.whose)),
        }
    }
    merging.finish()
}

impl<'a> Merging<'a> {
    pub fn new(name: &'a str, rule: &'a Document, chain_id: ChainId) -> Self {
        Self { name, rule, chain_id, base: None, lists: Vec::new(), claims: None, problems: Vec::new() }
    }

    /// Powers and names are the inventory's: a host brings its key alone.
    #[must_use]
    pub fn of_inventory(self) -> Self {
        Self { claims: Some(Vec::new()), ..self }
    }

    /// A validator's document opened where the rules lead, its named entries in the order of the first one's.
    pub fn open(&self, text: Sound<'a>, more: &[DocPath]) -> Result<Partial<'a>, GenesisProblem> {
        let text = match &self.base {
            Some(base) => aligned(self.name, self.rule, base.outline.text(), text)?,
            None => text,
        };
        Ok(Partial::of(text, self.rule, more))
    }

    /// The next validator's, in inventory order.
    pub fn add(&mut self, input: Contribution<'a>) {
        let (name, rule) = (self.name, self.rule);
        self.problems.extend(own_chain_id(&input, name, rule, &self.chain_id));
        match &self.base {
            Some(base) => self.problems.extend(unequal(base, &input, name, rule)),
            None => match lists(&rule.validators, name, &input.outline.tree) {
                Ok(places) => self.lists = places.into_iter().map(|place| (place, Vec::new())).collect(),
                Err(problem) => self.problems.push(problem.of(&input.whose)),
            },
        }
        for (place, entries) in &mut self.lists {
            match own_entry(&input, name, rule, place) {
                Ok(entry) => {
                    let given = input.power.is_some();
                    let claim = Claim::of(&rule.validators, &input.whose, place, entry, given);
                    if let Some(claims) = &mut self.claims {
                        claims.extend(claim);
                    }
                    match with_power(&input, name, rule, place, entry.clone()) {
                        Ok(entry) => entries.push(entry),
                        Err(problem) => self.problems.push(*problem),
                    }
                }
                Err(problem) => self.problems.push(*problem),
            }
        }
        self.base.get_or_insert(input);
    }

    /// The document of all who came; else everything that is wrong with what they brought.
    pub fn finish(mut self) -> Result<Partial<'a>, Vec<GenesisProblem>> {
        let Some(base) = self.base else {
            let none = GenesisProblem::new(self.name, "there is no validator to compose it from");
            self.problems.push(none);
            return Err(self.problems);
        };
        self.problems.extend(claims::problems(self.name, self.claims.as_deref().unwrap_or_default()));
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let mut outline = base.outline;
        for (place, entries) in self.lists {
            if let Some(list) = place.get_mut(&mut outline.tree) {
                *list = Value::Array(entries);
            }
        }
        set_chain_id(&mut outline.tree, self.rule, &self.chain_id);
        Ok(outline)
    }
}

/// The node's own validator as its init wrote it: the only one in its document.
fn own_entry<'a>(
    input: &'a Contribution<'_>,
    name: &str,
    rule: &Document,
    place: &Place,
) -> Result<&'a Value, Box<GenesisProblem>> {
    let wrong = |message: String| Box::new(not_as_made(input, name, place, message));
    let entries = place.get(&input.outline.tree).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let [entry] = entries else {
        return Err(wrong(format!("holds {} validators instead of this node's own", entries.len())));
    };
    let rules = &rule.validators;
    let found = key(rules, entry).ok_or_else(|| wrong(format!("`{}` is not a public key", rules.key)))?;
    if found.value != input.key.value || (rules.bare_key_type.is_none() && found.kind != input.key.kind) {
        return Err(wrong(format!("holds the key {found}, but this node's own is {}", input.key)));
    }
    Ok(entry)
}

/// With the power that is wanted, in the notation that it came in.
fn with_power(
    input: &Contribution<'_>,
    name: &str,
    rule: &Document,
    place: &Place,
    mut entry: Value,
) -> Result<Value, Box<GenesisProblem>> {
    let Some(wanted) = input.power else { return Ok(entry) };
    let rules = &rule.validators;
    let power = member(rules, &entry)
        .map(|m| m.power)
        .map_err(|(field, why)| Box::new(not_as_made(input, name, place, format!("`{field}`: {why}"))))?;
    for place in rules.power.places(&entry) {
        if let Some(slot) = place.get_mut(&mut entry) {
            *slot = power.with(wanted).into();
        }
    }
    Ok(entry)
}

fn not_as_made(input: &Contribution<'_>, name: &str, place: &Place, message: String) -> GenesisProblem {
    let help = "the documents must be those that `init` made on this host, before any merge";
    GenesisProblem::new(name, message).of(&input.whose).at(place).help(help)
}

/// Where init wrote the chain id from a configuration file, another one means that it ran with other settings.
fn own_chain_id(
    input: &Contribution<'_>,
    name: &str,
    rule: &Document,
    wanted: &ChainId,
) -> Vec<GenesisProblem> {
    let Some(rule) = rule.chain_id.as_ref().filter(|rule| rule.written_by == ChainIdWriter::Init) else {
        return Vec::new();
    };
    let places = rule.at.iter().flat_map(|path| path.places(&input.outline.tree));
    let wrong = places.filter_map(|place| {
        let found = place.get(&input.outline.tree)?;
        (found.as_str() != Some(wanted.as_str())).then(|| {
            GenesisProblem::new(
                name,
                format!("init ran with chain id {found}, wanted is {:?}", wanted.as_str()),
            )
            .of(&input.whose)
            .at(place)
            .help("set `chain_id` to that of the documents, or remove the node and let it run `init` again")
        })
    });
    wrong.collect()
}

pub(super) fn set_chain_id(json: &mut Value, rule: &Document, chain_id: &ChainId) {
    let number = rule.chain_id.as_ref().filter(|rule| rule.form == ChainIdForm::Number);
    let number = number.and_then(|_| chain_id.as_str().parse::<u64>().ok()).map(Value::from);
    for path in rule.chain_id.iter().flat_map(|rule| &rule.at) {
        for place in path.places(json) {
            if let Some(slot) = place.get_mut(json) {
                *slot = number.clone().unwrap_or_else(|| chain_id.as_str().into());
            }
        }
    }
}

/// Everything but the validators and what the profile lets differ must be the same on all hosts.
fn unequal(
    base: &Contribution<'_>,
    other: &Contribution<'_>,
    name: &str,
    rule: &Document,
) -> Vec<GenesisProblem> {
    let (ours, theirs) = (free(base, rule), free(other, rule));
    let but: BTreeSet<Place> = ours.intersection(&theirs).cloned().collect();
    let differ = differences(base.outline.text(), other.outline.text(), &but);
    let help = "other builds or settings at init? Use the same on all hosts and run `init` again";
    let problem = |d: &Difference<'_>| {
        let (left, right) = (Difference::show(d.left), Difference::show(d.right));
        let sides = format!("{} has {left}, {} has {right}", base.whose, other.whose);
        GenesisProblem::new(name, format!("must be equal on all hosts: {sides}"))
            .of(&other.whose)
            .at(&d.path)
            .help(help)
    };
    let mut problems: Vec<_> = differ.iter().take(SIDE_BY_SIDE).map(problem).collect();
    if differ.len() > SIDE_BY_SIDE {
        let more = format!("and {} more places that must be equal on all hosts", differ.len() - SIDE_BY_SIDE);
        problems.push(GenesisProblem::new(name, more).of(&other.whose));
    }
    problems
}

/// Of two states that have nothing to do with each other nobody reads every place.
const SIDE_BY_SIDE: usize = 20;

/// The places that each host has its own at.
fn free(of: &Contribution<'_>, rule: &Document) -> BTreeSet<Place> {
    let ids = rule.chain_id.iter().flat_map(|rule| &rule.at);
    let paths = ids.chain(&rule.genesis_time).chain(&rule.may_differ).chain([&rule.validators.at]);
    paths.flat_map(|path| path.places(&of.outline.tree)).collect()
}

/// Those that can be read; what is wrong with the others is said when they are set.
pub(super) fn overridden_paths(name: &str, rule: &Document, overrides: &Overrides) -> Vec<DocPath> {
    let values = overrides.iter().filter(|(of, _)| *of == name || rule.path.as_str() == *of);
    values.flat_map(|(_, values)| values.keys()).filter_map(|path| DocPath::parse(path).ok()).collect()
}

pub(super) fn set_overrides(
    profile: &Profile,
    composed: &mut BTreeMap<String, Partial<'_>>,
    overrides: &Overrides,
) -> Vec<GenesisProblem> {
    let mut problems = Vec::new();
    for (name, values) in overrides {
        let known = profile.documents.iter().find(|(n, rule)| *n == name || rule.path.as_str() == name);
        let Some((document, _)) = known else {
            let names = || profile.documents.keys().map(String::as_str);
            let message = format!("{} has no document of this name", profile.name);
            let help = nearest(name, names()).map_or_else(
                || format!("known: {}", names().collect::<Vec<_>>().join(", ")),
                |near| format!("is `{near}` meant?"),
            );
            problems.push(GenesisProblem::new(name, message).help(help));
            continue;
        };
        // Not composed: its own problems are enough.
        let Some(Partial { tree, .. }) = composed.get_mut(document) else { continue };
        for (path, value) in values {
            if let Err(message) = set_path(tree, path, value) {
                problems.push(GenesisProblem::new(document, message).at(path));
            }
        }
    }
    problems
}

fn set_path(json: &mut Value, path: &str, value: &Value) -> Result<(), String> {
    let parsed = DocPath::parse(path).map_err(|error| error.why)?;
    let places = parsed.places(json);
    if places.is_empty() {
        return Err(parsed.missing(json));
    }
    for place in places {
        if let Some(slot) = place.get_mut(json) {
            *slot = in_notation_of(slot, value);
        }
    }
    Ok(())
}

/// A number set over a quoted number is quoted as well: Amino wants int64 so, and YAML does not show which.
fn in_notation_of(found: &Value, wanted: &Value) -> Value {
    match (found, wanted) {
        (Value::String(old), Value::Number(new)) if old.parse::<i128>().is_ok() => new.to_string().into(),
        _ => wanted.clone(),
    }
}
