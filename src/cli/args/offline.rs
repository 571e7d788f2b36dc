//! Commands without hosts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Desired;

#[derive(Debug, Subcommand)]
pub enum Inventory {
    /// Vagrant's machines as an inventory in YAML, for `-i` or for Ansible
    FromVagrant {
        /// The folder with the Vagrantfile
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
        /// Leave out the machines that do not run
        #[arg(long)]
        running_only: bool,
    },
    /// Groups, hosts and their variables as JSON, as `ansible-inventory --list` prints them
    List {
        #[command(flatten)]
        desired: Desired,
        /// Only these hosts
        #[arg(short, long, value_name = "PATTERN")]
        limit: Option<String>,
    },
    /// The names of hosts, in Ansible's order, one a line
    Hosts {
        #[command(flatten)]
        desired: Desired,
        /// Only these hosts
        #[arg(short, long, value_name = "PATTERN")]
        limit: Option<String>,
    },
    /// Groups and hosts as a tree, as `ansible-inventory --graph` prints it
    Graph {
        #[command(flatten)]
        desired: Desired,
        /// With their variables
        #[arg(long)]
        vars: bool,
        /// Where the tree begins
        #[arg(default_value = "all")]
        group: String,
    },
    /// What loomctl makes of each host, where each variable comes from, and all that is wrong
    Check {
        #[command(flatten)]
        desired: Desired,
        /// One JSON object a host on stdout
        #[arg(long)]
        json: bool,
    },
}

/// A document, and the chain whose rules it follows.
#[derive(Debug, Args)]
pub struct DocumentOf {
    /// The chain's name, or the folder of a profile of your own
    #[arg(long, value_name = "NAME")]
    pub chain: String,
    /// Which of the chain's documents, where it has several
    #[arg(long, value_name = "NAME")]
    pub document: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Genesis {
    /// The first file with the validators of all, in this order; to stdout
    Merge {
        #[command(flatten)]
        of: DocumentOf,
        /// Instead of the first file's own
        #[arg(long, value_name = "ID")]
        chain_id: Option<String>,
        /// What `init` made on each host
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Everything that is wrong with a document
    Check {
        #[command(flatten)]
        of: DocumentOf,
        file: PathBuf,
    },
    /// What two documents have otherwise, by its meaning
    Diff {
        /// The chain's name, where the documents do not show it
        #[arg(long, value_name = "NAME")]
        chain: Option<String>,
        /// Which of the chain's documents
        #[arg(long, value_name = "NAME", requires = "chain")]
        document: Option<String>,
        /// Exit 10 when they differ
        #[arg(long)]
        exit_code: bool,
        /// One JSON object a line on stdout
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
    /// What `loomctl facts --json` printed; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub facts: PathBuf,
}

#[derive(Debug, Args)]
pub struct Peers {
    #[command(flatten)]
    pub offline: Offline,
    /// Only what this node dials
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
    /// A new folder: DIR/NODE/absolute/path
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum Chain {
    /// The chains in this program
    List,
    /// A chain's profile; with -o all its files, to begin one's own with
    Show {
        name: String,
        /// A new folder for profile and templates
        #[arg(short, long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// What is wrong with the profile in a folder
    Check { dir: PathBuf },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum SchemaOf {
    /// A chain's profile.yaml
    Profile,
    /// loomctl's own variables, in YAML inventories
    Inventory,
}
