//! On real hosts, over real ssh.

mod lab_itself;

use crate::support::Suite;

pub fn register(suite: &mut Suite) {
    lab_itself::register(suite);
}
