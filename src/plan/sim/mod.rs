//! Hosts in memory: they answer the gather script's questions and carry stages out as their shell does, one change
//! after another, so that a run can be killed between any two of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answer;
mod init;
mod steps;
mod tool;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use steps::link_to;
pub use tool::accounts;

use super::{Next, Options, Stage, ask, endpoints, next};
use crate::{
    cluster::{
        Cluster, LocalBinary, Machine, Node, Source,
        resolve::{self, Supplied},
    },
    facts::{Facts, FileFact, FileKind, MachineFacts, NodeFacts, Trusted, Voter, Voting, sockets::Listener},
    steps::{Binary, Fetch, Step},
    types::{
        diagnostic::Diagnostic,
        ids::{NodeName, RemotePath, Sha256, UnitName, UserName},
        scope::Scope,
        text::Text,
    },
};

/// What is in every private key that a host makes: it must be in no fact and no plan (S3).
pub const CANARY: &str = "private-key-canary";
/// When the hosts booted, in seconds since 1970: after the recorded documents' times.
const BOOT: f64 = 1_800_000_000.0;

/// The controller was killed.
#[derive(Debug)]
pub struct Killed;

/// Whether a machine can pull a binary from a URL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pulls {
    #[default]
    Itself,
    /// It has neither curl nor wget.
    NoTool,
    /// It has curl, and no way to the server.
    NoWay,
}

/// One machine's disk and systemd.
#[derive(Debug, Clone, Default)]
pub struct Host {
    pub files: BTreeMap<RemotePath, FileFact>,
    pub units: BTreeMap<UnitName, crate::facts::UnitFacts>,
    pub pulled: BTreeMap<String, Sha256>,
    pub pulls: Pulls,
    /// Accounts that are not there; all others are.
    pub strangers: BTreeSet<UserName>,
    /// As `gather` has last seen it.
    pub scope: Scope,
}

/// All machines, by the address that the inventory has for them: its order may change.
#[derive(Debug, Clone, Default)]
pub struct Sim {
    pub hosts: BTreeMap<String, Host>,
    /// Changes so far: the clock, the next inode, and how many keys were made.
    ticks: u32,
    pub inits: u32,
    pub accounts: u32,
    /// Of each host: the last that was made, in hex.
    pub(super) account_of: BTreeMap<String, String>,
    /// The control machine has neither curl nor wget.
    pub no_downloads: bool,
    /// So many more changes, then the run is killed; `None`: never.
    pub fuel: Option<u32>,
    /// The chain's own word on who votes is asked for, as before a rolling restart.
    pub asks: bool,
    /// What the chain says of a block to trust, when it is asked.
    pub trusted: Option<Result<Trusted, String>>,
    /// Addresses of machines that cannot be reached.
    pub off: BTreeSet<String>,
    /// Voters that are none of the nodes that are asked, and nodes that have no vote any more.
    pub strangers: Vec<Voter>,
    pub voted_out: BTreeSet<NodeName>,
}

/// A run as `Run::converge` does it.
#[derive(Debug)]
pub struct Ended {
    pub stages: Vec<Stage>,
    pub end: Next,
    pub facts: Facts,
}

impl Ended {
    pub fn is_done(&self) -> bool {
        self.end == Next::Done(Vec::new())
    }
}

pub fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

pub fn try_cluster(yaml: &str) -> Result<Cluster, Vec<Diagnostic>> {
    let (inventory, _) = crate::inventory::parse_yaml("inventory.yaml", yaml)?;
    let supplied = Supplied { connect_timeout: std::time::Duration::from_secs(1), become_password: None };
    let (mut cluster, _) = resolve::resolve(&inventory, &supplied)?;
    for binary in cluster.nodes.iter_mut().flat_map(Node::binaries_mut) {
        if let Source::File(path) = &binary.source {
            let sha256 = Sha256::of(path.display().to_string());
            binary.local = Some(LocalBinary { sha256, arch: Some("x86_64"), loader: None, size: 1000 });
        }
    }
    Ok(cluster)
}

pub fn cluster(yaml: &str) -> Cluster {
    try_cluster(yaml).unwrap_or_else(|problems| panic!("{problems:#?}\n{yaml}"))
}

impl Sim {
    /// Bare hosts, and a controller that is killed after so many changes.
    pub fn dying(fuel: u32) -> Self {
        Self { fuel: Some(fuel), ..Self::default() }
    }

    pub fn address(machine: &Machine) -> String {
        machine.login.host.to_string()
    }

    pub fn host(&mut self, cluster: &Cluster, node: &Node) -> &mut Host {
        let address = Self::address(&cluster.machines[node.machine]);
        self.hosts.entry(address).or_default()
    }

    /// Changes so far.
    pub fn changes(&self) -> u32 {
        self.ticks
    }

    fn clock(&self) -> f64 {
        BOOT + 1000.0 + f64::from(self.ticks) / 100.0
    }

