//! What a chain is, as data and pure functions: identity, genesis, peers, configuration, units, answers of its
//! RPC. Nothing here opens a file or a connection, or knows a host.

pub mod basics;
pub mod config;
pub mod encode;
mod fill;
pub mod genesis;
pub mod identity;
pub mod peers;
pub(crate) mod placeholders;
pub mod ports;
pub mod profile;
pub mod proposer;
pub mod quorum;
pub mod render;
pub mod rpc;
pub mod sign_state;
pub mod systemd;
pub mod template;
pub mod unit;

/// No chain has more; CometBFT itself refuses a set of over 10 000. Nor does anything else that a node lists have more of
/// them: signatures, seals, peers.
pub const MOST_VALIDATORS: usize = 10_000;
