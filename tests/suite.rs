//! All tests outside of src/, as one program: `cargo test --test suite -- PART_OF_A_NAME`.
//!
//! Each module has a `register` that names its tests; a test that nobody registers is dead code and fails the lints.
//! Tests on hosts borrow a lab of four (see support/pool.rs); where labs cannot run they are reported as ignored.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where it fails")]

mod e2e;
mod inventory;
mod support;

fn main() {
    let mut suite = support::Suite::new();
    inventory::register(&mut suite);
    e2e::register(&mut suite);
    suite.run();
}
