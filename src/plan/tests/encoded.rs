//! A chain of another family: a genesis that no host has made, a key whose public half was printed, no sign state.

use super::{
    restore::{backup, lose_disk},
    *,
};
use crate::{
    chain::genesis::validators_of,
    cluster::Node,
    plan::{
        sim::{CANARY, home_of, path},
        unfold,
        world::KeysBack,
    },
};

fn kaia(count: usize) -> Cluster {
    plain("kaia", count).cluster()
}

fn own(world: &mut Sim, cluster: &Cluster, node: &Node) -> String {
    world.gather(cluster).nodes[&node.name].validator_key.as_ref().unwrap().value.clone()
}

#[test]
fn every_validator_is_in_the_one_document_and_nothing_is_left_to_do() {
    let cluster = kaia(4);
    let mut world = Sim::default();
    let bare = world.gather(&cluster);
    let predicted = unfold(&cluster, &bare, &Options::default());
    let outcome = again(&mut world, &cluster);
    assert!(outcome.is_done() && world.inits == 4, "{:?}", outcome.end);
    let marks = |stages: &[Stage]| -> BTreeSet<(String, String)> {
        steps(stages).map(|(node, planned)| (node.to_string(), planned.step.name())).collect()
    };
    let (said, did) = (marks(&predicted.stages), marks(&outcome.stages));
    assert!(said.is_subset(&did), "{:?}", said.difference(&did).collect::<Vec<_>>());

    // S5: the same bytes, the validators in inventory order, the chain id as a number.
    let documents: BTreeSet<String> = cluster
        .nodes
        .iter()
        .map(|node| {
            world.host(&cluster, node).files[&path("/home/ubuntu/genesis.json")]
                .content
                .as_ref()
                .unwrap()
                .to_string()
        })
        .collect();
    assert_eq!(documents.len(), 1);
    let text = documents.first().unwrap();
    let members = validators_of(&cluster.profile, "chain", text).unwrap();
    let keys: Vec<String> = cluster.nodes.iter().map(|node| own(&mut world, &cluster, node)).collect();
    assert_eq!(members.into_iter().map(|member| member.key.value).collect::<Vec<_>>(), keys);
    assert!(text.contains("\"chainId\": 2018,"), "{text}");

    // Peers in a file of their own, each of the others once, with the whole public key.
    let peers = &world.host(&cluster, &cluster.nodes[0]).files[&path("/home/ubuntu/static-nodes.json")];
    let peers: Vec<String> = serde_json::from_str(peers.content.as_ref().unwrap()).unwrap();
    let ids = world.gather(&cluster);
    let expected: Vec<String> = cluster.nodes[1..]
        .iter()
        .map(|node| {
            let id = ids.nodes[&node.name].node_id.clone().unwrap();
            format!("kni://{id}@{}:32323?discport=0&ntype=cn", node.private_ip)
        })
        .collect();
    assert_eq!(peers, expected);

    // S3 and S2.
    let said = serde_json::to_string(&outcome.facts.nodes).unwrap()
        + &serde_json::to_string(&outcome.stages).unwrap();
    assert!(!said.contains(CANARY) && world.fingerprint().contains(CANARY));
    let before = world.fingerprint();
    let second = again(&mut world, &cluster);
    assert!(second.is_done() && second.stages.is_empty() && before == world.fingerprint(), "{second:?}");
    assert!(unfold(&cluster, &second.facts, &Options::default()).stages.is_empty());
}

#[test]
fn s7_a_run_killed_anywhere_converges_with_the_same_keys() {
    let cluster = kaia(2);
    let whole = born(&cluster, 0).0;
    for fuel in 0.. {
        let mut world = Sim::dying(fuel);
        let killed = world.up(&cluster, &Options::default()).is_err();
        world.fuel = None;
        let keys = |world: &mut Sim| -> Vec<_> {
            world.gather(&cluster).nodes.into_values().map(|seen| seen.validator_key).collect()
        };
        let known = keys(&mut world);
        assert!(again(&mut world, &cluster).is_done(), "after {fuel}");
        for (before, after) in known.into_iter().zip(keys(&mut world)) {
            assert!(before.is_none() || before == after, "after {fuel}");
        }
        if !killed {
            assert_eq!(world.host(&cluster, &cluster.nodes[0]).files.len(), {
                let mut whole = whole;
                whole.host(&cluster, &cluster.nodes[0]).files.len()
            });
            return;
        }
    }
}

