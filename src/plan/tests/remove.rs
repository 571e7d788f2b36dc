//! A node leaves its cluster for good, and no later run starts it (S17).

use super::*;
use crate::{
    cluster::backup::Backup,
    facts::{Voter, removed::Holds},
    plan::{
        Consent, changed,
        leaving::leaves,
        remove::{self, Removal},
        removed,
        sim::home_of,
        unfold,
        world::{self, KeysBack},
    },
    types::{code::Code, ids::ValidatorKey, stage::StageName},
};

fn living(count: usize) -> (Cluster, Sim) {
    let cluster = plain("cometbft", count).cluster();
    let (mut world, _) = born(&cluster, 9);
    world.asks = true;
    (cluster, world)
}

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn removing(node: &str) -> Options {
    let removal = Removal { node: name(node), time: "2026-01-02T03:04:05Z".into(), who: "me@here".into() };
    Options { goal: Goal::Remove, removal: Some(removal), ..Options::default() }
}

fn undoing(node: &str) -> Options {
    Options { goal: Goal::UndoRemove, ..removing(node) }
}

/// As the command does it; `roll`: with consent to the others' restarts.
fn run(world: &mut Sim, cluster: &Cluster, options: &Options, roll: bool) -> Ended {
    try_run(world, cluster, options, roll).unwrap()
}

fn try_run(
    world: &mut Sim,
    cluster: &Cluster,
    options: &Options,
    roll: bool,
) -> Result<Ended, crate::plan::sim::Killed> {
    let mut course = Course::new(options);
    let first = world.converge(cluster, |c, f| course.next(c, f))?;
    if !roll || !matches!(first.end, Next::Done(_)) {
        return Ok(first);
    }
    course.roll();
    let second = world.converge(cluster, |c, f| course.next(c, f))?;
    Ok(Ended { stages: [first.stages, second.stages].concat(), ..second })
}

fn names(ended: &Ended) -> Vec<&'static str> {
    ended.stages.iter().map(|stage| stage.name.as_str()).collect()
}

/// The inventory once the node was taken out of it.
fn rest(cluster: &Cluster, gone: &str) -> Cluster {
    let mut rest = removed::without(cluster, &[name(gone)].into());
    rest.machines.retain(|machine| !machine.nodes.is_empty());
    for (number, machine) in rest.machines.iter().enumerate() {
        machine.nodes.iter().for_each(|node| rest.nodes[*node].machine = number);
    }
    rest
}

fn runs(world: &mut Sim, cluster: &Cluster, number: usize) -> bool {
    let node = &cluster.nodes[number];
    world.host(cluster, node).units.get(&node.unit_name).is_some_and(crate::facts::UnitFacts::is_running)
}

/// Nodes whose files name this one as a peer.
fn dialled_by(world: &mut Sim, cluster: &Cluster, number: usize) -> Vec<String> {
    let facts = world.clone_with_all().gather(cluster);
    let id = facts.nodes[&cluster.nodes[number].name].node_id.clone().unwrap();
    let dials = |node: &&crate::cluster::Node| {
        let file = home_of(node).join("config/config.toml").unwrap();
        facts.nodes[&node.name].text(&file).unwrap().contains(id.as_str())
    };
    cluster.nodes.iter().filter(dials).map(|node| node.name.to_string()).collect()
}

fn address(cluster: &Cluster, number: usize) -> String {
    Sim::address(&cluster.machines[cluster.nodes[number].machine])
}

fn codes(end: &Next) -> Vec<Code> {
    let Next::Refused(refusals) = end else { panic!("not refused: {end:?}") };
    refusals.iter().map(|refusal| refusal.code).collect()
}

impl Sim {
    fn clone_with_all(&self) -> Self {
        let mut all = self.clone();
        all.off.clear();
        all
    }
}

