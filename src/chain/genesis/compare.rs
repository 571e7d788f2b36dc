//! What the differences of two documents mean: who joined, whose power changed, what else is not the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    GenesisProblem, Validator,
    diff::{Difference, differences},
    partial::Partial,
    path::Place,
    text::Sound,
    validators::{first_validators, lists},
};
use crate::{
    chain::profile::{Document, Profile},
    types::ids::Power,
};

/// One thing that the right document has otherwise than the left.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<'a> {
    Added(Validator),
    Removed(Validator),
    Power {
        of: Validator,
        to: Power,
    },
    Name {
        of: Validator,
        to: Option<String>,
    },
    /// The same validators, in another order.
    Order,
    ChainId(Difference<'a>),
    Time(Difference<'a>),
    /// Parameters, state, anything else.
    Other(Difference<'a>),
    /// The same content in other bytes.
    Layout,
}

/// The name of the document whose validators can be read in both texts, with its chain; for who has not said.
pub fn guess<'a>(
    profiles: &'a [Profile],
    left: &Sound<'_>,
    right: &Sound<'_>,
) -> Option<(&'a Profile, &'a str)> {
    let fits = |name: &str, rule: &Document, text: &Sound<'_>| {
        let outline = Partial::of(text.lend(), rule, &[]);
        first_validators(&rule.validators, name, &outline.tree).is_ok_and(|members| !members.is_empty())
    };
    let all = profiles.iter().flat_map(|p| p.documents.iter().map(move |(name, rule)| (p, name, rule)));
    let found = all.into_iter().find(|(_, name, rule)| fits(name, rule, left) && fits(name, rule, right));
    found.map(|(profile, name, _)| (profile, name.as_str()))
}

/// Everything that differs, validators first. Empty: the same text.
pub fn changes<'a>(
    profile: &Profile,
    document: &str,
    left: &'a Sound<'_>,
    right: &'a Sound<'_>,
) -> Result<Vec<Change<'a>>, Vec<GenesisProblem>> {
    if left.as_str() == right.as_str() {
        return Ok(Vec::new());
    }
    let Some(rule) = profile.documents.get(document) else {
        return Err(vec![GenesisProblem::new(document, format!("{} has no such document", profile.name))]);
    };
    let ((was, at), (is, there)) = (listed(document, rule, left)?, listed(document, rule, right)?);
    let mut found = memberships(&was, &is);
    // Told by what they mean already.
    let told = if at == there { BTreeSet::from([at]) } else { BTreeSet::new() };
    let rest = differences(left, right, &told);
    found.extend(rest.into_iter().map(|difference| sorted(rule, difference)));
    Ok(if found.is_empty() { vec![Change::Layout] } else { found })
}

/// The validators of the first list, and where it stands.
fn listed(
    name: &str,
    rule: &Document,
    text: &Sound<'_>,
) -> Result<(Vec<Validator>, Place), Vec<GenesisProblem>> {
    let Partial { tree, .. } = Partial::of(text.lend(), rule, &[]);
    let place = lists(&rule.validators, name, &tree).map_err(|problem| vec![problem])?.remove(0);
    Ok((first_validators(&rule.validators, name, &tree)?, place))
}

fn memberships<'a>(was: &[Validator], is: &[Validator]) -> Vec<Change<'a>> {
    let by_key = |members: &[Validator]| -> BTreeMap<String, Validator> {
        members.iter().map(|member| (member.key.value.clone(), member.clone())).collect()
    };
    let after = by_key(is);
    let mut found: Vec<Change<'a>> = Vec::new();
    found.extend(beyond(is, was).map(Change::Added));
    found.extend(beyond(was, is).map(Change::Removed));
    let same_members = found.is_empty();
    for member in was {
        let Some(now) = after.get(&member.key.value) else { continue };
        if now.power.get() != member.power.get() {
            found.push(Change::Power { of: member.clone(), to: now.power });
        }
        if now.name != member.name {
            found.push(Change::Name { of: member.clone(), to: now.name.clone() });
        }
    }
    let order = |members: &[Validator]| members.iter().map(|m| m.key.value.clone()).collect::<Vec<_>>();
    if same_members && order(was) != order(is) {
        found.push(Change::Order);
    }
    found
}

