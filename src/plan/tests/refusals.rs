//! What stops a run before it writes (S1, S4, S13).

use super::*;
use crate::plan::sim::home_of;

/// Takes away or damages one of a node's key files.
fn lose(
    world: &mut Sim,
    cluster: &Cluster,
    number: usize,
    file: &crate::chain::profile::HomePath,
    whole: bool,
) {
    let node = &cluster.nodes[number];
    let at = file.under(&home_of(node));
    let host = world.host(cluster, node);
    if whole {
        host.files.remove(&at);
    } else {
        host.files.get_mut(&at).unwrap().content = Some("{ truncated".into());
    }
}

#[test]
fn s13_a_lost_key_or_sign_state_is_never_made_anew() {
    for chain in ["cometbft", "loom"] {
        let cluster = plain(chain, 3).cluster();
        let profile = cluster.profile.clone();
        for file in
            [&profile.node_key.file, &profile.validator_key.file, &profile.sign_state.as_ref().unwrap().file]
        {
            for (height, whole) in [(0, true), (5, true), (5, false)] {
                let (mut world, _) = born(&cluster, height);
                lose(&mut world, &cluster, 1, file, whole);
                let before = world.fingerprint();
                let outcome = again(&mut world, &cluster);
                let said = refused(&outcome.end);
                assert!(said.starts_with("Safety n-1: ") && said.contains(file.as_str()), "{said}");
                assert!(outcome.stages.is_empty() && before == world.fingerprint());
            }
        }
    }
}

#[test]
fn s13_everything_lost_at_once_is_no_reason_to_begin_again() {
    let cluster = plain("cometbft", 2).cluster();
    let (mut world, _) = born(&cluster, 0);
    let profile = cluster.profile.clone();
    for file in
        [&profile.node_key.file, &profile.validator_key.file, &profile.sign_state.as_ref().unwrap().file]
    {
        lose(&mut world, &cluster, 0, file, true);
    }
    let outcome = again(&mut world, &cluster);
    assert!(refused(&outcome.end).contains("Safety n-0") && outcome.stages.is_empty());
}

/// It is there, only too large to be brought: no reason to say that it is gone, or to make another.
#[test]
fn s1_a_document_that_is_too_large_to_be_read_is_not_taken_for_a_missing_one() {
    let cluster = plain("cometbft", 3).cluster();
    let document = &cluster.profile.documents["chain"].path;
    for height in [0, 5] {
        let (mut world, _) = born(&cluster, height);
        for node in &cluster.nodes {
            let file = world.host(&cluster, node).files.get_mut(&document.under(&home_of(node))).unwrap();
            file.size = 100 << 20;
        }
        let before = world.fingerprint();
        let outcome = again(&mut world, &cluster);
        let said = refused(&outcome.end);
        let line =
            "Safety n-1: its `chain` document (config/genesis.json) has 100 MB; the limit of what is brought";
        assert!(said.lines().count() == 3 && said.contains(line), "{said}");
        assert!(outcome.stages.is_empty() && before == world.fingerprint());
    }
    let core = include_str!("../../script/core.sh");
    assert!(core.contains(&format!("\nlargest_text={}\n", crate::facts::LARGEST_TEXT)));
}

#[test]
fn s4_clones_are_refused_by_both_names() {
    for chain in ["cometbft", "loom"] {
        let cluster = plain(chain, 3).cluster();
        for file in [&cluster.profile.node_key.file, &cluster.profile.validator_key.file] {
            let (mut world, _) = born(&cluster, 0);
            let from = file.under(&home_of(&cluster.nodes[0]));
            let copy = world.host(&cluster, &cluster.nodes[0]).files[&from].clone();
            world.host(&cluster, &cluster.nodes[2]).files.insert(from, copy);
            let outcome = again(&mut world, &cluster);
            let said = refused(&outcome.end);
            assert!(said.contains("Safety n-2") && said.contains("as n-0"), "{said}");
            assert!(outcome.stages.is_empty());
        }
    }
}

#[test]
fn s1_hosts_that_disagree_stop_the_run() {
    for (chain, height) in [("cometbft", 3), ("cometbft", 0), ("loom", 3), ("loom", 0)] {
        let cluster = plain(chain, 3).cluster();
        let (mut world, _) = born(&cluster, height);
        let at = cluster.profile.documents["chain"].path.under(&home_of(&cluster.nodes[1]));
        let file = world.host(&cluster, &cluster.nodes[1]).files.get_mut(&at).unwrap();
        file.content = Some(file.content.as_ref().unwrap().replace("22020096", "1").into());
        let before = world.fingerprint();
        let outcome = again(&mut world, &cluster);
        let said = refused(&outcome.end);
        assert!(said.contains("n-0 and n-1 hold different") && said.contains("22020096"), "{said}");
        assert_eq!(before, world.fingerprint());
    }
}

