//! Lists whose entries a profile finds by name (loom's contracts), in the order of the first document: on each host an entry may
//! stand elsewhere, and is compared with the one of its name.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    GenesisProblem,
    path::DocPath,
    text::{Parts, Sound, parts},
};
use crate::chain::profile::Document;

/// The text with every such list in the order of `base`. Where the names themselves differ, that is what is wrong with it.
pub(super) fn aligned<'a>(
    name: &str,
    rule: &Document,
    base: &Sound<'_>,
    mut text: Sound<'a>,
) -> Result<Sound<'a>, GenesisProblem> {
    for (keys, field) in lists(rule) {
        let of_base = below(base.as_str().trim(), &keys).and_then(|list| named(list, field));
        let list = below(text.as_str().trim(), &keys).map(|list| (list, named(list, field)));
        let (Some(wanted), Some((list, Some(found)))) = (of_base, list) else { continue };
        let order: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
        let entries: BTreeMap<&str, &str> =
            found.iter().map(|(name, entry)| (name.as_str(), *entry)).collect();
        let missing = order.iter().filter(|name| !entries.contains_key(*name)).copied().collect::<Vec<_>>();
        let known: BTreeSet<&str> = order.iter().copied().collect();
        let more = entries.keys().filter(|name| !known.contains(*name)).copied().collect::<Vec<_>>();
        if !missing.is_empty() || !more.is_empty() {
            let part = |names: Vec<&str>, words: &str| {
                if names.is_empty() { None } else { Some(format!("{words} {}", few(&names))) }
            };
            let both = [part(missing, "lacks"), part(more, "has besides")];
            let why = both.into_iter().flatten().collect::<Vec<_>>().join(", and ");
            return Err(GenesisProblem::new(name, format!("must have the same entries on all hosts: {why}"))
                .at(keys.join(".")));
        }
        if order.iter().copied().eq(found.iter().map(|(name, _)| name.as_str())) {
            continue;
        }
        let entries: Vec<&str> = order.iter().filter_map(|name| entries.get(name).copied()).collect();
        let list_again = format!("[{}]", entries.join(","));
        let start = list.as_ptr().addr() - text.as_str().as_ptr().addr();
        text = text.with(start..start + list.len(), &list_again);
    }
    Ok(text)
}

/// The first of them: there may be many.
fn few(names: &[&str]) -> String {
    const SAID: usize = 10;
    let more = names.len().saturating_sub(SAID);
    let said = names.iter().take(SAID).copied().collect::<Vec<_>>().join(", ");
    if more == 0 { said } else { format!("{said} and {more} more") }
}

/// The lists, by their keys, that any path of the rule looks into by a member of the entries, and that member.
fn lists(rule: &Document) -> BTreeMap<Vec<&str>, &str> {
    let ids = rule.chain_id.iter().flat_map(|rule| &rule.at);
    let paths = ids.chain([&rule.validators.at]).chain(&rule.may_differ).chain(&rule.quoted);
    paths.filter_map(DocPath::named_list).collect()
}

fn below<'v>(value: &'v str, keys: &[&str]) -> Option<&'v str> {
    keys.iter().try_fold(value, |value, key| member(value, key))
}

fn member<'v>(object: &'v str, key: &str) -> Option<&'v str> {
    let Parts::Object(entries) = parts(object) else { return None };
    entries.into_iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The entries with their names, if each has one of its own.
fn named<'v>(list: &'v str, field: &str) -> Option<Vec<(String, &'v str)>> {
    let Parts::List(entries) = parts(list) else { return None };
    let name = |entry: &&'v str| Some((serde_json::from_str::<String>(member(entry, field)?).ok()?, *entry));
    let named: Vec<_> = entries.iter().map(name).collect::<Option<_>>()?;
    let mut names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).all(|two| two[0] != two[1]).then_some(named)
}