#[test]
fn s17_a_node_is_stopped_remembered_and_dialled_by_nobody() {
    let (cluster, mut world) = living(5);
    let plan = unfold(&cluster, &world.gather(&cluster), &removing("n-2"));
    let ended = run(&mut world, &cluster, &removing("n-2"), false);
    assert_eq!(names(&ended), ["stop", "remove", "start"]);
    let Next::Done(pending) = &ended.end else { panic!("{:?}", ended.end) };
    assert_eq!(pending.len(), 4, "the others' restarts wait: {pending:?}");
    let planned: Vec<_> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!((planned, &plan.end), (names(&ended), &ended.end), "a plan shows the same");
    assert!(!runs(&mut world, &cluster, 2));
    let facts = world.gather(&cluster);
    assert_eq!(facts.nodes[&name("n-2")].unit.file_state, "disabled");
    for seen in facts.nodes.values() {
        let [stone] = &seen.removed[..] else { panic!("{:?}", seen.removed) };
        let own = &facts.nodes[&name("n-2")];
        assert_eq!((&stone.node_id, &stone.validator_key), (&own.node_id, &own.validator_key));
        assert_eq!((stone.time.as_str(), stone.who.as_str()), ("2026-01-02T03:04:05Z", "me@here"));
    }
    assert_eq!(dialled_by(&mut world, &cluster, 2), Vec::<String>::new());
    assert_eq!(run(&mut world, &cluster, &removing("n-2"), false).stages, [], "again: nothing");

    // With its vote gone and consent the others are restarted, one after another.
    world.voted_out.insert(name("n-2"));
    let ended = run(&mut world, &cluster, &removing("n-2"), true);
    assert_eq!(names(&ended), ["roll"; 4]);
    assert!(ended.is_done() && ended.stages.iter().all(|stage| stage.gate.is_some()));
    assert_eq!(run(&mut world, &cluster, &removing("n-2"), true).stages, []);
}

/// Of the old inventory it says so and does nothing; of the new one there is nothing to say.
#[test]
fn s17_the_old_inventory_starts_it_neither_by_up_nor_otherwise() {
    let (cluster, mut world) = living(5);
    world.voted_out.insert(name("n-4"));
    run(&mut world, &cluster, &removing("n-4"), true);
    let facts = world.gather(&cluster);
    let said = removed::warnings(&cluster, &facts);
    let [warning] = &said[..] else { panic!("{said:?}") };
    assert_eq!((warning.code, warning.said().split(": ").next()), (Code::RemovedNode, Some("n-4")));
    assert!(
        warning.message.contains("removed from the cluster at 2026-01-02T03:04:05Z by me@here"),
        "{warning:?}"
    );
    assert!(warning.help.as_ref().unwrap().contains("take it out of the inventory"), "{warning:?}");
    for goal in [Goal::Converge, Goal::Adopt, Goal::Start] {
        let ended = run(&mut world, &cluster, &Options { goal, ..Options::default() }, true);
        assert!(ended.stages.is_empty() && ended.is_done(), "{goal:?}: {ended:?}");
        let alone = Options { goal, ..options(&["n-4"]) };
        let ended = run(&mut world, &cluster, &alone, true);
        assert_eq!((codes(&ended.end), ended.stages), (vec![Code::Removed], vec![]), "{goal:?}");
        let among = Options { goal, ..options(&["n-4", "n-0"]) };
        assert!(run(&mut world, &cluster, &among, true).is_done(), "{goal:?}");
    }
    let restart = Options { goal: Goal::Restart, ..Options::default() };
    let ended = run(&mut world, &cluster, &restart, false);
    assert!(ended.is_done() && !touched(&ended.stages).contains("n-4") && ended.stages.len() == 4);
    assert!(!runs(&mut world, &cluster, 4));
    // It may be ended for good.
    let stop = Options { goal: Goal::Stop, ..options(&["n-4"]) };
    assert!(run(&mut world, &cluster, &stop, false).is_done());

    let new = rest(&cluster, "n-4");
    let ended = run(&mut world, &new, &Options::default(), false);
    assert!(ended.stages.is_empty() && ended.is_done(), "{ended:?}");
    let facts = world.gather(&new);
    assert_eq!(super::super::warnings(&new, &facts), [], "and is quiet");
}

