//! The commands that only look: `verify`, `status`, `facts`, `history`, `doctor`.

use std::time::Duration;

use super::{
    args::{Doctor, Facts, History, Status, Verify},
    start,
    up::prove,
    view::View,
    watch,
};
use crate::{
    commands::{self, doctor::Verdict},
    fleet::Member,
    session::{
        converge::members,
        error::Failure,
        read::{Look, narrowed},
    },
};

/// A host that cannot be reached has rows that fail; what is known of the others is shown all the same.
pub async fn verify(args: Verify) -> u8 {
    let mut started = match start::read(&args.hosts, "verify", None) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    started.proves(args.deep);
    match started.begin_to_look().await {
        Ok((view, mut run, options)) => {
            let lost = std::mem::take(&mut run.absent);
            run.members = narrowed(members(&run.cluster, &run.facts), options.limit.as_ref());
            let named = |member: &Member| Some((member.name.clone(), lost.get(&member.machine)?.clone()));
            let lost: Vec<_> = run.members.iter().filter_map(named).collect();
            let mut result = Ok(());
            if lost.len() < run.members.len() {
                result = prove(&view, &mut run, &args.deadlines).await;
            }
            if !lost.is_empty() && !matches!(result, Err(Failure::Interrupted)) {
                result = Err(Failure::Hosts(lost));
            }
            let exit = view.finish(&run, result.as_ref().err(), &[], &[]);
            run.fleet.close().await;
            exit
        }
        Err(exit) => exit,
    }
}

pub async fn status(args: Status) -> u8 {
    match start::look(&args.hosts, "status").await {
        Ok((view, look)) if args.watch.is_some() => {
            watch::watch(view, look, Duration::from_secs(args.watch.unwrap_or_default())).await
        }
        Ok((view, mut look)) => {
            look.gather().await;
            view.status(&commands::status::status(&look).await);
            end(view, look).await
        }
        Err(exit) => exit,
    }
}

pub async fn facts(args: Facts) -> u8 {
    match start::look(&args.hosts, "facts").await {
        Ok((view, mut look)) => {
            look.gather().await;
            view.facts(&look);
            end(view, look).await
        }
        Err(exit) => exit,
    }
}

pub async fn history(args: History) -> u8 {
    match start::look(&args.hosts, "history").await {
        Ok((view, mut look)) => {
            let entries = commands::history::history(&mut look).await;
            view.history(&entries);
            end(view, look).await
        }
        Err(exit) => exit,
    }
}

/// A row that fails is the command's failure, and a host that was lost is such a row.
pub async fn doctor(args: Doctor) -> u8 {
    match start::look(&args.hosts, "doctor").await {
        Ok((view, mut look)) => {
            let findings = commands::doctor::doctor(&mut look).await;
            view.findings(&findings);
            let failed = findings.iter().filter(|finding| finding.result == Verdict::Failed).count();
            let failure = match look.failure() {
                Some(Failure::Interrupted) => Some(Failure::Interrupted),
                _ => (failed > 0).then_some(Failure::Checks(failed)),
            };
            let exit = view.finish_look(&look, failure.as_ref());
            look.fleet.close().await;
            exit
        }
        Err(exit) => exit,
    }
}

/// Hosts that were lost on the way are the command's failure.
pub async fn end(view: View, look: Look) -> u8 {
    let exit = view.finish_look(&look, look.failure().as_ref());
    look.fleet.close().await;
    exit
}
