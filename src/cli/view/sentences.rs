//! Results and failures in sentences.

use std::{fmt::Write as _, time::Duration};

use super::{
    columns::{self, cell},
    out::SafeText,
    problems,
};
use crate::{
    cluster::Node,
    commands::{history::Entry, keys::KeyRow, logs, standing::Standing, status::NodeStatus, watch::Now},
    facts::{MachineFacts, NodeFacts},
    plan::{Pending, Wants},
    session::{converge::Run, error::Failure},
    types::{
        code::Code,
        diagnostic::{Diagnostic, limited},
        harmless::{line as one_line, log_line},
        ranges::{all_named, in_order},
    },
    verify::cost::Cost,
};

/// What went wrong, and what to do. What is alike for several hosts is one message.
pub fn failure(failure: &Failure) -> Vec<SafeText> {
    limited(problems::grouped(diagnostics(failure))).iter().map(problems::text).collect()
}

pub fn diagnostics(failure: &Failure) -> Vec<Diagnostic> {
    let one = |code, message: &str| Diagnostic::error(message).coded(code);
    match failure {
        Failure::Input(found) | Failure::Refused(found) => found.clone(),
        Failure::Hosts(errors) => errors.iter().map(|(host, error)| error.diagnostic(host)).collect(),
        Failure::Checks(failed) => vec![one(Code::ChecksFailed, &format!("{failed} checks failed"))],
        Failure::Gate(host, why) => vec![
            one(Code::Gate, why)
                .of_host(host)
                .help("nothing else was restarted: `loomctl verify` says what is wrong with it"),
        ],
        Failure::NoProgress(what) => vec![
            one(Code::NoProgress, &format!("these steps were done and are still wanted: {what}"))
                .help("does something else on the hosts undo them? If not, this is a defect of loomctl"),
        ],
        Failure::Here(why) => vec![one(Code::ControlMachine, why)],
        Failure::Interrupted => vec![
            one(Code::Interrupted, "interrupted").help("run the same command again: it goes on from here"),
        ],
    }
}

/// Nodes that wait for the same have one line.
pub fn pending(all: &[Pending]) -> String {
    let mut groups: Vec<(&Pending, Vec<String>)> = Vec::new();
    for waits in all {
        let same = |(other, _): &&mut (&Pending, _)| (&other.what, other.wants) == (&waits.what, waits.wants);
        match groups.iter_mut().find(same) {
            Some((_, nodes)) => nodes.push(waits.node.to_string()),
            None => groups.push((waits, vec![waits.node.to_string()])),
        }
    }
    let line = |(waits, mut nodes): (&Pending, Vec<String>)| {
        let flags = match waits.wants {
            Wants::Restart => "--roll",
            Wants::Upgrade => "--roll --allow-upgrade",
        };
        in_order(&mut nodes);
        let nodes = all_named(&nodes);
        format!("pending  {nodes}: waits for a restart ({flags}): {}\n", one_line(&waits.what))
    };
    groups.into_iter().map(line).collect()
}

/// `cost     0 blocks missed between 41 and 57 (longest 1.2 s); signatures missed: node-0 1, node-2 1`
fn cost(cost: &Cost) -> String {
    let missed = cost.signatures_missed.iter().map(|(name, missed)| format!("{name} {missed}"));
    let missed = missed.collect::<Vec<_>>().join(", ");
    let blocks = if cost.blocks_missed == 1 { "block" } else { "blocks" };
    format!(
        "cost     {} {blocks} missed between {} and {} (longest {:.1} s); signatures missed: {}\n",
        cost.blocks_missed,
        cost.from,
        cost.to,
        cost.longest,
        if missed.is_empty() { "none" } else { &missed }
    )
}

