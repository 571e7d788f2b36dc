//! The words of the domain, typed at the edge.

pub mod backup;
pub mod cluster;
pub mod ids;
pub mod login;
pub mod profiles;
pub mod read;
pub mod resolve;
pub mod schema;
pub mod scope;
pub mod variables;
