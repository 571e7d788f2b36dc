//! What the nodes say of their chain, weighed: one of them alone decides nothing (P5 of the security model).
//!
//! Each thing is read in its cautious direction. A height counts as far as a second node confirms it. Who "signs" in a
//! count of who may be missing is confirmed by several; a signature that anybody shows is one where signing elsewhere is
//! the danger. The validators are those that all agree on.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    chain::{
        proposer::{self, Turn},
        quorum::beyond_liars,
        rpc::RpcValidator,
    },
    facts::{NEAR, Voter, Voting},
    types::{
        harmless,
        ids::{NodeName, ValidatorKey},
    },
};

/// From so many nodes blocks are fetched: enough that two who lie are too few to confirm anything (see `beyond_liars`), and
/// few enough that a cluster of many is not read many times over.
const WITNESSES: usize = 7;

/// As much of a key as is said of who votes otherwise than others say, in characters.
const LONGEST_KEY: usize = 100;

/// What one node says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    pub height: u64,
    pub state_version: Option<String>,
    /// Who votes at the common height, if it says that.
    pub validators: Option<Vec<RpcValidator>>,
    /// The last commit that each address has signed, in the blocks that it shows; `None`: it was not asked.
    pub signed: Option<BTreeMap<String, u64>>,
}

pub type Readings = BTreeMap<NodeName, Reading>;

/// The height at which nodes are compared: the lowest of those that are near what two of them have.
pub fn common(heights: &BTreeMap<NodeName, u64>) -> u64 {
    near(heights).map(|(_, height)| height).min().unwrap_or(0)
}

/// Those with a block that are not far behind what two of them have.
fn near(heights: &BTreeMap<NodeName, u64>) -> impl Iterator<Item = (&NodeName, u64)> {
    let confirmed = Voting::confirmed(heights);
    let near = move |height: u64| height > 0 && height.saturating_add(NEAR) >= confirmed;
    heights.iter().map(|(name, height)| (name, *height)).filter(move |(_, height)| near(*height))
}

/// Whose blocks are looked at: of those that are not far behind, so many, spread over all. Whom this leaves out cannot
/// come in by what it says, as long as it does not lie about being there at all.
pub fn witnesses(heights: &BTreeMap<NodeName, u64>) -> BTreeSet<NodeName> {
    let near: Vec<&NodeName> = near(heights).map(|(name, _)| name).collect();
    let count = near.len().min(WITNESSES);
    (0..count).map(|number| near[number * near.len() / count].clone()).collect()
}

/// `None`: nobody says who votes.
pub fn weigh(readings: &Readings) -> Option<Voting> {
    let heights: BTreeMap<NodeName, u64> =
        readings.iter().map(|(name, reading)| (name.clone(), reading.height)).collect();
    let height = Voting::confirmed(&heights);
    if heights.values().all(|height| *height == 0) && !heights.is_empty() {
        return Some(Voting { heights, ..Voting::default() });
    }
    let validators = all_members(readings);
    if validators.is_empty() {
        return None;
    }
    let asked = readings.values().filter(|reading| reading.signed.is_some()).count();
    let needed = if readings.len() == 1 { 1 } else { beyond_liars(asked) };
    let last: Vec<_> =
        readings.iter().filter_map(|(name, reading)| Some((name, last_signed(reading)?))).collect();
    let turns = next_turns(readings, common(&heights));
    let voter = |(key, power): (ValidatorKey, i64)| {
        let mut shown: Vec<(u64, &NodeName)> =
            last.iter().map(|(name, last)| (last.get(&key).copied().unwrap_or(0), *name)).collect();
        shown.sort_by(|a, b| b.cmp(a));
        let last_signed = shown.first().map_or(0, |(last, _)| *last);
        let confirmed = shown.get(needed - 1).map_or(0, |(last, _)| *last);
        Voter {
            signed: Voting::is_recent(height, confirmed),
            shown_by: shown.first().filter(|(last, _)| *last > 0).map(|(_, name)| (*name).clone()),
            proposes_at: turns.get(&key).copied(),
            key,
            power,
            last_signed,
            confirmed,
        }
    };
    let voters = validators.into_iter().map(voter).collect();
    let version =
        |(name, reading): (&NodeName, &Reading)| Some((name.clone(), reading.state_version.clone()?));
    let state_versions = readings.iter().filter_map(version).collect();
    Some(Voting { height, voters, disagree: disagreement(readings), heights, state_versions })
}

