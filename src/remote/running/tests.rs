use tokio::io::{DuplexStream, duplex, empty, sink};

use super::*;

/// A script that has ended without a word of its own; what it says on stderr comes of `other`.
async fn ended(other: DuplexStream) -> Result<Running, HostError> {
    let pipes = Pipes {
        stdin: Box::pin(sink()),
        stdout: Box::pin(empty()),
        stderr: Box::pin(other),
        keep: Box::new(()),
    };
    started(pipes).await
}

async fn started(pipes: Pipes) -> Result<Running, HostError> {
    let mut running = Running::new(pipes, "nonce", "gathering facts");
    running.start("", Duration::from_secs(60)).await?;
    Ok(running)
}

#[tokio::test]
async fn what_is_said_on_stderr_may_come_after_the_end() {
    let (mut says, stderr) = duplex(64);
    let late = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(says.write_all(b"sudo: a password is required\n").await);
        drop(says);
    };
    let (started, ()) = tokio::join!(ended(stderr), late);
    assert!(matches!(started, Err(HostError::SudoPasswordWanted)));
}

#[tokio::test]
async fn a_stderr_that_stays_open_holds_nobody_up() {
    let (_open, stderr) = duplex(64);
    let begun = Instant::now();
    assert!(matches!(ended(stderr).await, Err(HostError::NoShell(why)) if why == "nothing was said"));
    assert!(begun.elapsed() < 10 * STDERR_LATE);
}

/// A script that says this after `ready`, without end.
async fn without_end(line: &'static str) -> (Running, JoinHandle<()>) {
    now_and_then(line, Duration::ZERO).await
}

/// The same with a pause behind each.
async fn now_and_then(line: &'static str, pause: Duration) -> (Running, JoinHandle<()>) {
    let (mut says, stdout) = duplex(1 << 16);
    let saying = tokio::spawn(async move {
        drop(says.write_all(b"nonce ready\n").await);
        while says.write_all(line.as_bytes()).await.is_ok() {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    });
    let pipes = Pipes {
        stdin: Box::pin(sink()),
        stdout: Box::pin(stdout),
        stderr: Box::pin(empty()),
        keep: Box::new(()),
    };
    let Ok(running) = started(pipes).await else { panic!("it said ready") };
    (running, saying)
}

#[tokio::test]
async fn p7_a_host_that_says_facts_without_end_is_given_up() {
    let (mut running, saying) = without_end("nonce fact host tool x\n").await;
    let mut count = 0;
    let error = loop {
        match running.next().await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(count, MOST_RECORDS - 1, "and `ready`");
    let words = error.to_string();
    assert!(words.contains("gathering facts") && words.contains("200000 lines"), "{words}");
    saying.abort();
}

/// The error that a script ends with which may be silent for so long.
async fn end_of(running: &mut Running, silence: Duration) -> HostError {
    loop {
        if let Err(error) = running.next_within(silence).await {
            return error;
        }
    }
}

#[tokio::test]
async fn p7_a_host_that_says_something_now_and_then_is_given_up() {
    let (pause, doing) = (Duration::from_millis(20), || "gathering facts".to_owned());
    let (mut running, saying) = now_and_then("nonce at the files\n", pause).await;
    let total = Duration::from_millis(200);
    running.ends_within(total);
    let error = end_of(&mut running, Duration::from_secs(60)).await;
    assert_eq!(error, HostError::Endless(total, doing()));
    saying.abort();
    // Without a word on how long: a few times its silence.
    let (mut running, saying) = now_and_then("nonce at the files\n", pause).await;
    let silence = Duration::from_secs(2);
    assert_eq!(end_of(&mut running, silence).await, HostError::Endless(silence * IN_ALL, doing()));
    saying.abort();
    // What streams goes on; who says nothing is silent, and not slow.
    let (mut running, saying) = now_and_then("nonce at the files\n", pause).await;
    running.streams();
    let begun = Instant::now();
    while begun.elapsed() < silence * (IN_ALL + 1) {
        assert!(running.next_within(silence).await.is_ok());
    }
    saying.abort();
    let (mut running, saying) = now_and_then("nonce at the files\n", Duration::from_secs(60)).await;
    assert_eq!(end_of(&mut running, pause).await, HostError::Silent(pause, doing()));
    saying.abort();
}

#[tokio::test]
async fn p4_what_a_script_is_at_is_named_in_a_few_words() {
    let (mut running, saying) = without_end("nonce at the file ................................\n").await;
    assert!(matches!(running.next().await, Ok(Some(Record::At { .. }))));
    saying.abort();
    let long = "x".repeat(1 << 20);
    let at = short(Record::At { what: long.clone() });
    assert!(matches!(at, Record::At { what } if what.len() == LONGEST_NAME));
    let locked = short(Record::Locked { lock: long, holder: "me".to_owned() });
    assert!(matches!(locked, Record::Locked { lock, .. } if lock.len() == LONGEST_NAME));
}

#[tokio::test]
async fn p7_a_line_without_end_is_given_up() {
    let (mut running, saying) = without_end("nonce fact host os xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").await;
    let Err(error) = running.next().await else { panic!("it has no end") };
    assert!(error.to_string().contains("64 MiB"), "{error}");
    saying.abort();
}

#[tokio::test]
async fn a_stream_may_go_on() {
    let (mut running, saying) = without_end("nonce fact host log x\n").await;
    running.streams();
    for _ in 0..=MOST_RECORDS {
        assert!(matches!(running.next().await, Ok(Some(Record::Fact { .. }))));
    }
    saying.abort();
}
