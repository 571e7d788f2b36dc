//! The stages of a run: as decisions know them, and by the names that people and JSON read.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageName {
    Connect,
    Gather,
    Adopt,
    Accounts,
    Fetch,
    Prepare,
    Genesis,
    Start,
    Roll,
    Restore,
    Stop,
    Remove,
    Reset,
    Destroy,
    Exec,
}

impl StageName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Gather => "gather",
            Self::Adopt => "adopt",
            Self::Accounts => "accounts",
            Self::Fetch => "fetch",
            Self::Prepare => "prepare",
            Self::Genesis => "genesis",
            Self::Start => "start",
            Self::Roll => "roll",
            Self::Restore => "restore",
            Self::Stop => "stop",
            Self::Remove => "remove",
            Self::Reset => "reset",
            Self::Destroy => "destroy",
            Self::Exec => "exec",
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
