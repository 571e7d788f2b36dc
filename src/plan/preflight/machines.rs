//! Hosts of the inventory that are one machine by two addresses: a run would wait for the lock that it holds itself.

use crate::{
    cluster::Cluster,
    facts::{Facts, MachineFacts},
    types::{code::Code, diagnostic::Diagnostic, login::ONE_MACHINE},
};

/// Each machine that is an earlier one. As root and as a user without it are two: each has places of its own.
pub fn refusals(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let later = facts.machines.iter().filter_map(|(later, seen)| {
        let first = earlier(cluster, facts, *later, seen)?;
        Some(same(cluster, first, *later))
    });
    later.collect()
}

fn earlier(cluster: &Cluster, facts: &Facts, later: usize, seen: &MachineFacts) -> Option<usize> {
    let identity = seen.identity()?;
    let scope = |machine: usize| cluster.machines.get(machine).map(|machine| machine.scope.lib());
    let is_it = |(first, other): &(&usize, &MachineFacts)| {
        other.identity() == Some(identity) && scope(**first) == scope(later)
    };
    facts.machines.range(..later).find(is_it).map(|(first, _)| *first)
}

/// `first`: the one that was seen before.
pub fn same(cluster: &Cluster, first: usize, second: usize) -> Diagnostic {
    let address = |machine: usize| cluster.machines.get(machine).map(|machine| machine.login.host.as_str());
    let named = |machine: usize| match address(machine) {
        Some(address) => format!("{} ({address})", cluster.machine_name(machine)),
        None => cluster.machine_name(machine),
    };
    let message = format!("{} is the same machine as {}", address(second).unwrap_or("it"), named(first));
    Diagnostic::error(message)
        .coded(Code::OneMachine)
        .of_host(&cluster.machine_name(second))
        .help(ONE_MACHINE)
}
