//! The guard against slowness: what a run costs beside the floor (tests/lab/floor), which is measured in the same minute. The
//! figures themselves are `make bench`'s, by a release build.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Lab, Suite, chain_binary, command, in_repository, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_program_is_hashed_once_where_it_arrives]);
    suite.on_lab_alone(tests![a_run_costs_little_more_than_the_floor]);
    suite.plain_alone(tests![version_and_help_come_at_once]);
}

/// Times the floor as this test has seen them: the build for tests, beside other tests. Half as much again is too slow.
const FRESH: f64 = 1.3;
const AGAIN: f64 = 1.5;
const TOO_SLOW: f64 = 1.5;
/// Too slow is what was so each time.
const ATTEMPTS: usize = 2;
const ROUNDS: usize = 3;

fn a_run_costs_little_more_than_the_floor(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let floor = |words: &[&str]| {
        let mut command = Command::new(in_repository("tests/lab/floor"));
        command.args(words).arg(lab.hosts().to_string()).env("LAB", lab.folder());
        let said = command::start(&mut command).wait_for(Duration::from_secs(120)).ok();
        said.split_whitespace().last().unwrap().parse::<f64>().unwrap()
    };
    let up = || {
        let begun = Instant::now();
        lab.loomctl(&["up", "--no-verify", "-i", inventory]).exits(0);
        begun.elapsed().as_secs_f64()
    };
    let (binary, mut times) = (chain_binary("COMETBFT").display().to_string(), Vec::new());
    for round in 0..ROUNDS * ATTEMPTS {
        if round > 0 && round % ROUNDS == 0 && too_slow(&times).is_none() {
            break;
        }
        let thrice = |one: &dyn Fn() -> f64| (0..3).map(|_| one()).fold(f64::INFINITY, f64::min);
        let (fresh, again) = (up(), thrice(&up));
        lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).exits(0);
        let (born, through) = (floor(&[&binary]), thrice(&|| floor(&["again"])));
        times.push([fresh, again, born, through]);
        for host in 0..lab.hosts() {
            lab.root(host, "systemctl disable -q --now floor; rm -rf /home/ubuntu/w /var/lib/loomctl/bin")
                .ok();
        }
    }
    assert_eq!(too_slow(&times), None);
}

/// Of these rounds' fresh starts, second runs, and the floor of each.
fn too_slow(times: &[[f64; 4]]) -> Option<String> {
    // Noise only makes slower: the best of each is what it costs, of those that were measured in the same minutes.
    let slow = |times: &[[f64; 4]]| {
        let best = |what: usize| times.iter().map(|round| round[what]).fold(f64::INFINITY, f64::min);
        let [fresh, again, born, through] = [0, 1, 2, 3].map(best);
        eprintln!(
            "fresh {:.2} times the floor, again {:.2} times: {times:.2?}",
            fresh / born,
            again / through
        );
        let limits = [("a fresh start", fresh, born, FRESH), ("a second run", again, through, AGAIN)];
        let over = limits.into_iter().find(|(_, took, floor, limit)| *took > floor * limit * TOO_SLOW);
        over.map(|(what, took, floor, _)| {
            format!("{what} takes {:.2} times the floor: {times:.2?}", took / floor)
        })
    };
    let attempts: Option<Vec<String>> = times.chunks(ROUNDS).map(slow).collect();
    attempts.and_then(|attempts| attempts.into_iter().next_back())
}

/// Nor when it runs: that it is the file which was hashed is seen without reading it, also where systemd has forked and the
/// fork is not the node yet.
fn a_program_is_hashed_once_where_it_arrives(lab: &Lab) {
    let noted = "printf '#!/bin/sh\\n[ \"$(stat -Lc %%s /dev/stdin)\" -lt 10000000 ] || readlink /proc/$$/fd/0 >>/run/hashed\\n\
                 exec /usr/bin/sha256sum \"$@\"\\n' >/usr/local/bin/sha256sum; chmod 755 /usr/local/bin/sha256sum";
    for host in 0..lab.hosts() {
        lab.root(host, noted).ok();
    }
    let inventory = lab.inventory("cometbft").write(lab);
    for _ in 0..2 {
        lab.loomctl(&["up", "--no-verify", "-i", inventory.to_str().unwrap()]).exits(0);
        for host in 0..lab.hosts() {
            let hashed = lab.root(host, "cat /run/hashed").ok();
            assert_eq!(hashed.lines().count(), 1, "host {host}: {hashed}");
        }
    }
}

/// Times `ssh -V`, a program that does nothing either: by the build for tests, which is not the one that is handed out.
const AT_ONCE: f64 = 4.0;

/// No runtime, no regular expression and no profile is made before the arguments are read.
fn version_and_help_come_at_once() {
    let once = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        assert!(command.status().unwrap().success(), "{program} {arguments:?}");
        begun.elapsed().as_secs_f64()
    };
    let ours = env!("CARGO_BIN_EXE_loomctl");
    let asked: [(&str, &[&str]); 4] =
        [("ssh", &["-V"]), (ours, &["--version"]), (ours, &["--help"]), (ours, &["up", "--help"])];
    // In turn, and the best of each: noise only makes slower.
    let mut best = [f64::INFINITY; 4];
    for _ in 0..30 {
        for (best, (program, arguments)) in best.iter_mut().zip(&asked) {
            *best = best.min(once(program, arguments));
        }
    }
    let ms = best.map(|seconds| seconds * 1000.0);
    eprintln!("ssh -V, --version, --help, up --help: {ms:.1?} ms");
    for (took, (_, arguments)) in best.iter().zip(&asked).skip(1) {
        assert!(took / best[0] < AT_ONCE, "{arguments:?}: {:.1} times `ssh -V`; {ms:.1?} ms", took / best[0]);
    }
}
