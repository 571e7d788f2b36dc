//! Scripts: what is sent to a host, and the lines that come back.

pub mod quote;
pub mod record;
pub mod render;
pub mod script;

#[cfg(test)]
mod tests;
