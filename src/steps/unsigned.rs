//! A sign state at zero: only for a chain that is gone on every node (S13).

use serde::{Deserialize, Serialize};

use super::{Kind, Step};
use crate::{
    chain::profile::Profile,
    facts::NodeFacts,
    script::{compose::Part, quote::words},
    types::ids::RemotePath,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unsigned {
    pub path: RemotePath,
    /// Before `height`, `round` and `step` (the profile's).
    #[serde(default)]
    pub prefix: String,
}

impl Unsigned {
    /// The node's sign state at zero, where its chain has one.
    pub fn of(profile: &Profile, home: &RemotePath) -> Option<Step> {
        let signs = profile.sign_state.as_ref()?;
        Some(Step::Unsigned(Self { path: signs.file.under(home), prefix: signs.prefix.clone() }))
    }
}

impl Kind for Unsigned {
    fn word(&self) -> &'static str {
        "unsigned"
    }

    fn subject(&self) -> String {
        self.path.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        let height = facts.signed_height.unwrap_or(0);
        (height > 0).then(|| format!("stands at height {height}"))
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        seen.signed_height = Some(0);
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("unsigned.sh")), Part::Hand(include_str!("unsigned.hand.sh"))]
    }

    fn call(&self) -> String {
        words(["step_unsigned", self.path.as_str(), &self.prefix])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, process::Command};

    use crate::script::tests::text;

    /// The names in a sign state are the profile's: another number in the same file stays.
    #[test]
    fn s13_a_sign_state_goes_to_zero_by_the_profiles_names_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let hand = concat!(
            include_str!("../script/core.sh"),
            include_str!("unsigned.hand.sh"),
            include_str!("../script/hand.sh")
        );
        let owner = Command::new("sh").args(["-c", "echo $(id -un):$(id -gn)"]).output().unwrap();
        let unsigned = |prefix: &str, state: &str| {
            fs::write(&file, state).unwrap();
            let mut shell = Command::new("sh");
            shell.args(["-c", hand, "hand", String::from_utf8_lossy(&owner.stdout).trim(), "unsigned_is"]);
            let status = shell.arg(&file).arg(prefix).status().unwrap();
            (status.code().unwrap(), text(&file))
        };
        let plain = r#"{"height": "41", "round": 2, "step": 3, "last_height": 7, "signature": "c2ln"}"#;
        let (status, is) = unsigned("", plain);
        assert_eq!(
            (status, is.as_str()),
            (10, r#"{"height": "0", "round": 0, "step": 0, "last_height": 7}"#)
        );
        let one_file = r#"{"height": 7, "last_height":"41","last_round":"2","last_step":3, "last_signature":"c2ln", "priv_key": "k"}"#;
        let (status, is) = unsigned("last_", one_file);
        let zero = r#"{"height": 7, "last_height":"0","last_round":"0","last_step":0, "priv_key": "k"}"#;
        assert_eq!((status, is.as_str()), (10, zero));
        assert_eq!(unsigned("last_", zero), (0, zero.to_owned()));
        assert_eq!(unsigned("", one_file).1.matches("41").count(), 1, "of other names it knows nothing");
    }
}
