//! Restarts on a live chain (S8), and a cluster that is begun again before its first block (S1).

use super::*;
use crate::{
    facts::Facts,
    plan::{Consent, Gate, Shows, Wants, roll, sim::home_of, start::Waiting, unfold, world},
};

const SETTING: (&str, &str) = ("vars: {", "vars: {settings: {config.toml: {p2p.pex: false}}, ");

fn changed(wishes: &Wishes) -> Cluster {
    cluster(&wishes.yaml().replace(SETTING.0, SETTING.1))
}

fn living(count: usize) -> (Wishes, Sim) {
    let wishes = plain("cometbft", count);
    let (mut world, _) = born(&wishes.cluster(), 9);
    world.asks = true;
    (wishes, world)
}

fn with(roll: bool, upgrade: bool, halt: bool) -> Options {
    Options { consent: Consent { roll, upgrade, halt }, ..Options::default() }
}

/// The stages that restart, each with its node and gate.
/// What becomes of the first of those that wait.
fn first(cluster: &Cluster, facts: &Facts, options: &Options, waiting: Vec<Waiting>) -> Next {
    let world = world::World { cluster, facts, options, upgrades: &[], keys: None };
    match roll::first(&world, waiting) {
        world::Outcome::Stage(stage) => Next::Stage(stage),
        world::Outcome::Refused(refusals) => Next::Refused(refusals),
        other => panic!("{other:?}"),
    }
}

fn rolled(stages: &[Stage]) -> Vec<(String, Option<Gate>)> {
    let restarting = stages.iter().filter(|stage| restarts(std::slice::from_ref(*stage)) > 0);
    restarting
        .map(|stage| {
            assert_eq!(stage.steps.len(), 1, "one node at a time");
            (stage.steps.keys().next().unwrap().to_string(), stage.gate.clone())
        })
        .collect()
}

fn stop(world: &mut Sim, cluster: &Cluster, number: usize) {
    let node = &cluster.nodes[number];
    let unit = world.host(cluster, node).units.get_mut(&node.unit_name).unwrap();
    (unit.active, unit.main_pid) = ("inactive".into(), 0);
}

#[test]
fn s8_with_consent_one_after_another_each_behind_its_gate() {
    let (wishes, mut world) = living(4);
    let cluster = changed(&wishes);
    let predicted = unfold(&cluster, &world.gather(&cluster), &with(true, false, false));
    let outcome = world.up(&cluster, &with(true, false, false)).unwrap();
    assert!(outcome.is_done(), "{:?}", outcome.end);
    let names = ["n-0", "n-1", "n-2", "n-3"];
    let gate =
        |name: &str| Some(Gate { node: NodeName::new(name).unwrap(), shows: Shows::Commit, soak: None });
    let expected: Vec<_> = names.iter().map(|name| ((*name).to_owned(), gate(name))).collect();
    assert_eq!(rolled(&outcome.stages), expected);
    assert_eq!(rolled(&predicted.stages), expected, "a plan shows the same");
    assert!(again(&mut world, &cluster).stages.is_empty());
}

#[test]
fn s8_less_than_one_third_is_ever_offline() {
    // Of three each is a third.
    let (wishes, mut world) = living(3);
    let cluster = changed(&wishes);
    let outcome = world.up(&cluster, &with(true, false, false)).unwrap();
    let said = refused(&outcome.end);
    assert!(said.contains("10 of 30 voting power") && said.contains("--allow-halt"), "{said}");
    assert_eq!(restarts(&outcome.stages), 0);
    let outcome = world.up(&cluster, &with(true, false, true)).unwrap();
    assert!(outcome.is_done() && rolled(&outcome.stages).len() == 3, "{:?}", outcome.end);

    // One of four is down already: the next would be the second.
    let (wishes, mut world) = living(4);
    let cluster = changed(&wishes);
    stop(&mut world, &cluster, 3);
    let some = Options { consent: with(true, false, false).consent, ..options(&["n-0", "n-1"]) };
    let outcome = world.up(&cluster, &some).unwrap();
    let said = refused(&outcome.end);
    assert!(said.contains("20 of 40") && said.contains("n-3 down already"), "{said}");
    assert_eq!(restarts(&outcome.stages), 0);
    // In a run for all of them it comes up first: starting is never held back.
    let outcome = world.up(&cluster, &with(true, false, false)).unwrap();
    assert!(outcome.is_done() && rolled(&outcome.stages).len() == 3, "{:?}", outcome.end);
}

#[test]
fn s8_nobody_knows_who_votes() {
    let (wishes, mut world) = living(4);
    world.asks = false;
    let outcome = world.up(&changed(&wishes), &with(true, false, false)).unwrap();
    assert!(refused(&outcome.end).contains("no node says who votes"));
}

