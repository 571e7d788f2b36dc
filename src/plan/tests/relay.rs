//! A binary from a URL where some hosts cannot pull it: it goes through this machine, and the plan says so.

use super::*;
use crate::{
    plan::{saved::Saved, sim::Pulls, unfold},
    types::ids::Sha256,
};

const URL: &str = "http://builds.invalid/chain";

/// Four nodes: the first two pull for themselves, the third has no program for it, the fourth no way there.
fn mixed(pinned: bool) -> (Cluster, Sim) {
    let yaml = Wishes { url: true, ..plain("cometbft", 4) }.yaml();
    let pin = format!("binary_sha256: {}, binary:", Sha256::of(URL));
    let cluster = cluster(&if pinned { yaml.replace("binary:", &pin) } else { yaml });
    let mut world = Sim::default();
    for (node, pulls) in cluster.nodes[2..].iter().zip([Pulls::NoTool, Pulls::NoWay]) {
        world.host(&cluster, node).pulls = pulls;
    }
    (cluster, world)
}

/// Of one stage, by node: whether the file comes through this machine. Only steps that bring it.
fn ways(stage: &Stage) -> Vec<(&str, bool)> {
    let way = |planned: &Planned| match &planned.step {
        Step::Fetch(fetch) => Some(fetch.relayed.is_some()),
        Step::Binary(binary) => Some(binary.relayed.is_some()),
        _ => None,
    };
    let of = |(node, steps): (_, &Vec<Planned>)| steps.iter().find_map(way).map(|way| (node, way));
    stage.steps.iter().map(|(node, steps)| (node.as_str(), steps)).filter_map(of).collect()
}

#[test]
fn a_host_that_cannot_pull_gets_the_file_through_this_machine() {
    for (pinned, stage) in [(false, "fetch"), (true, "prepare")] {
        let (cluster, mut world) = mixed(pinned);
        let predicted = unfold(&cluster, &world.gather(&cluster), &Options::default());
        let outcome = again(&mut world, &cluster);
        assert!(outcome.is_done(), "{:?}", outcome.end);
        // Nobody knows before that the fourth has no way there; then it is a fact.
        assert_eq!((outcome.stages[0].name.as_str(), outcome.stages[1].name.as_str()), (stage, stage));
        let first = [("n-0", false), ("n-1", false), ("n-2", true), ("n-3", false)];
        assert_eq!((ways(&predicted.stages[0]), ways(&outcome.stages[0])), (first.into(), first.into()));
        assert_eq!(ways(&outcome.stages[1]), [("n-3", true)], "and nobody else has anything to do again");
        let said = |number: usize, node: &str| {
            let steps = &outcome.stages[number].steps[&NodeName::new(node).unwrap()];
            let brings = |p: &&Planned| matches!(p.step, Step::Fetch(_) | Step::Binary(_));
            let planned = steps.iter().find(brings).unwrap();
            format!("{} — {}", planned.step.name(), planned.why)
        };
        assert!(!said(0, "n-0").contains("through this machine"), "{}", said(0, "n-0"));
        for (said, why) in
            [(said(0, "n-2"), "neither curl nor wget is there"), (said(1, "n-3"), "no way there")]
        {
            assert!(said.contains(" through this machine — ") && said.ends_with(why), "{said}");
        }
        let second = again(&mut world, &cluster);
        assert!(second.is_done() && second.stages.is_empty(), "{second:?}");
    }
}

#[test]
fn without_a_program_on_either_side_nothing_is_begun() {
    let (cluster, mut world) = mixed(false);
    world.no_downloads = true;
    world.gather(&cluster);
    let before = world.fingerprint();
    let outcome = again(&mut world, &cluster);
    let said = refused(&outcome.end);
    let words =
        ["Host -: n-2 cannot pull", URL, "neither curl nor wget is there", "this machine", "install curl"];
    assert!(words.iter().all(|word| said.contains(word)) && said.lines().count() == 1, "{said}");
    assert!(outcome.stages.is_empty() && before == world.fingerprint());

    // Who has no way there is known only when it was tried.
    let nodes: Vec<_> = cluster.nodes.clone();
    world.host(&cluster, &nodes[2]).pulls = Pulls::Itself;
    let said = refused(&again(&mut world, &cluster).end);
    assert!(said.contains("Host -: n-3 cannot pull") && said.contains("no way there"), "{said}");

    // Who has the file wants nothing from anybody.
    world.no_downloads = false;
    assert!(again(&mut world, &cluster).is_done());
    world.no_downloads = true;
    world.host(&cluster, &nodes[3]).pulls = Pulls::NoTool;
    assert!(again(&mut world, &cluster).is_done());
}

/// A saved plan is carried out as it stands, but for the way that a file takes to a host that was to pull it and could not.
#[test]
fn a_saved_plan_lets_a_file_through_this_machine() {
    let (cluster, mut world) = mixed(true);
    let unfolded = unfold(&cluster, &world.gather(&cluster), &Options::default());
    let text = serde_json::to_string(&Saved::new(&cluster, &Options::default(), &unfolded.stages)).unwrap();
    assert!(text.contains("\"relayed\":\"neither curl nor wget is there\""), "{text}");
    let saved: Saved = serde_json::from_str(&text).unwrap();
    let carry_out = |world: &mut Sim| {
        let (mut course, mut number) = (Course::new(&Options::default()), 0);
        let outcome =
            world.converge(&cluster, |cluster, facts| saved.allows(&mut number, course.next(cluster, facts)));
        outcome.unwrap()
    };
    let outcome = carry_out(&mut world.clone());
    assert!(outcome.is_done(), "{:?}", outcome.end);
    let names: Vec<_> = outcome.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["prepare", "prepare", "start"]);

    // Another way than it says is another plan when it is begun.
    let node = cluster.nodes[1].clone();
    world.host(&cluster, &node).pulls = Pulls::NoTool;
    let now = unfold(&cluster, &world.gather(&cluster), &Options::default());
    let refusal = saved.is_current(&cluster, &now.stages).unwrap_err();
    assert!(refusal.message.contains("n-1: binary"), "{}", refusal.message);
    assert!(refused(&carry_out(&mut world).end).contains("n-1: binary"));
}
