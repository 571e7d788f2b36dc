//! Networks that exist, by the names that people use for them: what an inventory else says of one in `network`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Profile;
use crate::{
    chain::peers,
    types::ids::{ChainId, Sha256, Url},
};

/// What `network: {joined: NAME}` stands for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedNetwork {
    pub chain_id: ChainId,
    /// The genesis document.
    pub genesis: Url,
    /// Of the document's bytes.
    pub sha256: Sha256,
    /// Nodes that every node dials, as `peers.format` has them.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Nodes that are asked for more.
    #[serde(default)]
    pub seeds: Vec<String>,
}

impl Profile {
    /// The word of the profile to point at, and what is wrong.
    pub(super) fn wrong_networks(&self) -> Vec<(String, String)> {
        let of_one = |(name, network): (&String, &NamedNetwork)| {
            let listed = network.peers.iter().chain(&network.seeds);
            let no_peer = listed.filter(|text| peers::parsed(self, text).is_none()).map(|text| {
                let format = &self.peers.format;
                (text.clone(), format!("`networks.{name}`: {text:?} is no peer, which is written {format}"))
            });
            let nobody = network.peers.is_empty() && network.seeds.is_empty();
            let nobody =
                nobody.then(|| (name.clone(), format!("`networks.{name}` has no peers and no seeds")));
            no_peer.chain(nobody).collect::<Vec<_>>()
        };
        let several = (self.documents.len() != 1 && !self.networks.is_empty()).then(|| {
            let message = "`networks`: only a chain with one genesis document can be joined";
            ("networks".to_owned(), message.to_owned())
        });
        self.networks.iter().flat_map(of_one).chain(several).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_nobody_could_join_is_refused_with_its_place() {
        let refused = |fields: &str| {
            let yaml =
                format!("extends: cometbft\nname: mine\nabout: mine\nnetworks:\n  there: {{{fields}}}\n");
            let problems = Profile::parse("profile.yaml", &yaml, BTreeMap::new()).unwrap_err();
            let place = problems[0].place.as_ref().map_or(0, |place| place.line);
            (problems[0].message.clone(), place)
        };
        let sum = Sha256::of("x");
        let good = format!("chain_id: c, genesis: 'http://h/g', sha256: {sum}");
        assert_eq!(refused(&good), ("`networks.there` has no peers and no seeds".to_owned(), 5));
        let (said, line) = refused(&format!("{good}, peers: [nobody]"));
        assert_eq!(said, "`networks.there`: \"nobody\" is no peer, which is written {id}@{host}:{port}");
        assert_eq!(line, 5);
        assert!(refused(&format!("{good}, sedes: []")).0.contains("unknown key `sedes`"));
        assert!(refused("chain_id: c, genesis: /g, sha256: x").0.contains("URL"));
    }
}
