//! `upgrade` and `rollback`: another binary, node by node, and what the inventory has to say about it afterwards.

use super::*;
use crate::{
    cluster::decided::{DecidedBy, Decides},
    facts::{
        Facts,
        manifest::{Manifest, Prepared},
    },
    plan::{decided, versions},
    steps::Trial,
    types::{code::Code, diagnostic::Diagnostic, stage::StageName},
};

const OLD: &str = "/bin/sh";
const NEW: &str = "/bin/ls";

fn inventory(binary: &str) -> Cluster {
    super::cluster(&plain("cometbft", 4).yaml().replace(OLD, binary))
}

/// Four nodes of a chain at height 9, with the old binary.
fn living() -> Sim {
    let (mut world, _) = born(&inventory(OLD), 9);
    world.asks = true;
    world
}

/// As `upgrade --binary` has it: the inventory's nodes with another binary.
fn given(binary: &str) -> Cluster {
    let mut cluster = inventory(OLD);
    for (node, other) in cluster.nodes.iter_mut().zip(inventory(binary).nodes) {
        let instead_of = node.binary.sha256().cloned();
        node.binary = other.binary;
        node.decides = Some(Decides { by: DecidedBy::Upgrade, instead_of });
    }
    cluster
}

fn run(world: &mut Sim, cluster: &Cluster, goal: Goal) -> Ended {
    let mut course = Course::new(&Options { goal, ..Options::default() });
    world.converge(cluster, |c, f| course.next(c, f)).unwrap()
}

/// `up` with this inventory, as a session begins it; and its warnings.
fn up(world: &mut Sim, mut cluster: Cluster) -> (Ended, Vec<Diagnostic>) {
    let facts = world.gather(&cluster);
    decided::keep(&mut cluster, &facts);
    let warnings = decided::warnings(&cluster, &facts);
    (run(world, &cluster, Goal::Converge), warnings)
}

fn names(ended: &Ended) -> Vec<&'static str> {
    ended.stages.iter().map(|stage| stage.name.as_str()).collect()
}

fn manifests(world: &mut Sim) -> Vec<Manifest> {
    let facts = world.gather(&inventory(OLD));
    facts.nodes.values().map(|seen| (**seen.manifest.as_ref().unwrap()).clone()).collect()
}

fn sum(binary: &str) -> crate::types::ids::Sha256 {
    inventory(binary).nodes[0].binary.sha256().unwrap().clone()
}

/// Whether all nodes have it by link and by manifest.
fn all_have(world: &mut Sim, binary: &str) -> bool {
    let cluster = inventory(binary);
    let linked = cluster.nodes.iter().all(|node| {
        let (at, program) = (cluster.started(node, cluster.main(node)), cluster.main(node));
        let target = world.host(&cluster, node).files[&at].target.clone();
        target.as_deref() == Some(cluster.binary_path(node, program, &sum(binary)).as_str())
    });
    linked && manifests(world).iter().all(|manifest| manifest.binary_sha256.as_ref() == Some(&sum(binary)))
}

#[test]
fn a_binary_is_tried_on_all_hosts_before_one_node_is_given_it() {
    let mut world = living();
    let new = given(NEW);
    let prepared = run(&mut world, &new, Goal::Prepare);
    assert_eq!((names(&prepared), prepared.end), (vec!["prepare"], Next::Done(Vec::new())));
    let tries =
        |planned: &Planned| matches!(&planned.step, Step::Trial(Trial { sha256, .. }) if *sha256 == sum(NEW));
    assert!(
        prepared.stages[0].steps.len() == 4
            && prepared.stages[0].steps.values().all(|steps| steps.iter().any(tries))
    );
    assert!(all_have(&mut world, OLD));
    assert_eq!(run(&mut world, &new, Goal::Prepare).stages, [], "a second time there is nothing to do");
    let (ended, warnings) = up(&mut world, inventory(OLD));
    assert_eq!((ended.stages, warnings.len()), (Vec::new(), 0), "what is prepared disturbs no `up`");

    let upgraded = run(&mut world, &new, Goal::Upgrade);
    assert_eq!((names(&upgraded), upgraded.end), (vec!["roll"; 4], Next::Done(Vec::new())));
    assert!(upgraded.stages.iter().all(|stage| stage.gate.is_some() && stage.steps.len() == 1));
    assert!(all_have(&mut world, NEW));
    for manifest in manifests(&mut world) {
        assert_eq!(manifest.prepared, None);
        assert_eq!(
            manifest.previous.iter().map(|of| of.binary_sha256.clone()).collect::<Vec<_>>(),
            [sum(OLD)]
        );
    }
    assert_eq!(run(&mut world, &new, Goal::Upgrade).stages, []);
}

