//! What is going on, on stderr: a live line at a terminal, plain lines elsewhere.

use std::{collections::BTreeMap, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::{Event, Outcome};

pub struct Progress {
    /// At a terminal: the live line, made when there is something to show.
    live: bool,
    bar: Option<ProgressBar>,
    quiet: bool,
    /// What each host is at.
    doing: BTreeMap<String, String>,
}

impl Progress {
    pub fn new(live: bool, quiet: bool) -> Self {
        Self { live, bar: None, quiet, doing: BTreeMap::new() }
    }

    /// Takes the live line away; it comes back with the next event.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn wake(&mut self) {
        if !self.live || self.bar.is_some() {
            return;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        self.bar = Some(bar);
    }

    pub fn show(&mut self, event: &Event) {
        if self.quiet {
            return;
        }
        self.wake();
        match event {
            Event::Started { host, step, .. } => {
                self.doing.insert(host.clone(), step.clone());
            }
            Event::Step { host, step, outcome, took, .. } => {
                self.doing.remove(host);
                if *outcome != Outcome::Ok {
                    self.line(&format!(
                        "{:8} {host}: {step} ({:.1} s)",
                        outcome.as_str(),
                        took.as_secs_f64()
                    ));
                }
            }
            Event::Stage { host, stage, outcome, took } => {
                self.doing.remove(host);
                if *outcome == Outcome::Failed {
                    self.line(&format!("{:8} {host}: {stage} ({:.1} s)", "failed", took.as_secs_f64()));
                }
            }
            Event::Sent { host, sent, total } => {
                let percent = sent * 100 / (*total).max(1);
                self.doing.insert(host.clone(), format!("uploading, {percent} %"));
            }
            Event::Waiting { what } => {
                self.doing.clear();
                self.doing.insert(String::new(), format!("waiting for {what}"));
            }
        }
        self.redraw();
    }

    fn redraw(&self) {
        if let Some(bar) = &self.bar {
            let parts: Vec<String> = self
                .doing
                .iter()
                .map(|(host, what)| if host.is_empty() { what.clone() } else { format!("{host}: {what}") })
                .collect();
            bar.set_message(parts.join(" · "));
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => anstream::eprintln!("{text}"),
        }
    }
}