/// S8
#[test]
fn s17_beyond_the_budget_nothing_of_it_is_done() {
    let (cluster, mut world) = living(4);
    let node = &cluster.nodes[3];
    let unit = world.host(&cluster, node).units.get_mut(&node.unit_name).unwrap();
    (unit.active, unit.main_pid) = ("inactive".into(), 0);
    let before = world.fingerprint();
    let ended = run(&mut world, &cluster, &removing("n-1"), true);
    assert_eq!(codes(&ended.end), [Code::Standstill]);
    assert!(refused(&ended.end).contains("`loomctl remove n-1 --check` says how"), "{}", refused(&ended.end));
    assert_eq!((ended.stages, world.fingerprint()), (vec![], before));
    // Nobody says who votes.
    world.asks = false;
    assert_eq!(codes(&run(&mut world, &cluster, &removing("n-1"), false).end), [Code::NoVoters]);
    world.asks = true;
    // Who is down already costs nobody anything; nor does one without a vote.
    let down = run(&mut world.clone(), &cluster, &removing("n-3"), false);
    assert!(matches!(down.end, Next::Done(_)), "{:?}", down.end);
    world.voted_out.insert(name("n-1"));
    let ended = run(&mut world.clone(), &cluster, &removing("n-1"), false);
    assert!(matches!(ended.end, Next::Done(_)), "{:?}", ended.end);
    world.voted_out.clear();
    let halt = Options { consent: Consent { halt: true, ..Consent::default() }, ..removing("n-1") };
    assert_eq!(names(&run(&mut world, &cluster, &halt, false)), ["stop", "remove", "start"]);
}

/// At no moment more is offline than the chain can do without, whoever is down or has no vote when it begins.
#[test]
fn s8_a_removal_keeps_to_the_budget_from_any_start() {
    for (count, down, gone) in
        (4..8).flat_map(|count| (0..count).map(move |down| (count, down, (down + 2) % count)))
    {
        for voted_out in [false, true] {
            let (cluster, mut world) = living(count);
            let node = &cluster.nodes[down];
            let unit = world.host(&cluster, node).units.get_mut(&node.unit_name).unwrap();
            (unit.active, unit.main_pid) = ("inactive".into(), 0);
            let leaves = format!("n-{gone}");
            if voted_out {
                world.voted_out.insert(name(&leaves));
            }
            let mut course = Course::new(&removing(&leaves));
            course.roll();
            let ended = world.converge(&cluster, |c, f| {
                let next = course.next(c, f);
                if let Next::Stage(stage) = &next {
                    let voting = f.voting.as_ref().unwrap();
                    let stops = |node: &NodeName| {
                        stage.steps.get(node).is_some_and(|steps| {
                            steps.iter().any(|planned| match &planned.step {
                                Step::Stopped(_) => true,
                                Step::Unit(unit) => unit.run == Run::Restart,
                                _ => false,
                            })
                        })
                    };
                    let off = |voter: &&Voter| {
                        let (name, seen) = f
                            .nodes
                            .iter()
                            .find(|(_, seen)| seen.validator_key.as_ref() == Some(&voter.key))
                            .unwrap();
                        !seen.unit.is_running() || stops(name)
                    };
                    let off: i64 = voting.voters.iter().filter(off).map(|voter| voter.power).sum();
                    // A node without a vote may always go.
                    let votes = |name: &NodeName| {
                        voting
                            .voters
                            .iter()
                            .any(|voter| f.nodes[name].validator_key.as_ref() == Some(&voter.key))
                    };
                    let is_stopping = f.nodes.keys().any(|name| stops(name) && votes(name));
                    assert!(
                        !is_stopping || off * 3 < voting.total(),
                        "{off} of {}: {stage:?}",
                        voting.total()
                    );
                }
                next
            });
            assert!(matches!(ended.unwrap().end, Next::Done(_) | Next::Refused(_)));
        }
    }
}

/// S7, S17: killed anywhere, it is finished by the same command; and no run in between has started what was remembered.
#[test]
fn s17_a_removal_that_is_cut_anywhere_is_finished_by_the_next() {
    let (cluster, mut start) = living(5);
    start.voted_out.insert(name("n-1"));
    let mut whole = start.clone();
    run(&mut whole, &cluster, &removing("n-1"), true);
    let ticks = whole.changes() - start.changes();
    assert!(ticks > 20, "{ticks}");
    for fuel in 0..ticks {
        let mut world = start.clone();
        world.fuel = Some(fuel);
        try_run(&mut world, &cluster, &removing("n-1"), true).unwrap_err();
        world.fuel = None;
        // Somebody runs `up` with the inventory as it was.
        let mut other = world.clone();
        let stones = other.gather(&cluster).nodes.values().filter(|seen| !seen.removed.is_empty()).count();
        let ended = run(&mut other, &cluster, &Options::default(), false);
        match stones {
            0 => assert!(matches!(ended.end, Next::Done(_)), "{fuel}: {:?}", ended.end),
            1 => assert_eq!((codes(&ended.end), ended.stages.len()), (vec![Code::HalfRemoved], 0), "{fuel}"),
            _ => assert!(!touched(&ended.stages).contains("n-1"), "{fuel}: {:?}", ended.stages),
        }
        assert!(stones == 0 || !runs(&mut other, &cluster, 1), "{fuel}");
        let ended = run(&mut world, &cluster, &removing("n-1"), true);
        assert!(ended.is_done(), "{fuel}: {:?}", ended.end);
        assert!(!runs(&mut world, &cluster, 1) && dialled_by(&mut world, &cluster, 1).is_empty(), "{fuel}");
        assert!(world.gather(&cluster).nodes.values().all(|seen| seen.removed.len() == 1), "{fuel}");
        assert_eq!(run(&mut world, &cluster, &removing("n-1"), true).stages, [], "{fuel}");
    }
}

