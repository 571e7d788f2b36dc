//! The only place that decides.

pub mod step;
