//! That a plan grows with the hosts and no faster.

use super::*;
use crate::{cluster::Cluster, facts::Facts, plan::unfold};

/// Four validators; the others follow.
fn hosts(count: usize) -> Cluster {
    let mut wishes = plain("cometbft", count);
    wishes.nodes.iter_mut().skip(4).for_each(|wish| wish.full = true);
    wishes.cluster()
}

/// Seconds that the kernel may be late with what a thread has worked.
const TICK: f64 = 0.004;

/// Seconds that this thread was at work: what others do on the machine meanwhile does not count.
fn worked(work: &mut dyn FnMut()) -> f64 {
    let clock = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let begun = clock();
    work();
    clock() - begun
}

/// Seconds by the clock.
fn took(work: &mut dyn FnMut()) -> f64 {
    let begun = std::time::Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

/// A cluster at the three moments of its birth: bare hosts, hosts with keys, a chain that runs.
fn moments(cluster: &Cluster) -> [Facts; 3] {
    let mut world = Sim::default();
    let bare = world.gather(cluster);
    let mut facts = bare.clone();
    let Next::Stage(prepare) = super::super::next(cluster, &facts, &Options::default()) else {
        panic!("bare hosts want nothing")
    };
    world.carry_out(cluster, &prepare, &mut facts).unwrap();
    let prepared = facts.clone();
    let Next::Stage(start) = super::super::next(cluster, &facts, &Options::default()) else {
        panic!("hosts with keys want nothing")
    };
    world.carry_out(cluster, &start, &mut facts).unwrap();
    world.sign(cluster, 5);
    [bare, prepared, world.gather(cluster)]
}

/// As hosts have just said it: nothing of it has been read before.
fn unread(facts: &Facts) -> Facts {
    serde_json::from_str(&serde_json::to_string(facts).unwrap()).unwrap()
}

/// The whole plan at each of these moments, at best of so many.
fn seconds(count: usize, tries: usize, clock: fn(&mut dyn FnMut()) -> f64) -> [f64; 3] {
    let cluster = hosts(count);
    moments(&cluster).map(|facts| {
        let once = |_| {
            let facts = unread(&facts);
            clock(&mut || drop(unfold(&cluster, &facts, &Options::default())))
        };
        (0..tries).map(once).fold(f64::MAX, f64::min)
    })
}

/// Four times the hosts in not much more than four times the time: where each looks at all the others it is sixteen.
/// `LOOMCTL_PLAN=1000,10000` prints the figures of these sizes instead (bench/plan.py).
#[test]
fn time_grows_with_the_hosts_and_no_faster() {
    if let Ok(sizes) = std::env::var("LOOMCTL_PLAN") {
        for count in sizes.split(',').map(|count| count.parse().unwrap()) {
            let [bare, prepared, running] = seconds(count, 3, took);
            eprintln!("plan {count} {bare:.4} {prepared:.4} {running:.4}");
        }
        return;
    }
    let (few, many) = (seconds(60, 3, worked), seconds(240, 2, worked));
    for (few, many) in few.into_iter().zip(many) {
        assert!(many < (few + TICK) * 8.0, "60 hosts: {few} s, 240: {many} s");
    }
}
