//! V1: the unit is active and enabled, stays up, and runs the planned binary with the planned arguments.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{CheckId, Row, view::View};
use crate::{
    chain::encode,
    cluster::{Node, Program},
    facts::NodeFacts,
    plan::{self, Next, Options, birth, endpoints, node},
    steps::{File, Step},
    types::{
        code::Code,
        ids::{NodeName, UnitName},
        text::Text,
    },
};

/// Words that a script's interpreter may put in front of its command line: itself, and a few options of its own
/// (`env -S`). A host can say half a million words, and each that is tried reads all behind it.
const INTERPRETER: usize = 4;

pub fn active(view: &View<'_>) -> Vec<Row> {
    // On a live chain a change may wait for a restart that nobody has agreed to yet: that is no drift (S8).
    let pending = match plan::next(view.cluster, &view.now, &Options::default()) {
        Next::Done(pending) => pending,
        Next::Stage(_) | Next::Refused(_) => Vec::new(),
    };
    let planned = planned_units(view);
    let row = |node: &Node| {
        let units = view.cluster.programs(node).map(|program| format!("{}.service", program.unit_name));
        let check = Row::new(CheckId::V1, &node.name, "unit").expected(format!(
            "{} active, enabled, without restarts, with the planned binary and arguments",
            units.collect::<Vec<_>>().join(", ")
        ));
        let Some(seen) = view.seen(node) else {
            return check.failed(view.lost_by(node), view.why_lost(node));
        };
        let waits = pending.iter().find(|pending| pending.node == node.name);
        let mut running = format!("active, enabled, {} restarts", seen.unit.restarts);
        if let Some(waits) = waits {
            let _ = write!(running, "; pending until a restart: {}", waits.what);
        }
        let mut wrong = Vec::new();
        for program in view.cluster.programs(node) {
            let mut found = state(view, node, program, seen);
            if waits.is_none() && seen.unit_of(program.unit_name).is_running() {
                let other = node::other_binary(view.cluster, node, program, &view.now, seen);
                found.extend(other.map(|why| (Code::UnitBinary, why)));
                let planned = planned.get(&node.name).and_then(|units| units.get(program.unit_name));
                let other = other_arguments(view, node, program, seen, planned);
                found.extend(other.map(|why| (Code::UnitArguments, why)));
            }
            let of = program.service.map_or_else(String::new, |_| format!("{}.service: ", program.unit_name));
            wrong.extend(found.into_iter().map(|(code, found)| (code, format!("{of}{found}"))));
        }
        check.judged(wrong, "; ", running)
    };
    view.looked_at().map(row).collect()
}

/// The unit that keeps a node from running: the first of those that do not, in the order in which they are started.
pub fn at_fault(view: &View<'_>, node: &Node) -> UnitName {
    let is_down = |program: &Program<'_>| {
        view.seen(node).is_some_and(|seen| seen.unit_of(program.unit_name).active != "active")
    };
    view.cluster.programs(node).find(is_down).map_or(&node.unit_name, |program| program.unit_name).clone()
}

fn state(view: &View<'_>, node: &Node, program: Program<'_>, seen: &NodeFacts) -> Vec<(Code, String)> {
    let unit = seen.unit_of(program.unit_name);
    let mut wrong = Vec::new();
    if unit.load != "loaded" {
        let why = match unit.load.as_str() {
            "not-found" | "" => format!("there is no unit {}.service", program.unit_name),
            other => format!("the unit is {other}"),
        };
        wrong.push((Code::UnitMissing, why));
        return wrong;
    }
    if unit.active != "active" {
        let mut state = format!("{} ({})", unit.active, unit.sub);
        if !matches!(unit.result.as_str(), "" | "success") {
            let _ = write!(state, ", {} with status {}", unit.result, unit.exit_status);
        }
        wrong.push((Code::UnitDown, state));
    }
    if unit.is_not_the_node_yet() {
        wrong.push((Code::UnitDown, "systemd has begun to start it, and it is not the node yet".to_owned()));
    }
    if unit.file_state != "enabled" {
        let state = or_nothing(&unit.file_state, "not enabled");
        wrong.push((Code::UnitDisabled, format!("{state}: it does not start at boot")));
    }
    let before = view.before.nodes.get(&node.name).map(|seen| seen.unit_of(program.unit_name));
    if let Some(before) = before.filter(|before| unit.restarts > before.restarts) {
        let more = unit.restarts - before.restarts;
        let why = format!("restarted {more} times while we looked ({} in all)", unit.restarts);
        wrong.push((Code::UnitRestarts, why));
    }
    wrong
}

