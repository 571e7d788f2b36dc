//! The network that the nodes are of, where it exists already: nothing of it is composed here.

use super::Source;
use crate::{
    chain::peers::PeerInfo,
    types::{
        diagnostic::Diagnostic,
        ids::{ChainId, Sha256},
        text::Text,
    },
};

/// `network: {joined: {…}}`, or by a name of the profile's.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The network's own, where the profile names the network.
    pub chain_id: Option<ChainId>,
    /// The network's genesis document.
    pub genesis: Source,
    /// Of the document's bytes, whoever they come from.
    pub sha256: Sha256,
    /// Nodes of the network that every node dials.
    pub peers: Vec<PeerInfo>,
    /// Nodes of the network that may be asked for more peers.
    pub seeds: Vec<PeerInfo>,
    /// Known once a host has shown it, or it was read here; until then why it is not.
    pub document: Result<Text, Diagnostic>,
}
