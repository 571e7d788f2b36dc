//! A genesis that no host has made: the profile's own document, with the chain id and everybody's keys set in it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Compose, GenesisProblem,
    check::check_values,
    istanbul,
    merge::{overridden_paths, set_chain_id, set_overrides, twice},
    partial::Partial,
    text::Sound,
    tool::others,
};
use crate::{chain::profile::Encoded, types::ids::ValidatorKey};

/// The document of all validators, in inventory order; else everything that is wrong with what it is made of.
pub fn composed(ask: Compose<'_>) -> Result<BTreeMap<String, String>, Vec<GenesisProblem>> {
    let base = ask.profile.genesis.base.as_ref().and_then(|base| ask.profile.templates.get(base));
    let (Some((name, rule)), Some(base)) = (ask.profile.documents.first_key_value(), base) else {
        return Ok(BTreeMap::new());
    };
    let sound = Sound::read(name, &**base).map_err(|problem| vec![problem])?;
    let mut outline = Partial::of(sound, rule, &overridden_paths(name, rule, ask.overrides));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::{
        chain::{
            genesis::{NodeDocs, Overrides, check, standalone, validators_of},
            identity::evm_validator,
            profile::Profile,
        },
        types::ids::{ChainId, Power},
    };

    /// What four real kcn 1.0.3 ran on.
    const RAN: &str = include_str!("../../../tests/fixtures/kaia-1.0/composed.json");
    /// By what these nodes themselves call their `nodeAddress`, in inventory order.
    const VALIDATORS: [&str; 4] = [
        "0x760897540C6768589eec40F1012E24E621c66191",
        "0x8c1d9c92f821636e9993a9de5953bd8c25fc2d88",
        "0x3d1bb48181ca86ede3ca6eb5fc29853d3e8fc734",
        "0xce1c77f746a823c363f35efff3cba32867a0694c",
    ];

    fn compose(validators: &[&str], power: Option<Power>, overrides: &Overrides) -> Result<String, String> {
        let profile = Profile::builtin("kaia").unwrap();
        let node = |(number, address): (usize, &&str)| NodeDocs {
            whose: format!("node-{number}"),
            key: evm_validator(address).unwrap(),
            power,
            documents: BTreeMap::new(),
        };
        let nodes: Vec<NodeDocs> = validators.iter().enumerate().map(node).collect();
        let chain_id = ChainId::new("2024").unwrap();
        let ask =
            Compose { profile: &profile, nodes: &nodes, chain_id: &chain_id, overrides, now: 1_900_000_000 };
        let lines =
            |problems: Vec<GenesisProblem>| problems.iter().map(ToString::to_string).collect::<String>();
        composed(ask).map(|mut made| made.remove("chain").unwrap()).map_err(lines)
    }

    #[test]
    fn s5_it_is_what_a_real_chain_ran_on() {
        assert_eq!(compose(&VALIDATORS, None, &Overrides::new()).unwrap(), RAN);
        let profile = Profile::builtin("kaia").unwrap();
        let read = validators_of(&profile, "chain", RAN).unwrap();
        let read: Vec<String> = read.into_iter().map(|member| member.key.value).collect();
        assert_eq!(read, VALIDATORS.map(str::to_lowercase));
        assert_eq!(standalone::chain_id(&profile, "chain", RAN).unwrap().as_str(), "2024");
        assert!(standalone::check_one(&profile, "chain", RAN, 1_900_000_000).is_empty());
        let documents = BTreeMap::from([("chain".to_owned(), RAN.to_owned())]);
        let other = check(&profile, &documents, &ChainId::new("2025").unwrap(), 1_900_000_000);
        assert!(other[0].to_string().contains("is 2024, the chain id is 2025"), "{other:?}");
    }

    #[test]
    fn s5_what_no_chain_can_run_on_is_refused() {
        let twice = compose(&[VALIDATORS[0], VALIDATORS[0]], None, &Overrides::new()).unwrap_err();
        assert!(
            twice.contains("node-1: genesis document `chain`: has the same validator key as node-0"),
            "{twice}"
        );
        let none = compose(&[], None, &Overrides::new()).unwrap_err();
        assert!(none.contains("there is no validator to compose it from"), "{none}");
        let heavy =
            compose(&VALIDATORS, Some(Power::new(10, false).unwrap()), &Overrides::new()).unwrap_err();
        assert!(heavy.contains("kaia gives every validator one vote"), "{heavy}");
        let of = |path: &str, value: Value| {
            let Value::Object(map) = json!({path: value}) else { return Overrides::new() };
            Overrides::from([("chain".to_owned(), map)])
        };
        let coins = of("alloc", json!({VALIDATORS[0]: {"balance": "0x64"}}));
        assert!(compose(&VALIDATORS, None, &coins).unwrap().contains("\"balance\": \"0x64\""));
        let spoiled = compose(&VALIDATORS, None, &of("extraData", json!("0x00"))).unwrap_err();
        assert!(spoiled.contains("extraData: 1 bytes, at least 32 belong here"), "{spoiled}");
        let others = istanbul::of_genesis(&[evm_validator(VALIDATORS[0]).unwrap()]).unwrap();
        let others = compose(&VALIDATORS, None, &of("extraData", json!(others))).unwrap_err();
        assert!(others.contains("names 1 validators that are not those of the inventory"), "{others}");
    }
}
