//! One line of journalctl's JSON.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

/// What journalctl is asked to send; time and cursor come anyway.
pub const FIELDS: &str = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_SYSTEMD_UNIT,UNIT,OBJECT_SYSTEMD_UNIT,COREDUMP_UNIT,\
     _SYSTEMD_USER_UNIT,USER_UNIT,OBJECT_SYSTEMD_USER_UNIT,COREDUMP_USER_UNIT";
/// Whom a line is about, of the machine's systemd or a user's.
const ABOUT: [&str; 8] = [
    "UNIT",
    "OBJECT_SYSTEMD_UNIT",
    "COREDUMP_UNIT",
    "_SYSTEMD_UNIT",
    "USER_UNIT",
    "OBJECT_SYSTEMD_USER_UNIT",
    "COREDUMP_USER_UNIT",
    "_SYSTEMD_USER_UNIT",
];

/// The last microsecond that RFC 3339 can write: of the year 9999.
const LAST: u64 = 253_402_300_799_999_999;
/// Characters of a message that are shown, of a program's name, and of a cursor.
const LONGEST: usize = 64 << 10;
const LONGEST_NAME: usize = 256;
const LONGEST_CURSOR: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// RFC 3339 in UTC, as the host's clock had it.
    pub time: String,
    /// The node's name.
    pub host: String,
    pub unit: String,
    /// Who wrote it: the program, or `systemd` about the unit.
    pub identifier: String,
    /// syslog's: 3 is an error, 6 is information.
    pub priority: Option<u8>,
    pub message: String,
    /// Since 1970.
    #[serde(skip)]
    pub micros: u64,
    /// Where the host's journal goes on after it.
    #[serde(skip)]
    pub cursor: String,
}

impl Entry {
    /// `nodes`: name and unit of each node on that machine.
    pub fn parse<'a>(line: &str, nodes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let json: Value = serde_json::from_str(line).ok()?;
        // Of a clock that is out of its mind the line still counts.
        let micros: u64 =
            json["__REALTIME_TIMESTAMP"].as_str()?.parse().map(|micros: u64| micros.min(LAST)).ok()?;
        let units: Vec<String> = ABOUT.iter().map(|key| text(&json[*key])).collect();
        let is_about = |unit: &str| units.iter().any(|about| about.strip_suffix(".service") == Some(unit));
        let (host, unit) = nodes.into_iter().find(|(_, unit)| is_about(unit))?;
        let who = text(&json["SYSLOG_IDENTIFIER"]);
        Some(Self {
            time: humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(micros)).to_string(),
            host: host.to_owned(),
            unit: unit.to_owned(),
            identifier: cut(if who.is_empty() { text(&json["_COMM"]) } else { who }, LONGEST_NAME),
            priority: text(&json["PRIORITY"]).parse().ok(),
            message: cut(text(&json["MESSAGE"]), LONGEST),
            micros,
            cursor: cut(text(&json["__CURSOR"]), LONGEST_CURSOR),
        })
    }
}

fn cut(text: String, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What is not UTF-8 or holds control characters comes as a list of bytes; of a field that is there twice the first counts.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => match parts.first() {
            Some(Value::Number(_)) => {
                let byte = |part: &Value| part.as_u64().and_then(|byte| u8::try_from(byte).ok());
                String::from_utf8_lossy(&parts.iter().filter_map(byte).collect::<Vec<_>>()).into_owned()
            }
            first => first.map(text).unwrap_or_default(),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NODES: [(&str, &str); 2] = [("a", "cometbft-a"), ("b", "cometbft-b")];

    #[test]
    fn a_line_is_for_the_node_whose_unit_it_is_about() {
        let line = r#"{"__REALTIME_TIMESTAMP":"1767323045000001","__CURSOR":"s=1","_SYSTEMD_UNIT":"init.scope",
            "UNIT":"cometbft-b.service","SYSLOG_IDENTIFIER":"systemd","PRIORITY":"6","MESSAGE":"Started."}"#;
        let entry = Entry::parse(line, NODES).unwrap();
        assert_eq!((entry.host.as_str(), entry.unit.as_str()), ("b", "cometbft-b"));
        assert_eq!((entry.time.as_str(), entry.priority), ("2026-01-02T03:04:05.000001Z", Some(6)));
        assert!(Entry::parse(&line.replace("cometbft-b", "other"), NODES).is_none());
        let users = line.replace("init.scope", "user@1000.service").replace("\"UNIT", "\"USER_UNIT");
        assert_eq!(Entry::parse(&users, NODES).unwrap().host, "b");
        assert!((0..line.len()).all(|cut| Entry::parse(&line[..cut], NODES).is_none()));
    }

    #[test]
    fn p7_no_time_and_no_length_is_too_much() {
        let line = |micros: &str, message: &str| {
            format!(
                r#"{{"__REALTIME_TIMESTAMP":"{micros}","_SYSTEMD_UNIT":"cometbft-a.service","MESSAGE":"{message}"}}"#
            )
        };
        let time = |micros: &str| Entry::parse(&line(micros, "x"), NODES).map(|entry| entry.time);
        assert_eq!(time("18446744073709551615").as_deref(), Some("9999-12-31T23:59:59.999999Z"));
        assert_eq!(time("253402300800000000").as_deref(), Some("9999-12-31T23:59:59.999999Z"));
        assert_eq!(time("0").as_deref(), Some("1970-01-01T00:00:00.000000Z"));
        for wrong in ["-1", "NaN", "inf", "1e3", "", "18446744073709551616"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        let long = Entry::parse(&line("1", &"ü".repeat(LONGEST + 1)), NODES).unwrap().message;
        assert_eq!(long.chars().count(), LONGEST + 1);
    }

    #[test]
    fn bytes_are_a_text() {
        let line = r#"{"__REALTIME_TIMESTAMP":"1","_SYSTEMD_UNIT":"cometbft-a.service","_COMM":["x","y"],"MESSAGE":[27,91,109,255]}"#;
        let entry = Entry::parse(line, NODES).unwrap();
        assert_eq!((entry.message.as_str(), entry.identifier.as_str()), ("\u{1b}[m\u{fffd}", "x"));
    }
}
