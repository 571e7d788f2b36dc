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
use zeroize::Zeroizing;

use super::{
    diagnose,
    error::HostError,
    lines::{LONGEST, Line, Lines, MOST_OTHERS},
    stream::{Reader, Writer},
    sudo,
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
pub const STDERR_LATE: Duration = Duration::from_secs(1);

/// How often it is looked at what sudo says.
const LOOK: Duration = Duration::from_millis(100);

/// Lines of a login that are kept for a message.
const MOST_GREETED: usize = 20;

enum Heard {
    Record(Record),
    Other(Vec<u8>),
}

/// Why sudo has let nobody in, and the process that still asks for a password.
pub struct NotIn {
    pub why: HostError,
    pub asks: Option<u32>,
}

/// The ends of a remote process; `keep` holds whatever must live as long as it does.
pub struct Pipes {
    pub stdin: Writer,
    pub stdout: Reader,
    pub stderr: Reader,
    pub keep: Box<dyn Send>,
}

pub struct Running {
    nonce: String,
    pub(super) stdin: Arc<Mutex<Option<Writer>>>,
    lines: Lines,
    /// Records and bytes that it may still say; `None`: nobody keeps them.
    left: Option<(usize, usize)>,
    /// When it has to have ended, and how long it had for that; `None`: it has not been waited for yet.
    end: Option<(Instant, Duration)>,
    stderr: Arc<StdMutex<String>>,
    /// What the login has said before the script could say `ready`.
    greeting: Vec<String>,
    /// What sudo was given, if anything.
    password: Zeroizing<Vec<u8>>,
    listener: JoinHandle<()>,
    heart: Option<JoinHandle<()>>,
    /// What is being done, for the message when it stops: `gathering facts`.
    doing: String,
    ended: bool,
    _keep: Box<dyn Send>,
}

impl Running {
    /// Of a process that has not been sent anything yet.
    pub fn new(pipes: Pipes, nonce: &str, doing: &str) -> Self {
        let stderr = Arc::new(StdMutex::new(String::new()));
        let listener = tokio::spawn(keep_stderr(pipes.stderr, Arc::clone(&stderr)));
        Self {
            nonce: nonce.to_owned(),
            stdin: Arc::new(Mutex::new(Some(pipes.stdin))),
            lines: Lines::new(pipes.stdout, nonce),
            left: Some((MOST_RECORDS, MOST_BYTES)),
            end: None,
            stderr,
            greeting: Vec::new(),
            password: Zeroizing::default(),
            listener,
            heart: None,
            doing: doing.to_owned(),
            ended: false,
            _keep: pipes.keep,
        }
    }

    /// Gives sudo its password, and waits until its wrapper says that it runs; the mark is sent then, and nothing before.
    pub async fn get_in(&mut self, password: &[u8], limit: Duration) -> Result<(), NotIn> {
        let (end, mut asks) = (Instant::now() + limit, None);
        // One who does not ask (a sudo that is not there) closes the pipe: what it said is the better message.
        self.password = Zeroizing::new(password.to_vec());
        let _ = self.send(password).await;
        let why = loop {
            // A wrong password makes sudo ask again, and it would wait for ever: so look at what it says.
            if sudo::has_refused(&self.stderr_text()) {
                break HostError::SudoPasswordWrong;
            }
            if Instant::now() >= end {
                break self.not_let_in(limit);
            }
            let Ok(line) = timeout_at((Instant::now() + LOOK).min(end), self.lines.next()).await else {
                continue;
            };
            match line {
                Line::Read(line) => match sudo::heard(String::from_utf8_lossy(&line).trim_end()) {
                    sudo::Heard::Asks(pid) => asks = Some(pid),
                    sudo::Heard::Runs => {
                        let _ = self.send(format!("{}\n", sudo::MARK).as_bytes()).await;
                        return Ok(());
                    }
                    sudo::Heard::Other => self.greeted(&line, password),
                },
                // It has ended by itself.
                Line::End => return Err(NotIn { why: self.no_shell().await, asks: None }),
                Line::TooLong | Line::TooMuch => {
                    break self.too_much(format!("over {} MiB beside its answer", MOST_OTHERS >> 20));
                }
            }
        };
        Err(NotIn { why, asks })
    }

    /// Nobody has said anything that is known: a second factor asks for one in words of its own, without a newline.
    fn not_let_in(&self, limit: Duration) -> HostError {
        let said = sudo::without_prompts(&self.stderr_text());
        let is_open = !said.is_empty() && !said.ends_with('\n');
        let said = self.without_password(&said);
        match said.lines().next_back().map(str::trim).filter(|_| is_open) {
            Some(asked) if !asked.is_empty() => {
                HostError::NoSudo(format!("it asks for more than a password: {}", first_words(asked)))
            }
            _ => HostError::Silent(limit, "waiting for a shell".to_owned()),
        }
    }

    /// Sends the script and waits until it says `ready`.
    pub async fn start(&mut self, script: &str, limit: Duration) -> Result<(), HostError> {
        // A refused sudo closes the pipe: what it said is the better message, so writing may fail here.
        let _ = self.send(script.as_bytes()).await;
        match timeout_at(Instant::now() + limit, self.until_ready(script)).await {
            Ok(result) => result,
            Err(_) => Err(HostError::Silent(limit, "waiting for a shell".to_owned())),
        }
    }

    async fn until_ready(&mut self, script: &str) -> Result<(), HostError> {
        loop {
            match self.next_line().await? {
                Some(Heard::Record(Record::Ready)) => return Ok(()),
                Some(Heard::Record(_)) => {}
                Some(Heard::Other(line)) => self.greeted(&line, script.as_bytes()),
                None => return Err(self.no_shell().await),
            }
        }
    }

    /// The first lines of what a login says before us; nothing of what we have sent, should it be given back to us.
    fn greeted(&mut self, line: &[u8], sent: &[u8]) {
        let line = line.trim_ascii();
        let is_ours = line.is_empty() || line.starts_with(self.nonce.as_bytes()) || has(sent, line);
        if self.greeting.len() < MOST_GREETED && !is_ours {
            let line = self.without_password(&String::from_utf8_lossy(line));
            self.greeting.extend(line.lines().map(first_words));
        }
    }

    /// The lines that do not hold it: a login that runs what it reads says what it has not understood.
    fn without_password(&self, text: &str) -> String {
        let holds = |line: &&str| !has(line.as_bytes(), self.password.trim_ascii());
        text.lines().filter(holds).flat_map(|line| [line, "\n"]).collect()
    }

    async fn no_shell(&mut self) -> HostError {
        let stderr = self.last_words().await;
        let stderr = self.without_password(&stderr);
        diagnose::of_login(&stderr, &self.greeting, !self.password.is_empty())
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
            match self.next_line().await? {
                Some(Heard::Record(record)) => return Ok(Some(record)),
                Some(Heard::Other(_)) => {}
                None => return Ok(None),
            }
        }
    }

    async fn next_line(&mut self) -> Result<Option<Heard>, HostError> {
        loop {
            let bytes = match self.lines.next().await {
                Line::Read(line) => line,
                Line::TooLong => return Err(self.too_much(format!("a line of over {} MiB", LONGEST >> 20))),
                Line::TooMuch => {
                    return Err(self.too_much(format!("over {} MiB beside its answer", MOST_OTHERS >> 20)));
                }
                Line::End => return Ok(None),
            };
            let line = String::from_utf8_lossy(&bytes);
            if let Some(record) = parse(&self.nonce, &line) {
                self.count(line.len())?;
                return Ok(Some(Heard::Record(short(record))));
            }
            // A line of ours that was cut short may hold a part of a key: it is not shown.
            if !line.is_empty() && !line.starts_with(&self.nonce) {
                tracing::debug!(%line, "not a line of ours");
                return Ok(Some(Heard::Other(bytes)));
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

fn has(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

fn first_words(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
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

pub async fn keep_stderr(mut stderr: Reader, kept: Arc<StdMutex<String>>) {
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
