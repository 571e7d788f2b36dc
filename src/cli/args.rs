//! The command line.

mod exec;
mod keys;
mod nodes;
mod offline;
mod remove;
mod upgrade;

use std::{path::PathBuf, time::Duration};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::{
    plan::{self, Goal},
    verify::Limits,
};

pub use exec::Exec;
pub use keys::{Keys, KeysBackup, KeysList, KeysRestore};
pub use nodes::{Nodes, OneService, Pace, Proof, Restart, Start, Stop};
pub use offline::{Chain, DocumentOf, Genesis, Inventory, Offline, Peers, PeersFormat, Render, SchemaOf};
pub use remove::Remove;
pub use upgrade::{Rollback, Upgrade};

/// A year: beyond it lies no moment that a clock could be asked for.
const MAX_SECONDS: u64 = 31_536_000;

/// Seconds to connect, where nothing else is said.
const CONNECT: u64 = 10;

#[derive(Debug, Parser)]
#[command(name = "loomctl", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 as asked, 1 a host or a check failed, 2 bad input (nothing was touched), \
3 refused for safety, 4 locked by another run, 10 changes are pending (--exit-code), 130 interrupted."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// The command line as it is read. `-f` is `--forks` everywhere but in `logs`, where it is what journalctl has; `exec` limits
/// more by `--timeout`.
pub fn command() -> clap::Command {
    let logs = |logs: clap::Command| {
        logs.mut_arg("forks", |forks| forks.short(None)).mut_arg("follow", |follow| follow.short('f'))
    };
    Cli::command().mut_subcommand("logs", logs).mut_subcommand("exec", exec::with_its_timeout)
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the cluster up: plan, apply, verify. Safe to run again
    Up(Up),
    /// Show what `up` would change and why, without changing anything
    Plan(Plan),
    /// Verify that the cluster runs: units, ports, peers, genesis, blocks
    Verify(Verify),
    /// Show height, peers and state of each node
    Status(Status),
    /// Show the facts gathered from each host
    Facts(Facts),
    /// Test the hosts before a rollout
    Doctor(Doctor),
    /// Show the journals of all nodes' units as one stream
    Logs(Logs),
    /// Show what was changed on the nodes, when and by whom
    History(History),
    /// Run a command on the hosts, and print alike outputs once
    Exec(Exec),
    /// Merge, check and compare genesis documents in files
    Genesis {
        #[command(subcommand)]
        command: Genesis,
    },
    /// Show which node dials which, from facts in a file
    Peers(Peers),
    /// Write everything that `up` would put on each host, as files below a folder
    Render(Render),
    /// List the known chains; show and check profiles
    Chain {
        #[command(subcommand)]
        command: Chain,
    },
    /// Print JSON schemas, for editors
    Schema { what: SchemaOf },
    /// List the nodes' public keys; back keys up, encrypted; restore them to a host that has lost them
    #[command(subcommand)]
    Keys(Keys),
    /// Show an inventory as Ansible reads it, and check it
    #[command(subcommand)]
    Inventory(Inventory),
    /// Start nodes that are down; no file is changed
    Start(Start),
    /// Stop nodes, over a reboot too, as far as the chain keeps its quorum
    Stop(Stop),
    /// Restart nodes one after another, each when the one before it has signed again
    Restart(Restart),
    /// Take a node out of its cluster for good: stop it, let the others stop dialling it, and never start it again
    Remove(Remove),
    /// Give nodes another binary, one after another, each when the one before it has signed again
    Upgrade(Upgrade),
    /// Give nodes their last binary back that made blocks on their hosts
    Rollback(Rollback),
    /// Stop the nodes; with --destroy also remove what loomctl has installed
    Down(Down),
    /// Print shell completions
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man,
}

