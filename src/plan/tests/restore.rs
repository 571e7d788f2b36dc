//! Keys that go back to a host which has lost its disk (S13).

use std::collections::BTreeMap;

use super::*;
use crate::{
    cluster::{
        Node,
        backup::{Backup, FORMAT, Kept, KeptFile},
    },
    facts::{Facts, Voter, Voting},
    plan::{
        evidence::{Evidence, Signing},
        restore,
        sim::{CANARY, Killed, home_of, path},
        world::KeysBack,
    },
    types::ids::NodeId,
};

/// As `keys backup` reads it, of all nodes.
pub fn backup(world: &mut Sim, cluster: &Cluster) -> Backup {
    let facts = world.gather(cluster);
    let kept = |node: &Node, world: &mut Sim| {
        let seen = &facts.nodes[&node.name];
        let file = |file: &crate::chain::profile::HomePath, world: &mut Sim| {
            let there = world.host(cluster, node).files[&file.under(&home_of(node))].clone();
            let text = there.content.unwrap();
            (file.as_str().to_owned(), KeptFile::new("0600".into(), there.owner, text.as_bytes()))
        };
        let files = cluster.profile.key_files();
        Kept {
            files: files.into_iter().map(|path| file(path, world)).collect(),
            documents: cluster
                .profile
                .documents
                .keys()
                .filter_map(|n| Some((n.clone(), seen.pristine.get(n)?.to_string())))
                .collect(),
            node_id: seen.node_id.clone().unwrap(),
            validator_key: seen.validator_key.clone().unwrap(),
            signed_height: seen.signed_height.unwrap_or(0),
        }
    };
    let nodes = cluster.nodes.iter().map(|node| (node.name.clone(), kept(node, world))).collect();
    Backup {
        format: FORMAT,
        cluster: cluster.name.clone(),
        chain_id: cluster.chain_id.clone(),
        time: String::new(),
        nodes,
    }
}

/// The host comes back with nothing on it.
pub fn lose_disk(world: &mut Sim, cluster: &Cluster, number: usize) {
    let host = world.host(cluster, &cluster.nodes[number]);
    host.files.clear();
    host.units.clear();
}

/// Two nodes run, and nobody signs with the keys that are lost.
pub fn at(height: u64) -> Evidence {
    let heights = heights(height);
    let look = Some(Voting { height, heights: heights.clone(), ..Voting::default() });
    Evidence { heights, first: look.clone(), last: look, ..Evidence::default() }
}

fn heights(height: u64) -> BTreeMap<NodeName, u64> {
    ["n-0", "n-2"].map(|name| (NodeName::new(name).unwrap(), height)).into()
}

fn put_back(world: &mut Sim, cluster: &Cluster, backup: &Backup, shown: &Evidence) -> Ended {
    try_back(world, cluster, backup, shown).unwrap()
}

fn try_back(world: &mut Sim, cluster: &Cluster, backup: &Backup, shown: &Evidence) -> Result<Ended, Killed> {
    let options = Options::default();
    let mut course = Course::restoring(&options, KeysBack { backup, evidence: shown });
    world.converge(cluster, |cluster, facts| course.next(cluster, facts))
}

fn signed(facts: &Facts, cluster: &Cluster, number: usize) -> Option<u64> {
    facts.nodes[&cluster.nodes[number].name].signed_height
}

