//! A chain as data: `templates/<chain>/profile.yaml` and its templates.
//!
//! A profile picks among mechanisms that are code with names; it is no programming language. Everything below
//! `home` is a path relative to the node's working directory.

pub(super) mod builtin;
mod cautions;
mod document;
mod extends;
mod keys;
mod leaving;
mod networks;
mod parse;
mod ports;
mod probes;
mod schema;
mod service;
mod signs;
mod tool;
mod values;
mod yaml_error;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    basics::Basics,
    peers::topology::{Role, Spot},
    placeholders,
    quorum::Quorum,
    template::Template,
};
use crate::types::ids::{ChainId, FileName, HostAddr, RemotePath, ServiceName, UnitName};

pub use super::config::Format;
pub use builtin::{builtin_files, builtin_names};
pub use cautions::Caution;
pub use document::{
    ChainIdForm, ChainIdRule, ChainIdWriter, Document, Encoded, Genesis, GenesisHow, NumberLimit, PowerForm,
    Reader, ValidatorRule,
};
pub use keys::{
    NodeKeyFile, NodeKeyReader, SignStateFile, SignStateReader, ValidatorKeyFile, ValidatorKeyReader,
};
pub use leaving::Leaving;
pub use networks::NamedNetwork;
pub use ports::{Bind, KeyIs, KeyPlace, Port, PortIs};
pub use probes::{Probe, ProbeKind, ProbeMethods, ProbeMetrics};
pub use schema::SCHEMA;
pub use service::{Service, ServiceUnit};
pub use signs::{COMPARE, JournalSign, START_OVER};
pub use tool::{ToolOn, ToolRun, ToolStep};
pub use values::{HomePath, Mode};

/// Dotted key → value.
pub type SetKeys = serde_json::Map<String, Value>;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub about: String,
    /// Once the RPC's dialect, which `probe.kind` says; accepted in profiles that were written then.
    #[serde(default, rename = "family")]
    #[schemars(skip)]
    _family: Option<serde::de::IgnoredAny>,
    pub binary: Binary,
    pub unit: Unit,
    /// The chain id where the inventory gives none.
    pub chain_id: ChainId,
    /// Where RPC listens where the inventory gives no `rpc_bind`.
    pub default_rpc_bind: HostAddr,
    pub init: Init,
    pub node_key: NodeKeyFile,
    pub validator_key: ValidatorKeyFile,
    /// Absent where the chain keeps none: its validators write down nothing of what they have signed (S13).
    #[serde(default)]
    pub sign_state: Option<SignStateFile>,
    /// What a started node has made: removed by a reset; keys, sign state and documents survive it.
    pub chain_data: Vec<HomePath>,
    /// Folders that a started node makes for what may be somebody's own, as wallets: they go with the keys, and only when
    /// they are empty.
    #[serde(default)]
    pub kept_unless_empty: Vec<HomePath>,
    /// Exists from the first start on, at whatever height.
    pub started: HomePath,
    /// Genesis documents by the name that `genesis:` of an inventory uses.
    pub documents: BTreeMap<String, Document>,
    pub genesis: Genesis,
    pub run: Run,
    /// Processes of a node beside the chain's own program, by their names.
    #[serde(default)]
    pub services: BTreeMap<ServiceName, Service>,
    pub peers: Peers,
    /// The node's own configuration files.
    pub files: BTreeMap<HomePath, ConfigFile>,
    /// What a node's files say beyond that of all others, by what it is to the others. Values as in `set` of a file.
    #[serde(default)]
    pub roles: BTreeMap<RoleWords, BTreeMap<HomePath, SetKeys>>,
    /// What the files of a node say that begins with a snapshot of the living chain. Values as in `set` of a file, and
    /// `{sync_servers}` (RPC addresses), `{trust_height}` and `{trust_hash}` (a block that these agree on). Empty: the
    /// chain has no snapshots.
    #[serde(default)]
    pub state_sync: BTreeMap<HomePath, SetKeys>,
    pub ports: BTreeMap<String, Port>,
    /// The one entry of `probes`, where there is no other; nobody but the reader of profiles sees it.
    #[serde(default)]
    probe: Option<Probe>,
    /// How a node is asked: of several that can answer a question the first does.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// What the chain's program writes into the journal when it cannot go on. Of several signs the first counts.
    #[serde(default)]
    pub journal_signs: Vec<JournalSign>,
    /// Networks that exist and can be joined by their names.
    #[serde(default)]
    pub networks: BTreeMap<String, NamedNetwork>,
    /// Settings that the chain takes and that harm it.
    #[serde(default)]
    pub cautions: Vec<Caution>,
    /// What makes blocks: how much of it may be offline.
    #[serde(default)]
    pub quorum: Quorum,
    /// What the chain itself has to be told of a validator that leaves it.
    #[serde(default)]
    pub leaving: Option<Leaving>,
    /// Tera sources by file name, the profile's own folder.
    #[serde(skip)]
    pub templates: BTreeMap<String, Template>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// File name of the link in the working directory.
    pub name: FileName,
    /// Where a named build is downloaded from; `{build}` is its name.
    #[serde(default)]
    pub build_url: Option<String>,
    /// Arguments that print the version (on stdout or stderr).
    pub version: Vec<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    pub name: UnitName,
    pub template: String,
    /// For the systemd of a user without root.
    pub user_template: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Init {
    /// Arguments after the binary; `{home}` is the folder that init runs in, which is also its working directory.
    /// `{name}`, `{chain_id}` and the names of `genesis.values` stand for these.
    pub argv: Vec<String>,
    /// It writes into $HOME whatever it is told: it gets the node's folder for that (a unit does so with
    /// `Environment={{ environment_home }}`).
    #[serde(default)]
    pub own_home: bool,
    /// Files of `files` that must stand before init runs; each has a template.
    #[serde(default)]
    pub before: Vec<HomePath>,
    /// What init must have made, or it has failed whatever its status says.
    pub makes: Vec<Made>,
    /// What it has made beside that and nobody wants: a chain of its own.
    #[serde(default)]
    pub drops: Vec<HomePath>,
    /// What it prints is kept: the public half of a key that nothing else on the host can derive.
    #[serde(default)]
    pub prints: Option<Prints>,
}

