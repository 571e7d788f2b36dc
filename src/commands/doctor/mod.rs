//! `loomctl doctor`: what a rollout would meet on the hosts, before there is one.

mod ask;
mod judge;

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream::FuturesUnordered};

use crate::{
    chain::{peers::PeerInfo, ports},
    cluster::{Binary, Cluster, Node, Source},
    facts::NodeFacts,
    plan::endpoints,
    remote::error::HostError,
    session::{binary, read::ReadSession},
    types::{
        ids::{NodeId, NodeName, PeerAddr},
        row,
    },
};
use ask::HostAnswers;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Ssh,
    Sudo,
    Systemd,
    Programs,
    User,
    Architecture,
    Disk,
    Memory,
    Ports,
    Unit,
    Clock,
    Ntp,
    Peers,
    Sessions,
    Limits,
    Journal,
}

impl Subject {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Sudo => "sudo",
            Self::Systemd => "systemd",
            Self::Programs => "programs",
            Self::User => "user",
            Self::Architecture => "architecture",
            Self::Disk => "disk",
            Self::Memory => "memory",
            Self::Ports => "ports",
            Self::Unit => "unit",
            Self::Clock => "clock",
            Self::Ntp => "ntp",
            Self::Peers => "peers",
            Self::Sessions => "sessions",
            Self::Limits => "limits",
            Self::Journal => "journal",
        }
    }
}

pub type Row = row::Row<Subject>;

/// One row a node and id, in inventory order; of a host that cannot be reached only why. With `--limit` these hosts alone
/// are asked, and only about each other.
pub async fn doctor(session: &mut ReadSession) -> Vec<Row> {
    let names = binary::named(&session.cluster);
    let measuring = tokio::task::spawn_blocking(move || binary::measure(names));
    let unreached = session.lost.clone();
    session.gather().await;
    for (path, local) in measuring.await.unwrap_or_default() {
        let Ok((local, _)) = local else { continue };
        let is_it = |binary: &&mut Binary| binary.source == Source::File(path.clone());
        let all = session.cluster.nodes.iter_mut().flat_map(Node::binaries_mut);
        all.filter(is_it).for_each(|binary| binary.local = Some(local.clone()));
    }
    let dialled = dials(session);
    let answers = asked(session, &dialled).await;
    let nodes: Vec<&Node> = session.nodes().collect();
    let mut rows = Vec::new();
    for node in nodes {
        match (session.lost.get(&node.machine), answers.get(&node.machine)) {
            (Some(error), _) if unreached.contains_key(&node.machine) => {
                rows.push(lost(node, Subject::Ssh, error));
            }
            (Some(error), _) => {
                let id = if is_about_rights(error) { Subject::Sudo } else { Subject::Ssh };
                rows.extend((id == Subject::Sudo).then(|| judge::ssh(node)));
                rows.push(lost(node, id, error));
            }
            (None, answers) => {
                let unsaid = HostAnswers::default();
                let peers = dialled.get(&node.name).map_or(&[][..], Vec::as_slice);
                rows.extend(judge::node(session, node, answers.unwrap_or(&unsaid), peers));
            }
        }
    }
    rows
}

fn is_about_rights(error: &HostError) -> bool {
    matches!(
        error,
        HostError::NoSudo(_)
            | HostError::SudoPasswordWanted
            | HostError::SudoPasswordWrong
            | HostError::NoShell(_)
            | HostError::SudoWantsTerminal(_)
            | HostError::NotRoot(_)
            | HostError::NoUserManager(..)
    )
}

fn lost(node: &Node, id: Subject, error: &HostError) -> Row {
    Row::new(id, &node.name, id.as_str()).failed(error.code(), error.to_string()).help(error.advice())
}

/// Who cannot be asked has rows that say so.
async fn asked(
    session: &ReadSession,
    dialled: &BTreeMap<NodeName, Vec<PeerInfo>>,
) -> BTreeMap<usize, HostAnswers> {
    let all: FuturesUnordered<_> = session
        .reached()
        .map(|(member, host)| async move {
            let of = |name| session.cluster.nodes.iter().find(|node| node.name == name);
            let nodes: Vec<&Node> = member.questions.iter().filter_map(|q| of(q.node.clone())).collect();
            let folder = |node: &&Node| {
                let seen = session.facts.nodes.get(&node.name).and_then(|seen| seen.home.as_ref());
                seen.or(node.folder.as_ref()).map_or_else(|| "/".to_owned(), ToString::to_string)
            };
            let folders: Vec<String> = nodes.iter().map(folder).collect();
            let peers = nodes.iter().filter_map(|node| dialled.get(&node.name)).flatten();
            let peers: Vec<(String, u16)> =
                peers.map(|peer| (peer.addr.host.to_string(), peer.addr.port)).collect();
            Some((member.machine, ask::ask(host, member, &folders, &peers, session.fleet.limit).await.ok()?))
        })
        .collect();
    all.filter_map(|answers| async { answers }).collect().await
}

/// Whom each node would dial, as far as these machines were reached; the choice goes by names alone, so it needs no keys.
fn dials(session: &ReadSession) -> BTreeMap<NodeName, Vec<PeerInfo>> {
    let cluster = &session.cluster;
    let Ok(id) = NodeId::new("0".repeat(40)) else { return BTreeMap::new() };
    let peer = |node: &Node| {
        let addr = PeerAddr { host: node.private_ip.clone(), port: p2p(cluster, node, session)? };
        Some(PeerInfo { spot: node.spot(), id: id.clone(), addr })
    };
    let all: Vec<PeerInfo> = cluster.nodes.iter().filter_map(peer).collect();
    let network = cluster.peering(&all);
    let machines: BTreeMap<&NodeName, usize> =
        session.nodes().map(|node| (&node.name, node.machine)).collect();
    let of = |node: &Node| {
        let mut dialled = network.peers_of(&node.name).unwrap_or_default();
        dialled.retain(|peer| {
            let machine = machines.get(&peer.spot.name);
            machine.is_some_and(|other| *other != node.machine && !session.lost.contains_key(other))
        });
        (node.name.clone(), dialled)
    };
    session.nodes().map(of).collect()
}

fn p2p(cluster: &Cluster, node: &Node, session: &ReadSession) -> Option<u16> {
    let unseen = NodeFacts::default();
    ports::p2p(&endpoints::ports(cluster, node, session.facts.nodes.get(&node.name).unwrap_or(&unseen)))
}
