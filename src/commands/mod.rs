//! Commands on a running cluster that are neither plan nor proof.

pub mod doctor;
pub mod encryption;
pub mod exec;
pub mod history;
pub mod io_log;
pub mod keys;
pub mod logs;
pub mod standing;
pub mod status;
pub mod watch;
