//! Carries one stage out, on all its hosts at once, and brings back what it learned. Decides nothing.

mod relay;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};

use crate::{
    facts::{
        NodeFacts,
        ask::{self, NodeQuestion},
        parse::Collector,
    },
    fleet::{Fleet, Target, gather_takes, now},
    plan::Stage,
    remote::{error::HostError, host::Host, http::nonce, running::Running},
    script::{
        compose::Script,
        quote::words,
        record::{Record, UNPULLED},
    },
    steps::Step,
    types::{
        event::{Event, Outcome},
        ids::{NodeName, name_of},
        redact,
        stage::StageName,
    },
};

/// Names of the steps that changed something, with their nodes.
pub type Changed = Vec<(NodeName, String)>;

/// What a stage did on one machine, also where it failed or was interrupted there.
#[derive(Debug)]
pub struct Worked {
    pub changed: Changed,
    pub result: Result<Done, HostError>,
}

/// What a stage learned on one machine.
#[derive(Debug, Default)]
pub struct Done {
    /// The machine's nodes as they are now, by the number of their question.
    pub nodes: BTreeMap<usize, NodeFacts>,
    /// What the machine has pulled, and what it could not.
    pub pulled: crate::facts::MachineFacts,
    /// That it could not, in the words of a failure: where the run ends with this stage, it is one.
    failed: Option<HostError>,
}

pub type Results = BTreeMap<usize, Worked>;

/// Seconds for the script of the stage before to end, which has said its last word already.
const WORK_WAIT: &str = "5";

/// What was being done when a run has slept longer than its hosts wait for it.
pub const HOLDING: &str = "holding the lock";

/// The steps of one machine: its nodes one after another, each step with the node that it is for.
type Work<'a> = Vec<(&'a NodeName, &'a Step)>;

/// For whom a stage is carried out: the cluster's name, who is written down for it, and as whom the locks are held.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    pub cluster: &'a str,
    pub who: &'a str,
    pub holder: &'a str,
}

pub async fn stage(fleet: &Fleet, targets: &[Target], stage: &Stage, by: By<'_>) -> Results {
    let of_target = |target: &Target| -> Work {
        let nodes = target.questions.iter().filter_map(|q| stage.steps.get_key_value(&q.node));
        nodes.flat_map(|(node, steps)| steps.iter().map(move |planned| (node, &planned.step))).collect()
    };
    let works = targets.iter().map(|target| (target, of_target(target)));
    let works: Vec<_> = works.filter(|(_, work)| !work.is_empty()).collect();
    let hosts = works.iter().map(|(target, _)| target.name.clone()).collect();
    fleet.events.tell(Event::Begins { stage: stage.name, hosts });
    let all: FuturesUnordered<_> =
        works.into_iter().map(|(target, work)| on_machine(fleet, target, stage, work, by)).collect();
    let mut results: Results = all.collect().await;
    if results.values().any(|worked| worked.result.is_err()) {
        let unpulled = |done: &Done| done.failed.clone();
        for worked in results.values_mut() {
            if let Some(error) = worked.result.as_ref().ok().and_then(unpulled) {
                worked.result = Err(error);
            }
        }
    }
    results
}

async fn on_machine(
    fleet: &Fleet,
    target: &Target,
    stage: &Stage,
    work: Work<'_>,
    by: By<'_>,
) -> (usize, Worked) {
    let changed = Mutex::default();
    let forks = fleet.forks();
    let _turn = forks.acquire().await;
    let start = Instant::now();
    fleet.events.tell(Event::Turn { host: target.name.clone(), stage: stage.name });
    let result = match fleet.host(target.machine) {
        None => Err(HostError::Lost("beginning the stage".to_owned())),
        Some(host) => {
            let mut interrupt = fleet.interrupt.clone();
            let work = carry_out(fleet, host, target, stage, &work, by, &changed);
            tokio::select! {
                result = work => result,
                // Dropping the script cuts its life line: the host ends it between two steps.
                () = interrupt.wait() => Err(HostError::Interrupted),
            }
        }
    };
    let changed = changed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let outcome = match &result {
        Err(_) => Outcome::Failed,
        Ok(done) if done.failed.is_some() => Outcome::Failed,
        Ok(_) if changed.is_empty() => Outcome::Ok,
        Ok(_) => Outcome::Changed,
    };
    let (host, took) = (target.name.clone(), start.elapsed());
    fleet.events.tell(Event::Stage { host, stage: stage.name, outcome, took });
    (target.machine, Worked { changed, result })
}

async fn carry_out(
    fleet: &Fleet,
    host: &Host,
    target: &Target,
    stage: &Stage,
    work: &Work<'_>,
    by: By<'_>,
    changed: &Mutex<Changed>,
) -> Result<Done, HostError> {
    for upload in stage.uploads.get(&target.machine).into_iter().flatten() {
        fleet.send_up(host, target, stage.name, upload).await?;
    }
    let relayed = relay::send(fleet, host, target, stage.name, work).await?;
    let mut script = Script::new(&nonce());
    audit(&mut script, target, stage, work, by.who);
    script.line("say ready\nwatch");
    script.line(words(["take_work", by.cluster, WORK_WAIT, by.holder]));
    script.line(words(["still_mine", by.cluster, by.holder]));
    let mut hand = None;
    for (number, (node, step)) in work.iter().enumerate() {
        if hand.replace(*node) != Some(*node) {
            let question = target.questions.iter().find(|question| question.node == **node);
            if let Some(question) = question {
                script.line(ask::hand_is(question));
            }
        }
        if let Some(sha256) = relay::wanted(step).and_then(|wanted| relayed.get(wanted.url)) {
            script.set("relayed", sha256.as_str());
        }
        step.add_to(&mut script, number);
    }
    let questions: Vec<NodeQuestion> = target.questions.clone();
    ask::nodes(&mut script, &questions);
    script.line("observe_pulled\nfinish 0");
    let mut running = host.start(&script, &format!("carrying out `{}`", stage.name)).await?;
    running.keep_alive();
    running.ends_within(stage_takes(fleet.limit, work.len(), questions.len()));
    let mut follow = Follow { fleet, stage: stage.name, work, changed, begun: None, done: Done::default() };
    let mut collector = Collector::new(now());
    follow.until_end(&mut running, &mut collector).await.inspect_err(|_| follow.give_up())?;
    let mut done = follow.done;
    let (machine, nodes) = collector.finish(&target.questions).map_err(HostError::Odd)?;
    (done.pulled.pulled, done.nodes) = (machine.pulled, nodes);
    Ok(done)
}

