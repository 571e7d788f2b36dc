//! Which genesis documents belong on the hosts (S1): composed before birth, from then on what the hosts agree on.

use std::collections::BTreeMap;

use super::{
    lifecycle::{self, Life},
    node::Documents,
    tool,
};
use crate::{
    chain::{
        genesis::{self, Compose, NodeDocs},
        profile::GenesisHow,
    },
    cluster::{Cluster, Node, network::Joined},
    facts::{Facts, LARGEST_TEXT},
    types::{
        code::Code,
        diagnostic::Diagnostic,
        ids::{ChainId, NodeName, RemotePath},
    },
};

/// After a first start, before the first block.
const FIXED: &str = "the first start has fixed the documents in the nodes' state. As long as there is no block, \
                     `loomctl up --reset-unborn` removes that state (keys stay) and begins again with the new ones";

type Texts = BTreeMap<String, String>;

pub fn documents(cluster: &Cluster, facts: &Facts) -> Result<Documents, Vec<Diagnostic>> {
    Ok(texts(cluster, facts)?.into_iter().map(|(name, text)| (name, text.into())).collect())
}

/// Why the genesis of a network that is joined is not known.
pub fn not_read(cluster: &Cluster) -> Option<Diagnostic> {
    cluster.joined.as_ref()?.document.as_ref().err().cloned()
}

/// The document of a joined network, as it was published: nothing is composed, and what a node has begun with is not replaced.
fn given(cluster: &Cluster, facts: &Facts, joined: &Joined) -> Result<Texts, Vec<Diagnostic>> {
    let Ok(text) = &joined.document else { return Err(not_read(cluster).into_iter().collect()) };
    let (agreed, names) = (agreed(cluster, facts)?, cluster.profile.documents.keys());
    let given: Texts = names.map(|name| (name.clone(), text.to_string())).collect();
    if agreed.is_empty() || agreed == given {
        return Ok(given);
    }
    let advice = "the genesis of a node that has begun is never written: name the network that it is of, or give it another \
                  `working_directory`";
    Err(vec![other_genesis(&agreed, &given).help(advice)])
}

fn texts(cluster: &Cluster, facts: &Facts) -> Result<Texts, Vec<Diagnostic>> {
    let large = too_large(cluster, facts);
    if !large.is_empty() {
        return Err(large);
    }
    if let Some(joined) = &cluster.joined {
        return given(cluster, facts, joined);
    }
    match lifecycle::of_cluster(cluster, facts) {
        Life::Absent | Life::Prepared => composed(cluster, facts),
        Life::Started => {
            let agreed = agreed(cluster, facts)?;
            match composed(cluster, facts) {
                Ok(composed) if !agreed.is_empty() && composed != agreed => {
                    Err(vec![other_genesis(&agreed, &composed).help(FIXED)])
                }
                Ok(composed) => Ok(composed),
                Err(refusals) if agreed.is_empty() => Err(refusals),
                Err(_) if cluster.profile.genesis.how == GenesisHow::Tool => {
                    match left_out(cluster, facts, &agreed) {
                        refusals if refusals.is_empty() => Ok(agreed),
                        refusals => Err(refusals),
                    }
                }
                Err(_) => Ok(agreed),
            }
        }
        Life::Live => {
            let agreed = agreed(cluster, facts)?;
            let wrong = [
                nowhere(cluster, &agreed),
                another_chain(cluster, &agreed),
                of_one_alone(cluster, facts, &agreed),
            ]
            .concat();
            if !wrong.is_empty() {
                return Err(wrong);
            }
            let demanded =
                genesis::overridden(&cluster.profile, &agreed, &cluster.genesis).map_err(refusals)?;
            if demanded == agreed {
                Ok(agreed)
            } else {
                Err(vec![other_genesis(&agreed, &demanded).help(
                    "the genesis of a live chain is never written: take the `genesis:` values out of the inventory, \
                     or begin another chain",
                )])
            }
        }
    }
}

/// The chain has another id than the inventory says.
fn another_chain(cluster: &Cluster, agreed: &Texts) -> Vec<Diagnostic> {
    let other = agreed.iter().find_map(|(name, text)| {
        let id = genesis::standalone::chain_id(&cluster.profile, name, text)?;
        (id != cluster.chain_id).then_some(id)
    });
    let refuse = |id: ChainId| {
        let message =
            format!("the genesis of this live chain is of {id}, and chain_id is {}", cluster.chain_id);
        let advice = format!(
            "the genesis of a live chain is never written: set `chain_id: {id}`, or begin another chain under another `cluster`"
        );
        Diagnostic::refusal(Code::OtherChainId, None, message).help(advice)
    };
    other.map(refuse).into_iter().collect()
}

