//! A genesis that no host has made: the profile's own document, with the chain id and everybody's keys set in it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Compose, GenesisProblem,
    check::check_values,
    istanbul,
    merge::{overridden_paths, set_chain_id, set_overrides, twice},
    outline::Outline,
    text::Sound,
    tool::others,
};
use crate::{chain::profile::Encoded, model::ids::ValidatorKey};

/// The document of all validators, in inventory order; else everything that is wrong with what it is made of.
pub fn composed(ask: Compose<'_>) -> Result<BTreeMap<String, String>, Vec<GenesisProblem>> {
    let base = ask.profile.genesis.base.as_ref().and_then(|base| ask.profile.templates.get(base));
    let (Some((name, rule)), Some(base)) = (ask.profile.documents.first_key_value(), base) else {
        return Ok(BTreeMap::new());
    };
    let sound = Sound::read(name, base).map_err(|problem| vec![problem])?;
    let mut outline = Outline::of(sound, rule, &overridden_paths(name, rule, ask.overrides));
    let mut problems = twice(name, ask.nodes.iter().map(|node| (node.whose.as_str(), &node.key)));
    problems.extend(unequal_votes(ask, name));
    if ask.nodes.is_empty() {
        problems.push(GenesisProblem::new(name, "there is no validator to compose it from"));
    }
    set_chain_id(&mut outline.tree, rule, ask.chain_id);
    let keys: Vec<ValidatorKey> = ask.nodes.iter().map(|node| node.key.clone()).collect();
    match encoded(rule.validators.encoded, &keys) {
        Ok(text) => {
            for place in rule.validators.at.places(&outline.tree) {
                if let Some(slot) = place.get_mut(&mut outline.tree) {
                    *slot = text.clone();
                }
            }
        }
        Err(why) => problems.push(GenesisProblem::new(name, why).at(&rule.validators.at)),
    }
    let mut made = BTreeMap::from([(name.clone(), outline)]);
    problems.extend(set_overrides(ask.profile, &mut made, ask.overrides));
    if problems.is_empty() {
        problems.extend(check_values(ask.profile, &made, ask.chain_id, ask.now));
    }
    let made: BTreeMap<_, _> =
        made.iter().map(|(name, outline)| (name.clone(), outline.to_string())).collect();
    if problems.is_empty() {
        problems.extend(others(ask, name, &made[name]));
    }
    if problems.is_empty() { Ok(made) } else { Err(problems) }
}

fn encoded(how: Option<Encoded>, keys: &[ValidatorKey]) -> Result<Value, String> {
    match how {
        Some(Encoded::IstanbulExtra) => istanbul::of_genesis(keys).map(Value::from),
        None => Err("the profile does not say how validators are encoded".to_owned()),
    }
}

/// A power that would be passed over in silence.
fn unequal_votes(ask: Compose<'_>, name: &str) -> Vec<GenesisProblem> {
    let wrong = ask.nodes.iter().filter(|node| node.power.is_some_and(|power| power.get() != 1));
    let problem = |node: &super::NodeDocs| {
        let message = format!("{} gives every validator one vote", ask.profile.name);
        GenesisProblem::new(name, message).of(&node.whose).help("leave `power` out")
    };
    wrong.map(problem).collect()
}
