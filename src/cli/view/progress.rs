//! What is going on, on stderr: at a terminal a few lines that move, plain lines elsewhere.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use console::{Term, measure_text_width};

use super::{out, progress_state::ProgressState};
use crate::types::{
    event::{Event, Outcome},
    harmless,
};

/// The moving lines are redrawn so often, for their times.
const TICK: Duration = Duration::from_millis(100);

pub struct Progress {
    /// A terminal whose lines can be drawn again.
    term: Option<Term>,
    quiet: bool,
    begun: Instant,
    state: ProgressState,
    /// Whether there is something to show: not before the first event, nor once results are printed.
    awake: bool,
    /// The lines above the cursor, as they were drawn.
    drawn: Vec<String>,
}

/// Draws it until it is dropped.
pub fn keep_moving(progress: &Arc<Mutex<Progress>>) {
    if progress.lock().is_ok_and(|progress| progress.term.is_none()) {
        return;
    }
    let progress = Arc::downgrade(progress);
    std::thread::spawn(move || {
        while let Some(progress) = progress.upgrade() {
            if let Ok(mut progress) = progress.lock() {
                progress.draw(None);
            }
            drop(progress);
            std::thread::sleep(TICK);
        }
    });
}

impl Progress {
    /// `live`: lines may move, where stderr is a terminal.
    pub fn new(live: bool, quiet: bool, begun: Instant) -> Self {
        let term = live.then(Term::buffered_stderr).filter(|term| term.features().is_attended());
        let dumb = std::env::var_os("TERM").is_none_or(|name| name == "dumb");
        let (state, drawn) = (ProgressState::default(), Vec::new());
        Self { term: term.filter(|_| !dumb), quiet, begun, state, awake: false, drawn }
    }

    /// Takes the moving lines away; they come back with the next event.
    pub fn clear(&mut self) {
        self.awake = false;
        self.draw(None);
    }

    pub fn show(&mut self, event: &Event) {
        if self.quiet {
            return;
        }
        self.awake = true;
        self.state.take(event, self.begun.elapsed());
        let line = match event {
            Event::Step { host, step, outcome, took, .. } if *outcome != Outcome::Ok => {
                format!("{:8} {host}: {step} ({:.1} s)", outcome.as_str(), took.as_secs_f64())
            }
            Event::Stage { host, stage, outcome: Outcome::Failed, took } => {
                format!("{:8} {host}: {stage} ({:.1} s)", "failed", took.as_secs_f64())
            }
            _ => return,
        };
        if self.term.is_some() {
            self.draw(Some(&harmless::line(&line)));
        } else {
            out::say(line);
        }
    }

    /// The lines as they are now; `stays` goes above them.
    fn draw(&mut self, stays: Option<&str>) {
        let Some(term) = &self.term else { return };
        let (rows, columns) = term.size();
        let (rows, columns) = (usize::from(rows), usize::from(columns));
        let lines =
            if self.awake { self.state.lines(self.begun.elapsed(), rows, columns) } else { Vec::new() };
        if stays.is_none() && lines == self.drawn {
            return;
        }
        // A terminal that has become narrower since has wrapped them.
        let height = |line: &String| measure_text_width(line).div_ceil(columns.max(1)).max(1);
        let above: usize = self.drawn.iter().map(height).sum();
        // Nobody can be told that the terminal has gone away. Line by line, what the terminal has echoed (^C) as well:
        // some terminals keep for their scrollback what is cleared from the top of the screen to its end.
        let _ = term.clear_line();
        let _ = term.clear_last_lines(above.min(rows.saturating_sub(1)));
        for line in stays.into_iter().chain(lines.iter().map(String::as_str)) {
            let _ = term.write_line(line);
        }
        let _ = term.flush();
        self.drawn = lines;
    }
}