/// Without `--prepare` before it, the same run prepares.
#[test]
fn an_upgrade_begins_with_what_was_not_prepared() {
    let mut world = living();
    let ended = run(&mut world, &given(NEW), Goal::Upgrade);
    assert_eq!(names(&ended), ["prepare", "roll", "roll", "roll", "roll"]);
}

#[test]
fn the_decision_counts_until_the_inventory_says_something_new() {
    let mut world = living();
    run(&mut world, &given(NEW), Goal::Upgrade);
    let (ended, warnings) = up(&mut world, inventory(OLD));
    assert_eq!((ended.stages, ended.end), (Vec::new(), Next::Done(Vec::new())));
    assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), [Code::InventoryBehind]);
    let said = &warnings[0].message;
    assert!(said.contains("loomctl upgrade") && said.contains(sum(NEW).short()), "{said}");
    // The edit is made: nothing to say, nothing to do.
    let (ended, warnings) = up(&mut world, inventory(NEW));
    assert_eq!((ended.stages, ended.end, warnings.len()), (Vec::new(), Next::Done(Vec::new()), 0));
    // A third one is the inventory's own wish, and waits for consent as always.
    let (ended, warnings) = up(&mut world, inventory("/bin/cat"));
    let Next::Done(pending) = ended.end else { panic!("{:?}", ended.end) };
    assert_eq!((pending.len(), warnings.len()), (4, 0));
}

#[test]
fn a_rollback_goes_one_binary_back_and_no_further() {
    let mut world = living();
    let refused = run(&mut world, &inventory(OLD), Goal::Rollback);
    let Next::Refused(refusals) = &refused.end else { panic!("{:?}", refused.end) };
    assert!(refusals.len() == 4 && refusals.iter().all(|refusal| refusal.code == Code::NoPredecessor));

    for named in [OLD, NEW] {
        let mut world = living();
        run(&mut world, &given(NEW), Goal::Upgrade);
        // Whether the edit was made or not.
        let back = run(&mut world, &inventory(named), Goal::Rollback);
        assert_eq!(names(&back), ["prepare", "roll", "roll", "roll", "roll"], "{named}");
        assert!(all_have(&mut world, OLD));
        assert_eq!(run(&mut world, &inventory(named), Goal::Rollback).stages, [], "once is once");
        let (ended, warnings) = up(&mut world, inventory(named));
        assert_eq!((ended.stages, ended.end), (Vec::new(), Next::Done(Vec::new())));
        assert_eq!(warnings.len(), usize::from(named == NEW), "{warnings:?}");
    }
}

/// The last three are kept.
#[test]
fn binaries_that_made_blocks_are_kept_in_their_order() {
    let mut world = living();
    for binary in [NEW, "/bin/cat", "/bin/dd", "/bin/ln"] {
        run(&mut world, &given(binary), Goal::Upgrade);
    }
    let kept: Vec<_> = manifests(&mut world)[0].previous.iter().map(|of| of.binary_sha256.clone()).collect();
    assert_eq!(kept, ["/bin/dd", "/bin/cat", NEW].map(sum));
    let destroyed = run(&mut world, &inventory(OLD), Goal::Destroy);
    let steps = destroyed.stages.iter().flat_map(|stage| stage.steps.values().flatten());
    let unused: BTreeSet<String> = steps
        .filter_map(|planned| match &planned.step {
            Step::Unused(unused) => Some(unused.path.to_string()),
            _ => None,
        })
        .collect();
    for binary in [NEW, "/bin/cat", "/bin/dd", "/bin/ln"] {
        assert!(unused.iter().any(|path| path.contains(sum(binary).as_str())), "{binary}: {unused:?}");
    }
}

