//! The ground: words of the domain that are typed at the edge, texts, problems, limits.

pub mod code;
pub mod diagnostic;
pub mod event;
pub mod harmless;
pub mod ids;
pub mod interrupt;
pub mod limited;
pub mod login;
pub mod nearest;
pub mod ranges;
pub mod redact;
pub mod row;
pub mod scope;
pub mod stage;
pub mod text;