#[test]
fn s17_with_its_host_gone_the_others_are_told() {
    let (cluster, mut world) = living(5);
    let own = world.gather(&cluster).nodes[&name("n-3")].clone();
    let vote = Voter {
        key: own.validator_key.clone().unwrap(),
        power: 10,
        signed: false,
        last_signed: 9,
        confirmed: 9,
        shown_by: None,
        proposes_at: None,
    };
    world.off.insert(address(&cluster, 3));
    world.strangers.push(vote);
    let ended = run(&mut world, &cluster, &removing("n-3"), false);
    assert_eq!(names(&ended), ["remove", "start"]);
    assert_eq!(touched(&ended.stages), ["n-0", "n-1", "n-2", "n-4"].map(str::to_owned).into());
    assert_eq!(dialled_by(&mut world, &cluster, 3), Vec::<String>::new());
    for seen in world.gather(&cluster).nodes.values() {
        let stone = &seen.removed[0];
        assert_eq!(
            (&stone.node_id, &stone.validator_key),
            (&own.node_id, &own.validator_key),
            "as the others know it"
        );
    }
    assert_eq!(run(&mut world, &cluster, &removing("n-3"), false).stages, [], "again: nothing");
    assert!(run(&mut world, &cluster, &Options::default(), false).stages.is_empty());
    // It comes back, running: nobody restarts it, and the same command ends it.
    world.off.clear();
    world.strangers.clear();
    let said = removed::warnings(&cluster, &world.gather(&cluster));
    assert!(said[0].message.contains("it runs there all the same"), "{said:?}");
    assert!(said[0].help.as_ref().unwrap().contains("after `loomctl remove n-3` has stopped it"), "{said:?}");
    let ended = run(&mut world, &cluster, &removing("n-3"), false);
    assert_eq!(names(&ended), ["stop", "remove"]);
    assert_eq!(touched(&ended.stages), ["n-3".to_owned()].into(), "the others know it already");
    assert!(!runs(&mut world, &cluster, 3));
}

/// Its key on another host.
#[test]
fn s17_nobody_is_started_with_the_keys_of_a_removed_node() {
    let (cluster, mut world) = living(5);
    run(&mut world, &cluster, &removing("n-4"), false);
    let new = rest(&cluster, "n-4");
    let key = new.profile.validator_key.file.clone();
    let stolen =
        world.host(&cluster, &cluster.nodes[4]).files[&key.under(&home_of(&cluster.nodes[4]))].clone();
    let node = new.nodes[1].clone();
    let host = world.host(&new, &node);
    host.files.insert(key.under(&home_of(&node)), stolen);
    let unit = host.units.get_mut(&node.unit_name).unwrap();
    (unit.active, unit.main_pid) = ("inactive".into(), 0);
    for goal in [Goal::Converge, Goal::Adopt, Goal::Start, Goal::Restart] {
        let ended = run(&mut world, &new, &Options { goal, ..Options::default() }, true);
        assert!(codes(&ended.end).contains(&Code::RemovedKeys), "{goal:?}: {:?}", ended.end);
        assert!(refused(&ended.end).contains("those of n-4, which was removed from the cluster at"));
        assert!(ended.stages.is_empty());
    }
    assert!(!runs(&mut world, &new, 1));
}

