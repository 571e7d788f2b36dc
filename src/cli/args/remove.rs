//! `loomctl remove`.

use std::path::PathBuf;

use clap::Args;

use super::{Deadlines, Hosts, MAX_SECONDS};

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)]
pub struct Remove {
    /// The host, by its name in the inventory; --limit is about the others
    #[arg(value_name = "NODE")]
    pub node: String,
    #[command(flatten)]
    pub hosts: Hosts,
    #[command(flatten)]
    pub deadlines: Deadlines,
    /// Restart the others on the live chain, one after another, so that they let go of it
    #[arg(long)]
    pub roll: bool,
    /// Stop a validator that the quorum needs, and go on even where blocks stop meanwhile
    #[arg(long)]
    pub allow_halt: bool,
    /// Bring it back: the next `up` starts it again; where its host has other keys by now, free its name alone
    #[arg(long, conflicts_with_all = ["roll", "allow_halt", "report"])]
    pub undo: bool,
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
    /// Write a page about the run
    #[arg(long, value_name = "FILE.html", conflicts_with = "check")]
    pub report: Option<PathBuf>,
}
