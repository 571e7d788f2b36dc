//! On real hosts, over real ssh.

mod causes;
mod hosts;
mod lab_itself;
mod life;
mod rolling;

use crate::support::Suite;

pub fn register(suite: &mut Suite) {
    lab_itself::register(suite);
    life::register(suite);
    hosts::register(suite);
    causes::register(suite);
    rolling::register(suite);
}