#[test]
fn s17_a_new_node_of_its_name_is_made_after_a_word() {
    let (cluster, mut world) = living(5);
    world.voted_out.insert(name("n-4"));
    run(&mut world, &cluster, &removing("n-4"), true);
    // Another disk.
    let old = world.hosts.get_mut(&address(&cluster, 4)).unwrap();
    let keys = old.files.clone();
    *old = crate::plan::sim::Host::default();
    let ended = run(&mut world, &cluster, &Options::default(), false);
    assert!(ended.stages.is_empty() && ended.is_done(), "{ended:?}");
    let said = removed::warnings(&cluster, &world.gather(&cluster));
    assert!(said[0].message.contains("does not have the keys that it had"), "{said:?}");

    let undone = run(&mut world, &cluster, &undoing("n-4"), false);
    assert_eq!(names(&undone), ["remove"]);
    assert!(
        world
            .gather(&cluster)
            .nodes
            .values()
            .flat_map(|seen| &seen.removed)
            .all(|stone| stone.holds == Holds::Keys)
    );
    assert_eq!(run(&mut world, &cluster, &undoing("n-4"), false).stages, []);
    let full = super::cluster(&plain("cometbft", 5).yaml().replace("10.0.0.5", "10.0.0.5, role: full"));
    let ended = run(&mut world, &full, &Options::default(), false);
    assert!(matches!(ended.end, Next::Done(_)) && inits(&ended.stages) == 1, "{ended:?}");
    assert!(runs(&mut world, &full, 4));
    // The old keys stay what they were.
    let key = full.profile.validator_key.file.under(&home_of(&full.nodes[4]));
    world.host(&full, &full.nodes[4]).files.insert(key.clone(), keys[&key].clone());
    assert!(codes(&run(&mut world, &full, &Options::default(), false).end).contains(&Code::RemovedKeys));
    // It is removed again: both are remembered.
    let another = keys_of_another(&world, &full);
    world.host(&full, &full.nodes[4]).files.insert(key, another);
    let ended = run(&mut world, &full, &removing("n-4"), false);
    assert!(matches!(ended.end, Next::Done(_)), "{:?}", ended.end);
    assert!(world.gather(&full).nodes.values().take(4).all(|seen| seen.removed.len() == 2));
}

/// A backup is no way around it either, under whatever name.
#[test]
fn s17_a_backup_of_its_keys_is_not_put_back() {
    let (cluster, mut world) = living(5);
    let backup = restore::backup(&mut world, &cluster);
    run(&mut world, &cluster, &removing("n-2"), false);
    restore::lose_disk(&mut world, &cluster, 2);
    let restores = |world: &mut Sim, backup: &Backup, node: &str| {
        let (options, evidence) = (options(&[node]), restore::at(50));
        let mut course = Course::restoring(&options, KeysBack { backup, evidence: &evidence });
        world.converge(&cluster, |c, f| course.next(c, f)).unwrap()
    };
    let ended = restores(&mut world, &backup, "n-2");
    assert!(codes(&ended.end).contains(&Code::RemovedKeys) && ended.stages.is_empty(), "{:?}", ended.end);
    // Its name is free by now, and its keys are not; nor are they under another name.
    run(&mut world, &cluster, &undoing("n-2"), false);
    assert!(codes(&restores(&mut world, &backup, "n-2").end).contains(&Code::RemovedKeys));
    let mut renamed = backup.clone();
    let kept = renamed.nodes[&name("n-2")].clone();
    renamed.nodes.insert(name("n-3"), kept);
    restore::lose_disk(&mut world, &cluster, 3);
    assert!(codes(&restores(&mut world, &renamed, "n-3").end).contains(&Code::RemovedKeys));
    assert!(restores(&mut world, &backup, "n-3").is_done(), "others are as before");
}

/// Some other key file.
fn keys_of_another(world: &Sim, cluster: &Cluster) -> crate::facts::FileFact {
    let (mut other, ()) = (Sim::default(), ());
    other.inits = world.inits + 40;
    other.up(cluster, &Options::default()).unwrap();
    let node = &cluster.nodes[4];
    let key = cluster.profile.validator_key.file.under(&home_of(node));
    other.host(cluster, node).files[&key].clone()
}