#[test]
fn s13_a_lost_disk_is_named_and_its_keys_come_back() {
    for chain in ["cometbft", "loom"] {
        let cluster = plain(chain, 4).cluster();
        let (mut world, _) = born(&cluster, 20);
        let before = world.gather(&cluster);
        let backup = backup(&mut world, &cluster);
        world.sign(&cluster, 51);
        lose_disk(&mut world, &cluster, 1);

        let lost = again(&mut world, &cluster);
        let said = refused(&lost.end);
        assert!(said.starts_with("Safety n-1: ") && said.contains("loomctl keys restore"), "{said}");
        assert!(lost.stages.is_empty() && world.inits == 4, "no second key is made");

        let back = put_back(&mut world, &cluster, &backup, &at(50));
        assert!(back.is_done(), "{:?}", back.end);
        assert_eq!(signed(&back.facts, &cluster, 1), Some(52), "51 is voted on, and may have been signed");
        assert!(!format!("{:?}", back.stages).contains(CANARY), "S3");
        assert!(!serde_json::to_string(&back.stages).unwrap().contains(CANARY), "S3");
        let same = put_back(&mut world, &cluster, &backup, &at(50));
        assert!(same.is_done() && same.stages.is_empty(), "was so");

        let up = again(&mut world, &cluster);
        assert!(up.is_done(), "{:?}", up.end);
        assert_eq!(touched(&up.stages), BTreeSet::from(["n-1".to_owned()]));
        for (name, seen) in &up.facts.nodes {
            assert_eq!(seen.node_id, before.nodes[name].node_id, "never init's");
            assert_eq!(seen.validator_key, before.nodes[name].validator_key);
            assert!(seen.unit.is_running());
        }
        assert_eq!(signed(&up.facts, &cluster, 1), Some(52));
        let node = &cluster.nodes[1];
        let state = cluster.state_folder(node);
        let host = world.host(&cluster, node);
        assert!(!host.files.contains_key(&state.join("restored").unwrap()), "it is a node like any other");
        assert!(!host.files.keys().any(|at| at.as_str().contains(".loomctl-init")));
        let third = again(&mut world, &cluster);
        assert!(third.is_done() && third.stages.is_empty(), "S2");
    }
}

#[test]
fn s7_a_restore_that_was_cut_anywhere_is_finished_by_the_next() {
    for chain in ["cometbft", "loom"] {
        let cluster = plain(chain, 3).cluster();
        let (mut whole, _) = born(&cluster, 20);
        let kept = backup(&mut whole, &cluster);
        lose_disk(&mut whole, &cluster, 2);
        for fuel in 0.. {
            let mut world = whole.clone();
            world.fuel = Some(fuel);
            let killed = try_back(&mut world, &cluster, &kept, &at(20)).is_err()
                || world.up(&cluster, &Options::default()).is_err();
            world.fuel = None;
            // What is half there is neither made again nor started.
            let facts = world.gather(&cluster);
            if signed(&facts, &cluster, 2).is_none()
                || facts.nodes[&cluster.nodes[2].name].validator_key.is_none()
            {
                let said = refused(&again(&mut world, &cluster).end);
                assert!(said.contains("Safety n-2") && said.contains("keys restore"), "{fuel}: {said}");
            }
            let back = put_back(&mut world, &cluster, &kept, &at(20));
            assert!(back.is_done(), "{chain}, cut at {fuel}: {:?}", back.end);
            let up = again(&mut world, &cluster);
            assert!(up.is_done(), "{chain}, cut at {fuel}: {:?}", up.end);
            let seen = &up.facts.nodes[&cluster.nodes[2].name];
            assert_eq!(seen.validator_key.as_ref(), Some(&kept.nodes[&cluster.nodes[2].name].validator_key));
            assert!(seen.signed_height >= Some(22), "cut at {fuel}: {:?}", seen.signed_height);
            if !killed {
                break;
            }
        }
    }
}

#[test]
fn s13_a_sign_state_is_never_lowered() {
    let cluster = plain("cometbft", 3).cluster();
    // Only the node key is lost; the sign state is ahead of the backup's.
    for (height, live) in [(0, false), (30, true)] {
        let (mut world, _) = born(&cluster, 0);
        let kept = backup(&mut world, &cluster);
        world.sign(&cluster, height.max(1));
        let node = &cluster.nodes[0];
        let lost = cluster.profile.node_key.file.under(&home_of(node));
        let host = world.host(&cluster, node);
        host.files.remove(&lost);
        host.units.clear();
        let back = put_back(&mut world, &cluster, &kept, &at(if live { 30 } else { 0 }));
        assert!(back.is_done(), "{:?}", back.end);
        assert_eq!(signed(&back.facts, &cluster, 0), Some(if live { 32 } else { 1 }));
        assert!(again(&mut world, &cluster).is_done());
    }
}

