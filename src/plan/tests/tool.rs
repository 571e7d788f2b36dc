//! Genesis by the chain's own tool: signed on every host, collected on one, the same for all.

use serde_json::Value;

use super::*;
use crate::{
    plan::{
        sim::{CANARY, accounts, home_of},
        unfold,
    },
    steps::UNKNOWN,
};

fn genesis(world: &mut Sim, cluster: &Cluster) -> Value {
    let texts: BTreeSet<String> = cluster
        .nodes
        .iter()
        .map(|node| {
            let at = cluster.profile.documents["chain"].path.under(&home_of(node));
            world.host(cluster, node).files[&at].content.as_ref().unwrap().to_string()
        })
        .collect();
    assert_eq!(texts.len(), 1, "byte for byte the same on all hosts");
    serde_json::from_str(texts.first().unwrap()).unwrap()
}

fn stakes(genesis: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let signed = genesis["app_state"]["genutil"]["gen_txs"].as_array().unwrap();
    let message = |tx: &Value| tx["body"]["messages"][0].clone();
    let of = |m: Value| (text(&m["pubkey"]["key"]), text(&m["value"]["amount"]));
    signed.iter().map(message).map(of).collect()
}

fn names(stages: &[Stage]) -> Vec<&'static str> {
    stages.iter().map(|stage| stage.name.as_str()).collect()
}

