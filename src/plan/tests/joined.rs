//! A network that exists: its genesis is given, and nothing of it is composed.

use super::*;
use crate::{chain::peers::peer_text, types::diagnostic::Diagnostic};

/// Full nodes that join the network of `made`, whose genesis has `text`.
fn joining(made: &Cluster, text: &Text, count: usize) -> Cluster {
    let mut cluster = plain("cometbft", count).cluster();
    cluster.name = crate::types::ids::ClusterName::new("guests").unwrap();
    cluster.chain_id = made.chain_id.clone();
    let yaml = format!(
        "all:\n  vars: {{chain: cometbft, chain_id: {}, binary: /bin/sh, user: u, network: {{joined: {{genesis: 'http://h/g', \
         sha256: {}, peers: ['{}@10.9.9.9:26656']}}}}}}\n  hosts: {{a: {{}}}}\n",
        made.chain_id,
        text.sha256(),
        "a".repeat(40),
    );
    cluster.joined = crate::plan::sim::cluster(&yaml).joined;
    cluster.joined.as_mut().unwrap().document = Ok(text.clone());
    cluster.nodes.iter_mut().for_each(|node| node.role = crate::cluster::Role::Full);
    cluster
}

fn document(cluster: &Cluster) -> &crate::chain::profile::HomePath {
    &cluster.profile.documents.values().next().unwrap().path
}

fn genesis_of(world: &mut Sim, cluster: &Cluster) -> Text {
    let path = document(cluster).under(&crate::plan::sim::home_of(&cluster.nodes[0]));
    world.host(cluster, &cluster.nodes[0]).files[&path].content.clone().unwrap()
}

#[test]
fn s1_its_genesis_is_the_published_one_and_its_peers_are_dialled() {
    let made = plain("cometbft", 4).cluster();
    let (mut theirs, _) = born(&made, 5);
    let text = genesis_of(&mut theirs, &made);
    let cluster = joining(&made, &text, 3);
    let (mut world, outcome) = born(&cluster, 0);
    assert!(outcome.is_done(), "{:?}", outcome.end);
    let facts = world.gather(&cluster);
    let peer = peer_text(&cluster.profile, &cluster.joined.as_ref().unwrap().peers[0]);
    for node in &cluster.nodes {
        let seen = &facts.nodes[&node.name];
        let home = seen.home.as_ref().unwrap();
        assert_eq!(seen.text(&document(&cluster).under(home)), Some(&text));
        let config = seen.text(&home.join("config/config.toml").unwrap()).unwrap();
        assert!(config.contains(&peer), "{config}");
    }
    assert!(again(&mut world, &cluster).stages.is_empty());
    // It is a live chain, though none of them signs: nothing is restarted, and nothing removed, without consent (S8).
    let mut changed = cluster.clone();
    let settings = [("log_level".to_owned(), "debug".into())].into_iter().collect();
    changed.nodes[0].settings.insert("config.toml".to_owned(), settings);
    let outcome = world.clone().up(&changed, &Options::default()).unwrap();
    let Next::Done(pending) = &outcome.end else { panic!("{:?}", outcome.end) };
    assert_eq!((pending.len(), restarts(&outcome.stages)), (1, 0), "{pending:?}");
    let reset = Options { goal: Goal::Reset, ..Options::default() };
    let said = refused(&super::super::next(&cluster, &world.clone().gather(&cluster), &reset));
    assert!(said.contains("the chain has made blocks"), "{said}");
    // Who joins later begins with the same.
    let more = joining(&made, &text, 4);
    let outcome = world.up(&more, &Options::default()).unwrap();
    assert!(matches!(outcome.end, Next::Done(_)), "{:?}", outcome.end);
}

#[test]
fn s1_what_a_node_has_begun_with_is_not_replaced() {
    let made = plain("cometbft", 4).cluster();
    let (mut theirs, _) = born(&made, 5);
    let text = genesis_of(&mut theirs, &made);
    let cluster = joining(&made, &text, 2);
    let (mut world, _) = born(&cluster, 3);
    let mut other = cluster.clone();
    let changed = Text::from(text.replacen("genesis_time\": \"", "genesis_time\": \"1", 1));
    assert_ne!(changed, text);
    other.joined.as_mut().unwrap().document = Ok(changed);
    let said = refused(&again(&mut world, &other).end);
    assert!(said.contains("the genesis of a node that has begun is never written"), "{said}");
}

#[test]
fn nothing_begins_before_its_genesis_is_known() {
    let made = plain("cometbft", 4).cluster();
    let mut cluster = joining(&made, &Text::from("{}".to_owned()), 2);
    cluster.joined.as_mut().unwrap().document = Err(Diagnostic::error("its sha256 is another one"));
    let outcome = Sim::default().up(&cluster, &Options::default()).unwrap();
    assert!(outcome.stages.is_empty());
    assert!(refused(&outcome.end).contains("its sha256 is another one"));
}
