//! On real hosts, over real ssh.

mod causes;
mod damage;
mod hosts;
mod lab_itself;
mod life;

use crate::support::Suite;

pub fn register(suite: &mut Suite) {
    lab_itself::register(suite);
    life::register(suite);
    hosts::register(suite);
    causes::register(suite);
    damage::register(suite);
}
