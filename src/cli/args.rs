//! The command line.

mod keys;
mod offline;

use std::{path::PathBuf, time::Duration};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::{plan, verify::Limits};

pub use keys::{Keys, KeysBackup, KeysList, KeysRestore};
pub use offline::{Chain, DocumentOf, Genesis, Inventory, Offline, Peers, PeersFormat, Render, SchemaOf};

/// A year: beyond it lies no moment that a clock could be asked for.
const MAX_SECONDS: u64 = 31_536_000;

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

/// The command line as it is read. `-f` is `--forks` everywhere but in `logs`, where it is what journalctl has.
pub fn command() -> clap::Command {
    Cli::command().mut_subcommand("logs", |logs| {
        logs.mut_arg("forks", |forks| forks.short(None)).mut_arg("follow", |follow| follow.short('f'))
    })
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the cluster up: plan, apply, verify. Safe to run again
    Up(Up),
    /// Show what `up` would change and why, without changing anything
    Plan(Plan),
    /// Prove that the cluster runs: units, ports, peers, genesis, blocks
    Verify(Verify),
    /// Heights, peers and state of every node
    Status(Status),
    /// What the hosts say of themselves
    Facts(Facts),
    /// What a rollout would meet on the hosts, before there is one
    Doctor(Doctor),
    /// The journals of all nodes' units as one stream
    Logs(Logs),
    /// What was changed on the nodes, when and by whom
    History(History),
    /// Genesis documents in files: merge what each node's init made, check one, compare two
    Genesis {
        #[command(subcommand)]
        command: Genesis,
    },
    /// Who dials whom, from facts that were written down
    Peers(Peers),
    /// Everything that `up` would put on each host, as files below a folder
    Render(Render),
    /// The chains that are known, and profiles of your own
    Chain {
        #[command(subcommand)]
        command: Chain,
    },
    /// JSON schemas, for editors
    Schema { what: SchemaOf },
    /// The nodes' keys: their public parts, an encrypted backup, and back onto a host that has lost them
    #[command(subcommand)]
    Keys(Keys),
    /// What an inventory says, and what loomctl makes of it
    #[command(subcommand)]
    Inventory(Inventory),
    /// Stop the nodes; with --destroy also remove what loomctl has put there
    Down(Down),
    /// Print shell completions
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man,
}

/// Where the desired state comes from.
#[derive(Debug, Args)]
pub struct Desired {
    /// Inventory: a file, a directory, a script, or `host1,host2,`; may be given more than once (default: the paths in
    /// $LOOMCTL_INVENTORY, with commas between them, else inventory.yaml)
    #[arg(short, long, value_name = "INVENTORY")]
    pub inventory: Vec<PathBuf>,
    /// Variables over all others: k=v, @FILE or {json}
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    /// A file with the password of Ansible Vault, or a program that prints it
    #[arg(long, value_name = "FILE", env = "ANSIBLE_VAULT_PASSWORD_FILE")]
    pub vault_password_file: Vec<PathBuf>,
    /// The same with a label: LABEL@FILE, or LABEL@prompt
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
    /// The machines of the Vagrantfile in DIR (default: here) instead of an inventory
    #[arg(long = "vagrant", value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    pub folder: Option<PathBuf>,
    /// With --vagrant: leave out the machines that do not run
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
    /// How many machines at once
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    pub forks: usize,
    /// One JSON object a line on stdout
    #[arg(long)]
    pub json: bool,
    /// More about what happens (-vv: everything, RUST_LOG counts too)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Only errors
    #[arg(short, long)]
    pub quiet: bool,
    /// No colour (NO_COLOR counts too)
    #[arg(long)]
    pub no_color: bool,
    /// Seconds that a host may take to connect
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub timeout: u64,
    /// Seconds that a host may say nothing while it works on one thing (a step, a piece of an upload) before it is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    pub step_timeout: u64,
    /// The host that holds the cluster's lock, when the first one of the inventory is down
    #[arg(long, value_name = "NAME")]
    pub lock_host: Option<String>,
    /// Ask for the sudo password
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
}

/// Deadlines of the verification.
#[derive(Debug, Clone, Args)]
pub struct Deadlines {
    /// Seconds until ports must listen and the RPC must answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub listen_timeout: u64,
    /// Seconds until every node must make blocks; 0: learned from the chain's own block time
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub blocks_timeout: u64,
    /// Seconds until no node may be catching up any more
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub sync_timeout: u64,
    /// Seconds that one answer of a node's RPC may take
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
    /// With --check: exit 10 when changes are pending
    #[arg(long)]
    pub exit_code: bool,
    /// Seconds to wait for another run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub lock_wait: u64,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// Do not prove the result
    #[arg(long)]
    pub no_verify: bool,
    /// Write what happened on one page: when each host did what, the proof, what changed, who dials whom
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
    /// With --roll: give the nodes of a live chain another binary
    #[arg(long)]
    pub allow_upgrade: bool,
    /// With --roll: go on even where blocks will stop meanwhile
    #[arg(long)]
    pub allow_halt: bool,
    /// Remove the state (not the keys) of a cluster that has started but never made a block
    #[arg(long)]
    pub reset_unborn: bool,
    /// Take over nodes that somebody else made: their keys, documents and configuration stay
    #[arg(long)]
    pub adopt: bool,
}

impl Consent {
    pub fn over(&self, options: &mut plan::Options) {
        options.consent =
            plan::Consent { roll: self.roll, upgrade: self.allow_upgrade, halt: self.allow_halt };
        options.reset = self.reset_unborn;
        options.adopt = self.adopt;
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
    /// Write the plan down, for `up --plan FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Hash every binary again, whatever inode, size and times say of it
    #[arg(long)]
    pub deep: bool,
    #[command(flatten)]
    pub deadlines: Deadlines,
}

#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub hosts: Hosts,
    /// Look again every so many seconds until Ctrl-C, with rates, lags and what is left of the disk
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
    /// Go on with what comes, until Ctrl-C; without -n and --since after the last 10 lines
    #[arg(long)]
    pub follow: bool,
    /// From then on, in journalctl's words: 2026-01-31 12:00, today, -1h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only messages that match, as journalctl's --grep does
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub grep: Option<String>,
    /// Only the last so many lines of all nodes together
    #[arg(short = 'n', long, value_name = "LINES")]
    pub lines: Option<usize>,
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
    /// Also remove what loomctl has put there, and the chain's data; keys stay
    #[arg(long)]
    pub destroy: bool,
    /// Stop nodes although blocks stop then: with --limit, one third or more of the voting power
    #[arg(long)]
    pub allow_halt: bool,
    /// With --destroy: the keys too
    #[arg(long, requires = "destroy")]
    pub delete_keys: bool,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// Seconds to wait for another run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_SECONDS))]
    pub lock_wait: u64,
}
