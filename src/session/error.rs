//! How a command can end badly: data here, words in `cli::view`, and the one table of exit codes.

use crate::{
    remote::error::HostError,
    types::{code::Class, diagnostic::Diagnostic},
};

#[derive(Debug)]
pub enum Failure {
    /// Something that a person wrote is wrong; nothing was touched.
    Input(Vec<Diagnostic>),
    /// Hosts failed, each for its own reason.
    Hosts(Vec<(String, HostError)>),
    /// The plan may not go on.
    Refused(Vec<Diagnostic>),
    /// So many rows of the verification failed.
    Checks(usize),
    /// A node that was restarted does not take part again: its name, and what it has not shown.
    Gate(String, String),
    /// After its stages the plan still wants the same: a defect, or somebody works against us.
    NoProgress(String),
    /// The control machine itself.
    Here(String),
    Interrupted,
}

pub const OK: u8 = 0;
pub const FAILED: u8 = 1;
pub const BAD_INPUT: u8 = 2;
pub const REFUSED: u8 = 3;
pub const LOCKED: u8 = 4;
pub const PENDING: u8 = 10;
pub const INTERRUPTED: u8 = 130;

impl Failure {
    /// Of several, 3 counts before 1.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Input(_) => BAD_INPUT,
            Self::Interrupted => INTERRUPTED,
            Self::Hosts(errors) if errors.iter().any(|(_, e)| matches!(e, HostError::Interrupted)) => {
                INTERRUPTED
            }
            Self::Hosts(errors)
                if errors
                    .iter()
                    .any(|(_, e)| matches!(e, HostError::Locked(..) | HostError::Twice { .. })) =>
            {
                LOCKED
            }
            Self::Refused(refusals) => match refusals.iter().map(Diagnostic::class).max() {
                Some(Class::Safety) => REFUSED,
                Some(Class::Input) => BAD_INPUT,
                _ => FAILED,
            },
            Self::Hosts(_) | Self::Checks(_) | Self::Gate(..) | Self::NoProgress(_) | Self::Here(_) => FAILED,
        }
    }
}
