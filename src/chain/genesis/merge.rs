//! The first validator's documents with the validators of all: what every host writes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    GenesisProblem, NodeDocs, Overrides,
    check::check_values,
    diff::{Difference, differences},
    members::{key, lists, member},
    parse,
    path::{DocPath, Place},
    serialise,
};
use crate::{
    chain::profile::{ChainIdWriter, Document, Profile},
    model::ids::{ChainId, Power, ValidatorKey},
    problem::nearest,
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

/// One node's document, parsed.
struct Input<'a> {
    whose: &'a str,
    key: &'a ValidatorKey,
    power: Option<Power>,
    json: Value,
}

/// The documents by the profile's name, byte for byte what belongs on every host; else everything that is wrong.
pub fn compose(ask: Compose<'_>) -> Result<BTreeMap<String, String>, Vec<GenesisProblem>> {
    compose_these(ask, ask.profile.documents.iter())
}

/// One of the profile's documents, for who has no other at hand.
pub fn compose_one(ask: Compose<'_>, name: &str) -> Result<String, Vec<GenesisProblem>> {
    let mut composed = compose_these(ask, ask.profile.documents.iter().filter(|(known, _)| *known == name))?;
    let missing = || vec![GenesisProblem::new(name, format!("{} has no such document", ask.profile.name))];
    composed.remove(name).ok_or_else(missing)
}

