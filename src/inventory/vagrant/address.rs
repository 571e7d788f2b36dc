//! Under which of its own addresses a machine is known to the others, where all are reached through ports of this one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::types::diagnostic::Diagnostic;

/// The addresses that the kernel lists as its own in /proc/net/fib_trie: of every leaf that is `host LOCAL`.
pub fn read(fib_trie: &str) -> Vec<Ipv4Addr> {
    let (mut found, mut leaf) = (Vec::new(), None);
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line.ends_with("host LOCAL") {
            found.extend(leaf.filter(|ip| !found.contains(ip)));
        }
    }
    found
}

/// Of each machine the address in the network that most of them share. What several machines have (VirtualBox gives each
/// its own network with the same address in it, docker too) leads to none of them.
pub fn choose(local: &[(String, Vec<Ipv4Addr>)]) -> Result<BTreeMap<String, Ipv4Addr>, Vec<Diagnostic>> {
    let mut owners: BTreeMap<Ipv4Addr, usize> = BTreeMap::new();
    for ip in local.iter().flat_map(|(_, addresses)| addresses) {
        *owners.entry(*ip).or_default() += 1;
    }
    let may = |ip: &&Ipv4Addr| {
        // VirtualBox's own network: of a single machine nobody else shows that it is not its alone.
        let nat = ip.octets()[..3] == [10, 0, 2] && local.len() == 1;
        !ip.is_loopback() && !ip.is_link_local() && owners[*ip] == 1 && !nat
    };
    let network = |ip: &Ipv4Addr| [ip.octets()[0], ip.octets()[1], ip.octets()[2]];
    let mut networks: BTreeMap<[u8; 3], usize> = BTreeMap::new();
    for (_, addresses) in local {
        let of_machine: BTreeSet<_> = addresses.iter().filter(may).map(network).collect();
        for network in of_machine {
            *networks.entry(network).or_default() += 1;
        }
    }
    let shared = |ip: &&Ipv4Addr| (networks[&network(ip)], std::cmp::Reverse(**ip));
    let (mut chosen, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, addresses) in local {
        match addresses.iter().filter(may).max_by_key(shared) {
            Some(ip) => drop(chosen.insert(name.clone(), *ip)),
            None => problems.push(nowhere(name)),
        }
    }
    if problems.is_empty() { Ok(chosen) } else { Err(problems) }
}

fn nowhere(name: &str) -> Diagnostic {
    let message = format!("vagrant: {name} has no address under which the other machines could reach it");
    let help =
        "give it one (`node.vm.network \"private_network\", ip: …`), or name it as private_ip in host_vars";
    Diagnostic::error(message).help(help)
}
