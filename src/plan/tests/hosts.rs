//! What hosts are, as far as inventories get it wrong: known by another name, one under two addresses, with names that they
//! do not know, with a systemd older than our units.

use super::*;
use crate::{facts::Facts, plan::preflight, types::diagnostic::alike};

fn next(cluster: &Cluster, facts: &Facts) -> Next {
    super::super::next(cluster, facts, &Options::default())
}

/// A chain that lives under one inventory, and what is said of it under another.
fn renamed(from: (&str, &str), to: (&str, &str)) -> String {
    let yaml = |(cluster, host): (&str, &str)| {
        format!(
            "all:\n  vars: {{chain: cometbft, binary: /bin/sh, chain_id: {cluster}, user: ubuntu}}\n  hosts:\n    {host}: {{ansible_host: 10.0.0.1}}\n"
        )
    };
    let (old, new) = (cluster(&yaml(from)), cluster(&yaml(to)));
    let (mut world, _) = born(&old, 5);
    let manifest = world.gather(&old).nodes[&old.nodes[0].name].manifest.clone().unwrap();
    let mut facts = world.gather(&new);
    let seen = facts.nodes.get_mut(&new.nodes[0].name).unwrap();
    seen.others = vec![manifest];
    refused(&next(&new, &facts))
}

#[test]
fn a_node_that_loomctl_has_made_is_known_by_its_old_name() {
    let version = env!("CARGO_PKG_VERSION");
    let chain = renamed(("test-1", "node-0"), ("test-2", "node-0"));
    let whose = format!(
        "belongs to node-0 of cluster test-1, made by loomctl {version}; the inventory now says cluster test-2"
    );
    assert!(chain.starts_with("Safety node-0: ") && chain.contains(&whose), "{chain}");
    assert!(chain.contains("set `cluster: test-1`") && !chain.contains("--adopt"), "{chain}");
    let host = renamed(("test-1", "node-1"), ("test-1", "val-1"));
    assert!(
        host.contains("belongs to node-1 of cluster test-1") && host.contains("now says host val-1"),
        "{host}"
    );
    assert!(host.contains("call the host node-1 again") && !host.contains("--adopt"), "{host}");
    let both = renamed(("test-1", "node-1"), ("test-2", "val-1"));
    assert!(both.contains("host val-1 of cluster test-2"), "{both}");
}

#[test]
fn one_machine_by_two_addresses_is_named() {
    let cluster = plain("cometbft", 3).cluster();
    let mut facts = Sim::default().gather(&cluster);
    for (number, seen) in &mut facts.machines {
        seen.init = format!("{}", 100 + number);
    }
    assert!(matches!(next(&cluster, &facts), Next::Stage(_)));
    let first = facts.machines[&0].clone();
    let later = facts.machines.get_mut(&2).unwrap();
    (later.machine_id, later.init) = (first.machine_id.clone(), first.init.clone());
    let said = refused(&next(&cluster, &facts));
    assert!(said.starts_with("Input n-2: ") && said.contains("is the same machine as n-0 ("), "{said}");
    assert!(said.contains("give both the same ansible_host"), "{said}");
    // Containers of one image and one kernel, begun one after the other.
    facts.machines.get_mut(&2).unwrap().init = "999".into();
    assert!(matches!(next(&cluster, &facts), Next::Stage(_)));
    // A host that does not say when its init began is not judged.
    facts.machines.values_mut().for_each(|seen| seen.init.clear());
    assert!(matches!(next(&cluster, &facts), Next::Stage(_)));
}

#[test]
fn a_name_that_a_host_does_not_know_is_refused_before_birth() {
    let yaml = "all:\n  vars: {chain: cometbft, binary: /bin/sh, user: ubuntu}\n  hosts:\n    n-0: {ansible_host: 10.0.0.1}\n    \
                n-1: {ansible_host: 10.0.0.2, private_ip: only-here.example}\n";
    let cluster = cluster(yaml);
    let mut facts = Sim::default().gather(&cluster);
    assert!(matches!(next(&cluster, &facts), Next::Stage(_)), "the host knows it");
    facts.machines.get_mut(&0).unwrap().unresolved.insert("only-here.example".into());
    let said = refused(&next(&cluster, &facts));
    assert!(said.starts_with("Host n-0: only-here.example does not resolve on this host"), "{said}");
    // Its own name is what it announces.
    facts.machines.get_mut(&0).unwrap().unresolved.clear();
    facts.machines.get_mut(&1).unwrap().unresolved.insert("only-here.example".into());
    assert!(refused(&next(&cluster, &facts)).starts_with("Host n-1: only-here.example does not resolve"));
    // A node that lives is not stopped by a resolver that fails.
    let (mut world, _) = born(&cluster, 5);
    let mut facts = world.gather(&cluster);
    facts.machines.get_mut(&0).unwrap().unresolved.insert("only-here.example".into());
    assert!(!matches!(next(&cluster, &facts), Next::Refused(_)));
}

#[test]
fn what_an_older_systemd_lacks_is_said_once() {
    let cluster = plain("cometbft", 3).cluster();
    let mut facts = Sim::default().gather(&cluster);
    assert_eq!(preflight::warnings(&cluster, &facts), []);
    facts.nodes.values_mut().for_each(|seen| seen.systemd = Some(252));
    assert_eq!(preflight::warnings(&cluster, &facts), []);
    facts.nodes.values_mut().for_each(|seen| seen.systemd = Some(247));
    let said = alike(preflight::warnings(&cluster, &facts));
    assert!(
        said.len() == 1 && said[0].said().starts_with("n-[0:2]: systemd 247: it lacks PrivateIPC= (248)"),
        "{said:?}"
    );
}
