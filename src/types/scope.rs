//! Whose systemd runs the nodes of a machine, and so where everything of ours is there.

use super::ids::{RemotePath, UnitName, UserName};

const SYSTEM_STATE: &str = "/var/lib/loomctl";
const USER_STATE: &str = ".local/state/loomctl";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// The machine's own, as root.
    #[default]
    System,
    /// That of the login user, who has no root there (`ansible_become: false`).
    User(LoginUser),
}

/// Who a login without root is, as the host says when it is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginUser {
    pub uid: u32,
    pub name: UserName,
    pub group: String,
    pub home: RemotePath,
}

impl Scope {
    pub fn login_user(&self) -> Option<&LoginUser> {
        match self {
            Self::System => None,
            Self::User(user) => Some(user),
        }
    }

    /// What we leave on a machine: manifests, pristine documents, audit logs, the cache of binaries.
    pub fn lib(&self) -> String {
        match self {
            Self::System => SYSTEM_STATE.to_owned(),
            Self::User(user) => format!("{}/{USER_STATE}", user.home),
        }
    }

    /// Where locks live: gone with a reboot, as locks must be.
    pub fn run(&self) -> String {
        match self {
            Self::System => "/run/loomctl".to_owned(),
            Self::User(user) => format!("{}/loomctl", user.runtime()),
        }
    }

    /// A folder that is there already, on the file system of `lib`.
    pub fn base(&self) -> &str {
        match self {
            Self::System => "/var/lib",
            Self::User(user) => user.home.as_str(),
        }
    }

    /// A path of ours; the parts of `below` are checked names.
    pub fn path_of(&self, below: &str) -> RemotePath {
        absolute([&self.lib(), "/", below].concat())
    }

    /// Where whoever administers this systemd keeps units.
    pub fn units(&self) -> String {
        match self {
            Self::System => "/etc/systemd/system".to_owned(),
            Self::User(user) => format!("{}/.config/systemd/user", user.home),
        }
    }

    /// Where units of the chain's own programs stand while these run: gone with a reboot.
    pub fn transient_units(&self) -> String {
        match self {
            Self::System => "/run/systemd/system".to_owned(),
            Self::User(user) => format!("{}/systemd/user", user.runtime()),
        }
    }

    pub fn unit_path(&self, unit: &UnitName) -> RemotePath {
        absolute([&self.units(), "/", unit.as_str(), ".service"].concat())
    }

    /// `user:group` of what is ours and not the node's.
    pub fn owner(&self) -> String {
        match self {
            Self::System => "root:root".to_owned(),
            Self::User(user) => format!("{}:{}", user.name, user.group),
        }
    }

    /// Whose user manager it is; `None`: the machine's own.
    pub fn manager(&self) -> Option<u32> {
        self.login_user().map(|user| user.uid)
    }

    /// As a person types it.
    pub fn systemctl(&self) -> &'static str {
        match self {
            Self::System => "systemctl",
            Self::User(_) => "systemctl --user",
        }
    }

    /// journalctl's option for a unit of this systemd. Not `--user`: that leaves out journals which are not split by user.
    pub fn journal_option(&self) -> &'static str {
        match self {
            Self::System => "--unit",
            Self::User(_) => "--user-unit",
        }
    }
}

impl LoginUser {
    /// `$XDG_RUNTIME_DIR`, which a login without a terminal may lack.
    pub fn runtime(&self) -> String {
        format!("/run/user/{}", self.uid)
    }
}

fn absolute(path: String) -> RemotePath {
    // PROOF: it begins with an absolute path, and what comes after it is made of checked names.
    #[allow(clippy::expect_used)]
    RemotePath::new(path).expect("a path of checked names")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_users_scope_is_inside_of_its_home_and_runtime_folder() {
        let user = LoginUser {
            uid: 1000,
            name: UserName::new("me").unwrap(),
            group: "domain users".into(),
            home: RemotePath::new("/home/m e").unwrap(),
        };
        let scope = Scope::User(user);
        let unit = UnitName::new("cometbft").unwrap();
        assert_eq!(scope.path_of("c/n").as_str(), "/home/m e/.local/state/loomctl/c/n");
        assert_eq!(scope.unit_path(&unit).as_str(), "/home/m e/.config/systemd/user/cometbft.service");
        assert_eq!(
            (scope.run().as_str(), scope.owner().as_str()),
            ("/run/user/1000/loomctl", "me:domain users")
        );
        assert_eq!(Scope::System.path_of("c/n").as_str(), "/var/lib/loomctl/c/n");
    }
}