/// P5
#[test]
fn s8_nobody_restarts_by_the_word_of_one_node() {
    let (wishes, mut world) = living(4);
    let cluster = changed(&wishes);
    let facts = world.gather(&cluster);
    let waiting = |number: usize| {
        let node = cluster.nodes[number].name.clone();
        vec![Waiting { node, what: String::new(), steps: Vec::new() }]
    };
    let next = |change: &dyn Fn(&mut crate::facts::Voting), halt: bool| {
        let mut facts = facts.clone();
        change(facts.voting.as_mut().unwrap());
        first(&cluster, &facts, &with(true, false, halt), waiting(1))
    };
    let shows = |next: Next| match next {
        Next::Stage(stage) => stage.gate.unwrap().shows,
        other => panic!("{other:?}"),
    };
    assert_eq!(shows(next(&|_| (), false)), Shows::Commit);
    // One shows a signature of n-0 that nobody else has: it is down, and blocks are expected all the same.
    let disputed = |voting: &mut crate::facts::Voting| {
        (voting.voters[0].signed, voting.voters[0].confirmed) = (false, 0);
    };
    let said = refused(&next(&disputed, false));
    assert!(said.contains("20 of 40") && said.contains("n-0 down already"), "{said}");
    assert_eq!(shows(next(&disputed, true)), Shows::Commit);
    let alone = |voting: &mut crate::facts::Voting| {
        voting.heights.retain(|name, _| name.as_str() == "n-2");
    };
    let said = refused(&next(&alone, false));
    assert!(said.contains("40 of 40") && said.contains("only n-2 answers, and nobody confirms"), "{said}");
    let disagree = |voting: &mut crate::facts::Voting| {
        voting.disagree = Some("the nodes do not agree on who votes (n-3: …)".into());
    };
    let said = refused(&next(&disagree, false));
    assert!(said.starts_with("Safety n-1: ") && said.contains("n-3: …"), "{said}");
    assert_eq!(shows(next(&disagree, true)), Shows::Answer, "a standstill is accepted");
}

#[test]
fn s8_a_living_chain_keeps_its_binary_until_it_may_be_upgraded() {
    let (wishes, mut world) = living(4);
    let old = wishes.cluster();
    let new = cluster(&wishes.yaml().replace("/bin/sh", "/bin/ls"));
    let link = |world: &mut Sim, number: usize| {
        let at = home_of(&new.nodes[number]).join("cometbft").unwrap();
        world.host(&new, &new.nodes[number]).files[&at].target.clone().unwrap()
    };
    let before = link(&mut world, 0);
    for consent in [with(false, false, false), with(true, false, false), with(false, true, false)] {
        let outcome = world.up(&new, &consent).unwrap();
        let Next::Done(pending) = &outcome.end else { panic!("{:?}", outcome.end) };
        assert!(pending.len() == 4 && pending.iter().all(|waits| waits.wants == Wants::Upgrade));
        assert_eq!(outcome.stages, [], "nothing is written, so that a crash starts what ran before");
    }
    // A new binary moves node by node: a killed run leaves the rest as it was.
    let ticks = world.clone().up(&new, &with(true, true, false)).unwrap().stages.len();
    assert!(ticks >= 5, "prepare and four nodes");
    world.fuel = Some(14);
    world.up(&new, &with(true, true, false)).unwrap_err();
    assert_eq!(link(&mut world, 3), before);
    world.fuel = None;
    let outcome = world.up(&new, &with(true, true, false)).unwrap();
    assert!(outcome.is_done(), "{:?}", outcome.end);
    assert!((0..4).all(|number| link(&mut world, number) != before));
    assert!(world.up(&new, &with(false, false, false)).unwrap().stages.is_empty());
    // And back: a rollback is the same.
    let Next::Done(pending) = again(&mut world, &old).end else { panic!() };
    assert_eq!(pending.len(), 4);
}

#[test]
fn s1_an_unborn_cluster_begins_again_with_consent_and_keeps_its_keys() {
    let reset = Options { goal: Goal::Reset, ..Options::default() };
    for chain in ["cometbft", "loom"] {
        let wishes = plain(chain, 3);
        let other = wishes
            .yaml()
            .replace("vars: {", "vars: {genesis: {chain: {genesis_time: \"2026-01-01T00:00:00Z\"}}, ");
        for height in [0, 1] {
            let (mut world, first) = born(&wishes.cluster(), height);
            let cluster = cluster(&other);
            let said = refused(&again(&mut world, &cluster).end);
            assert!(said.contains("--reset-unborn"), "{said}");
            let mut course = Course::new(&reset);
            let outcome = world.converge(&cluster, |c, f| course.next(c, f)).unwrap();
            assert!(outcome.is_done(), "{:?}", outcome.end);
            assert_eq!(
                outcome.stages.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
                ["stop", "reset", "start"]
            );
            for (name, seen) in &outcome.facts.nodes {
                assert_eq!(seen.node_id, first.facts.nodes[name].node_id);
                assert_eq!(seen.signed_height, Some(0));
            }
            assert!(again(&mut world, &cluster).stages.is_empty());
        }
        // Who has made blocks, or leaves somebody out, is refused.
        let (mut world, _) = born(&wishes.cluster(), 5);
        let mut course = Course::new(&reset);
        let facts = world.gather(&wishes.cluster());
        assert!(refused(&course.next(&wishes.cluster(), &facts)).contains("has made blocks"));
        let (mut world, _) = born(&wishes.cluster(), 0);
        let some = Options { goal: Goal::Reset, ..options(&["n-0"]) };
        let facts = world.gather(&wishes.cluster());
        assert!(refused(&Course::new(&some).next(&wishes.cluster(), &facts)).contains("--limit"));
    }
}