/// Those that the others do not have, or not so often.
fn beyond(of: &[Validator], others: &[Validator]) -> impl Iterator<Item = Validator> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for other in others {
        *left.entry(&other.key.value).or_default() += 1;
    }
    let more = |member: &&Validator| match left.get_mut(member.key.value.as_str()) {
        Some(number) if *number > 0 => {
            *number -= 1;
            false
        }
        _ => true,
    };
    of.iter().filter(more).cloned().collect::<Vec<_>>().into_iter()
}

fn sorted<'a>(rule: &Document, difference: Difference<'a>) -> Change<'a> {
    let at = &difference.path;
    if rule.genesis_time.as_ref().is_some_and(|path| path.to_string() == *at) {
        return Change::Time(difference);
    }
    let ids = rule.chain_id.iter().flat_map(|rule| &rule.at);
    if ids.into_iter().any(|path| path.to_string() == *at) {
        Change::ChainId(difference)
    } else {
        Change::Other(difference)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LEFT: &str = r#"{"genesis_time":"2026-01-01T00:00:00Z","chain_id":"a","consensus_params":{"block":{"max_bytes":"1"}},
        "validators":[{"address":"","pub_key":{"type":"x","value":"k1"},"power":"10","name":"one"},
                      {"address":"","pub_key":{"type":"x","value":"k2"},"power":"10","name":"two"}]}"#;

    fn sound(text: &str) -> Sound<'_> {
        Sound::read("chain", text).unwrap()
    }

    fn between(change: impl Fn(&str) -> String) -> Vec<String> {
        let profile = Profile::builtin("cometbft").unwrap();
        let right = change(LEFT);
        changes(&profile, "chain", &sound(LEFT), &sound(&right)).unwrap().iter().map(kind).collect()
    }

    /// Its first word.
    fn kind(change: &Change<'_>) -> String {
        let said = format!("{change:?}");
        said.split(|c: char| !c.is_alphabetic()).next().unwrap().to_owned()
    }

    #[test]
    fn differences_are_told_by_what_they_mean() {
        let none: [&str; 0] = [];
        assert_eq!(between(str::to_owned), none);
        assert_eq!(between(|text| text.replace(' ', "")), ["Layout"]);
        let other = between(|text| {
            text.replace("k2", "k3")
                .replace("\"10\",\"name\":\"one\"", "\"12\",\"name\":\"uno\"")
                .replace(":\"1\"}", ":\"2\"}")
        });
        assert_eq!(other, ["Added", "Removed", "Power", "Name", "Other"]);
        let mut swapped: serde_json::Value = serde_json::from_str(LEFT).unwrap();
        swapped["validators"].as_array_mut().unwrap().reverse();
        assert_eq!(between(|_| swapped.to_string()), ["Order"]);
        let mut twice: serde_json::Value = serde_json::from_str(LEFT).unwrap();
        let first = twice["validators"][0].clone();
        twice["validators"].as_array_mut().unwrap().push(first);
        assert_eq!(between(|_| twice.to_string()), ["Added"], "one that stands there once more");
        let when = between(|text| text.replace("2026-01-01", "2026-01-02").replace("\"a\"", "\"b\""));
        assert_eq!(when, ["Time", "ChainId"]);
    }

    #[test]
    fn a_document_shows_what_it_is() {
        let profiles: Vec<Profile> =
            ["cometbft", "loom"].iter().filter_map(|name| Profile::builtin(name)).collect();
        let app =
            r#"{"contracts":[{"name":"dposV3","init":{"validators":[{"pubKey":"AA==","power":"1"}]}}]}"#;
        let document = |left, right| guess(&profiles, &sound(left), &sound(right)).map(|(_, name)| name);
        assert_eq!(document(LEFT, LEFT), Some("chain"));
        assert_eq!(document(app, app), Some("app"));
        assert_eq!((document(LEFT, app), document("{}", app)), (None, None));
    }
}
