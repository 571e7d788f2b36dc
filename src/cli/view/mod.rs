//! The only place with words: what happens, what came out, what is wrong, for people or for machines.
//!
//! stdout carries the result, stderr the progress and the errors.

pub mod checked;
mod checks;
mod columns;
mod doctor;
mod exec;
pub mod inventory;
mod json;
pub mod notes;
pub mod offline;
pub mod out;
mod plan;
mod problems;
mod progress;
mod progress_state;
mod recorder;
mod sentences;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    commands::{
        doctor::Row as DoctorRow, exec::Report, history::Entry, keys::KeyRow, logs, standing::Standing,
        status::NodeStatus, watch::Now,
    },
    facts::Facts,
    plan::{Next, Pending, Stage, Unfolded},
    remote::error::HostError,
    session::{
        converge::Run,
        error::{self, Failure},
        read::ReadSession,
    },
    types::{
        code::Code,
        diagnostic::{Diagnostic, limited},
        event::{Event, Events},
    },
    verify::Row,
};
use out::SafeText;
use progress::Progress;
use recorder::Recorder;

#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // Flags are what a command line has.
pub struct Style {
    pub json: bool,
    pub quiet: bool,
    pub no_color: bool,
    /// The log goes to stderr too: no line may move there.
    pub verbose: bool,
}

pub struct View {
    style: Style,
    command: &'static str,
    begun: Instant,
    progress: Arc<Mutex<Progress>>,
    /// For a report.
    pub recorder: Arc<Recorder>,
}

impl View {
    pub fn new(style: Style, command: &'static str) -> Self {
        if style.no_color {
            out::no_colours();
        }
        let begun = Instant::now();
        let live = !style.json && !style.quiet && !style.verbose;
        let progress = Arc::new(Mutex::new(Progress::new(live, style.quiet, begun)));
        Self { style, command, begun, progress, recorder: Arc::new(Recorder::new(begun)) }
    }

    pub fn since_begun(&self) -> Duration {
        self.begun.elapsed()
    }

    /// A stage that is about to be carried out, for the report.
    pub fn stage(&self, stage: &Stage, facts: &Facts) {
        self.recorder.add(|| {
            let alone = Unfolded { stages: vec![stage.clone()], end: Next::Done(Vec::new()) };
            plan::json(&alone, facts, true)
        });
    }

    /// Where the run tells what happens.
    pub fn events(&self) -> Events {
        let (json, begun) = (self.style.json, self.begun);
        let (progress, recorder) = (Arc::clone(&self.progress), Arc::clone(&self.recorder));
        progress::keep_moving(&progress);
        Events::new(move |event: Event| {
            recorder.add(|| json::event(&event).into_iter().collect());
            if json {
                if let Some(value) = json::event(&event) {
                    out::json(&json::at(value, begun));
                }
            } else if let Ok(mut progress) = progress.lock() {
                progress.show(&event);
            }
        })
    }

    /// Takes the live lines off the terminal, so that what is printed next stays.
    pub fn settle(&self) {
        if let Ok(mut progress) = self.progress.lock() {
            progress.clear();
        }
    }

    pub fn problems(&self, problems: &[Diagnostic]) {
        self.settle();
        let told = problems.iter().filter(|problem| problem.is_error() || !self.style.quiet);
        for problem in &limited(told.cloned().collect()) {
            out::say(problems::text(problem));
        }
    }

    /// Sentences about hosts, with what hosts have said in them. Machines get every one, with its code.
    pub fn warnings(&self, warnings: Vec<Diagnostic>) {
        if self.style.json {
            warnings.iter().map(json::warning).all(|value| out::json(&json::at(value, self.begun)));
        }
        self.problems(&problems::few(problems::grouped(warnings)));
    }

    /// Who is left out of this run.
    pub fn absent(&self, run: &Run) {
        let left_out = |(machine, error): (&usize, &HostError)| {
            let is_removed = run.removed.contains(machine);
            let why = if is_removed { "it was removed from the cluster" } else { "--limit does not name it" };
            let why = format!("{error}: left out, since {why}");
            Diagnostic::warning(why).coded(error.code()).of_host(&run.cluster.machine_name(*machine))
        };
        let missed = run.absent.iter().filter(|(machine, _)| run.leaves != Some(**machine));
        self.warnings(missed.map(left_out).collect());
    }

