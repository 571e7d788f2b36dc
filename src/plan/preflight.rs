//! What must be true before anything is written: the hosts can do it, and nothing of value is in danger.

mod hosts;
pub mod keys;
pub mod machines;
pub mod renamed;
pub mod units;

use std::collections::{BTreeMap, HashMap};

use super::{
    Goal, Options, adopt, ask, birth, lifecycle, node, relay, removed, rights,
    spread::each,
    sync,
    world::{Outcome, World},
};
use crate::{
    cluster::{Cluster, Node},
    facts::{Facts, MachineFacts, NodeFacts, manifest::ServiceEntry},
    types::ids::{NodeName, ServiceName, Sha256},
    types::{code::Code, diagnostic::Diagnostic},
};

use hosts::the_binary;
pub use hosts::{TOOLS, can_host, knows_its_names, ports_free, room};
use keys::{has_lost_its_disk, keys_complete, keys_readable, no_clones, sign_state_is_whole};

/// Clocks so far apart stop a birth (V9), in seconds.
const CLOCK_LIMIT: f64 = 30.0;

/// Nothing, or every reason at once.
pub fn accept(world: &World<'_>) -> Outcome {
    let World { cluster, facts, options, .. } = *world;
    let has_begun = lifecycle::of_cluster(cluster, facts) >= lifecycle::Life::Started;
    let of_node = |node| node_may(cluster, node, facts, options, has_begun);
    let mut refusals: Vec<Diagnostic> = each(&cluster.nodes, of_node).into_iter().flatten().collect();
    refusals.extend(machines::refusals(cluster, facts));
    refusals.extend(birth::not_read(cluster));
    refusals.extend(sync::refusals(cluster, facts, options));
    refusals.extend(relay::refusals(cluster, facts, options));
    refusals.extend(one_binary(cluster, facts));
    refusals.extend(no_clones(cluster, facts));
    refusals.extend(removed::refusals(cluster, facts, options));
    if !has_begun {
        refusals.extend(clocks_agree(cluster, facts));
        refusals.extend(all_are_born_together(cluster, facts, options));
    }
    Outcome::refused(refusals)
}

fn node_may(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    options: &Options,
    has_begun: bool,
) -> Vec<Diagnostic> {
    let (true, Some(machine), Some(seen)) =
        (options.touches(&node.name), facts.machines.get(&node.machine), facts.nodes.get(&node.name))
    else {
        return Vec::new();
    };
    let mut refusals = can_host(cluster, node, machine, seen);
    if refusals.is_empty() {
        refusals.extend(ports_free(cluster, node, machine, seen));
        refusals.extend(is_ours(cluster, node, facts, seen, options));
        refusals.extend(same_unit(node, seen));
        if lifecycle::of_node(cluster, node, facts) < lifecycle::Life::Started {
            refusals.extend(knows_its_names(cluster, node, machine));
        }
        refusals.extend(rights::kept_elsewhere(cluster, node, seen));
        refusals.extend(keys_complete(cluster, node, seen));
        refusals.extend(keys_readable(cluster, node, seen));
        if has_begun {
            refusals.extend(has_lost_its_disk(cluster, node, facts, seen));
        }
        refusals.extend(sign_state_is_whole(node, facts, seen));
    }
    refusals
}

/// Files and units that somebody else made are not taken over in passing.
fn is_ours(
    cluster: &Cluster,
    node: &Node,
    facts: &Facts,
    seen: &NodeFacts,
    options: &Options,
) -> Vec<Diagnostic> {
    if let Some(refusal) = renamed::refusal(cluster, node, seen) {
        return vec![refusal];
    }
    let foreign = adopt::foreign(cluster, node, seen);
    if foreign.is_some() && options.goal == Goal::Adopt {
        return adopt::refusals(cluster, node, facts, seen, options);
    }
    let mut refusals = Vec::new();
    if let Some(first) = &foreign {
        let message = format!("{first} is there, and loomctl has not made it");
        let advice = "a chain that runs already is taken over with --adopt, keys and documents as they are. To start over \
                      use another working_directory, or move the files away after a backup of the keys";
        refusals.push(Diagnostic::refusal(Code::ForeignNode, Some(&node.name), message).help(advice));
    }
    refusals.extend(units::foreign(cluster, node, seen));
    refusals
}

/// The units' names are the inventory's: under another one a program would run twice, with one key; so would one that is no
/// service of the profile any more.
fn same_unit(node: &Node, seen: &NodeFacts) -> Vec<Diagnostic> {
    let Some(manifest) = &seen.manifest else { return Vec::new() };
    let refuse = |code, message: String, advice: String| {
        Diagnostic::refusal(code, Some(&node.name), message).help(advice)
    };
    if manifest.unit != node.unit_name.as_str() {
        let (there, unit) = (&manifest.unit, &node.unit_name);
        let message = format!("its unit there is {there}, but by the inventory it is {unit}");
        let advice = format!(
            "set `unit_name: {there}` for this host (a machine that gets a second node gives its units other names)"
        );
        // Those of its services follow from it.
        return vec![refuse(Code::OtherUnit, message, advice)];
    }
    let of_service = |entry: &ServiceEntry| {
        let there = &entry.unit;
        match node.services.iter().find(|service| service.name == entry.service) {
            Some(service) if service.unit_name == *there => None,
            Some(service) => Some(refuse(
                Code::OtherUnit,
                format!(
                    "the unit of its service {} there is {there}, but by the inventory it is {}",
                    entry.service, service.unit_name
                ),
                format!("set `services: {{{}: {{unit_name: {there}}}}}` for this host", entry.service),
            )),
            None => Some(refuse(Code::GoneService, gone_service(entry), GONE_SERVICE.to_owned())),
        }
    };
    manifest.services.iter().filter_map(of_service).collect()
}

