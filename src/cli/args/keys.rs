//! `loomctl keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Hosts;

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Show the public parts: node id, validator address and key, the height signed last
    List(KeysList),
    /// Write private keys and sign states of all nodes to one file, encrypted with age
    Backup(KeysBackup),
    /// Put keys back onto a host that has lost its disk; `up` then brings the node up
    Restore(KeysRestore),
}

#[derive(Debug, Args)]
pub struct KeysList {
    #[command(flatten)]
    pub hosts: Hosts,
}

#[derive(Debug, Args)]
pub struct KeysBackup {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Encrypt to this age recipient (age1…); repeatable
    #[arg(short, long, value_name = "RECIPIENT", required = true)]
    pub recipient: Vec<String>,
    /// Write this file; never overwrite one
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Test the backup with this age identity file before it gets its name
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct KeysRestore {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Restore from this file of `keys backup`
    #[arg(value_name = "BACKUP")]
    pub backup: PathBuf,
    /// Decrypt it with this age identity file
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// Wait so many seconds for another run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=super::MAX_SECONDS))]
    pub lock_wait: u64,
}