/// Validators of the inventory that the documents know nothing of, where the chain's own tool has to sign for them first.
fn left_out(cluster: &Cluster, facts: &Facts, agreed: &Texts) -> Vec<Diagnostic> {
    let read = |(name, text): (&String, &String)| genesis::validators_of(&cluster.profile, name, text).ok();
    let members: Vec<genesis::Validator> = agreed.iter().filter_map(read).flatten().collect();
    let stranger = |node: &&Node| {
        let key = facts.nodes.get(&node.name).and_then(|seen| seen.validator_key.as_ref());
        key.is_some_and(|key| members.iter().all(|member| member.key.value != key.value))
    };
    let message = "it is no validator of the genesis that the others have started with";
    let refuse =
        |node: &Node| Diagnostic::refusal(Code::GenesisStranger, Some(&node.name), message).help(FIXED);
    cluster.validators().filter(stranger).map(refuse).collect()
}

/// One host's word that the chain has begun, beside validators that have keys and have never run. What it holds is what root's
/// own records say of a node that was started there, or what the inventory gives, or it would choose the genesis for all (P5).
fn of_one_alone(cluster: &Cluster, facts: &Facts, agreed: &Texts) -> Vec<Diagnostic> {
    let stands = |node: &Node| (node.name.clone(), lifecycle::of_node(cluster, node, facts));
    let stand: Vec<(NodeName, Life)> = cluster.nodes.iter().map(stands).collect();
    let mut begun = stand.iter().filter(|(_, life)| *life >= Life::Started);
    let waits = |node: &Node| stand.iter().any(|(name, life)| *name == node.name && *life == Life::Prepared);
    let (Some((alone, _)), None) = (begun.next(), begun.next()) else { return Vec::new() };
    if !cluster.validators().any(waits) || is_on_record(cluster, facts, alone) {
        return Vec::new();
    }
    let advice = format!(
        "one host alone cannot say which chain the others begin: if the chain of {alone} is right, give them `role: full` and \
         let it take them in as validators later; if not, look at that host"
    );
    match composed(cluster, facts) {
        Ok(composed) if composed == *agreed => Vec::new(),
        Ok(composed) => vec![other_genesis(agreed, &composed).coded(Code::GenesisOfOne).help(advice)],
        Err(_) => left_out(cluster, facts, agreed),
    }
}

/// Root has seen it run, and has written down the documents that it still has.
fn is_on_record(cluster: &Cluster, facts: &Facts, name: &NodeName) -> bool {
    let Some(seen) = facts.nodes.get(name) else { return false };
    let (Some(home), Some(manifest)) = (&seen.home, &seen.manifest) else { return false };
    let as_written = |path: &RemotePath| {
        let written = manifest.paths.iter().find(|entry| entry.path == *path);
        let held = seen.files.get(path);
        written
            .zip(held)
            .is_some_and(|(written, held)| written.sha256.is_some() && written.sha256 == held.sha256)
    };
    let mut documents = cluster.profile.documents.values().map(|document| document.path.under(home));
    (seen.started.is_some() || seen.unit.may_run()) && documents.all(|path| as_written(&path))
}

/// Texts that are there, but too large to be brought from their hosts: without this they would count as gone.
fn too_large(cluster: &Cluster, facts: &Facts) -> Vec<Diagnostic> {
    let mut refusals = Vec::new();
    for (node, seen) in cluster.nodes.iter().filter_map(|node| Some((node, facts.nodes.get(&node.name)?))) {
        for (name, document) in &cluster.profile.documents {
            let at = seen.home.as_ref().map(|home| document.path.under(home));
            let Some(file) = at.and_then(|at| seen.files.get(&at)).filter(|file| file.size > LARGEST_TEXT)
            else {
                continue;
            };
            let message = format!(
                "its `{name}` document ({}) has {} MB; the limit of what is brought from hosts is {} MB",
                document.path,
                file.size.div_ceil(1 << 20),
                LARGEST_TEXT >> 20
            );
            let advice = "a chain with such a genesis is not for `up` yet; in files there is no limit: `loomctl genesis`";
            refusals.push(Diagnostic::refusal(Code::GenesisTooLarge, Some(&node.name), message).help(advice));
        }
    }
    refusals
}

