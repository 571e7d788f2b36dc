//! What a run is for. A saved plan holds it.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// `up`: the network as the inventory has it. Running nodes of a live chain are restarted with consent alone (S8).
    #[default]
    Converge,
    /// `up --adopt`: nodes that somebody else made are taken over first.
    Adopt,
    /// `up --reset-unborn`: a chain without a block loses its state; from there on it is a birth.
    Reset,
    /// `start`: what is installed and does not run, with the files that its hosts have.
    Start,
    /// `restart`: one node after another, with the files that their hosts have.
    Restart,
    /// `upgrade --prepare`: another binary is put on the hosts and tried there.
    Prepare,
    /// `upgrade`: and is given to one node after another.
    Upgrade,
    /// `rollback`: each node's last binary before the present one.
    Rollback,
    /// `stop`, `down`
    Stop,
    /// `down --destroy`
    Destroy,
    /// `down --destroy --delete-keys`
    DestroyKeys,
    /// `keys restore`
    RestoreKeys,
    /// `remove`
    Remove,
    /// `remove --undo`
    UndoRemove,
}

impl Goal {
    /// What the same run goes on with once nothing of this one is left to do.
    pub fn then(self) -> Option<Self> {
        match self {
            Self::Reset => Some(Self::Converge),
            _ => None,
        }
    }

    /// Whether nodes keep the binary that they have until they may be given another one.
    pub fn keeps_binaries(self) -> bool {
        matches!(self, Self::Converge | Self::Adopt | Self::Start | Self::Restart)
    }

    /// Whether nodes that were removed from the cluster are none of its nodes: all that starts nodes, or says whom they dial.
    pub fn leaves_removed_out(self) -> bool {
        self.keeps_binaries() || matches!(self, Self::Reset | Self::Prepare | Self::Upgrade | Self::Rollback)
    }
}