    /// What the chain itself has to be told of a node that leaves; people read it at the end, or with the plan.
    pub fn leaves(&self, told: Option<&notes::Told>, with_plan: bool) {
        let Some(told) = told else { return };
        self.settle();
        self.recorder.add(|| vec![json::leaves(told)]);
        if self.style.json {
            out::json(&json::leaves(told));
        } else if with_plan {
            for note in notes::leaves(told) {
                out::print(format!("{note}\n"));
            }
        }
    }

    /// The plan by stage, host and step; with `diff` the differences of contents.
    pub fn plan(&self, unfolded: &Unfolded, facts: &Facts, diff: bool) {
        self.settle();
        if self.style.json {
            plan::json(unfolded, facts, diff).iter().all(out::json);
        } else {
            out::print(plan::text(unfolded, facts, diff));
        }
    }

    pub fn checks(&self, checks: &[Row]) {
        self.settle();
        self.recorder.add(|| checks.iter().map(checks::json).collect());
        if self.style.json {
            checks.iter().map(checks::json).all(|value| out::json(&value));
        } else if !self.style.quiet || !checks.iter().all(Row::holds) {
            out::print(checks::text(checks));
        }
    }

    pub fn status(&self, nodes: &[NodeStatus], standing: Option<&Standing>) {
        self.settle();
        if self.style.json {
            for node in nodes {
                out::json(&json::with_event("status", json!(node)));
            }
            if let Some(standing) = standing {
                out::json(&json::with_event("standing", json!(standing)));
            }
        } else {
            out::print(sentences::status(nodes));
            if let Some(standing) = standing {
                out::print(sentences::standing(standing));
            }
        }
    }

    /// In place at a terminal, else one JSON object a node and one of the cluster; whether anybody reads it.
    pub fn watch(&self, now: &Now) -> bool {
        self.settle();
        let shown = if self.style.json { None } else { out::screen(|| sentences::watch(now).into()) };
        if let Some(is_read) = shown {
            return is_read;
        }
        let nodes = now.nodes.iter().map(|node| json::with_event("status", json!(node)));
        let all: Vec<Value> = nodes.chain([json::power(now)]).collect();
        all.iter().all(out::json)
    }

    pub fn doctor(&self, rows: &[DoctorRow]) {
        self.settle();
        if self.style.json {
            rows.iter().map(doctor::json).all(|value| out::json(&value));
        } else {
            out::print(doctor::text(rows));
        }
    }

    /// What became of a command on one machine, as soon as it is known: for machines alone.
    pub fn executed(&self, report: &Report) {
        if self.style.json {
            out::json(&json::at(exec::json(report), self.begun));
        }
    }

    /// The same of all, for people: what is alike once.
    pub fn outputs(&self, reports: &[Report]) {
        self.settle();
        if !self.style.json {
            exec::texts(reports).into_iter().all(out::print);
        }
    }

    /// One line of a journal, its node's name as wide as the widest; whether anybody reads it.
    pub fn log(&self, entry: &logs::Entry, width: usize) -> bool {
        self.settle();
        if self.style.json {
            out::json(&json::with_event("log", json!(entry)))
        } else {
            out::print(sentences::log(entry, width))
        }
    }

    pub fn lost(&self, host: &str, error: &HostError) {
        self.settle();
        say(&Failure::Hosts(vec![(host.to_owned(), error.clone())]));
    }

    pub fn history(&self, entries: &[Entry]) {
        self.settle();
        if self.style.json {
            for entry in entries {
                out::json(&json::with_event("history", json!(entry)));
            }
        } else {
            out::print(sentences::history(entries));
        }
    }

    pub fn keys(&self, rows: &[KeyRow]) {
        self.settle();
        if self.style.json {
            for row in rows {
                out::json(&json::with_event("key", json!(row)));
            }
        } else {
            out::print(sentences::keys(rows));
        }
    }

    pub fn facts(&self, session: &ReadSession) {
        self.settle();
        for node in session.nodes() {
            let (machine, seen) =
                (session.facts.machines.get(&node.machine), session.facts.nodes.get(&node.name));
            if self.style.json {
                out::json(&json::facts(&session.cluster.profile, node, machine, seen));
            } else {
                out::print(sentences::facts(node, machine, seen));
            }
        }
    }