/// The last lines of a run.
pub fn end(
    command: &str,
    run: &Run,
    failure: Option<&Failure>,
    pending: &[Pending],
    took: Duration,
) -> String {
    let mut out = self::pending(pending);
    out.push_str(&run.cost.as_ref().map(cost).unwrap_or_default());
    let nodes: usize = run.targets.iter().map(|member| member.questions.len()).sum();
    let done = match (run.changed.len(), failure) {
        _ if matches!(command, "verify" | "status" | "facts") => String::new(),
        (0, None) => ", nothing to change".to_owned(),
        (0, Some(_)) => ", nothing changed".to_owned(),
        (1, _) => ", 1 change".to_owned(),
        (n, _) => format!(", {n} changes"),
    };
    let result = if failure.is_some() { "failed" } else { "ok" };
    let plural = if nodes == 1 { "" } else { "s" };
    let name = &run.cluster.name;
    let _ =
        writeln!(out, "{command} {result}: {name}, {nodes} node{plural}{done}, {:.1} s", took.as_secs_f64());
    out
}

/// One line each, whoever has said it.
fn cells<const N: usize>(row: [String; N]) -> [String; N] {
    row.map(|text| cell(&log_line(&text)).into_owned())
}

pub fn status(nodes: &[NodeStatus]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["host", "unit", "state", "height", "peers", "catching up", "version"]);
    for node in nodes {
        let number = |n: Option<u64>| n.map_or_else(|| "–".to_owned(), |n| n.to_string());
        let catching = node.catching_up.map_or("–", |yes| if yes { "yes" } else { "no" });
        let version = node.version.clone().or_else(|| node.rpc_error.clone()).unwrap_or_default();
        table.add_row(cells([
            node.host.clone(),
            node.unit.clone(),
            if node.state.is_empty() { "–".to_owned() } else { node.state.clone() },
            number(node.height),
            number(node.peers.map(|n| n as u64)),
            catching.to_owned(),
            version,
        ]));
        for service in &node.services {
            let state = if service.state.is_empty() { "–" } else { &service.state };
            let [unit, state] = [&service.unit, state].map(str::to_owned);
            let none = || "–".to_owned();
            table.add_row(cells([
                format!("  {}", service.service),
                unit,
                state,
                none(),
                none(),
                none(),
                String::new(),
            ]));
        }
    }
    table.trim_fmt() + "\n"
}

/// `the chain stands at height 41 since 2026-12-01T12:00:00Z (3m): only 20 of 40 voting power is up, …: node-2 missing`
pub fn standing(of: &Standing) -> String {
    let age = |seconds| humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string();
    let since = match (&of.since, of.seconds) {
        (Some(since), Some(seconds)) => format!(" since {since} ({})", age(seconds)),
        _ => String::new(),
    };
    let at =
        if of.height == 0 { "before its first block".to_owned() } else { format!("at height {}", of.height) };
    let missing = if of.missing.is_empty() {
        String::new()
    } else {
        format!("; not running: {}", of.missing.join(", "))
    };
    let why = match of.power_online {
        Some(online) if of.is_short() => {
            format!("{} ({} needed){missing}", of.quorum.too_few(online, of.power_total), of.power_needed)
        }
        Some(online) => format!(
            "{online} of {} is online, {} needed: no lack of power. See `loomctl verify`{missing}",
            of.power_total, of.power_needed
        ),
        None => format!(
            "no node of the inventory has all of its power ({} needed of {}). See `loomctl verify`{missing}",
            of.power_needed, of.power_total
        ),
    };
    log_line(&format!("the chain stands {at}{since}: {why}")) + "\n"
}

pub fn keys(rows: &[KeyRow]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["host", "node id", "validator address", "signed height", "validator key"]);
    let some = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    for row in rows {
        let key = row.validator_key.as_ref().map(|key| format!("{} {}", key.kind, key.value));
        table.add_row(cells([
            row.host.clone(),
            some(row.node_id.as_ref().map(ToString::to_string)),
            some(row.address.clone()),
            some(row.signed_height.map(|height| height.to_string())),
            some(key),
        ]));
    }
    table.trim_fmt() + "\n"
}

