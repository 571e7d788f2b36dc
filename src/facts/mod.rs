//! What the hosts say now: one gather script a machine, one pure parser.

pub mod ask;
pub mod manifest;
pub mod parse;
pub mod removed;
pub mod saved;
pub mod sockets;
mod texts;
pub mod voting;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::types::{
    ids::{NodeId, NodeName, RemotePath, Sha256, UnitName, ValidatorKey},
    text::Text,
};
use manifest::Manifest;
use removed::Tombstone;
use sockets::Listener;
pub use voting::{LAST_COMMITS, NEAR, Voter, Voting};

/// Bytes; what is larger is looked at, but its text is not brought (`texts` in gather.sh).
pub const LARGEST_TEXT: u64 = 4 << 20;

/// What one machine reports.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineFacts {
    pub hostname: String,
    pub kernel: String,
    /// As `uname -m` prints it: `x86_64`, `aarch64`.
    pub arch: String,
    pub os: String,
    pub machine_id: String,
    pub boot_id: String,
    /// Ticks after the boot at which its first process began: containers of one kernel differ in that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub init: String,
    pub uid: String,
    /// Of a login without root: its systemd runs without a session, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lingers: bool,
    /// Of a login without root: the lowest port that it may listen on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_port: Option<u16>,
    pub systemd: bool,
    pub tools: Vec<String>,
    /// Programs in /lib and /lib64 that load others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loaders: Vec<String>,
    /// KiB free where our folder is.
    pub free_kb: Option<u64>,
    /// Its clock in seconds since 1970 and its uptime in seconds, read together.
    pub clock: f64,
    pub uptime: f64,
    /// Seconds by which its clock is ahead of ours, and the uncertainty (half the round trip).
    pub clock_ahead: f64,
    pub clock_uncertain: f64,
    pub listeners: Vec<Listener>,
    /// Names that its nodes need and it does not know.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unresolved: BTreeSet<String>,
    /// Binaries pulled from a URL of unknown checksum: its URL's name → what was found there.
    pub pulled: BTreeMap<String, Sha256>,
    /// What this run has seen it fail to pull: its URL's name → why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unpulled: BTreeMap<String, String>,
}

impl MachineFacts {
    /// Which machine it is, whatever its addresses: its boot, its installation, and when its init began. `None`: it does not
    /// say all of them.
    pub fn identity(&self) -> Option<[&str; 3]> {
        let all = [self.boot_id.as_str(), self.machine_id.as_str(), self.init.as_str()];
        all.iter().all(|part| !part.is_empty()).then_some(all)
    }
}

/// One path as `lstat` sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFact {
    pub kind: FileKind,
    pub mode: u32,
    /// `user:group`
    pub owner: String,
    pub size: u64,
    pub inode: u64,
    /// Seconds since 1970 with nine decimals, as `stat` prints them.
    pub mtime: String,
    pub ctime: String,
    pub sha256: Option<Sha256>,
    /// Where a symbolic link points.
    pub target: Option<String>,
    /// Its text, where the plan needs it (documents, configuration, units) and it is not too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Text>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    File,
    Folder,
    Link,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub uid: u32,
    pub group: String,
    pub home: RemotePath,
}

/// As the hosts say it: `UID GROUP HOME`.
impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.uid, self.group, self.home)
    }
}

/// `systemctl show`, and the process behind it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitFacts {
    pub load: String,
    pub active: String,
    pub sub: String,
    pub file_state: String,
    pub main_pid: u32,
    pub restarts: u32,
    pub invocation: String,
    pub needs_reload: bool,
    pub fragment: String,
    pub drop_ins: String,
    pub result: String,
    pub exit_status: String,
    pub started: String,
    /// Seconds since boot.
    pub started_monotonic: f64,
    pub exe: String,
    pub exe_sha256: Option<Sha256>,
    pub command: Vec<String>,
    /// This run has started it already.
    #[serde(skip)]
    pub tried: bool,
}

impl UnitFacts {
    /// systemd has forked, and the fork sets up what confines the node (gather.sh, `is_the_node`).
    pub fn is_not_the_node_yet(&self) -> bool {
        self.exe.ends_with("/systemd/systemd") || self.exe.ends_with("/systemd/systemd-executor")
    }

    pub fn is_running(&self) -> bool {
        matches!(self.active.as_str(), "active" | "activating" | "reloading") && self.main_pid != 0
    }

    /// Who was started a moment ago may have been seen between two tries of systemd.
    pub fn may_run(&self) -> bool {
        self.is_running() || self.tried
    }

    pub fn is_stopped(&self) -> bool {
        matches!(self.active.as_str(), "" | "inactive" | "failed") && self.main_pid == 0
    }
}

/// One of a node's processes beside the chain's own program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceFacts {
    pub unit: UnitFacts,
    /// As that of the node.
    pub started: Option<(String, Sha256)>,
}

