//! V4: one genesis on all nodes. V5: the validators at the first height are the composed ones.

use super::{
    CheckId, Row, document,
    majority::majority,
    view::{NO_BLOCK_YET, UNKNOWN, View},
};
use crate::{
    chain::{genesis::Validator, rpc::RpcValidator},
    cluster::Node,
    plan::lifecycle::{self, Life},
    types::{
        code::Code,
        ids::{Power, Sha256, ValidatorKey},
    },
};

pub fn documents(view: &View<'_>) -> Vec<Row> {
    let sums: Vec<(&str, Option<Sha256>)> = view
        .cluster
        .profile
        .documents
        .keys()
        .map(|name| {
            let held: Vec<Sha256> = view.looked_at().filter_map(|node| sum(view, node, name)).collect();
            // Who is right of hosts that disagree: what was written down when they were given it counts as well.
            let given = view.looked_at().filter_map(|node| given(view, node, name));
            if let Some(joined) = &view.cluster.joined {
                return (name.as_str(), Some(joined.sha256.clone()));
            }
            let agree = held.iter().all(|sum| held.first() == Some(sum));
            let votes = if agree { held } else { given.chain(held.iter().cloned()).collect() };
            (name.as_str(), majority(&votes))
        })
        .collect();
    let row = |node: &Node| {
        let shown = |(name, sum): &(&str, Option<Sha256>)| {
            format!("`{name}` {}", sum.as_ref().map_or("on some host", Sha256::short))
        };
        let expected = sums.iter().map(shown).collect::<Vec<_>>().join(", ");
        let check = Row::new(CheckId::V4, &node.name, "genesis").expected(expected);
        if view.seen(node).is_none() {
            return check.failed(view.lost_by(node), view.why_lost(node));
        }
        let wrong: Vec<(Code, String)> = sums
            .iter()
            .filter_map(|(name, most)| match (sum(view, node, name), most) {
                (None, _) => Some((Code::DocumentMissing, format!("`{name}` is missing"))),
                (Some(own), most) if most.as_ref() != Some(&own) => {
                    Some((Code::DocumentDiffers, format!("`{name}` {}", own.short())))
                }
                _ => None,
            })
            .collect();
        check.judged(wrong, ", ", "the same")
    };
    view.looked_at().map(row).collect()
}

fn sum(view: &View<'_>, node: &Node, document: &str) -> Option<Sha256> {
    let seen = view.seen(node)?;
    let path = view.cluster.profile.documents.get(document)?.path.under(seen.home.as_ref()?);
    seen.file(&path)?.sha256.clone()
}

/// The checksum that the manifest on the host has for it.
fn given(view: &View<'_>, node: &Node, document: &str) -> Option<Sha256> {
    let seen = view.seen(node)?;
    let path = view.cluster.profile.documents.get(document)?.path.under(seen.home.as_ref()?);
    let manifest = seen.manifest.as_ref()?;
    manifest.paths.iter().find(|entry| entry.path == path)?.sha256.clone()
}

pub fn validators(view: &View<'_>) -> Vec<Row> {
    let hosts = view.looked_at().filter_map(|node| view.seen(node));
    let most = document::of_most(view.cluster, hosts).map(|document| document.members).unwrap_or_default();
    let not_wanted = not_of_inventory(&wanted(view), &most, is_being_born(view));
    let row = |node: &Node| {
        let document = view.seen(node).and_then(|seen| document::on_host(view.cluster, seen));
        let check = Row::new(CheckId::V5, &node.name, "validators").expected("the validators of the genesis");
        if view.cluster.joined.is_some() {
            return check.not_applicable("not applicable: the network was not made here");
        }
        if view.seen(node).is_none() {
            return check.not_known(UNKNOWN);
        }
        let members = document.map(|document| document.members).unwrap_or_default();
        let total: i64 = members.iter().map(|member| member.power.get()).fold(0, i64::saturating_add);
        let check = check.expected(format!(
            "the {} of the genesis, with power {total}, at height {}",
            members.len(),
            view.initial
        ));
        let Some(rpc) = view.answer(node).filter(|rpc| rpc.status.is_some()) else {
            return check.not_known(UNKNOWN);
        };
        let since = rpc.validators.as_ref().map_or_else(String::new, |now| changes(&members, now));
        match &rpc.at_birth {
            None => check.not_known(NO_BLOCK_YET),
            Some(Err(_)) if rpc.status.as_ref().is_some_and(|s| s.earliest_height > view.initial) => {
                let earliest = rpc.status.as_ref().map_or(0, |status| status.earliest_height);
                check.ok(format!("not known any more: its blocks begin at {earliest}{since}"))
            }
            Some(Err(why)) => check.failed(Code::ValidatorsUnknown, why.clone()),
            // The application names them itself at the chain's birth.
            Some(Ok(born)) if members.is_empty() => {
                check.ok(format!("{} of the application{since}", born.len()))
            }
            Some(Ok(born)) => {
                // What a host holds and what it answers are its own word twice: most hosts and the inventory are not.
                let mut differ = differences(&members, born);
                let others = if members == most { Vec::new() } else { differences(&most, born) };
                differ.extend(others.into_iter().chain(not_wanted.clone()));
                if differ.is_empty() {
                    check.ok(format!("the same{since}"))
                } else {
                    check.failed(Code::ValidatorsDiffer, differ.join(", "))
                }
            }
        }
    };
    view.looked_at().map(row).collect()
}

