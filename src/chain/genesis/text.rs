//! The text of a document. An exported state has a hundred megabytes, and a tree of its values ten times that: a document
//! stays the text that it came as, and is taken apart only where a rule speaks about it, or where two differ.

use std::{
    borrow::Cow,
    fmt,
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    ops::Range,
};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, value::RawValue};

use super::GenesisProblem;

/// Text that was read from end to end: a JSON object, and no key stands twice in any object of it.
#[derive(Debug, Clone)]
pub struct Sound<'a>(Cow<'a, str>);

impl<'a> Sound<'a> {
    pub fn read(name: &str, text: impl Into<Cow<'a, str>>) -> Result<Self, GenesisProblem> {
        let text = text.into();
        let broken = |error| GenesisProblem::new(name, format!("not JSON: {error}"));
        let mut doubles = false;
        let mut reader = serde_json::Deserializer::from_str(&text);
        Reader(&mut doubles).deserialize(&mut reader).and_then(|()| reader.end()).map_err(broken)?;
        if !text.trim_start().starts_with('{') {
            return Err(GenesisProblem::new(name, "not a JSON object"));
        }
        if doubles {
            // Rare, so it may cost: of two the last one counts, as for the chain, at the first one's place.
            let told_apart: Value = serde_json::from_str(&text).map_err(broken)?;
            return Ok(Self(told_apart.to_string().into()));
        }
        Ok(Self(text))
    }

    /// The same text for another reader.
    pub fn lend(&self) -> Sound<'_> {
        Sound(Cow::Borrowed(&self.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With another value, of a sound text too, in the place of one.
    pub(super) fn with(&self, range: Range<usize>, value: &str) -> Sound<'static> {
        let (before, after) = (&self.0[..range.start], &self.0[range.end..]);
        Sound([before, value, after].concat().into())
    }
}

/// Reads a value as `Value` would, with the same errors, and keeps nothing but whether some object has a key twice.
struct Reader<'d>(&'d mut bool);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Reader(&mut *self.0))?.is_some() {}
        Ok(())
    }

    /// Numbers come here as well, as an object of one key.
    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        // By hash: two keys that share one only send a document the long way.
        let mut keys = Vec::new();
        while let Some(key) = object.next_key_seed(Key)? {
            keys.push(key);
            object.next_value_seed(Reader(&mut *self.0))?;
        }
        keys.sort_unstable();
        *self.0 |= keys.windows(2).any(|two| two[0] == two[1]);
        Ok(())
    }
}

/// The hash of a key.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<u64, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<u64, E> {
        Ok(BuildHasherDefault::<DefaultHasher>::default().hash_one(key))
    }
}

/// What a value is made of, one level deep, as text.
#[derive(Debug)]
pub enum Parts<'a> {
    Object(Vec<(Cow<'a, str>, &'a str)>),
    List(Vec<&'a str>),
    Plain,
}

/// `value` is a value of a sound text.
pub fn parts(value: &str) -> Parts<'_> {
    let mut reader = serde_json::Deserializer::from_str(value);
    let parts = match value.as_bytes().first() {
        Some(b'{') => reader.deserialize_map(Splitter),
        Some(b'[') => reader.deserialize_seq(Splitter),
        _ => Ok(Parts::Plain),
    };
    parts.unwrap_or(Parts::Plain)
}

struct Splitter;

impl<'de> Visitor<'de> for Splitter {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Parts<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element::<&RawValue>()? {
            entries.push(entry.get());
        }
        Ok(Parts::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Parts<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = object.next_key_seed(Name)? {
            entries.push((key, object.next_value::<&RawValue>()?.get()));
        }
        Ok(Parts::Object(entries))
    }
}

/// A key, copied only where it has an escape.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
