//! loomctl: from N bare Linux hosts to one verified chain. ARCHITECTURE.md is the map.
//!
//! The rooms, each of which knows only those before it (`architecture.rs` proves it).

pub mod types;

pub mod script;

pub mod chain;
pub mod inventory;

pub mod cluster;
pub mod facts;
pub mod plan;
pub mod steps;

pub mod fleet;
pub mod remote;
pub mod verify;

pub mod cli;
pub mod commands;
pub mod session;

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod fuzz;
