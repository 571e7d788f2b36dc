//! A YAML document as a tree in which every node knows its place.

mod explain;
mod json;
mod libyaml;
mod reader;

use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::Value;

use super::{
    Marks,
    python::{self, Words},
};
use crate::types::diagnostic::Place;
pub(super) use explain::{conflict, of_conflict};
pub(super) use reader::{not_json, read};

#[derive(Debug)]
pub(super) struct Node {
    pub place: Place,
    pub kind: Kind,
    /// Tagged `!unsafe`: its texts are never templates.
    pub literal: bool,
    /// Encrypted with Ansible Vault.
    sealed: bool,
    depth: usize,
    /// How many nodes it stands for, itself included and aliases followed.
    pub nodes: usize,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar(Value),
    /// The plain key `<<`.
    Merge,
    Sequence(Vec<Rc<Node>>),
    /// By the key's text, in the order of Python's dict: a repeated key keeps its first position.
    Mapping(IndexMap<String, Entry>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: Rc<Node>,
    pub value: Rc<Node>,
}

impl Node {
    /// What it is, for messages.
    pub fn is_a(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(Value::Null) => "nothing",
            Kind::Scalar(Value::Bool(_)) => "a boolean",
            Kind::Scalar(Value::Number(_)) => "a number",
            Kind::Scalar(_) => "a text",
            Kind::Merge => "a merge key",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a dictionary",
        }
    }

    /// An empty value.
    pub fn nothing(place: Place) -> Self {
        Self { place, kind: Kind::Scalar(Value::Null), literal: false, sealed: false, depth: 1, nodes: 1 }
    }

    /// The text of a key, as Python's JSON writes keys; none for lists and dictionaries.
    pub fn key_text(&self) -> Option<String> {
        match &self.kind {
            Kind::Scalar(Value::String(text)) => Some(text.clone()),
            Kind::Scalar(Value::Number(number)) => Some(python::number(&number.to_string(), Words::Json)),
            Kind::Scalar(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// The entries of a dictionary.
    pub fn entries(&self) -> Option<&IndexMap<String, Entry>> {
        match &self.kind {
            Kind::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Scalar(Value::Null))
    }

    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The value as JSON; the pointers of what was tagged are added to `marks`.
    pub fn value(&self, marks: &mut Marks) -> Value {
        self.value_at("", marks)
    }

    fn value_at(&self, pointer: &str, marks: &mut Marks) -> Value {
        if self.literal {
            marks.literal.push(pointer.to_owned());
        }
        if self.sealed {
            marks.sealed.push(pointer.to_owned());
        }
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::Merge => Value::String("<<".to_owned()),
            Kind::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| item.value_at(&format!("{pointer}/{index}"), marks))
                .collect(),
            Kind::Mapping(entries) => entries
                .iter()
                .map(|(key, entry)| (key.clone(), entry.value.value_at(&child(pointer, key), marks)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// The JSON pointer of a member.
pub(super) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}
