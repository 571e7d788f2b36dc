//! On real hosts, over real ssh.

mod adopt;
mod attacks;
mod audit;
mod causes;
mod chains;
mod damage;
mod download;
mod faults;
mod grown;
mod hardened;
mod hostile;
mod hosts;
mod joined;
mod keys;
mod keys_backup;
mod lab_itself;
mod life;
mod matrix;
mod offline;
mod pace;
mod plans;
mod reading;
mod report;
mod rolling;
mod services;
mod sign_state;
mod speed;
mod terminal;
mod trust;
mod usermode;
mod vagrant;

use crate::support::Suite;

pub fn register(suite: &mut Suite) {
    attacks::register(suite);
    audit::register(suite);
    lab_itself::register(suite);
    reading::register(suite);
    offline::register(suite);
    life::register(suite);
    hosts::register(suite);
    joined::register(suite);
    keys::register(suite);
    keys_backup::register(suite);
    causes::register(suite);
    chains::register(suite);
    adopt::register(suite);
    matrix::register(suite);
    pace::register(suite);
    plans::register(suite);
    report::register(suite);
    rolling::register(suite);
    services::register(suite);
    sign_state::register(suite);
    download::register(suite);
    speed::register(suite);
    terminal::register(suite);
    trust::register(suite);
    usermode::register(suite);
    damage::register(suite);
    hardened::register(suite);
    faults::register(suite);
    grown::register(suite);
    hostile::register(suite);
    vagrant::register(suite);
}
