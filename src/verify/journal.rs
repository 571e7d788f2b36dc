//! What a unit's journal says: its last lines for people, and the lines that tell a cause.

use std::time::Duration;

use crate::{
    remote::{error::HostError, host::Host, http::nonce},
    script::{compose::Script, quote::words, record::Record},
    types::{harmless, ids::UnitName},
};

/// How long a journal is waited for: it may lie on a slow disk.
const LIMIT: Duration = Duration::from_secs(15);

/// Lines of each kind, and characters of a line: as many as are asked for.
const LINES: usize = 20;
const LONGEST: usize = 2000;

/// What went wrong before somebody restarted the unit says nothing about now. While systemd restarts it, the reason
/// stands in the run before.
const THIS_RUN: &str = r#"this_run() {
  run=$(systemctl show -p InvocationID --value "$unit")
  restarts=$(systemctl show -p NRestarts --value "$unit")
  if [ "$restarts" = 0 ] && [ -n "$run" ]; then
    entries -n "$1" "_SYSTEMD_INVOCATION_ID=$run" + "INVOCATION_ID=$run" + "USER_INVOCATION_ID=$run"
  else
    entries -n "$1" "$journal_unit=$unit"
  fi
}"#;

#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// The last 20 lines.
    pub last: Vec<String>,
    /// Of the last few thousand of this run, those with a sign of a cause, oldest first.
    pub signs: Vec<String>,
}

/// `signs`: what a line of interest has in it.
pub async fn of_unit(host: &Host, unit: &UnitName, signs: &[&str]) -> Journal {
    let read = tokio::time::timeout(LIMIT, read(host, unit, signs)).await;
    match read {
        Ok(Ok(journal)) => journal,
        Ok(Err(error)) => Journal { last: vec![format!("(no journal: {error})")], ..Journal::default() },
        Err(_) => Journal { last: vec!["(no journal: it took too long)".to_owned()], ..Journal::default() },
    }
}

async fn read(host: &Host, unit: &UnitName, signs: &[&str]) -> Result<Journal, HostError> {
    let mut script = Script::new(&nonce());
    script.set("unit", &format!("{unit}.service"));
    let mut grep = vec!["grep", "-aiF"];
    for sign in signs {
        grep.extend(["-e", sign]);
    }
    script.line("entries() { journalctl -q --no-pager -o cat \"$@\" 2>&1; }");
    script.line(THIS_RUN);
    script.line("send() { printf '%s blob 0 %s %s\\n' \"$NONCE\" \"$1\" \"$(base64 -w0)\"; }");
    script.line(format!(
        "say ready\nwatch\nentries \"$journal_unit=$unit\" -n {LINES} | cut -c1-{LONGEST} | send last"
    ));
    script.line(format!(
        "this_run 5000 | {} | tail -n {LINES} | cut -c1-{LONGEST} | send signs\nfinish 0",
        words(grep)
    ));
    let mut running = host.start(&script, "reading the journal").await?;
    running.keep_alive();
    let mut journal = Journal::default();
    while let Some(record) = running.next().await? {
        if let Record::Blob { key, bytes, .. } = record {
            let lines = lines(&bytes);
            if key == "last" { journal.last = lines } else { journal.signs = lines }
        }
    }
    Ok(journal)
}

/// Lines as people read them: they go to a terminal.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let cut = |line: &str| line.chars().take(LONGEST).collect::<String>();
    let lines = text.lines().map(|line| harmless::log_line(&cut(line)));
    lines.filter(|line| !line.trim().is_empty()).take(LINES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_a_host_that_sends_more_than_it_was_asked_for_is_cut_short() {
        let all = lines("x".repeat(5000).as_bytes());
        assert_eq!((all.len(), all[0].len()), (1, LONGEST));
        assert_eq!(lines("x\n".repeat(100_000).as_bytes()).len(), LINES);
    }

    #[test]
    fn colours_go_and_controls_are_seen() {
        assert_eq!(lines(b"\x1b[32mI\x1b[0m[2026] a\tb\r\n\n\x07x\n"), ["I[2026] a b", "\\u{7}x"]);
    }
}
