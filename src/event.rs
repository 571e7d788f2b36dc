//! What happens during a run, as it happens: told to whoever shows it.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Changed,
    Failed,
    Skipped,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

#[derive(Debug, Clone)]
pub enum Event {
    /// A step begins on a host.
    Started {
        host: String,
        stage: &'static str,
        step: String,
    },
    Step {
        host: String,
        stage: &'static str,
        step: String,
        outcome: Outcome,
        took: Duration,
    },
    /// A host is through with a stage.
    Stage {
        host: String,
        stage: &'static str,
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

/// Where events go; cheap to clone. Nobody listening is fine.
#[derive(Debug, Clone)]
pub struct Events(UnboundedSender<Event>);

impl Events {
    pub fn new(to: UnboundedSender<Event>) -> Self {
        Self(to)
    }

    pub fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }
}
