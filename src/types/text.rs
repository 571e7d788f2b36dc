//! A file's text, shared by all that hold it. What is worked out of it is worked out once: a plan asks the same few files of
//! each node for their ports, their peers and their checksums several times.

mod toml;

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::types::ids::Sha256;
pub use toml::{Place, Places, json};

#[derive(Clone)]
pub struct Text(Arc<Inner>);

struct Inner {
    text: String,
    sha256: OnceLock<Sha256>,
    toml: OnceLock<Result<Places, String>>,
}

impl Text {
    pub fn sha256(&self) -> &Sha256 {
        self.0.sha256.get_or_init(|| Sha256::of(&self.0.text))
    }

    /// Its values, if it is TOML; else what the parser says.
    pub fn toml(&self) -> Result<&Places, &str> {
        self.0.toml.get_or_init(|| Places::of(&self.0.text)).as_ref().map_err(String::as_str)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Arc::new(Inner { text, sha256: OnceLock::new(), toml: OnceLock::new() }))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_text_is_what_it_says_whoever_holds_it() {
        let text = Text::from("a = 1\n");
        assert_eq!(text, Text::from("a = 1\n".to_owned()));
        assert_eq!(*text.sha256(), Sha256::of("a = 1\n"));
        assert!(std::ptr::eq(text.toml().unwrap(), text.clone().toml().unwrap()), "read once");
        assert!(Text::from("a = = 1").toml().unwrap_err().contains("line 1"));
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(json, r#""a = 1\n""#);
        assert_eq!(serde_json::from_str::<Text>(&json).unwrap(), text);
    }
}
