//! The consensus document as a host holds it: what it fixes about the chain.

use serde_json::Value;

use super::majority::majority;
use crate::{
    chain::genesis::{Validator, standalone, validators_of},
    cluster::Cluster,
    facts::{Facts, NodeFacts},
    types::text::Text,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub chain_id: Option<String>,
    /// 1 where the document says nothing (before Tendermint 0.34).
    pub initial_height: u64,
    /// Seconds since 1970; `None`: no time, or one before 1970 (Go's zero time).
    pub genesis_time: Option<f64>,
    pub members: Vec<Validator>,
}

/// The name of the document that consensus runs on: the one with a genesis_time.
pub fn name(cluster: &Cluster) -> Option<&str> {
    let documents = &cluster.profile.documents;
    let timed = documents.iter().find(|(_, document)| document.genesis_time.is_some());
    timed.or_else(|| documents.iter().next()).map(|(name, _)| name.as_str())
}

/// Its text on a host.
pub fn text<'a>(cluster: &Cluster, seen: &'a NodeFacts) -> Option<&'a Text> {
    let document = cluster.profile.documents.get(name(cluster)?)?;
    seen.text(&document.path.under(seen.home.as_ref()?))
}

/// `None`: it is not there, or no JSON.
pub fn on_host(cluster: &Cluster, seen: &NodeFacts) -> Option<Document> {
    let text = text(cluster, seen)?;
    let json: Value = serde_json::from_str(text).ok()?;
    let time = json["genesis_time"].as_str().and_then(|time| humantime::parse_rfc3339_weak(time).ok());
    let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    Some(Document {
        chain_id: standalone::chain_id(&cluster.profile, name(cluster)?, text).map(|id| id.to_string()),
        initial_height: first_height(&json),
        genesis_time: since.map(|since| since.as_secs_f64()),
        members: validators_of(&cluster.profile, name(cluster)?, text).unwrap_or_default(),
    })
}

/// 63 bits, as every height: what is one above it is a height, too.
fn first_height(json: &Value) -> u64 {
    let said = &json["initial_height"];
    let height = said.as_u64().or_else(|| said.as_str()?.parse().ok());
    height.filter(|height| i64::try_from(*height).is_ok()).unwrap_or(1).max(1)
}

/// The one that most of these hosts have: one alone says nothing of the chain.
pub fn of_most<'a>(cluster: &Cluster, hosts: impl Iterator<Item = &'a NodeFacts>) -> Option<Document> {
    let sum = |seen: &NodeFacts| text(cluster, seen).map(|text| text.sha256().clone());
    let hosts: Vec<&NodeFacts> = hosts.collect();
    let most = majority(&hosts.iter().copied().filter_map(sum).collect::<Vec<_>>());
    let theirs = hosts.iter().find(|seen| most.is_some() && sum(seen) == most);
    let theirs = theirs.and_then(|seen| on_host(cluster, seen));
    theirs.or_else(|| hosts.iter().find_map(|seen| on_host(cluster, seen)))
}

/// The first height of the chain, as most hosts' documents have it.
pub fn initial_height(cluster: &Cluster, facts: &Facts) -> u64 {
    of_most(cluster, facts.nodes.values()).map_or(1, |document| document.initial_height)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn p7_a_first_height_has_63_bits() {
        let of = |height: Value| first_height(&json!({"initial_height": height}));
        assert_eq!((of(json!(7)), of(json!("7")), of(json!(0)), of(Value::Null)), (7, 7, 1, 1));
        assert_eq!(of(json!(i64::MAX.to_string())), i64::MAX.unsigned_abs());
        for wrong in [u64::MAX, 1 << 63] {
            assert_eq!((of(json!(wrong)), of(json!(wrong.to_string()))), (1, 1), "{wrong}");
        }
    }
}
