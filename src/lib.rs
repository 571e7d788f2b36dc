//! loomctl: from N bare Linux hosts to one verified chain. ARCHITECTURE.md is the map.

pub mod chain;
pub mod model;
pub mod plan;
pub mod problem;
pub mod remote;
pub mod shell;