fn compose_these<'a>(
    ask: Compose<'a>,
    documents: impl Iterator<Item = (&'a String, &'a Document)>,
) -> Result<BTreeMap<String, String>, Vec<GenesisProblem>> {
    let mut problems = twice(ask.profile, ask.nodes);
    let mut composed = BTreeMap::new();
    for (name, rule) in documents {
        match one_document(ask, name, rule) {
            Ok(json) => drop(composed.insert(name.clone(), json)),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(set_overrides(ask.profile, &mut composed, ask.overrides));
    if problems.is_empty() {
        problems.extend(check_values(ask.profile, &composed, ask.chain_id, ask.now));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(composed.iter().map(|(name, json)| (name.clone(), serialise(json))).collect())
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
        match parse(name, text) {
            Ok(json) => drop(parsed.insert(name.clone(), json)),
            Err(problem) => problems.push(problem),
        }
    }
    let before = parsed.clone();
    problems.extend(set_overrides(profile, &mut parsed, overrides));
    if !problems.is_empty() {
        return Err(problems);
    }
    let text = |(name, json): (&String, &Value)| match before.get(name) {
        Some(same) if same == json => (name.clone(), documents[name].clone()),
        _ => (name.clone(), serialise(json)),
    };
    Ok(parsed.iter().map(text).collect())
}

fn twice(profile: &Profile, nodes: &[NodeDocs]) -> Vec<GenesisProblem> {
    let document = profile.documents.keys().next().map_or("", String::as_str);
    let mut seen = BTreeMap::new();
    let mut problems = Vec::new();
    for node in nodes {
        if let Some(first) = seen.insert(&node.key, &node.whose) {
            let message = format!("has the same validator key as {first} ({})", node.key);
            let help = "cloned machines? Remove the keys on one of them and let it run `init` again";
            problems.push(GenesisProblem::new(document, message).of(&node.whose).help(help));
        }
    }
    problems
}

fn one_document(ask: Compose<'_>, name: &str, rule: &Document) -> Result<Value, Vec<GenesisProblem>> {
    let mut problems = Vec::new();
    let mut inputs = Vec::new();
    for node in ask.nodes {
        let read = node
            .documents
            .get(name)
            .ok_or_else(|| GenesisProblem::new(name, "is missing"))
            .and_then(|text| parse(name, text));
        match read {
            Ok(json) => inputs.push(Input { whose: &node.whose, key: &node.key, power: node.power, json }),
            Err(problem) => problems.push(problem.of(&node.whose)),
        }
    }
    let Some(base) = inputs.first() else {
        problems.push(GenesisProblem::new(name, "there is no validator to compose it from"));
        return Err(problems);
    };
    for input in &inputs {
        problems.extend(own_chain_id(input, name, rule, ask.chain_id));
        problems.extend(unequal(base, input, name, rule));
    }
    let mut json = base.json.clone();
    let places = lists(&rule.validators, name, &json).map_err(|p| vec![p.of(base.whose)]);
    let places = match places {
        Ok(places) => places,
        Err(found) => {
            problems.extend(found);
            return Err(problems);
        }
    };
    for place in places {
        let mut entries = Vec::new();
        for input in &inputs {
            match own_entry(input, name, rule, &place) {
                Ok(entry) => entries.push(entry),
                Err(problem) => problems.push(*problem),
            }
        }
        if let Some(list) = place.get_mut(&mut json) {
            *list = Value::Array(entries);
        }
    }
    set_chain_id(&mut json, rule, ask.chain_id);
    if problems.is_empty() { Ok(json) } else { Err(problems) }
}

/// The node's own validator as its init wrote it: the only one in its document, with the power that is wanted.
fn own_entry(
    input: &Input<'_>,
    name: &str,
    rule: &Document,
    place: &Place,
) -> Result<Value, Box<GenesisProblem>> {
    let wrong = |message: String| {
        let help = "the documents must be those that `init` made on this host, before any merge";
        Box::new(GenesisProblem::new(name, message).of(input.whose).at(place).help(help))
    };
    let entries = place.get(&input.json).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let [entry] = entries else {
        return Err(wrong(format!("holds {} validators instead of this node's own", entries.len())));
    };
    let rules = &rule.validators;
    let found = key(rules, entry).ok_or_else(|| wrong(format!("`{}` is not a public key", rules.key)))?;
    if found.value != input.key.value || (rules.bare_key_type.is_none() && found.kind != input.key.kind) {
        return Err(wrong(format!("holds the key {found}, but this node's own is {}", input.key)));
    }
    let mut entry = entry.clone();
    if let Some(wanted) = input.power {
        let power = member(rules, &entry)
            .map(|m| m.power)
            .map_err(|(field, why)| wrong(format!("`{field}`: {why}")))?;
        for place in rules.power.places(&entry) {
            if let Some(slot) = place.get_mut(&mut entry) {
                *slot = power.with(wanted).into();
            }
        }
    }
    Ok(entry)
}

/// Where init wrote the chain id from a configuration file, another one means that it ran with other settings.
fn own_chain_id(input: &Input<'_>, name: &str, rule: &Document, wanted: &ChainId) -> Vec<GenesisProblem> {
    let Some(rule) = rule.chain_id.as_ref().filter(|rule| rule.written_by == ChainIdWriter::Init) else {
        return Vec::new();
    };
    let places = rule.at.iter().flat_map(|path| path.places(&input.json));
    let wrong = places.filter_map(|place| {
        let found = place.get(&input.json)?;
        (found.as_str() != Some(wanted.as_str())).then(|| {
            GenesisProblem::new(
                name,
                format!("init ran with chain id {found}, wanted is {:?}", wanted.as_str()),
            )
            .of(input.whose)
            .at(place)
            .help("set `chain_id` to that of the documents, or remove the node and let it run `init` again")
        })
    });
    wrong.collect()
}

fn set_chain_id(json: &mut Value, rule: &Document, chain_id: &ChainId) {
    for path in rule.chain_id.iter().flat_map(|rule| &rule.at) {
        for place in path.places(json) {
            if let Some(slot) = place.get_mut(json) {
                *slot = chain_id.as_str().into();
            }
        }
    }
}

/// Everything but the validators and what the profile lets differ must be the same on all hosts.
fn unequal(base: &Input<'_>, other: &Input<'_>, name: &str, rule: &Document) -> Vec<GenesisProblem> {
    let differ = differences(&masked(&base.json, rule), &masked(&other.json, rule));
    let side = |whose: &str, value: Option<&Value>| format!("{whose} has {}", Difference::show(value));
    let problem = |d: Difference| {
        let (left, right) = (side(base.whose, d.left.as_ref()), side(other.whose, d.right.as_ref()));
        GenesisProblem::new(name, format!("must be equal on all hosts: {left}, {right}"))
            .of(other.whose)
            .at(d.path)
            .help("other builds or settings at init? Use the same on all hosts and run `init` again")
    };
    differ.into_iter().map(problem).collect()
}

fn masked(json: &Value, rule: &Document) -> Value {
    let mut json = json.clone();
    let ids = rule.chain_id.iter().flat_map(|rule| &rule.at);
    let paths = ids.chain(&rule.genesis_time).chain(&rule.may_differ).chain([&rule.validators.at]);
    for path in paths {
        for place in path.places(&json) {
            if let Some(slot) = place.get_mut(&mut json) {
                *slot = Value::Null;
            }
        }
    }
    json
}

pub(super) fn set_overrides(
    profile: &Profile,
    composed: &mut BTreeMap<String, Value>,
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
        let Some(json) = composed.get_mut(document) else { continue };
        for (path, value) in values {
            if let Err(message) = set_path(json, path, value) {
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
