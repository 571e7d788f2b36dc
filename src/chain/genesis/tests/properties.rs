//! What holds of every document: the bytes are those of a tree of values, unknown fields survive, every validator stands
//! once, and nothing panics.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    super::{compare, partial, text::Sound},
    *,
};
use crate::fuzz::fuzz;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let key = prop_oneof![
            ".{0,5}",
            "validators|contracts|name|init|power|pub_key|chain_id|genesis_time".prop_map(String::from)
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// S5
    #[test]
    fn composing_never_panics(chain in any_json(), app in any_json(), part in any_json(), raw in ".{0,40}") {
        let mut nodes = era3();
        nodes[1].documents.insert("chain".into(), chain.to_string());
        nodes[2].documents.insert("app".into(), app.to_string());
        prop_assert!(composed(&nodes, &Overrides::new()).is_err());
        let mut nodes = era3();
        nodes[0].documents.insert("chain".into(), raw);
        prop_assert!(composed(&nodes, &Overrides::new()).is_err());
        for path in ["validators", "consensus_params", "validators.0", "validators.0.power", "chain_id"] {
            // Whatever is accepted is sound by the same rules.
            if let Ok(made) = composed(&era3(), &overrides("chain", path, part.clone())) {
                prop_assert!(check(&loom(), &made, &chain_id("default"), NOW).is_empty());
            }
        }
    }

    #[test]
    fn every_validator_stands_once_in_every_document(
        order in Just(vec![0_usize, 1, 2, 3]).prop_shuffle(),
        count in 1_usize..=4,
        powers in proptest::collection::vec(1_i64..1_000_000, 4),
    ) {
        let all = era3();
        let mut nodes: Vec<_> = order[..count].iter().map(|n| all[*n].clone()).collect();
        for (node, power) in nodes.iter_mut().zip(&powers) {
            node.power = Some(Power::new(*power, false).unwrap());
        }
        let made = composed(&nodes, &Overrides::new()).unwrap();
        for name in ["chain", "app"] {
            let found = validators_of(&loom(), name, &made[name]).unwrap();
            let keys: Vec<_> = found.iter().map(|m| (&m.key, m.power.get())).collect();
            let wanted: Vec<_> = nodes.iter().map(|n| (&n.key, n.power.unwrap().get())).collect();
            prop_assert_eq!(keys, wanted);
        }
    }

    /// A document that is kept as text comes out as a tree of values would.
    /// S5
    #[test]
    fn an_outline_is_written_as_the_whole_tree(json in any_json(), more in prop::sample::select(vec!["a", "validators", "contracts[*].init", "[0]", "init.power", "contracts[name=dpos].init"])) {
        let json = json!({"contracts": json, "a": json, "validators": [json]});
        let more = [path::DocPath::parse(more).unwrap()];
        for text in [json.to_string(), format!("{json:#}")] {
            for rule in loom().documents.values() {
                let outline = partial::Partial::of(Sound::read("x", &text).unwrap(), rule, &more);
                prop_assert_eq!(outline.to_string(), serialise(&json));
            }
        }
    }

    /// S5
    #[test]
    fn documents_differ_where_their_trees_do(a in any_json(), b in any_json()) {
        for (a, b) in [(json!({"x": a, "y": 1}), json!({"y": 1, "x": b})), (json!({"x": a, "y": 1}), json!({"y": 1, "x": a}))] {
            let (left, right) = (a.to_string(), format!("{b:#}"));
            let (left, right) = (Sound::read("x", &left).unwrap(), Sound::read("x", &right).unwrap());
            let found = diff::differences(&left, &right, &BTreeSet::new());
            prop_assert_eq!(found.is_empty(), a == b);
        }
    }
}

/// S5
#[test]
fn keys_that_stand_twice_count_as_for_the_chain() {
    let text = r#"{"validators":[],"a":{"k":1,"x":[{"y":1,"\u0079":2}],"k":3},"b":0}"#;
    let profile = Profile::builtin("cometbft").unwrap();
    let outline = partial::Partial::of(Sound::read("x", text).unwrap(), &profile.documents["chain"], &[]);
    assert_eq!(outline.to_string(), serialise(&serde_json::from_str(text).unwrap()));
    assert!(outline.to_string().contains("\"k\": 3,") && outline.to_string().contains("\"y\": 2"));
}

