//! `loomctl logs`: until there is no more, or following until Ctrl-C.

use super::{args::Logs, look::end, start};
use crate::commands::logs::{self, Told, Wanted};

/// As many as journalctl shows before it follows.
const BEFORE: usize = 10;

pub async fn logs(args: Logs) -> u8 {
    let (view, mut look) = match start::look(&args.hosts, "logs").await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    view.settle();
    let lines = args.lines.or_else(|| (args.follow && args.since.is_none()).then_some(BEFORE));
    let wanted = Wanted { follow: args.follow, since: args.since, grep: args.grep, lines };
    let width = look.nodes().map(|node| node.name.as_str().chars().count()).max().unwrap_or(0);
    let mut interrupt = look.fleet.interrupt.clone();
    let mut tell = |told: Told<'_>| match told {
        Told::Entry(entry) => view.log(entry, width),
        Told::Lost(host, error) => {
            view.lost(host, error);
            true
        }
    };
    // Those that are lost already are said now where there is no end to say it at.
    if wanted.follow {
        for (machine, error) in &look.lost {
            tell(Told::Lost(&look.cluster.machine_name(*machine), error));
        }
    }
    tokio::select! {
        // First: what an interruption has ended is not shown as what was seen.
        biased;
        () = interrupt.wait() => {}
        () = logs::logs(&mut look, &wanted, &mut tell) => {}
    }
    end(view, look).await
}
