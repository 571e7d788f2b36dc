//! From bare hosts to a started chain.

use std::collections::BTreeSet;

use super::*;
use crate::plan::{
    sim::{CANARY, home_of},
    unfold,
};

fn marks(stages: &[Stage]) -> BTreeSet<(String, String)> {
    steps(stages).map(|(node, planned)| (node.to_string(), planned.step.name())).collect()
}

/// What the chain's documents say of validators: their keys in order.
fn validators(cluster: &Cluster, text: &str) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let list = match cluster.profile.name.as_str() {
        "loom" if json.get("contracts").is_some() => {
            let contracts = json["contracts"].as_array().unwrap().clone();
            let dpos = contracts.into_iter().find(|c| c["name"] == "dposV3").unwrap();
            let list = dpos["init"]["validators"].as_array().unwrap().clone();
            return list.iter().map(|v| v["pubKey"].as_str().unwrap().to_owned()).collect();
        }
        _ => json["validators"].as_array().unwrap().clone(),
    };
    list.iter().map(|v| v["pub_key"]["value"].as_str().unwrap().to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// S2: a second plan has no stage. S3: no fact and no plan holds what is in every private key.
    #[test]
    fn every_inventory_is_born_and_then_left_alone(wishes in wishes(40)) {
        let cluster = wishes.cluster();
        let mut world = Sim::default();
        let bare = world.gather(&cluster);
        let predicted = unfold(&cluster, &bare, &Options::default());
        let outcome = again(&mut world, &cluster);
        prop_assert!(outcome.is_done(), "{:?}", outcome.end);
        prop_assert!(outcome.stages.len() <= 4);
        prop_assert_eq!(world.inits as usize, cluster.nodes.len());

        // What was predicted has come about.
        let (said, did) = (marks(&predicted.stages), marks(&outcome.stages));
        prop_assert!(said.is_subset(&did), "{:?}", said.difference(&did).collect::<Vec<_>>());

        // S5: one genesis, byte for byte, validators in inventory order.
        for document in cluster.profile.documents.values() {
            let texts: BTreeSet<String> = cluster.nodes.iter().map(|node| {
                let at = document.path.under(&home_of(node));
                world.host(&cluster, node).files[&at].content.as_ref().unwrap().to_string()
            }).collect();
            prop_assert_eq!(texts.len(), 1);
            let keys: Vec<String> = cluster.validators()
                .map(|node| outcome.facts.nodes[&node.name].validator_key.as_ref().unwrap().value.clone())
                .collect();
            prop_assert_eq!(validators(&cluster, texts.first().unwrap()), keys);
        }

        // S3 in the model: nothing private in what was seen or planned.
        let said = serde_json::to_string(&outcome.facts.nodes).unwrap() + &serde_json::to_string(&outcome.stages).unwrap();
        prop_assert!(!said.contains(CANARY) && world.fingerprint().contains(CANARY));

        // S2: born, started, living: the next run changes nothing.
        for height in [0, 1, 2, 1000] {
            world.sign(&cluster, height);
            let before = world.fingerprint();
            let second = again(&mut world, &cluster);
            prop_assert!(second.is_done() && second.stages.is_empty(), "at {height}: {second:?}");
            prop_assert_eq!(before, world.fingerprint());
            prop_assert!(unfold(&cluster, &second.facts, &Options::default()).stages.is_empty());
        }
    }

    #[test]
    fn s2_a_cluster_that_systemd_started_again_is_left_alone(wishes in wishes(8), height in 0..5_u64) {
        let cluster = wishes.cluster();
        let (mut world, _) = born(&cluster, height);
        // A crash, or a reboot: another invocation, later.
        for host in world.hosts.values_mut() {
            for unit in host.units.values_mut() {
                unit.invocation = "f".repeat(32);
                unit.started_monotonic += 500_000.0;
            }
        }
        let second = again(&mut world, &cluster);
        prop_assert!(second.is_done() && second.stages.is_empty(), "{second:?}");
    }
}

