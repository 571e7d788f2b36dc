//! What the differences of two documents mean: who joined, whose power changed, what else is not the same.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    GenesisProblem, Member,
    diff::{Difference, differences},
    members::{lists, members, validators_of},
    parse,
};
use crate::{
    chain::profile::{Document, Profile},
    model::ids::Power,
};

/// One thing that the right document has otherwise than the left.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Added(Member),
    Removed(Member),
    Power {
        of: Member,
        to: Power,
    },
    Name {
        of: Member,
        to: Option<String>,
    },
    /// The same validators, in another order.
    Order,
    ChainId(Difference),
    Time(Difference),
    /// Parameters, state, anything else.
    Other(Difference),
    /// The same content in other bytes.
    Layout,
}

/// The name of the document whose validators can be read in both texts, with its chain; for who has not said.
pub fn guess<'a>(profiles: &'a [Profile], left: &str, right: &str) -> Option<(&'a Profile, &'a str)> {
    let fits = |profile: &Profile, name: &str, text: &str| {
        validators_of(profile, name, text).is_ok_and(|members| !members.is_empty())
    };
    let all = profiles.iter().flat_map(|p| p.documents.keys().map(move |name| (p, name.as_str())));
    all.into_iter().find(|(p, name)| fits(p, name, left) && fits(p, name, right))
}

/// Everything that differs, validators first. Empty: the same bytes.
pub fn changes(
    profile: &Profile,
    document: &str,
    left: &str,
    right: &str,
) -> Result<Vec<Change>, Vec<GenesisProblem>> {
    if left == right {
        return Ok(Vec::new());
    }
    let Some(rule) = profile.documents.get(document) else {
        return Err(vec![GenesisProblem::new(document, format!("{} has no such document", profile.name))]);
    };
    let mut sides = [parse(document, left), parse(document, right)]
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|problem| vec![problem])?;
    let [was, is] = [taken(document, rule, &mut sides[0]), taken(document, rule, &mut sides[1])];
    let mut found = memberships(&was?, &is?);
    found.extend(differences(&sides[0], &sides[1]).into_iter().map(|difference| sorted(rule, difference)));
    Ok(if found.is_empty() { vec![Change::Layout] } else { found })
}

/// The validators (of the first list), taken out of the document.
fn taken(name: &str, rule: &Document, json: &mut Value) -> Result<Vec<Member>, Vec<GenesisProblem>> {
    let places = lists(&rule.validators, name, json).map_err(|problem| vec![problem])?;
    let (found, problems) = members(&rule.validators, name, json, &places[0]);
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(slot) = places[0].get_mut(json) {
        *slot = Value::Null;
    }
    Ok(found)
}

fn memberships(was: &[Member], is: &[Member]) -> Vec<Change> {
    let by_key = |members: &[Member]| -> BTreeMap<String, Member> {
        members.iter().map(|member| (member.key.value.clone(), member.clone())).collect()
    };
    let (before, after) = (by_key(was), by_key(is));
    let mut found: Vec<Change> = Vec::new();
    found.extend(is.iter().filter(|m| !before.contains_key(&m.key.value)).cloned().map(Change::Added));
    found.extend(was.iter().filter(|m| !after.contains_key(&m.key.value)).cloned().map(Change::Removed));
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
    let order = |members: &[Member]| members.iter().map(|m| m.key.value.clone()).collect::<Vec<_>>();
    if same_members && order(was) != order(is) {
        found.push(Change::Order);
    }
    found
}

fn sorted(rule: &Document, difference: Difference) -> Change {
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

    fn between(change: impl Fn(&str) -> String) -> Vec<Change> {
        let profile = Profile::builtin("cometbft").unwrap();
        changes(&profile, "chain", LEFT, &change(LEFT)).unwrap()
    }

    #[test]
    fn differences_are_told_by_what_they_mean() {
        assert_eq!(between(str::to_owned), []);
        assert_eq!(between(|text| text.replace(' ', "")), [Change::Layout]);
        let other = between(|text| {
            text.replace("k2", "k3")
                .replace("\"10\",\"name\":\"one\"", "\"12\",\"name\":\"uno\"")
                .replace(":\"1\"}", ":\"2\"}")
        });
        let names: Vec<String> = other.iter().map(|change| format!("{change:?}")[..5].to_owned()).collect();
        assert_eq!(names, ["Added", "Remov", "Power", "Name ", "Other"], "{other:?}");
        let mut swapped: Value = serde_json::from_str(LEFT).unwrap();
        swapped["validators"].as_array_mut().unwrap().reverse();
        assert_eq!(between(|_| swapped.to_string()), [Change::Order]);
        let when = between(|text| text.replace("2026-01-01", "2026-01-02").replace("\"a\"", "\"b\""));
        assert!(matches!(when[..], [Change::Time(_), Change::ChainId(_)]), "{when:?}");
    }

    #[test]
    fn a_document_shows_what_it_is() {
        let profiles: Vec<Profile> =
            ["cometbft", "loom"].iter().filter_map(|name| Profile::builtin(name)).collect();
        assert_eq!(guess(&profiles, LEFT, LEFT).unwrap().1, "chain");
        let app =
            r#"{"contracts":[{"name":"dposV3","init":{"validators":[{"pubKey":"AA==","power":"1"}]}}]}"#;
        assert_eq!(guess(&profiles, app, app).unwrap().1, "app");
        assert!(guess(&profiles, LEFT, app).is_none() && guess(&profiles, "{", "[]").is_none());
    }
}
