//! `loomctl upgrade` and `loomctl rollback`.

use clap::Args;

use super::{Nodes, Pace, Proof};

#[derive(Debug, Args)]
pub struct Upgrade {
    #[command(flatten)]
    pub nodes: Nodes,
    #[command(flatten)]
    pub proof: Proof,
    #[command(flatten)]
    pub pace: Pace,
    /// The new binary: a file of this machine, or a URL (default: what the inventory has)
    #[arg(long, value_name = "FILE|URL")]
    pub binary: Option<String>,
    /// Its sha256; a URL needs one
    #[arg(long, value_name = "HEX", requires = "binary")]
    pub sha256: Option<String>,
    /// Put it on the hosts and try it there; nothing runs it yet
    #[arg(long, conflicts_with_all = ["canary", "allow_halt"])]
    pub prepare: bool,
}

#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    pub nodes: Nodes,
    #[command(flatten)]
    pub proof: Proof,
    #[command(flatten)]
    pub pace: Pace,
}
