//! The words of the domain, typed at the edge.

pub mod ids;
pub mod login;