#[test]
fn an_unborn_cluster_has_the_backups_sign_state_and_the_same_genesis() {
    for chain in ["cometbft", "loom"] {
        let cluster = plain(chain, 3).cluster();
        let (mut world, first) = born(&cluster, 0);
        let kept = backup(&mut world, &cluster);
        lose_disk(&mut world, &cluster, 0);
        let said = refused(&again(&mut world, &cluster).end);
        assert!(said.contains("Safety n-0") && said.contains("keys restore"), "{said}");
        let back = put_back(&mut world, &cluster, &kept, &at(0));
        assert_eq!((back.is_done(), signed(&back.facts, &cluster, 0)), (true, Some(0)), "{:?}", back.end);
        let up = again(&mut world, &cluster);
        assert!(up.is_done(), "{:?}", up.end);
        assert_eq!(
            up.facts.nodes[&cluster.nodes[0].name].pristine["chain"],
            first.facts.nodes[&cluster.nodes[0].name].pristine["chain"]
        );
    }
}

#[test]
fn a_node_that_gives_its_vote_up_joins_again_with_new_keys() {
    let mut wishes = plain("cometbft", 4);
    let cluster = wishes.cluster();
    let (mut world, _) = born(&cluster, 20);
    lose_disk(&mut world, &cluster, 3);
    wishes.nodes[3].full = true;
    let cluster = wishes.cluster();
    let up = again(&mut world, &cluster);
    assert!(matches!(up.end, Next::Done(_)) && inits(&up.stages) == 1, "{:?}", up.end);
    // And a host that nobody knows is a new one.
    wishes.nodes.push(super::Wish { number: 4, full: false, power: None, private_ip: false, shares: false });
    let cluster = wishes.cluster();
    let up = again(&mut world, &cluster);
    assert!(matches!(up.end, Next::Done(_)) && inits(&up.stages) == 1, "{:?}", up.end);
}

fn voting(height: u64, key: &crate::types::ids::ValidatorKey, last_signed: u64) -> Voting {
    let signed = last_signed > 0 && height - last_signed <= 5;
    let by = (last_signed > 0).then(|| NodeName::new("n-2").unwrap());
    let voter = Voter {
        key: key.clone(),
        power: 10,
        signed,
        last_signed,
        confirmed: last_signed,
        shown_by: by,
        proposes_at: None,
    };
    Voting { height, voters: vec![voter], heights: heights(height), ..Voting::default() }
}

#[test]
fn s13_whether_a_key_signs_is_seen_in_commits_that_came_after_the_look() {
    let cluster = plain("cometbft", 1).cluster();
    let (mut world, _) = born(&cluster, 5);
    let key = world.gather(&cluster).nodes.into_values().next().unwrap().validator_key.unwrap();
    let look = |first: (u64, u64), last: (u64, u64)| {
        let (first, last) = (voting(first.0, &key, first.1), voting(last.0, &key, last.1));
        Evidence { first: Some(first), last: Some(last), ..Evidence::default() }.signing(&key)
    };
    assert_eq!(look((50, 49), (53, 52)), Signing::Signs(52));
    assert_eq!(look((50, 49), (52, 51)), Signing::NotKnown, "51 may have been signed before it was stopped");
    assert_eq!(look((50, 49), (56, 51)), Signing::NotKnown);
    assert_eq!(look((50, 49), (57, 51)), Signing::Silent);
    assert_eq!(look((50, 44), (50, 44)), Signing::Silent, "none of the last five");
    assert_eq!(look((50, 0), (50, 0)), Signing::Silent);
    assert_eq!(look((50, 49), (50, 49)), Signing::Stands);
    assert_eq!(Evidence::default().signing(&key), Signing::Silent);
}