/// Without a sign state nobody can say that there is no block: a node that has started counts as live.
#[test]
fn s1_s8_a_started_chain_is_taken_for_a_living_one() {
    let (mut world, _) = born(&kaia(4), 0);
    let with =
        |more: &str| cluster(&plain("kaia", 4).yaml().replace("vars: {", &format!("vars: {{{more}, ")));
    let other = with("genesis: {chain: {config.unitPrice: 1}}");
    let before = world.fingerprint();
    let said = refused(&again(&mut world, &other).end);
    assert!(said.contains("the genesis of a live chain is never written"), "{said}");
    assert_eq!(before, world.fingerprint());
    let tuned = again(&mut world, &with("settings: {kcn.yaml: {p2p.max-connections: 50}}"));
    assert!(matches!(&tuned.end, Next::Done(pending) if pending.len() == 4), "{:?}", tuned.end);
    assert_eq!(restarts(&tuned.stages), 0);

    // The chain itself says that there is none: then it is as with any other.
    world.asks = true;
    let said = refused(&again(&mut world, &other).end);
    assert!(said.contains("--reset-unborn"), "{said}");
}

#[test]
fn s13_a_key_that_is_gone_replaced_or_unreadable_is_never_made_anew() {
    let cluster = kaia(3);
    let key = path("/home/ubuntu/klay/nodekey");
    let public = path("/home/ubuntu/nodekey.public");
    let (world, _) = born(&cluster, 0);
    let said = |change: &dyn Fn(&mut crate::plan::sim::Host)| {
        let mut world = world.clone();
        change(world.host(&cluster, &cluster.nodes[1]));
        let before = world.fingerprint();
        let outcome = again(&mut world, &cluster);
        assert!(outcome.stages.is_empty() && before == world.fingerprint());
        refused(&outcome.end)
    };
    let gone = said(&|host| drop(host.files.remove(&key)));
    assert!(gone.starts_with("Safety n-1: the node key and validator key is missing: /home"), "{gone}");
    let replaced = said(&|host| host.files.get_mut(&key).unwrap().content = Some("another".into()));
    assert!(
        replaced.starts_with("Safety n-1: ") && replaced.contains("is not the one whose public"),
        "{replaced}"
    );
    let nothing = said(&|host| drop(host.files.remove(&public)));
    assert!(nothing.contains("is not the one whose public part was kept"), "{nothing}");
    let closed = said(&|host| host.files.get_mut(&key).unwrap().owner = "root:root".into());
    assert!(closed.contains("/klay/nodekey belongs to root: the node runs as ubuntu"), "{closed}");
    let shut = said(&|host| host.files.get_mut(&key).unwrap().mode = 0);
    assert!(shut.contains("/klay/nodekey has mode 0000"), "{shut}");
}

#[test]
fn s4_clones_are_refused() {
    let cluster = kaia(3);
    let (mut world, _) = born(&cluster, 0);
    for name in ["/home/ubuntu/klay/nodekey", "/home/ubuntu/nodekey.public"] {
        let file = world.host(&cluster, &cluster.nodes[0]).files[&path(name)].clone();
        world.host(&cluster, &cluster.nodes[2]).files.insert(path(name), file);
    }
    let said = refused(&again(&mut world, &cluster).end);
    assert!(said.contains("Safety n-2: has the same node id as n-0"), "{said}");
}

