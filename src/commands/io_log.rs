//! Whether a host's sudo keeps what it runs reads and prints (`log_input`, `log_output`): a key that is read or written through it
//! would be in that log, and often in the log server's.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};

use crate::{
    fleet::Fleet,
    remote::{error::HostError, host::Host, http::nonce},
    script::{compose::Script, record::Record},
};

/// Function of a script: what sudo itself says of the login's settings, as far as it is about such logs.
pub const ASK: &str = r#"io_log() {
  [ -n "${SUDO_USER:-}" ] || return 0
  fact host io_log "$(sudo -n -l -U "$SUDO_USER" 2>/dev/null | grep -oE '[!A-Za-z_]*(log|LOG)_(in|out|std|tty|IN|OUT)[A-Za-z]*' | head -n 50 | tr '\n' ' ')"
}"#;

/// By the words of `sudo -l`: settings, and tags of commands.
pub fn is_on(said: &str) -> bool {
    const SETTINGS: [&str; 8] = [
        "log_output",
        "log_input",
        "log_stdin",
        "log_stdout",
        "log_stderr",
        "log_ttyin",
        "log_ttyout",
        "LOG_OUTPUT",
    ];
    said.split_whitespace().any(|word| SETTINGS.contains(&word) || word == "LOG_INPUT")
}

/// Those of these machines whose sudo does; who cannot be asked is found out by what follows.
pub async fn machines(fleet: &Fleet, machines: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
    let hosts = machines.into_iter().filter_map(|machine| Some((machine, fleet.host(machine)?)));
    let all: FuturesUnordered<_> =
        hosts.map(|(machine, host)| async move { (machine, of_host(host, fleet.limit).await) }).collect();
    let on = all
        .filter_map(|(machine, said)| async move { said.is_ok_and(|said| is_on(&said)).then_some(machine) });
    on.collect().await
}

async fn of_host(host: &Host, limit: Duration) -> Result<String, HostError> {
    let mut script = Script::new(&nonce());
    script.line(ASK).line("say ready\nwatch\nio_log\nfinish 0");
    let mut running = host.start(&script, "asking what sudo logs").await?;
    running.keep_alive();
    let mut said = String::new();
    while let Some(record) = running.next_within(limit).await? {
        if let Record::Fact { value, .. } = record {
            said = value;
        }
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_on_is_told_from_one_that_is_off() {
        for on in ["log_output ", "log_input log_output", "!log_input log_output", "LOG_OUTPUT", "log_stdout"]
        {
            assert!(is_on(on), "{on}");
        }
        for off in ["", "!log_output", "NOLOG_OUTPUT", "iolog_dir", "log_host"] {
            assert!(!is_on(off), "{off}");
        }
    }
}
