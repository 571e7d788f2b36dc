//! Words of the commands that need no hosts.

use std::{fmt::Write as _, path::Path};

use serde_json::{Value, json};

use super::{columns, out, problems, say};
use crate::{
    chain::{
        genesis::{Difference, Validator, compare::Change, validators_of},
        peers::{PeerInfo, peers_string},
        profile::{Profile, Reader},
    },
    cli::args::PeersFormat,
    session::error::{self, Failure},
    types::{
        diagnostic::{Diagnostic, limited},
        harmless,
        ids::NodeName,
    },
};

pub fn warn(warnings: &[Diagnostic]) {
    for problem in &limited(warnings.to_vec()) {
        out::say(problems::text(problem));
    }
}

pub fn refuse(found: &[Diagnostic]) -> u8 {
    warn(found);
    error::BAD_INPUT
}

pub fn fail(failure: &Failure) -> u8 {
    say(failure);
    failure.exit()
}

/// A document with nothing wrong in it: who its validators are.
pub fn sound(profile: &Profile, document: &str, text: &str) {
    let members = validators_of(profile, document, text).unwrap_or_default();
    let power: i128 = members.iter().map(|member| i128::from(member.power.get())).sum();
    let mut text = format!("ok: {} validators, {power} voting power\n", members.len());
    for member in &members {
        let _ = writeln!(text, "  {}", who(member));
    }
    if profile.documents.get(document).is_some_and(|rule| rule.read_by == Some(Reader::CosmosSdk)) {
        text += "not looked at: the signatures of gentxs, and the state of modules but auth, bank and staking's gentxs\n";
    }
    out::print(text);
}

fn who(member: &Validator) -> String {
    let name = member.name.as_deref().filter(|name| !name.is_empty());
    let address = member.address.as_deref().filter(|address| !address.is_empty());
    let parts = [name, address, Some(member.key.value.as_str())];
    format!("{} power {}", parts.into_iter().flatten().collect::<Vec<_>>().join(" "), member.power.get())
}

pub fn changes(changes: &[Change<'_>], as_json: bool) {
    if as_json {
        for change in changes {
            out::json(&json_of(change));
        }
        return;
    }
    let text: String = changes.iter().map(|change| line(change) + "\n").collect();
    out::print(if text.is_empty() { "the same\n" } else { &text });
}

fn line(change: &Change<'_>) -> String {
    let sides = |d: &Difference<'_>| format!("{} → {}", Difference::show(d.left), Difference::show(d.right));
    match change {
        Change::Added(member) => format!("validator added      {}", who(member)),
        Change::Removed(member) => format!("validator removed    {}", who(member)),
        Change::Power { of, to } => format!("power changed        {} → {}", who(of), to.get()),
        Change::Name { of, to } => {
            format!("name changed         {} → {}", who(of), to.as_deref().unwrap_or("(none)"))
        }
        Change::Order => "order changed        the same validators, in another order".to_owned(),
        Change::ChainId(difference) => format!("chain id changed     {}", sides(difference)),
        Change::Time(difference) => format!("genesis time changed {}", sides(difference)),
        Change::Other(difference) => format!("{}: {}", difference.path, sides(difference)),
        Change::Layout => "the same meaning in other bytes: CometBFT 1.0 does not start on that".to_owned(),
    }
}

fn json_of(change: &Change<'_>) -> Value {
    let validator = |member: &Validator| json!({"name": member.name, "address": member.address, "key": member.key, "power": member.power.get()});
    let difference = |kind: &str, d: &Difference<'_>| {
        let (left, right) = (Difference::value(d.left), Difference::value(d.right));
        json!({"event": "difference", "kind": kind, "path": d.path, "left": left, "right": right})
    };
    match change {
        Change::Added(member) => {
            json!({"event": "difference", "kind": "added", "validator": validator(member)})
        }
        Change::Removed(member) => {
            json!({"event": "difference", "kind": "removed", "validator": validator(member)})
        }
        Change::Power { of, to } => {
            json!({"event": "difference", "kind": "power", "validator": validator(of), "right": to.get()})
        }
        Change::Name { of, to } => {
            json!({"event": "difference", "kind": "name", "validator": validator(of), "right": to})
        }
        Change::Order => json!({"event": "difference", "kind": "order"}),
        Change::Layout => json!({"event": "difference", "kind": "layout"}),
        Change::ChainId(d) => difference("chain_id", d),
        Change::Time(d) => difference("genesis_time", d),
        Change::Other(d) => difference("other", d),
    }
}

/// Who dials whom; of one node only the list itself.
pub fn peers(profile: &Profile, dialled: &[(NodeName, Vec<PeerInfo>)], format: PeersFormat, bare: bool) {
    let mut text = String::new();
    let object = |peer: &PeerInfo| json!({"name": peer.spot.name, "id": peer.id, "host": peer.addr.host.as_str(), "port": peer.addr.port});
    let objects = |peers: &[PeerInfo]| peers.iter().map(object).collect::<Value>();
    if format == PeersFormat::Json {
        let value = match dialled {
            [(_, peers)] if bare => objects(peers),
            all => all.iter().map(|(node, peers)| (node.to_string(), objects(peers))).collect(),
        };
        return out::document(harmless::json(&format!("{value:#}\n")));
    }
    let key = profile.peers.into.key.as_deref().unwrap_or("persistent_peers");
    let key = key.rsplit('.').next().unwrap_or(key);
    for (node, peers) in dialled {
        let list = peers_string(profile, peers);
        let _ = match (format, bare) {
            (PeersFormat::Toml, true) => writeln!(text, "{key} = {list:?}"),
            (PeersFormat::Toml, false) => writeln!(text, "[{:?}]\n{key} = {list:?}", node.as_str()),
            (_, true) => writeln!(text, "{list}"),
            (_, false) => writeln!(text, "{node}: {list}"),
        };
    }
    out::print(text);
}

pub fn rendered(files: usize, nodes: usize, folder: &Path) {
    out::print(format!("{files} files of {nodes} nodes below {}\n", folder.display()));
}

/// What whoever uses a profile of somebody else's has to know before.
pub fn trust(dir: &Path) {
    out::print(format!(
        "{}: a profile is root on all hosts by design (its unit and its files are free text): read it before you use it; `plan` shows \
         every file that it brings\n",
        dir.display()
    ));
}

pub fn chains(profiles: &[Profile]) {
    let width = columns::width(profiles.iter().map(|profile| profile.name.as_str()));
    let line = |profile: &Profile| {
        let documents: Vec<&str> = profile.documents.keys().map(String::as_str).collect();
        format!("{:width$}  {} (documents: {})\n", profile.name, profile.about, documents.join(", "))
    };
    out::print(profiles.iter().map(line).collect::<String>());
}
