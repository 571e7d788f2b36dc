//! Files of the control machine, whoever wrote them: read up to a limit, and what never ends or never begins is named.
//! A pipe (`-e @<(sops -d x)`) is as good as a file, as long as something comes out of it. The same for programs of the
//! user that print what is read.

use std::{
    fs::{self, File},
    io::{Error, ErrorKind, Read, Result},
    os::unix::fs::FileTypeExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// What inventories and what belongs to them may have, and backups of keys.
pub const TEXT: u64 = 32 << 20;
/// Identities, passwords, what Vagrant says.
pub const SMALL: u64 = 4 << 20;
/// Documents of chains, plans and facts: an exported state has a hundred megabytes.
pub const DOCUMENT: u64 = 1 << 30;

/// How long an inventory script or Vagrant may take.
pub const PROGRAM: Duration = Duration::from_secs(300);
/// Between two looks at a program that has closed what it prints to.
const LOOK: Duration = Duration::from_millis(1);

/// How long a named pipe or a device may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for a program of the shell's `<( )`, which may ask for a passphrase.
const PATIENCE_WITH_PROGRAMS: Duration = Duration::from_secs(300);

/// All of a file, if it has no more than so many bytes.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let meta = fs::metadata(path)?;
    if meta.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "it is a directory"));
    }
    if meta.is_file() {
        if meta.len() > limit {
            return Err(Error::new(ErrorKind::FileTooLarge, too_large(meta.len(), limit)));
        }
        // With room for all of it: what a growing buffer leaves behind would not be wiped.
        let room = usize::try_from(meta.len()).unwrap_or_default() + 1;
        return filled(Vec::with_capacity(room), File::open(path)?, limit);
    }
    // What a device gives is no document.
    let limit = if meta.file_type().is_char_device() { limit.min(SMALL) } else { limit };
    let is_of_shell = ["/dev/fd", "/proc/self/fd", "/dev/stdin"].iter().any(|it| path.starts_with(it));
    waited_for(path, limit, if is_of_shell { PATIENCE_WITH_PROGRAMS } else { PATIENCE })
}

pub fn text(path: &Path, limit: u64) -> Result<String> {
    read(path, limit).and_then(of_bytes)
}

/// All of a stream; its reader may be left before its end.
pub fn all(from: impl Read, limit: u64) -> Result<Vec<u8>> {
    filled(Vec::new(), from, limit)
}

fn filled(mut bytes: Vec<u8>, from: impl Read, limit: u64) -> Result<Vec<u8>> {
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

pub fn text_of(from: impl Read, limit: u64) -> Result<String> {
    all(from, limit).and_then(of_bytes)
}

fn too_large(length: u64, limit: u64) -> String {
    format!("it has {length} bytes, more than {limit}")
}

fn of_bytes(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::InvalidData, format!("it is not UTF-8 (byte {at})"))
    })
}

/// A pipe that nobody writes to would be waited for even when it is opened: by a thread, which is left behind.
fn waited_for(path: &Path, limit: u64, patience: Duration) -> Result<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    let path = path.to_owned();
    thread::Builder::new().spawn(move || send.send(File::open(path).and_then(|file| all(file, limit))))?;
    receive.recv_timeout(patience).unwrap_or_else(|_| {
        let why = format!("it is no regular file, and did not end within {patience:?}");
        Err(Error::new(ErrorKind::TimedOut, why))
    })
}

/// What a program prints and how it ends, if it prints no more than so many bytes and takes no longer.
pub fn output(command: &mut Command, limit: u64, time: Duration) -> Result<Output> {
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn()?;
    let ended = ended(&mut child, limit, Instant::now() + time);
    if ended.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    ended.map_err(|error| match error.kind() {
        ErrorKind::TimedOut => Error::new(ErrorKind::TimedOut, format!("did not end within {time:?}")),
        ErrorKind::FileTooLarge => {
            Error::new(ErrorKind::FileTooLarge, format!("has printed more than {limit} bytes"))
        }
        _ => error,
    })
}