    /// Says how it ended; the exit code. `notes`: what there is to know afterwards.
    pub fn finish(&self, run: &Run, failure: Option<&Failure>, pending: &[Pending], notes: &[String]) -> u8 {
        self.settle();
        if let Some(failure) = failure {
            say(failure);
        }
        let exit = failure.map_or(error::OK, Failure::exit);
        let hosts = json::hosts(run, failure, pending);
        let mut summary = self.summary(exit, run.changed.len(), pending.len(), failure, &hosts, notes);
        if let Some(cost) = &run.cost {
            summary["cost"] = json::cost(cost);
        }
        self.recorder.add(|| vec![summary.clone()]);
        if self.style.json {
            out::json(&summary);
        } else if !self.style.quiet {
            out::print(sentences::end(self.command, run, failure, pending, self.begun.elapsed()));
            for note in notes {
                out::print(format!("{note}\n"));
            }
        }
        exit
    }

    /// The end of a command that only showed something.
    pub fn finish_reading(&self, session: &ReadSession, failure: Option<&Failure>) -> u8 {
        self.finish_reading_with(session, failure, &[])
    }

    pub fn finish_reading_with(
        &self,
        session: &ReadSession,
        failure: Option<&Failure>,
        notes: &[String],
    ) -> u8 {
        self.settle();
        // After an interruption nothing is to be gone on with.
        if let Some(failure) = failure.filter(|failure| !matches!(failure, Failure::Interrupted)) {
            say(failure);
        }
        let exit = failure.map_or(error::OK, Failure::exit);
        if self.style.json {
            out::json(&self.summary(exit, 0, 0, failure, &json::read_from(session, failure), notes));
        } else if !self.style.quiet {
            for note in notes {
                out::print(format!("{note}\n"));
            }
        }
        exit
    }

    /// The end of a plan that was only looked at.
    pub fn finish_plan(&self, unfolded: &Unfolded, exit_code: bool) -> u8 {
        let steps: usize = unfolded.stages.iter().flat_map(|stage| stage.steps.values()).map(Vec::len).sum();
        let pending = if let Next::Done(pending) = &unfolded.end { pending.len() } else { 0 };
        let failure = match &unfolded.end {
            Next::Refused(refusals) => Some(Failure::Refused(refusals.clone())),
            _ => None,
        };
        let waiting = steps + pending > 0;
        if let Some(failure) = &failure {
            say(failure);
        }
        let exit = match &failure {
            Some(failure) => failure.exit(),
            None if exit_code && waiting => error::PENDING,
            None => error::OK,
        };
        if self.style.json {
            out::json(&self.summary(exit, 0, steps + pending, failure.as_ref(), &BTreeMap::new(), &[]));
        }
        exit
    }

    /// The end before there was a run: everything that is wrong, and the exit code.
    pub fn end_with(&self, failure: &Failure) -> u8 {
        self.settle();
        say(failure);
        let exit = failure.exit();
        if self.style.json {
            out::json(&self.summary(exit, 0, 0, Some(failure), &json::failed_hosts(failure), &[]));
        }
        exit
    }

    fn summary(
        &self,
        exit: u8,
        changed: usize,
        pending: usize,
        failure: Option<&Failure>,
        hosts: &BTreeMap<String, Value>,
        notes: &[String],
    ) -> Value {
        let found = failure.map(sentences::diagnostics).unwrap_or_default();
        let codes: BTreeSet<Code> = found.iter().map(|diagnostic| diagnostic.code).collect();
        let failed = hosts.values().filter(|host| host["result"] == "failed").count();
        json!({
            "event": "summary",
            "command": self.command,
            "result": json::result(exit, failure),
            "codes": codes,
            "exit": exit,
            "changed": changed,
            "pending": pending,
            "failed": failed,
            "seconds": json::seconds(self.begun.elapsed()),
            "hosts": hosts,
            "notes": notes,
        })
    }
}

/// What went wrong, without colours.
pub fn failure_text(failure: &Failure) -> Vec<String> {
    sentences::failure(failure).iter().map(SafeText::without_colours).collect()
}

fn say(failure: &Failure) {
    for text in sentences::failure(failure) {
        out::say(text);
    }
}
