//! What is going on, and the few lines that a terminal shows of it. Pure: times are since the run began.

use std::time::Duration;

use console::{measure_text_width, truncate_str};
use indexmap::IndexMap;

use crate::types::{
    event::{Event, Outcome},
    harmless::log_line,
    stage::StageName,
};

/// So many hosts have a line each; of more there is a summary.
const FEW: usize = 12;
/// How wide the bar of a summary may become, and how narrow.
const WIDEST_BAR: usize = 40;
const NARROWEST_BAR: usize = 5;
/// On a terminal narrower than this the host that is waited for is worth more than how many others are.
const NARROW: usize = 60;

#[derive(Debug, Default)]
pub struct ProgressState {
    /// None: nothing has begun.
    stage: Option<StageName>,
    /// In the stage's order.
    hosts: IndexMap<String, Row>,
    /// What a wait between stages waits for, and since when.
    waiting: Option<(String, Duration)>,
}

#[derive(Debug, Default)]
struct Row {
    doing: Option<Doing>,
    /// How it ended the stage, and after how long.
    ended: Option<(Outcome, Duration)>,
    /// A node that shares a machine has a row while something is done for it; the stage counts machines.
    counts: bool,
}

#[derive(Debug)]
struct Doing {
    stage: StageName,
    what: String,
    since: Duration,
    /// Of an upload: bytes so far, and all.
    sent: Option<(u64, u64)>,
}

impl ProgressState {
    pub fn take(&mut self, event: &Event, now: Duration) {
        if let Event::Waiting { what } = event {
            let since = self.waiting.take().map_or(now, |(_, since)| since);
            self.waiting = Some((what.clone(), since));
            return;
        }
        self.waiting = None;
        match event {
            Event::Begins { stage, hosts } => self.begin(*stage, hosts),
            Event::Turn { host, stage } => self.work(host, *stage, beginning(*stage), now),
            Event::Started { host, stage, step } => self.work(host, *stage, step.clone(), now),
            Event::Step { host, stage, .. } => match self.hosts.get(host) {
                Some(row) if row.counts => self.work(host, *stage, format!("going on with {stage}"), now),
                _ => drop(self.hosts.shift_remove(host)),
            },
            Event::Stage { host, stage, outcome, took } => self.end(host, *stage, *outcome, *took),
            Event::Sent { host, sent, total } => {
                if let Some(doing) = self.hosts.get_mut(host).and_then(|row| row.doing.as_mut()) {
                    doing.sent = Some((*sent, *total));
                }
            }
            Event::Waiting { .. } => {}
        }
    }

    /// Who is at work for this stage already goes on with that.
    fn begin(&mut self, stage: StageName, hosts: &[String]) {
        let mut before = std::mem::take(&mut self.hosts);
        let mut row = |host: &String| {
            let doing = before.swap_remove(host).and_then(|row| row.doing);
            Row { doing: doing.filter(|doing| doing.stage == stage), ended: None, counts: true }
        };
        self.hosts = hosts.iter().map(|host| (host.clone(), row(host))).collect();
        self.stage = Some(stage);
    }

    fn work(&mut self, host: &str, stage: StageName, what: String, now: Duration) {
        let row = self.hosts.entry(host.to_owned()).or_default();
        row.doing = Some(Doing { stage, what, since: now, sent: None });
    }

    fn end(&mut self, host: &str, stage: StageName, outcome: Outcome, took: Duration) {
        let Some(row) = self.hosts.get_mut(host) else { return };
        row.doing.take_if(|doing| doing.stage == stage);
        if self.stage == Some(stage) {
            row.ended = Some((outcome, took));
        }
    }

    /// At most one less than the terminal has rows, and each of them narrower than it: nothing wraps or scrolls away.
    pub fn lines(&self, now: Duration, rows: usize, columns: usize) -> Vec<String> {
        let (room, width) = (rows.saturating_sub(1), columns.saturating_sub(1));
        let mut lines = match &self.waiting {
            Some((what, since)) => waits(what, now, *since, width),
            None if self.hosts.is_empty() => Vec::new(),
            None if self.hosts.len() <= FEW.min(room.saturating_sub(1)) => self.each(now, width),
            None => self.summary(now, width),
        };
        lines.truncate(room);
        lines
    }

