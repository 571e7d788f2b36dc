//! The validators of a document, as the profile's rule says one is written.

use serde_json::Value;

use super::{GenesisProblem, outline::Outline, path::Place};
use crate::{
    chain::profile::{Profile, ValidatorRule},
    model::ids::{Power, ValidatorKey},
};

/// A validator as a document or the chain's RPC names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub address: Option<String>,
    pub key: ValidatorKey,
    pub power: Power,
    pub name: Option<String>,
}

/// The validators of a document, in its order (of the first list, where the rule finds several).
pub fn validators_of(
    profile: &Profile,
    document: &str,
    text: &str,
) -> Result<Vec<Member>, Vec<GenesisProblem>> {
    let rule = profile.document(document).ok_or_else(|| {
        vec![GenesisProblem::new(document, format!("{} has no such document", profile.name))]
    })?;
    let outline = Outline::read(document, rule, text).map_err(|problem| vec![problem])?;
    first_members(&rule.validators, document, &outline.tree)
}

/// Those of the first list, if all of them can be read.
pub(super) fn first_members(
    rule: &ValidatorRule,
    document: &str,
    json: &Value,
) -> Result<Vec<Member>, Vec<GenesisProblem>> {
    let list = lists(rule, document, json).map_err(|problem| vec![problem])?.remove(0);
    let (members, problems) = members(rule, document, json, &list);
    if problems.is_empty() { Ok(members) } else { Err(problems) }
}

/// Every list of validators that the rule finds; at least one.
pub(super) fn lists(
    rule: &ValidatorRule,
    document: &str,
    json: &Value,
) -> Result<Vec<Place>, GenesisProblem> {
    let places = rule.at.places(json);
    if places.is_empty() {
        return Err(GenesisProblem::new(document, rule.at.missing(json)).at(&rule.at));
    }
    match places.iter().find(|place| !matches!(place.get(json), Some(Value::Array(_)))) {
        Some(place) => Err(GenesisProblem::new(document, "is not a list of validators").at(place)),
        None => Ok(places),
    }
}

/// The entries that can be read, and what is wrong with the others.
pub(super) fn members(
    rule: &ValidatorRule,
    document: &str,
    json: &Value,
    list: &Place,
) -> (Vec<Member>, Vec<GenesisProblem>) {
    let entries = list.get(json).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        match member(rule, entry) {
            Ok(member) => good.push(member),
            Err((field, why)) => {
                bad.push(GenesisProblem::new(document, why).at(list.index(index).key(field)));
            }
        }
    }
    (good, bad)
}

/// One entry; else the field that is wrong, and why.
pub(super) fn member<'a>(rule: &'a ValidatorRule, entry: &Value) -> Result<Member, (&'a str, String)> {
    let text = |field: &Option<String>| {
        field.as_ref().and_then(|field| entry.get(field)).and_then(Value::as_str).map(str::to_owned)
    };
    let key = key(rule, entry).ok_or_else(|| (rule.key.as_str(), "is not a public key".to_owned()))?;
    let power = entry.get(&rule.power).cloned().unwrap_or_default();
    let power = Power::try_from(power).map_err(|error| (rule.power.as_str(), error.why))?;
    Ok(Member { address: text(&rule.address), key, power, name: text(&rule.name) })
}

pub(super) fn key(rule: &ValidatorRule, entry: &Value) -> Option<ValidatorKey> {
    let key = entry.get(&rule.key)?;
    match &rule.bare_key_type {
        Some(kind) => Some(ValidatorKey { kind: kind.clone(), value: key.as_str()?.to_owned() }),
        None => serde_json::from_value(key.clone()).ok(),
    }
}
