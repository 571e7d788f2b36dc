//! `network`: whether it is made here, or exists and is joined.

use std::path::Path;

use serde_json::{Map, Value};

use super::shared;
use crate::{
    chain::{
        peers::{self, PeerInfo, topology::Spot},
        profile::Profile,
    },
    cluster::{Node, Role, Source, network::Joined, profiles::controller_path},
    inventory::Inventory,
    types::{
        diagnostic::{Diagnostic, Place},
        ids::{ChainId, NodeName, Sha256, Url},
        nearest::nearest,
    },
};

const FIELDS: [&str; 4] = ["genesis", "sha256", "peers", "seeds"];
const EXAMPLE: &str = "network: {joined: {genesis: FILE or URL, sha256: …, peers: […]}}";

/// `None` where the network is made here, and where the variable is wrong.
pub(super) fn joined(
    inventory: &Inventory,
    profile: &Profile,
    problems: &mut Vec<Diagnostic>,
) -> Option<Joined> {
    let (value, by) = shared(inventory, "network", problems)?;
    let var = inventory.hosts.get(&by).and_then(|host| host.vars.get("network"));
    let place = var.and_then(|var| var.place.clone());
    let mut reader = Reader { base: &inventory.base, profile, place, problems };
    let Value::Object(network) = &value else {
        return reader.wrong("network must be a dictionary", EXAMPLE);
    };
    reader.known(network, "network", &["joined"]);
    match network.get("joined") {
        Some(Value::Object(fields)) => reader.fields(fields),
        Some(Value::String(name)) => reader.named(name),
        Some(_) => reader.wrong("network.joined must be a dictionary, or a network's name", EXAMPLE),
        None => {
            reader.wrong("network: `joined` is missing", "leave `network` out where the network is made here")
        }
    }
}

/// In a network that exists nobody is a validator by an inventory's word.
pub(super) fn roles(nodes: &mut [Node], inventory: &Inventory, problems: &mut Vec<Diagnostic>) {
    for node in nodes.iter_mut().filter(|node| node.role == Role::Validator) {
        let var = inventory.hosts.get(node.name.as_str()).and_then(|host| host.vars.get("role"));
        node.role = Role::Full;
        if let Some(var) = var {
            let problem = Diagnostic::error("role: a joined network has its validators already");
            let help =
                "set `role: full`, or leave it out; a node becomes a validator by the chain's own means";
            problems.push(problem.of_host(node.name.as_str()).at(var.place.as_ref()).help(help));
        }
    }
}

fn joining(
    chain_id: Option<ChainId>,
    genesis: Source,
    sha256: Sha256,
    peers: Vec<PeerInfo>,
    seeds: Vec<PeerInfo>,
) -> Joined {
    let document = Err(Diagnostic::error("the genesis of the joined network has not been read"));
    Joined { chain_id, genesis, sha256, peers, seeds, document }
}

