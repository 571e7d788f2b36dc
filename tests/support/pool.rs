//! Labs of four hosts, as many as two cores can feed, lent to one test at a time and pristine each time.
//!
//! `LOOMCTL_TEST_LAB=FOLDER` lends a lab that is running already instead (`tests/lab/lab up 4`), which saves the boot
//! while one works on a test.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Lab;

const LABS: usize = 2;
const HOSTS: usize = 4;

struct Pool {
    idle: Vec<Lab>,
    lent: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { idle: Vec::new(), lent: 0 });
static RETURNED: Condvar = Condvar::new();

pub struct Borrowed(Option<Lab>);

/// Four pristine hosts; waits while all labs are lent.
pub fn borrow() -> Borrowed {
    let shared = std::env::var_os("LOOMCTL_TEST_LAB").map(PathBuf::from);
    let most = if shared.is_some() { 1 } else { LABS };
    let mut pool = pool();
    while pool.lent == most {
        pool = RETURNED.wait(pool).unwrap_or_else(PoisonError::into_inner);
    }
    pool.lent += 1;
    let used = pool.idle.pop();
    drop(pool);
    // From here on a panic must give the place back.
    let mut place = Borrowed(None);
    place.0 = Some(match (used, shared) {
        (Some(lab), _) => refreshed(lab),
        (None, Some(folder)) => refreshed(Lab::running(folder)),
        (None, None) => Lab::up(HOSTS),
    });
    place
}

/// A lab that a test has damaged beyond a fresh boot is replaced.
fn refreshed(mut lab: Lab) -> Lab {
    match lab.fresh() {
        Ok(()) => lab,
        Err(run) => {
            eprintln!("a lab is replaced: {run}");
            drop(lab);
            Lab::up(HOSTS)
        }
    }
}

/// Takes all labs down.
pub fn close() {
    pool().idle.clear();
}

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deref for Borrowed {
    type Target = Lab;
    fn deref(&self) -> &Lab {
        self.0.as_ref().expect("only drop takes the lab out")
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let mut pool = pool();
        pool.idle.extend(self.0.take());
        pool.lent -= 1;
        RETURNED.notify_one();
    }
}
