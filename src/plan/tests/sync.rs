//! Nodes that begin with a snapshot of a living chain.

use super::*;
use crate::{facts::Trusted, plan::sim::home_of};

/// Three validators, the RPC of so many of them on their private addresses, and a node that joins.
fn grown(servers: usize) -> (Cluster, Cluster) {
    let mut wishes = plain("cometbft", 3);
    let reached = |yaml: String| {
        (1..=servers).fold(yaml, |yaml, n| {
            let address = format!("ansible_host: 10.0.0.{n}");
            yaml.replace(&format!("{address}}}"), &format!("{address}, rpc_bind: 10.0.0.{n}}}"))
        })
    };
    let before = cluster(&reached(wishes.yaml()));
    wishes.nodes.push(Wish { number: 7, full: true, ..wishes.nodes[0].clone() });
    let after = reached(wishes.yaml()).replace("role: full", "role: full, state_sync: true");
    (before, cluster(&after))
}

fn trusted(height: u64, by: &[&str]) -> Trusted {
    let by = by.iter().map(|name| NodeName::new(*name).unwrap()).collect();
    Trusted { height, hash: format!("{height:064X}"), by }
}

/// To its end; the others' restarts wait for consent, since they are to dial the new one.
fn ends(world: &mut Sim, cluster: &Cluster) {
    let outcome = again(world, cluster);
    assert!(matches!(outcome.end, Next::Done(_)) && restarts(&outcome.stages) == 0, "{:?}", outcome.end);
}

fn configuration(world: &mut Sim, cluster: &Cluster) -> Text {
    let node = cluster.nodes.last().unwrap();
    let at = home_of(node).join("config/config.toml").unwrap();
    world.host(cluster, node).files[&at].content.clone().unwrap()
}

#[test]
fn who_joins_with_state_sync_is_told_whom_to_ask_and_keeps_it() {
    let (before, after) = grown(2);
    let (mut world, _) = born(&before, 150);
    world.trusted = Some(Ok(trusted(100, &["n-0", "n-1", "n-2"])));
    ends(&mut world, &after);
    let said = configuration(&mut world, &after);
    let hash = format!("trust_hash = \"{:064X}\"", 100);
    for line in
        ["enable = true", "rpc_servers = \"10.0.0.1:26657,10.0.0.2:26657\"", "trust_height = 100", &hash]
    {
        assert!(said.contains(line), "{line}\n{said}");
    }
    // S2: later the chain says another block, and what the node was started with stands.
    world.trusted = Some(Ok(trusted(200, &["n-0", "n-1"])));
    let later = again(&mut world, &after);
    assert!(later.stages.is_empty(), "{:#?}", later.stages);
    world.trusted = None;
    assert!(again(&mut world, &after).stages.is_empty());
}

#[test]
fn a_run_that_is_killed_leaves_nothing_that_the_next_one_cannot_go_on_from() {
    for fuel in 0.. {
        let (before, after) = grown(3);
        let (mut world, _) = born(&before, 150);
        (world.fuel, world.trusted) = (Some(fuel), Some(Ok(trusted(100, &["n-0", "n-1", "n-2"]))));
        let killed = world.up(&after, &Options::default()).is_err();
        (world.fuel, world.trusted) = (None, Some(Ok(trusted(200, &["n-0", "n-1", "n-2"]))));
        ends(&mut world, &after);
        let said = configuration(&mut world, &after);
        assert!(said.contains("trust_height = 100") || said.contains("trust_height = 200"), "{fuel}");
        assert!(again(&mut world, &after).stages.is_empty(), "{fuel}");
        if !killed {
            assert!(fuel > 10 && said.contains("trust_height = 100"), "{fuel}");
            return;
        }
    }
}

#[test]
fn state_sync_without_two_that_agree_is_refused_before_anything_is_written() {
    let cases = [
        (
            1,
            Some(Ok(trusted(100, &["n-0", "n-1"]))),
            "Input n-7: state_sync wants 2 running nodes whose RPC it reaches, and there are 1",
        ),
        (
            2,
            Some(Ok(trusted(100, &["n-0", "n-2"]))),
            "Safety n-7: state_sync has no block to trust: only 1 of the 2",
        ),
        (2, Some(Err("n-0 has A and n-1 has B".to_owned())), "no block to trust: n-0 has A and n-1 has B"),
        (2, None, "the chain was not asked"),
    ];
    for (servers, says, expected) in cases {
        let (before, after) = grown(servers);
        let (mut world, _) = born(&before, 150);
        world.trusted = says;
        let print = world.fingerprint();
        let outcome = again(&mut world, &after);
        let said = refused(&outcome.end);
        assert!(said.contains(expected) && said.contains("leave state_sync out"), "{said}");
        assert!(outcome.stages.is_empty());
        world.hosts.retain(|_, host| !host.files.is_empty());
        assert_eq!(world.fingerprint(), print);
    }
}

#[test]
fn at_a_birth_there_is_no_snapshot_to_take() {
    let (_, all) = grown(2);
    let (mut world, outcome) = born(&all, 9);
    assert!(!configuration(&mut world, &all).contains("enable = true\n\n# RPC servers"));
    assert!(restarts(&outcome.stages) == 0 && again(&mut world, &all).stages.is_empty());
}

#[test]
fn a_chain_without_snapshots_says_so() {
    let yaml = plain("loom", 2).yaml().replace("vars: {", "vars: {state_sync: true, ");
    let problems = crate::plan::sim::try_cluster(&yaml).unwrap_err();
    let said = format!("{problems:?}");
    assert!(said.contains("state_sync: loom has no snapshots"), "{said}");
}
