//! What there was to tell, kept for a report where one is wanted.

use std::{sync::Mutex, time::Instant};

use serde_json::Value;

use super::json;

pub struct Recorder {
    begun: Instant,
    /// `None`: nobody wants a report.
    events: Mutex<Option<Vec<Value>>>,
}

impl Recorder {
    pub fn new(begun: Instant) -> Self {
        Self { begun, events: Mutex::default() }
    }

    pub fn roll(&self) {
        if let Ok(mut events) = self.events.lock() {
            *events = Some(Vec::new());
        }
    }

    /// As `--json` prints them.
    pub fn events(&self) -> Vec<Value> {
        self.events.lock().map(|events| events.clone().unwrap_or_default()).unwrap_or_default()
    }

    /// With the time that it is now; made only where somebody wants them.
    pub fn add(&self, make: impl FnOnce() -> Vec<Value>) {
        if let Ok(mut events) = self.events.lock()
            && let Some(events) = events.as_mut()
        {
            events.extend(make().into_iter().map(|event| json::at(event, self.begun)));
        }
    }
}
