//! `loomctl logs`: the journals of all nodes' units as one stream in time order.
//!
//! Each host sends what is there already, in order; the streams are merged as they come, so that nothing has to fit into
//! memory. What comes later is held for a moment, since one host's line may be older than another's that is here first.

mod entry;
mod host;

use std::{collections::VecDeque, time::Duration};

use futures::{
    StreamExt as _,
    stream::{BoxStream, FuturesUnordered, select_all, unfold},
};
use tokio::{
    sync::mpsc::{Receiver, channel},
    time::{Instant, timeout_at},
};

use crate::{
    cluster::Program, fleet::Target, remote::error::HostError, session::read::ReadSession,
    types::ids::UnitName,
};
pub use entry::Entry;

/// How long a line is held for older ones of other hosts.
const HOLD: Duration = Duration::from_millis(200);
/// Lines of one host that wait for the others'; the host waits when they are as many.
const AHEAD: usize = 1024;

/// What of the journals is wanted; the texts are journalctl's own, and read by nobody else.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub follow: bool,
    pub since: Option<String>,
    pub grep: Option<String>,
    /// The last so many lines of all.
    pub lines: Option<usize>,
    /// Of one service alone, or of the chain's own program by its name.
    pub service: Option<String>,
}

impl Wanted {
    /// Whose journals are wanted on these nodes: node and unit.
    fn units(&self, session: &ReadSession, member: &Target) -> Vec<(String, UnitName)> {
        let nodes = member.questions.iter().filter_map(|question| session.cluster.node(&question.node));
        let is_wanted =
            |program: &Program<'_>| self.service.as_deref().is_none_or(|name| name == program.name());
        let units = nodes.flat_map(|node| {
            let programs = session.cluster.programs(node).filter(is_wanted);
            programs.map(|program| (node.name.to_string(), program.unit_name.clone()))
        });
        units.collect()
    }
}

/// From one host.
enum Item {
    Entry(Entry),
    /// Everything that was there already has been sent.
    Caught,
    Lost(HostError),
}

/// What is told to whoever shows it; the answer is whether to go on.
pub enum Line<'a> {
    Entry(&'a Entry),
    /// While others are followed.
    Lost(&'a str, &'a HostError),
}

struct Source {
    machine: usize,
    items: Receiver<Item>,
    head: Option<Entry>,
    caught: bool,
}

impl Source {
    /// Until it has a head, or nothing more of what was there already.
    async fn advance(&mut self) -> Option<HostError> {
        while self.head.is_none() && !self.caught {
            match self.items.recv().await {
                Some(Item::Entry(entry)) => self.head = Some(entry),
                Some(Item::Caught) | None => self.caught = true,
                Some(Item::Lost(error)) => {
                    self.caught = true;
                    return Some(error);
                }
            }
        }
        None
    }
}

/// Ends when all has been told, or when nobody listens any more; following, when no host is left.
pub async fn logs(session: &mut ReadSession, wanted: &Wanted, tell: &mut dyn FnMut(Line<'_>) -> bool) {
    let limit = session.fleet.limit;
    let mut sources = Vec::new();
    let sending = FuturesUnordered::new();
    for (member, host) in session.reached() {
        let (to, items) = channel(AHEAD);
        sources.push(Source { machine: member.machine, items, head: None, caught: false });
        let units = wanted.units(session, member);
        sending.push(host::send(host.clone(), units, wanted.clone(), to, limit));
    }
    let told = async {
        if told_what_is_there(session, wanted, &mut sources, tell).await && wanted.follow {
            follow(session, sources, tell).await;
        }
    };
    let sent = async {
        sending.collect::<()>().await;
        // What they have sent is still to be told.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = told => {}
        () = sent => {}
    }
}

async fn told_what_is_there(
    session: &mut ReadSession,
    wanted: &Wanted,
    sources: &mut [Source],
    tell: &mut dyn FnMut(Line<'_>) -> bool,
) -> bool {
    let mut last: VecDeque<Entry> = VecDeque::new();
    loop {
        for source in sources.iter_mut() {
            if let Some(error) = source.advance().await {
                session.lost.insert(source.machine, error);
            }
        }
        let time = |source: &&mut Source| source.head.as_ref().map(|entry| entry.micros);
        let oldest = sources.iter_mut().filter(|source| source.head.is_some()).min_by_key(time);
        let Some(entry) = oldest.and_then(|source| source.head.take()) else { break };
        match wanted.lines {
            None if !tell(Line::Entry(&entry)) => return false,
            None => {}
            Some(most) => {
                last.push_back(entry);
                last.drain(..last.len().saturating_sub(most));
            }
        }
    }
    last.iter().all(|entry| tell(Line::Entry(entry)))
}

async fn follow(session: &mut ReadSession, sources: Vec<Source>, tell: &mut dyn FnMut(Line<'_>) -> bool) {
    let mut all = select_all(sources.into_iter().map(items));
    while let Some(first) = all.next().await {
        let mut held = vec![first];
        let end = Instant::now() + HOLD;
        while let Ok(Some(next)) = timeout_at(end, all.next()).await {
            held.push(next);
        }
        let mut entries = Vec::new();
        for (machine, item) in held {
            match item {
                Item::Entry(entry) => entries.push(entry),
                Item::Caught => {}
                Item::Lost(error) => {
                    tell(Line::Lost(&session.cluster.machine_name(machine), &error));
                    session.lost.insert(machine, error);
                }
            }
        }
        entries.sort_by_key(|entry| entry.micros);
        if !entries.iter().all(|entry| tell(Line::Entry(entry))) {
            return;
        }
    }
}

fn items(source: Source) -> BoxStream<'static, (usize, Item)> {
    let machine = source.machine;
    unfold(source.items, move |mut items| async move {
        let item = items.recv().await?;
        Some(((machine, item), items))
    })
    .boxed()
}