/// As long as each step may be silent, and the look at the nodes after them.
fn stage_takes(limit: Duration, steps: usize, nodes: usize) -> Duration {
    let steps = limit.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX));
    steps.saturating_add(gather_takes(limit, nodes))
}

/// What the script writes into the audit log of each node, at its end: what it has changed by then.
fn audit(script: &mut Script, target: &Target, stage: &Stage, work: &Work<'_>, who: &str) {
    script.line("at_end() {\nat_end=$1");
    for question in target.questions.iter().filter(|question| stage.steps.contains_key(&question.node)) {
        let begin = serde_json::json!({"who": who, "stage": stage.name, "node": question.node}).to_string();
        let begin = words([question.state.as_str(), begin.trim_end_matches('}')]);
        let mut line = format!("audit \"$at_end\" {begin}");
        let own = work.iter().enumerate().filter(|(_, (node, _))| **node == question.node);
        for (number, (_, step)) in own {
            let name = serde_json::Value::from(step.name()).to_string();
            line = format!("{line} {}", words([number.to_string().as_str(), name.as_str()]));
        }
        script.line(line);
    }
    script.line("}");
}

/// Follows the records of a stage's steps.
struct Follow<'a> {
    fleet: &'a Fleet,
    stage: StageName,
    work: &'a Work<'a>,
    /// Not in `done`: that is lost where the script is dropped.
    changed: &'a Mutex<Changed>,
    begun: Option<(usize, Instant)>,
    done: Done,
}

impl Follow<'_> {
    async fn until_end(&mut self, running: &mut Running, collector: &mut Collector) -> Result<(), HostError> {
        while let Some(record) = running.next_within(self.fleet.limit).await? {
            match self.take(record)? {
                Some(Record::At { what }) => running.now_doing(format!("looking at {what}")),
                Some(record) => collector.take(record, now()),
                None => {}
            }
            if let Some((_, step)) = self.begun.and_then(|(number, _)| self.work.get(number)) {
                running.now_doing(format!("carrying out `{}`", step.name()));
            }
        }
        Ok(())
    }

    /// The step that it was at has ended too: nobody knows how, so it counts as failed.
    fn give_up(&mut self) {
        if let Some((node, step)) = self.begun.and_then(|(number, _)| self.work.get(number)) {
            self.tell(node, step, Outcome::Failed);
        }
    }

    fn took(&self) -> Duration {
        self.begun.map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    /// Gives back what is not about a step.
    fn take(&mut self, record: Record) -> Result<Option<Record>, HostError> {
        match record {
            Record::Begin { step } => {
                self.begun = Some((step, Instant::now()));
                if let Some((node, step)) = self.work.get(step) {
                    let (host, step) = (node.to_string(), step.name());
                    self.fleet.events.tell(Event::Started { host, stage: self.stage, step });
                }
            }
            Record::Done { step, changed } => {
                if let Some((node, step)) = self.work.get(step) {
                    let outcome = if changed { Outcome::Changed } else { Outcome::Ok };
                    if changed {
                        let mut all = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
                        all.push(((*node).clone(), step.name()));
                    }
                    self.tell(node, step, outcome);
                }
                self.begun = None;
            }
            Record::Failed { step, output, status } => {
                let Some((node, step)) = self.work.get(step) else {
                    return Err(HostError::Step { step: self.stage.to_string(), output });
                };
                self.tell(node, step, Outcome::Failed);
                self.begun = None;
                if let Some(url) = relay::pulled(step).filter(|_| status == UNPULLED) {
                    let why = relay::hindrance(&output);
                    let output = format!("the host cannot pull it: {why}");
                    self.done.failed = Some(HostError::Step { step: step.name(), output });
                    self.done.pulled.unpulled.insert(name_of(url), why);
                    return Ok(None);
                }
                let output = if output.trim().is_empty() { format!("status {status}") } else { output };
                // A chain's init may print what it made.
                let output = redact::text(output.trim());
                return Err(HostError::Step { step: step.name(), output });
            }
            Record::Locked { lock, holder } => return Err(HostError::Locked(lock, holder)),
            Record::Unlocked => return Err(HostError::Lost(HOLDING.to_owned())),
            Record::End { status } if status != 0 && self.done.failed.is_none() => {
                return Err(HostError::Interrupted);
            }
            Record::End { .. } | Record::Ready => {}
            other => return Ok(Some(other)),
        }
        Ok(None)
    }

    fn tell(&self, node: &NodeName, step: &Step, outcome: Outcome) {
        self.fleet.events.tell(Event::Step {
            host: node.to_string(),
            stage: self.stage,
            step: step.name(),
            outcome,
            took: self.took(),
        });
    }
}
