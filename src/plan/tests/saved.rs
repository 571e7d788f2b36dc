//! A plan that was written down is carried out as it stands, or not at all.

use super::*;
use crate::plan::{saved::Saved, sim::home_of, unfold};

/// Through the file's own text and back.
fn written(world: &mut Sim, cluster: &Cluster, options: &Options) -> Saved {
    let unfolded = unfold(cluster, &world.gather(cluster), options);
    let text = serde_json::to_string(&Saved::new(cluster, options, &unfolded.stages)).unwrap();
    assert!(!text.contains(crate::plan::sim::CANARY), "S3");
    serde_json::from_str(&text).unwrap()
}

/// As `up --plan` does it.
fn carry_out(world: &mut Sim, cluster: &Cluster, saved: &Saved) -> Ended {
    let unfolded = unfold(cluster, &world.gather(cluster), &saved.options());
    if let Err(refusal) = saved.is_current(cluster, &unfolded.stages) {
        let facts = world.gather(cluster);
        return Ended { stages: Vec::new(), end: Next::Refused(vec![refusal]), facts };
    }
    let (mut course, mut number) = (Course::new(&saved.options()), 0);
    let decide = |cluster: &Cluster, facts: &crate::facts::Facts| {
        saved.allows(&mut number, course.next(cluster, facts))
    };
    world.converge(cluster, decide).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_birth_by_a_saved_plan_is_a_birth(wishes in wishes(6)) {
        let mut wishes = wishes;
        wishes.url = false; // what a URL holds is known only when it was pulled
        let cluster = wishes.cluster();
        let mut world = Sim::default();
        let saved = written(&mut world, &cluster, &Options::default());
        prop_assert!(saved.stages.len() == 2);
        let outcome = carry_out(&mut world, &cluster, &saved);
        prop_assert!(outcome.is_done(), "{:?}", outcome.end);
        prop_assert!(again(&mut world, &cluster).stages.is_empty());
        // Once is enough: it does not fit what it has made.
        let said = refused(&carry_out(&mut world, &cluster, &saved).end);
        prop_assert!(said.contains("the plan does not fit any more"), "{said}");
    }
}

#[test]
fn a_saved_repair_fits_only_the_damage_that_it_saw() {
    let cluster = plain("cometbft", 3).cluster();
    let (mut world, _) = born(&cluster, 5);
    let damage = |world: &mut Sim, number: usize, below: &str| {
        let node = &cluster.nodes[number];
        let at = home_of(node).join(below).unwrap();
        world.host(&cluster, node).files.remove(&at).unwrap();
    };
    damage(&mut world, 1, "config/config.toml");
    let saved = written(&mut world, &cluster, &Options::default());
    assert!(carry_out(&mut world.clone(), &cluster, &saved).is_done());
    damage(&mut world, 2, "config/genesis.json");
    let before = world.fingerprint();
    let said = refused(&carry_out(&mut world, &cluster, &saved).end);
    assert!(
        said.starts_with("Safety") && said.contains("n-2: file") && said.contains("genesis.json"),
        "{said}"
    );
    assert_eq!(before, world.fingerprint(), "nothing is half done");
    // Another inventory is another plan.
    let other = plain("cometbft", 2).cluster();
    assert!(refused(&carry_out(&mut world, &other, &saved).end).contains("does not fit"));
}

/// S3: its file holds no secret, and still fits only the plan that it was.
#[test]
fn s3_a_saved_plan_holds_no_secret_and_knows_each_again() {
    let wishes = plain("cometbft", 2);
    let (mut world, _) = born(&wishes.cluster(), 0);
    let with = |secret: &str| {
        let unit = format!("vars: {{unit: {{Service: {{Environment: 'RPC_TOKEN={secret}'}}}}, ");
        cluster(&wishes.yaml().replace("vars: {", &unit))
    };
    let saved = written(&mut world, &with("canary"), &Options::default());
    let text = serde_json::to_string(&saved).unwrap();
    assert!(!text.contains("canary") && text.contains("RPC_TOKEN=********"), "{text}");
    let said = refused(&carry_out(&mut world.clone(), &with("another"), &saved).end);
    assert!(said.contains("would be another now"), "{said}");
    assert!(carry_out(&mut world, &with("canary"), &saved).is_done());
}

/// Recorded by the first build that wrote this format; nothing that it says is lost in reading.
#[test]
fn a_plan_of_format_1_is_read_and_a_newer_one_is_refused() {
    let text = include_str!("../../../tests/fixtures/format-1/plan.json");
    let saved = Saved::read(text).unwrap();
    assert_eq!(saved.goal, Goal::Converge);
    let names: Vec<&str> = saved.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["prepare", "start"]);
    let mut same: serde_json::Value = serde_json::from_str(text).unwrap();
    let members = same.as_object_mut().unwrap();
    members.retain(|name, _| name != "reset" && name != "adopt");
    members.insert("goal".into(), "converge".into());
    assert_eq!(serde_json::to_value(&saved).unwrap(), same);
    for (flag, goal) in [("reset", Goal::Reset), ("adopt", Goal::Adopt)] {
        let text = text.replacen(&format!("\"{flag}\": false"), &format!("\"{flag}\": true"), 1);
        assert_eq!(Saved::read(&text).unwrap().goal, goal);
    }
    let newer = text.replacen("\"format\": 1,", "\"format\": 99, \"goal\": \"converge\",", 1);
    let newer = Saved::read(&newer).unwrap();
    let cluster = plain("cometbft", 4).cluster();
    let refusal = newer.is_current(&cluster, &[]).unwrap_err();
    assert!(refusal.message.contains("in format 99"), "{}", refusal.message);
}
