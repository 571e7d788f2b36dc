//! One node's RPC, in its chain's dialect.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use crate::{
    chain::{
        probe::{Block, NetInfo, PAGE, ProbeError, RpcValidator, Status, Validators, evm, tendermint},
        profile::{Probe, ProbeKind},
    },
    cluster::{Cluster, Node},
    facts::{Facts, NodeFacts},
    fleet::Fleet,
    plan::endpoints,
    remote::host::Host,
};

/// All pages of a list together may take so many times as long as one answer.
const PAGES: u32 = 6;

#[derive(Clone)]
pub struct Client {
    pub host: Arc<Host>,
    pub at: SocketAddr,
    probe: Probe,
    limit: Duration,
    glance: bool,
}

impl Client {
    /// `None`: its host is not connected.
    pub fn new(
        fleet: &Fleet,
        cluster: &Cluster,
        node: &Node,
        facts: &Facts,
        limit: Duration,
    ) -> Option<Self> {
        let host = Arc::clone(fleet.host(node.machine)?);
        let unseen = NodeFacts::default();
        let seen = facts.nodes.get(&node.name).unwrap_or(&unseen);
        let probe = cluster.profile.probe.clone();
        let ports = endpoints::ports(cluster, node, seen);
        let port = ports.get(&probe.port)?;
        // What listens on all addresses listens on loopback too.
        let bind = port.bind.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified());
        let at = SocketAddr::new(bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), port.port);
        Some(Self { host, at, probe, limit, glance: false })
    }

    /// It asks once and by the forward alone: what does not answer is no reason to look why.
    #[must_use]
    pub fn at_a_glance(self) -> Self {
        Self { glance: true, ..self }
    }

    pub async fn status(&self) -> Result<Status, String> {
        match self.probe.kind {
            ProbeKind::TendermintRpc => self.get("/status", tendermint::status).await,
            ProbeKind::EvmRpc => self.post(evm::ask_status(), evm::status).await,
        }
    }

    pub async fn net_info(&self) -> Result<NetInfo, String> {
        match self.probe.kind {
            ProbeKind::TendermintRpc => self.get("/net_info", tendermint::net_info).await,
            ProbeKind::EvmRpc => self.post(evm::ask_peers(), evm::net_info).await,
        }
    }

    /// The one that was asked for: another block's signatures would be taken for this one's.
    pub async fn block(&self, height: u64) -> Result<Block, String> {
        let block = match self.probe.kind {
            ProbeKind::TendermintRpc => self.get(&format!("/block?height={height}"), tendermint::block).await,
            ProbeKind::EvmRpc => self.post(evm::ask_block(&self.probe.methods, height), evm::block).await,
        }?;
        if block.height == height {
            Ok(block)
        } else {
            Err(format!("asked for block {height} it gives block {}", block.height))
        }
    }

    /// All of them, whatever pages they come in.
    pub async fn validators(&self, height: u64) -> Result<Vec<RpcValidator>, String> {
        match self.probe.kind {
            ProbeKind::TendermintRpc => self.pages(height).await,
            ProbeKind::EvmRpc => match evm::ask_validators(&self.probe.methods, height) {
                Some(question) => self.post(question, evm::validators).await,
                None => Err("the profile names no method that says the validators".to_owned()),
            },
        }
    }

    /// Where its consensus stands, as `height/round/step`, if it says that.
    pub async fn step(&self) -> Option<String> {
        match self.probe.kind {
            ProbeKind::TendermintRpc => self.get("/consensus_state", tendermint::consensus_step).await.ok(),
            ProbeKind::EvmRpc => None,
        }
    }

    /// When a block was made, in seconds since 1970.
    pub async fn made_at(&self, height: u64) -> Option<f64> {
        match self.probe.kind {
            ProbeKind::TendermintRpc => {
                tendermint::made_at(&self.text(&format!("/block?height={height}"), None).await.ok()?)
            }
            ProbeKind::EvmRpc => {
                let question = evm::ask_block(&self.probe.methods, height);
                #[allow(clippy::cast_precision_loss)] // Seconds since 1970.
                evm::made_at(&self.text("", Some(&question)).await.ok()?).map(|at| at as f64)
            }
        }
    }

    /// The document that it runs on, as it answers, if it says that.
    pub async fn genesis(&self) -> Option<String> {
        match self.probe.kind {
            ProbeKind::TendermintRpc => self.text("/genesis", None).await.ok(),
            ProbeKind::EvmRpc => None,
        }
    }

    /// Whether a node that is behind says so itself.
    pub fn says_when_behind(&self) -> bool {
        self.probe.kind == ProbeKind::TendermintRpc
    }

    async fn pages(&self, height: u64) -> Result<Vec<RpcValidator>, String> {
        let path = format!("/validators?height={height}&per_page={PAGE}");
        // The first page has no number: releases without pages refuse to be asked for one.
        let page = async |number: u64| match number {
            1 => self.get(&path, tendermint::validators).await,
            number => self.get(&format!("{path}&page={number}"), tendermint::validators).await,
        };
        all_pages(page, self.limit * PAGES).await
    }

    async fn get<T>(&self, path: &str, read: fn(&str) -> Result<T, ProbeError>) -> Result<T, String> {
        read(&self.text(path, None).await?).map_err(|error| error.to_string())
    }

    #[allow(clippy::needless_pass_by_value)] // A question is made to be asked.
    async fn post<T>(&self, question: String, read: fn(&str) -> Result<T, ProbeError>) -> Result<T, String> {
        read(&self.text("", Some(&question)).await?).map_err(|error| error.to_string())
    }

    async fn text(&self, path: &str, question: Option<&str>) -> Result<String, String> {
        let path = match format!("{}{path}", self.probe.path) {
            path if path.is_empty() => "/".to_owned(),
            path => path,
        };
        let body = if self.glance {
            self.host.glance(self.at, &path, question, self.limit).await
        } else {
            self.host.ask(self.at, &path, question, self.limit).await
        };
        let body = body.map_err(|error| error.to_string())?;
        String::from_utf8(body).map_err(|_| "its answer is no text".to_owned())
    }
}

