//! When each host did what: bars in percent of the whole run, and those that the run waited for.

use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
pub struct Chart {
    pub rows: Vec<Row>,
    /// Stages from their first host's begin to their last one's end.
    pub bands: Vec<Bar>,
    pub ticks: Vec<Tick>,
}

#[derive(Serialize)]
pub struct Row {
    pub name: String,
    pub bars: Vec<Bar>,
}

/// Percent of the run's time.
#[derive(Debug, Clone, Serialize)]
pub struct Bar {
    pub left: f64,
    pub width: f64,
    pub class: String,
    pub label: String,
}

#[derive(Serialize)]
pub struct Tick {
    pub left: f64,
    pub label: String,
}

/// One host's part of a stage.
#[derive(Debug, Clone)]
struct Part<'a> {
    host: &'a str,
    stage: &'a str,
    result: &'a str,
    begin: f64,
    end: f64,
}

impl Chart {
    /// `names`: the rows in their order. `events`: as `--json` has them.
    pub fn of(names: &[&str], events: &[Value]) -> Self {
        let whole = events.iter().filter_map(|event| event["at"].as_f64()).fold(0.001, f64::max);
        let stages = grouped(events.iter().filter_map(|event| part(event, "stage")).collect());
        let steps: Vec<Part> = events.iter().filter_map(|event| part(event, "step")).collect();
        let bar = |begin: f64, end: f64, class: String, label: String| Bar {
            left: round(begin / whole * 100.0),
            width: round(((end - begin) / whole * 100.0).max(0.05)),
            class,
            label,
        };
        let mut rows: Vec<Row> =
            names.iter().map(|name| Row { name: (*name).to_owned(), bars: Vec::new() }).collect();
        let mut bands = Vec::new();
        let seconds = |from: f64, to: f64| format!("{:.3} s", to - from);
        for group in &stages {
            let begin = group.iter().map(|part| part.begin).fold(f64::INFINITY, f64::min);
            let last = group.iter().max_by(|a, b| a.end.total_cmp(&b.end));
            let Some(last) = last else { continue };
            let label = format!("{}, {}, waits for {}", last.stage, seconds(begin, last.end), last.host);
            bands.push(bar(begin, last.end, last.stage.to_owned(), label));
            for part in group {
                let Some(row) = rows.iter_mut().find(|row| row.name == part.host) else { continue };
                let critical = if part.host == last.host { " critical" } else { "" };
                let label = format!("{}: {} ({})", part.stage, seconds(part.begin, part.end), part.result);
                row.bars.push(bar(part.begin, part.end, format!("stage {}{critical}", part.result), label));
            }
        }
        for step in &steps {
            let Some(row) = rows.iter_mut().find(|row| row.name == step.host) else { continue };
            let label = format!("{}: {} ({})", step.stage, seconds(step.begin, step.end), step.result);
            row.bars.push(bar(step.begin, step.end, format!("step {}", step.result), label));
        }
        // The proof looks at all hosts at once, from the last stage on.
        let done = stages.iter().flatten().map(|part| part.end).fold(0.0, f64::max);
        let proof = events.iter().filter(|event| event["event"] == "check");
        if let Some(proven) = proof.filter_map(|event| event["at"].as_f64()).max_by(f64::total_cmp) {
            bands.push(bar(done, proven, "verify".to_owned(), format!("verify, {}", seconds(done, proven))));
        }
        Self { rows, bands, ticks: ticks(whole) }
    }
}

/// A `stage` or a `step` as it lies in time; a step's own name stands for its stage.
fn part<'a>(event: &'a Value, kind: &str) -> Option<Part<'a>> {
    (event["event"] == kind).then_some(())?;
    let (end, took) = (event["at"].as_f64()?, event["seconds"].as_f64()?);
    Some(Part {
        host: event["host"].as_str()?,
        stage: event[kind].as_str()?,
        result: event["result"].as_str()?,
        begin: (end - took).max(0.0),
        end,
    })
}

/// Parts of one stage together: the same stage again (a roll's next node, a second try) is another one.
fn grouped(parts: Vec<Part<'_>>) -> Vec<Vec<Part<'_>>> {
    let mut groups: Vec<Vec<Part>> = Vec::new();
    for part in parts {
        let same = groups
            .iter_mut()
            .rev()
            .find(|group| group[0].stage == part.stage && group.iter().all(|other| other.host != part.host));
        match same {
            // A roll restarts one node after another: each is a stage of its own.
            Some(group) if group.iter().any(|other| part.begin < other.end) => group.push(part),
            _ => groups.push(vec![part]),
        }
    }
    groups
}

/// Whole steps of 1, 2 or 5 times a power of ten, some eight of them.
fn ticks(whole: f64) -> Vec<Tick> {
    let power = 10_f64.powf((whole / 8.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|of| of * power).find(|step| whole / step <= 8.0);
    let step = step.unwrap_or(whole);
    let mut ticks = Vec::new();
    let mut at = 0.0;
    while at < whole {
        ticks.push(Tick { left: round(at / whole * 100.0), label: format!("{} s", round(at)) });
        at += step;
    }
    ticks
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