/// What a manifest has and the profile has not.
pub fn gone_service(entry: &ServiceEntry) -> String {
    format!("its service {} ({}.service) is no service of the chain any more", entry.service, entry.unit)
}

pub const GONE_SERVICE: &str = "give the chain that it was made with; to leave that service, `down --destroy` (keys stay) with that chain first";

/// S11: what is not pinned by a person must be the same on all hosts.
pub fn one_binary(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut first: BTreeMap<Option<&ServiceName>, (&NodeName, &Sha256)> = BTreeMap::new();
    let mut refusals = Vec::new();
    let programs =
        cluster.nodes.iter().flat_map(|node| cluster.programs(node).map(move |program| (node, program)));
    for (node, program) in programs {
        let name = the_binary(program);
        if let (Some(pinned), Some(local)) = (&program.binary.pinned, &program.binary.local)
            && *pinned != local.sha256
        {
            let message = format!("{name} has sha256 {}, but binary_sha256 says {pinned}", local.sha256);
            refusals.push(Diagnostic::refusal(Code::BinarySum, Some(&node.name), message));
        }
        if program.binary.pinned.is_some() {
            continue;
        }
        let Some(sum) = ask::sha256_of(node, program.binary, facts) else { continue };
        let (by, other) = *first.entry(program.service).or_insert((&node.name, sum));
        if other != sum {
            let name = name.replacen("the", "its", 1);
            let message = format!("{name} has sha256 {sum}, but the one of {by} has {other}");
            let advice = "the download changed, or the inventory names two builds: pin what you want with binary_sha256";
            refusals.push(Diagnostic::refusal(Code::TwoBuilds, Some(&node.name), message).help(advice));
        }
    }
    refusals
}

fn clocks_agree(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut clocks: Vec<f64> = facts.machines.values().map(|m| m.clock_ahead).collect();
    clocks.sort_by(f64::total_cmp);
    let Some(median) = clocks.get(clocks.len() / 2).copied() else { return Vec::new() };
    let off = |(number, machine): (&usize, &MachineFacts)| {
        let apart = machine.clock_ahead - median;
        if apart.abs() - machine.clock_uncertain < CLOCK_LIMIT {
            return None;
        }
        let name = cluster.nodes.iter().find(|node| node.machine == *number).map(|node| &node.name);
        let message = format!("its clock is {apart:+.1} s off the others'");
        Some(
            Diagnostic::refusal(Code::ClockOff, name, message)
                .help("set it (`timedatectl set-ntp true`) and run again"),
        )
    };
    facts.machines.iter().filter_map(off).collect()
}

/// A genesis of some validators only would be a chain without the others, for good.
fn all_are_born_together(cluster: &Cluster, facts: &Facts, options: &Options) -> Vec<Diagnostic> {
    let unknown = |node: &&Node| {
        let key = facts.nodes.get(&node.name).and_then(|seen| seen.validator_key.as_ref());
        !options.touches(&node.name) && key.is_none()
    };
    let refuse = |node: &Node| {
        let message = "it is a validator without keys, and --limit leaves it out of the genesis";
        Diagnostic::refusal(Code::LeftOut, Some(&node.name), message)
            .help("bring the whole cluster up once without --limit; to begin without this host, take it out of the inventory")
    };
    cluster.validators().filter(unknown).map(refuse).collect()
}

/// What units do without.
fn of_older_systemd(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let warning = |node: &Node| {
        let (version, lacks) = node::lacks(cluster, node, facts.nodes.get(&node.name)?)?;
        let message = format!("systemd {version}: {}", lacks.words());
        Some(Diagnostic::warning(message).coded(Code::OlderSystemd).of_host(node.name.as_str()))
    };
    cluster.nodes.iter().filter_map(warning).collect()
}

/// The same machine-id on two machines is a sign of cloned images, no danger by itself.
pub fn warnings(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut warnings = of_older_systemd(cluster, facts);
    for (number, machine) in &facts.machines {
        if let Some(other) =
            seen.insert(&machine.machine_id, *number).filter(|_| !machine.machine_id.is_empty())
        {
            let (a, b) = (cluster.machine_name(other), cluster.machine_name(*number));
            let message = "the same /etc/machine-id";
            let warning = Diagnostic::warning(message).coded(Code::ClonedMachine).of_hosts([&*a, &*b]);
            warnings.push(warning.help("cloned images? (`systemd-machine-id-setup`)"));
        }
    }
    warnings
}
