//! Genesis documents: composed once, before birth, from what each validator's `init` made; the same bytes on all
//! hosts for ever.

mod align;
mod amino;
pub mod check;
mod claims;
pub mod compare;
pub mod diff;
pub mod encode;
mod gentx;
pub mod istanbul;
mod layout;
pub mod merge;
pub mod partial;
pub mod path;
mod reader;
pub mod standalone;
#[cfg(test)]
mod tests;
pub mod text;
mod time;
pub mod tool;
pub mod validators;

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::types::{
    code::Code,
    diagnostic::Diagnostic,
    ids::{Power, ValidatorKey},
};

pub use check::check;
pub use diff::{Difference, difference};
pub use merge::{Compose, Merging, compose, overridden};
pub use validators::{Validator, validators_of};

/// What one validator's init made, untouched.
#[derive(Debug, Clone)]
pub struct NodeDocs {
    /// The node's name, or the file that the document came from.
    pub whose: String,
    /// From the node's own key file, where there is one, and not from its documents.
    pub key: ValidatorKey,
    /// The inventory's; None keeps what init wrote.
    pub power: Option<Power>,
    /// By the profile's document name.
    pub documents: BTreeMap<String, String>,
}

/// `genesis:` of the inventory: document → path → value, set over the composed documents.
pub type Overrides = BTreeMap<String, serde_json::Map<String, Value>>;

/// One thing that is wrong with a document: whose, which, where in it, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisProblem {
    pub whose: Option<String>,
    pub document: String,
    pub path: Option<String>,
    pub message: String,
    pub help: Option<String>,
}

impl GenesisProblem {
    pub fn new(document: &str, message: impl Into<String>) -> Self {
        Self { whose: None, document: document.to_owned(), path: None, message: message.into(), help: None }
    }

    pub fn diagnostic(self, code: Code) -> Diagnostic {
        Diagnostic { help: self.help.clone(), ..Diagnostic::error(self.to_string()).coded(code) }
    }

    /// As it is said of several: without a name.
    fn of_all(&self) -> Self {
        let own = self.whose.as_ref().map(|whose| format!(", {whose} has "));
        let message =
            own.map_or_else(|| self.message.clone(), |own| self.message.replace(&own, ", these have "));
        Self { whose: None, message, ..self.clone() }
    }

    #[must_use]
    fn of(mut self, whose: &str) -> Self {
        self.whose = Some(whose.to_owned());
        self
    }

    #[must_use]
    #[allow(clippy::needless_pass_by_value)] // Places are made for this one call.
    fn at(mut self, path: impl fmt::Display) -> Self {
        self.path = Some(path.to_string());
        self
    }

    #[must_use]
    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What several hosts have alike is one problem of all of them, and a help that one after another has stands at the last.
fn once(problems: Vec<GenesisProblem>) -> Vec<GenesisProblem> {
    let mut once: Vec<GenesisProblem> = Vec::new();
    for problem in problems {
        let alike = |other: &&mut GenesisProblem| {
            other.whose.is_some() && problem.whose.is_some() && other.of_all() == problem.of_all()
        };
        match once.iter_mut().find(alike) {
            Some(other) => {
                let all = [&other.whose, &problem.whose]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ");
                *other = GenesisProblem { whose: Some(all), ..other.of_all() };
            }
            None => once.push(problem),
        }
    }
    for next in (1..once.len()).rev() {
        if once[next - 1].help.is_some() && once[next - 1].help == once[next].help {
            once[next - 1].help = None;
        }
    }
    once
}

impl fmt::Display for GenesisProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(whose) = &self.whose {
            write!(f, "{whose}: ")?;
        }
        write!(f, "genesis document `{}`: ", self.document)?;
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.message)
    }
}