    /// What a run learns first.
    pub fn gather(&mut self, cluster: &Cluster) -> Facts {
        let mut facts = Facts { downloads_here: !self.no_downloads, ..Facts::default() };
        for (number, machine) in cluster.machines.iter().enumerate() {
            if self.off.contains(&Self::address(machine)) {
                continue;
            }
            let host = self.hosts.entry(Self::address(machine)).or_default();
            host.scope = machine.scope.clone();
            let host = host.clone();
            facts.machines.insert(number, self.machine(&host, number));
        }
        for node in cluster.nodes.iter().filter(|node| facts.machines.contains_key(&node.machine)) {
            let seen = self.look(cluster, node, &facts);
            facts.nodes.insert(node.name.clone(), seen);
        }
        for node in &cluster.nodes {
            let Some(seen) = facts.nodes.get(&node.name) else { continue };
            if !seen.unit.is_running() {
                continue;
            }
            let uses = endpoints::ports(cluster, node, seen);
            let unit = |port: &crate::chain::ports::PortUse| cluster.unit_of(node, port.service.as_ref());
            let listener = |port: &crate::chain::ports::PortUse| Listener {
                ip: "0.0.0.0".parse().unwrap(),
                port: port.port,
                pid: Some(seen.unit.main_pid),
                program: cluster.profile.binary.name.to_string(),
                unit: Some(unit(port).to_string()),
                manager: cluster.scope(node).manager(),
            };
            let listeners: Vec<_> = uses.values().filter(|port| port.expected).map(listener).collect();
            facts.machines.get_mut(&node.machine).unwrap().listeners.extend(listeners);
        }
        facts.voting = self.voting(cluster, &facts);
        facts.trusted.clone_from(&self.trusted);
        facts
    }

    /// Who runs signs.
    fn voting(&self, cluster: &Cluster, facts: &Facts) -> Option<Voting> {
        let seen = |node: &Node| facts.nodes.get(&node.name);
        if !self.asks || !cluster.nodes.iter().any(|n| seen(n).is_some_and(|s| s.unit.is_running())) {
            return None;
        }
        let voter = |node: &Node| {
            let seen = seen(node)?;
            let power = node.power.as_ref().map_or(10, |power| power.get());
            let (signed, last_signed) = (seen.unit.is_running(), seen.signed_height.unwrap_or(0));
            let key = seen.validator_key.clone()?;
            Some(Voter {
                key,
                power,
                signed,
                last_signed,
                confirmed: last_signed,
                shown_by: None,
                proposes_at: None,
            })
        };
        let height = facts.nodes.values().filter_map(|seen| seen.signed_height).max().unwrap_or(0);
        let height = height.saturating_sub(1);
        let running = facts.nodes.iter().filter(|(_, seen)| seen.unit.is_running());
        Some(Voting {
            height,
            voters: {
                let votes = |node: &&Node| !self.voted_out.contains(&node.name);
                cluster.validators().filter(votes).filter_map(voter).chain(self.strangers.clone()).collect()
            },
            heights: running.map(|(name, _)| (name.clone(), height)).collect(),
            ..Voting::default()
        })
    }

    fn machine(&self, host: &Host, number: usize) -> MachineFacts {
        let tools = ["setpriv", "flock", "base64", "sha256sum", "systemctl", "find", "sed"];
        let curl = (host.pulls != Pulls::NoTool).then_some("curl");
        MachineFacts {
            hostname: format!("host{number}"),
            kernel: "Linux 6.1".into(),
            arch: "x86_64".into(),
            os: "debian 12".into(),
            machine_id: format!("{number:032x}"),
            boot_id: "1".into(),
            uid: host.scope.manager().unwrap_or(0).to_string(),
            lingers: host.scope.manager().is_some(),
            systemd: true,
            tools: tools.into_iter().chain(curl).map(str::to_owned).collect(),
            free_kb: Some(1 << 30),
            clock: self.clock(),
            uptime: self.clock() - BOOT,
            pulled: host.pulled.clone(),
            ..MachineFacts::default()
        }
    }

    fn look(&mut self, cluster: &Cluster, node: &Node, facts: &Facts) -> NodeFacts {
        let question = ask::question(cluster, node, facts);
        answer::answer(self.host(cluster, node), &question)
    }

    /// Stage after stage until there is none.
    pub fn up(&mut self, cluster: &Cluster, options: &Options) -> Result<Ended, Killed> {
        let decide = |cluster: &Cluster, facts: &Facts| next(cluster, facts, options);
        self.converge(cluster, decide)
    }