#[test]
fn s17_the_node_itself_comes_back_by_its_own_command_alone() {
    let (cluster, mut world) = living(5);
    run(&mut world, &cluster, &removing("n-2"), false);
    assert!(run(&mut world, &cluster, &undoing("n-0"), false).stages.is_empty(), "nobody else is meant");
    // Somebody else signs with its key meanwhile (S13).
    let mut moved = world.clone();
    moved.asks = false;
    let facts = {
        let mut facts = world.gather(&cluster);
        let key = facts.nodes[&name("n-2")].validator_key.clone();
        let voters = &mut facts.voting.as_mut().unwrap().voters;
        voters.iter_mut().find(|voter| Some(&voter.key) == key.as_ref()).unwrap().last_signed = 500;
        facts
    };
    let refused = super::super::next(&cluster, &facts, &undoing("n-2"));
    assert_eq!(codes(&refused), [Code::SignStateOld]);
    let undone = run(&mut world, &cluster, &undoing("n-2"), false);
    assert_eq!((names(&undone), undone.is_done()), (vec!["remove"], true));
    let facts = world.gather(&cluster);
    assert!(facts.nodes.values().flat_map(|seen| &seen.removed).all(|stone| stone.holds == Holds::Nothing));
    assert_eq!(removed::warnings(&cluster, &facts), []);
    let ended = run(&mut world, &cluster, &Options::default(), false);
    assert!(matches!(ended.end, Next::Done(_)) && runs(&mut world, &cluster, 2), "{ended:?}");
    assert_eq!(dialled_by(&mut world, &cluster, 2).len(), 4);
    // And leaves again.
    let ended = run(&mut world, &cluster, &removing("n-2"), false);
    assert!(matches!(ended.end, Next::Done(_)), "{:?}", ended.end);
    assert!(!runs(&mut world, &cluster, 2) && dialled_by(&mut world, &cluster, 2).is_empty());
    assert!(world.gather(&cluster).nodes.values().all(|seen| seen.removed.len() == 1));
}

/// P5: a host that invents tombstones stops the run and names itself; it takes nobody out of the others' peers.
#[test]
fn p5_one_host_removes_nobody() {
    let (cluster, mut world) = living(4);
    let facts = world.gather(&cluster);
    let victim = &facts.nodes[&name("n-0")];
    let mut stone =
        crate::facts::removed::example("n-0", victim.node_id.clone(), victim.validator_key.clone());
    stone.cluster = cluster.name.clone();
    let lies = |stone: &crate::facts::removed::Tombstone| {
        let mut facts = facts.clone();
        facts.nodes.get_mut(&name("n-3")).unwrap().removed = vec![stone.clone().into()];
        facts
    };
    let said = lies(&stone);
    assert!(removed::left_out(&cluster, &said).is_empty());
    let next = super::super::next(&cluster, &said, &Options::default());
    assert_eq!(codes(&next), [Code::HalfRemoved]);
    assert!(refused(&next).contains("by n-3 it was removed") && refused(&next).contains("look at that host"));
    // Under another name, of another cluster: the key alone counts, and who says so is said.
    stone.cluster = crate::types::ids::ClusterName::new("elsewhere").unwrap();
    let next = super::super::next(&cluster, &lies(&stone), &Options::default());
    assert_eq!(codes(&next), [Code::RemovedKeys]);
    assert!(refused(&next).contains("by what n-3 remembers"));
    let mut odd = facts.clone();
    odd.nodes.get_mut(&name("n-3")).unwrap().removed_error = Some("not JSON".into());
    for goal in [Goal::Converge, Goal::Start, Goal::Restart, Goal::Adopt] {
        let next = super::super::next(&cluster, &odd, &Options { goal, ..Options::default() });
        assert_eq!(codes(&next), [Code::TombstoneUnusable], "{goal:?}");
    }
    assert_eq!(codes(&super::super::next(&cluster, &odd, &removing("n-1"))), [Code::TombstoneUnusable]);
}

