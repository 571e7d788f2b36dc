//! `loomctl start`, `stop` and `restart`.

use clap::Args;

use super::{Deadlines, Hosts, MAX_SECONDS};

/// What the three share.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)]
pub struct Nodes {
    /// Only these hosts, as --limit takes them (default: all)
    #[arg(value_name = "PATTERN", conflicts_with = "limit")]
    pub pattern: Option<String>,
    #[command(flatten)]
    pub hosts: Hosts,
    /// Change nothing, show what would be done
    #[arg(long)]
    pub check: bool,
    /// Exit 10 when changes are pending (with --check)
    #[arg(long)]
    pub exit_code: bool,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// Wait so many seconds for another run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub lock_wait: u64,
}

#[derive(Debug, Args)]
pub struct OneService {
    /// Only this service of each node, or the chain's own program by its name
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
}

/// How the result is proven.
#[derive(Debug, Args)]
pub struct Proof {
    #[command(flatten)]
    pub deadlines: Deadlines,
    /// Do not verify the result
    #[arg(long)]
    pub no_verify: bool,
}

#[derive(Debug, Args)]
pub struct Start {
    #[command(flatten)]
    pub nodes: Nodes,
    #[command(flatten)]
    pub one: OneService,
    #[command(flatten)]
    pub proof: Proof,
}

#[derive(Debug, Args)]
pub struct Stop {
    #[command(flatten)]
    pub nodes: Nodes,
    #[command(flatten)]
    pub one: OneService,
    /// Stop so many validators that the quorum is lost and blocks stop
    #[arg(long)]
    pub allow_halt: bool,
}

#[derive(Debug, Args)]
pub struct Restart {
    #[command(flatten)]
    pub nodes: Nodes,
    #[command(flatten)]
    pub one: OneService,
    #[command(flatten)]
    pub proof: Proof,
    #[command(flatten)]
    pub pace: Pace,
}

/// How nodes are restarted one after another.
#[derive(Debug, Args)]
pub struct Pace {
    /// Go on even where blocks stop meanwhile
    #[arg(long)]
    pub allow_halt: bool,
    /// Restart so many nodes first, and the others only after --soak
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub canary: Option<u16>,
    /// Wait for so many blocks after the canaries
    #[arg(long, value_name = "BLOCKS", default_value_t = 10, requires = "canary")]
    pub soak: u32,
}