struct Reader<'a> {
    base: &'a Path,
    profile: &'a Profile,
    place: Option<Place>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn wrong<T>(&mut self, why: &str, help: &str) -> Option<T> {
        self.problems.push(Diagnostic::error(why).at(self.place.as_ref()).help(help));
        None
    }

    fn known(&mut self, map: &Map<String, Value>, of: &str, known: &[&str]) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let near = nearest(key, known.iter().copied());
            let help = near.map_or_else(|| known.join(", "), |near| format!("did you mean `{near}`?"));
            self.wrong::<()>(&format!("unknown key `{of}.{key}`"), &help);
        }
    }

    /// A network that the profile names; what it says was judged with it.
    fn named(&mut self, name: &str) -> Option<Joined> {
        let profile = self.profile;
        let Some(network) = profile.networks.get(name) else {
            let known = profile.networks.keys().map(String::as_str);
            let help = match nearest(name, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if profile.networks.is_empty() => format!("describe it: {EXAMPLE}"),
                None => format!("it knows {}; any other: {EXAMPLE}", known.collect::<Vec<_>>().join(", ")),
            };
            return self
                .wrong(&format!("network.joined: {} knows no network named {name:?}", profile.name), &help);
        };
        let mut of = |list: &str, texts: &[String]| -> Option<Vec<PeerInfo>> {
            texts.iter().enumerate().map(|(at, text)| self.peer(list, at, text)).collect()
        };
        let (peers, seeds) = (of("peers", &network.peers)?, of("seeds", &network.seeds)?);
        let chain_id = Some(network.chain_id.clone());
        Some(joining(chain_id, Source::Url(network.genesis.clone()), network.sha256.clone(), peers, seeds))
    }

    fn fields(&mut self, fields: &Map<String, Value>) -> Option<Joined> {
        self.known(fields, "network.joined", &FIELDS);
        if self.profile.documents.len() != 1 {
            let why = format!(
                "network: a chain with {} genesis documents cannot be joined",
                self.profile.documents.len()
            );
            return self.wrong(&why, "leave `network` out: the network is made here");
        }
        let (genesis, sha256) = (self.genesis(fields), self.sha256(fields));
        let (peers, seeds) = (self.peers(fields, "peers"), self.peers(fields, "seeds"));
        let (peers, seeds) = (peers?, seeds?);
        if peers.is_empty() && seeds.is_empty() {
            return self.wrong("network.joined has no peers and no seeds", EXAMPLE);
        }
        Some(joining(None, genesis?, sha256?, peers, seeds))
    }

    fn text<'v>(&mut self, fields: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
        match fields.get(name) {
            Some(Value::String(text)) => Some(text),
            Some(_) => self.wrong(&format!("network.joined.{name} must be a text"), EXAMPLE),
            None => self.wrong(&format!("network.joined.{name} is missing"), EXAMPLE),
        }
    }

    fn genesis(&mut self, fields: &Map<String, Value>) -> Option<Source> {
        let text = self.text(fields, "genesis")?;
        if text.contains("://") {
            return match Url::new(text) {
                Ok(url) => Some(Source::Url(url)),
                Err(why) => self.wrong(&format!("network.joined.genesis: {}", why.why), EXAMPLE),
            };
        }
        let path = controller_path(self.base, text);
        if path.is_file() {
            return Some(Source::File(path));
        }
        self.wrong(&format!("network.joined.genesis: there is no file {}", path.display()), EXAMPLE)
    }

    fn sha256(&mut self, fields: &Map<String, Value>) -> Option<Sha256> {
        let text = self.text(fields, "sha256")?;
        match Sha256::new(text) {
            Ok(sha256) => Some(sha256),
            Err(why) => {
                self.wrong(&format!("network.joined.sha256: {}", why.why), "`sha256sum FILE` prints it")
            }
        }
    }

    fn peers(&mut self, fields: &Map<String, Value>, name: &str) -> Option<Vec<PeerInfo>> {
        let texts: Option<Vec<&str>> = match fields.get(name) {
            None => return Some(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(Value::as_str).collect(),
            Some(_) => None,
        };
        let Some(texts) = texts else {
            return self.wrong(&format!("network.joined.{name} must be a list of texts"), EXAMPLE);
        };
        let peers: Vec<_> = texts.iter().enumerate().map(|(at, text)| self.peer(name, at, text)).collect();
        peers.into_iter().collect()
    }

    fn peer(&mut self, list: &str, at: usize, text: &str) -> Option<PeerInfo> {
        let Some((id, addr)) = peers::parsed(self.profile, text) else {
            let why = format!("network.joined.{list}: {text:?} is no peer of {}", self.profile.name);
            return self.wrong(&why, &format!("a peer is written {}", self.profile.peers.format));
        };
        let name = NodeName::new(format!("{list}-{}", at + 1)).ok()?;
        Some(PeerInfo { spot: Spot { name, role: Role::Full, behind: Vec::new() }, id, addr })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::sim::{cluster, try_cluster};

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn inventory(network: &str, more: &str) -> String {
        format!(
            "all:\n  vars: {{chain: cometbft, chain_id: there, binary: /bin/sh, user: u, network: {network}{more}}}\n  hosts: {{a: {{}}}}\n"
        )
    }

    fn refused(network: &str, more: &str) -> String {
        let problems = try_cluster(&inventory(network, more)).unwrap_err();
        problems.iter().map(|p| format!("{} = {:?}", p.message, p.help)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn its_nodes_are_full_nodes_that_dial_its_peers() {
        let sum = Sha256::of("x");
        let network = format!(
            "{{joined: {{genesis: 'http://h/g', sha256: {sum}, peers: ['{ID}@seed.example.org:26656', '{ID}@[fd00::1]:1']}}}}"
        );
        let cluster = cluster(&inventory(&network, ""));
        let joined = cluster.joined.unwrap();
        assert_eq!(joined.sha256, sum);
        let peers: Vec<String> =
            joined.peers.iter().map(|peer| peers::peer_text(&cluster.profile, peer)).collect();
        assert_eq!(peers, [format!("{ID}@seed.example.org:26656"), format!("{ID}@[fd00::1]:1")]);
        assert_eq!(cluster.nodes[0].role, Role::Full);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let sum = Sha256::of("x");
        let with = |fields: &str| format!("{{joined: {{{fields}}}}}");
        let good = format!("genesis: 'http://h/g', sha256: {sum}, peers: ['{ID}@h:1']");
        for (network, more, said) in [
            ("mainnet".to_owned(), "", "network must be a dictionary"),
            ("{join: {}}".to_owned(), "", "unknown key `network.join`"),
            ("{joined: mainnet}".to_owned(), "", "cometbft knows no network named \"mainnet\""),
            (with("genesis: /none, sha256: x, peers: [y]"), "", "there is no file /none"),
            (with("genesis: /none, sha256: x, peers: [y]"), "", "network.joined.sha256: "),
            (with("genesis: /none, sha256: x, peers: [y]"), "", "\"y\" is no peer of cometbft"),
            (with(&good.replace("peers", "peer")), "", "did you mean `peers`?"),
            (with(&good.replace("peers", "seed")), "", "no peers and no seeds"),
            (with(&good), ", role: validator", "a joined network has its validators already"),
            (
                with(&good),
                ", genesis: {chain: {app_state: 1}}",
                "the genesis of a joined network is never changed",
            ),
        ] {
            let found = refused(&network, more);
            assert!(found.contains(said), "{said:?} is not in\n{found}");
        }
        let without = inventory(&with(&good), "").replace("chain_id: there, ", "");
        let problems = try_cluster(&without).unwrap_err();
        assert!(problems[0].message.contains("`chain_id`"), "{problems:?}");
    }

    /// Of a profile that names one network, resolved with what the inventory says.
    fn by_name(vars: &str) -> Result<crate::cluster::Cluster, Vec<Diagnostic>> {
        let dir = tempfile::tempdir().unwrap();
        let profile = format!(
            "extends: cometbft\nname: mine\nabout: mine\nnetworks:\n  testnet: {{chain_id: there-2, genesis: 'http://h/g', \
             sha256: {}, peers: ['{ID}@seed.example.org:26656'], seeds: ['{ID}@h:1']}}\n",
            Sha256::of("x")
        );
        std::fs::write(dir.path().join("profile.yaml"), profile).unwrap();
        let chain = dir.path().display();
        try_cluster(&format!(
            "all:\n  vars: {{chain: {chain}, binary: /bin/sh, user: u, {vars}}}\n  hosts: {{a: {{}}}}\n"
        ))
    }

    #[test]
    fn a_network_of_the_profiles_is_joined_by_its_name() {
        let cluster = by_name("network: {joined: testnet}").unwrap();
        assert_eq!(cluster.chain_id.as_str(), "there-2");
        let joined = cluster.joined.unwrap();
        assert_eq!(joined.sha256, Sha256::of("x"));
        assert!(matches!(&joined.genesis, Source::Url(url) if url.to_string() == "http://h/g"));
        let peers: Vec<String> = joined
            .peers
            .iter()
            .chain(&joined.seeds)
            .map(|peer| peers::peer_text(&cluster.profile, peer))
            .collect();
        assert_eq!(peers, [format!("{ID}@seed.example.org:26656"), format!("{ID}@h:1")]);
        assert_eq!(
            by_name("network: {joined: testnet}, chain_id: there-2").unwrap().chain_id.as_str(),
            "there-2"
        );
    }

    #[test]
    fn a_name_that_the_profile_does_not_know_and_another_chain_id_are_refused() {
        let said = |vars: &str| {
            let problems = by_name(vars).unwrap_err();
            assert!(problems[0].place.is_some() || vars.contains("chain_id"), "{problems:?}");
            format!("{} = {:?}", problems[0].message, problems[0].help)
        };
        let near = said("network: {joined: tesnet}");
        assert!(
            near.contains("mine knows no network named \"tesnet\"") && near.contains("`testnet`"),
            "{near}"
        );
        let far = said("network: {joined: x}");
        assert!(far.contains("it knows testnet; any other: network: {joined: {genesis"), "{far}");
        let other = said("network: {joined: testnet}, chain_id: there-1");
        assert!(other.contains("is there-2, not there-1"), "{other}");
    }
}