#[test]
fn s7_a_run_killed_anywhere_converges_with_the_same_keys() {
    for chain in ["cometbft", "loom"] {
        let mut wishes = plain(chain, 2);
        for together in [false, true] {
            // Two nodes of one machine, and a binary that it pulls itself.
            (wishes.url, wishes.nodes[1].shares) = (together, together);
            let cluster = wishes.cluster();
            let whole = born(&cluster, 0).0;
            let mut fuel = 0;
            loop {
                let mut world = Sim::dying(fuel);
                let killed = world.up(&cluster, &Options::default()).is_err();
                world.fuel = None;
                let keys = |world: &mut Sim| {
                    let facts = world.gather(&cluster);
                    facts
                        .nodes
                        .into_values()
                        .map(|seen| (seen.node_id, seen.validator_key))
                        .collect::<Vec<_>>()
                };
                let before = keys(&mut world);
                let outcome = again(&mut world, &cluster);
                assert!(outcome.is_done(), "{chain}, killed at change {fuel}: {:?}", outcome.end);
                for (had, has) in before.iter().zip(keys(&mut world)) {
                    assert!(had.0.is_none() || had.0 == has.0, "{chain}, {fuel}: a node key was lost");
                    assert!(had.1.is_none() || had.1 == has.1, "{chain}, {fuel}: a validator key was lost");
                }
                let third = again(&mut world, &cluster);
                assert!(third.is_done() && third.stages.is_empty(), "{chain}, {fuel}: {third:?}");
                let paths = world.hosts.values().flat_map(|host| host.files.keys());
                let left: Vec<_> = paths.filter(|path| path.as_str().contains(".loomctl-init")).collect();
                assert!(left.is_empty(), "{chain}, killed at change {fuel}: {left:?} stays");
                if !killed {
                    break;
                }
                // A second init only where the first was cut in its staging folder, before it was complete.
                assert!(world.inits <= whole.inits + 1, "{chain}, killed at change {fuel}");
                fuel += 1;
            }
            assert!(fuel > 30, "it was killed {fuel} times");
        }
    }
}

#[test]
fn a_node_alone_is_a_network() {
    let cluster = plain("cometbft", 1).cluster();
    let (mut world, outcome) = born(&cluster, 5);
    assert_eq!(outcome.stages.len(), 2);
    assert!(again(&mut world, &cluster).stages.is_empty());
}

#[test]
fn a_slow_stage_makes_no_genesis_of_the_future() {
    let cluster = plain("cometbft", 4).cluster();
    let (_, born) = born(&cluster, 0);
    let mut facts = Sim::default().gather(&cluster);
    for (name, mut seen) in born.facts.nodes {
        // As init has left it.
        seen.files.retain(|path, _| !path.as_str().contains("/data/"));
        facts.nodes.insert(name, seen);
    }
    facts.machines.values_mut().for_each(|machine| machine.clock -= 1e9);
    let next = |facts: &_| super::super::next(&cluster, facts, &Options::default());
    let said = refused(&next(&facts));
    assert!(said.contains("in the future"), "init was said to run after now: {said}");
    facts.pass(std::time::Duration::from_secs(1_000_000_000));
    assert!(!matches!(next(&facts), Next::Refused(_)));
}

#[test]
fn a_missing_account_is_made_before_anything_else_and_only_before_init() {
    let yaml = plain("cometbft", 2).yaml();
    let (without, with) =
        (cluster(&yaml), cluster(&yaml.replace("user: ubuntu", "user: node, create_user: true")));
    let stranger = |cluster: &Cluster, world: &mut Sim| {
        let node = &cluster.nodes[1];
        world.host(cluster, node).strangers.insert(node.user.clone());
    };
    let mut world = Sim::default();
    stranger(&without, &mut world);
    let said = refused(&again(&mut world, &without).end);
    assert!(said.contains("there is no user \"ubuntu\" on this host"), "{said}");

    let mut world = Sim::default();
    stranger(&with, &mut world);
    let facts = world.gather(&with);
    assert_eq!(facts.nodes[&with.nodes[1].name].home, None, "its home is not known before");
    let planned = unfold(&with, &facts, &Options::default());
    let outcome = again(&mut world, &with);
    let names = |stages: &[Stage]| stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names(&outcome.stages), ["accounts", "prepare", "start"]);
    assert_eq!(names(&planned.stages), names(&outcome.stages));
    let steps: Vec<_> =
        outcome.stages[0].steps.values().flatten().map(|planned| planned.step.name()).collect();
    assert_eq!(steps, ["account node"], "of the one host that lacks it");
    assert!(outcome.is_done() && again(&mut world, &with).stages.is_empty());

    stranger(&with, &mut world);
    let said = refused(&again(&mut world, &with).end);
    assert!(said.contains("there is no user \"node\""), "its files belong to another uid: {said}");
}

