//! The kill matrix (S7): faults at random moments of births, repairs and second births; after each, one plain `up`.
//!
//! `LOOMCTL_FAULTS=step:20,loomctl:100,session:25,host:25` says how many of each, `LOOMCTL_SEED` replays; `make
//! test-faults`. `step` and `loomctl` are both SIGKILL of loomctl: at a step's boundary, and at any moment.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::life::{made_once, still_the_same};
use crate::support::{Lab, Suite, command, tests};

pub fn register(suite: &mut Suite) {
    if std::env::var_os("LOOMCTL_FAULTS").is_some() {
        suite.on_lab(tests![killed_at_random_moments]);
    }
}

/// Small and replayable (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn host(&mut self, lab: &Lab) -> usize {
        usize::try_from(self.below(lab.hosts() as u64)).unwrap()
    }
}

fn killed_at_random_moments(lab: &Lab) {
    let wanted = std::env::var("LOOMCTL_FAULTS").unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = std::env::var("LOOMCTL_SEED").map_or(now, |text| text.parse().unwrap());
    eprintln!("kill matrix {wanted} with LOOMCTL_SEED={seed}");
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let (mut dice, mut known, mut cut) = (Dice(seed), BTreeMap::new(), BTreeMap::<&str, usize>::new());
    for part in wanted.split(',') {
        let (kind, count) = part.split_once(':').unwrap();
        for number in 0..count.parse().unwrap() {
            let state = prepared(lab, inventory, &mut dice, &mut known);
            let moment = Moment::of(kind, &mut dice);
            let when = format!("seed {seed}, {kind} {number}, {state}, {moment:?}");
            if strike(lab, inventory, kind, moment, &mut dice) {
                *cut.entry(kind).or_default() += 1;
            }
            converges(lab, inventory, &mut known, &when);
            eprintln!("ok: {when}");
        }
    }
    eprintln!("runs that were cut before their end: {cut:?}");
    assert!(cut.values().all(|count| *count > 0), "nothing was hit: {cut:?}");
}

/// When a run is struck. A run has said some fifty lines when it ends, ten of them before its first step.
#[derive(Debug, Clone, Copy)]
enum Moment {
    After(Duration),
    Line(usize),
}

impl Moment {
    /// A host that has nothing to do is not missed: what strikes a host comes while there are steps.
    fn of(kind: &str, dice: &mut Dice) -> Self {
        match kind {
            "loomctl" => Self::After(Duration::from_millis(100 + dice.below(2900))),
            _ => Self::Line(usize::try_from(dice.below(50)).unwrap()),
        }
    }
}

/// What the struck run begins with: bare hosts, hosts with keys, or a live chain that has damage.
fn prepared(
    lab: &Lab,
    inventory: &str,
    dice: &mut Dice,
    known: &mut BTreeMap<String, serde_json::Value>,
) -> &'static str {
    match dice.below(3) {
        0 => {
            lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).ok();
            (0..lab.hosts()).for_each(|host| drop(lab.root(host, "rm -rf /var/lib/loomctl/bin").ok()));
            known.clear();
            "bare hosts"
        }
        1 => {
            lab.loomctl(&["down", "-i", inventory, "--destroy"]).ok();
            "keys are there"
        }
        _ => {
            let damage =
                "echo >/home/ubuntu/node/config/config.toml; rm -f /etc/systemd/system/cometbft.service";
            lab.root(dice.host(lab), &format!("test ! -d /home/ubuntu/node/config || {{ {damage}; }}")).ok();
            "a damaged host"
        }
    }
}

/// Runs `up`, and the fault in the middle of it; whether the run was cut.
fn strike(lab: &Lab, inventory: &str, kind: &str, moment: Moment, dice: &mut Dice) -> bool {
    let mut run = lab.start_loomctl(&["up", "-i", inventory, "--no-verify", "--json"]);
    match moment {
        Moment::After(wait) => std::thread::sleep(wait),
        Moment::Line(number) => drop(run.has_said_lines(number)),
    }
    if run.is_over() {
        run.wait().exits(0);
        return false;
    }
    let host = dice.host(lab);
    let run = match kind {
        "step" | "loomctl" => run.kill(),
        "session" => {
            lab.root(host, "pkill -KILL -f '^sshd: ubuntu'; true").ok();
            run.wait()
        }
        "host" => {
            lab.kill(host);
            let run = run.wait();
            lab.start(host);
            run
        }
        other => panic!("no fault {other:?}: step, loomctl, session, host"),
    };
    !run.stdout.contains("\"result\":\"ok\",\"seconds\"") || run.code != Some(0)
}

/// One plain `up`: verified, with the keys that there were, nothing temporary, no lock.
fn converges(lab: &Lab, inventory: &str, known: &mut BTreeMap<String, serde_json::Value>, when: &str) {
    still_the_same(known, made_once(lab, inventory), when);
    let run = lab.loomctl(&["up", "-i", inventory]);
    assert!(run.code == Some(0), "{when}: {run}");
    still_the_same(known, made_once(lab, inventory), when);
    for host in 0..lab.hosts() {
        let left = "find /home /var/lib/loomctl /etc/systemd -name '*loomctl-*' -o -name '*.new'";
        assert_eq!(lab.root(host, left).ok(), "", "{when}: temporary files");
    }
    let masters = command::run(Command::new("pgrep").args(["-f", "^ssh: /tmp/loomctl-[0-9]+.*\\[mux\\]"]));
    assert!(masters.stdout.lines().count() < 40, "{when}: masters stay: {masters}");
}