/// A cluster whose n-1 has lost its disk, and what stops a restore there.
fn refusal(change: impl FnOnce(&mut Sim, &Cluster, &mut Backup, &mut Evidence)) -> String {
    let cluster = plain("cometbft", 3).cluster();
    let (mut world, _) = born(&cluster, 50);
    let mut kept = backup(&mut world, &cluster);
    lose_disk(&mut world, &cluster, 1);
    let mut shown = at(50);
    change(&mut world, &cluster, &mut kept, &mut shown);
    let before = world.fingerprint();
    let back = put_back(&mut world, &cluster, &kept, &shown);
    assert!(back.stages.is_empty() && before == world.fingerprint());
    refused(&back.end)
}

#[test]
fn s13_keys_do_not_go_back_while_somebody_may_sign_with_them() {
    let key = |kept: &Backup| kept.nodes.values().nth(1).unwrap().clone();
    let running = refusal(|world, cluster, _, _| {
        let node = &cluster.nodes[1];
        let unit = crate::facts::UnitFacts { active: "active".into(), main_pid: 7, ..Default::default() };
        world.host(cluster, node).units.insert(node.unit_name.clone(), unit);
    });
    assert!(running.starts_with("Safety n-1: cometbft.service is active"), "{running}");
    let signs = refusal(|_, _, kept, shown| {
        let key = key(kept).validator_key;
        (shown.first, shown.last) = (Some(voting(50, &key, 49)), Some(voting(53, &key, 52)));
    });
    assert!(signs.contains("signs elsewhere") && signs.contains("height 52 (shown by n-2)"), "{signs}");
    let young = refusal(|_, _, kept, shown| {
        let key = key(kept).validator_key;
        (shown.first, shown.last) = (Some(voting(50, &key, 49)), Some(voting(52, &key, 49)));
    });
    assert!(young.contains("five more blocks"), "{young}");
    let peer = refusal(|_, _, kept, shown| shown.peers.extend([key(kept).node_id]));
    assert!(peer.contains("is connected to the others"), "{peer}");
    let elsewhere = refusal(|world, cluster, kept, _| {
        let path = cluster.profile.validator_key.file.under(&home_of(&cluster.nodes[2]));
        let text = key(kept).text(&cluster.profile.validator_key.file).unwrap();
        let host = world.host(cluster, &cluster.nodes[2]);
        host.files.get_mut(&path).unwrap().content = Some(text.reveal().into());
    });
    assert!(elsewhere.contains("n-2 holds the same keys"), "{elsewhere}");
}

#[test]
fn s13_keys_do_not_go_back_where_nobody_knows_what_they_signed_or_others_are_there() {
    let unknown = refusal(|_, _, _, shown| shown.heights.clear());
    assert!(unknown.contains("no node says how far it is"), "{unknown}");
    let behind = refusal(|_, _, kept, shown| {
        shown.heights = heights(40);
        kept.nodes.values_mut().for_each(|kept| kept.signed_height = 42);
    });
    assert!(behind.contains("at height 42") && behind.contains("at 40 only"), "{behind}");
    let other = refusal(|_, _, kept, _| {
        let third = kept.nodes.values().nth(2).unwrap().clone();
        // Its host holds keys already: those of another backup.
        kept.nodes.values_mut().next().unwrap().validator_key = third.validator_key;
        kept.nodes.values_mut().next().unwrap().node_id = NodeId::new("ab".repeat(20)).unwrap();
    });
    assert!(other.contains("n-0: another validator key is there"), "{other}");
    let foreign = refusal(|world, cluster, _, _| {
        let file = crate::plan::sim::link_to(&path("/elsewhere"));
        world.host(cluster, &cluster.nodes[1]).files.insert(path("/home/ubuntu/config/genesis.json"), file);
    });
    assert!(foreign.contains("genesis.json is there"), "{foreign}");
    let cluster = refusal(|_, _, kept, _| kept.chain_id = crate::types::ids::ChainId::new("other").unwrap());
    assert!(cluster.starts_with("Safety -: the backup is of the cluster"), "{cluster}");
    let empty = refusal(|_, _, kept, _| kept.nodes.values_mut().for_each(|kept| kept.files.clear()));
    assert!(empty.starts_with("Input n-1: the backup cannot be used"), "{empty}");
}

