//! What tests stand on: the runner, labs of real hosts, inventories, the program under test.
#![allow(dead_code, reason = "a toolbox: not every tool is in use at every moment")]

pub mod command;
pub mod dice;
pub mod inventory;
pub mod lab;
pub mod pool;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};

pub use lab::Lab;

/// A test and its full name. Made by `tests!`.
pub type Named<F> = (&'static str, F);

/// `tests![one, two]`: the functions with their full names, for `Suite::plain` and `Suite::on_lab`.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => { vec![$((concat!(module_path!(), "::", stringify!($test)), $test as _)),+] };
}
pub(crate) use tests;

pub struct Suite {
    arguments: Arguments,
    trials: Vec<Trial>,
    /// They come first: once others are at work, each would stand still until they have ended.
    alone: Vec<Trial>,
    /// Why hosts cannot run here, if they cannot.
    no_labs: Option<String>,
    on_labs: usize,
}

impl Suite {
    pub fn new() -> Self {
        let arguments = Arguments::from_args();
        let no_labs = if arguments.list { None } else { lab::impossible() };
        Self { arguments, trials: Vec::new(), alone: Vec::new(), no_labs, on_labs: 0 }
    }

    /// Tests that need nothing but this program.
    pub fn plain(&mut self, tests: Vec<Named<fn()>>) {
        for (name, test) in tests {
            self.add(name, false, test);
        }
    }

    /// The same for those that measure: nothing else is tested meanwhile.
    pub fn plain_alone(&mut self, tests: Vec<Named<fn()>>) {
        for (name, test) in tests {
            let trial = trial(name, false, move || alone(test));
            self.alone.push(trial);
        }
    }

    /// Tests that ask Ansible itself; where it is not installed they are reported as ignored.
    pub fn with_ansible(&mut self, tests: Vec<Named<fn()>>) {
        let is_there = self.arguments.list || setup_path("ANSIBLE").join("bin/python").exists();
        for (name, test) in tests {
            self.trials.push(trial(name, !is_there, test));
        }
    }

    /// Tests that need something that tests/lab/setup makes where it can; elsewhere they are reported as ignored.
    pub fn plain_where(&mut self, is_there: bool, tests: Vec<Named<fn()>>) {
        let is_there = self.arguments.list || is_there;
        for (name, test) in tests {
            self.trials.push(trial(name, !is_there, test));
        }
    }

    /// Tests that get four pristine hosts.
    pub fn on_lab(&mut self, tests: Vec<Named<fn(&Lab)>>) {
        for (name, test) in tests {
            self.add(name, true, move || test(&pool::borrow()));
        }
    }

    /// The same for those that measure: nothing else is tested meanwhile.
    pub fn on_lab_alone(&mut self, tests: Vec<Named<fn(&Lab)>>) {
        for (name, test) in tests {
            self.on_labs += 1;
            let trial = trial(name, self.no_labs.is_some(), move || alone(|| test(&pool::borrow())));
            self.alone.push(trial);
        }
    }

    /// Those on four pristine hosts that take long: only where faults are asked for (`make test-faults`). Their names begin with
    /// `slow_`.
    pub fn slow_on_lab(&mut self, tests: Vec<Named<fn(&Lab)>>) {
        if std::env::var_os("LOOMCTL_FAULTS").is_some() {
            self.on_lab(tests);
        }
    }

    /// Tests that bring up labs of their own.
    pub fn with_labs(&mut self, tests: Vec<Named<fn()>>) {
        for (name, test) in tests {
            self.add(name, true, test);
        }
    }

    fn add(&mut self, name: &str, hosts: bool, test: impl FnOnce() + Send + 'static) {
        self.on_labs += usize::from(hosts);
        self.trials.push(trial(name, hosts && self.no_labs.is_some(), move || {
            let _with_others = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
            test();
        }));
    }

    /// Runs what the arguments select, takes every lab down, and exits with the runner's status.
    pub fn run(self) -> ! {
        if let Some(why) = &self.no_labs {
            eprintln!("\n{} tests on hosts are skipped (below: ignored): {why}", self.on_labs);
        }
        let trials = self.alone.into_iter().chain(self.trials).collect();
        let conclusion = libtest_mimic::run(&self.arguments, trials);
        pool::close();
        let mut slowest = std::mem::take(&mut *times());
        slowest.sort_unstable();
        for (time, name) in slowest.iter().rev().take(10) {
            eprintln!("{:7.1} s  {name}", time.as_secs_f64());
        }
        conclusion.exit()
    }
}

fn trial(name: &str, skipped: bool, test: impl FnOnce() + Send + 'static) -> Trial {
    let name = name.strip_prefix("suite::").unwrap_or(name);
    let called = name.to_owned();
    let trial = Trial::test(name, move || {
        let begun = Instant::now();
        test();
        times().push((begun.elapsed(), called));
        Ok(())
    });
    trial.with_ignored_flag(skipped)
}

/// Read by whoever tests, written by whoever measures.
static MACHINE: RwLock<()> = RwLock::new(());

fn alone(measures: impl FnOnce()) {
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    measures();
}

/// How long each test took, its wait for a lab included.
fn times() -> MutexGuard<'static, Vec<(Duration, String)>> {
    static TIMES: Mutex<Vec<(Duration, String)>> = Mutex::new(Vec::new());
    TIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of this repository, by its path from the top.
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The chain binary that tests/lab/setup has built: `COMETBFT` or `LOOM` (the stand-in).
pub fn chain_binary(name: &str) -> PathBuf {
    setup_path(name)
}

/// What tests/lab/setup has put somewhere: chain binaries, and `ANSIBLE`, a virtual environment.
pub fn setup_path(name: &str) -> PathBuf {
    let setup = command::run(Command::new(in_repository("tests/lab/setup")).arg("--paths")).ok();
    let path = setup.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    path.map(PathBuf::from).expect("setup --paths names everything that it installs")
}
