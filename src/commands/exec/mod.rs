//! `loomctl exec`: one command on each machine, once for all of its nodes. It takes no lock and writes nothing of ours.

mod host;
mod output;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};

use crate::{
    fleet::Target,
    remote::{error::HostError, host::Host},
    session::{error::Failure, read::ReadSession},
    types::{
        event::{Event, Outcome},
        stage::StageName,
    },
};
pub use output::Output;

#[derive(Debug, Clone)]
pub struct Wanted {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// By the inventory's become; else as whoever logs in.
    pub as_root: bool,
    /// How long it may run on a host.
    pub limit: Option<Duration>,
}

/// What a command has printed on one machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printed {
    pub stdout: Output,
    pub stderr: Output,
    /// What the command has left running holds its output open, and may have more to print.
    pub is_held: bool,
}

/// What became of the command on one machine.
#[derive(Debug, Clone)]
pub struct Report {
    /// The machine's nodes, of those that were asked for.
    pub hosts: Vec<String>,
    /// The exit status, 128 and its number after a signal; or why there is none.
    pub end: Result<i32, HostError>,
    pub printed: Printed,
    pub took: Duration,
}

impl Report {
    pub fn is_ok(&self) -> bool {
        self.end == Ok(0)
    }

    /// What went wrong, if anything.
    pub fn error(&self) -> Option<HostError> {
        match &self.end {
            Ok(0) => None,
            Ok(status) => Some(HostError::Exited(*status)),
            Err(error) => Some(error.clone()),
        }
    }

    /// As far as people see it.
    fn is_like(&self, other: &Self) -> bool {
        (&self.end, &self.printed) == (&other.end, &other.printed)
    }
}

/// Reports that are alike are one, with the nodes of all of them.
pub fn alike(reports: &[Report]) -> Vec<(Vec<String>, &Report)> {
    let mut groups: Vec<(Vec<String>, &Report)> = Vec::new();
    for report in reports {
        match groups.iter_mut().find(|(_, other)| report.is_like(other)) {
            Some((hosts, _)) => hosts.extend(report.hosts.iter().cloned()),
            None => groups.push((report.hosts.clone(), report)),
        }
    }
    groups
}

/// What the hosts are for the command as a whole.
pub fn failure(reports: &[Report]) -> Option<Failure> {
    let mut errors = Vec::new();
    for report in reports {
        if let Some(error) = report.error() {
            errors.extend(report.hosts.iter().map(|host| (host.clone(), error.clone())));
        }
    }
    (!errors.is_empty()).then_some(Failure::Hosts(errors))
}

/// In inventory order; `tell` gets each as it comes. Who was not reached has a report that says so.
pub async fn exec(session: &ReadSession, wanted: &Wanted, tell: &mut dyn FnMut(&Report)) -> Vec<Report> {
    let mut reports: Vec<(usize, Report)> = Vec::new();
    for target in &session.targets {
        if let Some(error) = session.lost.get(&target.machine) {
            let (hosts, end) = (nodes(target), Err(error.clone()));
            let report = Report { hosts, end, printed: Printed::default(), took: Duration::ZERO };
            tell(&report);
            reports.push((target.machine, report));
        }
    }
    let hosts = session.reached().map(|(target, _)| target.name.clone()).collect();
    session.fleet.events.tell(Event::Begins { stage: StageName::Exec, hosts });
    let mut all: FuturesUnordered<_> =
        session.reached().map(|(target, host)| on_machine(session, target, host, wanted)).collect();
    while let Some((machine, report)) = all.next().await {
        tell(&report);
        reports.push((machine, report));
    }
    reports.sort_by_key(|(machine, _)| *machine);
    reports.into_iter().map(|(_, report)| report).collect()
}

async fn on_machine(
    session: &ReadSession,
    target: &Target,
    host: &Arc<Host>,
    wanted: &Wanted,
) -> (usize, Report) {
    let forks = session.fleet.forks();
    let _turn = forks.acquire().await;
    let (stage, events, begun) = (StageName::Exec, &session.fleet.events, Instant::now());
    events.tell(Event::Turn { host: target.name.clone(), stage });
    let (mut printed, interrupt) = (Printed::default(), session.fleet.interrupt.clone());
    let end = if interrupt.is_set() {
        Err(HostError::Interrupted)
    } else {
        host::run(host, wanted, interrupt, &mut printed).await
    };
    let report = Report { hosts: nodes(target), end, printed, took: begun.elapsed() };
    let outcome = if report.is_ok() { Outcome::Ok } else { Outcome::Failed };
    events.tell(Event::Stage { host: target.name.clone(), stage, outcome, took: report.took });
    (target.machine, report)
}

fn nodes(target: &Target) -> Vec<String> {
    target.questions.iter().map(|question| question.node.to_string()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::error::{FAILED, INTERRUPTED};

    fn report(hosts: &[&str], end: Result<i32, HostError>, stdout: &str) -> Report {
        let mut printed = Printed::default();
        printed.stdout.push(stdout.as_bytes());
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Report { hosts, end, printed, took: Duration::from_millis(stdout.len() as u64) }
    }

    #[test]
    fn what_is_alike_is_one_with_all_its_nodes() {
        let mut other = report(&["e"], Ok(0), "x");
        other.printed.stderr.push(b"x");
        let mut longer = report(&["f"], Ok(0), "x");
        longer.printed.stdout.leave_out(1);
        let all = [
            report(&["a"], Ok(0), "x"),
            report(&["b"], Ok(1), "x"),
            report(&["c", "d"], Ok(0), "x"),
            other,
            longer,
            report(&["g"], Err(HostError::Interrupted), ""),
            report(&["h"], Ok(0), "x"),
        ];
        let groups: Vec<String> = alike(&all).iter().map(|(hosts, _)| hosts.join(" ")).collect();
        assert_eq!(groups, ["a c d h", "b", "e", "f", "g"]);
    }

    #[test]
    fn one_host_that_fails_is_the_commands_failure() {
        let exit = |reports: &[Report]| failure(reports).map(|failure| failure.exit());
        let ok = report(&["a"], Ok(0), "x");
        assert_eq!(exit(std::slice::from_ref(&ok)), None);
        for end in [
            Ok(1),
            Ok(255),
            Ok(127),
            Err(HostError::Overdue(Duration::from_secs(1))),
            Err(HostError::Unreachable("it is off".into())),
        ] {
            assert_eq!(exit(&[ok.clone(), report(&["b"], end, "")]), Some(FAILED));
        }
        let cut = report(&["b"], Err(HostError::Interrupted), "");
        assert_eq!(exit(&[ok.clone(), report(&["c"], Ok(1), ""), cut]), Some(INTERRUPTED));
        let Some(Failure::Hosts(errors)) = failure(&[ok, report(&["b", "c"], Ok(3), "")]) else { panic!() };
        assert_eq!(errors, ["b", "c"].map(|host| (host.to_owned(), HostError::Exited(3))));
    }
}
