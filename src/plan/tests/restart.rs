//! `start`, `stop` and `restart`: nodes with the files that their hosts have.

use super::*;
use crate::{
    facts::Facts,
    plan::{Canary, Consent, Gate, sim::home_of},
    types::{code::Code, stage::StageName},
};

fn living(count: usize) -> (Cluster, Sim) {
    let wishes = plain("cometbft", count);
    let (mut world, _) = born(&wishes.cluster(), 9);
    world.asks = true;
    (wishes.cluster(), world)
}

fn goal(goal: Goal, names: &[&str]) -> Options {
    let limit = (!names.is_empty()).then(|| names.iter().map(|name| NodeName::new(*name).unwrap()).collect());
    Options { limit, goal, ..Options::default() }
}

fn run(world: &mut Sim, cluster: &Cluster, options: &Options) -> Ended {
    let mut course = Course::new(options);
    world.converge(cluster, |c, f| course.next(c, f)).unwrap()
}

fn stop(world: &mut Sim, cluster: &Cluster, number: usize) {
    let node = &cluster.nodes[number];
    let unit = world.host(cluster, node).units.get_mut(&node.unit_name).unwrap();
    (unit.active, unit.main_pid) = ("inactive".into(), 0);
}

fn gates(ended: &Ended) -> Vec<Gate> {
    ended.stages.iter().filter_map(|stage| stage.gate.clone()).collect()
}

fn invocations(facts: &Facts) -> Vec<String> {
    facts.nodes.values().map(|seen| seen.unit.invocation.clone()).collect()
}

#[test]
fn each_is_restarted_once_and_alone() {
    let (cluster, mut world) = living(4);
    let before = invocations(&world.gather(&cluster));
    let files = world.hosts.values().map(|host| host.files.clone()).collect::<Vec<_>>();
    let ended = run(&mut world, &cluster, &goal(Goal::Restart, &[]));
    assert_eq!(ended.end, Next::Done(Vec::new()));
    let names: Vec<String> = gates(&ended).iter().map(|gate| gate.node.to_string()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 4, "{names:?}");
    assert!(ended.stages.iter().all(|stage| stage.name == StageName::Roll && stage.steps.len() == 1));
    let after = invocations(&world.gather(&cluster));
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));
    // What is written down of the start alone is new.
    for (before, after) in files.iter().zip(world.hosts.values()) {
        let changed = after.files.iter().filter(|(path, file)| before.get(*path) != Some(*file));
        assert!(changed.map(|(path, _)| path.as_str()).all(|path| path.ends_with("/started")));
    }
    assert_eq!(run(&mut world, &cluster, &Options::default()).stages, [], "`up` has nothing to do after it");
}

/// S8: over the budget nothing of it is done, even where the first ones could be.
#[test]
fn s8_what_would_stop_the_chain_is_refused_as_a_whole() {
    let (cluster, mut world) = living(4);
    stop(&mut world, &cluster, 3);
    for names in [&[][..], &["n-3", "n-0"]] {
        let ended = run(&mut world, &cluster, &goal(Goal::Restart, names));
        let Next::Refused(refusals) = &ended.end else { panic!("{:?}", ended.end) };
        assert!(refusals.iter().all(|refusal| refusal.code == Code::Standstill), "{refusals:?}");
        assert_eq!(ended.stages, []);
    }
    let ended = run(&mut world, &cluster, &goal(Goal::Restart, &["n-3"]));
    assert_eq!((ended.stages.len(), ended.end), (1, Next::Done(Vec::new())), "the one that is down may");
    let halt = Options { consent: Consent { halt: true, ..Consent::default() }, ..goal(Goal::Restart, &[]) };
    stop(&mut world, &cluster, 3);
    assert_eq!(run(&mut world, &cluster, &halt).stages.len(), 4);
}

#[test]
fn the_last_canary_soaks() {
    let (cluster, mut world) = living(4);
    let canary = Some(Canary { nodes: 2, blocks: 7 });
    let ended = run(&mut world, &cluster, &Options { canary, ..goal(Goal::Restart, &[]) });
    let soaks: Vec<_> = gates(&ended).iter().map(|gate| gate.soak).collect();
    assert_eq!(soaks, [None, Some(7), None, None]);
}

