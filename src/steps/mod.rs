//! Steps: things that can be true, or made true, on a host. Data; `render` makes them shell.

mod once;
pub mod render;
mod tool;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    chain::profile::Profile,
    facts::{FileFact, FileKind, NodeFacts, UnitFacts, manifest::Manifest},
    types::{
        ids::{RemotePath, Sha256, UnitName, UserName},
        login::Secret,
        redact,
        text::Text,
    },
};

use once::Once;
pub use tool::{STAGING as TOOL_STAGING, Tool, made_from};

/// Of a file with a private key.
pub const KEY_MODE: u32 = 0o600;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Step {
    /// A system account with a group and a home of its own. Nothing removes it again.
    Account {
        user: UserName,
    },
    /// A folder with this owner; `mode` counts for one that is made, and for one that is there if `strict`.
    Folder {
        path: RemotePath,
        owner: String,
        mode: u32,
        strict: bool,
    },
    File {
        path: RemotePath,
        owner: String,
        mode: u32,
        content: Text,
    },
    /// A private key or its sign state, readable for its owner alone. No plan holds it: it is made where it is needed.
    Key {
        path: RemotePath,
        owner: String,
        #[serde(skip)]
        content: Secret,
    },
    Link {
        path: RemotePath,
        target: RemotePath,
    },
    /// A binary with this checksum in the cache: uploaded before, or pulled from `url` by the host itself. `relayed`: why
    /// it cannot, so that this machine downloads the file for it and sends it up.
    Binary {
        path: RemotePath,
        sha256: Sha256,
        url: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relayed: Option<String>,
    },
    /// A binary whose checksum nobody knows yet, pulled (or `relayed`) and put where its checksum says.
    Fetch {
        name: String,
        url: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relayed: Option<String>,
    },
    /// The chain's own init, once, in a staging folder.
    Init(Init),
    /// The chain's own genesis tool, in a staging folder.
    Tool(Tool),
    /// What somebody else's node runs on is kept, pristine, and the node is ours from then on.
    Adopt(Adopt),
    /// What we manage on this host, with what only the host knows filled in there.
    Manifest {
        path: RemotePath,
        manifest: Arc<Manifest>,
    },
    /// A unit is enabled and, unless `run` is `Leave`, runs what stands in its files.
    Unit {
        name: UnitName,
        run: Run,
        reload: bool,
        state: RemotePath,
        /// The file in `state` that says what was started.
        #[serde(default = "started", skip_serializing_if = "is_started")]
        record: String,
        runs: Sha256,
    },
    Stopped {
        unit: UnitName,
    },
    Disabled {
        unit: UnitName,
    },
    /// A sign state at zero: only for a chain that is gone on every node (S13).
    Unsigned {
        path: RemotePath,
        /// Before `height`, `round` and `step` (the profile's).
        #[serde(default)]
        prefix: String,
    },
    /// Nothing at this path, whatever was there.
    Gone {
        path: RemotePath,
    },
    /// A cached binary is gone, unless another node's manifest on the host names it.
    Unused {
        path: RemotePath,
    },
    /// systemd has read its units again.
    Reload,
    /// A folder of ours is gone, unless somebody else has put something into it.
    EmptyGone {
        path: RemotePath,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Run {
    Start,
    Restart,
    Leave,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Init {
    pub home: RemotePath,
    /// `$HOME` of the program.
    pub user_home: RemotePath,
    pub state: RemotePath,
    /// The node's unit, and of that what confines it: the program runs in it too.
    pub unit: UnitName,
    pub sandbox: String,
    /// What is kept, pristine, under the state folder: name → path below the home.
    pub keep: Vec<(String, String)>,
    /// Paths below the home that must be there afterwards.
    pub makes: Vec<String>,
    /// Files that must stand before init runs: path below the home, content.
    pub before: Vec<(String, String)>,
    /// Paths below the home that do not stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<String>,
    /// Where what it prints is kept, and the key file that it is of: paths below the home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prints: Option<(String, String)>,
    /// The binary and its arguments; `{home}` already replaced by the staging folder.
    pub argv: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adopt {
    pub home: RemotePath,
    pub state: RemotePath,
    /// What is kept under the state folder: name → path below the home.
    pub keep: Vec<(String, String)>,
}

impl Init {
    pub fn unit_text(&self) -> String {
        let once = Once { argv: self.argv.clone(), out: None, secret: false };
        once.unit_text(&self.sandbox, &staging(&self.home), &self.user_home)
    }
}

/// Where `init` works before its files go to their places.
pub fn staging(home: &RemotePath) -> RemotePath {
    home.join(".loomctl-init").unwrap_or_else(|_| home.clone())
}

/// The record of the chain's own program.
pub fn started() -> String {
    "started".to_owned()
}

fn is_started(record: &str) -> bool {
    record == started()
}

impl Step {
    /// The node's sign state at zero, where its chain has one.
    pub fn unsigned(profile: &Profile, home: &RemotePath) -> Option<Self> {
        let signs = profile.sign_state.as_ref()?;
        Some(Self::Unsigned { path: signs.file.under(home), prefix: signs.prefix.clone() })
    }

    /// The kind's own word, as in the JSON form.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Account { .. } => "account",
            Self::Folder { .. } => "folder",
            Self::File { .. } => "file",
            Self::Key { .. } => "key",
            Self::Link { .. } => "link",
            Self::Binary { .. } => "binary",
            Self::Fetch { .. } => "fetch",
            Self::Init(_) => "init",
            Self::Tool(_) => "tool",
            Self::Adopt(_) => "adopt",
            Self::Manifest { .. } => "manifest",
            Self::Unit { .. } => "unit",
            Self::Stopped { .. } => "stopped",
            Self::Disabled { .. } => "disabled",
            Self::Unsigned { .. } => "unsigned",
            Self::Gone { .. } | Self::EmptyGone { .. } | Self::Unused { .. } => "gone",
            Self::Reload => "reload",
        }
    }

    /// One line for people, and the `step` of events: the kind and what it is about.
    pub fn name(&self) -> String {
        let what = match self {
            Self::Folder { path, .. }
            | Self::File { path, .. }
            | Self::Key { path, .. }
            | Self::Link { path, .. }
            | Self::Manifest { path, .. }
            | Self::Unsigned { path, .. }
            | Self::Gone { path }
            | Self::Unused { path }
            | Self::EmptyGone { path } => path.to_string(),
            Self::Account { user } => user.to_string(),
            Self::Reload => "systemd".to_owned(),
            Self::Binary { path, sha256, relayed, .. } => {
                format!("{} {}{}", path.file_name(), sha256.short(), through(relayed.as_ref()))
            }
            Self::Fetch { url, relayed, .. } => format!("{}{}", redact::line(url), through(relayed.as_ref())),
            Self::Init(init) => init.home.to_string(),
            Self::Tool(tool) => tool.name.clone(),
            Self::Adopt(adopt) => adopt.home.to_string(),
            Self::Unit { name, run: Run::Restart, .. } => format!("{name} restart"),
            Self::Unit { name, run: Run::Start, .. } => format!("{name} start"),
            Self::Unit { name, .. } | Self::Stopped { unit: name } | Self::Disabled { unit: name } => {
                name.to_string()
            }
        };
        format!("{} {what}", self.kind())
    }

    /// Why the step is to be done on a host with these facts; `None`: it is so already.
    pub fn wanted(&self, facts: &NodeFacts) -> Option<String> {
        match self {
            Self::Account { .. } => facts.account.is_none().then(|| "does not exist".to_owned()),
            Self::Folder { path, owner, mode, strict } => match facts.file(path) {
                None => Some("is missing".to_owned()),
                // A link to a folder is as good as one: large disks are mounted elsewhere.
                Some(file) if file.kind == FileKind::Link => None,
                Some(file) if file.kind != FileKind::Folder => Some("is not a folder".to_owned()),
                Some(file) => owner_differs(file, owner, strict.then_some(*mode)),
            },
            Self::File { path, owner, mode, content } => {
                file_differs(facts.file(path), content.sha256(), owner, *mode)
            }
            Self::Key { path, owner, content } => {
                file_differs(facts.file(path), &Sha256::of(content.reveal()), owner, KEY_MODE)
            }
            Self::Link { path, target } => match facts.file(path) {
                None => Some("is missing".to_owned()),
                Some(file) if file.target.as_deref() == Some(target.as_str()) => None,
                Some(file) => {
                    Some(format!("points to {}", file.target.as_deref().unwrap_or("nothing: it is no link")))
                }
            },
            Self::Binary { path, sha256, relayed, .. } => match facts.binaries.get(path) {
                None => Some(hindered("is not there", relayed.as_ref())),
                Some(found) if found == sha256 => None,
                Some(found) => {
                    Some(hindered(&format!("is damaged: its sha256 is {}", found.short()), relayed.as_ref()))
                }
            },
            Self::Fetch { relayed, .. } => Some(hindered("its checksum is not known yet", relayed.as_ref())),
            Self::Init(init) => {
                let marker = init.state.join("initialised").ok()?;
                (!facts.has(&marker)).then(|| "has not run".to_owned())
            }
            Self::Tool(tool) => tool.wanted(facts),
            Self::Adopt(adopt) => {
                let marker = adopt.state.join("initialised").ok()?;
                (!facts.has(&marker)).then(|| "somebody else has made it".to_owned())
            }
            Self::Manifest { manifest, .. } => match &facts.manifest {
                None => Some("is missing".to_owned()),
                Some(found) => (!found.plans_the_same(manifest)).then(|| "is out of date".to_owned()),
            },
            Self::Unit { name, run, reload, .. } => unit_differs(facts.unit_of(name), *run, *reload),
            Self::Stopped { unit } => {
                let unit = facts.unit_of(unit);
                (!unit.is_stopped()).then(|| format!("is {}", unit.active))
            }
            Self::Disabled { unit } => {
                (facts.unit_of(unit).file_state == "enabled").then(|| "is enabled".to_owned())
            }
            Self::Unsigned { .. } => (facts.signed_height.unwrap_or(0) > 0)
                .then(|| format!("stands at height {}", facts.signed_height.unwrap_or(0))),
            Self::Reload => {
                facts.units().any(|unit| unit.needs_reload).then(|| "a unit's file has changed".to_owned())
            }
            Self::Unused { path } => facts.binaries.contains_key(path).then(|| "is there".to_owned()),
            Self::Gone { path } | Self::EmptyGone { path } => facts.has(path).then(|| "is there".to_owned()),
        }
    }

    /// The path and the new text, where the step puts a text somewhere: what a diff shows.
    pub fn text(&self) -> Option<(&RemotePath, &str)> {
        match self {
            Self::File { path, content, .. } => Some((path, content)),
            _ => None,
        }
    }
}

fn through(relayed: Option<&String>) -> &'static str {
    if relayed.is_some() { " through this machine" } else { "" }
}

fn hindered(why: &str, relayed: Option<&String>) -> String {
    relayed.map_or_else(
        || why.to_owned(),
        |hindrance| format!("{why}, and the host cannot pull it: {hindrance}"),
    )
}

fn owner_differs(file: &FileFact, owner: &str, mode: Option<u32>) -> Option<String> {
    if file.owner != owner {
        return Some(format!("belongs to {}", file.owner));
    }
    mode.filter(|mode| *mode != file.mode).map(|_| format!("has mode {:04o}", file.mode))
}

fn file_differs(file: Option<&FileFact>, wanted: &Sha256, owner: &str, mode: u32) -> Option<String> {
    match file {
        None => Some("is missing".to_owned()),
        Some(file) if file.kind != FileKind::File => Some("is not a plain file".to_owned()),
        Some(file) if file.sha256.as_ref() != Some(wanted) => Some("differs".to_owned()),
        Some(file) => owner_differs(file, owner, Some(mode)),
    }
}

fn unit_differs(unit: &UnitFacts, run: Run, reload: bool) -> Option<String> {
    if run == Run::Restart {
        return Some("runs something else than its files say".to_owned());
    }
    if unit.file_state != "enabled" {
        return Some(if unit.file_state.is_empty() {
            "is not installed".to_owned()
        } else {
            format!("is {}", unit.file_state)
        });
    }
    if reload || unit.needs_reload {
        return Some("systemd has not read its files again".to_owned());
    }
    (run == Run::Start && !unit.is_running()).then(|| format!("is {}", unit.active))
}
