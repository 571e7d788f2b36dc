//! What a host's own entry among the validators says beside its key: nothing that gives it more than the others (P5).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{GenesisProblem, path::Place, validators::member};
use crate::{
    chain::profile::ValidatorRule,
    types::ids::{Power, ValidatorKey},
};

/// One entry as its host's init wrote it, before the inventory's power is set.
#[derive(Debug)]
pub(super) struct Claim {
    whose: String,
    at: Place,
    power: Power,
    /// The inventory has a power for it: what the host wrote counts for nothing.
    given: bool,
    name: Option<String>,
    /// Without key, address, power and name: what is the same on all hosts.
    rest: Value,
}

impl Claim {
    /// `None`: its power cannot be read, which is said elsewhere.
    pub fn of(rule: &ValidatorRule, whose: &str, at: &Place, entry: &Value, given: bool) -> Option<Self> {
        let read = member(rule, entry).ok()?;
        let mut rest = entry.clone();
        let own = [Some(&rule.key), Some(&rule.power), rule.address.as_ref(), rule.name.as_ref()];
        for place in own.into_iter().flatten().flat_map(|path| path.places(entry)) {
            if let Some(slot) = place.get_mut(&mut rest) {
                *slot = Value::Null;
            }
        }
        let (whose, at) = (whose.to_owned(), at.clone());
        Some(Self { whose, at, power: read.power, given, name: read.name, rest })
    }
}

const AGAIN: &str = "remove the node and let it run `init` again";

/// Powers that the inventory does not name are those that most hosts' init wrote, names are the nodes' own or empty, and
/// whatever else stands in an entry stands in all of them.
pub(super) fn problems(document: &str, claims: &[Claim]) -> Vec<GenesisProblem> {
    let mut by_list: BTreeMap<&Place, Vec<&Claim>> = BTreeMap::new();
    for claim in claims {
        by_list.entry(&claim.at).or_default().push(claim);
    }
    let mut problems = Vec::new();
    for claims in by_list.values() {
        let (power, rest) = (most(claims, same_power), most(claims, |a, b| a.rest == b.rest));
        for claim in claims {
            let found = [
                power.and_then(|most| of_power(claim, most)),
                of_name(claim),
                rest.and_then(|most| of_rest(claim, most)),
            ];
            let problem = |(message, help): (String, &str)| {
                GenesisProblem::new(document, message).of(&claim.whose).at(&claim.at).help(help)
            };
            problems.extend(found.into_iter().flatten().map(problem));
        }
    }
    problems
}

fn same_power(a: &Claim, b: &Claim) -> bool {
    a.power.get() == b.power.get()
}

type Wrong = Option<(String, &'static str)>;

fn of_power(claim: &Claim, most: &Claim) -> Wrong {
    (!claim.given && !same_power(claim, most)).then(|| {
        let message = format!(
            "claims power {}, {} has {}, and the inventory names none",
            claim.power, most.whose, most.power
        );
        (message, "set `power` for every host that is to have another, or remove the node and let it run `init` again")
    })
}

fn of_name(claim: &Claim) -> Wrong {
    let name = claim.name.as_ref().filter(|name| !name.is_empty() && **name != claim.whose)?;
    Some((format!("gives its validator the name {name:?}"), AGAIN))
}

fn of_rest(claim: &Claim, most: &Claim) -> Wrong {
    let message = || format!("its validator holds something else than that of {}", most.whose);
    (claim.rest != most.rest).then(|| (message(), AGAIN))
}

/// The first of those that most are the same as.
fn most<'a>(claims: &[&'a Claim], same: impl Fn(&Claim, &Claim) -> bool) -> Option<&'a Claim> {
    let count = |claim: &Claim| claims.iter().filter(|other| same(claim, other)).count();
    let counted: Vec<(usize, &Claim)> = claims.iter().map(|claim| (count(claim), *claim)).collect();
    let best = counted.iter().map(|(count, _)| *count).max()?;
    counted.into_iter().find(|(count, _)| *count == best).map(|(_, claim)| claim)
}

/// Validators of a document that has come as a whole, against what the inventory says of their nodes: power, and name.
pub(super) fn unlike<'a>(
    document: &str,
    wanted: impl Iterator<Item = (&'a str, &'a ValidatorKey, i64)>,
    members: &[super::Validator],
) -> Vec<GenesisProblem> {
    let mut problems = Vec::new();
    for (whose, key, power) in wanted {
        let Some(member) = members.iter().find(|member| member.key.value == key.value) else { continue };
        let mut wrong = |message: String| {
            let help = "nothing is started with it: what its host has signed is not what it was asked for. Remove the \
                        node and let it begin again";
            problems.push(GenesisProblem::new(document, message).of(whose).help(help));
        };
        if member.power.get() != power {
            wrong(format!("its validator has power {}, and by the inventory {power}", member.power));
        }
        if let Some(name) = member.name.as_ref().filter(|name| !name.is_empty() && *name != whose) {
            wrong(format!("its validator has the name {name:?}"));
        }
    }
    problems
}
