//! Commands without hosts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Desired;

#[derive(Debug, Subcommand)]
pub enum Inventory {
    /// Print Vagrant's machines as an inventory in YAML, for `-i` or for Ansible
    FromVagrant {
        /// Read the Vagrantfile in this folder
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
        /// Leave out the machines that do not run
        #[arg(long)]
        running_only: bool,
    },
    /// Print groups, hosts and variables as JSON, as `ansible-inventory --list` does
    List {
        #[command(flatten)]
        desired: Desired,
        /// Select these hosts
        #[arg(short, long, value_name = "PATTERN")]
        limit: Option<String>,
        /// Print passwords and the values of encrypted files, too
        #[arg(long)]
        reveal: bool,
    },
    /// Print the names of hosts, one a line, in Ansible's order
    Hosts {
        #[command(flatten)]
        desired: Desired,
        /// Select these hosts
        #[arg(short, long, value_name = "PATTERN")]
        limit: Option<String>,
    },
    /// Print groups and hosts as a tree, as `ansible-inventory --graph` does
    Graph {
        #[command(flatten)]
        desired: Desired,
        /// Include variables
        #[arg(long)]
        vars: bool,
        /// Print passwords and the values of encrypted files, too
        #[arg(long, requires = "vars")]
        reveal: bool,
        /// Begin at this group
        #[arg(default_value = "all")]
        group: String,
    },
    /// Show each host's node, the origin of each variable, and all problems
    Check {
        #[command(flatten)]
        desired: Desired,
        /// Print one JSON object a host on stdout
        #[arg(long)]
        json: bool,
    },
}

/// A document, and the chain whose rules it follows.
#[derive(Debug, Args)]
pub struct DocumentOf {
    /// Use the rules of this chain: a name, or the folder of a custom profile
    #[arg(long, value_name = "NAME")]
    pub chain: String,
    /// Name the document, where the chain has several
    #[arg(long, value_name = "NAME")]
    pub document: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Genesis {
    /// Print the first file with the validators of all, in this order
    Merge {
        #[command(flatten)]
        of: DocumentOf,
        /// Set this chain id instead of the first file's
        #[arg(long, value_name = "ID")]
        chain_id: Option<String>,
        /// Merge these files, as `init` made them on each host
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show all problems of a document
    Check {
        #[command(flatten)]
        of: DocumentOf,
        file: PathBuf,
    },
    /// Show how two documents differ in meaning
    Diff {
        /// Use the rules of this chain, where the documents do not show it
        #[arg(long, value_name = "NAME")]
        chain: Option<String>,
        /// Name the document
        #[arg(long, value_name = "NAME", requires = "chain")]
        document: Option<String>,
        /// Exit 10 when they differ
        #[arg(long)]
        exit_code: bool,
        /// Print one JSON object a line on stdout
        #[arg(long)]
        json: bool,
        left: PathBuf,
        right: PathBuf,
    },
}

/// A command without hosts: the inventory, and what the hosts said when they were asked.
#[derive(Debug, Args)]
pub struct Offline {
    #[command(flatten)]
    pub desired: Desired,
    /// Read facts as `loomctl facts --json` prints them; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub facts: PathBuf,
}

#[derive(Debug, Args)]
pub struct Peers {
    #[command(flatten)]
    pub offline: Offline,
    /// Show only what this node dials
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    #[arg(long, value_enum, default_value_t = PeersFormat::Flag)]
    pub format: PeersFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PeersFormat {
    /// As the chain writes it
    Flag,
    /// As a line of TOML
    Toml,
    /// As objects with name, id, host and port
    Json,
}

#[derive(Debug, Args)]
pub struct Render {
    #[command(flatten)]
    pub offline: Offline,
    /// Write to this new folder: DIR/NODE/absolute/path
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum Chain {
    /// List the built-in chains
    List,
    /// Print a chain's profile; with -o write all its files, as a start for a custom one
    Show {
        name: String,
        /// Write profile and templates to this new folder
        #[arg(short, long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Show all problems of the profile in a folder
    Check { dir: PathBuf },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum SchemaOf {
    /// Print the schema of a chain's profile.yaml
    Profile,
    /// Print the schema of loomctl's variables in YAML inventories
    Inventory,
}
