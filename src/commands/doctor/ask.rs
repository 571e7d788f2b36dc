//! What the hosts are asked beyond the facts that every run gathers. Nothing is written there.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    commands::io_log,
    facts::ask::hand_is,
    fleet::Target,
    remote::{error::HostError, host::Host, http::nonce},
    script::{compose::Script, quote::words, record::Record},
};

/// Seconds for one connection between two hosts.
const CONNECT: u32 = 3;

/// Bytes of what one of these programs says.
const LONGEST: usize = 4096;

/// What one machine answers; texts as its own programs print them, empty where a program is missing.
#[derive(Debug, Clone, Default)]
pub struct HostAnswers {
    /// Of the machine, by the names in `EXAMINE`.
    pub host: BTreeMap<String, String>,
    /// By the number of the node's question: `BLOCKS BLOCKSIZE OPTIONS` of the file system of its folder.
    pub room: BTreeMap<usize, String>,
    /// By address: how the connection ended.
    pub peers: BTreeMap<(String, u16), Reach>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Somebody listens, or the peer itself answers that nobody does.
    Yes,
    No(String),
    NotKnown(String),
}

const EXAMINE: &str = r#"examine() {
  fact host memory "$(grep -E '^Mem(Total|Available):' /proc/meminfo | tr -s ' \n' ' ')"
  fact host time "$(timedatectl show -p NTP -p NTPSynchronized 2>/dev/null | tr '\n' ' ')"
  fact host container "$(systemd-detect-virt --container 2>/dev/null)"
  fact host sshd "$(sshd -T 2>/dev/null | grep -E '^(maxsessions|allowtcpforwarding) ' | tr '\n' ' ')"
  fact host files "$(cat /proc/sys/fs/nr_open)"
  fact host journal_use "$(journalctl -q --disk-usage 2>/dev/null | grep -oE '[0-9.]+[BKMGT]' | head -n 1)"
  fact host journal_conf "$(systemd-analyze cat-config systemd/journald.conf 2>/dev/null | grep -E '^(Storage|SystemMaxUse|RuntimeMaxUse)=' | tr '\n' ' ')"
  [ ! -d /var/log/journal ] || fact host journal_kept yes
}
# room SCOPE FOLDER: as the node's user has it.
room() { fact "$1" room "$(glance 4096 room_of "$2" | head -n 1)"; }
# reach ADDRESS PORT SECONDS
reach() {
  reach_said=$(timeout "$3" bash -c 'exec 5<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1)
  fact host reach "$1 $2 $? ${reach_said##*: }"
}"#;

/// `peers`: where this machine's nodes dial.
pub async fn ask(
    host: &Host,
    target: &Target,
    folders: &[String],
    peers: &[(String, u16)],
    limit: Duration,
) -> Result<HostAnswers, HostError> {
    let mut script = Script::new(&nonce());
    script.line(EXAMINE).line(io_log::ASK);
    script.line("say ready\nwatch\nexamine\nio_log\ndials=''");
    for (address, port) in peers {
        let dial = words(["reach", address, &port.to_string(), &CONNECT.to_string()]);
        script.line(format!("{dial} &\ndials=\"$dials $!\""));
    }
    for (number, (folder, question)) in folders.iter().zip(&target.questions).enumerate() {
        script.line(hand_is(question));
        script.line(words(["room", &number.to_string(), folder]));
    }
    // Not for all children: the watcher of the life line is one.
    script.line("[ -z \"$dials\" ] || wait $dials\nfinish 0");
    let mut running = host.start(&script, &format!("examining {}", target.name)).await?;
    running.keep_alive();
    let mut answers = HostAnswers::default();
    while let Some(record) = running.next_within(limit).await? {
        answers.take(record);
    }
    Ok(answers)
}

impl HostAnswers {
    fn take(&mut self, record: Record) {
        let Record::Fact { scope, key, value } = record else { return };
        if value.len() > LONGEST {
            return;
        }
        match (key.as_str(), scope.parse()) {
            ("room", Ok(number)) => drop(self.room.insert(number, value)),
            ("reach", _) => self.peers.extend(reach(&value)),
            _ => drop(self.host.insert(key, value.trim().to_owned())),
        }
    }
}

/// `ADDRESS PORT STATUS WORDS`. A refusal has crossed the network twice: nothing on the way swallows it.
fn reach(value: &str) -> Option<((String, u16), Reach)> {
    let mut parts = value.splitn(4, ' ');
    let (address, port, status) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?);
    let answers = parts.next().unwrap_or_default();
    let reach = match status {
        "0" => Reach::Yes,
        _ if answers.contains("refused") => Reach::Yes,
        "124" => Reach::No("no answer: filtered?".to_owned()),
        "126" | "127" => Reach::NotKnown("there is no bash to try it with".to_owned()),
        _ => Reach::No(answers.to_owned()),
    };
    Some(((address, port), reach))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn p7_what_is_too_long_was_not_said() {
        let mut answers = HostAnswers::default();
        for value in ["x".repeat(LONGEST + 1), "x".repeat(LONGEST)] {
            answers.take(Record::Fact { scope: "host".into(), key: value.len().to_string(), value });
        }
        assert_eq!(answers.host.keys().collect::<Vec<_>>(), ["4096"]);
    }

    #[test]
    fn refused_is_reached_and_silence_is_not() {
        let of = |text: &str| reach(text).unwrap().1;
        assert_eq!(of("10.0.0.2 26656 0 "), Reach::Yes);
        assert_eq!(of("10.0.0.2 26656 1 Connection refused"), Reach::Yes);
        assert_eq!(of("10.0.0.2 26656 1 No route to host"), Reach::No("No route to host".to_owned()));
        assert!(matches!(of("10.0.0.2 26656 124 "), Reach::No(_)));
        assert!(matches!(of("10.0.0.2 26656 127 bash"), Reach::NotKnown(_)));
    }
}
