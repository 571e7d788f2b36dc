//! A script at work on a host: its records as they come, and stdin as its life line.

use std::{
    sync::{Arc, Mutex as StdMutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{
    error::{HostError, from_preamble},
    lines::{LONGEST, Line, Lines, MOST_OTHERS},
    stream::{Reader, Writer},
};
use crate::script::record::{Record, parse};

/// A heartbeat every so often; the host gives us up after `HEARTBEAT_LIMIT` seconds of silence.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// What a script may say in all, where what it says is kept: a gather of 128 nodes says 10 000 lines.
const MOST_RECORDS: usize = 200_000;
const MOST_BYTES: usize = 4 * LONGEST;
/// So many times as long as it may be silent a script may take in all, where nobody knows better: a record in time each time
/// would hold a run, and its locks, for months.
pub const IN_ALL: u32 = 3;
/// Characters of what a script says that it is at, and of a lock's name.
const LONGEST_NAME: usize = 500;
/// As much of stderr as is kept for an error message, in bytes.
const STDERR_KEPT: usize = 8192;
/// It comes by another way than what the script says: so long the rest of it is waited for after the script's end.
const STDERR_LATE: Duration = Duration::from_secs(1);

/// The ends of a remote process; `keep` holds whatever must live as long as it does.
pub struct Pipes {
    pub stdin: Writer,
    pub stdout: Reader,
    pub stderr: Reader,
    pub keep: Box<dyn Send>,
}

pub struct Running {
    nonce: String,
    stdin: Arc<Mutex<Option<Writer>>>,
    lines: Lines,
    /// Records and bytes that it may still say; `None`: nobody keeps them.
    left: Option<(usize, usize)>,
    /// When it has to have ended, and how long it had for that; `None`: it has not been waited for yet.
    end: Option<(Instant, Duration)>,
    stderr: Arc<StdMutex<String>>,
    listener: JoinHandle<()>,
    heart: Option<JoinHandle<()>>,
    /// What is being done, for the message when it stops: `gathering facts`.
    doing: String,
    ended: bool,
    _keep: Box<dyn Send>,
}

impl Running {
    /// Sends `preface` (what sudo's wrapper reads) and the script, and waits until it says `ready`.
    pub async fn start(
        pipes: Pipes,
        nonce: &str,
        preface: &[u8],
        script: &str,
        doing: &str,
        limit: Duration,
    ) -> Result<Self, HostError> {
        let stderr = Arc::new(StdMutex::new(String::new()));
        let listener = tokio::spawn(keep_stderr(pipes.stderr, Arc::clone(&stderr)));
        let mut running = Self {
            nonce: nonce.to_owned(),
            stdin: Arc::new(Mutex::new(Some(pipes.stdin))),
            lines: Lines::new(pipes.stdout, nonce),
            left: Some((MOST_RECORDS, MOST_BYTES)),
            end: None,
            stderr,
            listener,
            heart: None,
            doing: doing.to_owned(),
            ended: false,
            _keep: pipes.keep,
        };
        let sent = async {
            let _ = running.send(preface).await;
            // A refused sudo closes the pipe: what it said is the better message, so writing may fail here.
            let _ = running.send(script.as_bytes()).await;
            running.await_ready(limit).await
        };
        sent.await?;
        Ok(running)
    }

    async fn await_ready(&mut self, limit: Duration) -> Result<(), HostError> {
        let end = Instant::now() + limit;
        loop {
            // A wrong password makes sudo ask again, and it would wait for ever: so look at what it says.
            let step = (Instant::now() + Duration::from_millis(200)).min(end);
            match timeout_at(step, self.next_record()).await {
                Ok(Ok(Some(Record::Ready))) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(None)) => return Err(from_preamble(&self.last_words().await)),
                Err(_) if self.stderr_text().contains("Sorry, try again") => {
                    return Err(HostError::SudoPasswordWrong);
                }
                Err(_) if Instant::now() >= end => {
                    return Err(HostError::Silent(limit, "waiting for a shell".to_owned()));
                }
                Ok(Ok(Some(_))) | Err(_) => {}
            }
        }
    }

    /// From here on a heartbeat goes out: call it when the script has said `ready` and wants no data of ours.
    pub fn keep_alive(&mut self) {
        let stdin = Arc::clone(&self.stdin);
        self.heart = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                if let Some(stdin) = stdin.lock().await.as_mut() {
                    if stdin.write_all(b"beat\n").await.is_err() || stdin.flush().await.is_err() {
                        return;
                    }
                } else {
                    return;
                }
            }
        }));
    }

    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self.stdin.lock().await.as_mut() {
            Some(stdin) => {
                stdin.write_all(bytes).await?;
                stdin.flush().await
            }
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The next line that is ours; `None` at the end of the output.
    async fn next_record(&mut self) -> Result<Option<Record>, HostError> {
        loop {
            let line = match self.lines.next().await {
                Line::Read(line) => line,
                Line::TooLong => return Err(self.too_much(format!("a line of over {} MiB", LONGEST >> 20))),
                Line::TooMuch => {
                    return Err(self.too_much(format!("over {} MiB beside its answer", MOST_OTHERS >> 20)));
                }
                Line::End => return Ok(None),
            };
            let line = String::from_utf8_lossy(&line);
            if let Some(record) = parse(&self.nonce, &line) {
                self.count(line.len())?;
                return Ok(Some(short(record)));
            }
            // A line of ours that was cut short may hold a part of a key: it is not shown.
            if !line.is_empty() && !line.starts_with(&self.nonce) {
                tracing::debug!(%line, "not a line of ours");
            }
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), HostError> {
        let Some((records, room)) = &mut self.left else { return Ok(()) };
        match (records.checked_sub(1), room.checked_sub(bytes)) {
            (Some(less), Some(smaller)) => (*records, *room) = (less, smaller),
            (None, _) => return Err(self.too_much(format!("over {MOST_RECORDS} lines"))),
            (_, None) => return Err(self.too_much(format!("over {} MiB", MOST_BYTES >> 20))),
        }
        Ok(())
    }

    fn too_much(&self, limit: String) -> HostError {
        HostError::TooMuch { doing: self.doing.clone(), limit }
    }

    /// What it says is passed on and forgotten, so it may go on for ever.
    pub fn streams(&mut self) {
        self.left = None;
    }

    /// The next record; an error when the connection ends before the script's own end.
    pub async fn next(&mut self) -> Result<Option<Record>, HostError> {
        if self.ended {
            return Ok(None);
        }
        match self.next_record().await? {
            Some(end @ Record::End { .. }) => {
                self.ended = true;
                Ok(Some(end))
            }
            Some(record) => Ok(Some(record)),
            None => {
                tracing::debug!(stderr = self.stderr_text(), "ended early");
                Err(HostError::Lost(self.doing.clone()))
            }
        }
    }

    /// How long it may take in all from here on, however often it says something.
    pub fn ends_within(&mut self, total: Duration) {
        // An end beyond all clocks is none.
        self.end = Instant::now().checked_add(total).map(|end| (end, total));
    }

    /// The same of a script that is not silent for longer than `limit`, and takes `IN_ALL` times as long in all where
    /// nothing else was said. What streams may take as long as it likes.
    pub async fn next_within(&mut self, limit: Duration) -> Result<Option<Record>, HostError> {
        if self.end.is_none() && self.left.is_some() {
            self.ends_within(limit.saturating_mul(IN_ALL));
        }
        let room = self.end.map_or(limit, |(end, _)| end.saturating_duration_since(Instant::now()));
        // Who has used its time up is not read from, however much there is to read.
        let next = async { if room.is_zero() { std::future::pending().await } else { self.next().await } };
        let next = tokio::time::timeout(limit.min(room), next).await;
        match (next, self.end) {
            (Ok(next), _) => next,
            (Err(_), Some((_, total))) if room < limit => Err(HostError::Endless(total, self.doing.clone())),
            (Err(_), _) => Err(HostError::Silent(limit, self.doing.clone())),
        }
    }

    /// What is being done from here on, for the message when it stops.
    pub fn now_doing(&mut self, doing: String) {
        self.doing = doing;
    }

    /// Cuts the life line: the script ends between two steps, a lock is let go.
    pub async fn hang_up(&mut self) {
        self.stdin.lock().await.take();
    }

    /// All of stderr, once the script has ended.
    pub async fn last_words(&mut self) -> String {
        if !self.listener.is_finished() {
            drop(tokio::time::timeout(STDERR_LATE, &mut self.listener).await);
        }
        self.stderr_text()
    }

    fn stderr_text(&self) -> String {
        self.stderr.lock().map(|text| text.clone()).unwrap_or_default()
    }
}

/// What comes into messages, as long as people read: where it hangs, which lock is held.
fn short(record: Record) -> Record {
    let cut = |text: String| {
        if text.len() > LONGEST_NAME { text.chars().take(LONGEST_NAME).collect() } else { text }
    };
    match record {
        Record::At { what } => Record::At { what: cut(what) },
        Record::Locked { lock, holder } => Record::Locked { lock: cut(lock), holder },
        other => other,
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listener.abort();
        if let Some(heart) = &self.heart {
            heart.abort();
        }
    }
}

async fn keep_stderr(mut stderr: Reader, kept: Arc<StdMutex<String>>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        if let Ok(mut kept) = kept.lock()
            && kept.len() < STDERR_KEPT
        {
            kept.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }
}

#[cfg(test)]
mod tests;
