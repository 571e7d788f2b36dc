//! Records of a gather script → facts. Pure; a line that does not fit is dropped, never guessed at.

mod hand;
mod node;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{MachineFacts, NodeFacts, ServiceFacts, ask::NodeQuestion, removed, sockets::Sockets};
use crate::{
    script::record::Record,
    types::ids::{RemotePath, Sha256, UnitName, name_of},
};
use hand::{seen_by_hand, take_texts};
use node::{node_fact, unit_fact};

/// A value is no longer than this, in bytes: two paths and a little.
const LONGEST_VALUE: usize = 16 << 10;
const LONGEST_PATH: usize = 4096;
/// A command line is no longer, in bytes: as much as gather.sh asks for.
const LONGEST_COMMAND: usize = 1 << 20;
/// Services of one node, whoever names them.
const MOST_SERVICES: usize = 64;
/// Names that a machine does not know.
const MOST_NAMES: usize = 10_000;
/// Texts of one node: documents, configurations, what is kept of them.
const MOST_TEXTS: usize = 64;
/// No clock shows more seconds: the end of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Collects the records of one machine.
#[derive(Debug, Default)]
pub struct Collector {
    machine: MachineFacts,
    sockets: Sockets,
    nodes: BTreeMap<usize, NodeFacts>,
    /// Whose text comes next, by node, and where our own files of a node are.
    texts: BTreeMap<usize, Vec<String>>,
    states: BTreeMap<usize, String>,
    /// Seconds since 1970 on our clock when its clock was read, at the earliest and at the latest.
    clock_window: (f64, f64),
}

impl Collector {
    /// `sent`: when the script was sent, on our clock in seconds since 1970.
    pub fn new(sent: f64) -> Self {
        Self { clock_window: (sent, sent), ..Self::default() }
    }

    /// Who the script runs as, once it has said so.
    pub fn uid(&self) -> &str {
        &self.machine.uid
    }

    /// Which machine it is, as far as it has said that by now.
    pub fn identity(&self) -> Option<[&str; 3]> {
        self.machine.identity()
    }

