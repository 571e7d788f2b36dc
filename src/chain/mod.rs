//! What a chain is, as data and pure functions: identity, genesis, peers, configuration, units, answers of its
//! RPC. Nothing here opens a file or a connection, or knows a host.

pub mod config;
pub mod encode;
pub mod genesis;
pub mod identity;
pub mod peers;
pub mod ports;
pub mod probe;
pub mod profile;
pub mod render;
pub mod ring;
pub mod signs;
pub mod topology;
pub mod unit;
pub(crate) mod words;

/// No chain has more; CometBFT itself refuses a set of over 10 000. Nor does anything else that a node lists have more of
/// them: signatures, seals, peers.
pub const MOST_VALIDATORS: usize = 10_000;
