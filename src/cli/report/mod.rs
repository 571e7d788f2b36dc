//! `--report FILE.html`: what a run did, on one page that needs nothing else. Made from the events that `--json` prints,
//! each with the second `at` which it came.

mod chart;
mod graph;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io::Write as _, path::Path, time::SystemTime};

use serde::Serialize;
use serde_json::Value;
use tera::{Context, Tera};

use super::{files, view::View};
use crate::{
    cluster::{Cluster, Node},
    facts::Facts,
    plan::endpoints,
    session::{converge::Run, error::Failure},
    types::{diagnostic::Diagnostic, harmless, redact},
};
use chart::Chart;
use graph::Graph;

const PAGE: &str = include_str!("../../../templates/report.html");

/// What the page is made from.
pub struct RunReport<'a> {
    pub cluster: &'a Cluster,
    pub facts: &'a Facts,
    /// As `--json` has them, the summary last.
    pub events: &'a [Value],
    /// What went wrong, in words.
    pub failure: Vec<String>,
    /// The command line that repeats it.
    pub command: String,
    /// When it began, in RFC 3339.
    pub began: String,
}

#[derive(Serialize)]
struct Page {
    cluster: String,
    result: String,
    exit: String,
    seconds: String,
    began: String,
    command: String,
    failure: Vec<String>,
    versions: Vec<(&'static str, String)>,
    hosts: Vec<HostRow>,
    chart: Chart,
    graph: Graph,
    proof: Vec<Proof>,
    changes: Vec<Change>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct HostRow {
    name: String,
    role: &'static str,
    address: String,
    system: String,
    result: String,
    changed: String,
    pending: Vec<String>,
    error: Option<String>,
}

/// One line of the proof, over all hosts.
#[derive(Serialize)]
struct Proof {
    id: String,
    what: String,
    good: usize,
    rows: Vec<ProofRow>,
}

#[derive(Serialize)]
struct ProofRow {
    host: String,
    result: String,
    expected: String,
    seen: String,
    hint: String,
    journal: Vec<String>,
}

#[derive(Serialize)]
struct Change {
    stage: String,
    host: String,
    step: String,
    why: String,
    diff: Vec<DiffLine>,
}

#[derive(Serialize)]
struct DiffLine {
    class: &'static str,
    text: String,
}

/// Whether there is a place for it: asked before anything is done.
pub fn may_be_written(path: &Path) -> Result<(), Diagnostic> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() && !path.is_dir() {
        return Ok(());
    }
    let why = if path.is_dir() { "is a folder" } else { "its folder is not there" };
    Err(Diagnostic::error(format!("--report {}: {why}", path.display()))
        .help("name a file in a folder that is there"))
}

/// Readable for its owner alone: it shows configurations, though without their secrets.
pub fn write(path: &Path, view: &View, run: &Run, failure: Option<&Failure>) -> Result<(), Diagnostic> {
    let events = view.recorder.events();
    let report = RunReport {
        cluster: &run.cluster,
        facts: &run.facts,
        events: &events,
        failure: failure.map(super::view::failure_text).unwrap_or_default(),
        command: shell_words::join(std::env::args()),
        began: humantime::format_rfc3339_seconds(SystemTime::now() - view.since_begun()).to_string(),
    };
    let page =
        html(&report).map_err(|error| Diagnostic::error(format!("--report {}: {error}", path.display())))?;
    files::replace(path, |file| file.write_all(page.as_bytes()))
}

/// The page, harmless as a text. What was encrypted with Ansible Vault is in none of its texts.
pub fn html(report: &RunReport<'_>) -> Result<String, tera::Error> {
    let mut events = report.events.to_vec();
    events.iter_mut().for_each(without_vault);
    let summary = events.iter().rev().find(|event| event["event"] == "summary").cloned().unwrap_or_default();
    let names: Vec<&str> = report.cluster.nodes.iter().map(|node| node.name.as_str()).collect();
    let page = Page {
        cluster: report.cluster.name.to_string(),
        result: text(&summary, "result"),
        exit: summary["exit"].to_string(),
        seconds: format!("{:.1}", summary["seconds"].as_f64().unwrap_or_default()),
        began: report.began.clone(),
        command: redact::vaulted(&redact::line(&report.command)),
        failure: report.failure.iter().map(|text| redact::vaulted(text)).collect(),
        versions: versions(report),
        hosts: report.cluster.nodes.iter().map(|node| host_row(report, &summary, node)).collect(),
        chart: Chart::of(&names, &events),
        graph: graph(report),
        proof: proof(&events),
        changes: events.iter().filter(|event| event["event"] == "plan").map(change).collect(),
        notes: texts(&summary["notes"]),
    };
    let mut tera = Tera::new();
    tera.autoescape_on(vec![".html"]);
    tera.add_raw_template("report.html", PAGE)?;
    let mut context = Context::new();
    context.insert("page", &page);
    // Of its own the page has nothing that would be changed by it.
    Ok(harmless::text(&tera.render("report.html", &context)?).into_owned())
}

fn without_vault(value: &mut Value) {
    match value {
        Value::String(text) => *text = redact::vaulted(text),
        Value::Array(all) => all.iter_mut().for_each(without_vault),
        Value::Object(all) => all.values_mut().for_each(without_vault),
        _ => {}
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
}

fn versions(report: &RunReport<'_>) -> Vec<(&'static str, String)> {
    let mut binaries: Vec<String> = Vec::new();
    for node in &report.cluster.nodes {
        let known = crate::plan::ask::binary_sha256(node, report.facts);
        let binary = known.map(|sum| format!("{} {}", report.cluster.profile.binary.name, sum.short()));
        binaries.extend(binary.filter(|binary| !binaries.contains(binary)));
    }
    vec![
        ("loomctl", env!("CARGO_PKG_VERSION").to_owned()),
        ("chain", report.cluster.profile.name.clone()),
        ("chain id", report.cluster.chain_id.to_string()),
        ("binary", binaries.join(", ")),
    ]
}

fn host_row(report: &RunReport<'_>, summary: &Value, node: &Node) -> HostRow {
    let machine = report.facts.machines.get(&node.machine);
    let became = &summary["hosts"][node.name.as_str()];
    HostRow {
        name: node.name.to_string(),
        role: node.role.as_str(),
        address: report.cluster.machines[node.machine].login.host.to_string(),
        system: machine.map(|m| format!("{}, {} {}", m.os, m.kernel, m.arch)).unwrap_or_default(),
        result: text(became, "result"),
        changed: became["changed"].as_u64().unwrap_or_default().to_string(),
        pending: texts(&became["pending"]),
        error: became["error"].as_str().map(str::to_owned),
    }
}

/// Who dials whom, as the configuration says it.
fn graph(report: &RunReport<'_>) -> Graph {
    let all = endpoints::peers(report.cluster, report.facts);
    let network = report.cluster.peering(&all);
    let dials = |node: &Node| {
        let peers = network.peers_of(&node.name);
        let names = peers.unwrap_or_default().into_iter().map(|peer| peer.spot.name.to_string());
        (node.name.to_string(), node.role.as_str(), names.collect())
    };
    Graph::of(&report.cluster.nodes.iter().map(dials).collect::<Vec<_>>())
}

fn proof(events: &[Value]) -> Vec<Proof> {
    let mut all: BTreeMap<usize, Proof> = BTreeMap::new();
    for check in events.iter().filter(|event| event["event"] == "check") {
        let id = text(check, "id");
        let number = id.trim_start_matches('V').parse().unwrap_or_default();
        let line = all.entry(number).or_insert_with(|| Proof {
            id,
            what: text(check, "what"),
            good: 0,
            rows: Vec::new(),
        });
        line.good += usize::from(check["result"] != "failed");
        line.rows.push(ProofRow {
            host: text(check, "host"),
            result: text(check, "result"),
            expected: text(check, "expected"),
            seen: text(check, "seen"),
            hint: text(check, "hint"),
            journal: texts(&check["journal"]),
        });
    }
    all.into_values().collect()
}

fn change(event: &Value) -> Change {
    let line = |line: &str| DiffLine {
        class: match line.as_bytes().first() {
            Some(b'+') => "add",
            Some(b'-') => "del",
            _ => "",
        },
        text: line.to_owned(),
    };
    Change {
        stage: text(event, "stage"),
        host: text(event, "host"),
        step: text(event, "step"),
        why: text(event, "why"),
        diff: text(event, "diff").lines().map(line).collect(),
    }
}
