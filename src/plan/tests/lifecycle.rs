//! Inventories that change while the chain lives.

use super::*;
use crate::plan::sim::home_of;

fn documents(world: &mut Sim, cluster: &Cluster, name: &str) -> Vec<Option<Text>> {
    let node = cluster.nodes.iter().find(|node| node.name.as_str() == name).unwrap();
    let paths = cluster.profile.documents.values().map(|document| document.path.under(&home_of(node)));
    let paths: Vec<_> = paths.collect();
    let host = world.host(cluster, node);
    paths.iter().map(|at| host.files.get(at).and_then(|file| file.content.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn s1_an_inventory_sorted_or_grown_never_writes_a_living_genesis(
        wishes in wishes(8), seed in any::<u64>(), grow in any::<bool>(), height in 2..100_u64,
    ) {
        let mut wishes = wishes;
        // A node that moves on in the inventory must name its machine itself.
        wishes.nodes.iter_mut().for_each(|wish| wish.shares = false);
        let before = wishes.cluster();
        let (mut world, _) = born(&before, height);
        let running = documents(&mut world, &before, "n-0");
        let count = wishes.nodes.len();
        wishes.nodes.rotate_left(usize::try_from(seed % count as u64).unwrap());
        if seed % 3 == 0 {
            wishes.nodes.reverse();
        }
        if grow {
            let new = Wish { number: 100, full: seed % 2 == 0, power: None, private_ip: false, shares: false };
            wishes.nodes.insert(usize::try_from(seed % (count as u64 + 1)).unwrap(), new);
        }
        let after = wishes.cluster();
        let outcome = again(&mut world, &after);
        prop_assert!(matches!(outcome.end, Next::Done(_)), "{:?}", outcome.end);
        prop_assert_eq!(restarts(&outcome.stages), 0, "S8");
        let written = writes_genesis(&after, &outcome.stages);
        prop_assert!(written.iter().all(|node| node == "n-100"), "{written:?}");
        for node in &after.nodes {
            prop_assert_eq!(&documents(&mut world, &after, node.name.as_str()), &running);
        }
        // Another order is no change at all.
        prop_assert!(grow || outcome.is_done() && outcome.stages.is_empty(), "{:?}", outcome.stages);
        // Nothing is left to do but what waits for consent.
        let third = again(&mut world, &after);
        prop_assert!(third.stages.is_empty() && matches!(third.end, Next::Done(_)), "{third:?}");
    }

    #[test]
    fn limit_touches_only_who_is_named(wishes in wishes(8), pick in any::<prop::sample::Index>(), height in 0..4_u64) {
        let cluster = wishes.cluster();
        let (mut world, _) = born(&cluster, height);
        // Damage everywhere, work on one.
        for host in world.hosts.values_mut() {
            host.files.retain(|at, _| !at.as_str().starts_with("/etc/systemd/system/"));
        }
        let name = cluster.nodes[pick.index(cluster.nodes.len())].name.to_string();
        let outcome = world.up(&cluster, &options(&[&name])).unwrap();
        prop_assert_eq!(touched(&outcome.stages), BTreeSet::from([name.clone()]));
        prop_assert!(matches!(outcome.end, Next::Done(_)));
    }
}

#[test]
fn limit_before_birth_makes_no_chain_of_a_part() {
    for chain in ["cometbft", "loom"] {
        let cluster = plain(chain, 4).cluster();
        let mut world = Sim::default();
        let outcome = world.up(&cluster, &options(&["n-0"])).unwrap();
        let said = refused(&outcome.end);
        assert!(said.contains("n-1") && said.contains("--limit"), "{said}");
        assert!(outcome.stages.is_empty(), "nothing is written before the refusal");
        // The whole cluster afterwards, as if nothing had been.
        assert!(again(&mut world, &cluster).is_done());
    }
}

#[test]
fn limit_to_a_node_that_joins_a_living_chain() {
    let mut wishes = plain("cometbft", 3);
    let (mut world, _) = born(&wishes.cluster(), 9);
    wishes.nodes.push(Wish { number: 7, ..wishes.nodes[0].clone() });
    let grown = wishes.cluster();
    let outcome = world.up(&grown, &options(&["n-7"])).unwrap();
    assert!(outcome.is_done(), "{:?}", outcome.end);
    assert_eq!(touched(&outcome.stages), BTreeSet::from(["n-7".to_owned()]));
}

#[test]
fn s8_a_changed_setting_waits_on_a_living_chain_and_restarts_an_unborn_one() {
    for (height, waits) in [(1, 0), (2, 2)] {
        let wishes = plain("cometbft", 2);
        let (mut world, _) = born(&wishes.cluster(), height);
        let yaml = wishes.yaml().replace("vars: {", "vars: {settings: {config.toml: {p2p.pex: false}}, ");
        let changed = cluster(&yaml);
        let predicted = crate::plan::unfold(&changed, &world.gather(&changed), &Options::default());
        let outcome = again(&mut world, &changed);
        let Next::Done(foreseen) = predicted.end else { panic!() };
        assert_eq!(foreseen.len(), waits, "a plan says what will wait");
        let Next::Done(pending) = &outcome.end else { panic!("{:?}", outcome.end) };
        assert_eq!(pending.len(), waits);
        assert_eq!(restarts(&outcome.stages), 2 - waits);
        let Next::Done(still) = again(&mut world, &changed).end else { panic!() };
        assert_eq!(still.len(), waits, "what waits still waits");
    }
}

/// The unit's name comes from the inventory: a machine that gets a second node would otherwise rename the first's.
#[test]
fn a_unit_that_is_there_is_never_doubled_under_another_name() {
    let mut wishes = plain("cometbft", 2);
    let (mut world, _) = born(&wishes.cluster(), 9);
    wishes.nodes.insert(1, Wish { number: 50, shares: true, ..wishes.nodes[0].clone() });
    let said = refused(&again(&mut world, &wishes.cluster()).end);
    assert!(said.contains("n-0") && said.contains("unit_name: cometbft"), "{said}");
    let kept = wishes.yaml().replace("n-0: {", "n-0: {unit_name: cometbft, ");
    let outcome = again(&mut world, &cluster(&kept));
    assert!(matches!(outcome.end, Next::Done(_)), "{:?}", outcome.end);
    assert_eq!(inits(&outcome.stages), 1);
}

/// What a plan says of a host that joins comes about, the others' pending restarts among it.
#[test]
fn a_plan_shows_what_a_joining_host_brings_about() {
    for chain in ["cometbft", "loom"] {
        let mut wishes = plain(chain, 3);
        let (mut world, _) = born(&wishes.cluster(), 9);
        wishes.nodes.push(Wish { number: 7, ..wishes.nodes[0].clone() });
        let grown = wishes.cluster();
        let facts = world.gather(&grown);
        let warned = crate::plan::warnings(&grown, &facts);
        assert!(
            warned.len() == 1 && warned[0].said().starts_with("n-7: it joins a chain that lives without it"),
            "{warned:?}"
        );
        let predicted = crate::plan::unfold(&grown, &facts, &Options::default());
        let said = |stages: &[Stage]| -> BTreeSet<String> {
            steps(stages).map(|(node, planned)| format!("{node} {}", planned.step.name())).collect()
        };
        let outcome = again(&mut world, &grown);
        let (foreseen, done) = (said(&predicted.stages), said(&outcome.stages));
        assert!(foreseen.is_subset(&done), "{:?}", foreseen.difference(&done).collect::<Vec<_>>());
        let missed: Vec<_> = done.difference(&foreseen).filter(|step| !step.contains(" manifest ")).collect();
        assert!(missed.is_empty(), "{missed:?}");
        let (Next::Done(foreseen), Next::Done(pending)) = (predicted.end, outcome.end) else { panic!() };
        let names = |list: &[crate::plan::Pending]| list.iter().map(|p| p.node.clone()).collect::<Vec<_>>();
        assert_eq!((names(&foreseen), pending.len()), (names(&pending), 3));
        assert!(crate::plan::warnings(&grown, &world.gather(&grown)).is_empty());
    }
}

#[test]
fn a_host_that_was_taken_out_is_reported() {
    for chain in ["cometbft", "loom"] {
        let mut wishes = plain(chain, 4);
        let (mut world, outcome) = born(&wishes.cluster(), 9);
        let gone = outcome.facts.nodes[&NodeName::new("n-3").unwrap()].node_id.clone().unwrap();
        wishes.nodes.pop();
        let less = wishes.cluster();
        let warned = |world: &mut Sim| crate::plan::warnings(&less, &world.gather(&less));
        let first = warned(&mut world);
        assert_eq!(first.len(), 2, "{first:?}");
        assert!(
            first[0].message.contains(gone.as_str()) && first[0].said().starts_with("n-[0:2]: their peer"),
            "{first:?}"
        );
        assert!(first[1].message.contains("1 of the 4 validators"), "{first:?}");
        // Its peers' files forget it, the genesis does not.
        assert_eq!(
            touched(&again(&mut world, &less).stages),
            ["n-0", "n-1", "n-2"].map(str::to_owned).into()
        );
        assert_eq!(warned(&mut world), first[1..]);
        // Who is named by hand is no trace of a host.
        let named = wishes.yaml().replace(
            "vars: {",
            &format!("vars: {{unit: {{Service: {{Environment: 'SEEDS={gone}@10.0.0.4:1'}}}}, "),
        );
        let named = cluster(&named);
        again(&mut world, &named);
        assert_eq!(crate::plan::warnings(&named, &world.gather(&named)), first[1..]);
    }
}

/// P5: one account that writes another id into its own configuration gives a node that is down no other one.
#[test]
fn who_is_down_is_known_by_what_most_others_have() {
    let cluster = plain("cometbft", 4).cluster();
    let (mut world, outcome) = born(&cluster, 9);
    let name = |number: usize| NodeName::new(format!("n-{number}")).unwrap();
    let id = outcome.facts.nodes[&name(3)].node_id.clone();
    let mut facts = world.gather(&cluster);
    facts.nodes.remove(&name(3));
    let known =
        |facts: &crate::facts::Facts| crate::plan::endpoints::known_as(&cluster, &cluster.nodes[3], facts);
    assert_eq!(known(&facts), id);
    let forged = "0".repeat(40);
    let lie = |facts: &mut crate::facts::Facts, number: usize| {
        for file in facts.nodes.get_mut(&name(number)).unwrap().files.values_mut() {
            let file = std::sync::Arc::make_mut(file);
            if let Some(text) = &file.content {
                file.content = Some(text.replace(id.as_ref().unwrap().as_str(), &forged).into());
            }
        }
    };
    lie(&mut facts, 0);
    assert_eq!(known(&facts), id, "one of three");
    facts.nodes.remove(&name(2));
    assert_eq!(known(&facts), None, "one of two");
}
