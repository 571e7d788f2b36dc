//! `verify`: the checks of a running network.

use super::{args::Verify, start, up::prove};
use crate::{
    fleet::Target,
    session::{converge::targets, error::Failure, read::narrowed},
};

/// A host that cannot be reached has rows that fail; what is known of the others is shown all the same.
pub async fn run(args: Verify) -> u8 {
    let mut started = match start::read(&args.hosts, "verify", None) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    started.proves(args.deep);
    match started.begin_to_read().await {
        Ok((view, mut run, options)) => {
            view.warnings(run.leave_removed_out());
            let lost = std::mem::take(&mut run.absent);
            run.targets = narrowed(targets(&run.cluster, &run.facts), options.limit.as_ref());
            let named = |member: &Target| Some((member.name.clone(), lost.get(&member.machine)?.clone()));
            let lost: Vec<_> = run.targets.iter().filter_map(named).collect();
            let mut result = Ok(());
            if lost.len() < run.targets.len() {
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
