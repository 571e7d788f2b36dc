//! The doctor's table: one row a subject, and what is not well in full, with its remedy.

use std::fmt::Write as _;

use super::{columns::cell, out::SafeText};
use crate::{
    commands::doctor::{Finding, Verdict},
    types::harmless::log_line,
};

pub fn text(findings: &[Finding]) -> SafeText {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let mut ids: Vec<&str> = Vec::new();
    for finding in findings {
        if !ids.contains(&finding.id) {
            ids.push(finding.id);
        }
    }
    for id in ids {
        let rows: Vec<&Finding> = findings.iter().filter(|finding| finding.id == id).collect();
        let good = rows.iter().filter(|row| row.result == Verdict::Ok).count();
        let has = |verdict| rows.iter().any(|row| row.result == verdict);
        let worst = [Verdict::Failed, Verdict::Warning, Verdict::Unknown].into_iter().find(|v| has(*v));
        let same = rows.iter().all(|row| row.seen == rows[0].seen);
        let seen = if same { log_line(&rows[0].seen) } else { String::new() };
        let seen = cell(&seen);
        table.add_row([id, word(worst.unwrap_or(Verdict::Ok)), &format!("{good}/{}", rows.len()), &seen]);
    }
    let mut out = SafeText::from(table.trim_fmt() + "\n");
    for finding in findings.iter().filter(|row| matches!(row.result, Verdict::Failed | Verdict::Warning)) {
        let colour = match finding.result {
            Verdict::Failed => anstyle::AnsiColor::Red,
            _ => anstyle::AnsiColor::Yellow,
        };
        let bold = colour.on_default() | anstyle::Effects::BOLD;
        let _ = writeln!(out);
        out.painted(bold, &format!("{} {}", finding.host, finding.id));
        let _ = writeln!(out, ": {}", cell(&log_line(&finding.seen)));
        if let Some(help) = &finding.help {
            let _ = writeln!(out, "  help  {help}");
        }
    }
    out
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Failed => "FAILED",
        Verdict::Unknown => "not known",
    }
}
