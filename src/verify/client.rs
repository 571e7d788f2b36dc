//! One node, asked in its chain's dialects: who answers what is pure (`chain/rpc`), this carries it.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use crate::{
    chain::{
        ports::PortUse,
        rpc::{self, Answer, Block, Dialects, NetInfo, Question, Request, RpcValidator, Status, Validators},
    },
    cluster::{Cluster, Node},
    facts::{Facts, NodeFacts},
    fleet::Fleet,
    plan::endpoints,
    remote::host::Host,
};

/// All pages of a list together may take so many times as long as one answer.
const PAGES: u32 = 6;

/// The answer to a question, by its type.
macro_rules! asked {
    ($client:expr, $question:expr, $kind:ident) => {
        match $client.ask($question).await? {
            Answer::$kind(found) => Ok(found),
            _ => Err(format!("an answer to another question than {}", $question.subject())),
        }
    };
}

#[derive(Clone)]
pub struct Client {
    pub host: Arc<Host>,
    /// Where it is asked who it is.
    pub at: SocketAddr,
    dialects: Arc<Dialects>,
    /// By the ports' names.
    places: BTreeMap<String, SocketAddr>,
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
        let ports = endpoints::ports(cluster, node, seen);
        let probes = &cluster.profile.probes;
        // A port that this configuration does not open answers nothing; where no other says how high the node is, it is tried.
        let open = |name: &str| ports.get(name).is_some_and(|port| port.expected);
        let by_open = Dialects::of(probes.iter().filter(|probe| open(&probe.port)));
        let dialects = if by_open.main_port().is_some() { by_open } else { Dialects::of(probes) };
        let place = |(name, port): (&String, &PortUse)| {
            // What listens on all addresses listens on loopback too.
            let bind = port.bind.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified());
            (name.clone(), SocketAddr::new(bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), port.port))
        };
        let places: BTreeMap<String, SocketAddr> = ports.iter().map(place).collect();
        let at = *places.get(&dialects.main_port()?)?;
        Some(Self { host, at, dialects: Arc::new(dialects), places, limit, glance: false })
    }

    /// It asks once and by the forward alone: what does not answer is no reason to look why.
    #[must_use]
    pub fn at_a_glance(self) -> Self {
        Self { glance: true, ..self }
    }

    pub async fn status(&self) -> Result<Status, String> {
        let mut answers = Vec::new();
        for request in self.dialects.status_requests() {
            let body = self.body(&request).await?;
            answers.push((request, body));
        }
        self.dialects.status(&answers).map_err(|error| error.to_string())
    }

    pub async fn net_info(&self) -> Result<NetInfo, String> {
        asked!(self, Question::Peers, Peers)
    }

    pub async fn peer_count(&self) -> Result<u64, String> {
        asked!(self, Question::PeerCount, PeerCount)
    }

    /// The one that was asked for: another block's signatures would be taken for this one's.
    pub async fn block(&self, height: u64) -> Result<Block, String> {
        let block: Block = asked!(self, Question::Block(height), Block)?;
        if block.height == height {
            Ok(block)
        } else {
            Err(format!("asked for block {height} it gives block {}", block.height))
        }
    }

    /// All of them, whatever pages they come in.
    pub async fn validators(&self, height: u64) -> Result<Vec<RpcValidator>, String> {
        let page = async |page: u64| asked!(self, Question::Validators { height, page }, Validators);
        all_pages(page, self.limit * PAGES).await
    }

    /// Where its consensus stands, as `height/round/step`, if it says that.
    pub async fn step(&self) -> Result<String, String> {
        asked!(self, Question::ConsensusStep, ConsensusStep)
    }

    /// When a block was made, in seconds since 1970.
    pub async fn made_at(&self, height: u64) -> Result<f64, String> {
        asked!(self, Question::BlockTime(height), BlockTime)
    }

    /// The document that it runs on, if it says that.
    pub async fn genesis(&self) -> Result<Value, String> {
        asked!(self, Question::Genesis, Genesis)
    }

    /// Whether a node that is behind says so itself.
    pub fn says_when_behind(&self) -> bool {
        self.dialects.says_when_behind()
    }

    async fn ask(&self, question: Question) -> Result<Answer, String> {
        let (dialect, request) =
            self.dialects.answering(question).ok_or_else(|| rpc::nobody_says(question))?;
        dialect.read(question, &self.body(&request).await?).map_err(|error| error.to_string())
    }

    async fn body(&self, request: &Request) -> Result<Vec<u8>, String> {
        let at = *self.places.get(&request.port).ok_or_else(|| format!("it has no port {}", request.port))?;
        let (path, body) = (request.path.as_str(), request.body.as_deref());
        let answer = if self.glance {
            self.host.glance(at, path, body, self.limit).await
        } else {
            self.host.ask(at, path, body, self.limit).await
        };
        answer.map_err(|error| error.to_string())
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
            RpcValidator { address: n.to_string(), key, power: 1, priority: None }
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