/// A file of two parts: the sha256 of a key file, then what a command printed of that key. It counts only as long as the
/// key file is that one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prints {
    pub to: HomePath,
    /// The key file.
    pub of: HomePath,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Made {
    pub path: HomePath,
    #[serde(default)]
    pub mode: Mode,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Arguments after the binary; `{home}` is the working directory, `{chain_id}` and `{name}` stand for these.
    pub argv: Vec<String>,
    /// What the binary does before each start, one command after another: when one fails, the node does not start. It must
    /// be harmless to do it again (a unit has `{{ exec_start_pre }}` for it).
    #[serde(default)]
    pub before: Vec<Vec<String>>,
    /// Signs that the program itself reads as something else in that path, so that it would look elsewhere.
    #[serde(default)]
    pub expands: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// One peer; `{id}`, `{host}` (IPv6 in brackets) and `{port}`.
    pub format: String,
    pub separator: String,
    pub into: PeersInto,
}

/// Where the peers go: a flag of `run`, a key of a configuration file, or a file of their own, a JSON list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeersInto {
    #[serde(default)]
    pub flag: Option<String>,
    #[serde(default)]
    pub file: Option<HomePath>,
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default)]
    pub list: Option<HomePath>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    pub format: Format,
    /// `init`: the file that init made, with keys changed. Else `template` renders it whole.
    #[serde(default)]
    pub base: Option<Base>,
    #[serde(default)]
    pub template: Option<String>,
    /// Dotted key → value. A value that is one of `{name}`, `{chain_id}`, `{external_address}`, `{public_addresses}`
    /// (true where neither this node nor its peers have a private address), `{seeds}` (the cluster's seeds as peers) or
    /// `{private_ids}` (of a sentry: the node ids that it tells nobody) stands for that. Where there is nothing to stand
    /// for, the key stays as it is. Words of `genesis.values` may stand within a text.
    #[serde(default)]
    pub set: SetKeys,
    /// Keys of a template's file; a near miss of one is refused, others are taken as they are.
    #[serde(default)]
    pub known: Vec<String>,
    #[serde(default)]
    pub mode: Mode,
}

/// Who is told something of its own by the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleWords {
    /// A validator that only its sentries know.
    BehindSentries,
    Sentry,
    Seed,
}

