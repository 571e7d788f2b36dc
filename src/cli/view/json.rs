//! Events and results as JSON objects, one a line. Shapes are relied on from outside: add, do not rename.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::notes::Told;
use crate::{
    chain::profile::Profile,
    cluster::Node,
    commands::watch::Now,
    facts::{MachineFacts, NodeFacts, Voting},
    plan::Pending,
    session::{
        converge::Run,
        error::{self, Failure},
        read::ReadSession,
    },
    types::{code::Code, diagnostic::Diagnostic, event::Event, redact},
    verify::cost::Cost,
};

/// Seconds with milliseconds: more would only be noise.
pub fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

/// An object with the name of its event in front.
pub fn with_event(name: &str, value: Value) -> Value {
    let mut event = json!({"event": name});
    if let (Some(event), Value::Object(value)) = (event.as_object_mut(), value) {
        event.extend(value);
    }
    event
}

/// With the second of the run at which it came: now.
pub fn at(mut event: Value, begun: Instant) -> Value {
    event["at"] = seconds(begun.elapsed()).into();
    event
}

/// Without the secrets of configurations and units. The chain's documents are public, and stay as they are: commands
/// without hosts work with them.
pub fn facts(
    profile: &Profile,
    node: &Node,
    machine: Option<&MachineFacts>,
    seen: Option<&NodeFacts>,
) -> Value {
    let mut seen_json = json!(seen);
    let documents: Vec<String> = seen
        .and_then(|seen| seen.home.as_ref())
        .map(|home| {
            profile.documents.values().map(|document| document.path.under(home).to_string()).collect()
        })
        .unwrap_or_default();
    let steps = profile.genesis.steps.iter().map(|step| step.name.clone());
    let kept = profile.documents.keys().cloned().chain(steps).collect();
    for (part, public) in [("files", documents), ("pristine", kept)] {
        let texts = seen_json[part].as_object_mut().into_iter().flatten();
        texts.filter(|(name, _)| !public.contains(name)).for_each(|(_, text)| redact::json(text));
    }
    if let Some(unit) = seen_json.get_mut("unit") {
        redact::json(unit);
    }
    json!({"event": "facts", "host": node.name, "machine": machine, "node": seen_json})
}

/// Who votes, and how much of that power has signed lately.
pub fn power(now: &Now) -> Value {
    let height = now.nodes.iter().filter_map(|node| node.status.height).max();
    let online = now.voting.as_ref().map(Voting::online);
    let total = now.voting.as_ref().map(Voting::total);
    json!({"event": "cluster", "height": height, "power_online": online, "power_total": total})
}

/// What became of each node of a look.
pub fn read_from(session: &ReadSession, failure: Option<&Failure>) -> BTreeMap<String, Value> {
    let ok = |node: &Node| (node.name.to_string(), json!({"result": "ok", "changed": 0}));
    let mut hosts: BTreeMap<String, Value> = session.nodes().map(ok).collect();
    hosts.append(&mut failure.map(failed_hosts).unwrap_or_default());
    hosts
}

/// What restarts have cost the chain.
pub fn cost(cost: &Cost) -> Value {
    let signatures: BTreeMap<&str, u64> =
        cost.signatures_missed.iter().map(|(name, missed)| (name.as_str(), *missed)).collect();
    json!({
        "from_height": cost.from, "to_height": cost.to, "blocks_missed": cost.blocks_missed,
        "longest_seconds": (cost.longest * 1000.0).round() / 1000.0, "signatures_missed": signatures,
    })
}

/// A node that leaves its cluster, and what a person has to tell the chain.
pub fn leaves(told: &Told) -> Value {
    let (stone, leaves) = (&told.stone, &told.leaves);
    json!({
        "event": "leaves", "host": stone.node, "node_id": stone.node_id, "validator_key": stone.validator_key,
        "reached": told.is_reached, "power": leaves.power, "how": leaves.how, "commands": leaves.commands,
        "commands_on": leaves.on,
    })
}

/// What stops nothing and is worth a word. `hosts` is there where it is about hosts.
pub fn warning(warning: &Diagnostic) -> Value {
    let hosts = warning.hosts.as_ref().map(|hosts| &hosts.0);
    json!({
        "event": "warning", "code": warning.code, "hosts": hosts,
        "message": redact::vaulted(&warning.message), "help": warning.help,
    })
}

pub fn event(event: &Event) -> Option<Value> {
    match event {
        Event::Begins { stage, hosts } => Some(json!({"event": "begins", "stage": stage, "hosts": hosts})),
        Event::Turn { host, stage } => Some(json!({"event": "turn", "host": host, "stage": stage})),
        Event::Started { host, stage, step } => {
            Some(json!({"event": "started", "host": host, "stage": stage, "step": step}))
        }
        Event::Step { host, stage, step, outcome, took } => Some(json!({
            "event": "step", "host": host, "stage": stage, "step": step,
            "result": outcome.as_str(), "seconds": seconds(*took),
        })),
        Event::Stage { host, stage, outcome, took } => Some(json!({
            "event": "stage", "host": host, "stage": stage,
            "result": outcome.as_str(), "seconds": seconds(*took),
        })),
        Event::Sent { .. } | Event::Waiting { .. } => None,
    }
}

pub fn result(exit: u8, failure: Option<&Failure>) -> &'static str {
    match (exit, failure) {
        (error::OK, _) => "ok",
        (error::PENDING, _) => "pending",
        (error::REFUSED, _) => "refused",
        (error::LOCKED, _) => "locked",
        (error::INTERRUPTED, _) => "interrupted",
        _ => "failed",
    }
}

/// What became of each node.
pub fn hosts(run: &Run, failure: Option<&Failure>, pending: &[Pending]) -> BTreeMap<String, Value> {
    let mut failed = failure.map(failed_hosts).unwrap_or_default();
    let of = |node: &crate::cluster::Node| {
        let name = node.name.to_string();
        let changed = run.changed.iter().filter(|(on, _)| *on == name).count();
        if let Some(error) = run.absent.get(&node.machine) {
            let value = json!({
                "result": "skipped", "changed": 0, "error": error.to_string(), "code": error.code(),
            });
            return (name, value);
        }
        let mut value = failed
            .remove(&name)
            .unwrap_or_else(|| json!({"result": if changed > 0 { "changed" } else { "ok" }}));
        value["changed"] = changed.into();
        let waits: Vec<&str> =
            pending.iter().filter(|p| p.node == node.name).map(|p| p.what.as_str()).collect();
        if !waits.is_empty() {
            value["pending"] = json!(waits);
        }
        (name, value)
    };
    let mut hosts: BTreeMap<String, Value> = run.cluster.nodes.iter().map(of).collect();
    hosts.append(&mut failed);
    hosts
}

pub fn failed_hosts(failure: &Failure) -> BTreeMap<String, Value> {
    let mut hosts = BTreeMap::new();
    match failure {
        Failure::Hosts(errors) => {
            for (host, error) in errors {
                let value = json!({
                    "result": "failed", "error": error.to_string(), "advice": error.advice(), "code": error.code(),
                });
                hosts.insert(host.clone(), value);
            }
        }
        Failure::Gate(host, why) => {
            hosts.insert(host.clone(), json!({"result": "failed", "error": why, "code": Code::Gate}));
        }
        Failure::Refused(refusals) => {
            for refusal in refusals {
                let Some(of) = &refusal.hosts else { continue };
                let value = json!({
                    "result": "failed", "error": refusal.message, "advice": refusal.help, "code": refusal.code,
                });
                for host in &of.0 {
                    hosts.entry(host.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        _ => {}
    }
    hosts
}
