//! `loomctl keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Hosts;

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Public parts: node id, validator address and key, the height that was signed last
    List(KeysList),
    /// Private keys and sign states of all nodes into one file that is encrypted with age
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
    /// Whom it is encrypted to: a recipient of age (age1…); may be given more than once
    #[arg(short, long, value_name = "RECIPIENT", required = true)]
    pub recipient: Vec<String>,
    /// The file to write; one that is there is left alone
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// An identity file of age: the backup is decrypted with it and compared before it gets its name
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct KeysRestore {
    #[command(flatten)]
    pub hosts: Hosts,
    /// A file of `keys backup`
    #[arg(value_name = "BACKUP")]
    pub backup: PathBuf,
    /// The identity file of age that opens it
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// Seconds to wait for another run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=super::MAX_SECONDS))]
    pub lock_wait: u64,
}
