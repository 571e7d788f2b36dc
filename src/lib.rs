//! loomctl: from N bare Linux hosts to one verified chain. ARCHITECTURE.md is the map.

pub mod apply;
#[cfg(test)]
mod architecture;
pub mod binary;
pub mod chain;
pub mod cli;
pub mod error;
pub mod event;
pub mod facts;
pub mod fleet;
#[cfg(test)]
mod fuzz;
pub mod harmless;
pub mod interrupt;
pub mod inventory;
pub mod limited;
pub mod look;
pub mod masked;
pub mod model;
pub mod ops;
pub mod plan;
pub mod problem;
pub mod remote;
pub mod run;
pub mod seal;
pub mod shell;
pub mod text;
pub mod vagrant;
pub mod verify;