#[test]
fn s8_an_old_signature_is_no_sign_of_life() {
    let (wishes, mut world) = living(4);
    let cluster = wishes.cluster();
    let mut facts = world.gather(&cluster);
    let late = |facts: &crate::facts::Facts| {
        crate::plan::roll::late(&cluster, facts).iter().map(|gate| gate.node.to_string()).collect::<Vec<_>>()
    };
    for machine in facts.machines.values_mut() {
        machine.uptime += 3600.0;
    }
    assert!(late(&facts).is_empty(), "all have run for long, and sign");
    let name = |number: usize| cluster.nodes[number].name.clone();
    facts.nodes.get_mut(&name(1)).unwrap().unit.tried = true;
    facts.nodes.get_mut(&name(2)).unwrap().unit.started_monotonic += 3600.0;
    facts.voting.as_mut().unwrap().voters[3].signed = false;
    assert_eq!(late(&facts), ["n-1", "n-2", "n-3"]);
}

#[test]
fn s8_who_was_seen_between_two_tries_of_systemd_is_waited_for() {
    let (wishes, mut world) = living(4);
    let cluster = changed(&wishes);
    let options = with(true, false, false);
    let mut facts = world.gather(&cluster);
    let waiting = |number: usize| {
        let node = cluster.nodes[number].name.clone();
        vec![Waiting { node, what: String::new(), steps: Vec::new() }]
    };
    let next = |facts: &crate::facts::Facts| first(&cluster, facts, &options, waiting(1));
    let unit = &mut facts.nodes.get_mut(&cluster.nodes[0].name).unwrap().unit;
    (unit.active, unit.main_pid) = ("activating".into(), 0);
    assert!(refused(&next(&facts)).contains("n-0 down already"), "its last signatures are from before that");
    facts.nodes.get_mut(&cluster.nodes[0].name).unwrap().unit.tried = true;
    let late = crate::plan::roll::late(&cluster, &facts);
    assert!(late.iter().any(|gate| gate.node == cluster.nodes[0].name), "{late:?}");
    assert!(matches!(next(&facts), Next::Stage(_)), "it has signed since");
    facts.voting.as_mut().unwrap().voters[0].signed = false;
    assert!(refused(&next(&facts)).contains("n-0 down already"), "it has not");
}

/// A full node that shows a validator's key takes nothing away from that validator's power.
#[test]
fn s8_a_full_node_does_not_stand_for_a_validator() {
    let mut wishes = plain("cometbft", 3);
    wishes.nodes.insert(0, Wish { number: 9, full: true, ..wishes.nodes[0].clone() });
    let (mut world, _) = born(&wishes.cluster(), 9);
    world.asks = true;
    let cluster = changed(&wishes);
    let mut facts = world.gather(&cluster);
    let key = facts.nodes[&NodeName::new("n-0").unwrap()].validator_key.clone();
    facts.nodes.get_mut(&NodeName::new("n-9").unwrap()).unwrap().validator_key = key;
    let waiting =
        vec![Waiting { node: NodeName::new("n-0").unwrap(), what: String::new(), steps: Vec::new() }];
    let next = first(&cluster, &facts, &with(true, false, false), waiting);
    let said = refused(&next);
    assert!(said.contains("10 of 30"), "{said}: its own third counts");
    let said = refused(&crate::plan::next(&cluster, &facts, &Options::default()));
    assert!(said.contains("has the same validator key as n-9") || said.contains("as n-0"), "{said}");
}