#[test]
fn s1_a_demanded_change_of_a_living_genesis_is_refused() {
    for height in [0, 3] {
        let wishes = plain("cometbft", 2);
        let (mut world, _) = born(&wishes.cluster(), height);
        let yaml = wishes
            .yaml()
            .replace("vars: {", "vars: {genesis: {chain: {consensus_params.block.max_gas: \"7\"}}, ");
        let outcome = again(&mut world, &cluster(&yaml));
        let said = refused(&outcome.end);
        assert!(said.starts_with("Safety") && said.contains("max_gas"), "{said}");
        assert!(outcome.stages.is_empty());
    }
}

#[test]
fn s1_another_chain_id_than_the_living_chains_is_refused() {
    for chain in ["cometbft", "loom"] {
        let wishes = plain(chain, 2);
        let named = |id: &str| {
            cluster(&wishes.yaml().replace("vars: {", &format!("vars: {{cluster: c-1, chain_id: {id}, ")))
        };
        let (mut world, _) = born(&named("first-1"), 3);
        assert!(again(&mut world, &named("first-1")).is_done());
        let outcome = again(&mut world, &named("second-1"));
        let said = refused(&outcome.end);
        assert!(said.contains("is of first-1, and chain_id is second-1"), "{said}");
        assert!(said.contains("set `chain_id: first-1`") && outcome.stages.is_empty(), "{said}");
    }
}

/// Powers and votes of the inventory are for the birth: what it says otherwise later is named.
#[test]
fn what_counted_at_the_birth_only_is_named() {
    let wishes = plain("cometbft", 4);
    let (mut world, _) = born(&wishes.cluster(), 3);
    assert!(crate::plan::warnings(&wishes.cluster(), &world.gather(&wishes.cluster())).is_empty());
    let yaml = wishes.yaml().replace("n-1: {", "n-1: {power: 777, ").replace("n-2: {", "n-2: {role: full, ");
    let changed = cluster(&yaml);
    let warned = crate::plan::warnings(&changed, &world.gather(&changed));
    assert_eq!(warned.len(), 2, "{warned:?}");
    assert!(warned[0].said().starts_with("n-1: power 777, and the chain was born with"), "{warned:?}");
    assert!(warned[1].said().starts_with("n-2: a role without a vote"), "{warned:?}");
}

#[test]
fn s1_a_living_genesis_that_no_host_holds_is_not_passed_over() {
    let cluster = plain("cometbft", 2).cluster();
    let (mut world, _) = born(&cluster, 5);
    let at = cluster.profile.documents["chain"].path.under(&home_of(&cluster.nodes[0]));
    for host in world.hosts.values_mut() {
        host.files.remove(&at);
    }
    let outcome = again(&mut world, &cluster);
    let said = refused(&outcome.end);
    assert!(said.starts_with("Safety") && said.contains("no host holds"), "{said}");
}

#[test]
fn what_somebody_else_made_is_not_taken_over() {
    let cluster = plain("cometbft", 1).cluster();
    for at in ["/home/ubuntu/config/genesis.json", "/etc/systemd/system/cometbft.service"] {
        let mut world = Sim::default();
        let file = crate::plan::sim::link_to(&crate::plan::sim::path("/elsewhere"));
        world.host(&cluster, &cluster.nodes[0]).files.insert(crate::plan::sim::path(at), file);
        let said = refused(&again(&mut world, &cluster).end);
        assert!(said.contains(at) && said.contains("has not made it"), "{said}");
    }
}

