//! What goes into the caches before all machines have been asked: of whoever will need it, and of nobody else.

use super::*;
use crate::{
    facts::Facts,
    plan::{early, unfold},
};

/// What goes up early, by machine, each asked alone as in a run.
fn uploads(cluster: &Cluster, world: &mut Sim, options: &Options) -> Vec<usize> {
    let all = world.gather(cluster);
    let alone = |machine: usize| {
        let mut facts = Facts { downloads_here: all.downloads_here, ..Facts::default() };
        facts.machines.insert(machine, all.machines[&machine].clone());
        let own = cluster.nodes.iter().filter(|node| node.machine == machine);
        facts.nodes.extend(own.map(|node| (node.name.clone(), all.nodes[&node.name].clone())));
        let early = early::uploads(cluster, machine, &facts, options);
        // The stage itself would send the same, unless the cluster as a whole is refused.
        let planned = unfold(cluster, &all, options);
        let prepare = planned.stages.iter().find(|stage| stage.name.as_str() == "prepare");
        let sends = prepare.and_then(|stage| stage.uploads.get(&machine)).cloned().unwrap_or_default();
        let refused = matches!(planned.end, Next::Refused(_));
        assert!(early.is_empty() || early == sends || refused, "{early:?}, {sends:?}");
        !early.is_empty()
    };
    (0..cluster.machines.len()).filter(|machine| alone(*machine)).collect()
}

#[test]
fn a_machine_that_nothing_runs_on_gets_its_binary_at_once() {
    for chain in ["cometbft", "loom"] {
        let cluster = plain(chain, 3).cluster();
        let mut world = Sim::default();
        assert_eq!(uploads(&cluster, &mut world, &Options::default()), [0, 1, 2]);
        let limit = Some([cluster.nodes[1].name.clone()].into());
        assert_eq!(uploads(&cluster, &mut world, &Options { limit, ..Options::default() }), [1]);
        assert!(again(&mut world, &cluster).is_done());
        assert!(uploads(&cluster, &mut world, &Options::default()).is_empty(), "it is there");
        // Another binary on a chain that runs is a matter of consent, and of the stage.
        let other = super::cluster(&plain(chain, 3).yaml().replace("/bin/sh", "/bin/cat"));
        assert!(uploads(&other, &mut world, &Options::default()).is_empty());
        // Who joins is like any other machine that is bare.
        assert_eq!(uploads(&plain(chain, 4).cluster(), &mut world, &Options::default()), [3]);
    }
}

#[test]
fn nothing_goes_to_a_machine_that_would_be_refused_or_pulls_for_itself() {
    let cluster = plain("cometbft", 2).cluster();
    let full = |facts: &mut Facts| facts.machines.get_mut(&0).unwrap().free_kb = Some(1);
    let other = |facts: &mut Facts| "riscv64".clone_into(&mut facts.machines.get_mut(&0).unwrap().arch);
    for spoil in [&full as &dyn Fn(&mut Facts), &other] {
        let mut facts = Sim::default().gather(&cluster);
        facts.nodes.remove(&cluster.nodes[1].name);
        facts.machines.remove(&1);
        assert_eq!(early::uploads(&cluster, 0, &facts, &Options::default()).len(), 1);
        spoil(&mut facts);
        assert!(early::uploads(&cluster, 0, &facts, &Options::default()).is_empty());
    }
    let pulled = Wishes { url: true, ..plain("cometbft", 2) }.cluster();
    assert!(uploads(&pulled, &mut Sim::default(), &Options::default()).is_empty());
}
