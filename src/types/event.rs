//! What happens during a run, as it happens: told to whoever shows it.

use std::{sync::Arc, time::Duration};

use super::stage::StageName;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Changed,
    Failed,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Changed => "changed",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone)]
pub enum Event {
    /// A stage begins, with these hosts.
    Begins {
        stage: StageName,
        hosts: Vec<String>,
    },
    /// A host has its turn (`-f`), and begins with the stage.
    Turn {
        host: String,
        stage: StageName,
    },
    /// A step begins on a host.
    Started {
        host: String,
        stage: StageName,
        step: String,
    },
    Step {
        host: String,
        stage: StageName,
        step: String,
        outcome: Outcome,
        took: Duration,
    },
    /// A host is through with a stage.
    Stage {
        host: String,
        stage: StageName,
        outcome: Outcome,
        took: Duration,
    },
    /// Bytes sent of a file that goes up.
    Sent {
        host: String,
        sent: u64,
        total: u64,
    },
    /// What a wait waits for, in a few words.
    Waiting {
        what: String,
    },
}

/// Where events go, in the order in which they happen; cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    pub fn new(to: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(to))
    }

    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }
}