#[test]
fn what_the_chain_has_made_of_a_newer_state_no_older_binary_reads() {
    let mut world = living();
    let versioned = |version: &str, facts: &Facts| {
        let mut facts = facts.clone();
        let names: Vec<NodeName> = facts.nodes.keys().cloned().collect();
        let voting = facts.voting.as_mut().unwrap();
        voting.state_versions = names.into_iter().map(|name| (name, version.to_owned())).collect();
        facts
    };
    let mut course = Course::new(&Options { goal: Goal::Upgrade, ..Options::default() });
    world.converge(&given(NEW), |c, f| course.next(c, &versioned("app 1", f))).unwrap();
    let back = |version: &str| {
        let mut course = Course::new(&Options { goal: Goal::Rollback, ..Options::default() });
        world.clone().converge(&inventory(OLD), |c, f| course.next(c, &versioned(version, f))).unwrap()
    };
    let Next::Refused(refusals) = back("app 2").end else { panic!() };
    assert!(refusals.iter().all(|refusal| refusal.code == Code::StateMovedOn), "{refusals:?}");
    assert_eq!(back("app 1").end, Next::Done(Vec::new()));
}

/// S7, S8: cut off after any change, the next run ends where the first would have, with one node offline at a time.
#[test]
fn s7_an_upgrade_that_is_cut_off_goes_on() {
    let reached = |goal: Goal, cluster: &Cluster, binary: &str, from: &Sim| {
        for fuel in 1.. {
            let mut world = from.clone();
            world.fuel = Some(fuel);
            let mut course = Course::new(&Options { goal, ..Options::default() });
            let whole = world.converge(cluster, |c, f| course.next(c, f)).is_ok();
            world.fuel = None;
            let rolled: Vec<_> = run(&mut world, cluster, goal).stages;
            assert!(rolled.iter().all(|stage| stage.name != StageName::Roll || stage.steps.len() == 1));
            assert!(all_have(&mut world, binary), "after {fuel} changes");
            assert!(manifests(&mut world).iter().all(|manifest| manifest.prepared.is_none()));
            if whole {
                return world;
            }
        }
        unreachable!()
    };
    let upgraded = reached(Goal::Upgrade, &given(NEW), NEW, &living());
    reached(Goal::Rollback, &inventory(OLD), OLD, &upgraded);
}

#[test]
fn a_node_that_is_down_is_given_it_and_stays_down() {
    let mut world = living();
    let cluster = inventory(OLD);
    let down = &cluster.nodes[2];
    let unit = world.host(&cluster, down).units.get_mut(&down.unit_name).unwrap();
    (unit.active, unit.main_pid) = ("inactive".into(), 0);
    let ended = run(&mut world, &given(NEW), Goal::Upgrade);
    let Next::Refused(refusals) = &ended.end else { panic!("{:?}", ended.end) };
    assert!(
        refusals.iter().all(|refusal| refusal.code == Code::Standstill),
        "with three of four no other may go"
    );
    let only = Options { limit: Some([down.name.clone()].into()), goal: Goal::Upgrade, ..Options::default() };
    let mut course = Course::new(&only);
    let ended = world.converge(&given(NEW), |c, f| course.next(c, f)).unwrap();
    assert_eq!(ended.end, Next::Done(Vec::new()));
    let seen = &ended.facts.nodes[&down.name];
    assert!(!seen.unit.is_running() && seen.manifest.as_ref().unwrap().binary_sha256 == Some(sum(NEW)));
}

#[test]
fn what_was_prepared_long_ago_has_expired() {
    let mut world = living();
    let new = given(NEW);
    run(&mut world, &new, Goal::Prepare);
    let mut facts = world.gather(&new);
    let node = &new.nodes[0];
    assert!(versions::prepared(node, &facts).is_some() && versions::expired(node, &facts).is_none());
    let seen = facts.nodes.get_mut(&node.name).unwrap();
    let mut manifest = (**seen.manifest.as_ref().unwrap()).clone();
    let at = manifest.prepared.as_ref().unwrap().at - 15 * 24 * 3600;
    manifest.prepared = Some(Prepared { binary_sha256: sum(NEW), at });
    seen.manifest = Some(manifest.into());
    assert_eq!(versions::prepared(node, &facts), None);
    assert_eq!(versions::of_node(&inventory(OLD), node, &facts).prepared, None, "the next `up` forgets it");
    let warnings = decided::warnings(&inventory(OLD), &facts);
    assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), [Code::PreparedExpired]);
    assert!(warnings[0].message.contains("15 days ago"), "{warnings:?}");
}