/// Both pipes at once: a program that fills one while the other is read would never end. They are left behind where
/// somebody else holds them open.
fn ended(child: &mut Child, limit: u64, until: Instant) -> Result<Output> {
    let (send, receive) = mpsc::channel();
    let pipe = |nth: usize, from: Option<Box<dyn Read + Send>>| {
        let send = send.clone();
        let read = move || send.send((nth, from.map_or(Ok(Vec::new()), |from| all(from, limit))));
        thread::Builder::new().spawn(read).map(drop)
    };
    pipe(0, child.stdout.take().map(|from| Box::new(from) as _))?;
    pipe(1, child.stderr.take().map(|from| Box::new(from) as _))?;
    let left = || until.saturating_duration_since(Instant::now());
    let mut printed = [Vec::new(), Vec::new()];
    for _ in 0..2 {
        let (nth, bytes) = receive.recv_timeout(left()).map_err(|_| Error::from(ErrorKind::TimedOut))?;
        printed[nth] = bytes?;
    }
    let [stdout, stderr] = printed;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Output { status, stdout, stderr });
        }
        if left().is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn why(path: &Path) -> String {
        text(path, 1 << 20).unwrap_err().to_string()
    }

    /// P7
    #[test]
    fn what_has_no_end_is_left_at_the_limit() {
        for path in ["/dev/zero", "/dev/urandom"] {
            assert_eq!(why(Path::new(path)), "it has more than 1048576 bytes", "{path}");
        }
        assert_eq!(text(Path::new("/dev/null"), 1).unwrap(), "");
        assert!(text_of(std::io::repeat(b'a'), 100).unwrap_err().to_string().contains("more than 100"));
    }

    /// P7
    #[test]
    fn a_file_with_holes_is_not_read_to_see_how_long_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 42).unwrap();
        assert_eq!(why(file.path()), "it has 4398046511104 bytes, more than 1048576");
        assert_eq!(why(Path::new("/")), "it is a directory");
        fs::write(file.path(), b"ab\xff").unwrap();
        assert_eq!(why(file.path()), "it is not UTF-8 (byte 2)");
    }

    /// P7
    #[test]
    fn a_pipe_is_read_and_one_that_nobody_writes_to_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let [mute, pipe] = ["mute", "pipe"].map(|name| folder.path().join(name));
        assert!(Command::new("mkfifo").args([&mute, &pipe]).status().unwrap().success());
        let left = waited_for(&mute, 1, Duration::from_millis(50)).unwrap_err();
        assert!(left.to_string().ends_with("did not end within 50ms"), "{left}");
        let to = pipe.clone();
        let writer = thread::spawn(move || fs::write(&to, "text"));
        assert_eq!(text(&pipe, 100).unwrap(), "text");
        writer.join().unwrap().unwrap();
    }
    /// P7
    #[test]
    fn a_program_has_a_limit_of_time_and_of_what_it_prints() {
        // Who is not too late has time enough for any machine, and is not waited for that long.
        let (soon, ample) = (Duration::from_millis(500), Duration::from_secs(60));
        let run = |script: &str, limit: Duration| {
            let start = Instant::now();
            let ran = output(Command::new("sh").args(["-c", script]), 1000, limit);
            assert!(start.elapsed() < Duration::from_secs(30), "{script}");
            ran.map(|ran| (ran.status.code(), ran.stdout.len(), ran.stderr.len()))
                .map_err(|why| why.to_string())
        };
        assert_eq!(run("echo a; echo bc >&2; exit 3", ample), Ok((Some(3), 2, 3)));
        let (much, late) = ("has printed more than 1000 bytes", "did not end within 500ms");
        for (script, why) in [
            ("yes", much),
            ("yes >&2", much),
            ("sleep 99", late),
            ("exec sleep 99 >&- 2>&-", late),
            // What it has started holds its pipes.
            ("sleep 60 & exit 0", late),
        ] {
            let limit = if why == late { soon } else { ample };
            assert_eq!(run(script, limit), Err(why.to_owned()), "{script}");
        }
    }
}
