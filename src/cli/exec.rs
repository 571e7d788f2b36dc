//! `loomctl exec`: a command on the hosts, outside of plan and lock.

use std::time::Duration;

use super::{args, start};
use crate::{
    cluster::{Cluster, Node},
    commands::exec::{self, Wanted},
    plan::Options,
    session::error::Failure,
    types::diagnostic::Diagnostic,
};

pub async fn run(mut args: args::Exec) -> u8 {
    let limit = args.take_limit().map(Duration::from_secs);
    let args::Exec { pattern, command, as_root, mut hosts } = args;
    hosts.limit = Some(pattern);
    let wanted = Wanted { argv: command, as_root, limit };
    let started = match start::read(&hosts, "exec", None) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    if let Some(problem) = no_become(&started.cluster, &started.options).filter(|_| as_root) {
        return started.view.end_with(&Failure::Input(vec![problem]));
    }
    let (view, session) = match started.reach().await {
        Ok(reached) => reached,
        Err(exit) => return exit,
    };
    let reports = exec::exec(&session, &wanted, &mut |report| view.executed(report)).await;
    view.outputs(&reports);
    let exit = view.finish_reading(&session, exec::failure(&reports).as_ref());
    session.fleet.close().await;
    exit
}

/// Hosts that the inventory has no way to root for: `-b` says no more than that it is to be gone.
fn no_become(cluster: &Cluster, options: &Options) -> Option<Diagnostic> {
    let is_without =
        |node: &&Node| options.touches(&node.name) && cluster.machines[node.machine].login.asks_for_no_root();
    let names: Vec<&str> = cluster.nodes.iter().filter(is_without).map(|node| node.name.as_str()).collect();
    let problem = Diagnostic::error("-b needs root, and the inventory sets ansible_become: false");
    let help = "leave -b out, or set `-e ansible_become=true` for this command";
    (!names.is_empty()).then(|| problem.of_hosts(names).help(help))
}
