//! Nodes in the order of their names' hash: whom each dials without a look at all the others.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::strategy::{MESH_LIMIT, OTHERS, Strategy};
use crate::types::ids::NodeName;

/// How often a node stands among those that others choose from: with one place alone, the node after the widest gap would
/// be chosen by more than a chain lets in.
const PLACES: usize = 8;

pub struct Placement<'a> {
    /// Each node once: its two neighbours are whom it dials first.
    once: Vec<(u64, &'a NodeName)>,
    /// Each node `PLACES` times: where one's choice falls, the next node is dialled.
    places: Vec<(u64, &'a NodeName)>,
}

impl<'a> Placement<'a> {
    pub fn of(names: impl Iterator<Item = &'a NodeName>) -> Self {
        let mut once: Vec<_> = names.map(|name| (hash(name.as_str()), name)).collect();
        once.sort_unstable();
        let mut places = Vec::new();
        if once.len() >= MESH_LIMIT {
            // A name holds no slash, so no two of these are one text.
            let of = |name| (0..PLACES).map(move |place| (hash(&format!("{place}/{name}")), name));
            places.extend(once.iter().flat_map(|(_, name)| of(*name)));
            places.sort_unstable();
        }
        Self { once, places }
    }

    /// Of the nodes here those that `me`, which need not be one of them, dials; never itself.
    ///
    /// Beyond the mesh, who joins is either chosen or passed by nobody's choice: it changes only the lists it stands in.
    pub fn chosen(&self, me: &NodeName, strategy: Strategy) -> Vec<&'a NodeName> {
        let own = (hash(me.as_str()), me);
        let at = self.once.partition_point(|other| *other < own);
        let stands = self.once.get(at).is_some_and(|(_, name)| *name == me);
        let nodes = self.once.len() + usize::from(!stands);
        if strategy == Strategy::Mesh || strategy == Strategy::Auto && nodes <= MESH_LIMIT {
            return self.once.iter().map(|(_, name)| *name).filter(|name| *name != me).collect();
        }
        let length = self.once.len();
        let neighbours = [at + usize::from(stands), at + length.saturating_sub(1)];
        let mut chosen: BTreeSet<&NodeName> =
            neighbours.iter().filter_map(|at| Some(self.once.get(at.checked_rem(length)?)?.1)).collect();
        chosen.remove(me);
        if strategy == Strategy::Auto {
            for choice in 0..OTHERS {
                let falls = hash(&format!("{me}/{choice}"));
                let at = self.places.partition_point(|(place, _)| *place < falls);
                let mut onwards = self.places[at..].iter().chain(&self.places[..at]);
                chosen.extend(
                    onwards.find(|(_, name)| *name != me && !chosen.contains(name)).map(|(_, name)| *name),
                );
            }
        }
        chosen.into_iter().collect()
    }
}

fn hash(text: &str) -> u64 {
    let digest = Sha256::digest(text);
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
