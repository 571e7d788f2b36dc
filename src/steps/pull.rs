//! How a binary comes to a host by its URL: pulled by the host itself, or through this machine.

use crate::script::compose::Part;

pub const ROOT: Part = Part::Root(include_str!("pull.sh"));

/// What a step's name says of it.
pub fn through(relayed: Option<&String>) -> &'static str {
    if relayed.is_some() { " through this machine" } else { "" }
}

/// Why a step is wanted, and why it goes through this machine.
pub fn hindered(why: &str, relayed: Option<&String>) -> String {
    relayed.map_or_else(
        || why.to_owned(),
        |hindrance| format!("{why}, and the host cannot pull it: {hindrance}"),
    )
}

#[cfg(test)]
mod tests;
