//! S5: what a genesis must be before any host may start from it. Each row was seen to stop a real chain.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    GenesisProblem,
    partial::Partial,
    path::{DocPath, Place},
    reader::refused,
    time::unix_seconds,
    validators::{Validator, lists, members},
};
use crate::{
    chain::{
        identity::{check_key, tendermint_address},
        profile::{ChainIdForm, Document, NumberLimit, PowerForm, Profile, ValidatorRule},
    },
    types::ids::{ChainId, ValidatorKey},
};

/// Clocks of the hosts may be apart by this much at a birth (V9), so a genesis_time may be ahead by it: the chain
/// then begins that much later. Further ahead, a process lives with no port open and no word in its log.
pub const CLOCK_TOLERANCE: i64 = 30;

/// Everything that is wrong with the documents (text by the profile's names). `now` is in Unix seconds.
pub fn check(
    profile: &Profile,
    documents: &BTreeMap<String, String>,
    chain_id: &ChainId,
    now: i64,
) -> Vec<GenesisProblem> {
    let mut problems = Vec::new();
    let mut parsed = BTreeMap::new();
    for (name, text) in documents {
        let Some(rule) = profile.documents.get(name) else { continue };
        match Partial::read(name, rule, text) {
            Ok(outline) => drop(parsed.insert(name.clone(), outline)),
            Err(problem) => problems.push(problem),
        }
    }
    let missing = profile.documents.keys().filter(|name| !documents.contains_key(*name));
    problems.extend(missing.map(|name| GenesisProblem::new(name, "is missing")));
    problems.extend(check_values(profile, &parsed, chain_id, now));
    problems
}

pub(super) fn check_values(
    profile: &Profile,
    documents: &BTreeMap<String, Partial<'_>>,
    chain_id: &ChainId,
    now: i64,
) -> Vec<GenesisProblem> {
    let mut problems = Vec::new();
    let mut orders: Vec<(String, String, Vec<ValidatorKey>)> = Vec::new();
    for (name, outline) in documents {
        let Some(rule) = profile.documents.get(name) else { continue };
        let json = &outline.tree;
        problems.extend(check_chain_id(name, json, rule, chain_id));
        problems.extend(check_time(name, json, rule, now));
        if rule.read_by.is_none() {
            problems.extend(check_quoted(name, json, rule));
        }
        problems.extend(rule.limits.iter().flat_map(|limit| check_limit(name, json, limit)));
        let places = lists(&rule.validators, name, json).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        for place in places {
            let (found, bad) = members(&rule.validators, name, json, &place);
            if bad.is_empty() {
                let keys = found.iter().map(|member| member.key.clone()).collect();
                orders.push((name.clone(), place.to_string(), keys));
            }
            problems.extend(bad);
            problems.extend(check_members(name, json, &rule.validators, &place, &found));
        }
        if let Some(reader) = rule.read_by {
            // Of one place, what the profile's own rules say about it is enough.
            let said: BTreeSet<_> =
                problems.iter().filter(|p| p.document == *name).map(|p| p.path.clone()).collect();
            problems.extend(refused(name, outline, reader).into_iter().filter(|p| !said.contains(&p.path)));
        }
    }
    problems.extend(check_orders(&orders));
    problems
}

fn check_chain_id(name: &str, json: &Value, rule: &Document, wanted: &ChainId) -> Vec<GenesisProblem> {
    let places = rule.chain_id.iter().flat_map(|rule| &rule.at).flat_map(|path| path.places(json));
    let number = rule.chain_id.as_ref().is_some_and(|rule| rule.form == ChainIdForm::Number);
    let problem = |place: Place| match place.get(json) {
        Some(Value::Number(found)) if number => (found.to_string() != wanted.as_str())
            .then(|| GenesisProblem::new(name, format!("is {found}, the chain id is {wanted}")).at(place)),
        _ if number => Some(GenesisProblem::new(name, "is not a number").at(place)),
        Some(Value::String(found)) => match ChainId::new(found.as_str()) {
            Err(error) => Some(GenesisProblem::new(name, error.why).at(place)),
            Ok(found) if found != *wanted => {
                Some(GenesisProblem::new(name, format!("is {found:?}, the chain id is {wanted:?}")).at(place))
            }
            Ok(_) => None,
        },
        _ => Some(GenesisProblem::new(name, "is not a text").at(place)),
    };
    places.filter_map(problem).collect()
}

fn check_quoted(name: &str, json: &Value, rule: &Document) -> Vec<GenesisProblem> {
    let wrong = |place: Place| {
        let found = place.get(json)?;
        let whole = found.as_str().is_some_and(|text| text.parse::<i64>().is_ok());
        let message = || format!("{found} is not a whole number in quotes: the chain would not start");
        (!whole).then(|| GenesisProblem::new(name, message()).at(place))
    };
    rule.quoted.iter().flat_map(|path| path.places(json)).filter_map(wrong).collect()
}

