//! `history`: the runs that changed each host.

use super::{args::History, start};
use crate::commands;

pub async fn run(args: History) -> u8 {
    match start::read_session(&args.hosts, "history").await {
        Ok((view, mut session)) => {
            let entries = commands::history::history(&mut session).await;
            view.history(&entries);
            start::end(view, session).await
        }
        Err(exit) => exit,
    }
}
