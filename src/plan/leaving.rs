//! What the chain itself has to be told of a validator that was removed: the profile's words, filled in.

use super::endpoints;
use crate::{
    chain::{identity, placeholders::filled},
    cluster::{Cluster, Node},
    facts::{Facts, removed::Tombstone},
    types::ids::{NodeName, ValidatorKey},
};

/// What a person has to do beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaves {
    /// What the chain counts of it now; `None`: nobody says.
    pub power: Option<i64>,
    /// How its vote ends; `None`: the profile does not know.
    pub how: Option<String>,
    pub commands: Vec<String>,
    /// On whose host these are run.
    pub on: Option<NodeName>,
}

/// `cluster`: with the node in it.
pub fn leaves(cluster: &Cluster, facts: &Facts, stone: &Tombstone) -> Leaves {
    let power = power(facts, stone.validator_key.as_ref());
    let other = |node: &&Node| {
        let runs = facts.nodes.get(&node.name).is_some_and(|seen| seen.unit.may_run());
        node.name != stone.node && runs
    };
    let on = cluster.nodes.iter().find(other);
    let node = cluster.node(&stone.node);
    let fill = |text: &String| {
        let word = |word: &str| {
            let known = node.and_then(|node| value(cluster, facts, node, on, stone, power, word));
            // It is for a person to paste into a shell: what a host has said is no part of that but a plain word.
            Some(known.filter(|text| is_plain(text)).unwrap_or_else(|| word.to_uppercase()))
        };
        filled(text, word).unwrap_or_else(|| text.clone())
    };
    let leaving = cluster.profile.leaving.as_ref().filter(|_| power != Some(0));
    Leaves {
        power,
        how: leaving.map(|leaving| fill(&leaving.how)),
        commands: leaving.map(|leaving| leaving.commands.iter().map(fill).collect()).unwrap_or_default(),
        on: on.map(|node| node.name.clone()),
    }
}

fn power(facts: &Facts, key: Option<&ValidatorKey>) -> Option<i64> {
    let voting = facts.voting.as_ref().filter(|voting| voting.disagree.is_none())?;
    let key = key?;
    let voter = voting.voters.iter().find(|voter| voter.key.value == key.value);
    Some(voter.map_or(0, |voter| voter.power))
}

fn value(
    cluster: &Cluster,
    facts: &Facts,
    node: &Node,
    on: Option<&Node>,
    stone: &Tombstone,
    power: Option<i64>,
    word: &str,
) -> Option<String> {
    let profile = &cluster.profile;
    let key = stone.validator_key.as_ref();
    let home = |node: &Node| {
        let seen = facts.nodes.get(&node.name).and_then(|seen| seen.home.clone());
        seen.or_else(|| node.folder.clone()).map(|home| home.to_string())
    };
    match word {
        "key" => key.map(|key| key.value.clone()),
        // Base64 has these beside letters and digits.
        "key_in_url" => key.map(|key| key.value.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")),
        "key_type" => key.and_then(|key| key_type(&key.kind)),
        "address" => key.and_then(identity::address),
        "power" => power.map(|power| power.to_string()),
        "stake" => {
            let unit = profile.documents.values().find_map(|document| document.validators.power_unit);
            power.map(|power| (i128::from(power) * i128::from(unit.unwrap_or(1))).to_string())
        }
        "binary" => Some(profile.binary.name.to_string()),
        "home" => home(node),
        "on" => on.map(|node| node.name.to_string()),
        "on_home" => on.and_then(home),
        "rpc" => on.and_then(|node| rpc(cluster, facts, node)),
        _ => cluster.basics(node).word(word),
    }
}

/// `tendermint/PubKeyEd25519` → `ed25519`
fn key_type(kind: &str) -> Option<String> {
    let last = kind.rsplit(['/', '.']).find(|part| !part.eq_ignore_ascii_case("pubkey"))?;
    let bare = last.strip_prefix("PubKey").unwrap_or(last);
    Some(bare.to_ascii_lowercase())
}

/// As it is reached on its own host.
fn rpc(cluster: &Cluster, facts: &Facts, node: &Node) -> Option<String> {
    let ports = endpoints::ports(cluster, node, facts.nodes.get(&node.name)?);
    let port = ports.get(&cluster.profile.rpc_port())?;
    let any = ["0.0.0.0", "::", ""].contains(&port.bind.as_str());
    let host = if any { "127.0.0.1" } else { port.bind.as_str() };
    Some(if host.contains(':') { format!("[{host}]:{}", port.port) } else { format!("{host}:{}", port.port) })
}

/// Nothing that a shell or a query reads as more than itself.
fn is_plain(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "+/=_.,:-@%[]".contains(c);
    !text.is_empty() && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keys_type_is_the_last_part_of_its_name() {
        let types = ["tendermint/PubKeyEd25519", "/cosmos.crypto.ed25519.PubKey", "ed25519"].map(key_type);
        assert_eq!(types, [(); 3].map(|()| Some("ed25519".to_owned())));
    }

    /// P4
    #[test]
    fn p4_only_plain_words_are_pasted_into_a_shell() {
        assert!(is_plain("a+b/c=") && is_plain("[::1]:26657") && is_plain("/home/ubuntu/node"));
        for bad in ["", "a b", "'", "$(x)", "`x`", "a;b", "a&b", "a\nb", "\"", "|", "é"] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
