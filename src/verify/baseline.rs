//! The heights when a run begins, asked while its hosts are still gathered: the earlier the first look, the sooner it is
//! seen that blocks rise.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::task::JoinSet;

use super::client::Client;
use crate::{cluster::Cluster, facts::Facts, fleet::Fleet, types::ids::NodeName};

pub type Heights = BTreeMap<NodeName, u64>;

/// For one answer; who is slower is asked by the proof.
const ANSWER: Duration = Duration::from_secs(5);

/// It goes on beside everything else, until it is asked for what has been said by then.
pub struct Baseline {
    said: Arc<Mutex<Heights>>,
    /// Whoever has not answered when this is dropped is not waited for.
    _asking: JoinSet<()>,
}

impl Baseline {
    /// Asks every connected node once, at the port that the inventory and the profile give it.
    pub fn begin(fleet: &Fleet, cluster: &Cluster) -> Self {
        let (said, mut asking) = (Arc::<Mutex<Heights>>::default(), JoinSet::new());
        for node in &cluster.nodes {
            let Some(client) = Client::new(fleet, cluster, node, &Facts::default(), ANSWER) else { continue };
            let (said, name, client) = (Arc::clone(&said), node.name.clone(), client.at_a_glance());
            asking.spawn(async move {
                if let (Ok(status), Ok(mut said)) = (client.status().await, said.lock()) {
                    said.insert(name, status.height);
                }
            });
        }
        Self { said, _asking: asking }
    }

    pub fn said(&self) -> Heights {
        self.said.lock().map(|said| said.clone()).unwrap_or_default()
    }
}
