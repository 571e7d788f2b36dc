//! How a host is spoken to: what is sent to it, and the lines that come back.

pub mod compose;
pub mod quote;
pub mod record;

#[cfg(test)]
pub mod tests;
