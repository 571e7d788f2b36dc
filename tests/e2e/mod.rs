//! On real hosts, over real ssh.

mod causes;
mod download;
mod hosts;
mod keys;
mod lab_itself;
mod life;
mod look;
mod rolling;
mod trust;

use crate::support::Suite;

pub fn register(suite: &mut Suite) {
    lab_itself::register(suite);
    look::register(suite);
    life::register(suite);
    hosts::register(suite);
    keys::register(suite);
    causes::register(suite);
    rolling::register(suite);
    download::register(suite);
    trust::register(suite);
}