#[test]
fn s13_a_lost_disk_gets_its_key_back_and_no_other_is_written_over() {
    let cluster = kaia(4);
    let (mut world, _) = born(&cluster, 0);
    let kept = backup(&mut world, &cluster);
    let was = own(&mut world, &cluster, &cluster.nodes[2]);
    lose_disk(&mut world, &cluster, 2);
    let said = refused(&again(&mut world, &cluster).end);
    assert!(said.contains("keys restore"), "{said}");
    let shown = super::restore::at(50);
    let options = options(&["n-2"]);
    let keys = KeysBack { backup: &kept, evidence: &shown };
    let decide = |cluster: &Cluster, facts: &crate::facts::Facts| {
        Course::restoring(&options, keys).next(cluster, facts)
    };
    let mut spoiled = world.clone();
    assert!(world.converge(&cluster, decide).unwrap().is_done());
    assert!(again(&mut world, &cluster).is_done());
    assert_eq!(own(&mut world, &cluster, &cluster.nodes[2]), was);

    // A key of which nobody knows whose it is.
    let other = world.host(&cluster, &cluster.nodes[1]).files[&path("/home/ubuntu/klay/nodekey")].clone();
    let host = spoiled.host(&cluster, &cluster.nodes[2]);
    host.files.insert(path("/home/ubuntu/klay/nodekey"), other);
    let said = refused(&spoiled.converge(&cluster, decide).unwrap().end);
    assert!(said.contains("klay/nodekey"), "{said}");
}

#[test]
fn down_destroy_keeps_the_keys_and_the_next_birth_has_the_same_validators() {
    let cluster = kaia(2);
    let (mut world, _) = born(&cluster, 0);
    let keys: Vec<String> = cluster.nodes.iter().map(|node| own(&mut world, &cluster, node)).collect();
    let decide = |delete_keys: bool| {
        move |cluster: &Cluster, facts: &crate::facts::Facts| {
            toward(cluster, facts, &Options::default(), destroying(delete_keys))
        }
    };
    assert!(world.converge(&cluster, decide(false)).unwrap().is_done());
    let left: Vec<String> = world
        .host(&cluster, &cluster.nodes[0])
        .files
        .keys()
        .filter(|at| at.is_below(&home_of(&cluster.nodes[0])))
        .map(ToString::to_string)
        .collect();
    assert_eq!(left, ["/home/ubuntu/klay", "/home/ubuntu/klay/nodekey", "/home/ubuntu/nodekey.public"]);
    assert!(again(&mut world, &cluster).is_done());
    assert_eq!(cluster.nodes.iter().map(|node| own(&mut world, &cluster, node)).collect::<Vec<_>>(), keys);
    assert!(world.converge(&cluster, decide(true)).unwrap().is_done());
    let home = home_of(&cluster.nodes[0]);
    assert!(!world.host(&cluster, &cluster.nodes[0]).files.keys().any(|at| at.is_below(&home)));
}

#[test]
fn what_would_be_passed_over_in_silence_is_refused() {
    let mut wishes = plain("kaia", 2);
    wishes.nodes[1].power = Some(7);
    let mut world = Sim::default();
    let said = refused(&again(&mut world, &wishes.cluster()).end);
    assert!(said.contains("n-1") && said.contains("gives every validator one vote"), "{said}");
}

/// Accounts' wallets are nobody's chain data: a person has put them there.
#[test]
fn s3_a_wallet_in_the_nodes_folder_outlives_even_its_keys() {
    let cluster = kaia(2);
    let (mut world, _) = born(&cluster, 0);
    let (wallet, folder) = (path("/home/ubuntu/keystore/UTC--1"), path("/home/ubuntu/keystore"));
    for (node, mine) in cluster.nodes.iter().zip([true, false]) {
        let host = world.host(&cluster, node);
        let any = host.files[&path("/home/ubuntu/genesis.json")].clone();
        host.files.insert(folder.clone(), any.clone());
        if mine {
            host.files.insert(wallet.clone(), any);
        }
    }
    let gone = Goal::DestroyKeys;
    world.converge(&cluster, |c, f| toward(c, f, &Options::default(), gone)).unwrap();
    let there = |world: &mut Sim, node: &Node| {
        let host = world.host(&cluster, node);
        (host.files.contains_key(&wallet), host.files.contains_key(&folder))
    };
    assert_eq!(
        cluster.nodes.iter().map(|node| there(&mut world, node)).collect::<Vec<_>>(),
        [(true, true), (false, false)]
    );
}
