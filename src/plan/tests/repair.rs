//! One managed thing damaged: exactly that is put right, on that node, without a restart.

use super::*;
use crate::{
    facts::{
        FileKind,
        manifest::{Entry, EntryKind},
    },
    plan::sim::{link_to, path},
    types::ids::Sha256,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Damage {
    Missing,
    Content,
    Owner,
    Mode,
    Link,
}

const ALL: [Damage; 5] = [Damage::Missing, Damage::Content, Damage::Owner, Damage::Mode, Damage::Link];

/// `false`: this cannot happen to such a thing, or is not what loomctl manages of it.
fn applies(damage: Damage, entry: &Entry) -> bool {
    match (entry.kind, damage) {
        // Another genesis than the others' is no damage to repair but a disagreement: `refusals`.
        (EntryKind::Key, _) | (EntryKind::Genesis, Damage::Content) => false,
        (EntryKind::Binary, damage) => matches!(damage, Damage::Missing | Damage::Content),
        (EntryKind::Link, damage) => matches!(damage, Damage::Missing | Damage::Link),
        _ => true,
    }
}

fn damage(world: &mut Sim, address: &str, entry: &Entry, damage: Damage) {
    let host = world.hosts.get_mut(address).unwrap();
    let mut file = host.files.remove(&entry.path).unwrap();
    match damage {
        Damage::Missing => {}
        Damage::Content => {
            file.content = Some("damaged".into());
            file.sha256 = Some(Sha256::of("damaged"));
        }
        Damage::Owner => file.owner = "nobody:nogroup".into(),
        Damage::Mode => file.mode = 0o666,
        Damage::Link => file = link_to(&path("/dev/null")),
    }
    if damage != Damage::Missing {
        // Not now but long before the last start: the times are as a copy would keep them.
        host.files.insert(entry.path.clone(), file);
    }
}

#[test]
fn whatever_is_damaged_is_repaired_there_and_nowhere_else() {
    for (chain, height) in [("cometbft", 0), ("cometbft", 9), ("loom", 0), ("loom", 9)] {
        let cluster = plain(chain, 3).cluster();
        let (world, outcome) = born(&cluster, height);
        let manifest = outcome.facts.nodes[&cluster.nodes[1].name].manifest.clone().unwrap();
        let mut damaged = 0;
        for entry in &manifest.paths {
            for kind in ALL.into_iter().filter(|kind| applies(*kind, entry)) {
                let mut world = world.clone();
                damage(&mut world, "10.0.0.2", entry, kind);
                let what = format!("{chain} at {height}: {} {kind:?}", entry.path);
                let outcome = again(&mut world, &cluster);
                assert!(outcome.is_done(), "{what}: {:?}", outcome.end);
                assert_eq!(touched(&outcome.stages), BTreeSet::from(["n-1".to_owned()]), "{what}");
                assert_eq!((restarts(&outcome.stages), inits(&outcome.stages)), (0, 0), "{what}");
                let file = world.hosts["10.0.0.2"].files.get(&entry.path);
                assert!(
                    file.is_some_and(|file| file.kind == FileKind::File || entry.kind == EntryKind::Link),
                    "{what}"
                );
                let third = again(&mut world, &cluster);
                assert!(third.is_done() && third.stages.is_empty(), "{what}: {third:?}");
                damaged += 1;
            }
        }
        assert!(damaged > 12, "{damaged}");
    }
}

type Change = fn(&mut crate::facts::UnitFacts);

#[test]
fn a_unit_that_is_disabled_or_stopped_or_unread() {
    for height in [0, 9] {
        let cluster = plain("cometbft", 3).cluster();
        let (world, _) = born(&cluster, height);
        let changes: [Change; 4] = [
            |unit| "disabled".clone_into(&mut unit.file_state),
            |unit| unit.needs_reload = true,
            |unit| {
                "failed".clone_into(&mut unit.active);
                unit.main_pid = 0;
            },
            |unit| {
                "inactive".clone_into(&mut unit.active);
                "disabled".clone_into(&mut unit.file_state);
                unit.main_pid = 0;
            },
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut world = world.clone();
            world.hosts.get_mut("10.0.0.2").unwrap().units.values_mut().for_each(change);
            let outcome = again(&mut world, &cluster);
            assert!(outcome.is_done(), "{number}: {:?}", outcome.end);
            assert_eq!(touched(&outcome.stages), BTreeSet::from(["n-1".to_owned()]), "{number}");
            assert_eq!(restarts(&outcome.stages), 0, "{number}");
            assert!(again(&mut world, &cluster).stages.is_empty(), "{number}");
        }
    }
}

/// What `unfold` says of a repair is what the hosts look like afterwards.
#[test]
fn a_predicted_repair_is_the_real_one() {
    let cluster = plain("loom", 3).cluster();
    let (mut world, _) = born(&cluster, 9);
    let host = world.hosts.get_mut("10.0.0.2").unwrap();
    host.files.retain(|at, _| !at.as_str().ends_with(".service") && !at.as_str().ends_with("loom.yml"));
    let facts = world.gather(&cluster);
    let predicted = crate::plan::unfold(&cluster, &facts, &Options::default());
    let outcome = again(&mut world, &cluster);
    assert_eq!(predicted.stages, outcome.stages);
    let mut after = facts;
    predicted.stages.iter().for_each(|stage| crate::plan::predict::apply(stage, &mut after, |_, _| {}));
    for (name, seen) in &after.nodes {
        for (at, file) in &seen.files {
            let real = &outcome.facts.nodes[name].files[at];
            // The manifest holds what only the host knows.
            if !at.as_str().ends_with("manifest.json") {
                assert_eq!(
                    (file.kind, &file.sha256, file.mode),
                    (real.kind, &real.sha256, real.mode),
                    "{at}"
                );
            }
        }
    }
}