pub fn watch(now: &Now) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let header = [
        "host",
        "state",
        "height",
        "blocks/s",
        "lag",
        "peers",
        "catching up",
        "restarts",
        "free",
        "days left",
        "",
    ];
    table.set_header(header);
    let some = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    for node in &now.nodes {
        let seen = &node.status;
        let catching = match (seen.catching_up, node.catches_up_in) {
            (Some(true), Some(left)) => format!("{left} s left"),
            (Some(yes), _) => if yes { "yes" } else { "no" }.to_owned(),
            (None, _) => "–".to_owned(),
        };
        table.add_row(cells([
            seen.host.clone(),
            some((!seen.state.is_empty()).then(|| seen.state.clone())),
            some(seen.height.map(|height| height.to_string())),
            some(node.rate.map(|rate| format!("{rate:.2}"))),
            some(node.lag.map(|lag| lag.to_string())),
            some(seen.peers.map(|peers| peers.to_string())),
            catching,
            seen.restarts.to_string(),
            some(node.free_mib.map(|mib| format!("{mib} MiB"))),
            some(node.days_left.map(|days| format!("{days:.0}"))),
            seen.rpc_error.clone().unwrap_or_default(),
        ]));
    }
    let power = now.voting.as_ref().map(|voting| format!("{} of {}", voting.online(), voting.total()));
    format!("voting power that signs: {}\n\n{}\n", some(power), table.trim_fmt())
}

/// The node in front of every line, also of a message that has several.
pub fn log(entry: &logs::Entry, width: usize) -> String {
    let width = columns::at_most(width);
    let head = format!("{:width$}  {}  {}: ", entry.host, entry.time, entry.identifier);
    let lines: Vec<&str> = entry.message.lines().collect();
    let lines = if lines.is_empty() { &[""][..] } else { &lines[..] };
    lines.iter().map(|line| log_line(&format!("{head}{line}")) + "\n").collect()
}

/// One line an entry: what a host wrote there goes to a terminal, so without control characters.
pub fn history(entries: &[Entry]) -> String {
    let width = |text: fn(&Entry) -> &str| columns::width(entries.iter().map(text));
    let (host, who, stage) = (width(|e| &e.host), width(|e| &e.who), width(|e| &e.stage));
    let line = |e: &Entry| {
        let result = if e.result == "ok" { String::new() } else { format!(" ({})", e.result) };
        let changed = e.changed.join(", ");
        let line =
            format!("{}  {:host$}  {:who$}  {:stage$}  {changed}{result}", e.time, e.host, e.who, e.stage);
        log_line(&line) + "\n"
    };
    entries.iter().map(line).collect()
}

pub fn facts(node: &Node, machine: Option<&MachineFacts>, seen: Option<&NodeFacts>) -> String {
    let mut out = format!("{}\n", node.name);
    let mut line = |key: &str, value: String| {
        let _ = writeln!(out, "  {key:14} {}", one_line(&value));
    };
    if let Some(machine) = machine {
        line(
            "machine",
            format!("{} ({}, {}, {})", machine.hostname, machine.os, machine.kernel, machine.arch),
        );
        line("clock", format!("{:+.3} s (± {:.3})", machine.clock_ahead, machine.clock_uncertain));
        let free = machine
            .free_kb
            .map_or_else(|| "–".to_owned(), |kb| format!("{} MiB for loomctl's folder", kb / 1024));
        line("free", free);
    }
    if let Some(seen) = seen {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        line("folder", or_none(seen.home.as_ref().map(ToString::to_string)));
        line("node id", or_none(seen.node_id.as_ref().map(ToString::to_string)));
        line("validator key", or_none(seen.validator_key.as_ref().map(ToString::to_string)));
        line("signed height", or_none(seen.signed_height.map(|height| height.to_string())));
        let unit = &seen.unit;
        line("unit", format!("{} {}/{} {}", node.unit_name, unit.active, unit.sub, unit.file_state));
        for service in &node.services {
            let unit = seen.unit_of(&service.unit_name);
            let state = format!("{} {}/{} {}", service.unit_name, unit.active, unit.sub, unit.file_state);
            line(service.name.as_str(), state);
        }
    }
    out
}