    pub fn converge(
        &mut self,
        cluster: &Cluster,
        mut decide: impl FnMut(&Cluster, &Facts) -> Next,
    ) -> Result<Ended, Killed> {
        let mut facts = self.gather(cluster);
        let mut stages: Vec<Stage> = Vec::new();
        loop {
            match decide(cluster, &facts) {
                Next::Stage(stage) => {
                    assert!(stages.last() != Some(&stage), "no progress: {stage:#?}");
                    assert!(
                        stages.len() < 8,
                        "no end: {:?}",
                        stages.iter().map(|s| s.name).collect::<Vec<_>>()
                    );
                    self.carry_out(cluster, &stage, &mut facts)?;
                    stages.push(stage);
                }
                end => return Ok(Ended { stages, end, facts }),
            }
        }
    }

    /// The whole stage, and what its nodes' machines say afterwards.
    pub fn carry_out(&mut self, cluster: &Cluster, stage: &Stage, facts: &mut Facts) -> Result<(), Killed> {
        for (number, uploads) in &stage.uploads {
            for upload in uploads {
                let node = &cluster.nodes[cluster.machines[*number].nodes[0]];
                let at = cluster.scope(node).path_of(&format!("bin/{}/{}", upload.sha256, upload.name));
                let address = Self::address(&cluster.machines[*number]);
                self.put_binary(&address, &at, &upload.sha256)?;
            }
        }
        // The questions are asked with what is known before the stage, as `apply` does.
        let before = facts.clone();
        let mut unpulled = BTreeSet::new();
        for node in cluster.nodes.iter().filter(|node| stage.steps.contains_key(&node.name)) {
            for planned in &stage.steps[&node.name] {
                if unpulled.contains(&node.machine) {
                    break; // its script has ended
                }
                if let Some(url) = self.fails_to_pull(cluster, node, &planned.step) {
                    let machine = facts.machines.get_mut(&node.machine).unwrap();
                    machine.unpulled.insert(url, "curl: (7) no way there".to_owned());
                    unpulled.insert(node.machine);
                } else {
                    self.step(cluster, node, &planned.step)?;
                }
            }
        }
        let touched = cluster.nodes.iter().filter(|node| stage.steps.contains_key(&node.name));
        let touched: Vec<usize> =
            touched.map(|node| node.machine).filter(|machine| !unpulled.contains(machine)).collect();
        for node in cluster.nodes.iter().filter(|node| touched.contains(&node.machine)) {
            let mut seen = self.look(cluster, node, &before);
            seen.remember(&before.nodes[&node.name]);
            facts.nodes.insert(node.name.clone(), seen);
            let pulled = self.host(cluster, node).pulled.clone();
            facts.machines.get_mut(&node.machine).unwrap().pulled.extend(pulled);
        }
        super::predict::tried(stage, facts);
        facts.voting = self.voting(cluster, facts);
        Ok(())
    }

    fn fails_to_pull(&mut self, cluster: &Cluster, node: &Node, step: &Step) -> Option<String> {
        let pulls = self.host(cluster, node).pulls;
        match step {
            Step::Fetch(Fetch { url, relayed: None, .. })
            | Step::Binary(Binary { url: Some(url), relayed: None, .. }) => {
                assert!(pulls != Pulls::NoTool, "{}: {} cannot be", node.name, step.name());
                (pulls == Pulls::NoWay).then(|| url.clone())
            }
            _ => None,
        }
    }

    /// Every running validator has signed at this height.
    pub fn sign(&mut self, cluster: &Cluster, height: u64) {
        for node in cluster.validators() {
            let profile = &cluster.profile;
            let Some(signs) = &profile.sign_state else { continue };
            let state = signs.file.under(&home_of(node));
            let host = self.host(cluster, node);
            if !host.units.get(&node.unit_name).is_some_and(crate::facts::UnitFacts::is_running) {
                continue;
            }
            let file = host.files.get_mut(&state).unwrap();
            let mut json: Value = serde_json::from_str(file.content.as_ref().unwrap()).unwrap();
            json[format!("{}height", signs.prefix)] = height.to_string().into();
            let text = Text::from(json.to_string());
            (file.sha256, file.content) = (Some(text.sha256().clone()), Some(text));
        }
    }

    /// Paths that are there, with content, owner, mode, inode and ctime: what S2 must not move.
    pub fn fingerprint(&self) -> String {
        let hosts = self.hosts.iter().map(|(name, host)| format!("{name} {:?} {:?}", host.files, host.units));
        hosts.collect::<Vec<_>>().join("\n")
    }
}

pub fn home_of(node: &Node) -> RemotePath {
    node.folder.clone().unwrap_or_else(|| path(&format!("/home/{}", node.user)))
}

/// A plain file as it is on a disk.
fn plain(content: impl Into<Text>, owner: &str, mode: u32) -> FileFact {
    let content = content.into();
    FileFact {
        kind: FileKind::File,
        mode,
        owner: owner.to_owned(),
        size: content.len() as u64,
        inode: 0,
        mtime: String::new(),
        ctime: String::new(),
        sha256: Some(content.sha256().clone()),
        target: None,
        content: Some(content),
    }
}