fn or_nothing<'a>(text: &'a str, nothing: &'a str) -> &'a str {
    if text.is_empty() { nothing } else { text }
}

/// How the process was started otherwise than planned.
fn other_arguments(
    view: &View<'_>,
    node: &Node,
    program: Program<'_>,
    seen: &NodeFacts,
    planned: Option<&Text>,
) -> Option<String> {
    let installed = || seen.text(&view.cluster.scope(node).unit_path(program.unit_name));
    let planned = start_of(planned.or_else(installed)?)?;
    let unit = seen.unit_of(program.unit_name);
    let running = &unit.command;
    if running.is_empty() || runs(running, &planned) {
        return None;
    }
    let mut why = format!("it runs `{}`, not `{}`", shortened(&running.join(" ")), shortened(&planned));
    if !unit.drop_ins.is_empty() {
        let _ = write!(why, " (drop-ins: {})", unit.drop_ins);
    }
    Some(why)
}

/// Whether a process was started with this line of a unit: a script's command line has its interpreter in front.
fn runs(running: &[String], planned: &str) -> bool {
    let mut behind = (0..running.len().min(INTERPRETER + 1)).map(|from| &running[from..]);
    behind.any(|words| encode::exec_start(words).is_ok_and(|it| it == planned))
}

fn start_of(unit: &str) -> Option<String> {
    unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).map(str::to_owned)
}

/// By node and unit; none where the plan cannot say them (not every host was asked), and the installed ones count.
fn planned_units(view: &View<'_>) -> BTreeMap<NodeName, BTreeMap<UnitName, Text>> {
    let known = |node: &Node| view.now.nodes.get(&node.name).is_some_and(|seen| seen.node_id.is_some());
    if !view.cluster.nodes.iter().all(known) {
        return BTreeMap::new();
    }
    let Ok(documents) = birth::documents(view.cluster, &view.now) else { return BTreeMap::new() };
    let everybody = endpoints::peers(view.cluster, &view.now);
    let peering = view.cluster.peering(&everybody);
    let units = |node: &Node| {
        let wanted = node::wanted(view.cluster, node, &view.now, &documents, &peering).ok()?;
        let unit = |program: Program<'_>| {
            let path = view.cluster.scope(node).unit_path(program.unit_name);
            let texts = wanted.steps.iter().find_map(|step| match step {
                Step::File(File { path: file, content, .. }) if *file == path => Some(content.clone()),
                _ => None,
            });
            Some((program.unit_name.clone(), texts?))
        };
        Some((node.name.clone(), view.cluster.programs(node).filter_map(unit).collect()))
    };
    view.looked_at().filter_map(units).collect()
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 160 {
        text.to_owned()
    } else {
        text.chars().take(159).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fuzz::cpu;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn v1_an_interpreter_may_stand_in_front() {
        let planned = "/srv/chain start --home /srv";
        for running in ["", "/bin/sh ", "/usr/bin/python3 -u ", "/usr/bin/python3 -u -W ignore "] {
            assert!(runs(&words(&format!("{running}{planned}")), planned), "{running}");
        }
        assert!(!runs(&words("/bin/sh /srv/chain start"), planned));
        assert!(!runs(&words(&format!("/x a b c d {planned}")), planned), "no interpreter has as many");
        assert!(!runs(&[], planned));
    }

    #[test]
    fn p7_a_megabyte_of_arguments_is_compared_at_once() {
        // As many as gather.sh brings.
        let running = vec!["/".to_owned(); 1 << 19];
        let begun = cpu();
        assert!(!runs(&running, "/srv/chain start"));
        assert!(cpu().saturating_sub(begun) < Duration::from_secs(10));
    }
}
