//! `loomctl down`: stop, and with `--destroy` remove.

use std::time::Duration;

use super::{args, question, start, view::View};
use crate::{
    plan::{Course, Goal, quorum},
    session::{converge::Run, error::Failure},
    types::{code::Code, diagnostic::Diagnostic},
};

pub async fn down(args: args::Down) -> u8 {
    let wait = Duration::from_secs(args.lock_wait);
    let started = match start::read(&args.hosts, "down", Some(wait)) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let (view, mut run, mut options) = match started.begin().await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    options.consent.halt = args.allow_halt;
    options.goal = match (args.destroy, args.delete_keys) {
        (true, true) => Goal::DestroyKeys,
        (true, false) => Goal::Destroy,
        (false, _) => Goal::Stop,
    };
    let mut course = Course::new(&options);
    if quorum::wants_votes(&run.cluster, &run.facts, &options) {
        run.ask_the_chain().await;
    }
    let result = match consent(&args, &view, &run) {
        Ok(()) => run.converge(|cluster, facts| course.next(cluster, facts)).await,
        Err(failure) => Err(failure),
    };
    let exit = view.finish(&run, result.as_ref().err(), &[], &[]);
    run.fleet.close().await;
    exit
}

/// Keys that are removed are gone: that is asked about, and without a terminal the answer is no.
fn consent(args: &args::Down, view: &View, run: &Run) -> Result<(), Failure> {
    if !args.delete_keys || args.yes {
        return Ok(());
    }
    let question =
        format!("Remove the keys of {} nodes of {} for good?", run.cluster.nodes.len(), run.cluster.name);
    if question::yes(view, &question) {
        return Ok(());
    }
    let refusal = Diagnostic::refusal(Code::NotConfirmed, None, question);
    Err(Failure::Refused(vec![refusal.help("nothing was done; answer yes at a terminal, or give --yes")]))
}