fn check_limit(name: &str, json: &Value, limit: &NumberLimit) -> Vec<GenesisProblem> {
    let number = |place: &Place| match place.get(json)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    let other = limit.not_above.as_ref().and_then(|path| {
        let above = path.places(json).iter().find_map(number).filter(|above| *above >= 0)?;
        Some((path, above))
    });
    let wrong = |place: Place| {
        let found: i64 = number(&place)?;
        let why = match (limit.most, &other) {
            _ if found < limit.least => format!("{found} is less than {}", limit.least),
            _ if limit.never == Some(found) => format!("{found} is never allowed"),
            (Some(most), _) if found > most => format!("{found} is more than {most}"),
            (_, Some((path, above))) if found > *above => format!("{found} is more than {path}, {above}"),
            _ => return None,
        };
        Some(GenesisProblem::new(name, format!("{why}: the chain would not start")).at(place))
    };
    limit.at.places(json).into_iter().filter_map(wrong).collect()
}

fn check_time(name: &str, json: &Value, rule: &Document, now: i64) -> Option<GenesisProblem> {
    let path = rule.genesis_time.as_ref()?;
    let problem = |message: String| Some(GenesisProblem::new(name, message).at(path));
    let Some(place) = path.places(json).into_iter().next() else {
        return problem(path.missing(json));
    };
    let text = place.get(json).and_then(Value::as_str).unwrap_or_default();
    match unix_seconds(text) {
        None => problem(format!("{text:?} is not a time such as 2026-01-31T12:00:00Z")),
        Some(at) if at <= 0 => problem(format!("{text} is the zero time: no block would ever come")),
        Some(at) if at > now.saturating_add(CLOCK_TOLERANCE) => problem(format!(
            "{text} is {} s in the future: nodes would wait for it in silence",
            at.saturating_sub(now)
        )),
        Some(_) => None,
    }
}

fn check_members(
    name: &str,
    json: &Value,
    rule: &ValidatorRule,
    list: &Place,
    members: &[Validator],
) -> Vec<GenesisProblem> {
    let mut problems = Vec::new();
    let empty = match rule.encoded {
        None => list.get(json).and_then(Value::as_array).is_some_and(Vec::is_empty),
        Some(encoded) => members.is_empty() && encoded.is_sound(list.get(json)),
    };
    if empty {
        problems.push(GenesisProblem::new(name, "there is no validator").at(list));
    }
    let mut seen = BTreeSet::new();
    for (index, member) in members.iter().enumerate() {
        let mut report = |field: &DocPath, message: String| {
            let problem = GenesisProblem::new(name, message);
            problems.push(match rule.encoded {
                None => problem.at(list.index(index).under(field)),
                Some(_) => problem.at(list),
            });
        };
        if !seen.insert(&member.key) {
            report(&rule.key, format!("the key {} stands in the list twice", member.key));
        }
        if let Err(error) = check_key(&member.key) {
            report(&rule.key, error.why);
        }
        if rule.power_form == PowerForm::Quoted && Value::from(member.power).is_number() {
            report(
                &rule.power,
                format!("must be quoted: {:?} (Amino refuses a number)", member.power.to_string()),
            );
        }
        if let (Some(field), Some(derived)) = (&rule.address, tendermint_address(&member.key))
            // Tendermint fills in an address that is empty.
            && let Some(found) = member.address.as_deref().filter(|found| !found.is_empty())
            && !found.eq_ignore_ascii_case(&derived)
        {
            report(field, format!("is {found}, the key's address is {derived}"));
        }
    }
    let total: i128 = members.iter().map(|member| i128::from(member.power.get())).sum();
    let limit = rule.power_limit.unwrap_or(i64::MAX);
    if total > i128::from(limit) {
        let message = format!("all powers together are {total}, the chain's limit is {limit}");
        problems.push(GenesisProblem::new(name, message).at(list));
    }
    problems
}

/// All documents name the same validators in the same order: where they do not, nodes stop at height 1.
fn check_orders(orders: &[(String, String, Vec<ValidatorKey>)]) -> Vec<GenesisProblem> {
    let Some((first_name, _, first)) = orders.first() else { return Vec::new() };
    let wrong = orders[1..].iter().filter(|(_, _, keys)| !same_values(keys, first));
    let problem = |(name, place, keys): &(String, String, Vec<ValidatorKey>)| {
        let same_set = {
            let set = |keys: &[ValidatorKey]| keys.iter().map(|k| k.value.clone()).collect::<BTreeSet<_>>();
            set(keys) == set(first)
        };
        let what = if same_set { "the validators in another order than" } else { "other validators than" };
        GenesisProblem::new(name, format!("names {what} document `{first_name}`")).at(place)
    };
    wrong.map(problem).collect()
}

/// By value: a document that holds bare keys does not say their type.
fn same_values(a: &[ValidatorKey], b: &[ValidatorKey]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.value == b.value)
}
