//! The desired state: what the inventory asks for, typed and checked. No connection has been opened yet.

pub mod backup;
pub mod decided;
pub mod folder;
pub mod network;
pub mod profiles;
pub mod read;
pub mod resolve;
pub mod schema;
pub mod variables;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use network::Joined;

pub use crate::chain::peers::topology::Role;
use crate::{
    chain::{
        basics::{Basics, Settings},
        genesis::Overrides,
        peers::{PeerInfo, Peering, Strategy, topology::Spot},
        profile::Profile,
        unit::UnitOverrides,
    },
    types::{
        ids::{
            ChainId, ClusterName, FileName, HostAddr, NodeName, Power, RemotePath, ServiceName, Sha256,
            UnitName, Url, UserName,
        },
        login::Login,
        scope::Scope,
    },
};

#[derive(Debug, Clone)]
pub struct Cluster {
    pub name: ClusterName,
    pub chain_id: ChainId,
    pub profile: Arc<Profile>,
    pub machines: Vec<Machine>,
    /// In inventory order: the validators' order in a genesis.
    pub nodes: Vec<Node>,
    /// `genesis: {DOCUMENT: {dotted.path: value}}`
    pub genesis: Overrides,
    pub strategy: Strategy,
    /// The network that the nodes join; `None`: it is made of them.
    pub joined: Option<Joined>,
}

/// Hosts of the inventory with the same address, port and user are nodes of one machine.
#[derive(Debug, Clone)]
pub struct Machine {
    pub login: Arc<Login>,
    /// Known when it is connected to; until then the machine's own.
    pub scope: Scope,
    /// Numbers into `Cluster::nodes`.
    pub nodes: Vec<usize>,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub name: NodeName,
    /// Number into `Cluster::machines`.
    pub machine: usize,
    pub role: Role,
    /// The sentries that it stays behind; only of validators.
    pub behind: Vec<NodeName>,
    pub power: Option<Power>,
    /// It begins with a snapshot of the living chain instead of all its blocks.
    pub state_sync: bool,
    /// `genesis_values: {word: value}`
    pub values: BTreeMap<String, String>,
    pub user: UserName,
    /// Where the host has no such account it is made.
    pub create_user: bool,
    /// `working_directory`; `None`: the user's home.
    pub folder: Option<RemotePath>,
    pub private_ip: HostAddr,
    pub public_ip: Option<HostAddr>,
    /// `None`: the profile's.
    pub rpc_bind: Option<HostAddr>,
    pub ports: BTreeMap<String, u16>,
    /// `settings: {file: {dotted.key: value}}`
    pub settings: Settings,
    /// `unit: {Section: {Directive: value}}`
    pub unit: UnitOverrides,
    pub unit_name: UnitName,
    pub binary: Binary,
    /// Where `binary` is not the inventory's.
    pub decides: Option<decided::Decides>,
    /// Its other processes, in the order in which they are started: before the chain's own program.
    pub services: Vec<Service>,
}

/// A process of a node beside the chain's own program.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: ServiceName,
    pub unit_name: UnitName,
    /// `services: {NAME: {unit: {Section: {Directive: value}}}}`
    pub unit: UnitOverrides,
    pub binary: Binary,
}

/// One of a node's programs: a service's, or the chain's own.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// `None`: the chain's own.
    pub service: Option<&'a ServiceName>,
    pub unit_name: &'a UnitName,
    pub binary: &'a Binary,
    /// The name of its file.
    pub file: &'a FileName,
}

#[derive(Debug, Clone)]
pub struct Binary {
    pub source: Source,
    /// `binary_sha256`
    pub pinned: Option<Sha256>,
    /// What is known of a file on the controller; of a URL nothing is, before a host has pulled it.
    pub local: Option<LocalBinary>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    File(PathBuf),
    Url(Url),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalBinary {
    pub sha256: Sha256,
    /// As `uname -m` would print it; `None`: no ELF file (a script), or a machine that we do not know.
    pub arch: Option<&'static str>,
    /// The program that loads it (ELF's interpreter), where it needs one.
    pub loader: Option<String>,
    pub size: u64,
}

impl Binary {
    /// The checksum as far as it is known without asking a host.
    pub fn sha256(&self) -> Option<&Sha256> {
        self.pinned.as_ref().or(self.local.as_ref().map(|local| &local.sha256))
    }
}

impl<'a> Program<'a> {
    /// As people call it: the service, or the chain's own program by its file.
    pub fn name(&self) -> &'a str {
        self.service.map_or(self.file.as_str(), ServiceName::as_str)
    }
}