/// Within one time for all of them: a node that answers each in time can give as many as it likes.
async fn all_pages(
    page: impl AsyncFn(u64) -> Result<Validators, String>,
    limit: Duration,
) -> Result<Vec<RpcValidator>, String> {
    let pages = async {
        let mut all = page(1).await?;
        for number in 2.. {
            if all.is_whole()? {
                break;
            }
            all.add(page(number).await?)?;
        }
        Ok(all.members)
    };
    let slow = || format!("it has not shown all validators within {} s", limit.as_secs());
    tokio::time::timeout(limit, pages).await.unwrap_or_else(|_| Err(slow()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::types::ids::ValidatorKey;

    /// So many members of a set of ten thousand, on the page with this number.
    fn members(page: u64, count: u64) -> Validators {
        let member = |n: u64| {
            let key = ValidatorKey { kind: "ed25519".into(), value: n.to_string() };
            RpcValidator { address: n.to_string(), key, power: 1 }
        };
        let first = (page - 1) * count;
        Validators { height: 7, members: (first..first + count).map(member).collect(), total: 10_000 }
    }

    #[tokio::test]
    async fn p7_pages_are_full_or_the_last_and_have_one_time_for_all() {
        let hour = Duration::from_secs(3600);
        let asked = Cell::new(0);
        let give = |count: u64| {
            let asked = &asked;
            asked.set(0);
            async move |page: u64| {
                asked.set(asked.get() + 1);
                Ok(members(page, count))
            }
        };
        assert_eq!(all_pages(give(100), hour).await.map(|all| all.len()), Ok(10_000));
        assert_eq!(asked.get(), 100);
        assert!(all_pages(give(1), hour).await.is_err());
        assert_eq!(asked.get(), 1, "one member a page");
        let slow = async |page: u64| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(members(page, 100))
        };
        let said = all_pages(slow, Duration::from_millis(100)).await;
        assert!(said.is_err_and(|why| why.contains("within")), "each page in time, all of them not");
    }
}
