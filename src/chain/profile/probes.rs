//! How a node is asked: which dialect, on which port. What a kind needs is checked where its dialect is made (`chain/rpc`).

use schemars::JsonSchema;
use serde::Deserialize;

use super::Profile;
use crate::chain::rpc::{self, Dialects, Question, rest::KEYS};

/// More have no question left to answer.
const MOST_PROBES: usize = 8;
/// Characters.
const LONGEST_PATH: usize = 200;

/// One way to ask a node. Of several that can answer a question the first does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    pub kind: ProbeKind,
    /// By its name in `ports`; it may be one of a service.
    pub port: String,
    /// Before every method: `/rpc` where the chain puts a proxy in front.
    #[serde(default)]
    pub path: Option<String>,
    /// How the chain names methods that Ethereum does not have (`kind: evm-rpc`).
    #[serde(default)]
    pub methods: Option<ProbeMethods>,
    /// What its samples answer (`kind: prometheus`).
    #[serde(default)]
    pub metrics: Option<ProbeMetrics>,
    /// Where in the document the height is (`kind: rest`; a JSON pointer, as those below): a number, or a quoted one.
    #[serde(default)]
    pub height: Option<String>,
    /// A number, or a list.
    #[serde(default)]
    pub peers: Option<String>,
    /// True or false.
    #[serde(default)]
    pub catching_up: Option<String>,
    #[serde(default)]
    pub chain_id: Option<String>,
    #[serde(default)]
    pub node_id: Option<String>,
    #[serde(default)]
    pub version: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeKind {
    /// `/status` and its like, by GET.
    TendermintRpc,
    /// JSON-RPC by POST: `eth_`, `admin_nodeInfo`, `admin_peers`.
    EvmRpc,
    /// Metrics in Prometheus' text form, by GET (of `/metrics`, where no path is given): counts alone.
    Prometheus,
    /// One JSON document by GET of the path.
    Rest,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeMethods {
    /// Block number → addresses of all validators.
    #[serde(default)]
    pub validators: Option<String>,
    /// Block number → block, `extraData` with its seals. Absent: `eth_getBlockByNumber`.
    #[serde(default)]
    pub block: Option<String>,
}

/// A sample by its name and, where there are several, labels that it has: `NAME{label="value"}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeMetrics {
    #[serde(default)]
    pub height: Option<String>,
    /// How many peers the node has.
    #[serde(default)]
    pub peers: Option<String>,
    /// 1 while the node is catching up, 0 after that.
    #[serde(default)]
    pub catching_up: Option<String>,
}

impl Probe {
    /// Keys that belong to one kind, where they are given.
    pub fn own_keys(&self) -> Vec<&'static str> {
        let methods = self.methods.as_ref().map(|_| "methods");
        let metrics = self.metrics.as_ref().map(|_| "metrics");
        methods.into_iter().chain(metrics).chain(self.places().into_iter().map(|(name, _)| name)).collect()
    }

    /// Pointers by their keys.
    pub fn places(&self) -> Vec<(&'static str, &String)> {
        let given =
            [&self.height, &self.peers, &self.catching_up, &self.chain_id, &self.node_id, &self.version];
        KEYS.into_iter().zip(given).filter_map(|(name, place)| Some((name, place.as_ref()?))).collect()
    }

    #[cfg(test)]
    pub fn of(kind: ProbeKind, port: &str) -> Self {
        Self {
            kind,
            port: port.to_owned(),
            path: None,
            methods: None,
            metrics: None,
            height: None,
            peers: None,
            catching_up: None,
            chain_id: None,
            node_id: None,
            version: None,
        }
    }
}

impl Profile {
    pub fn dialects(&self) -> Dialects {
        Dialects::of(&self.probes)
    }

    /// The port that RPC is asked on: who the node is.
    pub fn rpc_port(&self) -> String {
        self.dialects().main_port().unwrap_or_default()
    }

    /// What was written as the one `probe` is the only entry of `probes`.
    pub(super) fn settle_probes(&mut self) -> Result<(), &'static str> {
        match self.probe.take() {
            Some(_) if !self.probes.is_empty() => {
                Err("`probe` is `probes` with one entry: give one of the two")
            }
            Some(probe) => {
                self.probes.push(probe);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The word to point at, and what is wrong there.
    pub(super) fn wrong_probes(&self) -> Vec<(String, String)> {
        let report = |word: &str, message: String| vec![(word.to_owned(), message)];
        if self.probes.is_empty() {
            return report("probes", "`probes` is missing: how is a node asked?".to_owned());
        }
        if self.probes.len() > MOST_PROBES {
            return report(
                "probes",
                format!("`probes` has {} entries, {MOST_PROBES} at most", self.probes.len()),
            );
        }
        let paths = self.probes.iter().filter_map(|probe| Some((probe.path.as_ref()?, wrong_path(probe)?)));
        let mut problems: Vec<_> = paths.map(|(path, why)| (path.clone(), why)).collect();
        problems.extend(self.probes.iter().filter_map(|probe| rpc::dialect(probe).err()));
        if problems.is_empty() && self.dialects().answering(Question::Height).is_none() {
            let message = "no entry of `probes` says the height: without it nobody knows whether blocks come";
            problems.extend(report("probes", message.to_owned()));
        }
        problems
    }
}

/// It goes into the first line of a request.
fn wrong_path(probe: &Probe) -> Option<String> {
    let path = probe.path.as_deref().filter(|path| !path.is_empty())?;
    let plain = path.starts_with('/') && path.chars().all(|c| c.is_ascii_graphic());
    (!plain || path.len() > LONGEST_PATH).then(|| {
        format!("`path`: {path:?} has to begin with / and has no blanks, {LONGEST_PATH} characters at most")
    })
}
