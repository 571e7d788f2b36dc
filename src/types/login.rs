//! How one machine is reached, and how we become root there.

use std::{fmt, path::PathBuf, time::Duration};

use zeroize::Zeroize as _;

use super::ids::{HostAddr, UserName};

/// A value that no view, log or error may show; its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

/// What to do about two hosts of the inventory that are one machine.
pub const ONE_MACHINE: &str =
    "nodes of one machine share its login: give both the same ansible_host, ansible_port and ansible_user";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Ssh,
    /// `ansible_connection: local`
    Local,
}

/// `ansible_*` of a host, as far as the connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub via: Via,
    pub host: HostAddr,
    pub port: Option<u16>,
    pub user: Option<UserName>,
    pub identity: Option<PathBuf>,
    /// `ansible_ssh_common_args` and `ansible_ssh_extra_args`, split into words.
    pub ssh_args: Vec<String>,
    /// Whether to become root; a login as root needs nothing.
    pub sudo: bool,
    pub sudo_password: Option<Secret>,
    pub connect_timeout: Duration,
}

impl Login {
    /// `ansible_become: false`, and not as root as far as the inventory says: what that is, the host has to say.
    pub fn asks_for_no_root(&self) -> bool {
        !self.sudo && self.user.as_ref().is_none_or(|user| user.as_str() != "root")
    }

    /// Who logs in without root, where the inventory alone says that: a local login is whoever runs loomctl.
    pub fn without_root(&self) -> Option<&UserName> {
        self.user.as_ref().filter(|_| self.via == Via::Ssh && self.asks_for_no_root())
    }
}