/// The height of each one's next block, by the first node that says whose turn it is: what it says of the others is not
/// needed.
fn next_turns(readings: &Readings, at: u64) -> BTreeMap<ValidatorKey, u64> {
    let known = |validators: &&Vec<RpcValidator>| validators.iter().all(|one| one.priority.is_some());
    let Some(validators) = readings.values().filter_map(|reading| reading.validators.as_ref()).find(known)
    else {
        return BTreeMap::new();
    };
    // Between equals the lower address comes first.
    let mut validators: Vec<&RpcValidator> = validators.iter().collect();
    validators.sort_by(|a, b| a.address.cmp(&b.address));
    let turn = |one: &&RpcValidator| Turn { power: one.power, priority: one.priority.unwrap_or_default() };
    let turns = proposer::next_turns(&validators.iter().map(turn).collect::<Vec<_>>());
    let of = |(one, turn): (&RpcValidator, Option<usize>)| {
        Some((one.key.clone(), at.saturating_add(turn? as u64)))
    };
    validators.into_iter().zip(turns).filter_map(of).collect()
}

/// Everybody whom any node names, in the order of the first, with the greatest power that any gives.
fn all_members(readings: &Readings) -> Vec<(ValidatorKey, i64)> {
    let mut all: Vec<(ValidatorKey, i64)> = Vec::new();
    let mut places: BTreeMap<&ValidatorKey, usize> = BTreeMap::new();
    for validator in readings.values().filter_map(|reading| reading.validators.as_ref()).flatten() {
        let place = *places.entry(&validator.key).or_insert(all.len());
        match all.get_mut(place) {
            Some((_, power)) => *power = (*power).max(validator.power),
            None => all.push((validator.key.clone(), validator.power)),
        }
    }
    all
}

/// Each key's last signature in the blocks that one node shows, by the address that this node gives it.
fn last_signed(reading: &Reading) -> Option<BTreeMap<&ValidatorKey, u64>> {
    let signed = reading.signed.as_ref()?;
    let mut last = BTreeMap::new();
    for validator in reading.validators.iter().flatten() {
        let here = signed.get(&validator.address).copied().unwrap_or(0);
        let before = last.entry(&validator.key).or_insert(here);
        *before = here.max(*before);
    }
    Some(last)
}

/// Who says what, where the nodes that say who votes do not say the same.
fn disagreement(readings: &Readings) -> Option<String> {
    type Set<'a> = BTreeMap<&'a ValidatorKey, i64>;
    let mut said: Vec<(Set<'_>, Vec<&str>)> = Vec::new();
    for (name, reading) in readings {
        let Some(validators) = &reading.validators else { continue };
        let set: Set<'_> = validators.iter().map(|validator| (&validator.key, validator.power)).collect();
        match said.iter_mut().find(|(other, _)| *other == set) {
            Some((_, by)) => by.push(name.as_str()),
            None => said.push((set, vec![name.as_str()])),
        }
    }
    let height = common(&readings.iter().map(|(name, reading)| (name.clone(), reading.height)).collect());
    let mut by_how_many: BTreeMap<(&ValidatorKey, i64), usize> = BTreeMap::new();
    for (key, power) in said.iter().flat_map(|(set, _)| set) {
        *by_how_many.entry((key, *power)).or_default() += 1;
    }
    let line = |(set, by): &(Set<'_>, Vec<&str>)| {
        let total: i128 = set.values().map(|power| i128::from(*power)).sum();
        let own = set.iter().find(|(key, power)| by_how_many[&(**key, **power)] < said.len());
        let own = own.map_or_else(String::new, |(key, power)| {
            let key: String = key.value.chars().take(LONGEST_KEY).collect();
            format!(", {} with {power}", harmless::line(&key))
        });
        format!("{}: {} with power {total}{own}", by.join(", "), set.len())
    };
    (said.len() > 1).then(|| {
        let lines = said.iter().map(line).collect::<Vec<_>>().join("; ");
        format!("the nodes do not agree on who votes at height {height} ({lines})")
    })
}

#[cfg(test)]
mod tests;
