//! The verification's table: one row a line of proof, and every failure in full.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{columns::cell, out::SafeText};
use crate::{
    types::{harmless::line as one_line, redact, row::Verdict},
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
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for check in checks.iter().filter(|check| check.verdict == Verdict::Failed) {
        match groups.iter_mut().find(|group| group.iter().all(|other| says_the_same(other, check))) {
            Some(group) => group.push(check),
            None => groups.push(vec![check]),
        }
    }
    for group in &groups {
        failed(group, &mut out);
    }
    let mut unknown: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for check in checks.iter().filter(|check| check.verdict == Verdict::NotKnown) {
        match unknown.iter_mut().find(|(host, seen, _)| *host == check.host && *seen == check.seen) {
            Some((_, _, ids)) => ids.push(check.id.as_str()),
            None => unknown.push((&check.host, &check.seen, vec![check.id.as_str()])),
        }
    }
    for (host, seen, ids) in unknown {
        let _ = writeln!(out, "\n{} {host}: {}", ids.join(", "), cell(&one_line(seen)));
    }
    out
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
    let said = |check: &Row| (check.host.clone(), check.seen.clone(), check.help.clone());
    said(one) == said(other) && one.journal.is_empty() && other.journal.is_empty()
}

/// Rows of one host that say the same.
fn failed(rows: &[&Row], out: &mut SafeText) {
    let [check, others @ ..] = rows else { return };
    let red = anstyle::AnsiColor::Red.on_default() | anstyle::Effects::BOLD;
    let all = |word: fn(&Row) -> &str| rows.iter().map(|row| word(row)).collect::<Vec<_>>().join(", ");
    let _ = writeln!(out);
    out.painted(red, &format!("{} {}", all(|row| row.id.as_str()), check.host));
    let _ = writeln!(out, ": {}", all(|row| row.what.as_str()));
    if others.is_empty() {
        let _ = writeln!(out, "  expected  {}", cell(&one_line(&check.expected)));
    }
    let _ = writeln!(out, "  seen      {}", cell(&one_line(&check.seen)));
    if let Some(hint) = &check.help {
        let _ = writeln!(out, "  likely    {}", cell(&one_line(hint)));
    }
    if !check.journal.is_empty() {
        let _ = writeln!(out, "  the unit's last lines:");
        for line in &check.journal {
            let _ = writeln!(out, "    {}", one_line(&redact::line(line)));
        }
    }
}