#[test]
fn what_cannot_be_removed_says_why() {
    let cluster = plain("cometbft", 4).cluster();
    let (mut world, _) = born(&cluster, 0);
    let ended = run(&mut world, &cluster, &removing("n-1"), false);
    assert_eq!(codes(&ended.end), [Code::NotRemovable]);
    assert!(refused(&ended.end).contains("no block yet"), "{}", refused(&ended.end));
    let one = plain("cometbft", 1).cluster();
    let (mut world, _) = born(&one, 9);
    assert!(refused(&run(&mut world, &one, &removing("n-0"), false).end).contains("no other node is there"));
    // A sentry that a validator stays behind alone.
    let yaml = "all:\n  vars: {chain: cometbft, user: ubuntu, binary: /bin/sh}\n  hosts:\n    v: {ansible_host: 10.0.0.1, sentries: [s]}\n    \
                s: {ansible_host: 10.0.0.2, role: sentry}\n    w: {ansible_host: 10.0.0.3}\n    x: {ansible_host: 10.0.0.4}\n    y: {ansible_host: 10.0.0.5}\n";
    let cluster = super::cluster(yaml);
    let (mut world, _) = born(&cluster, 9);
    world.asks = true;
    let ended = run(&mut world, &cluster, &removing("s"), false);
    assert!(refused(&ended.end).contains("the last sentry that v stays behind"), "{}", refused(&ended.end));
    assert_eq!(ended.stages, []);
}

/// Of the others only those that run get their files: who was stopped on purpose stays down.
#[test]
fn a_removal_starts_nobody() {
    let (cluster, mut world) = living(7);
    let stop = Options { goal: Goal::Stop, ..options(&["n-6"]) };
    run(&mut world, &cluster, &stop, false);
    let ended = run(&mut world, &cluster, &removing("n-0"), true);
    assert!(
        ended
            .stages
            .iter()
            .all(|stage| stage.name == StageName::Remove || !stage.steps.contains_key(&name("n-6")))
    );
    assert!(!runs(&mut world, &cluster, 6));
    let seen = &world.gather(&cluster).nodes[&name("n-6")];
    assert_eq!(seen.removed.len(), 1, "it remembers all the same");
    // The inventory has another program by now: nobody gets it in passing.
    let other = super::cluster(&plain("cometbft", 7).yaml().replace("/bin/sh", "/bin/ls"));
    let ended = run(&mut world, &other, &removing("n-1"), false);
    let is_binary = |planned: &Planned| matches!(planned.step, Step::Binary(_) | Step::Link(_));
    assert!(!steps(&ended.stages).any(|(_, planned)| is_binary(planned)), "{ended:?}");
}

#[test]
fn the_chain_is_told_by_a_person_in_the_profiles_words() {
    let (cluster, mut world) = living(4);
    let facts = world.gather(&cluster);
    let told = |facts: &crate::facts::Facts, options: &Options| {
        let of = world::World { cluster: &cluster, facts, options, upgrades: &[], keys: None };
        leaves(&cluster, facts, &remove::stone(&of).unwrap())
    };
    let leaves = told(&facts, &removing("n-1"));
    let key = facts.nodes[&name("n-1")].validator_key.as_ref().unwrap().value.replace('+', "%2B");
    let key = key.replace('/', "%2F").replace('=', "%3D");
    assert_eq!((leaves.power, leaves.on), (Some(10), Some(name("n-0"))));
    assert_eq!(
        leaves.commands,
        [format!("curl -s 'http://127.0.0.1:26657/broadcast_tx_commit?tx=\"val=ed25519!{key}!0\"'")]
    );
    assert!(leaves.how.unwrap().contains("sets its power to 0"));
    world.voted_out.insert(name("n-1"));
    let gone = told(&world.gather(&cluster), &removing("n-1"));
    assert_eq!((gone.power, gone.how, gone.commands), (Some(0), None, vec![]), "nothing is left to say");
    // What nobody knows stands there in capitals; what a host has invented is no part of a command.
    let mut odd = facts.clone();
    odd.voting = None;
    let value = "'; rm -rf /; '".to_owned();
    odd.nodes.get_mut(&name("n-1")).unwrap().validator_key = Some(ValidatorKey { kind: "x".into(), value });
    let odd = told(&odd, &removing("n-1"));
    assert_eq!(odd.power, None);
    assert!(odd.commands[0].contains("!KEY_IN_URL!0"), "{odd:?}");
}

/// A validator of the genesis that was removed is nobody whom the inventory has lost; one that was not is.
#[test]
fn whoever_was_removed_is_not_missed() {
    let (cluster, mut world) = living(5);
    let new = rest(&cluster, "n-4");
    let lost = changed::warnings(&new, &world.gather(&new));
    assert!(lost.iter().any(|warning| warning.code == Code::LostValidators), "{lost:?}");
    run(&mut world, &cluster, &removing("n-4"), false);
    assert_eq!(changed::warnings(&new, &world.gather(&new)), []);
}
