//! `unit:` of an inventory over a unit's text, in systemd's own words.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::Value;

use crate::types::{diagnostic::Diagnostic, nearest::nearest};

/// `unit: {Service: {Key: value}}`: a text or number replaces the directive, a list makes several lines of it, null
/// drops it (of `ADDED` ours stays). Values are systemd's own syntax, as the user wrote them.
pub type UnitOverrides = IndexMap<String, IndexMap<String, Value>>;

/// Directives that loomctl answers for, with the variable that changes them.
const OURS: [(&str, &str); 3] = [
    ("ExecStart", "what the profile runs (`binary`, `settings`, the profile's `run.argv`)"),
    ("User", "`user`"),
    ("WorkingDirectory", "`working_directory`"),
];

/// Directives whose line in the template stays behind what the inventory gives: without its own folder no node starts, and
/// without what goes before its start none on its own chain.
const ADDED: [(&str, &str); 3] =
    [("Service", "BindPaths"), ("Service", "Environment"), ("Service", "ExecStartPre")];

const SECTIONS: [&str; 3] = ["Unit", "Service", "Install"];

/// The overrides over a unit's text. Lines keep their order; new ones come last in their section.
pub fn apply(text: &str, overrides: &UnitOverrides) -> Result<String, Vec<Diagnostic>> {
    let mut lines: Vec<Cow<'_, str>> = text.lines().map(Cow::from).collect();
    let mut problems = Vec::new();
    for (section, directives) in overrides {
        if let Err(problem) = section_name(section) {
            problems.push(problem);
            continue;
        }
        for (key, value) in directives {
            match directive_lines(section, key, value) {
                Ok(new) => {
                    let mut new: Vec<_> = new.into_iter().map(Cow::from).collect();
                    if ADDED.contains(&(section, key)) {
                        new.extend(lines.iter().filter(|line| is_directive(line, key)).cloned());
                    }
                    replace(&mut lines, section, key, new);
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    if problems.is_empty() { Ok(lines.join("\n") + "\n") } else { Err(problems) }
}

fn section_name(section: &str) -> Result<(), Diagnostic> {
    if SECTIONS.contains(&section) {
        return Ok(());
    }
    let wanted = SECTIONS.iter().find(|s| s.eq_ignore_ascii_case(section)).copied();
    let problem = Diagnostic::error(format!("`unit:` knows no section {section:?}"));
    Err(match wanted.or_else(|| nearest(section, SECTIONS)) {
        Some(near) => problem.help(format!("is `{near}` meant?")),
        None => problem.help("Unit, Service or Install"),
    })
}

fn directive_lines(section: &str, key: &str, value: &Value) -> Result<Vec<String>, Diagnostic> {
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(Diagnostic::error(format!("`unit:` {section}: {key:?} is not a directive's name")));
    }
    if let Some((_, instead)) = OURS.iter().find(|(ours, _)| section == "Service" && *ours == key) {
        let message = format!("`unit:` {section}: {key} cannot be set here");
        return Err(Diagnostic::error(message).help(format!("it follows from {instead}")));
    }
    let values = match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    };
    values.into_iter().map(|value| directive(section, key, value)).collect()
}

fn directive(section: &str, key: &str, value: &Value) -> Result<String, Diagnostic> {
    let wrong = |why: &str| Err(Diagnostic::error(format!("`unit:` {section}: {key}: {why}")));
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return wrong("must be a text, a number, true or false, a list of these, or null"),
    };
    if text.contains(['\n', '\r', '\0']) {
        return wrong("a newline cannot stand in a directive; give a list for several lines");
    }
    if text.trim_end().ends_with('\\') {
        return wrong("a backslash at the end would swallow the next line");
    }
    Ok(format!("{key}={text}"))
}

fn is_directive(line: &str, key: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| name.trim() == key)
}

/// The first line of the directive is replaced by the new ones, the others go.
fn replace<'t>(lines: &mut Vec<Cow<'t, str>>, section: &str, key: &str, new: Vec<Cow<'t, str>>) {
    let header = format!("[{section}]");
    let Some(start) = lines.iter().position(|line| line.trim() == header).map(|at| at + 1) else {
        if !new.is_empty() {
            lines.extend([Cow::default(), header.into()]);
            lines.extend(new);
        }
        return;
    };
    let end = lines[start..].iter().position(|line| line.starts_with('[')).map_or(lines.len(), |n| start + n);
    let is_it = |line: &Cow<'_, str>| is_directive(line, key);
    let last_text =
        lines[start..end].iter().rposition(|line| !line.trim().is_empty()).map_or(start, |n| start + n + 1);
    let at = lines[start..end].iter().position(is_it).map_or(last_text, |n| start + n);
    let tail: Vec<_> = lines.drain(at..).collect();
    let rest_of_section = end - at;
    lines.extend(new);
    lines.extend(
        tail.into_iter()
            .enumerate()
            .filter(|(n, line)| *n >= rest_of_section || !is_it(line))
            .map(|(_, l)| l),
    );
}
