//! loomctl: from N bare Linux hosts to one verified chain. ARCHITECTURE.md is the map.

pub mod apply;
pub mod chain;
pub mod event;
pub mod facts;
pub mod fleet;
pub mod interrupt;
pub mod inventory;
pub mod model;
pub mod plan;
pub mod problem;
pub mod remote;
pub mod shell;
