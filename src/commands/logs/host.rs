//! One host's journal, as journalctl there has it.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc::Sender;

use super::{
    Item, Wanted,
    entry::{Entry, FIELDS},
};
use crate::{
    remote::{error::HostError, host::Host, http::nonce, running::Running},
    script::{compose::Script, quote::words, record::Record},
    types::ids::UnitName,
};

/// Node and unit.
type Units = Vec<(String, UnitName)>;

/// journalctl in a process group of its own, so that it ends with us also while its journal is silent. What it writes
/// is marked line by line, by a program that is in no argument; JSON has no line breaks of its own.
const STREAM: &str = r#"stream() {
  fact host begun "$(date +%s.%6N)"
  setsid sh -c '{ journalctl "$@" 2>&1 5<&-; echo "ended $?"; } | sed -u -f /dev/fd/5' sh "$@" 3<&- 5<<EOT &
s/^/$NONCE fact host log /
EOT
  group=$!
  wait "$group"
  [ "$stop" = 0 ] || kill -TERM "-$group"
  finish 0
}"#;

/// Sends everything that is wanted. A receiver that is gone ends it, and a silence longer than `limit` before all that was there
/// already has come: the others' lines wait for it.
pub async fn send(host: Arc<Host>, units: Units, wanted: Wanted, to: Sender<Item>, limit: Duration) {
    if let Err(error) = sent(&host, &units, &wanted, &to, limit).await {
        let _ = to.send(Item::Lost(error)).await;
    }
}

async fn sent(
    host: &Host,
    units: &[(String, UnitName)],
    wanted: &Wanted,
    to: &Sender<Item>,
    limit: Duration,
) -> Result<(), HostError> {
    let mut arguments = shared(host, units, wanted);
    arguments.extend(wanted.since.iter().map(|since| format!("--since={since}")));
    // With --since or --grep, -n means other things in other releases: then the lines are counted here.
    if let (None, None, Some(lines)) = (&wanted.since, &wanted.grep, wanted.lines) {
        arguments.push(format!("--lines={lines}"));
    }
    let place = stream(host, units, &arguments, to, Some(limit)).await?;
    if wanted.follow && to.send(Item::Caught).await.is_ok() {
        let mut arguments = shared(host, units, wanted);
        arguments.extend(["--follow".to_owned(), "--no-tail".to_owned(), place]);
        stream(host, units, &arguments, to, None).await?;
    }
    Ok(())
}

fn shared(host: &Host, units: &[(String, UnitName)], wanted: &Wanted) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["--quiet", "--no-pager", "--all", "--output=json"].map(str::to_owned).to_vec();
    arguments.push(format!("--output-fields={FIELDS}"));
    let option = host.scope().journal_option();
    arguments.extend(units.iter().map(|(_, unit)| format!("{option}={unit}.service")));
    arguments.extend(wanted.grep.iter().map(|pattern| format!("--grep={pattern}")));
    arguments
}

/// Gives back, as an argument of journalctl, where it goes on from. `limit`: of its silence; a journal that is followed is
/// silent for as long as nothing happens.
async fn stream(
    host: &Host,
    units: &[(String, UnitName)],
    arguments: &[String],
    to: &Sender<Item>,
    limit: Option<Duration>,
) -> Result<String, HostError> {
    let mut script = Script::new(&nonce());
    script.line(STREAM);
    script.line("say ready\nwatch");
    script.line(format!("stream {}", words(arguments.iter().map(String::as_str))));
    let mut running = host.start(&script, "reading the journal").await?;
    running.keep_alive();
    running.streams();
    let nodes = || units.iter().map(|(node, unit)| (node.as_str(), unit.as_str()));
    let (mut place, mut said) = (String::new(), String::new());
    while let Some(record) = next(&mut running, limit).await? {
        let Record::Fact { key, value, .. } = record else { continue };
        if key == "begun" {
            place = format!("--since=@{value}");
        } else if let Some(entry) = Entry::parse(&value, nodes()) {
            place = format!("--after-cursor={}", entry.cursor);
            if to.send(Item::Entry(entry)).await.is_err() {
                break;
            }
        } else if let Some(status) = value.strip_prefix("ended ") {
            // Without a word it has only found nothing.
            if status != "0" && !said.is_empty() {
                return Err(HostError::Step { step: "journalctl".to_owned(), output: said });
            }
        } else if !value.starts_with('{') {
            said = value.chars().take(2000).collect();
        }
    }
    Ok(place)
}

async fn next(running: &mut Running, limit: Option<Duration>) -> Result<Option<Record>, HostError> {
    match limit {
        Some(limit) => running.next_within(limit).await,
        None => running.next().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, duplex, empty, sink};

    use super::*;
    use crate::remote::running::Pipes;

    #[tokio::test]
    async fn p7_a_host_that_says_nothing_holds_the_others_up_only_where_it_is_followed() {
        let (mut says, stdout) = duplex(64);
        let pipes = Pipes {
            stdin: Box::pin(sink()),
            stdout: Box::pin(stdout),
            stderr: Box::pin(empty()),
            keep: Box::new(()),
        };
        drop(says.write_all(b"n ready\n").await);
        let mut running = Running::new(pipes, "n", "reading the journal");
        assert!(running.start("", Duration::from_secs(60)).await.is_ok());
        running.streams();
        let short = Duration::from_millis(50);
        let followed = tokio::time::timeout(10 * short, next(&mut running, None)).await;
        assert!(followed.is_err(), "nothing happens there: it is waited for");
        let read = tokio::time::timeout(Duration::from_secs(60), next(&mut running, Some(short))).await;
        assert!(matches!(read, Ok(Err(HostError::Silent(limit, _))) if limit == short));
    }
}