fn marks(stages: &[Stage]) -> BTreeSet<(String, String)> {
    steps(stages).map(|(node, planned)| (node.to_string(), planned.step.name())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    /// S3: no fact and no plan holds what is in every private key.
    #[test]
    fn every_inventory_is_signed_collected_and_then_left_alone(wishes in wishes(6)) {
        let cluster = Wishes { chain: "cosmos", ..wishes }.cluster();
        let mut world = Sim::default();
        let predicted = unfold(&cluster, &world.gather(&cluster), &Options::default());
        let outcome = again(&mut world, &cluster);
        prop_assert!(outcome.is_done(), "{:?}", outcome.end);
        let did = marks(&outcome.stages);
        // What init has made may be right as it is: the text of a file was not known before.
        let undone = steps(&predicted.stages)
            .filter(|(node, planned)| !did.contains(&(node.to_string(), planned.step.name())))
            .find(|(_, planned)| planned.step.text().is_none_or(|(_, text)| text != UNKNOWN));
        prop_assert!(undone.is_none(), "{:?}", undone);
        if names(&predicted.stages) != ["fetch"] {
            prop_assert_eq!(names(&predicted.stages), names(&outcome.stages));
        }

        // S5: every validator once, in inventory order, with its power; nobody else has an account.
        let validators = cluster.validators().count();
        let wanted: Vec<(String, String)> = cluster.validators().map(|node| {
            let key = outcome.facts.nodes[&node.name].validator_key.as_ref().unwrap().value.clone();
            (key, format!("{}000000", node.power.map_or(10, crate::types::ids::Power::get)))
        }).collect();
        prop_assert_eq!(stakes(&genesis(&mut world, &cluster)), wanted);
        prop_assert_eq!((world.accounts as usize, world.hosts.values().map(|host| accounts(host).len()).sum::<usize>()),
            (validators, validators));

        // S3 in the model: the account's key is where it was made.
        let said = serde_json::to_string(&outcome.facts.nodes).unwrap() + &serde_json::to_string(&outcome.stages).unwrap();
        prop_assert!(!said.contains(CANARY) && world.fingerprint().contains(CANARY));

        // S2
        for height in [0, 1, 2, 1000] {
            world.sign(&cluster, height);
            let before = world.fingerprint();
            let second = again(&mut world, &cluster);
            prop_assert!(second.is_done() && second.stages.is_empty(), "at {height}: {second:?}");
            prop_assert_eq!(before, world.fingerprint());
            prop_assert!(unfold(&cluster, &second.facts, &Options::default()).stages.is_empty());
        }
    }
}

/// Everything up to the first start, by hand: what the hosts have changed after each stage.
fn unstarted(world: &mut Sim, cluster: &Cluster) -> Vec<u32> {
    let mut facts = world.gather(cluster);
    let mut changes = Vec::new();
    loop {
        let Next::Stage(stage) = super::super::next(cluster, &facts, &Options::default()) else { panic!() };
        if stage.name.as_str() == "start" {
            return changes;
        }
        world.carry_out(cluster, &stage, &mut facts).unwrap();
        changes.push(world.changes());
    }
}

/// What comes before and after is as for every chain (`birth`).
#[test]
fn s7_a_run_killed_while_the_tool_works_converges_with_the_same_accounts() {
    let cluster = plain("cosmos", 2).cluster();
    let changes = unstarted(&mut Sim::default(), &cluster);
    let (prepared, made) = (changes[0], *changes.last().unwrap());
    assert!(made > prepared + 20, "{changes:?}");
    for fuel in prepared..=made {
        let mut world = Sim::dying(fuel);
        assert!(world.up(&cluster, &Options::default()).is_err());
        world.fuel = None;
        let mut given_up = world.clone();
        let gone = |cluster: &Cluster, facts: &crate::facts::Facts| {
            let down = Goal::DestroyKeys;
            toward(cluster, facts, &Options::default(), down)
        };
        assert!(given_up.converge(&cluster, gone).unwrap().is_done());
        assert!(!given_up.fingerprint().contains(CANARY), "killed at change {fuel}: a key stays");
        let kept = |world: &mut Sim| {
            let nodes = world.gather(&cluster).nodes.into_values();
            nodes.map(|seen| (seen.validator_key, seen.pristine.get("account").cloned())).collect::<Vec<_>>()
        };
        let before = kept(&mut world);
        let outcome = again(&mut world, &cluster);
        assert!(outcome.is_done(), "killed at change {fuel}: {:?}", outcome.end);
        for (had, has) in before.iter().zip(kept(&mut world)) {
            assert!(had.0 == has.0 && (had.1.is_none() || had.1 == has.1), "{fuel}: a key was lost");
        }
        let third = again(&mut world, &cluster);
        assert!(third.is_done() && third.stages.is_empty(), "{fuel}: {third:?}");
        let left = world.hosts.values().flat_map(|host| host.files.keys());
        assert_eq!(left.filter(|path| path.as_str().contains("/.loomctl-")).count(), 0, "{fuel}");
        // A second account only where the first was cut in its staging folder, before it was complete.
        assert!(world.accounts <= 3 && world.inits == 2, "{fuel}");
    }
}

/// A change before the first start is signed and collected again, with the keys that are there.
#[test]
fn what_changes_before_birth_is_signed_again() {
    let mut wishes = plain("cosmos", 3);
    let cluster = wishes.cluster();
    let mut world = Sim::default();
    unstarted(&mut world, &cluster);
    wishes.nodes[1].power = Some(70);
    wishes.nodes[2].full = true;
    let changed = wishes.cluster();
    let outcome = again(&mut world, &changed);
    assert!(outcome.is_done(), "{:?}", outcome.end);
    assert_eq!(names(&outcome.stages), ["genesis", "genesis", "start"]);
    assert_eq!(touched(&outcome.stages[..1]), BTreeSet::from(["n-1".to_owned()]), "who has another stake");
    let amounts: Vec<String> =
        stakes(&genesis(&mut world, &changed)).into_iter().map(|(_, amount)| amount).collect();
    assert_eq!(amounts, ["10000000", "70000000"]);
    assert_eq!(world.accounts, 3, "no account is made twice");
}

#[test]
fn s1_another_stake_after_the_first_start_is_another_genesis() {
    let mut wishes = plain("cosmos", 2);
    for height in [1, 2, 100] {
        let (mut world, _) = born(&wishes.cluster(), height);
        let before = genesis(&mut world, &wishes.cluster());
        wishes.nodes[0].power = Some(11);
        let changed = wishes.cluster();
        let outcome = again(&mut world, &changed);
        wishes.nodes[0].power = None;
        if height > 1 {
            // The chain's own powers count from then on, as for every other chain.
            assert!(outcome.is_done() && outcome.stages.is_empty(), "{outcome:?}");
        } else {
            let said = refused(&outcome.end);
            assert!(said.contains("--reset-unborn") && said.contains("amount"), "{said}");
            let mut course = Course::new(&Options { goal: Goal::Reset, ..Options::default() });
            let reset = world.converge(&changed, |cluster, facts| course.next(cluster, facts)).unwrap();
            assert!(reset.is_done(), "{:?}", reset.end);
            assert_eq!(stakes(&genesis(&mut world, &changed))[0].1, "11000000");
            assert_eq!(world.accounts, 2);
            continue;
        }
        assert_eq!(genesis(&mut world, &changed), before);
    }
}

/// A host that was added between the first start and the first block, and one that has lost what it was signed with.
#[test]
fn after_a_first_start_no_account_is_made() {
    let mut wishes = plain("cosmos", 2);
    let (mut world, _) = born(&wishes.cluster(), 1);
    let cluster = wishes.cluster();
    let before = world.fingerprint();
    let host = world.host(&cluster, &cluster.nodes[1]);
    let lost = ["pristine/account", "pristine/gentx", "keyring-test"];
    host.files.retain(|at, _| lost.iter().all(|part| !at.as_str().contains(part)));
    assert_ne!(before, world.fingerprint());
    let outcome = again(&mut world, &cluster);
    assert!(outcome.is_done() && outcome.stages.is_empty(), "{outcome:?}");

    let (mut world, _) = born(&cluster, 1);
    wishes.nodes.push(Wish { number: 7, ..wishes.nodes[0].clone() });
    let grown = wishes.cluster();
    let outcome = again(&mut world, &grown);
    let said = refused(&outcome.end);
    assert!(
        said.contains("n-7: it is no validator of the genesis") && said.contains("--reset-unborn"),
        "{said}"
    );
    assert_eq!((names(&outcome.stages), world.accounts), (vec!["prepare"], 2));
    let mut course = Course::new(&Options { goal: Goal::Reset, ..Options::default() });
    let reset = world.converge(&grown, |cluster, facts| course.next(cluster, facts)).unwrap();
    assert!(reset.is_done(), "{:?}", reset.end);
    assert_eq!(stakes(&genesis(&mut world, &grown)).len(), 3);
}

#[test]
fn who_joins_a_living_chain_makes_no_account() {
    let mut wishes = plain("cosmos", 2);
    let (mut world, _) = born(&wishes.cluster(), 9);
    wishes.nodes.insert(0, Wish { number: 7, ..wishes.nodes[0].clone() });
    let grown = wishes.cluster();
    let predicted = unfold(&grown, &world.gather(&grown), &Options::default());
    assert_eq!(names(&predicted.stages), ["prepare", "start"]);
    let outcome = again(&mut world, &grown);
    assert!(matches!(outcome.end, Next::Done(_)), "{:?}", outcome.end);
    assert_eq!(names(&outcome.stages), ["prepare", "start"]);
    assert_eq!((world.accounts, stakes(&genesis(&mut world, &grown)).len()), (2, 2));
}

#[test]
fn keys_go_with_the_node_and_the_next_chain_is_of_the_same_ones() {
    let cluster = plain("cosmos", 2).cluster();
    let (mut world, _) = born(&cluster, 9);
    let before = genesis(&mut world, &cluster);
    for delete_keys in [false, true] {
        let down = destroying(delete_keys);
        let gone = |cluster: &Cluster, facts: &crate::facts::Facts| {
            toward(cluster, facts, &Options::default(), down)
        };
        assert!(world.converge(&cluster, gone).unwrap().is_done());
        let left = world.hosts.values().map(|host| accounts(host).len()).sum::<usize>();
        assert_eq!(left, if delete_keys { 0 } else { 2 });
        assert!(again(&mut world, &cluster).is_done());
        assert_eq!(genesis(&mut world, &cluster) == before, !delete_keys);
    }
}

/// What the inventory sets is in the document that the tool is given, and so is judged by the tool itself.
#[test]
fn values_of_the_inventory_are_in_what_the_tool_sees() {
    let yaml = plain("cosmos", 2).yaml().replace(
        "vars: {",
        "vars: {genesis: {chain: {app_state.gov.params.voting_period: 30s}}, genesis_values: {balance: 50000000}, ",
    );
    let cluster = cluster(&yaml);
    let (mut world, outcome) = born(&cluster, 0);
    let genesis = genesis(&mut world, &cluster);
    assert_eq!(genesis["app_state"]["gov"]["params"]["voting_period"], "30s");
    assert_eq!(genesis["app_state"]["bank"]["balances"][1]["coins"][0]["amount"], "50000000");
    let tools = steps(&outcome.stages).filter_map(|(_, planned)| match &planned.step {
        Step::Tool(tool) => Some(tool),
        _ => None,
    });
    for (_, text) in tools.flat_map(|tool| &tool.work.puts).filter(|(at, _)| at == "config/genesis.json") {
        assert!(text.contains("\"voting_period\": \"30s\""), "{text}");
    }
    let wrong = yaml.replace("voting_period", "voting_perod");
    let wrong = super::super::sim::cluster(&wrong);
    let said = refused(&Sim::default().up(&wrong, &Options::default()).unwrap().end);
    assert!(said.contains("voting_perod") && said.contains("`voting_period`"), "{said}");
    let unknown = yaml.replace("{balance:", "{balnce:");
    let said = format!("{:?}", super::super::sim::try_cluster(&unknown).unwrap_err());
    assert!(said.contains("balnce") && said.contains("did you mean `balance`"), "{said}");
}

/// A plan that was written down holds for what its tool makes as well.
#[test]
fn a_saved_plan_lets_the_tool_fill_in() {
    let cluster = plain("cosmos", 2).cluster();
    let mut world = Sim::default();
    let options = Options::default();
    let predicted = unfold(&cluster, &world.gather(&cluster), &options);
    let saved = crate::plan::saved::Saved::new(&cluster, &options, &predicted.stages);
    let text = serde_json::to_string(&saved).unwrap();
    let saved: crate::plan::saved::Saved = serde_json::from_str(&text).unwrap();
    assert!(saved.is_current(&cluster, &predicted.stages).is_ok());
    let mut number = 0;
    let outcome = world
        .converge(&cluster, |cluster, facts| {
            saved.allows(&mut number, super::super::next(cluster, facts, &options))
        })
        .unwrap();
    assert!(outcome.is_done(), "{:?}", outcome.end);
}

#[test]
fn limit_signs_for_nobody_else() {
    let cluster = plain("cosmos", 3).cluster();
    let mut world = Sim::default();
    // Keys everywhere, and no genesis yet.
    let facts = &mut world.gather(&cluster);
    let Next::Stage(stage) = super::super::next(&cluster, facts, &Options::default()) else { panic!() };
    world.carry_out(&cluster, &stage, facts).unwrap();
    let outcome = world.up(&cluster, &options(&["n-1"])).unwrap();
    let said = refused(&outcome.end);
    assert!(said.contains("simd itself has not made the genesis") && said.contains("--limit"), "{said}");
    assert_eq!(touched(&outcome.stages), BTreeSet::from(["n-1".to_owned()]));
    assert!(again(&mut world, &cluster).is_done());
}