impl Node {
    /// Of all its programs.
    pub fn binaries_mut(&mut self) -> impl Iterator<Item = &mut Binary> {
        self.services.iter_mut().map(|service| &mut service.binary).chain([&mut self.binary])
    }

    pub fn binaries(&self) -> impl Iterator<Item = &Binary> {
        self.services.iter().map(|service| &service.binary).chain([&self.binary])
    }

    /// Its place among the others.
    pub fn spot(&self) -> Spot {
        Spot { name: self.name.clone(), role: self.role, behind: self.behind.clone() }
    }
}

impl Cluster {
    pub fn node(&self, name: &NodeName) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == *name)
    }

    pub fn validators(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.role == Role::Validator)
    }

    /// Who dials whom of these nodes, and of a joined network's. `all` has been through `peers::check`.
    pub fn peering<'a>(&'a self, all: &'a [PeerInfo]) -> Peering<'a> {
        let outside = self.joined.as_ref().map(|joined| (&joined.peers[..], &joined.seeds[..]));
        Peering::of(all, self.strategy).with(outside.unwrap_or_default())
    }

    /// What people call a machine: its node, or the first of them.
    pub fn machine_name(&self, machine: usize) -> String {
        let first = self.machines.get(machine).and_then(|m| m.nodes.first()).and_then(|n| self.nodes.get(*n));
        first.map_or_else(|| format!("machine {machine}"), |node| node.name.to_string())
    }

    /// What is known of a node before its init has run.
    pub fn basics(&self, node: &Node) -> Basics {
        Basics {
            name: node.name.clone(),
            chain_id: self.chain_id.clone(),
            rpc_bind: node.rpc_bind.clone(),
            ports: node.ports.clone(),
            settings: node.settings.clone(),
            values: self
                .profile
                .genesis
                .values
                .iter()
                .map(|(word, value)| (word.clone(), node.values.get(word).unwrap_or(value).clone()))
                .collect(),
        }
    }

    /// Whose systemd runs a node.
    pub fn scope(&self, node: &Node) -> &Scope {
        &self.machines[node.machine].scope
    }

    /// Our folder for a node: manifest, pristine documents, audit log.
    pub fn state_folder(&self, node: &Node) -> RemotePath {
        self.scope(node).path_of(&format!("{}/{}", self.name, node.name))
    }

    /// The chain's own program on a node.
    pub fn main<'a>(&'a self, node: &'a Node) -> Program<'a> {
        let (unit_name, binary, file) = (&node.unit_name, &node.binary, &self.profile.binary.name);
        Program { service: None, unit_name, binary, file }
    }

    /// A node's programs in the order in which they are started; the chain's own comes last.
    pub fn programs<'a>(&'a self, node: &'a Node) -> impl DoubleEndedIterator<Item = Program<'a>> {
        let services = node.services.iter().filter_map(|service| {
            let file = &self.profile.services.get(&service.name)?.binary.name;
            let (unit_name, binary) = (&service.unit_name, &service.binary);
            Some(Program { service: Some(&service.name), unit_name, binary, file })
        });
        services.chain([self.main(node)])
    }

    /// Whose unit listens on a port that this service, or the chain's own program, has.
    pub fn unit_of<'a>(&self, node: &'a Node, service: Option<&ServiceName>) -> &'a UnitName {
        let service = node.services.iter().find(|one| Some(&one.name) == service);
        service.map_or(&node.unit_name, |service| &service.unit_name)
    }

    /// Where a program with this checksum is kept on a node's machine.
    pub fn binary_path(&self, node: &Node, program: Program<'_>, sha256: &Sha256) -> RemotePath {
        self.scope(node).path_of(&format!("bin/{sha256}/{}", program.file))
    }

    /// What a program's unit starts: a link of root's own to the cache, so that an upgrade or a rollback is a link, and nobody
    /// with the node's account can change what it leads to. It is named by the unit: the name of a node may hold what systemd
    /// runs no program with.
    pub fn started(&self, node: &Node, program: Program<'_>) -> RemotePath {
        self.scope(node).path_of(&format!("bin/{}.service/{}", program.unit_name, program.file))
    }

    pub fn unit_path(&self, node: &Node) -> RemotePath {
        self.scope(node).unit_path(&node.unit_name)
    }
}