/// The guard of everything that stops a node that votes.
#[test]
fn s8_half_of_the_power_is_not_stopped_in_passing() {
    let (wishes, mut world) = living(4);
    let cluster = wishes.cluster();
    let facts = world.gather(&cluster);
    let down = |names: &[&str], halt: bool, change: &dyn Fn(&mut crate::facts::Facts)| {
        let mut facts = facts.clone();
        change(&mut facts);
        let mut options = options(names);
        options.consent.halt = halt;
        toward(&cluster, &facts, &options, Goal::Stop)
    };
    let same: &dyn Fn(&mut crate::facts::Facts) = &|_| ();
    let said = refused(&down(&["n-1", "n-2"], false, same));
    assert!(
        said.starts_with("Safety -: stopping n-1, n-2 would take 20 of 40 voting power offline"),
        "{said}"
    );
    assert!(said.contains("--allow-halt"), "{said}");
    for (names, halt) in
        [(&["n-1", "n-2"][..], true), (&["n-1"], false), (&["n-0", "n-1", "n-2", "n-3"], false)]
    {
        assert!(matches!(down(names, halt, same), Next::Stage(_)), "{names:?}");
    }
    let all = toward(&cluster, &facts, &Options::default(), Goal::Stop);
    assert!(matches!(all, Next::Stage(_)), "down of all nodes asks nothing");
    // Whose key nobody could read may be any voter.
    let name = |number: usize| NodeName::new(format!("n-{number}")).unwrap();
    let hidden: &dyn Fn(&mut crate::facts::Facts) = &|facts| {
        for number in [1, 2] {
            facts.nodes.get_mut(&name(number)).unwrap().validator_key = None;
        }
    };
    assert!(refused(&down(&["n-1", "n-2"], false, hidden)).contains("20 of 40"));
    let mute: &dyn Fn(&mut crate::facts::Facts) = &|facts| facts.voting = None;
    let said = refused(&down(&["n-1"], false, mute));
    assert!(said.contains("may stop the chain: no node says who votes"), "{said}");
    // Those that are stopped already are not stopped again.
    let stopped: &dyn Fn(&mut crate::facts::Facts) = &|facts| {
        for number in [1, 2] {
            let unit = &mut facts.nodes.get_mut(&name(number)).unwrap().unit;
            (unit.active, unit.main_pid) = ("inactive".into(), 0);
        }
    };
    assert!(!matches!(down(&["n-1", "n-2"], false, stopped), Next::Refused(_)));
}

#[test]
fn s8_a_full_node_may_always_be_stopped() {
    let mut wishes = plain("cometbft", 2);
    wishes.nodes.push(Wish { number: 9, full: true, ..wishes.nodes[0].clone() });
    let cluster = wishes.cluster();
    let (mut world, _) = born(&cluster, 9);
    let facts = world.gather(&cluster);
    let down = |name: &str| toward(&cluster, &facts, &options(&[name]), Goal::Stop);
    assert!(matches!(down("n-9"), Next::Stage(_)), "{:?}", down("n-9"));
    assert!(matches!(down("n-1"), Next::Refused(_)), "{:?}", down("n-1"));
}

/// Each goal, so that a new one is tried as well.
fn every_goal() -> Vec<Goal> {
    let mut all = vec![Goal::Converge];
    while let Some(last) = all.last() {
        all.push(match last {
            Goal::Converge => Goal::Adopt,
            Goal::Adopt => Goal::Reset,
            Goal::Reset => Goal::Start,
            Goal::Start => Goal::Restart,
            Goal::Restart => Goal::Prepare,
            Goal::Prepare => Goal::Upgrade,
            Goal::Upgrade => Goal::Rollback,
            Goal::Rollback => Goal::Stop,
            Goal::Stop => Goal::Destroy,
            Goal::Destroy => Goal::DestroyKeys,
            Goal::DestroyKeys => Goal::RestoreKeys,
            Goal::RestoreKeys => Goal::Remove,
            Goal::Remove => Goal::UndoRemove,
            Goal::UndoRemove => break,
        });
    }
    all
}

#[test]
fn s8_no_goal_takes_a_third_of_the_power_offline_at_once() {
    let (wishes, world) = living(4);
    let cluster = changed(&wishes);
    let stops = |step: &Step| match step {
        Step::Stopped(_) => true,
        Step::Unit(unit) => unit.run == Run::Restart,
        _ => false,
    };
    for (goal, roll) in every_goal().into_iter().flat_map(|goal| [(goal, false), (goal, true)]) {
        let mut course = Course::new(&Options { goal, ..options(&["n-0", "n-1"]) });
        if roll {
            course.roll();
        }
        let outcome = world.clone().converge(&cluster, |c, f| course.next(c, f)).unwrap();
        for stage in &outcome.stages {
            let stopped = stage.steps.values().filter(|of| of.iter().any(|planned| stops(&planned.step)));
            assert!(stopped.count() < 2, "{goal:?} takes half of the power offline: {stage:?}");
        }
        let stops_them = matches!(goal, Goal::Stop | Goal::Destroy | Goal::DestroyKeys);
        let refuses = stops_them || matches!(goal, Goal::Reset | Goal::Rollback);
        assert_eq!(matches!(outcome.end, Next::Refused(_)), refuses, "{goal:?}");
    }
}
