//! A profile that says only what it has otherwise than another one: `extends: cometbft`.
//!
//! Dictionaries are laid over each other, key by key; lists and values replace those of the base, and a value of null
//! takes the base's away.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Profile, builtin, yaml_error};
use crate::{
    chain::template::Template,
    types::{diagnostic::Diagnostic, nearest::nearest},
};

/// What is wrong, and the word of the text to point at (empty: nowhere in particular).
pub type Wrong = Box<(Diagnostic, String)>;

/// The chain that the text extends, if it does.
pub fn base_of(yaml: &str) -> Option<String> {
    let value: Value = serde_yaml::from_str(yaml).ok()?;
    value.get("extends")?.as_str().map(str::to_owned)
}

/// The text laid over the built-in profile that it extends, with that one's templates.
pub fn extended(yaml: &str, base: &str) -> Result<Profile, Wrong> {
    // As JSON, which is YAML too: all profiles are read, and refused, by the one reader.
    let whole = laid_over(yaml, base)?.to_string();
    let mut profile: Profile =
        serde_yaml::from_str(&whole).map_err(|error| Box::new(yaml_error::yaml_words(&error)))?;
    profile.templates = inherited(base);
    Ok(profile)
}

fn laid_over(yaml: &str, base: &str) -> Result<Value, Wrong> {
    let read =
        |text: &str| serde_yaml::from_str(text).map_err(|error| Box::new(yaml_error::yaml_words(&error)));
    let own: Value = read(yaml)?;
    let Some(files) = builtin::builtin_files(base) else {
        let known = builtin::builtin_names();
        let near = nearest(base, known.iter().copied()).map(|near| format!("; is `{near}` meant?"));
        let message = format!("there is no chain `{base}` to extend{}", near.unwrap_or_default());
        return Err(Box::new((Diagnostic::error(message), base.to_owned())));
    };
    let below = files[0].1;
    let mut value = match base_of(below) {
        Some(further) => laid_over(below, &further)?,
        None => read(below)?,
    };
    one_way_to_ask(&mut value, &own);
    lay(&mut value, own);
    if let Value::Object(map) = &mut value {
        map.shift_remove("extends");
    }
    Ok(value)
}

/// A profile says either `probe` or `probes`: where it says one of them, the base's other does not count.
fn one_way_to_ask(below: &mut Value, own: &Value) {
    let Value::Object(below) = below else { return };
    for (said, other) in [("probe", "probes"), ("probes", "probe")] {
        if own.get(said).is_some() && own.get(other).is_none() {
            below.shift_remove(other);
        }
    }
}

fn lay(below: &mut Value, over: Value) {
    match (below, over) {
        (Value::Object(below), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    below.shift_remove(&key);
                } else {
                    lay(below.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (below, over) => *below = over,
    }
}

/// The templates of the base, and of what that one extends.
fn inherited(base: &str) -> BTreeMap<String, Template> {
    let files = builtin::builtin_files(base).unwrap_or_default();
    let mut templates = match files.first().and_then(|(_, text)| base_of(text)) {
        Some(further) => inherited(&further),
        None => BTreeMap::new(),
    };
    templates.extend(files.into_iter().skip(1).map(|(name, text)| (name.to_owned(), Template::from(text))));
    templates
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parsed(yaml: &str) -> Result<Profile, String> {
        let shown = |problem: &crate::types::diagnostic::Diagnostic| {
            let help = problem.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
            format!("{}:{}{help}", problem.place.as_ref().map_or(0, |place| place.line), problem.message)
        };
        Profile::parse("mine/profile.yaml", yaml, BTreeMap::new())
            .map_err(|problems| problems.iter().map(shown).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn what_is_not_said_is_the_bases() {
        let base = Profile::builtin("cometbft").unwrap();
        let mine =
            "extends: cometbft\nname: mine\nabout: mine\nports: {prometheus: null, rpc: {default: 36657}}\n";
        let mine = parsed(mine).unwrap();
        assert_eq!((mine.name.as_str(), mine.binary.name.as_str()), ("mine", "cometbft"));
        assert_eq!((mine.ports.len(), mine.ports["rpc"].default), (base.ports.len() - 1, 36657));
        assert_eq!(mine.ports["rpc"].from, base.ports["rpc"].from);
        assert_eq!(mine.templates, base.templates);
    }

    #[test]
    fn the_one_probe_and_a_list_of_them_take_each_others_place() {
        let mine = |yaml: &str| parsed(&format!("extends: cometbft\nname: mine\nabout: mine\n{yaml}\n"));
        let ports = |profile: &Profile| profile.probes.iter().map(|p| p.port.clone()).collect::<Vec<_>>();
        assert_eq!(ports(&mine("").unwrap()), ["rpc"]);
        assert_eq!(ports(&mine("probe: {path: /proxy}").unwrap()), ["rpc"], "laid over the base's");
        let two = mine("probes: [{kind: evm-rpc, port: p2p}, {kind: tendermint-rpc, port: rpc}]").unwrap();
        assert_eq!(
            (ports(&two), two.rpc_port()),
            (vec!["p2p".to_owned(), "rpc".to_owned()], "p2p".to_owned())
        );
        assert_eq!(
            mine("probe: {port: rpc}\nprobes: [{kind: evm-rpc, port: rpc}]").unwrap_err(),
            "5:`probe` is `probes` with one entry: give one of the two"
        );
        assert_eq!(mine("probe: null").unwrap_err(), "0:`probes` is missing: how is a node asked?");
        assert_eq!(mine("probe: {port: rcp}").unwrap_err(), "4:`ports` has no `rcp`; is `rpc` meant?");
        let path = mine("probe: {path: 'x y'}").unwrap_err();
        assert!(path.starts_with("4:`path`: \"x y\" has to begin with /"), "{path}");
    }

    #[test]
    fn what_is_said_wrongly_is_pointed_at() {
        let refused = |yaml: &str| parsed(yaml).unwrap_err();
        assert_eq!(refused("extends: comet\nname: x\n"), "1:there is no chain `comet` to extend");
        assert_eq!(
            refused("extends: comtebft\n"),
            "1:there is no chain `comtebft` to extend; is `cometbft` meant?"
        );
        let slip = "extends: cometbft\nname: x\nchain_dota: []\n";
        assert_eq!(refused(slip), "3:unknown key `chain_dota` (is `chain_data` meant?)");
        assert_eq!(refused("extends: cometbft\nbinary: null\n"), "2:`binary` is missing");
    }
}
