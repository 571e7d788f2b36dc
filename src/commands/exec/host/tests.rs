//! Commands by a real shell, on this machine.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, sync::Arc};

use super::{super::Output, *};
use crate::types::{
    ids::HostAddr,
    login::{Login, Via},
};

async fn here() -> Host {
    let login = Login {
        via: Via::Local,
        host: HostAddr::new("localhost").unwrap(),
        port: None,
        user: None,
        identity: None,
        ssh_args: Vec::new(),
        sudo: true,
        sudo_password: None,
        connect_timeout: Duration::from_secs(1),
    };
    Host::connect(Arc::new(login), Path::new("/"), "n", "n", Duration::from_secs(60)).await.unwrap()
}

fn wanted(argv: &[&str], limit: Option<Duration>) -> Wanted {
    Wanted { argv: argv.iter().map(|word| (*word).to_owned()).collect(), as_root: false, limit }
}

async fn ran(argv: &[&str], limit: Option<Duration>) -> (Result<i32, HostError>, Printed) {
    let (mut printed, (_never, interrupt)) = (Printed::default(), Interrupt::by_hand());
    let end = run(&here().await, &wanted(argv, limit), interrupt, &mut printed).await;
    (end, printed)
}

fn is_running(pid: &str) -> bool {
    // One that nobody has waited for yet does nothing more.
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

/// S9
#[tokio::test]
async fn s9_a_command_gets_its_words_as_they_are() {
    let words = [
        "",
        " ",
        "a b",
        "it's",
        "\"",
        "$HOME",
        "$(touch /tmp/x)",
        "`id`",
        ";",
        "&&",
        "|",
        "*",
        "?",
        "[a]",
        "~",
        "\\",
        "\\n",
        "line\nbreak\n",
        "\ttab",
        "ünï ✓ 日本 🦀",
        "-n",
        "--",
        "-",
        "a=b",
        "%s %n",
        "!",
        "#",
        "EOT",
        "\r",
        "\u{1b}[31m",
        "{a,b}",
        "<x",
    ];
    let argv: Vec<&str> = ["printf", "%s\\0"].into_iter().chain(words).collect();
    let (end, printed) = ran(&argv, None).await;
    assert_eq!(end, Ok(0));
    let text = printed.stdout.text();
    let seen: Vec<&str> = text.split_terminator('\0').collect();
    assert_eq!(seen, words);
    assert_eq!((printed.stderr, printed.is_held), (Output::default(), false));
}

/// SIGPIPE, which Rust ignores at its start and gives back to what it starts.
const PIPE: u64 = 1 << 12;

/// Signals that a process ignores, by its status; without those of libc's own.
fn ignored(status: &str) -> u64 {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() & 0x7fff_ffff
}

/// Nothing to read, signals as its login has them, no descriptor of ours, a session of its own.
#[tokio::test]
async fn a_command_finds_a_plain_process() {
    let look = "cat; cat /proc/$$/status >&2; \
                for fd in 3 4 5 6 7 8 9; do [ ! -p /proc/$$/fd/$fd ] || echo $fd; done; \
                read -r pid _ _ _ _ session _ </proc/$$/stat; [ $pid = $session ]; echo $?; pwd; echo $LC_ALL; exit 3";
    let (end, printed) = ran(&["sh", "-c", look], None).await;
    let home = std::env::var("HOME").unwrap_or_else(|_| "/".to_owned());
    let expected = format!("0\n{home}\nC\n");
    assert_eq!((end, printed.stdout.text().as_ref()), (Ok(3), expected.as_str()));
    let here = fs::read_to_string("/proc/self/status").unwrap();
    assert_eq!(ignored(&printed.stderr.text()), ignored(&here) & !PIPE);
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_named() {
    for (name, status, words) in [
        ("frobnicate", 127, "frobnicate: command not found\n"),
        ("/no/such", 127, "/no/such: command not found\n"),
        // A function of the script is none of the host's programs.
        ("finish", 127, "finish: command not found\n"),
        ("", 127, ": command not found\n"),
        ("cd", 127, "not found"),
        ("/etc/passwd", 126, "ermission denied"),
    ] {
        let (end, printed) = ran(&[name, "0"], None).await;
        assert_eq!(end, Ok(status), "{name}");
        assert!(printed.stderr.text().contains(words), "{name}: {printed:?}");
    }
    // What a shell says of a process that was killed is not the command's.
    let (end, printed) = ran(&["sh", "-c", "kill -KILL $$"], None).await;
    assert_eq!((end, printed.stderr.text().as_ref()), (Ok(137), ""));
}

#[tokio::test]
async fn p7_of_an_endless_output_the_beginning_comes() {
    let both = "head -c 30000000 /dev/zero | tr '\\0' e >&2 & yes | head -c 50000000; wait";
    let (end, printed) = ran(&["sh", "-c", both], None).await;
    assert_eq!(end, Ok(0));
    assert_eq!((printed.stdout.total(), printed.stderr.total()), (50_000_000, 30_000_000));
    assert_eq!(printed.stdout.left_out(), 50_000_000 - KEPT as u64);
    assert!(printed.stdout.text().split_terminator('\n').all(|line| line == "y"));
    assert!(printed.stderr.text().chars().all(|c| c == 'e'));
}

/// It, what it has started, and what takes no notice of TERM.
#[tokio::test]
async fn a_command_ends_with_its_time_and_nothing_of_it_is_left() {
    let kind = "trap 'echo bye; exit 0' TERM; echo $$; sleep 1000 & echo $!; wait";
    let deaf = "trap '' TERM; echo $$; sleep 1000 & echo $!; sleep 1000";
    let orphaned = "(trap '' TERM; echo $$; exec sleep 1000) & echo $!; sleep 1000";
    let limit = Duration::from_secs(3);
    for script in [kind, deaf, orphaned] {
        let (end, printed) = ran(&["sh", "-c", script], Some(limit)).await;
        assert_eq!(end, Err(HostError::Overdue(limit)), "{printed:?}");
        let text = printed.stdout.text();
        assert_eq!(text.contains("bye"), script == kind, "{text}");
        let pids: Vec<&str> = text.lines().filter(|line| *line != "bye").collect();
        assert_eq!(pids.len(), 2, "{text}");
        assert!(!pids.iter().any(|pid| is_running(pid)), "{text}");
        assert_eq!(printed.stderr.text(), "");
    }
}

#[tokio::test]
async fn ctrl_c_ends_a_command() {
    let (host, (tell, interrupt)) = (here().await, Interrupt::by_hand());
    let folder = tempfile::tempdir().unwrap();
    let begun = folder.path().join("begun");
    let script = format!("echo $$; echo $$ >'{0}.new'; mv '{0}.new' '{0}'; exec sleep 1000", begun.display());
    let (mut printed, wanted) = (Printed::default(), wanted(&["sh", "-c", &script], None));
    let run = run(&host, &wanted, interrupt, &mut printed);
    let stop = async {
        while !begun.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tell.send(true).unwrap();
    };
    let (end, ()) = tokio::join!(run, stop);
    assert_eq!(end, Err(HostError::Interrupted));
    assert!(!is_running(&printed.stdout.text()));
}

/// As `ssh` would be waiting for it, for ever.
#[tokio::test]
async fn what_is_left_in_the_background_is_neither_waited_for_nor_ended() {
    let (end, printed) = ran(&["sh", "-c", "echo a; sleep 1000 & echo $! >&2"], None).await;
    assert_eq!((end, printed.stdout.text().as_ref(), printed.is_held), (Ok(0), "a\n", true));
    let pid = printed.stderr.text().trim().to_owned();
    assert!(is_running(&pid), "{pid}");
    let _ = rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap(),
        rustix::process::Signal::KILL,
    );
}

/// What a host says is counted here as well.
#[test]
fn p4_a_host_decides_nothing_but_its_own_output() {
    let (mut course, mut printed) = (Course::begin(None), Printed::default());
    let fact =
        |key: &str, value: &str| Record::Fact { scope: "exec".into(), key: key.into(), value: value.into() };
    let blob = |key: &str| Record::Blob { scope: "exec".into(), key: key.into(), bytes: vec![b'x'; KEPT] };
    for _ in 0..3 {
        course.take(blob("stderr"), &mut printed).unwrap();
    }
    for (key, value) in [("status", "-1"), ("status", "4294967296"), ("stdout", "many"), ("other", "1")] {
        course.take(fact(key, value), &mut printed).unwrap();
    }
    course.take(blob("other"), &mut printed).unwrap();
    assert_eq!((course.status, printed.stdout.total(), printed.stderr.total()), (None, 0, 3 * KEPT as u64));
    assert!(
        matches!(course.take(fact("uid", &"1".repeat(99)), &mut printed), Err(HostError::NotRoot(uid)) if uid.len() == 20)
    );
    assert!(matches!(course.end(), Err(HostError::Odd(_))), "an end without a status is none");
}

#[test]
fn without_a_limit_a_command_runs_as_long_as_it_does() {
    let mut printed = Printed::default();
    assert_eq!(Course::begin(None).until(), None);
    assert_eq!(Course::begin(Some(Duration::MAX)).until(), None);
    let limit = Duration::from_secs(60);
    let mut course = Course::begin(Some(limit));
    assert!(course.until().is_some());
    // Once it has ended, only what holds its output open is waited for, and not for long.
    course
        .take(Record::Fact { scope: "exec".into(), key: "status".into(), value: "7".into() }, &mut printed)
        .unwrap();
    assert_eq!(course.until(), Some(course.last + HELD));
    course.cut(true, &mut printed);
    assert_eq!((course.cut, printed.is_held), (Some(Cut::Held), true));
    assert_eq!(course.until(), Some(course.last + LAST_WORDS));
    assert_eq!(course.end(), Ok(7));
    for (by_hand, end) in [(false, HostError::Overdue(limit)), (true, HostError::Interrupted)] {
        let mut course = Course::begin(Some(limit));
        course.cut(by_hand, &mut printed);
        course.status = Some(143);
        assert_eq!(course.end(), Err(end));
    }
}
