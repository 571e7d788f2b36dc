//! The only place that opens connections: hosts, sessions, scripts, uploads, forwards, downloads. Knows nothing of chains.

mod diagnose;
pub mod download;
pub mod error;
pub mod folder;
pub mod host;
pub mod http;
pub mod lines;
mod mux;
pub mod running;
pub mod ssh;
mod stream;
mod sudo;
