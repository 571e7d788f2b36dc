//! `loomctl logs`: until there is no more, or following until Ctrl-C.

use super::{
    args::Logs,
    nodes,
    start::{self, end},
};
use crate::{
    commands::logs::{self, Line, Wanted},
    session::error::Failure,
};

/// As many as journalctl shows before it follows.
const BEFORE: usize = 10;

pub async fn logs(args: Logs) -> u8 {
    let (view, mut session) = match start::read_session(&args.hosts, "logs").await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    if let Some(problem) =
        args.service.as_ref().and_then(|name| nodes::unknown_service(&session.cluster, name))
    {
        session.fleet.close().await;
        return view.end_with(&Failure::Input(vec![problem]));
    }
    view.settle();
    let lines = args.lines.or_else(|| (args.follow && args.since.is_none()).then_some(BEFORE));
    let wanted =
        Wanted { follow: args.follow, since: args.since, grep: args.grep, lines, service: args.service };
    let width = session.nodes().map(|node| node.name.as_str().chars().count()).max().unwrap_or(0);
    let mut interrupt = session.fleet.interrupt.clone();
    let mut tell = |line: Line<'_>| match line {
        Line::Entry(entry) => view.log(entry, width),
        Line::Lost(host, error) => {
            view.lost(host, error);
            true
        }
    };
    // Those that are lost already are said now where there is no end to say it at.
    if wanted.follow {
        for (machine, error) in &session.lost {
            tell(Line::Lost(&session.cluster.machine_name(*machine), error));
        }
    }
    tokio::select! {
        // First: what an interruption has ended is not shown as what was seen.
        biased;
        () = interrupt.wait() => {}
        () = logs::logs(&mut session, &wanted, &mut tell) => {}
    }
    end(view, session).await
}