/// Who came first does not matter: the inventory's order does.
/// S5
#[test]
fn composing_does_not_know_the_order_of_arrival() {
    let wanted = composed(&era3(), &Overrides::new()).unwrap();
    let all = era3();
    for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let arrived: BTreeMap<&str, &NodeDocs> =
            order.iter().map(|n| (all[*n].whose.as_str(), &all[*n])).collect();
        let inventory = ["loom-0", "loom-1", "loom-2", "loom-3"];
        let nodes: Vec<NodeDocs> = inventory.iter().map(|name| arrived[name].clone()).collect();
        assert_eq!(composed(&nodes, &Overrides::new()).unwrap(), wanted);
    }
}

/// Any bytes in place of a node's document, as the first one and as another; of both documents of loom and of CometBFT's.
/// S5
#[test]
fn fuzz_genesis_documents() {
    let cometbft = include_str!("../../../../tests/fixtures/cometbft-0.38/genesis.json");
    let [(chain, app), (chain2, app2), ..] = loom_era!("dposV3").0;
    let (chain1, app1) = loom_era!("dpos").0[0];
    let corpus = [cometbft, chain, app, chain1, app1, loom_era!("dpos").2].map(str::as_bytes);
    let (tendermint, loom) = (Profile::builtin("cometbft").unwrap(), loom());
    fuzz("genesis", &corpus, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if text.contains("contracts") {
            documents_hold(&loom, "app", &text, app2)
        } else if text.contains("block_size") {
            documents_hold(&loom, "chain", &text, chain2)
        } else {
            documents_hold(&tendermint, "chain", &text, cometbft)
        }
    });
}

/// The properties, and what was said: digits and names that a person chose left out, so that kinds of problems are few.
fn documents_hold(profile: &Profile, name: &str, text: &str, other: &str) -> BTreeSet<String> {
    let tree = serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
    let sound = Sound::read(name, text);
    assert_eq!(sound.is_ok(), tree.is_some(), "read as a tree of values is");
    let rule = &profile.documents[name];
    if let (Ok(sound), Some(tree)) = (&sound, &tree) {
        let again = partial::Partial::of(sound.lend(), rule, &[]).to_string();
        assert_eq!(serde_json::from_str::<Value>(&again).ok().as_ref(), Some(tree), "unknown fields survive");
        let other = Sound::read(name, other).unwrap();
        let differ = diff::differences(sound, &other, &BTreeSet::new());
        assert_eq!(differ.is_empty(), serde_json::from_str::<Value>(other.as_str()).unwrap() == *tree);
        let _ = compare::changes(profile, name, sound, &other);
    }
    let mut said = BTreeSet::new();
    for texts in [[text, other], [other, text], [text, text]] {
        let mut files = standalone::Files::new(profile, name, None).unwrap();
        texts.into_iter().enumerate().for_each(|(n, text)| files.add(&format!("file-{n}"), text.to_owned()));
        match files.merged(NOW) {
            Ok(merged) => {
                let made = merged.to_string();
                assert!(standalone::check_one(profile, name, &made, NOW).is_empty(), "what is made is sound");
                let members = validators_of(profile, name, &made).unwrap();
                let keys: BTreeSet<_> = members.iter().map(|member| &member.key).collect();
                assert_eq!((members.len(), keys.len()), (2, 2), "every validator once");
                said.insert("merged".to_owned());
            }
            Err(problems) => said.extend(problems.iter().map(kind)),
        }
    }
    said.extend(standalone::check_one(profile, name, text, NOW).iter().map(kind));
    said
}

fn kind(problem: &GenesisProblem) -> String {
    let words = |text: &str| text.chars().filter(char::is_ascii_lowercase).take(24).collect::<String>();
    format!("{} {}", words(problem.path.as_deref().unwrap_or_default()), words(&problem.message))
}