#[test]
fn what_was_stopped_is_started_as_it_lies_there() {
    let (cluster, mut world) = living(4);
    let stopped = run(&mut world, &cluster, &goal(Goal::Stop, &["n-2"]));
    assert_eq!((stopped.stages.len(), stopped.end), (1, Next::Done(Vec::new())));
    let facts = world.gather(&cluster);
    let unit = &facts.nodes[&NodeName::new("n-2").unwrap()].unit;
    assert_eq!((unit.active.as_str(), unit.file_state.as_str()), ("inactive", "disabled"));
    assert_eq!(run(&mut world, &cluster, &goal(Goal::Start, &["n-0"])).stages, []);
    let started = run(&mut world, &cluster, &goal(Goal::Start, &[]));
    assert_eq!(started.stages.len(), 1);
    assert_eq!(started.stages[0].steps.keys().map(NodeName::as_str).collect::<Vec<_>>(), ["n-2"]);
    let facts = world.gather(&cluster);
    let unit = &facts.nodes[&NodeName::new("n-2").unwrap()].unit;
    assert_eq!((unit.active.as_str(), unit.file_state.as_str()), ("active", "enabled"));
    assert_eq!(run(&mut world, &cluster, &goal(Goal::Start, &[])).stages, []);
}

/// Its configuration waits for the next `up`, which sees what the node runs on.
#[test]
fn a_start_writes_nothing_of_the_inventorys_changes() {
    let (cluster, mut world) = living(4);
    run(&mut world, &cluster, &goal(Goal::Stop, &["n-2"]));
    let setting = "vars: {settings: {config.toml: {p2p.max_num_inbound_peers: 17}}, ";
    let changed = super::cluster(&plain("cometbft", 4).yaml().replace("vars: {", setting));
    run(&mut world, &changed, &goal(Goal::Start, &["n-2"]));
    let file = home_of(&changed.nodes[2]).join("config/config.toml").unwrap();
    let text = |world: &mut Sim| {
        world.gather(&changed).nodes[&changed.nodes[2].name].text(&file).unwrap().to_string()
    };
    assert!(!text(&mut world).contains("= 17"));
    let ended = run(&mut world, &changed, &Options::default());
    assert!(text(&mut world).contains("= 17"));
    let Next::Done(pending) = ended.end else { panic!("{:?}", ended.end) };
    assert_eq!(pending.len(), 4, "what was started on the old file waits for its restart, too: {pending:?}");
}

#[test]
fn who_was_never_started_is_not() {
    let cluster = plain("cometbft", 4).cluster();
    let mut world = Sim::default();
    for goal_of in [Goal::Start, Goal::Restart] {
        let ended = run(&mut world, &cluster, &goal(goal_of, &[]));
        let Next::Refused(refusals) = &ended.end else { panic!("{:?}", ended.end) };
        assert!(refusals.iter().all(|refusal| refusal.code == Code::NotInstalled), "{refusals:?}");
        assert_eq!(refusals.len(), 4);
    }
}

/// Who is about to propose is not the next, in whatever order the inventory has them; a plan that was saved is kept to.
#[test]
fn the_next_proposer_is_spared() {
    let (cluster, mut world) = living(4);
    let mut facts = world.gather(&cluster);
    for (voter, height) in facts.voting.as_mut().unwrap().voters.iter_mut().zip([11, 13, 14, 12]) {
        voter.proposes_at = Some(height);
    }
    let first = |options: &Options| match super::super::next(&cluster, &facts, options) {
        Next::Stage(stage) => stage.steps.keys().next().unwrap().to_string(),
        other => panic!("{other:?}"),
    };
    let restart =
        |names: &[&str], spares_proposers| Options { spares_proposers, ..goal(Goal::Restart, names) };
    assert_eq!(first(&restart(&[], true)), "n-2");
    assert_eq!(first(&restart(&["n-0", "n-3"], true)), "n-3");
    assert_eq!(first(&restart(&[], false)), "n-0");
}