/// Where the desired state comes from.
#[derive(Debug, Args)]
pub struct Desired {
    /// Read this inventory: a file, a directory, a script, or `host1,host2,`; repeatable (default: the paths in
    /// $LOOMCTL_INVENTORY, separated by commas, else inventory.yaml)
    #[arg(short, long, value_name = "INVENTORY")]
    pub inventory: Vec<PathBuf>,
    /// Set variables over all others: k=v, @FILE or {json}
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    /// Read the password of Ansible Vault from a file, or from a program that prints it
    #[arg(long, value_name = "FILE", env = "ANSIBLE_VAULT_PASSWORD_FILE")]
    pub vault_password_file: Vec<PathBuf>,
    /// Read a vault password with a label: LABEL@FILE, or LABEL@prompt
    #[arg(long, value_name = "ID")]
    pub vault_id: Vec<String>,
    /// Ask for the password of Ansible Vault
    #[arg(short = 'J', long, alias = "ask-vault-password")]
    pub ask_vault_pass: bool,
    #[command(flatten)]
    pub vagrant: Vagrant,
}

impl Desired {
    /// What `-i` names; else the paths of the environment, read as Ansible reads ANSIBLE_INVENTORY.
    pub fn inventories(&self) -> Vec<PathBuf> {
        if !self.inventory.is_empty() {
            return self.inventory.clone();
        }
        let named = std::env::var_os("LOOMCTL_INVENTORY").unwrap_or_default();
        let named = named.to_string_lossy();
        let paths = named.split(',').map(str::trim).filter(|path| !path.is_empty());
        let paths: Vec<PathBuf> = paths.map(PathBuf::from).collect();
        if paths.is_empty() { vec![PathBuf::from("inventory.yaml")] } else { paths }
    }
}

/// Vagrant's machines in an inventory's place.
#[derive(Debug, Args)]
pub struct Vagrant {
    /// Use the machines of the Vagrantfile in DIR (default: here) instead of an inventory
    #[arg(long = "vagrant", value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    pub folder: Option<PathBuf>,
    /// Leave out the machines that do not run (with --vagrant)
    #[arg(long, requires = "folder")]
    pub running_only: bool,
}

/// What every command on hosts shares.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // Flags are what a command line has.
pub struct Hosts {
    #[command(flatten)]
    pub desired: Desired,
    /// Touch only these hosts: names, groups, globs, `:`, `!`, `&`, `~regex`, `group[0]`, `@file`
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Work on so many machines at once
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    pub forks: usize,
    /// Print one JSON object a line on stdout
    #[arg(long)]
    pub json: bool,
    /// Print more about what happens (-vv: everything; RUST_LOG counts too)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print only errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Print without colour (NO_COLOR counts too)
    #[arg(long)]
    pub no_color: bool,
    /// Give a host so many seconds to connect
    #[arg(long, value_name = "SECONDS", default_value_t = CONNECT, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub timeout: u64,
    /// Give a host up after so many silent seconds of one step or one piece of an upload
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    pub step_timeout: u64,
    /// Take the cluster's lock on this host, when the first one of the inventory is down
    #[arg(long, value_name = "NAME")]
    pub lock_host: Option<String>,
    /// Ask for the sudo password
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
}

/// Deadlines of the verification.
#[derive(Debug, Clone, Args)]
pub struct Deadlines {
    /// Give ports and RPC so many seconds to answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub listen_timeout: u64,
    /// Give every node so many seconds to make blocks; 0: by the chain's own block time
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub blocks_timeout: u64,
    /// Give every node so many seconds to catch up
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub sync_timeout: u64,
    /// Give one answer of a node's RPC so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub rpc_timeout: u64,
}