impl RoleWords {
    pub fn of(spot: &Spot) -> Option<Self> {
        match spot.role {
            Role::Sentry => Some(Self::Sentry),
            Role::Seed => Some(Self::Seed),
            Role::Validator if spot.is_hidden() => Some(Self::BehindSentries),
            Role::Validator | Role::Full => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    Init,
}

impl Profile {
    /// The document's rules, by the name or the path that a person may use for it.
    pub fn document(&self, name: &str) -> Option<&Document> {
        self.documents.get(name).or_else(|| self.documents.values().find(|d| d.path.as_str() == name))
    }

    /// Where a named build is downloaded from, if the profile knows a place.
    pub fn build_url(&self, build: &str) -> Option<String> {
        self.binary.build_url.as_ref().map(|url| url.replace("{build}", build))
    }

    /// Files that hold a private key or what it has signed, in the order in which they are read: a sign state that is read
    /// after its key knows at least what that key had signed by then. Key and sign state may be one file.
    pub fn key_files(&self) -> Vec<&HomePath> {
        let printed = self.init.prints.iter().map(|prints| &prints.to);
        let signs = self.sign_state.iter().map(|signs| &signs.file);
        let keys = [&self.node_key.file, &self.validator_key.file];
        let mut files: Vec<_> = keys.into_iter().chain(signs).chain(printed).collect();
        files.dedup();
        files
    }

    pub fn is_sign_state(&self, path: &HomePath) -> bool {
        self.sign_state.as_ref().is_some_and(|signs| signs.file == *path)
    }

    /// Files that we write for a node beside its documents: its configuration, and its peers where they have a file.
    pub fn written(&self) -> impl Iterator<Item = (&HomePath, Mode)> {
        let files = self.files.iter().map(|(path, file)| (path, file.mode));
        files.chain(self.peers.into.list.iter().map(|path| (path, Mode::default())))
    }

    /// Whether the chain knows itself by a number.
    pub fn numeric_chain_id(&self) -> bool {
        let rules = self.documents.values().filter_map(|document| document.chain_id.as_ref());
        rules.into_iter().any(|rule| rule.form == ChainIdForm::Number)
    }

    /// Private files and folders beside these that the genesis tool has left in the node's folder.
    pub fn left_by_tool(&self) -> impl Iterator<Item = &HomePath> {
        self.genesis.steps.iter().flat_map(|step| &step.leaves)
    }

    /// init's arguments after the binary, for the folder that it runs in.
    pub fn init_argv(&self, basics: &Basics, home: &RemotePath) -> Vec<String> {
        let word = |word: &str| basics.word(word).or_else(|| (word == "home").then(|| home.to_string()));
        self.init.argv.iter().filter_map(|argument| placeholders::filled(argument, word)).collect()
    }

    /// The arguments of the running node after the binary, without peers.
    pub fn run_argv(&self, basics: &Basics, home: &RemotePath) -> Vec<String> {
        Self::run_words(&self.run.argv, basics, home)
    }

    /// The arguments after the binary of what goes before each start.
    pub fn before_run(&self, basics: &Basics, home: &RemotePath) -> Vec<Vec<String>> {
        self.run.before.iter().map(|argv| Self::run_words(argv, basics, home)).collect()
    }

    /// The arguments of a service after its binary; `port` says a port's number.
    pub fn service_argv(
        &self,
        service: &Service,
        basics: &Basics,
        home: &RemotePath,
        port: impl Fn(&str) -> Option<u16>,
    ) -> Vec<String> {
        let with_ports = |argument: &String| {
            let word = |word: &str| {
                let number = word.strip_suffix("_port").and_then(&port).map(|port| port.to_string());
                number.or_else(|| Some(format!("{{{word}}}")))
            };
            placeholders::filled(argument, word).unwrap_or_else(|| argument.clone())
        };
        Self::run_words(&service.argv.iter().map(with_ports).collect::<Vec<_>>(), basics, home)
    }

    fn run_words(argv: &[String], basics: &Basics, home: &RemotePath) -> Vec<String> {
        let word = |word: &str| match word {
            "home" => Some(home.to_string()),
            "name" | "chain_id" => basics.word(word),
            _ => None,
        };
        argv.iter()
            .map(|argument| placeholders::filled(argument, word).unwrap_or_else(|| argument.clone()))
            .collect()
    }
}
