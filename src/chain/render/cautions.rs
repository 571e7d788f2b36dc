//! Settings of the inventory that the profile warns of.

use serde_json::Value;

use super::sets::file_named;
use crate::{
    chain::{
        basics::Settings,
        config::flatten,
        profile::{Caution, Profile},
    },
    types::{code::Code, diagnostic::Diagnostic},
};

/// What the settings of a node do to it.
pub fn cautions(profile: &Profile, settings: &Settings, is_validator: bool) -> Vec<Diagnostic> {
    let about = |caution: &&Caution| is_validator || !caution.validators;
    let found = profile.cautions.iter().filter(about).filter_map(|caution| {
        let files = settings.iter().filter(|(name, _)| file_named(profile, name) == Some(&caution.file));
        let mut keys = files.flat_map(|(_, keys)| flatten(keys));
        let (_, value) = keys.rfind(|(key, _)| *key == caution.key)?;
        (!caution.but.iter().any(|but| same(but, &value))).then(|| diagnostic(caution, &value))
    });
    found.collect()
}

fn diagnostic(caution: &Caution, value: &Value) -> Diagnostic {
    let message = format!("`{}` is {value} in {}: {}", caution.key, caution.file, caution.why);
    let (problem, code) = if caution.refused {
        (Diagnostic::error(message), Code::HarmfulSetting)
    } else {
        (Diagnostic::warning(message), Code::RiskySetting)
    };
    problem.coded(code).help(caution.help.as_str())
}

/// Numbers and truth may be written as texts.
fn same(a: &Value, b: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text(a) == text(b)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn said(chain: &str, settings: &Value, is_validator: bool) -> Vec<(bool, String)> {
        let settings: Settings =
            BTreeMap::from([("config.toml".to_owned(), settings.as_object().unwrap().clone())]);
        let found = cautions(&Profile::builtin(chain).unwrap(), &settings, is_validator);
        found.into_iter().map(|problem| (problem.is_error(), problem.message)).collect()
    }

    #[test]
    fn settings_that_harm_a_validator_are_named() {
        for chain in ["cometbft", "cosmos", "cometbft-app"] {
            for on in
                [json!({"blocksync.adaptive_sync": true}), json!({"blocksync": {"adaptive_sync": "true"}})]
            {
                let found = said(chain, &on, true);
                assert!(found.len() == 1 && found[0].0 && found[0].1.contains("equivocate"), "{found:?}");
                assert!(said(chain, &on, false).is_empty(), "a full node votes for nothing");
            }
            assert!(said(chain, &json!({"blocksync.adaptive_sync": false}), true).is_empty());
            let found = said(chain, &json!({"consensus.double_sign_check_height": 10}), true);
            assert!(found.len() == 1 && !found[0].0 && found[0].1.contains("0.37"), "{found:?}");
            assert!(said(chain, &json!({"consensus.double_sign_check_height": 0}), true).is_empty());
            let found = said(chain, &json!({"priv_validator_laddr": "tcp://127.0.0.1:26659"}), true);
            assert!(
                found.len() == 1 && !found[0].0 && found[0].1.contains("the key in the node's own file"),
                "{found:?}"
            );
            assert!(said(chain, &json!({"priv_validator_laddr": "", "moniker": "x"}), true).is_empty());
        }
    }
}
