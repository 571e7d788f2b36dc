//! Where a node listens, as its own files for its own build have it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    config::{Listen, Parsed},
    profile::{Bind, HomePath, KeyPlace, Port, Profile},
};
use crate::types::ids::{HostAddr, ServiceName};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortUse {
    /// As the file writes it, without brackets; `0.0.0.0` where it names none.
    pub bind: String,
    pub port: u16,
    /// Meant to be reached from other machines.
    pub public: bool,
    /// Whose unit listens there; `None`: the chain's own program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// False where this build or configuration does not listen there.
    pub expected: bool,
}

/// The port that peers dial: the one that is named so.
pub const P2P: &str = "p2p";

pub fn p2p(ports: &BTreeMap<String, PortUse>) -> Option<u16> {
    ports.get(P2P).map(|port| port.port)
}

/// The ports by the profile's names. Without a file the profile's defaults, `overrides` (the inventory's `ports:`) and
/// `rpc_bind` count; a file counts as it is.
pub fn ports_of(
    profile: &Profile,
    files: &BTreeMap<HomePath, Parsed>,
    overrides: &BTreeMap<String, u16>,
    rpc_bind: Option<&HostAddr>,
) -> BTreeMap<String, PortUse> {
    let read = |place: &KeyPlace| files.get(&place.file)?.key(&place.key);
    let mut uses = BTreeMap::new();
    for (name, port) in &profile.ports {
        let mut port_use = default_use(profile, port, overrides.get(name).copied(), rpc_bind);
        if let Some(place) = port.from.first()
            && let Some(value) = read(place)
        {
            match listen_of(&value) {
                Some(listen) => {
                    port_use.port = listen.port();
                    if port.bind_from.is_none() {
                        listen.bind().clone_into(&mut port_use.bind);
                    }
                }
                // An empty address, or a Unix socket: switched off.
                None => port_use.expected = false,
            }
        }
        if let Some(Value::String(bind)) = port.bind_from.as_ref().and_then(read) {
            port_use.bind = bind;
        }
        if let Some(condition) = &port.only_when_key {
            let place = KeyPlace { file: condition.file.clone(), key: condition.key.clone() };
            port_use.expected &= read(&place).as_ref() == Some(&condition.is);
        }
        uses.insert(name.clone(), port_use);
    }
    for (name, port) in &profile.ports {
        let Some(condition) = &port.only_when_port else { continue };
        let holds = uses.get(&condition.port).is_some_and(|other| other.port == condition.is);
        if let Some(port_use) = uses.get_mut(name) {
            port_use.expected &= holds;
        }
    }
    uses
}

fn default_use(profile: &Profile, port: &Port, wanted: Option<u16>, rpc_bind: Option<&HostAddr>) -> PortUse {
    let bind = match port.bind {
        Bind::Any => "0.0.0.0",
        Bind::Loopback => "127.0.0.1",
        Bind::RpcBind => rpc_bind.unwrap_or(&profile.default_rpc_bind).as_str(),
    };
    PortUse {
        bind: bind.to_owned(),
        port: wanted.unwrap_or(port.default),
        public: port.public,
        service: port.service.clone(),
        expected: true,
    }
}

pub(super) fn listen_of(value: &Value) -> Option<Listen> {
    match value {
        Value::String(text) => Listen::parse(text),
        Value::Number(number) => Listen::parse(&number.to_string()),
        _ => None,
    }
}
