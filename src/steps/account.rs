//! A system account with a group and a home of its own. Nothing removes it again.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    facts::{Account as Known, NodeFacts},
    script::{compose::Part, quote::words},
    types::ids::{RemotePath, UserName},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub user: UserName,
}

impl Kind for Account {
    fn word(&self) -> &'static str {
        "account"
    }

    fn subject(&self) -> String {
        self.user.to_string()
    }

    fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        facts.account.is_none().then(|| "does not exist".to_owned())
    }

    fn bring_about(&self, seen: &mut NodeFacts) {
        // As useradd does it where nobody has changed its defaults.
        let home = RemotePath::new(format!("/home/{}", self.user)).ok();
        seen.home = seen.home.take().or_else(|| home.clone());
        seen.account = home.map(|home| Known { uid: 0, group: self.user.to_string(), home });
    }

    fn shell(&self) -> &'static [Part] {
        &[Part::Root(include_str!("account.sh"))]
    }

    fn call(&self) -> String {
        words(["step_account", self.user.as_str()])
    }
}
