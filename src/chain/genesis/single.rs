//! One document by itself, as a person has it in a file: no host, no key file, no other document beside it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{GenesisProblem, NodeDocs, check::check_values, members::validators_of, parse};
use crate::{
    chain::profile::{Document, Profile},
    model::ids::ChainId,
};

/// What one validator's `init` wrote, to be merged. The key is the one that the document names: it has to name one only.
pub fn contribution(
    profile: &Profile,
    document: &str,
    whose: &str,
    text: &str,
) -> Result<NodeDocs, Vec<GenesisProblem>> {
    let own = |problems: Vec<GenesisProblem>| {
        problems.into_iter().map(|problem| problem.of(whose)).collect::<Vec<_>>()
    };
    let members = validators_of(profile, document, text).map_err(own)?;
    let [member] = members.as_slice() else {
        let message = format!("holds {} validators instead of one node's own", members.len());
        let help = "merge what `init` made on each host, before any merge";
        return Err(vec![GenesisProblem::new(document, message).of(whose).help(help)]);
    };
    Ok(NodeDocs {
        whose: whose.to_owned(),
        key: member.key.clone(),
        power: None,
        documents: BTreeMap::from([(document.to_owned(), text.to_owned())]),
    })
}

/// The chain id that the document itself names; where it names none, the profile's.
pub fn own_chain_id(profile: &Profile, document: &str, text: &str) -> ChainId {
    let json = parse(document, text).unwrap_or_default();
    let rule = profile.documents.get(document);
    rule.and_then(|rule| named(rule, &json)).unwrap_or_else(|| profile.chain_id.clone())
}

fn named(rule: &Document, json: &Value) -> Option<ChainId> {
    let places = rule.chain_id.iter().flat_map(|rule| &rule.at).flat_map(|path| path.places(json));
    places.into_iter().find_map(|place| ChainId::new(place.get(json)?.as_str()?).ok())
}

/// Everything that is wrong with a document (S5), by the chain id that it names itself. `now` is in Unix seconds.
pub fn check_one(profile: &Profile, document: &str, text: &str, now: i64) -> Vec<GenesisProblem> {
    match parse(document, text) {
        Ok(json) => {
            let chain_id = own_chain_id(profile, document, text);
            check_values(profile, &BTreeMap::from([(document.to_owned(), json)]), &chain_id, now)
        }
        Err(problem) => vec![problem],
    }
}
