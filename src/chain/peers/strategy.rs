//! How many a node dials.

use serde::{Deserialize, Serialize};

/// Up to here every node dials every other; beyond, that would grow with the square of the nodes.
pub const MESH_LIMIT: usize = 32;

/// Beyond the mesh, a node dials its two ring neighbours and this many others: with the two it stays below the
/// 10 outbound connections that Tendermint allows itself.
pub const OTHERS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// `Mesh` up to `MESH_LIMIT` nodes, then the ring and others chosen by the names' hash.
    #[default]
    Auto,
    Mesh,
    Ring,
}