/// P5
#[test]
fn s13_what_one_node_claims_stops_a_restore_and_is_named() {
    let claimed = refusal(|_, _, _, shown| {
        shown.heights.insert(NodeName::new("n-3").unwrap(), 812);
    });
    assert!(claimed.contains("n-3 claims height 812, nobody else is above 50"), "{claimed}");
    assert!(claimed.contains("loomctl down --limit NODE"), "{claimed}");
    let disagree = refusal(|_, _, _, shown| {
        shown.last.as_mut().unwrap().disagree = Some("the nodes do not agree on who votes".into());
    });
    assert!(disagree.starts_with("Safety n-1: ") && disagree.contains("do not agree"), "{disagree}");
    // A sign state is a host's word as well.
    let ahead = refusal(|world, cluster, _, _| {
        let node = &cluster.nodes[2];
        let at = cluster.profile.sign_state.as_ref().unwrap().file.under(&home_of(node));
        let state = serde_json::json!({"height": "900000", "round": 0, "step": 0}).to_string();
        let file = world.host(cluster, node).files.get_mut(&at).unwrap();
        let text = crate::types::text::Text::from(state);
        (file.sha256, file.content) = (Some(text.sha256().clone()), Some(text));
    });
    assert!(
        ahead.contains("the sign state of n-2 stands at height 900000, and the nodes are at 50"),
        "{ahead}"
    );
}

/// P5
#[test]
fn s13_what_one_node_alone_says_is_asked_about() {
    let cluster = plain("cometbft", 2).cluster();
    let (mut world, _) = born(&cluster, 50);
    let kept = backup(&mut world, &cluster);
    lose_disk(&mut world, &cluster, 1);
    let facts = world.gather(&cluster);
    let planned = |shown: &Evidence| {
        restore::plan(&cluster, &facts, &Options::default(), &kept, shown).unwrap().remove(0)
    };
    let known = planned(&at(50));
    assert!(known.alone.is_none() && !known.unseen, "{known:?}");
    let mut one = at(50);
    for heights in [&mut one.heights, &mut one.last.as_mut().unwrap().heights] {
        heights.remove(&NodeName::new("n-2").unwrap());
    }
    one.first.clone_from(&one.last);
    let alone = planned(&one);
    assert_eq!(alone.alone.as_ref().map(ToString::to_string), Some("n-0".to_owned()));
    let said = crate::cli::view::notes::consent(&[alone]);
    assert!(said.contains("Only n-0 says how far the chain is and who signs"), "{said}");
    let unseen = planned(&Evidence { first: None, last: None, ..at(50) });
    assert!(unseen.unseen && unseen.alone.is_none());
}

#[test]
fn restored_keys_that_were_never_started_can_be_given_up() {
    let cluster = plain("cometbft", 2).cluster();
    let (mut world, _) = born(&cluster, 0);
    let kept = backup(&mut world, &cluster);
    lose_disk(&mut world, &cluster, 1);
    assert!(put_back(&mut world, &cluster, &kept, &at(0)).is_done());
    let (all, gone) = (Options::default(), Goal::DestroyKeys);
    let down = world.converge(&cluster, |c, f| toward(c, f, &all, gone)).unwrap();
    assert!(down.is_done(), "{:?}", down.end);
    let node = &cluster.nodes[1];
    let key = cluster.profile.validator_key.file.under(&home_of(node));
    assert!(!world.host(&cluster, node).files.contains_key(&key));
    assert!(again(&mut world, &cluster).is_done());
}