    fn name(&self) -> &'static str {
        self.stage.map_or("", StageName::as_str)
    }

    /// The stage in one line, and a line for each of its hosts.
    fn each(&self, now: Duration, width: usize) -> Vec<String> {
        let names = self.hosts.keys().map(|name| measure_text_width(&log_line(name))).max().unwrap_or(0);
        let head = format!("{}  {}  {}", clock(now), self.name(), self.count());
        let row = |(name, row): (&String, &Row)| {
            let name = console::pad_str(&log_line(name), names, console::Alignment::Left, None).into_owned();
            match (&row.doing, row.ended) {
                (Some(doing), _) => with_end(&format!("  {name}  {}", doing.what), &doing.end(now), width),
                (None, Some((outcome, took))) => with_end(
                    &format!("  {name}  {}", outcome.as_str()),
                    &format!(" ({})", clock(took)),
                    width,
                ),
                (None, None) => with_end(&format!("  {name}  waits for its turn"), "", width),
            }
        };
        std::iter::once(with_end(&head, "", width)).chain(self.hosts.iter().map(row)).collect()
    }

    /// The stage as a bar, and whom it waits for: who has been at one thing for the longest time.
    fn summary(&self, now: Duration, width: usize) -> Vec<String> {
        let (head, count) = (format!("{}  {}  ", clock(now), self.name()), self.count());
        let bar = width.saturating_sub(measure_text_width(&head) + count.len() + 4).min(WIDEST_BAR);
        let (done, all) = (self.ended(|_| true), self.all().max(1));
        let filled = "#".repeat(bar * done.min(all) / all);
        let bar = if bar < NARROWEST_BAR { String::new() } else { format!("[{filled:.<bar$}]  ") };
        let mut lines = vec![with_end(&format!("{head}{bar}{count}"), "", width)];
        let at_work = self.hosts.iter().filter_map(|(name, row)| Some((name, row.doing.as_ref()?)));
        if let Some((name, doing)) = at_work.clone().min_by_key(|(_, doing)| doing.since) {
            let more = match at_work.count() - 1 {
                0 => String::new(),
                _ if width < NARROW => String::new(),
                more => format!(", and for {more} more"),
            };
            let what = format!("  waits for {name}: {}", doing.what);
            lines.push(with_end(&what, &format!("{}{more}", doing.end(now)), width));
        }
        lines
    }

    fn count(&self) -> String {
        let failed = match self.ended(|outcome| outcome == Outcome::Failed) {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        format!("{} of {} done{failed}", self.ended(|_| true), self.all())
    }

    fn all(&self) -> usize {
        self.hosts.values().filter(|row| row.counts).count()
    }

    fn ended(&self, how: impl Fn(Outcome) -> bool) -> usize {
        self.hosts.values().filter(|row| row.ended.is_some_and(|(outcome, _)| how(outcome))).count()
    }
}

impl Doing {
    /// How far it is, and for how long it has been at it.
    fn end(&self, now: Duration) -> String {
        let lasts = lasting(now, self.since);
        let Some((sent, total)) = self.sent else { return lasts };
        if sent >= total {
            return format!(" sent, being checked{lasts}");
        }
        let percent = sent * 100 / total.max(1);
        #[allow(clippy::cast_precision_loss)] // For one decimal.
        let rate = sent as f64 / 1e6 / now.saturating_sub(self.since).as_secs_f64().max(0.001);
        format!(" {percent} %, {rate:.1} MB/s{lasts}")
    }
}

/// What a wait names stands in lines of its own where that is more than one thing.
fn waits(what: &str, now: Duration, since: Duration, width: usize) -> Vec<String> {
    let (head, lasts) = (clock(now), lasting(now, since));
    let all: Vec<&str> = what.split("; ").collect();
    if let [one] = all[..] {
        return vec![with_end(&format!("{head}  waits for {one}"), &lasts, width)];
    }
    let each = all.iter().map(|one| with_end(&format!("  {one}"), "", width));
    std::iter::once(with_end(&format!("{head}  waits for"), &lasts, width)).chain(each).collect()
}

/// What a host does before its first step of a stage.
fn beginning(stage: StageName) -> String {
    match stage {
        StageName::Connect => "connecting".to_owned(),
        StageName::Gather => "gathering facts".to_owned(),
        StageName::Exec => "running the command".to_owned(),
        stage => format!("beginning {stage}"),
    }
}

fn lasting(now: Duration, since: Duration) -> String {
    format!(" ({})", clock(now.saturating_sub(since)))
}

fn clock(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        secs => format!("{} min {:02} s", secs / 60, secs % 60),
    }
}

/// One line of `width`; where it is too long, the end stays readable.
fn with_end(text: &str, end: &str, width: usize) -> String {
    let (text, end) = (log_line(text), cut(end, width, ""));
    let room = width - measure_text_width(&end);
    format!("{}{end}", cut(&text, room, if room > 1 { "…" } else { "" }))
}

