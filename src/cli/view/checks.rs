//! The verification's table: one row a line of proof, and every failure in full.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{columns::cell, out::SafeText};
use crate::{
    types::{
        harmless::line as one_line,
        ranges::{all_named, in_order},
        redact,
        row::Verdict,
    },
    verify::{CheckId, Row},
};

pub fn json(check: &Row) -> Value {
    json!({
        "event": "check", "id": check.id.as_str(), "host": check.host, "what": check.what,
        "result": result(check), "code": check.code(),
        "expected": check.expected, "seen": check.seen, "hint": check.help,
        "journal": check.journal.iter().map(|line| redact::line(line)).collect::<Vec<_>>(),
    })
}

/// What is not known is not proven, so it fails.
fn result(check: &Row) -> &'static str {
    match check.verdict {
        Verdict::NotApplicable => "not applicable",
        Verdict::Ok | Verdict::Warning => "ok",
        Verdict::Failed | Verdict::NotKnown => "failed",
    }
}

pub fn text(checks: &[Row]) -> SafeText {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let mut ids: Vec<CheckId> = checks.iter().map(|check| check.id).collect();
    ids.dedup();
    for id in ids {
        let rows: Vec<&Row> = checks.iter().filter(|check| check.id == id).collect();
        let good =
            rows.iter().filter(|check| matches!(check.verdict, Verdict::Ok | Verdict::Warning)).count();
        let applies = rows.iter().any(|check| check.verdict != Verdict::NotApplicable);
        let what = rows.first().map_or("", |check| check.what.as_str());
        let seen = if good == rows.len() || !applies { together(&rows) } else { String::new() };
        let (result, count) = match applies {
            false => ("n/a", String::new()),
            true if good == rows.len() => ("ok", format!("{good}/{}", rows.len())),
            true => ("FAILED", format!("{good}/{}", rows.len())),
        };
        table.add_row([id.as_str(), result, &count, what, &cell(&one_line(&seen))]);
    }
    let mut out = SafeText::from(table.trim_fmt() + "\n");
    for group in groups(checks.iter().filter(|check| check.verdict == Verdict::Failed), says_the_same) {
        failed(&group, &mut out);
    }
    let follows = |check: &&Row| check.verdict == Verdict::NotKnown;
    for group in groups(checks.iter().filter(follows), |one, other| one.seen == other.seen) {
        let _ = writeln!(out, "\n{}: {}", heading(&group), cell(&one_line(&group.rows[0].seen)));
    }
    out
}

/// Rows that say the same: several of one host, or the same ones of several hosts.
struct Alike<'a> {
    hosts: Vec<String>,
    /// Of the first host.
    rows: Vec<&'a Row>,
    /// Every host's last lines, where it has some.
    journals: Vec<(&'a str, &'a [String])>,
}

fn groups<'a>(rows: impl Iterator<Item = &'a Row>, same: fn(&Row, &Row) -> bool) -> Vec<Alike<'a>> {
    let mut of_hosts: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let of_one = |one: &Row| one.host == row.host && same(one, row) && one.journal == row.journal;
        match of_hosts.iter_mut().find(|group| of_one(group[0])) {
            Some(group) => group.push(row),
            None => of_hosts.push(vec![row]),
        }
    }
    let mut groups: Vec<Alike<'a>> = Vec::new();
    for rows in of_hosts {
        let is_like = |group: &&mut Alike<'a>| {
            let pairs = || group.rows.iter().zip(&rows);
            group.rows.len() == rows.len()
                && pairs().all(|(one, other)| {
                    (one.id, &one.what, &one.expected) == (other.id, &other.what, &other.expected)
                        && same(one, other)
                })
        };
        let journal = rows.iter().find(|row| !row.journal.is_empty());
        let journal = journal.map(|row| (row.host.as_str(), row.journal.as_slice()));
        let host = rows[0].host.clone();
        match groups.iter_mut().find(is_like) {
            Some(group) => {
                group.hosts.push(host);
                group.journals.extend(journal);
            }
            None => groups.push(Alike { hosts: vec![host], rows, journals: journal.into_iter().collect() }),
        }
    }
    for group in &mut groups {
        in_order(&mut group.hosts);
    }
    groups
}

/// `V1, V2 node-[0:3]`
fn heading(group: &Alike<'_>) -> String {
    let ids: Vec<&str> = group.rows.iter().map(|row| row.id.as_str()).collect();
    format!("{} {}", ids.join(", "), all_named(&group.hosts))
}

/// What all hosts say, where they say the same.
fn together(rows: &[&Row]) -> String {
    match rows {
        [first, rest @ ..] if rest.iter().all(|check| check.seen == first.seen) => first.seen.clone(),
        _ => String::new(),
    }
}

/// A host that is lost fails every row in the same words.
fn says_the_same(one: &Row, other: &Row) -> bool {
    (&one.seen, &one.help) == (&other.seen, &other.help)
}

fn failed(group: &Alike<'_>, out: &mut SafeText) {
    let [check, others @ ..] = &group.rows[..] else { return };
    let red = anstyle::AnsiColor::Red.on_default() | anstyle::Effects::BOLD;
    let whats: Vec<&str> = group.rows.iter().map(|row| row.what.as_str()).collect();
    let _ = writeln!(out);
    out.painted(red, &heading(group));
    let _ = writeln!(out, ": {}", whats.join(", "));
    if others.is_empty() {
        let _ = writeln!(out, "  expected  {}", cell(&one_line(&check.expected)));
    }
    let _ = writeln!(out, "  seen      {}", cell(&one_line(&check.seen)));
    if let Some(help) = &check.help {
        let _ = writeln!(out, "  likely    {}", cell(&one_line(help)));
    }
    for (host, lines) in &group.journals {
        let of = if group.hosts.len() == 1 { String::new() } else { format!(" on {host}") };
        let _ = writeln!(out, "  the unit's last lines{of}:");
        for line in *lines {
            let _ = writeln!(out, "    {}", one_line(&redact::line(line)));
        }
    }
}