/// What one node's host says of that node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// The account that the node runs as; `None`: there is none of that name.
    pub account: Option<Account>,
    pub home: Option<RemotePath>,
    pub node_id: Option<NodeId>,
    pub validator_key: Option<ValidatorKey>,
    /// The height that the sign state stands at; `None`: no sign state, or no key.
    pub signed_height: Option<u64>,
    /// By absolute path: everything that we were told to look at and that is there. Shared with what a plan predicts, in which
    /// few of them are others.
    pub files: BTreeMap<RemotePath, Arc<FileFact>>,
    /// Binaries in the cache that concern this node, with the checksum that was really found.
    pub binaries: BTreeMap<RemotePath, Sha256>,
    /// The documents as `init` made them, kept under the state folder, by document name.
    pub pristine: BTreeMap<String, Text>,
    pub unit: UnitFacts,
    /// What we last started: the unit's invocation, and the checksum of everything that it runs on.
    pub started: Option<(String, Sha256)>,
    /// By their units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<UnitName, ServiceFacts>,
    pub manifest: Option<Arc<Manifest>>,
    /// The version of the systemd that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub systemd: Option<u32>,
    /// What we have left of other nodes there, where this one is not there by its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Arc<Manifest>>,
    /// Our folder for the same node, kept by another systemd of its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<RemotePath>,
    /// The node's folder is not there, and may not be made in this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<RemotePath>,
    /// The node's user is root, and another account can change this folder, one in it or one on the way: nothing of it was
    /// looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchangeable: Option<RemotePath>,
    /// The last folder on the way to `home` that root can look at, where its user sees more (NFS with root squash, FUSE).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<RemotePath>,
    /// What the node's user saw in the folder did not arrive whole: none of it counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_off: bool,
    /// The text was there but was no manifest that we understand.
    pub manifest_error: Option<String>,
    /// Who was taken out of a cluster, as its host remembers it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Arc<Tombstone>>,
    /// Why that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_error: Option<String>,
}

impl NodeFacts {
    pub fn file(&self, path: &RemotePath) -> Option<&FileFact> {
        self.files.get(path).map(AsRef::as_ref)
    }

    pub fn file_mut(&mut self, path: &RemotePath) -> Option<&mut FileFact> {
        self.files.get_mut(path).map(Arc::make_mut)
    }

    pub fn has(&self, path: &RemotePath) -> bool {
        self.files.contains_key(path)
    }

    pub fn text(&self, path: &RemotePath) -> Option<&Text> {
        self.file(path)?.content.as_ref()
    }

    /// A unit of the node's: of a service, or else its own.
    pub fn unit_of(&self, name: &UnitName) -> &UnitFacts {
        self.services.get(name).map_or(&self.unit, |service| &service.unit)
    }

    pub fn unit_of_mut(&mut self, name: &UnitName) -> &mut UnitFacts {
        self.services.get_mut(name).map_or(&mut self.unit, |service| &mut service.unit)
    }

    /// What was last started as this unit.
    pub fn started_as(&mut self, name: &UnitName) -> &mut Option<(String, Sha256)> {
        self.services.get_mut(name).map_or(&mut self.started, |service| &mut service.started)
    }

    /// What this run has started is not asked of the host: it goes over from the facts before.
    pub fn remember(&mut self, before: &Self) {
        self.unit.tried |= before.unit.tried;
        for (name, service) in &mut self.services {
            service.unit.tried |= before.services.get(name).is_some_and(|before| before.unit.tried);
        }
    }

    pub fn units(&self) -> impl Iterator<Item = &UnitFacts> {
        self.services.values().map(|service| &service.unit).chain([&self.unit])
    }

    pub fn units_mut(&mut self) -> impl Iterator<Item = &mut UnitFacts> {
        self.services.values_mut().map(|service| &mut service.unit).chain([&mut self.unit])
    }
}

/// Everything that was seen: machines by the number they have in the cluster, nodes by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub machines: BTreeMap<usize, MachineFacts>,
    pub nodes: BTreeMap<NodeName, NodeFacts>,
    /// This machine has a program to download with, for hosts that cannot pull.
    #[serde(default)]
    pub downloads_here: bool,
    /// `None`: not asked, or nobody answered.
    pub voting: Option<Voting>,
    /// For who begins with a snapshot: a block that can be trusted, or why there is none; `None`: not asked.
    #[serde(default)]
    pub trusted: Option<Result<Trusted, String>>,
}

impl Facts {
    /// So much later: what a stage has made is not younger than the clocks that were read before it.
    pub fn pass(&mut self, time: std::time::Duration) {
        for machine in self.machines.values_mut() {
            machine.clock += time.as_secs_f64();
            machine.uptime += time.as_secs_f64();
        }
    }
}

/// A block of the living chain that at least two of its nodes have, and all that have it have the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusted {
    pub height: u64,
    /// Upper-case hex, as the RPC writes it.
    pub hash: String,
    /// Who has it.
    pub by: BTreeSet<NodeName>,
}