impl Deadlines {
    pub fn limits(&self) -> Limits {
        Limits {
            listen: Duration::from_secs(self.listen_timeout),
            blocks: Duration::from_secs(self.blocks_timeout),
            sync: Duration::from_secs(self.sync_timeout),
            answer: Duration::from_secs(self.rpc_timeout),
        }
    }
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)]
pub struct Up {
    #[command(flatten)]
    pub hosts: Hosts,
    #[command(flatten)]
    pub deadlines: Deadlines,
    /// Change nothing, show what would be done
    #[arg(long)]
    pub check: bool,
    /// Show differences of contents
    #[arg(long)]
    pub diff: bool,
    /// Exit 10 when changes are pending (with --check)
    #[arg(long)]
    pub exit_code: bool,
    /// Wait so many seconds for another run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub lock_wait: u64,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// Do not verify the result
    #[arg(long)]
    pub no_verify: bool,
    /// Write a page about the run: when each host did what, the checks, the changes, which node dials which
    #[arg(long, value_name = "FILE.html", conflicts_with = "check")]
    pub report: Option<PathBuf>,
    /// Carry out this plan (of `plan --out`), with the flags that it was made with, and nothing else
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["check", "limit", "roll", "allow_upgrade", "allow_halt", "reset_unborn", "adopt"]
    )]
    pub plan: Option<PathBuf>,
    #[command(flatten)]
    pub consent: Consent,
}

/// What may be done to a chain that is there.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools)]
pub struct Consent {
    /// Restart what has to be restarted on a live chain, one node after another
    #[arg(long)]
    pub roll: bool,
    /// Give the nodes of a live chain another binary (with --roll)
    #[arg(long)]
    pub allow_upgrade: bool,
    /// Go on even where blocks stop meanwhile (with --roll)
    #[arg(long)]
    pub allow_halt: bool,
    /// Remove the state (not the keys) of a cluster that has started but never made a block
    #[arg(long)]
    pub reset_unborn: bool,
    /// Take over nodes that somebody else made: their keys, documents and configuration stay
    #[arg(long, conflicts_with = "reset_unborn")]
    pub adopt: bool,
}

impl Consent {
    pub fn over(&self, options: &mut plan::Options) {
        options.consent =
            plan::Consent { roll: self.roll, upgrade: self.allow_upgrade, halt: self.allow_halt };
        options.goal = match (self.reset_unborn, self.adopt) {
            (true, _) => Goal::Reset,
            (false, true) => Goal::Adopt,
            (false, false) => Goal::Converge,
        };
    }
}

#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Do not show differences of contents
    #[arg(long)]
    pub no_diff: bool,
    /// Exit 10 when changes are pending
    #[arg(long)]
    pub exit_code: bool,
    /// Save the plan, for `up --plan FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Hash every binary again, even where inode, size and times are unchanged
    #[arg(long)]
    pub deep: bool,
    #[command(flatten)]
    pub deadlines: Deadlines,
}

#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Refresh every so many seconds until Ctrl-C, with rates, lags and free disk space
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    pub watch: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    pub hosts: Hosts,
}

#[derive(Debug, Args)]
pub struct Logs {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Follow new lines until Ctrl-C; without -n and --since after the last 10 lines
    #[arg(long)]
    pub follow: bool,
    /// Show lines from this time on, as journalctl reads it: 2026-01-31 12:00, today, -1h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Show only messages that match, as journalctl's --grep does
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub grep: Option<String>,
    /// Show the last so many lines of all nodes together
    #[arg(short = 'n', long, value_name = "LINES")]
    pub lines: Option<usize>,
    /// Show only one service of each node, or the chain's own program by its name
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
}

#[derive(Debug, Args)]
pub struct History {
    #[command(flatten)]
    pub hosts: Hosts,
}

#[derive(Debug, Args)]
pub struct Facts {
    #[command(flatten)]
    pub hosts: Hosts,
}

#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Args)]
pub struct Down {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Remove what loomctl has installed, and the chain's data; keep the keys
    #[arg(long)]
    pub destroy: bool,
    /// Stop so many validators that the quorum is lost and blocks stop (with --limit)
    #[arg(long)]
    pub allow_halt: bool,
    /// Remove the keys, too (with --destroy)
    #[arg(long, requires = "destroy")]
    pub delete_keys: bool,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// Wait so many seconds for another run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub lock_wait: u64,
}
