//! Who votes, with what power, and who has signed lately: what a restart on a live chain is weighed with. All running
//! nodes are asked; `weighed` makes one answer of theirs.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use tokio::time::Instant;

use super::{
    Limits,
    client::Client,
    observe,
    weighed::{self, Reading, Readings},
};
use crate::{
    chain::rpc::Status,
    cluster::Cluster,
    facts::{Facts, LAST_COMMITS, Voting},
    fleet::{Fleet, Target},
    types::ids::NodeName,
};

/// So far back is looked for the last signature of one who does not run.
const FAR_BACK: u64 = 100;
/// By so many nodes: what one of them keeps back the others show. All witnesses for so many blocks would be too much.
const LOOK_FAR_BACK: usize = 3;
const ANSWER: Duration = Duration::from_secs(5);
/// For all blocks of one node: who is slower has shown what it has shown.
const BLOCKS: Duration = Duration::from_secs(20);

/// `None`: nobody answers, or nobody says who votes.
pub async fn ask(fleet: &Fleet, targets: &[Target], cluster: &Cluster, facts: &Facts) -> Option<Voting> {
    let limits = Limits { answer: ANSWER, ..Limits::default() };
    let runs = |name: &NodeName| facts.nodes.get(name).is_some_and(|seen| seen.unit.may_run());
    let asked = observe::asked(fleet, targets, cluster, facts, &limits);
    // There is no `reference_rpc` yet: one more client here, under a name of its own, would be one more reading.
    let clients: BTreeMap<&NodeName, &Client> =
        asked.iter().filter(|asked| runs(&asked.name)).map(|asked| (&asked.name, &asked.client)).collect();
    let height = |(name, client): (&NodeName, &Client)| {
        let (name, client) = (name.clone(), client.clone());
        async move {
            let status = client.status().await.ok()?;
            status.is_of(cluster.chain_id.as_str()).then_some((name, status))
        }
    };
    let heights = join_all(clients.iter().map(|(name, client)| height((name, client)))).await;
    let mut statuses: BTreeMap<NodeName, Status> = heights.into_iter().flatten().collect();
    let heights: BTreeMap<NodeName, u64> =
        statuses.iter().map(|(name, status)| (name.clone(), status.height)).collect();
    let (common, witnesses) = (weighed::common(&heights), weighed::witnesses(&heights));
    let readings = heights.into_iter().map(|(name, height)| {
        let witness = witnesses.iter().position(|other| *other == name);
        let (client, state_version) =
            (clients[&name], statuses.remove(&name).and_then(|status| status.state_version));
        async move { (name, Reading { state_version, ..read(client, height, common, witness).await }) }
    });
    weighed::weigh(&join_all(readings).await.into_iter().collect::<Readings>())
}

/// `witness`: its number among those whose blocks are looked at.
async fn read(client: &Client, height: u64, common: u64, witness: Option<usize>) -> Reading {
    if height == 0 {
        return Reading { height, ..Reading::default() };
    }
    let validators = client.validators(common).await.ok();
    let signed = match witness {
        Some(number) => {
            let all = validators.as_ref().filter(|_| number < LOOK_FAR_BACK).map_or(0, Vec::len);
            Some(signatures(client, height, all).await)
        }
        None => None,
    };
    Reading { height, validators, signed, ..Reading::default() }
}

/// By address: the highest commit, in the last blocks, and further back until so many have been found.
async fn signatures(client: &Client, height: u64, all: usize) -> BTreeMap<String, u64> {
    let (mut signed, begun) = (BTreeMap::new(), Instant::now());
    // The block at N holds the commit of N - 1.
    for block in (height.saturating_sub(FAR_BACK).max(1)..=height).rev() {
        let few = height - block < LAST_COMMITS;
        if (!few && signed.len() >= all) || begun.elapsed() > BLOCKS {
            break;
        }
        let Ok(found) = client.block(block).await else { break };
        for address in found.signed_by {
            signed.entry(address).or_insert(block.saturating_sub(1));
        }
    }
    signed
}
