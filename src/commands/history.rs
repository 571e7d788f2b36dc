//! `loomctl history`: the audit logs of all nodes as one stream in time order.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use serde::Serialize;
use serde_json::Value;

use crate::{
    fleet::Target,
    remote::{error::HostError, host::Host, http::nonce},
    script::{compose::Script, quote::words, record::Record},
    session::read::ReadSession,
};

/// So many of a node's last entries: an audit log has a line only when something changed, and no end.
const ENTRIES: usize = 10_000;
/// Characters of each of an entry's texts, and steps of an entry.
const LONGEST: usize = 300;
const MOST_STEPS: usize = 1000;

/// What one stage of one run changed on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// As the host's clock had it, RFC 3339 in UTC.
    pub time: String,
    /// The node's name.
    pub host: String,
    pub who: String,
    pub stage: String,
    /// `ok`, `failed`, `interrupted`.
    pub result: String,
    /// Names of steps.
    pub changed: Vec<String>,
}

/// In time order; entries of one second in inventory order. Who cannot be asked is lost.
pub async fn history(session: &mut ReadSession) -> Vec<Entry> {
    let limit = session.fleet.limit;
    let read: Vec<_> = {
        let all: FuturesUnordered<_> = session
            .reached()
            .map(|(target, host)| async move { (target.machine, of_machine(host, target, limit).await) })
            .collect();
        all.collect().await
    };
    let mut of_node: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (machine, result) in read {
        match result {
            Ok(entries) => entries.into_iter().for_each(|entry| {
                of_node.entry(entry.host.clone()).or_default().push(entry);
            }),
            Err(error) => drop(session.lost.insert(machine, error)),
        }
    }
    let in_order = session.cluster.nodes.iter().filter_map(|node| of_node.remove(node.name.as_str()));
    let mut entries: Vec<Entry> = in_order.flatten().collect();
    entries.sort_by(|a, b| a.time.cmp(&b.time));
    entries
}

async fn of_machine(host: &Host, target: &Target, limit: Duration) -> Result<Vec<Entry>, HostError> {
    let mut script = Script::new(&nonce());
    script.line("say ready\nwatch");
    script.line(format!(
        "log() {{ [ ! -f \"$2\" ] || printf '%s blob %s audit %s\\n' \"$NONCE\" \"$1\" \"$(tail -n {ENTRIES} \"$2\" | base64 -w0)\"; }}"
    ));
    for (number, question) in target.questions.iter().enumerate() {
        script.line(words(["log", &number.to_string(), &format!("{}/audit.log", question.state)]));
    }
    script.line("finish 0");
    let mut running = host.start(&script, "reading the audit log").await?;
    running.keep_alive();
    let mut entries = Vec::new();
    while let Some(record) = running.next_within(limit).await? {
        if let Record::Blob { scope, bytes, .. } = record
            && let Some(question) = scope.parse().ok().and_then(|number: usize| target.questions.get(number))
        {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            entries.extend(text.lines().take(ENTRIES).filter_map(|line| entry(question.node.as_str(), line)));
        }
    }
    Ok(entries)
}

/// A line that does not fit, such as one that a full disk cut short, is left out.
fn entry(node: &str, line: &str) -> Option<Entry> {
    let json: Value = serde_json::from_str(line).ok()?;
    let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
    let text = |key: &str| short(json[key].as_str().unwrap_or_default());
    let name = |step: &Value| step.as_str().map(short);
    Some(Entry {
        time: text("time"),
        host: node.to_owned(),
        who: text("who"),
        stage: text("stage"),
        result: text("result"),
        changed: json["changed"].as_array()?.iter().take(MOST_STEPS).filter_map(name).collect(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn p7_a_text_of_a_host_has_an_end() {
        let (long, steps) = ("x".repeat(70_000), vec!["y"; MOST_STEPS + 1]);
        let line =
            serde_json::json!({"time": long, "who": long, "stage": long, "changed": steps}).to_string();
        let read = entry("n-0", &line).unwrap();
        assert_eq!((read.who.len(), read.stage.len(), read.time.len()), (LONGEST, LONGEST, LONGEST));
        assert_eq!(read.changed.len(), MOST_STEPS);
    }

    #[test]
    fn a_line_that_was_cut_is_left_out() {
        let line = r#"{"who":"me@here","stage":"start","node":"n","time":"2026-01-02T03:04:05Z","result":"ok","changed":["file /a b","unit x"]}"#;
        let read = entry("n-0", line).unwrap();
        assert_eq!((read.host.as_str(), read.who.as_str(), read.stage.as_str()), ("n-0", "me@here", "start"));
        assert_eq!(read.changed, ["file /a b", "unit x"]);
        assert!((0..line.len()).all(|cut| entry("n-0", &line[..cut]).is_none()));
    }
}
