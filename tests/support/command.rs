//! Commands with a deadline, their whole output kept. Output goes to files, not pipes: an ssh master that outlives the
//! command and holds its streams must not hold the test as well.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::NamedTempFile;

/// For what has no bound of its own: long enough for any machine, and an end all the same.
const DEADLINE: Duration = Duration::from_secs(600);
/// How long a word is waited for.
const WORD: Duration = Duration::from_secs(180);

/// What a command did. `code` is `None` where a signal or the deadline ended it.
#[derive(Debug)]
pub struct Run {
    pub what: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub seconds: f64,
}

impl Run {
    /// Its stdout; fails the test unless it ended with status 0.
    #[track_caller]
    pub fn ok(self) -> String {
        self.exits(0).stdout
    }

    /// Fails the test, with everything that was printed, unless it ended with this status.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(self.code == Some(code), "expected exit status {code} of {self}");
        self
    }

    /// The events of a run with `--json`: one object a line.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}\nin {self}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The last event, which has to be the only `summary`.
    #[track_caller]
    pub fn summary(&self) -> Value {
        let events = self.events();
        let summaries = events.iter().filter(|event| event["event"] == "summary").count();
        assert!(summaries == 1, "{summaries} summary events in {self}");
        let last = events.into_iter().next_back().unwrap_or_default();
        assert!(last["event"] == "summary", "the last event is no summary in {self}");
        last
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status =
            self.code.map_or("ended by signal or deadline".to_owned(), |code| format!("status {code}"));
        write!(f, "{}\n{status} after {:.2} s", self.what, self.seconds)?;
        write!(f, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout.trim_end(), self.stderr.trim_end())
    }
}

/// A running command. Dropped, it is killed.
pub struct Running {
    child: Child,
    what: String,
    started: Instant,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
}

pub fn start(command: &mut Command) -> Running {
    let stdout = NamedTempFile::new().expect("a temporary file can be made");
    let stderr = NamedTempFile::new().expect("a temporary file can be made");
    let what = format!("{command:?}");
    let child = command
        .stdin(Stdio::null())
        .stdout(stdout.reopen().expect("a file just made can be opened"))
        .stderr(stderr.reopen().expect("a file just made can be opened"))
        .spawn()
        .unwrap_or_else(|error| panic!("{what} does not start: {error}"));
    Running { child, what, started: Instant::now(), stdout, stderr }
}

pub fn run(command: &mut Command) -> Run {
    start(command).wait()
}

impl Running {
    /// Waits for its end, at most ten minutes.
    pub fn wait(self) -> Run {
        self.wait_for(DEADLINE)
    }

    pub fn wait_for(mut self, deadline: Duration) -> Run {
        let end = Instant::now() + deadline;
        let status = loop {
            match self.child.try_wait().expect("a child of ours can be waited for") {
                Some(status) => break Some(status),
                None if Instant::now() > end => break None,
                None => sleep(Duration::from_millis(5)),
            }
        };
        self.outcome(status.and_then(|status| status.code()))
    }

    /// Waits for its end with this status.
    #[track_caller]
    pub fn exits(self, code: i32) -> Run {
        self.wait().exits(code)
    }

    /// SIGKILL, as a crash or an out-of-memory killer would do it.
    pub fn kill(mut self) -> Run {
        self.child.kill().expect("a child of ours can be killed");
        self.child.wait().expect("a child of ours can be waited for");
        self.outcome(None)
    }

    /// A signal by its name (`INT`), as a terminal or a service manager sends it.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        run(Command::new("kill").args(["-s", name, &pid])).ok();
    }

    /// Waits until stdout or stderr has this text. False if the command ended or three minutes passed before.
    pub fn says(&mut self, text: &str) -> bool {
        self.says_in(|stdout, stderr| stdout.contains(text) || stderr.contains(text))
    }

    fn says_in(&mut self, enough: impl Fn(&str, &str) -> bool) -> bool {
        let end = Instant::now() + WORD;
        loop {
            let over = self.is_over();
            if enough(&read(&self.stdout), &read(&self.stderr)) {
                return true;
            }
            if over || Instant::now() > end {
                return false;
            }
            sleep(Duration::from_millis(2));
        }
    }

    /// Waits until stdout has this many lines. False if the command ended or three minutes passed before.
    pub fn has_said_lines(&mut self, number: usize) -> bool {
        self.says_in(|stdout, _| stdout.lines().count() >= number)
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours can be waited for").is_some()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn outcome(&self, code: Option<i32>) -> Run {
        Run {
            what: self.what.clone(),
            code,
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read(file: &NamedTempFile) -> String {
    let mut bytes = Vec::new();
    File::open(file.path()).and_then(|mut f| f.read_to_end(&mut bytes)).expect("a file of ours can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
