//! libyaml's scanner and parser (0.2.5), which read YAML for `PyYAML` and so for Ansible: a text to events with their places.
//!
//! After libyaml (MIT, copyright 2017-2020 Ingy döt Net, 2006-2016 Kirill Simonov), function by function, in Rust that cannot
//! panic. YAML's own grammar is stricter in some places and more lenient in others: whatever is changed here has to agree with
//! `PyYAML` (`inventory::documents` of the suite).

mod cursor;
mod parser;
mod scalars;
mod scanner;
mod tags;

pub use cursor::{Cursor, Mark, is_break};
pub use parser::Parser;
pub use scalars::{TAB_IN_BLOCK, TAB_IN_INDENT};

/// What a document consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    DocumentStart,
    DocumentEnd,
    Alias(String),
    Scalar {
        name: Named,
        text: String,
        style: Style,
    },
    SequenceStart(Named),
    MappingStart(Named),
    /// Of a sequence or a mapping.
    End,
    StreamEnd,
}

/// Anchor and whole tag of a node: `!unsafe`, `tag:yaml.org,2002:str`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    pub anchor: Option<String>,
    pub tag: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Quoted,
    Block,
}

/// From its first character to the one after its last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: Mark,
    pub end: Mark,
}

/// Why a text cannot be read any further, in libyaml's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    pub problem: &'static str,
    pub mark: Mark,
    /// Where that began in which it was found.
    pub began: Option<Mark>,
}

type Result<T> = std::result::Result<T, Wrong>;

fn wrong<T>(problem: &'static str, mark: Mark, began: Option<Mark>) -> Result<T> {
    Err(Wrong { problem, mark, began })
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    StreamEnd,
    Version(u32, u32),
    TagDirective { handle: String, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    Tag { handle: String, suffix: String },
    Scalar { text: String, style: Style },
}
