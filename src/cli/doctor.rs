//! `doctor`: whether each host can carry its nodes.

use super::{args::Doctor, start};
use crate::{commands, session::error::Failure, types::row::Verdict};

/// A row that fails is the command's failure, and a host that was lost is such a row.
pub async fn run(args: Doctor) -> u8 {
    match start::read_session(&args.hosts, "doctor").await {
        Ok((view, mut session)) => {
            let rows = commands::doctor::doctor(&mut session).await;
            view.doctor(&rows);
            let failed = rows.iter().filter(|row| row.verdict == Verdict::Failed).count();
            let failure = match session.failure() {
                Some(Failure::Interrupted) => Some(Failure::Interrupted),
                _ => (failed > 0).then_some(Failure::Checks(failed)),
            };
            let exit = view.finish_reading(&session, failure.as_ref());
            session.fleet.close().await;
            exit
        }
        Err(exit) => exit,
    }
}
