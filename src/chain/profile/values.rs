//! Small values of a profile, checked when they are read.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::types::ids::{Invalid, RemotePath};

/// Permission bits, written as a quoted octal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Mode(pub u32);

/// A path below the node's working directory, in normal form; it cannot climb out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, serde::Serialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct HomePath(String);

impl HomePath {
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if text.starts_with('/') {
            return Err(Invalid {
                what: "path",
                why: format!("{text:?} must be relative to the node's home"),
            });
        }
        let below = RemotePath::new(format!("/{text}"))?;
        if text.contains(char::is_control) || text.split('/').any(|part| part.len() > 255) {
            let why = format!("{text:?} holds a control character, or a name of more than 255 bytes");
            return Err(Invalid { what: "path", why });
        }
        match below.as_str() {
            "/" => Err(Invalid { what: "path", why: "is empty".into() }),
            path => Ok(Self(path[1..].to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Below a node's home, or below the folder that init is staged in.
    #[allow(clippy::expect_used, clippy::missing_panics_doc)] // `new` has seen the same text pass RemotePath's check.
    pub fn under(&self, home: &RemotePath) -> RemotePath {
        home.join(&self.0).expect("checked when it was made")
    }
}

impl TryFrom<String> for HomePath {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(&text)
    }
}

impl fmt::Display for HomePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Mode {
    fn default() -> Self {
        Self(0o644)
    }
}

impl TryFrom<String> for Mode {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        match u32::from_str_radix(&text, 8) {
            Ok(bits) if bits <= 0o7777 => Ok(Self(bits)),
            _ => Err(Invalid {
                what: "mode",
                why: format!("{text:?} is not an octal number such as \"0600\""),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn home_paths_stay_in_the_home() {
        let home = RemotePath::new("/home/u").unwrap();
        let path = HomePath::new("./config//config.toml").unwrap();
        assert_eq!((path.as_str(), path.file_name()), ("config/config.toml", "config.toml"));
        assert_eq!(path.under(&home).as_str(), "/home/u/config/config.toml");
        for bad in [
            "",
            ".",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a\nb",
            "a\tb",
            "a\u{1b}[2J",
            "a\u{9b}b",
            &"x".repeat(256),
        ] {
            assert!(HomePath::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(Mode::try_from("0600".to_owned()).unwrap(), Mode(0o600));
        assert!(Mode::try_from("rw".to_owned()).is_err() && Mode::try_from("77777".to_owned()).is_err());
    }
}