fn composed(cluster: &Cluster, facts: &Facts) -> Result<Texts, Vec<Diagnostic>> {
    let mut nodes = Vec::new();
    for node in cluster.validators() {
        let Some(seen) = facts.nodes.get(&node.name) else { continue };
        let Some(key) = seen.validator_key.clone() else { continue };
        let documents = cluster
            .profile
            .documents
            .keys()
            .filter_map(|name| Some((name.clone(), seen.pristine.get(name)?.to_string())))
            .collect();
        nodes.push(NodeDocs { whose: node.name.to_string(), key, power: node.power, documents });
    }
    #[allow(clippy::cast_possible_truncation)] // Seconds since 1970 fit.
    let now = facts.machines.values().map(|m| m.clock as i64).max().unwrap_or(i64::MAX);
    let ask = Compose {
        profile: &cluster.profile,
        nodes: &nodes,
        chain_id: &cluster.chain_id,
        overrides: &cluster.genesis,
        now,
    };
    match cluster.profile.genesis.how {
        GenesisHow::Merge => genesis::compose(ask).map_err(refusals),
        GenesisHow::Encode => genesis::encode::composed(ask).map_err(refusals),
        GenesisHow::Tool => genesis::tool::finished(ask, &tool::result(cluster, facts)?).map_err(refusals),
    }
}

fn refusals(problems: Vec<genesis::GenesisProblem>) -> Vec<Diagnostic> {
    problems.into_iter().map(|problem| problem.diagnostic(Code::GenesisUnsound)).collect()
}

/// What the nodes that have started hold. Hosts that disagree stop the run before any write.
fn agreed(cluster: &Cluster, facts: &Facts) -> Result<Texts, Vec<Diagnostic>> {
    let mut agreed = Texts::new();
    let mut refusals = Vec::new();
    for (name, document) in &cluster.profile.documents {
        let mut first: Option<(&NodeName, &str)> = None;
        for node in
            cluster.nodes.iter().filter(|node| lifecycle::of_node(cluster, node, facts) >= Life::Started)
        {
            let Some(text) = held(node, facts, document) else { continue };
            match first {
                Some((by, other)) if other != text => {
                    let message = format!(
                        "{by} and {} hold different `{name}` documents: {}",
                        node.name,
                        difference(other, text)
                    );
                    let advice = "nothing is written while they disagree: find out which one the chain runs on \
                                  (`loomctl verify` compares blocks), and put that one back";
                    refusals.push(
                        Diagnostic::refusal(Code::GenesisDiffers, Some(&node.name), message).help(advice),
                    );
                }
                Some(_) => {}
                None => first = Some((&node.name, text)),
            }
        }
        if let Some((_, text)) = first {
            agreed.insert(name.clone(), text.to_owned());
        }
    }
    if refusals.is_empty() { Ok(agreed) } else { Err(refusals) }
}

/// Texts of a live chain that are gone everywhere: what they held cannot be known any more.
fn nowhere(cluster: &Cluster, agreed: &Texts) -> Vec<Diagnostic> {
    let refuse = |(name, document): (&String, &crate::chain::profile::Document)| {
        let message = format!("no host holds the `{name}` document any more ({})", document.path);
        Diagnostic::refusal(Code::GenesisGone, None, message)
            .help("the chain is live, so loomctl does not make a new one: put it back on one host from a backup, and run again")
    };
    cluster.profile.documents.iter().filter(|(name, _)| !agreed.contains_key(*name)).map(refuse).collect()
}

fn held<'a>(node: &Node, facts: &'a Facts, document: &crate::chain::profile::Document) -> Option<&'a str> {
    let seen = facts.nodes.get(&node.name)?;
    seen.text(&document.path.under(seen.home.as_ref()?)).map(AsRef::as_ref)
}

fn difference(a: &str, b: &str) -> String {
    let lines = genesis::difference(a, b);
    let shown: Vec<String> = lines.iter().take(5).map(ToString::to_string).collect();
    match lines.len() {
        0 => "they differ in layout only".to_owned(),
        n if n > 5 => format!("{}; and {} more", shown.join("; "), n - 5),
        _ => shown.join("; "),
    }
}

fn other_genesis(agreed: &Texts, demanded: &Texts) -> Diagnostic {
    let mut parts = Vec::new();
    for (name, text) in demanded {
        match agreed.get(name) {
            Some(other) if other != text => parts.push(format!("`{name}`: {}", difference(other, text))),
            Some(_) => {}
            None => parts.push(format!("`{name}` is on no host")),
        }
    }
    let message = format!(
        "the inventory demands another genesis than the chain was started with: {}",
        parts.join("; ")
    );
    Diagnostic::refusal(Code::OtherGenesis, None, message)
}
