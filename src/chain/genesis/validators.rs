//! The validators of a document, as the profile's rule says one is written.

use serde_json::Value;

use super::{
    GenesisProblem, istanbul,
    partial::Partial,
    path::{DocPath, Place},
};
use crate::{
    chain::profile::{Encoded, Profile, ValidatorRule},
    types::ids::{Power, ValidatorKey},
};

/// A validator as a document or the chain's RPC names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
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
) -> Result<Vec<Validator>, Vec<GenesisProblem>> {
    let rule = profile.document(document).ok_or_else(|| {
        vec![GenesisProblem::new(document, format!("{} has no such document", profile.name))]
    })?;
    let outline = Partial::read(document, rule, text).map_err(|problem| vec![problem])?;
    first_validators(&rule.validators, document, &outline.tree)
}

/// Those of the first list, if all of them can be read.
pub(super) fn first_validators(
    rule: &ValidatorRule,
    document: &str,
    json: &Value,
) -> Result<Vec<Validator>, Vec<GenesisProblem>> {
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
    let fits = |place: &&Place| match rule.encoded {
        None => !matches!(place.get(json), Some(Value::Array(_))),
        Some(_) => !matches!(place.get(json), Some(Value::String(_))),
    };
    match places.iter().find(fits) {
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
) -> (Vec<Validator>, Vec<GenesisProblem>) {
    if let Some(Encoded::IstanbulExtra) = rule.encoded {
        let text = list.get(json).and_then(Value::as_str).unwrap_or_default();
        return match istanbul::Extra::parse(text) {
            Ok(extra) => (extra.validators.into_iter().map(one_vote).collect(), Vec::new()),
            Err(why) => (Vec::new(), vec![GenesisProblem::new(document, why).at(list)]),
        };
    }
    let entries = list.get(json).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        match member(rule, entry) {
            Ok(member) => good.push(member),
            Err((field, why)) => {
                bad.push(GenesisProblem::new(document, why).at(list.index(index).under(field)));
            }
        }
    }
    (good, bad)
}

/// Where all votes are equal and nobody has a name.
fn one_vote(key: ValidatorKey) -> Validator {
    Validator { address: Some(key.value.clone()), key, power: Power::ONE, name: None }
}

/// One entry; else the field that is wrong, and why.
pub(super) fn member<'a>(rule: &'a ValidatorRule, entry: &Value) -> Result<Validator, (&'a DocPath, String)> {
    let text = |field: &Option<DocPath>| {
        field.as_ref().and_then(|field| field.first(entry)).and_then(Value::as_str).map(str::to_owned)
    };
    let key = key(rule, entry).ok_or_else(|| (&rule.key, "is not a public key".to_owned()))?;
    let power = rule.power.first(entry).cloned().unwrap_or_default();
    let power = power_of(rule, power).map_err(|why| (&rule.power, why))?;
    Ok(Validator { address: text(&rule.address), key, power, name: text(&rule.name) })
}

/// Where powers are written in a smaller unit, what is left over counts for nothing, as for the chain.
fn power_of(rule: &ValidatorRule, written: Value) -> Result<Power, String> {
    let whole = match (rule.power_unit, written.as_str().and_then(|text| text.parse::<u128>().ok())) {
        (Some(unit), Some(amount)) => Value::from((amount / u128::from(unit.max(1))).to_string()),
        _ => written,
    };
    Power::try_from(whole).map_err(|error| error.why)
}

pub(super) fn key(rule: &ValidatorRule, entry: &Value) -> Option<ValidatorKey> {
    let key = rule.key.first(entry)?;
    match &rule.bare_key_type {
        Some(kind) => Some(ValidatorKey { kind: kind.clone(), value: key.as_str()?.to_owned() }),
        None => serde_json::from_value(key.clone()).ok().or_else(|| any_key(key)),
    }
}

/// Cosmos' notation, by the name that consensus has for the type.
fn any_key(key: &Value) -> Option<ValidatorKey> {
    let kind = match key.get("@type")?.as_str()? {
        "/cosmos.crypto.ed25519.PubKey" => "tendermint/PubKeyEd25519",
        "/cosmos.crypto.secp256k1.PubKey" => "tendermint/PubKeySecp256k1",
        other => other,
    };
    Some(ValidatorKey { kind: kind.to_owned(), value: key.get("key")?.as_str()?.to_owned() })
}
