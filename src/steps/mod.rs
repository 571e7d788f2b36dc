//! Steps: things that can be true, or made true, on a host. What there is to know of one kind is in its file, and its
//! shell beside it.

mod account;
mod adopt;
mod binary;
mod disabled;
mod empty_gone;
mod fetch;
mod file;
mod folder;
mod gone;
mod init;
mod key;
mod link;
mod manifest;
mod reload;
mod stopped;
mod tombstone;
mod tool;
mod trial;
mod unit;
mod unsigned;
mod unused;

mod disk;
mod documents;
mod once;
mod pull;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::{
    facts::NodeFacts,
    script::compose::{Part, Script},
    types::ids::RemotePath,
};

pub use init::staging;
pub use key::MODE as KEY_MODE;
pub use tool::{STAGING as TOOL_STAGING, made_from};
pub use unit::{Run, started};

/// What stands where only a host's own init can say it.
pub const UNKNOWN: &str = "(known after init)\n";

/// All that there is to know of a step, of whatever kind.
trait Kind {
    /// The kind's own word.
    fn word(&self) -> &'static str;

    /// What it is about.
    fn subject(&self) -> String;

    /// Why it is to be done on a host with these facts; `None`: it is so already.
    fn wanted(&self, facts: &NodeFacts) -> Option<String>;

    /// Makes the facts say what the step will have brought about.
    fn bring_about(&self, seen: &mut NodeFacts);

    /// The functions that a script needs for it.
    fn shell(&self) -> &'static [Part];

    /// Lines before its own: what its function works with, where arguments are not enough.
    fn given(&self) -> Option<String> {
        None
    }

    /// Its function with the arguments, every value quoted.
    fn call(&self) -> String;
}

/// The enum of all kinds, and the way from a step to what its kind knows. (`mod` cannot stand in here: rustfmt formats no
/// file that only a macro names.)
macro_rules! kinds {
    ($($file:ident::$kind:ident,)*) => {
        $(pub use $file::$kind;)*

        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum Step {
            $($kind($kind),)*
        }

        #[cfg(test)]
        pub const KINDS: &[&str] = &[$(stringify!($kind)),*];

        impl Step {
            fn of_kind(&self) -> &dyn Kind {
                match self {
                    $(Self::$kind(step) => step,)*
                }
            }
        }
    };
}

kinds! {
    account::Account,
    folder::Folder,
    file::File,
    key::Key,
    link::Link,
    binary::Binary,
    fetch::Fetch,
    init::Init,
    tool::Tool,
    trial::Trial,
    adopt::Adopt,
    manifest::Manifest,
    unit::Unit,
    stopped::Stopped,
    disabled::Disabled,
    unsigned::Unsigned,
    gone::Gone,
    unused::Unused,
    reload::Reload,
    empty_gone::EmptyGone,
    tombstone::Tombstone,
}

impl Step {
    /// The kind's own word. Those of which nothing is left share one, which their JSON does not.
    pub fn kind(&self) -> &'static str {
        self.of_kind().word()
    }

    /// One line for people, and the `step` of events: the kind and what it is about.
    pub fn name(&self) -> String {
        format!("{} {}", self.kind(), self.of_kind().subject())
    }

    /// Why the step is to be done on a host with these facts; `None`: it is so already.
    pub fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        self.of_kind().wanted(facts)
    }

    /// Makes the facts say what the step will have brought about.
    pub fn bring_about(&self, seen: &mut NodeFacts) {
        self.of_kind().bring_about(seen);
    }

    /// One more step of a script, by its number there, with the functions that it needs.
    pub fn add_to(&self, script: &mut Script, number: usize) {
        let kind = self.of_kind();
        script.needs(kind.shell());
        if let Some(given) = kind.given() {
            script.line(given);
        }
        script.line(format!("step {number} {}", kind.call()));
    }

    /// The path and the new text, where the step puts a text somewhere: what a diff shows.
    pub fn text(&self) -> Option<(&RemotePath, &str)> {
        match self {
            Self::File(file) => Some((&file.path, &file.content)),
            _ => None,
        }
    }
}