/// Signs are counted one by one where a text is cut, and two may be wider together (a digit and its keycap): then it is cut
/// further.
fn cut(text: &str, width: usize, tail: &str) -> String {
    let cuts = (0..=width).rev().map(|at| truncate_str(text, at, tail));
    cuts.map(String::from).find(|cut| measure_text_width(cut) <= width).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signs_that_are_wider_together_do_not_wrap() {
        for width in 1..12 {
            assert!(
                measure_text_width(&with_end("0\u{fe0f}0\u{fe0f}0\u{fe0f}0\u{fe0f}0\u{fe0f}", "", width))
                    <= width
            );
        }
    }

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn begins(state: &mut ProgressState, stage: StageName, hosts: usize, now: f64) {
        let hosts: Vec<String> = (0..hosts).map(|n| format!("node-{n}")).collect();
        state.take(&Event::Begins { stage, hosts: hosts.clone() }, at(now));
        for host in hosts {
            state.take(&Event::Turn { host, stage }, at(now));
        }
    }

    fn started(state: &mut ProgressState, host: usize, step: &str, now: f64) {
        let (host, step) = (format!("node-{host}"), step.to_owned());
        state.take(&Event::Started { host, stage: StageName::Prepare, step }, at(now));
    }

    fn ended(state: &mut ProgressState, host: usize, outcome: Outcome, now: f64) {
        let host = format!("node-{host}");
        state.take(&Event::Stage { host, stage: StageName::Prepare, outcome, took: at(1.25) }, at(now));
    }

    fn shown(state: &ProgressState, now: f64, rows: usize, columns: usize) -> String {
        state.lines(at(now), rows, columns).join("\n")
    }

    #[test]
    fn a_few_hosts_have_a_line_each() {
        let mut state = ProgressState::default();
        assert_eq!(shown(&state, 0.1, 24, 80), "", "nothing has happened");
        begins(&mut state, StageName::Prepare, 3, 1.0);
        state.take(
            &Event::Begins {
                stage: StageName::Prepare,
                hosts: names(&["a", "node-1", "node-2", "longer", "b"]),
            },
            at(1.0),
        );
        started(&mut state, 1, "upload cometbft", 1.0);
        state.take(&Event::Sent { host: "node-1".into(), sent: 9_000_000, total: 36_000_000 }, at(2.0));
        started(&mut state, 2, "upload cometbft", 1.0);
        state.take(&Event::Sent { host: "node-2".into(), sent: 36, total: 36 }, at(2.0));
        state.take(&Event::Turn { host: "longer".into(), stage: StageName::Prepare }, at(2.0));
        let end = Event::Stage {
            host: "b".into(),
            stage: StageName::Prepare,
            outcome: Outcome::Failed,
            took: at(0.5),
        };
        state.take(&end, at(2.0));
        assert_eq!(
            shown(&state, 3.0, 24, 80),
            "3.0 s  prepare  1 of 5 done, 1 failed\n\
             \x20 a       waits for its turn\n\
             \x20 node-1  upload cometbft 25 %, 4.5 MB/s (2.0 s)\n\
             \x20 node-2  upload cometbft sent, being checked (2.0 s)\n\
             \x20 longer  beginning prepare (1.0 s)\n\
             \x20 b       failed (0.5 s)"
        );
    }

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn many_hosts_are_summed_up_and_the_slowest_is_named() {
        let mut state = ProgressState::default();
        begins(&mut state, StageName::Prepare, 128, 10.0);
        for host in 0..128 {
            started(
                &mut state,
                host,
                "init /home/ubuntu/node",
                11.0 + f64::from(u32::try_from(host % 7).unwrap()),
            );
        }
        for host in 0..96 {
            ended(&mut state, host, if host == 5 { Outcome::Failed } else { Outcome::Changed }, 18.0);
        }
        assert_eq!(
            shown(&state, 83.0, 24, 80),
            "1 min 23 s  prepare  [######################........]  96 of 128 done, 1 failed\n\
             \x20 waits for node-98: init /home/ubuntu/node (1 min 12 s), and for 31 more"
        );
        assert_eq!(
            shown(&state, 83.0, 24, 50),
            "1 min 23 s  prepare  96 of 128 done, 1 failed\n\
             \x20 waits for node-98: init /home/ubu… (1 min 12 s)"
        );
        // One that has just taken up its next step is not the slowest.
        started(&mut state, 98, "manifest", 83.0);
        assert!(shown(&state, 83.0, 24, 80).contains("waits for node-105: init"));
    }

    #[test]
    fn a_low_terminal_has_the_summary() {
        let mut state = ProgressState::default();
        begins(&mut state, StageName::Connect, 9, 0.0);
        assert_eq!(state.lines(at(1.0), 11, 80).len(), 10);
        assert_eq!(state.lines(at(1.0), 10, 80).len(), 2);
        assert_eq!(state.lines(at(1.0), 2, 80).len(), 1);
        assert!(state.lines(at(1.0), 1, 80).is_empty());
    }

    #[test]
    fn what_is_waited_for_between_stages_keeps_its_time() {
        let mut state = ProgressState::default();
        begins(&mut state, StageName::Start, 4, 0.0);
        let waits = |what: &str| Event::Waiting { what: what.to_owned() };
        state.take(&waits("node-0: RPC"), at(2.0));
        state.take(&waits("node-0: blocks (height 1)"), at(3.0));
        assert_eq!(shown(&state, 4.5, 24, 80), "4.5 s  waits for node-0: blocks (height 1) (2.5 s)");
        state.take(&waits("node-0: RPC; node-1: blocks (height 2); 1 more"), at(4.6));
        assert_eq!(
            shown(&state, 5.0, 24, 80),
            "5.0 s  waits for (3.0 s)\n  node-0: RPC\n  node-1: blocks (height 2)\n  1 more"
        );
        begins(&mut state, StageName::Roll, 1, 5.0);
        assert!(shown(&state, 5.0, 24, 80).contains("roll  0 of 1 done"));
    }

    #[test]
    fn a_step_of_the_next_stage_outlives_the_end_of_this_one() {
        let mut state = ProgressState::default();
        begins(&mut state, StageName::Gather, 2, 0.0);
        started(&mut state, 0, "upload x", 1.0);
        let end = Event::Stage {
            host: "node-0".into(),
            stage: StageName::Gather,
            outcome: Outcome::Ok,
            took: at(1.0),
        };
        state.take(&end, at(1.0));
        assert!(shown(&state, 2.0, 24, 80).contains("1 of 2 done\n  node-0  upload x (1.0 s)"));
        state
            .take(&Event::Begins { stage: StageName::Prepare, hosts: names(&["node-0", "node-1"]) }, at(2.0));
        assert!(shown(&state, 3.0, 24, 80).contains("0 of 2 done\n  node-0  upload x (2.0 s)"));
    }

    #[test]
    fn a_second_node_of_a_machine_has_a_line_while_something_is_done_for_it() {
        let mut state = ProgressState::default();
        begins(&mut state, StageName::Prepare, 1, 0.0);
        started(&mut state, 7, "init", 1.0);
        assert!(
            shown(&state, 1.0, 24, 80).contains("0 of 1 done\n")
                && shown(&state, 1.0, 24, 80).contains("node-7")
        );
        let (host, step, took) = ("node-7".to_owned(), "init".to_owned(), at(1.0));
        state.take(
            &Event::Step { host, stage: StageName::Prepare, step, outcome: Outcome::Ok, took },
            at(2.0),
        );
        assert!(!shown(&state, 2.0, 24, 80).contains("node-7"));
    }

    fn events() -> impl Strategy<Value = Event> {
        let stages = || prop::sample::select(vec![StageName::Connect, StageName::Gather, StageName::Prepare]);
        let host = || {
            prop::sample::select(vec!["a", "b\u{1b}[2J\r", "ein Knoten 中文字", "d"]).prop_map(str::to_owned)
        };
        let step = "\\PC{0,120}|[a-z\\n\\r\\t\u{1b}中]{0,90}";
        let took = Duration::from_secs(3);
        prop_oneof![
            (stages(), 0..20_usize).prop_map(|(stage, hosts)| Event::Begins {
                stage,
                hosts: (0..hosts).map(|n| format!("中-{n}")).chain(names(&["a", "d"])).collect(),
            }),
            (host(), stages()).prop_map(|(host, stage)| Event::Turn { host, stage }),
            (host(), stages(), step).prop_map(|(host, stage, step)| Event::Started { host, stage, step }),
            (host(), stages(), step).prop_map(move |(host, stage, step)| Event::Step {
                host,
                stage,
                step,
                outcome: Outcome::Ok,
                took,
            }),
            (host(), stages()).prop_map(move |(host, stage)| Event::Stage {
                host,
                stage,
                outcome: Outcome::Failed,
                took,
            }),
            (host(), any::<u32>(), any::<u32>()).prop_map(|(host, sent, total)| Event::Sent {
                host,
                sent: sent.into(),
                total: total.into(),
            }),
            step.prop_map(|what| Event::Waiting { what }),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_nothing_wraps_and_nothing_scrolls(
            all in prop::collection::vec(events(), 0..60),
            rows in 0..40_usize,
            columns in 0..200_usize,
        ) {
            let mut state = ProgressState::default();
            for (second, event) in (0_u32..).zip(&all) {
                let now = Duration::from_secs(second.into());
                state.take(event, now);
                let lines = state.lines(now, rows, columns);
                prop_assert!(lines.len() < rows.max(1), "{lines:?}");
                for line in lines {
                    prop_assert!(measure_text_width(&line) < columns.max(1), "{line:?}");
                    prop_assert!(!line.contains(char::is_control), "{line:?}");
                }
            }
        }
    }
}