#[test]
fn down_and_up_again_keep_keys_and_begin_a_new_chain() {
    for chain in ["cometbft", "loom"] {
        let cluster = plain(chain, 3).cluster();
        let (mut world, first) = born(&cluster, 7);
        let destroy = Goal::Destroy;
        let all = Options::default();
        let down = world.converge(&cluster, |c, f| toward(c, f, &all, destroy)).unwrap();
        assert!(down.is_done() && down.stages.len() == 2, "{:?}", down.end);
        let outcome = again(&mut world, &cluster);
        assert!(outcome.is_done(), "{:?}", outcome.end);
        assert_eq!(inits(&outcome.stages), 0);
        for (name, seen) in &outcome.facts.nodes {
            assert_eq!(seen.node_id, first.facts.nodes[name].node_id);
            assert_eq!(seen.signed_height, Some(0));
        }
        let gone = Goal::DestroyKeys;
        let down = world.converge(&cluster, |c, f| toward(c, f, &all, gone)).unwrap();
        assert!(down.is_done(), "{:?}", down.end);
        let left: Vec<_> =
            world.hosts.values().flat_map(|host| host.files.keys()).map(ToString::to_string).collect();
        let stays =
            |at: &String| at.contains("config") || at.contains(".key") || at.contains(cluster.name.as_str());
        assert!(
            !left.iter().any(|at| [".json", ".service"].iter().any(|end| at.ends_with(end))),
            "{left:?} {}",
            left.iter().any(stays)
        );
        // From scratch, with other keys.
        let outcome = again(&mut world, &cluster);
        assert!(outcome.is_done() && inits(&outcome.stages) == 3, "{:?}", outcome.end);
    }
}

#[test]
fn a_birth_that_was_cut_off_anywhere_can_be_destroyed_and_begun_again() {
    for (chain, delete_keys) in [("cometbft", false), ("cometbft", true), ("loom", false), ("loom", true)] {
        let cluster = plain(chain, 1).cluster();
        for fuel in 0.. {
            let mut world = Sim::dying(fuel);
            let killed = world.up(&cluster, &Options::default()).is_err();
            world.fuel = None;
            let had = world.gather(&cluster).nodes.into_values().next().unwrap();
            let (all, destroy) = (Options::default(), destroying(delete_keys));
            let down = world.converge(&cluster, |c, f| toward(c, f, &all, destroy)).unwrap();
            assert!(down.is_done(), "{chain}, killed at change {fuel}: {:?}", down.end);
            let outcome = again(&mut world, &cluster);
            assert!(outcome.is_done(), "{chain}, {delete_keys}, killed at change {fuel}: {:?}", outcome.end);
            let has = outcome.facts.nodes.into_values().next().unwrap();
            let kept = |had: &Option<_>, has: &Option<_>| delete_keys || had.is_none() || had == has;
            let all = kept(&had.validator_key, &has.validator_key);
            assert!(all, "{chain}, killed at change {fuel}: a key was lost");
            if !killed {
                break;
            }
        }
    }
}

#[test]
fn s13_destroy_wants_every_node_stopped() {
    let cluster = plain("cometbft", 3).cluster();
    let (mut world, _) = born(&cluster, 7);
    let mut one = options(&["n-0"]);
    one.consent.halt = true;
    let destroy = Goal::Destroy;
    let down = world.converge(&cluster, |c, f| toward(c, f, &one, destroy)).unwrap();
    let said = refused(&down.end);
    assert!(said.contains("Safety n-1") && said.contains("Safety n-2"), "{said}");
    assert_eq!(touched(&down.stages), BTreeSet::from(["n-0".to_owned()]));
}

#[test]
fn s13_what_the_chain_remembers_is_not_signed_again() {
    let cluster = plain("cometbft", 4).cluster();
    let (mut world, _) = born(&cluster, 9);
    world.asks = true;
    let mut facts = world.gather(&cluster);
    let voter = facts.nodes[&cluster.nodes[1].name].validator_key.clone().unwrap();
    let at = |facts: &mut crate::facts::Facts, running: bool, last: u64| {
        let seen = facts.nodes.get_mut(&cluster.nodes[1].name).unwrap();
        seen.unit.active = if running { "active".into() } else { "inactive".into() };
        seen.unit.main_pid = u32::from(running);
        let voting = facts.voting.as_mut().unwrap();
        voting.voters.iter_mut().find(|other| other.key == voter).unwrap().last_signed = last;
        crate::plan::next(&cluster, facts, &Options::default())
    };
    let said = refused(&at(&mut facts, false, 10));
    assert!(said.starts_with("Safety n-1: its sign state stands at height 9"), "{said}");
    assert!(said.contains("has its signature at 10"), "{said}");
    assert!(matches!(at(&mut facts, false, 9), Next::Stage(_)), "what it knows itself is no danger");
    assert!(matches!(at(&mut facts, true, 10), Next::Done(_)), "it runs: it may be ahead of its file");
}
