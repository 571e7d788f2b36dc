//! loomctl: from N bare Linux hosts to one verified chain. ARCHITECTURE.md is the map.

pub mod inventory;
pub mod problem;
