//! A plan for people, and as JSON: by stage, host and step, each with the fact that makes it necessary.

use std::fmt::Write as _;

use indexmap::IndexMap;
use serde_json::{Value, json};
use similar::{
    DiffOp,
    algorithms::{Capture, Compact, Replace, myers},
    udiff::UnifiedHunkHeader,
};

use super::out::SafeText;
use crate::{
    facts::Facts,
    plan::{Next, Pending, Planned, Stage, Unfolded},
    steps::{Init, Step, UNKNOWN},
    types::{
        harmless::line as one_line,
        ids::NodeName,
        ranges::{all_named, in_order},
        redact,
    },
};

pub fn text(unfolded: &Unfolded, facts: &Facts, diff: bool) -> SafeText {
    let mut out = SafeText::default();
    for stage in &unfolded.stages {
        let _ = writeln!(out, "stage {}", stage.name);
        for (mut nodes, text) in blocks(stage, facts, diff) {
            in_order(&mut nodes);
            let _ = writeln!(out, "  {}", all_named(&nodes));
            out.add(&text);
        }
    }
    if let Next::Done(pending) = &unfolded.end {
        out.add(&super::sentences::pending(pending).into());
        let steps: usize = unfolded.stages.iter().flat_map(|stage| stage.steps.values()).map(Vec::len).sum();
        let _ = match steps {
            0 if pending.is_empty() => writeln!(out, "nothing to change"),
            0 => Ok(()),
            _ => {
                let stages = unfolded.stages.len();
                let many = |n: usize| if n == 1 { "" } else { "s" };
                writeln!(out, "{steps} step{} in {stages} stage{}", many(steps), many(stages))
            }
        };
    }
    out
}

/// Stands for each node's own name in a path, where several are one block.
const OWN_NAME: &str = "/NODE/";

/// Nodes whose steps and differences read the same are one block, but for their own names in paths of ours.
fn blocks(stage: &Stage, facts: &Facts, diff: bool) -> Vec<(Vec<String>, SafeText)> {
    let mut blocks: IndexMap<SafeText, (Vec<String>, SafeText)> = IndexMap::new();
    for (node, steps) in &stage.steps {
        let (mut alike, mut own) = (SafeText::default(), SafeText::default());
        for Planned { step, why } in steps {
            let name = step.name();
            let (name, why) = (one_line(&name), one_line(why));
            let _ = writeln!(own, "    {name} — {why}");
            let _ = writeln!(alike, "    {} — {why}", name.replace(&format!("/{node}/"), OWN_NAME));
            if diff && let Some(difference) = difference(facts, node, step) {
                indented(&difference, &mut own);
                indented(&difference, &mut alike);
            }
        }
        blocks.entry(alike).or_insert_with(|| (Vec::new(), own)).0.push(node.to_string());
    }
    let block = |(alike, (nodes, own)): (SafeText, (Vec<String>, SafeText))| {
        let text = if nodes.len() == 1 { own } else { alike };
        (nodes, text)
    };
    blocks.into_iter().map(block).collect()
}

pub fn json(unfolded: &Unfolded, facts: &Facts, diff: bool) -> Vec<Value> {
    let mut lines = Vec::new();
    for stage in &unfolded.stages {
        for (node, steps) in &stage.steps {
            for Planned { step, why } in steps {
                let mut line = json!({
                    "event": "plan", "host": node, "stage": stage.name, "step": step.name(), "why": why,
                });
                if diff && let Some(text) = difference(facts, node, step) {
                    line["diff"] = text.into();
                }
                lines.push(line);
            }
        }
    }
    if let Next::Done(pending) = &unfolded.end {
        for Pending { node, what, wants } in pending {
            lines.push(json!({"event": "pending", "host": node, "what": what, "wants": wants}));
        }
    }
    lines
}

/// What the profile puts there before init runs: the plan has no step of its own for it, and shows it all the same.
fn before_init(init: &Init) -> Option<String> {
    let of_file = |(path, content): &(String, String)| {
        let lines = redact::lines(content).into_iter().map(|line| format!("+{line}"));
        [format!("+++ {}/{path} (before init)\n", init.home)].into_iter().chain(lines).collect::<String>()
    };
    let files: Vec<String> = init.before.iter().map(of_file).collect();
    (!files.is_empty()).then(|| files.join("\n"))
}

/// A unified diff of what a step writes; `None` where it writes no text.
fn difference(facts: &Facts, node: &NodeName, step: &Step) -> Option<String> {
    if let Step::Init(init) = step {
        return before_init(init);
    }
    let (path, new) = step.text()?;
    if new == UNKNOWN {
        return Some(format!("+{UNKNOWN}"));
    }
    let old = facts.nodes.get(node).and_then(|seen| seen.text(path)).map_or("", AsRef::as_ref);
    if old == new {
        return None;
    }
    // Found in the texts as they are, shown without their secrets: that one has changed is no secret.
    let (shown_old, shown_new) = (redact::lines(old), redact::lines(new));
    let (old, new) = (lines(old), lines(new));
    let mut out = format!("--- {path} (there)\n+++ {path} (planned)\n");
    for hunk in hunks(&old, &new) {
        let _ = writeln!(out, "{}", UnifiedHunkHeader::new(&hunk));
        for change in hunk.iter().flat_map(|op| op.iter_changes(&*old, &*new)) {
            let line = match (change.new_index(), change.old_index()) {
                (Some(new), _) => shown_new.get(new),
                (None, old) => old.and_then(|old| shown_old.get(old)),
            };
            let _ = write!(out, "{}{}", change.tag(), line.map_or("", String::as_str));
            if !change.value().ends_with('\n') {
                out += "\n\\ No newline at end of file\n";
            }
        }
    }
    Some(out)
}

/// Each with its end.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// What differs, with two lines around it. (`TextDiff` would bring the other six algorithms into the program.)
fn hunks(old: &[&str], new: &[&str]) -> Vec<Vec<DiffOp>> {
    let mut found = Compact::new(Replace::new(Capture::new()), old, new);
    let Ok(()) = myers::diff(&mut found, old, 0..old.len(), new, 0..new.len());
    found.into_inner().into_inner().into_grouped_ops(2)
}

fn indented(text: &str, out: &mut SafeText) {
    for line in text.lines() {
        let style = match line.as_bytes().first() {
            Some(b'+') => anstyle::AnsiColor::Green.on_default(),
            Some(b'-') => anstyle::AnsiColor::Red.on_default(),
            _ => anstyle::Style::new(),
        };
        let _ = out.write_str("      ");
        out.painted(style, line);
        let _ = out.write_str("\n");
    }
}