/// A validator as the inventory has it.
struct Wanted {
    name: String,
    key: ValidatorKey,
    power: Option<i64>,
}

fn wanted(view: &View<'_>) -> Vec<Wanted> {
    let key = |node: &Node| {
        let mut facts = [&view.now, view.before].into_iter();
        facts.find_map(|facts| facts.nodes.get(&node.name)?.validator_key.clone())
    };
    let wanted = |node: &Node| {
        let power = node.power.map(Power::get);
        Some(Wanted { name: node.name.to_string(), key: key(node)?, power })
    };
    view.cluster.validators().filter_map(wanted).collect()
}

/// The run that this proof ends has found no chain that lived, and knows all who are to vote.
fn is_being_born(view: &View<'_>) -> bool {
    lifecycle::of_cluster(view.cluster, view.before) < Life::Live
        && wanted(view).len() == view.cluster.validators().count()
}

/// What the genesis gives otherwise than the inventory. A power that the inventory names counts whenever it is looked at.
/// At the birth nobody may be there whom it does not name, and those without a power have the same; later hosts have left
/// it, and joined without a vote.
fn not_of_inventory(wanted: &[Wanted], members: &[Validator], birth: bool) -> Vec<String> {
    let member = |one: &Wanted| members.iter().find(|member| member.key.value == one.key.value);
    let unnamed =
        wanted.iter().filter(|one| one.power.is_none()).filter_map(|one| Some(member(one)?.power.get()));
    let usual = majority(&unnamed.collect::<Vec<_>>()).filter(|_| birth);
    let mut differ = Vec::new();
    for one in wanted {
        let Some((has, power)) = member(one).map(|member| member.power.get()).zip(one.power.or(usual)) else {
            continue;
        };
        if has != power {
            differ.push(format!("{} is born with power {has}, by the inventory it has {power}", one.name));
        }
    }
    for stranger in members.iter().filter(|m| birth && wanted.iter().all(|one| one.key.value != m.key.value))
    {
        differ.push(format!("{} is a validator, and no host of the inventory", stranger.key));
    }
    differ
}

fn differences(planned: &[Validator], seen: &[RpcValidator]) -> Vec<String> {
    let mut differ = Vec::new();
    for member in planned {
        let called = member.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&member.key.value);
        match seen.iter().find(|validator| validator.key.value == member.key.value) {
            None => differ.push(format!("{called} is not a validator")),
            Some(validator) if validator.power != member.power.get() => {
                differ.push(format!("{called} has power {}, not {}", validator.power, member.power));
            }
            Some(_) => {}
        }
    }
    for validator in seen.iter().filter(|v| planned.iter().all(|member| member.key.value != v.key.value)) {
        differ.push(format!("{} is a validator as well", validator.key));
    }
    differ
}

/// What the chain has changed by itself since its birth: shown, no failure.
fn changes(born: &[Validator], now: &[RpcValidator]) -> String {
    let differ = differences(born, now);
    if born.is_empty() || differ.is_empty() {
        return String::new();
    }
    let more = if differ.len() > 3 { format!(" and {} more", differ.len() - 3) } else { String::new() };
    format!("; since then: {}{more}", differ.iter().take(3).cloned().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key(value: &str) -> ValidatorKey {
        ValidatorKey { kind: "tendermint/PubKeyEd25519".into(), value: value.into() }
    }

    #[test]
    fn v5_members_and_powers_at_birth() {
        let member = |name: &str| Validator {
            address: None,
            key: key(name),
            power: Power::new(10, true).unwrap(),
            name: Some(name.into()),
        };
        let now = |name: &str, power| RpcValidator {
            address: String::new(),
            key: key(name),
            power,
            priority: None,
        };
        let planned = [member("a"), member("b")];
        assert!(differences(&planned, &[now("b", 10), now("a", 10)]).is_empty());
        assert_eq!(
            differences(&planned, &[now("a", 1_250_000_031_709), now("c", 10)]),
            ["a has power 1250000031709, not 10", "b is not a validator", "c is a validator as well"]
        );
        assert_eq!(changes(&planned, &[now("a", 10)]), "; since then: b is not a validator");
    }
    #[test]
    fn v5_the_genesis_is_held_against_the_inventory() {
        let member = |name: &str, power| Validator {
            address: None,
            key: key(name),
            power: Power::new(power, true).unwrap(),
            name: None,
        };
        let one = |name: &str, power| Wanted { name: format!("node-{name}"), key: key(name), power };
        let all = [one("a", None), one("b", Some(20)), one("c", None), one("d", None)];
        let good = [member("a", 10), member("b", 20), member("c", 10), member("d", 10)];
        assert!(not_of_inventory(&all, &good, true).is_empty());
        let owned =
            [member("a", 10), member("b", 20), member("c", 1_000_000), member("d", 10), member("x", 5)];
        let said = not_of_inventory(&all, &owned, true);
        assert_eq!(said[0], "node-c is born with power 1000000, by the inventory it has 10");
        assert!(said[1].contains("x is a validator, and no host of the inventory"), "{said:?}");
        assert!(
            not_of_inventory(&all, &owned, false).is_empty(),
            "of later nobody knows what it was born with"
        );
        let named = [member("b", 1_000_000)];
        assert_eq!(not_of_inventory(&all, &named, false).len(), 1, "what the inventory names always counts");
    }
}
