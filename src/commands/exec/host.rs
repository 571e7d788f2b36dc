//! The command on one host: sent, listened to, and ended before its time where it has to be.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Printed, Wanted, output::KEPT};
use crate::{
    remote::{error::HostError, host::Host, http::nonce, running::Running},
    script::{compose::Script, quote::words, record::Record},
    types::interrupt::Interrupt,
};

const RUN: &str = include_str!("run.sh");

/// Without root nothing is started that was to be root's.
const ROOT_ALONE: &str = r#"own_uid
[ "$uid" = 0 ] || { say fact exec uid "$uid"; finish 1; }"#;

/// After its end the command's output ends as well, unless something in the background holds it: so long nothing may come.
const HELD: Duration = Duration::from_secs(5);

/// A command that is ended has five seconds before it is killed (run.sh); so long it is waited for in all.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// The exit status. What came until an error is in `printed` all the same.
pub async fn run(
    host: &Host,
    wanted: &Wanted,
    mut interrupt: Interrupt,
    printed: &mut Printed,
) -> Result<i32, HostError> {
    let (script, doing) = (script(wanted), "starting the command");
    let start = async {
        if wanted.as_root {
            host.start(&script, doing).await
        } else {
            host.start_as_login(&script, doing).await
        }
    };
    let mut running = tokio::select! {
        running = start => running?,
        () = interrupt.wait() => return Err(HostError::Interrupted),
    };
    running.keep_alive();
    let mut course = Course::begin(wanted.limit);
    listen(&mut running, &mut course, interrupt, printed).await?;
    course.end()
}

fn script(wanted: &Wanted) -> Script {
    let mut script = Script::new(&nonce());
    script.line(RUN).line("say ready");
    if wanted.as_root {
        script.line(ROOT_ALONE);
    }
    let most = KEPT.to_string();
    script.line(words(["run", &most].into_iter().chain(wanted.argv.iter().map(String::as_str))));
    script
}

async fn listen(
    running: &mut Running,
    course: &mut Course,
    mut interrupt: Interrupt,
    printed: &mut Printed,
) -> Result<(), HostError> {
    loop {
        let (until, is_cut) = (course.until(), course.cut.is_some());
        let time_is_up = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let by_hand = tokio::select! {
            record = running.next() => match record {
                Ok(Some(Record::End { .. }) | None) => return Ok(()),
                Ok(Some(record)) => {
                    course.take(record, printed)?;
                    continue;
                }
                // What it is there now is not known.
                Err(HostError::Lost(_)) => return Err(HostError::CutOff),
                Err(error) => return Err(error),
            },
            () = time_is_up => false,
            () = interrupt.wait(), if !is_cut => true,
        };
        if is_cut {
            return Ok(());
        }
        course.cut(by_hand, printed);
        running.hang_up().await;
    }
}

/// Why the life line was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Overdue(Duration),
    Interrupted,
    /// The command had ended, its output had not.
    Held,
}

/// How far the command has come.
struct Course {
    limit: Option<(Instant, Duration)>,
    status: Option<i32>,
    cut: Option<Cut>,
    /// When a record came last, or the life line was cut.
    last: Instant,
}

impl Course {
    fn begin(limit: Option<Duration>) -> Self {
        let now = Instant::now();
        // An end beyond all clocks is none.
        let limit = limit.and_then(|limit| Some((now.checked_add(limit)?, limit)));
        Self { limit, status: None, cut: None, last: now }
    }

    /// When nothing more is waited for, as it is now.
    fn until(&self) -> Option<Instant> {
        match (self.cut, self.status) {
            (Some(_), _) => Some(self.last + LAST_WORDS),
            (None, Some(_)) => Some(self.last + HELD),
            (None, None) => self.limit.map(|(until, _)| until),
        }
    }

    fn take(&mut self, record: Record, printed: &mut Printed) -> Result<(), HostError> {
        if self.cut.is_none() {
            self.last = Instant::now();
        }
        match record {
            Record::Blob { key, bytes, .. } => match key.as_str() {
                "stdout" => printed.stdout.push(&bytes),
                "stderr" => printed.stderr.push(&bytes),
                _ => {}
            },
            Record::Fact { key, value, .. } => match (key.as_str(), value.parse::<u64>()) {
                ("status", Ok(status)) => self.status = i32::try_from(status).ok(),
                ("stdout", Ok(more)) => printed.stdout.leave_out(more),
                ("stderr", Ok(more)) => printed.stderr.leave_out(more),
                ("uid", _) => return Err(HostError::NotRoot(value.chars().take(20).collect())),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// The time is up, or somebody at the terminal has had enough.
    fn cut(&mut self, by_hand: bool, printed: &mut Printed) {
        let cut = match (self.status, self.limit) {
            (Some(_), _) => Cut::Held,
            (None, Some((_, limit))) if !by_hand => Cut::Overdue(limit),
            (None, _) => Cut::Interrupted,
        };
        printed.is_held |= cut == Cut::Held;
        (self.cut, self.last) = (Some(cut), Instant::now());
    }

    fn end(self) -> Result<i32, HostError> {
        match (self.cut, self.status) {
            (Some(Cut::Overdue(limit)), _) => Err(HostError::Overdue(limit)),
            (Some(Cut::Interrupted), _) => Err(HostError::Interrupted),
            (_, Some(status)) => Ok(status),
            (_, None) => Err(HostError::Odd("no exit status of the command".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