    /// `now`: when the line arrived.
    pub fn take(&mut self, record: Record, now: f64) {
        match record {
            Record::Fact { value, .. } if value.len() > LONGEST_VALUE => {}
            Record::Fact { scope, key, value } if scope == "host" => self.host_fact(&key, &value, now),
            Record::Fact { scope, key, value } if key == "text" => {
                if let Ok(scope) = scope.parse() {
                    let texts = self.texts.entry(scope).or_default();
                    texts.extend((texts.len() < MOST_TEXTS).then_some(value));
                }
            }
            Record::Fact { scope, key, value } if key == "state" => {
                if let Ok(scope) = scope.parse() {
                    self.states.insert(scope, value);
                }
            }
            Record::Fact { scope, key, value } => {
                if let Some((node, unit)) = scope.split_once('/') {
                    if let Some(service) = self.service(node, unit) {
                        unit_fact(&mut service.unit, &mut service.started, &key, &value);
                    }
                } else if let Some(node) = self.node(&scope) {
                    node_fact(node, &key, &value);
                }
            }
            Record::Blob { scope, key, bytes } if key == "command" => {
                let unit = match scope.split_once('/') {
                    Some((node, unit)) => self.service(node, unit).map(|service| &mut service.unit),
                    None => self.node(&scope).map(|node| &mut node.unit),
                };
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_COMMAND)]);
                let words = text.split_terminator('\0').map(str::to_owned).collect();
                if let Some(unit) = unit {
                    unit.command = words;
                }
            }
            Record::Blob { scope, key, bytes } => {
                let Ok(scope) = scope.parse() else { return };
                let node = self.nodes.entry(scope).or_default();
                if key == "seen" {
                    seen_by_hand(node, &bytes);
                } else if key == "texts" {
                    let state = self.states.get(&scope).map(String::as_str);
                    take_texts(node, state, &self.texts.remove(&scope).unwrap_or_default(), &bytes);
                } else if key == "removed" {
                    match removed::read(&bytes) {
                        Ok(stones) => node.removed = stones.into_iter().map(Into::into).collect(),
                        Err(why) => node.removed_error = Some(why),
                    }
                }
            }
            _ => {}
        }
    }

    fn node(&mut self, scope: &str) -> Option<&mut NodeFacts> {
        Some(self.nodes.entry(scope.parse().ok()?).or_default())
    }

    fn service(&mut self, node: &str, unit: &str) -> Option<&mut ServiceFacts> {
        let services = &mut self.node(node)?.services;
        let unit = UnitName::new(unit).ok()?;
        (services.len() < MOST_SERVICES || services.contains_key(&unit))
            .then(|| services.entry(unit).or_default())
    }

    /// The machine, and its nodes by the number of their question; or what it says that cannot be.
    pub fn finish(
        mut self,
        asked: &[NodeQuestion],
    ) -> Result<(MachineFacts, BTreeMap<usize, NodeFacts>), String> {
        self.machine.listeners = self.sockets.listeners();
        self.nodes.retain(|number, _| *number < asked.len());
        for (number, node) in &mut self.nodes {
            let asked = &asked[*number].services;
            node.services.retain(|unit, _| asked.iter().any(|service| service.unit == *unit));
            for service in asked {
                node.services.entry(service.unit.clone()).or_default();
            }
        }
        for (number, node) in &self.nodes {
            fits(&asked[*number], node)?;
        }
        Ok((self.machine, self.nodes))
    }

    fn host_fact(&mut self, key: &str, value: &str, now: f64) {
        let m = &mut self.machine;
        match key {
            "clock" => {
                if let Some(there) = seconds(value) {
                    let (earliest, latest) = (self.clock_window.0, now);
                    m.clock_ahead = there - f64::midpoint(earliest, latest);
                    m.clock = there;
                    m.clock_uncertain = (latest - earliest) / 2.0;
                }
            }
            "uptime" => m.uptime = seconds(value).unwrap_or(0.0),
            "uname" => {
                let mut words = value.split_whitespace();
                let (system, name, release) = (words.next(), words.next(), words.next());
                name.unwrap_or_default().clone_into(&mut m.hostname);
                m.kernel = format!("{} {}", system.unwrap_or_default(), release.unwrap_or_default());
                words.next().unwrap_or_default().clone_into(&mut m.arch);
            }
            "uid" => value.clone_into(&mut m.uid),
            "machine_id" => value.clone_into(&mut m.machine_id),
            "boot_id" => value.clone_into(&mut m.boot_id),
            "init" => value.clone_into(&mut m.init),
            "lingers" => m.lingers = true,
            "first_port" => m.first_port = value.parse().ok(),
            "systemd" => m.systemd = true,
            "os" => value.trim().clone_into(&mut m.os),
            "tool" => m.tools.push(value.to_owned()),
            "loader" => m.loaders.push(value.to_owned()),
            "unresolved" if m.unresolved.len() < MOST_NAMES => drop(m.unresolved.insert(value.to_owned())),
            "free_kb" => m.free_kb = value.parse().ok(),
            "pulled" => {
                if let Some((sum, url)) = value.split_once(' ')
                    && let Ok(sum) = Sha256::new(sum)
                {
                    m.pulled.insert(name_of(url), sum);
                }
            }
            "socket" => drop(self.sockets.socket(value)),
            "holds" => drop(self.sockets.holds(value)),
            "process" => drop(self.sockets.process(value)),
            "group" => drop(self.sockets.group(value)),
            _ => {}
        }
    }
}

/// Neither negative nor endless, nor no number at all.
fn seconds(value: &str) -> Option<f64> {
    value.parse().ok().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds))
}

/// A place where we work: what is shown of it is what it is.
fn folder(value: &str) -> Option<RemotePath> {
    let is_plain = value.len() <= LONGEST_PATH && !value.contains(char::is_control);
    RemotePath::new(value).ok().filter(|_| is_plain)
}

/// What the inventory says, or was seen before, no host can say otherwise.
fn fits(asked: &NodeQuestion, node: &NodeFacts) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{}: {what}", asked.node));
    if let Some(account) = &node.account {
        if asked.account.as_ref().is_some_and(|before| before != account) {
            return wrong(format!("the account {} is another one than a moment ago", asked.user));
        }
        if (account.uid == 0) != (asked.user.as_str() == "root") {
            return wrong(format!("the account {} has the uid {}", asked.user, account.uid));
        }
    }
    let home = asked.folder.as_ref().or(node.account.as_ref().map(|account| &account.home));
    match (&node.home, home) {
        (Some(seen), Some(home)) if seen != home => {
            wrong(format!("it works in {seen}, and the node's folder is {home}"))
        }
        (None, Some(home)) if node.account.is_some() => {
            wrong(format!("it does not say that it works in {home}"))
        }
        _ => Ok(()),
    }
}
