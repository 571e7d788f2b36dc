//! The commands that only look: `verify`, `status`, `facts`.

use super::{
    args::{Facts, Status, Verify},
    start::{self, Started},
    up::prove,
};
use crate::{ops, plan::Options, run::Run};

async fn begun(started: Result<Started, u8>) -> Result<(super::view::View, Run, Options), u8> {
    started?.begin().await
}

pub async fn verify(args: Verify) -> u8 {
    match begun(start::read(&args.hosts, "verify", None)).await {
        Ok((view, mut run, _)) => {
            let result = prove(&view, &mut run, &args.deadlines).await;
            let exit = view.finish(&run, result.as_ref().err(), &[]);
            run.fleet.close().await;
            exit
        }
        Err(exit) => exit,
    }
}

pub async fn status(args: Status) -> u8 {
    match begun(start::read(&args.hosts, "status", None)).await {
        Ok((view, run, _)) => {
            let nodes = ops::status::status(&run.fleet, &run.members, &run.cluster, &run.facts).await;
            view.status(&nodes);
            let exit = view.finish_look(&run);
            run.fleet.close().await;
            exit
        }
        Err(exit) => exit,
    }
}

pub async fn facts(args: Facts) -> u8 {
    match begun(start::read(&args.hosts, "facts", None)).await {
        Ok((view, run, _)) => {
            view.facts(&run);
            let exit = view.finish_look(&run);
            run.fleet.close().await;
            exit
        }
        Err(exit) => exit,
    }
}
