//! Downloads of this machine, for hosts that cannot pull for themselves: by the user's own curl or wget, where proxies
//! and certificates are set up already. Each file once a run.

use std::{
    collections::BTreeMap, fs::File, io, os::fd::AsRawFd as _, path::PathBuf, process::Stdio, sync::Arc,
};

use sha2::Digest as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStderr, ChildStdout, Command},
    sync::{Mutex, OnceCell},
};

use super::error::Undelivered;
use crate::types::ids::{Sha256, Url};

/// curl before wget, as on hosts (`pull` in pull.sh). The URL comes by stdin: it may hold a password, which every user of
/// this machine could read among a process's arguments. `file:` is a matter of the host that was told to read it, not of this machine.
const TOOLS: [(&str, &[&str]); 2] = [
    (
        "curl",
        &[
            "-gfsSL",
            "--proto",
            "-file",
            "--connect-timeout",
            "20",
            "--speed-limit",
            "1",
            "--speed-time",
            "30",
            "--config",
            "-",
        ],
    ),
    ("wget", &["-nv", "-T", "20", "-t", "1", "-O", "-", "--input-file=-"]),
];

/// What came of a URL: a file without a name, which is gone with this process, however that ends.
#[derive(Debug)]
pub struct Download {
    pub sha256: Sha256,
    file: File,
}

impl Download {
    /// Where it can be opened to be read, as long as it is kept.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum DownloadError {
    #[error("this machine could not download it: {0}")]
    Failed(String),
    #[error("this machine could not keep it in {0}: {1}")]
    NoPlace(String, String),
}

impl DownloadError {
    pub fn reason(&self) -> Undelivered {
        match self {
            Self::Failed(_) => Undelivered::NotDownloaded,
            Self::NoPlace(..) => Undelivered::NotKept,
        }
    }
}

type Outcome = Result<Arc<Download>, DownloadError>;

/// The downloads of one run, by URL.
pub struct Downloads {
    by_url: Mutex<BTreeMap<String, Arc<OnceCell<Outcome>>>>,
    /// Bytes of each at the most.
    limit: u64,
}

impl Default for Downloads {
    fn default() -> Self {
        Self::of_at_most(u64::MAX)
    }
}

impl Downloads {
    pub fn of_at_most(limit: u64) -> Self {
        Self { by_url: Mutex::default(), limit }
    }

    /// The file of this URL. Who comes first downloads it, the others wait for that one; when all of them have gone away
    /// (Ctrl-C), the download ends too.
    pub async fn get(&self, url: &str) -> Outcome {
        let cell = Arc::clone(self.by_url.lock().await.entry(url.to_owned()).or_default());
        cell.get_or_init(|| download(url, self.limit)).await.clone()
    }
}

/// Whether this machine has a program for it.
pub fn is_possible() -> bool {
    tool().is_some()
}

fn tool() -> Option<(PathBuf, &'static [&'static str])> {
    let path = std::env::var_os("PATH")?;
    let find =
        |name: &str| std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    TOOLS.iter().find_map(|(name, args)| Some((find(name)?, *args)))
}

/// On a disk, where there is one: /tmp may be memory.
fn place() -> PathBuf {
    let on_disk = || Some(PathBuf::from("/var/tmp")).filter(|folder| folder.is_dir());
    let chosen = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    chosen.or_else(on_disk).unwrap_or_else(std::env::temp_dir)
}

async fn download(url: &str, limit: u64) -> Outcome {
    let place = place();
    let no_place = |e: io::Error| DownloadError::NoPlace(place.display().to_string(), e.to_string());
    let failed = |e: io::Error| DownloadError::Failed(e.to_string());
    let url = &Url::new(url).map_err(|why| DownloadError::Failed(why.to_string()))?;
    let file = tempfile::tempfile_in(&place).map_err(no_place)?;
    let mut to = tokio::fs::File::from_std(file.try_clone().map_err(no_place)?);
    let (mut child, stdout, stderr) = start(url).await.map_err(failed)?;
    let copied = copy(stdout, &mut to, limit).await.map_err(no_place)?;
    // Not before: who goes on sending is ended with the child, and may have its stderr open until then.
    let Some(sha256) = copied else {
        return Err(DownloadError::Failed(format!("it has more than {limit} bytes")));
    };
    let said = read_all(stderr).await;
    let status = child.wait().await.map_err(failed)?;
    if status.success() {
        return Ok(Arc::new(Download { sha256, file }));
    }
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    Err(DownloadError::Failed(last.map_or_else(|| status.to_string(), str::to_owned)))
}

/// In a process group of its own: a Ctrl-C at the terminal is ours to act on. Should we be gone ourselves, its next
/// write ends it.
async fn start(url: &Url) -> io::Result<(Child, ChildStdout, ChildStderr)> {
    let (program, args) = tool().ok_or_else(|| io::Error::other("neither curl nor wget is here"))?;
    // Neither a quote nor a line break is in a URL that was checked.
    let input = if program.ends_with("curl") { format!("url = \"{url}\"\n") } else { format!("{url}\n") };
    let mut command = Command::new(program);
    command.args(args).process_group(0).kill_on_drop(true);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(mut stdin), Some(stdout), Some(stderr)) => {
            // Who has ended already says why by itself.
            let _ = stdin.write_all(input.as_bytes()).await;
            Ok((child, stdout, stderr))
        }
        _ => Err(io::Error::other("no pipes")),
    }
}

/// The whole stream into the file, hashed on the way; `None`: it is longer than `limit`.
async fn copy(mut from: ChildStdout, to: &mut tokio::fs::File, limit: u64) -> io::Result<Option<Sha256>> {
    let (mut hash, mut buffer, mut size) = (sha2::Sha256::new(), vec![0; 256 * 1024], 0_u64);
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        size += read as u64;
        if size > limit {
            return Ok(None);
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read]).await?;
    }
    to.flush().await?;
    Sha256::new(hex::encode(hash.finalize())).map(Some).map_err(io::Error::other)
}

async fn read_all(mut from: ChildStderr) -> String {
    let mut said = Vec::new();
    let _ = from.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}
