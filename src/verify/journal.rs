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

/// What went wrong before somebody started the unit says nothing about now. While systemd restarts it by itself, the reason stands in
/// the runs before: as many as it has counted since that start. Each run has an id; systemd's own lines about it name it, too.
const THIS_RUN: &str = r#"this_run() {
  run=$(systemctl show -p InvocationID --value "$unit")
  restarts=$(systemctl show -p NRestarts --value "$unit")
  runs=$run
  if [ "${restarts:-0}" != 0 ] || [ -z "$run" ]; then
    runs=$(journalctl -q --no-pager -o json --output-fields=INVOCATION_ID,USER_INVOCATION_ID,_SYSTEMD_INVOCATION_ID -n "$1" "$journal_unit=$unit" 2>/dev/null |
      sed -n -E 's/.*"(USER_)?INVOCATION_ID" *: *"([0-9a-f]{32})".*/\2/;t id
        s/.*"_SYSTEMD_INVOCATION_ID" *: *"([0-9a-f]{32})".*/\1/;t id
        d
        :id
        p' | uniq | tail -n "$(( (${restarts:-0} < 20 ? ${restarts:-0} : 20) + 1 ))")
  fi
  [ -n "$runs" ] || return 0
  set -- "$1"
  for id in $runs; do
    [ $# = 1 ] || set -- "$@" +
    set -- "$@" "_SYSTEMD_INVOCATION_ID=$id" + "INVOCATION_ID=$id" + "USER_INVOCATION_ID=$id"
  done
  entries -n "$@"
}"#;

#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// The last 20 lines.
    pub last: Vec<String>,
    /// Of the last few thousand of this run, those with a sign of a cause, oldest first.
    pub signs: Vec<String>,
}

impl Journal {
    /// The last lines; above them the panic that they are the goroutines of.
    pub fn shown(mut self) -> Vec<String> {
        let ends = |line: &&String| PANICS.iter().any(|words| line.contains(words));
        if !self.last.iter().any(|line| ends(&line))
            && let Some(line) = self.signs.iter().rfind(ends)
        {
            self.last.splice(0..0, [line.clone(), "[…]".to_owned()]);
        }
        self.last
    }
}

/// How Go ends a program: what comes after it are goroutines, dozens of lines of them.
const PANICS: [&str; 2] = ["panic: ", "fatal error: "];

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
    fn the_panic_above_the_last_lines_is_shown() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let signs =
            lines(&["panic: old", "panic: Error reading file addrbook.json: EOF", "permission denied"]);
        let journal = |last: &[&str]| Journal { last: lines(last), signs: signs.clone() }.shown();
        assert_eq!(
            journal(&["goroutine 1"]),
            ["panic: Error reading file addrbook.json: EOF", "[…]", "goroutine 1"]
        );
        assert_eq!(journal(&["panic: here", "goroutine 1"]), ["panic: here", "goroutine 1"]);
    }

    #[test]
    fn colours_go_and_controls_are_seen() {
        assert_eq!(lines(b"\x1b[32mI\x1b[0m[2026] a\tb\r\n\n\x07x\n"), ["I[2026] a b", "\\u{7}x"]);
    }
}
