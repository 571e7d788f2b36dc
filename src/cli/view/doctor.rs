//! The doctor's table: one row a subject, and what is not well in full, with its remedy.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{columns::cell, out::SafeText};
use crate::{
    commands::doctor::{Row, Subject},
    types::{
        harmless::log_line,
        ranges::{all_named, in_order},
        row::Verdict,
    },
};

pub fn json(row: &Row) -> Value {
    let result = match row.verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Failed => "failed",
        Verdict::NotKnown => "unknown",
        Verdict::NotApplicable => "not applicable",
    };
    json!({
        "event": "doctor", "host": row.host, "id": row.id.as_str(), "result": result, "code": row.code(),
        "seen": row.seen, "help": row.help,
    })
}

pub fn text(all: &[Row]) -> SafeText {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let mut ids: Vec<Subject> = Vec::new();
    for row in all {
        if !ids.contains(&row.id) {
            ids.push(row.id);
        }
    }
    for id in ids {
        let rows: Vec<&Row> = all.iter().filter(|row| row.id == id).collect();
        let good = rows.iter().filter(|row| row.verdict == Verdict::Ok).count();
        let has = |verdict| rows.iter().any(|row| row.verdict == verdict);
        let worst = [Verdict::Failed, Verdict::Warning, Verdict::NotKnown].into_iter().find(|v| has(*v));
        let same = rows.iter().all(|row| row.seen == rows[0].seen);
        let seen = if same { log_line(&rows[0].seen) } else { String::new() };
        let (result, count) = (word(worst.unwrap_or(Verdict::Ok)), format!("{good}/{}", rows.len()));
        table.add_row([id.as_str(), result, &count, &cell(&seen)]);
    }
    let mut out = SafeText::from(table.trim_fmt() + "\n");
    for (row, mut hosts) in not_well(all) {
        let colour = match row.verdict {
            Verdict::Failed => anstyle::AnsiColor::Red,
            _ => anstyle::AnsiColor::Yellow,
        };
        let bold = colour.on_default() | anstyle::Effects::BOLD;
        in_order(&mut hosts);
        let _ = writeln!(out);
        out.painted(bold, &format!("{} {}", all_named(&hosts), row.id.as_str()));
        let _ = writeln!(out, ": {}", cell(&log_line(&row.seen)));
        if let Some(help) = &row.help {
            let _ = writeln!(out, "  help  {help}");
        }
    }
    out
}

/// Rows that are alike are one, with their hosts.
fn not_well(all: &[Row]) -> Vec<(&Row, Vec<String>)> {
    let mut groups: Vec<(&Row, Vec<String>)> = Vec::new();
    for row in all.iter().filter(|row| matches!(row.verdict, Verdict::Failed | Verdict::Warning)) {
        let alike = |(one, _): &&mut (&Row, _)| {
            (one.id, one.verdict, &one.seen, &one.help) == (row.id, row.verdict, &row.seen, &row.help)
        };
        match groups.iter_mut().find(alike) {
            Some((_, hosts)) => hosts.push(row.host.clone()),
            None => groups.push((row, vec![row.host.clone()])),
        }
    }
    groups
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Failed => "FAILED",
        Verdict::NotKnown => "not known",
        Verdict::NotApplicable => "n/a",
    }
}