/// P5: what a host's own document says beside its key.
#[test]
fn s5_a_host_brings_its_key_to_the_genesis_and_nothing_else() {
    for chain in ["cometbft", "loom"] {
        let mut wishes = plain(chain, 4);
        let forged = |wishes: &Wishes, document: &str, change: &dyn Fn(&mut serde_json::Value)| {
            let cluster = wishes.cluster();
            let (mut world, _) = born(&cluster, 0);
            let mut facts = world.gather(&cluster);
            for node in &cluster.nodes {
                // As before its first start.
                let seen = facts.nodes.get_mut(&node.name).unwrap();
                seen.files.remove(&cluster.profile.started.under(&home_of(node)));
                if node.name.as_str() == "n-2" {
                    let mut json: serde_json::Value = serde_json::from_str(&seen.pristine[document]).unwrap();
                    change(&mut json);
                    seen.pristine.insert(document.to_owned(), json.to_string().into());
                }
            }
            let made = crate::plan::birth::documents(&cluster, &facts);
            made.map_err(|refusals| refused(&Next::Refused(refusals)))
        };
        forged(&wishes, "chain", &|_| ()).unwrap();
        let rich = |json: &mut serde_json::Value| json["validators"][0]["power"] = "1000000".into();
        let said = forged(&wishes, "chain", &rich).unwrap_err();
        assert!(said.contains("n-2: ") && said.contains("claims power 1000000, n-0 has 10"), "{said}");
        let named = |json: &mut serde_json::Value| json["validators"][0]["name"] = "n-0".into();
        let said = forged(&wishes, "chain", &named).unwrap_err();
        assert!(said.contains("n-2: ") && said.contains("the name \"n-0\""), "{said}");
        let more = |json: &mut serde_json::Value| json["validators"][0]["weight"] = 9.into();
        let said = forged(&wishes, "chain", &more).unwrap_err();
        assert!(said.contains("n-2: ") && said.contains("something else than that of n-0"), "{said}");
        let two = |json: &mut serde_json::Value| {
            let own = json["validators"][0].clone();
            json["validators"].as_array_mut().unwrap().push(own);
        };
        let said = forged(&wishes, "chain", &two).unwrap_err();
        assert!(said.contains("n-2: ") && said.contains("holds 2 validators"), "{said}");
        let alloc = |json: &mut serde_json::Value| json["app_state"] = serde_json::json!({"rich": "n-2"});
        let said = forged(&wishes, "chain", &alloc).unwrap_err();
        assert!(said.contains("n-2: ") && said.contains("must be equal on all hosts"), "{said}");
        if chain == "loom" {
            let rich = |json: &mut serde_json::Value| {
                for contract in json["contracts"].as_array_mut().unwrap() {
                    if contract["name"] == "dposV3" {
                        contract["init"]["validators"][0]["power"] = "1000000".into();
                    }
                }
            };
            let said = forged(&wishes, "app", &rich).unwrap_err();
            assert!(said.contains("n-2: ") && said.contains("claims power 1000000"), "{said}");
        }

        // What the inventory names is set, whatever the host says.
        wishes.nodes[2].power = Some(25);
        let made = forged(&wishes, "chain", &rich).unwrap();
        let powers = made["chain"].matches("\"power\": \"10\"").count();
        assert!(powers == 3 && made["chain"].contains("\"power\": \"25\""), "{}", &*made["chain"]);
    }
}

/// P5: one host that says in the middle of a birth that the chain has begun, and shows a document of its own.
#[test]
fn s5_one_host_does_not_choose_the_genesis_by_saying_that_the_chain_has_begun() {
    for chain in ["cometbft", "loom"] {
        let cluster = plain(chain, 4).cluster();
        let (mut world, _) = born(&cluster, 0);
        let honest = world.gather(&cluster);
        let lies = |signed: u64, change: &dyn Fn(&mut serde_json::Value)| {
            let mut facts = honest.clone();
            for node in &cluster.nodes {
                // As before its first start.
                let seen = facts.nodes.get_mut(&node.name).unwrap();
                seen.files.remove(&cluster.profile.started.under(&home_of(node)));
                (seen.started, seen.unit) = (None, crate::facts::UnitFacts::default());
                if node.name.as_str() == "n-2" {
                    seen.signed_height = Some(signed);
                    let at = cluster.profile.documents["chain"].path.under(&home_of(node));
                    let mut json = serde_json::from_str(seen.files[&at].content.as_ref().unwrap()).unwrap();
                    change(&mut json);
                    seen.file_mut(&at).unwrap().content = Some(json.to_string().into());
                }
            }
            let made = crate::plan::birth::documents(&cluster, &facts);
            made.map_err(|refusals| refused(&Next::Refused(refusals)))
        };
        let rich = |json: &mut serde_json::Value| json["validators"][2]["power"] = "1000000".into();
        for signed in [1, 2] {
            let said = lies(signed, &rich).unwrap_err();
            assert!(said.contains("demands another genesis") && said.contains("1000000"), "{said}");
        }
    }
}
