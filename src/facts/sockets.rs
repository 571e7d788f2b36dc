//! /proc/net/tcp{,6}: who listens where.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};

use crate::types::{ids::UnitName, scope::Scope};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    pub ip: IpAddr,
    pub port: u16,
    /// `None` where we may not look into the process.
    pub pid: Option<u32>,
    pub program: String,
    /// Its systemd unit without `.service`.
    pub unit: Option<String>,
    /// Whose systemd has that unit: a user's, or the machine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<u32>,
}

impl Listener {
    /// Held by that unit of that systemd: two of them may have units of one name.
    pub fn is_of(&self, unit: &UnitName, scope: &Scope) -> bool {
        self.unit.as_deref() == Some(unit.as_str()) && self.manager == scope.manager()
    }
}

/// Bytes of a program's name and of a unit's, which each of a process's sockets has: the kernel and systemd take no longer ones.
const LONGEST_NAME: usize = 255;

/// Raw facts on their way to listeners.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Address, port, socket inode.
    open: Vec<(IpAddr, u16, u64)>,
    holders: BTreeMap<u64, u32>,
    programs: BTreeMap<u32, String>,
    units: BTreeMap<u32, (String, Option<u32>)>,
}

impl Sockets {
    /// A line of /proc/net/tcp: `0: 0100007F:6989 00000000:0000 0A … inode …`.
    pub fn socket(&mut self, line: &str) -> Option<()> {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (address, port) = columns.get(1)?.split_once(':')?;
        let inode = columns.get(9)?.parse().ok()?;
        self.open.push((address_of(address)?, u16::from_str_radix(port, 16).ok()?, inode));
        Some(())
    }

    /// `PID INODE]`
    pub fn holds(&mut self, line: &str) -> Option<()> {
        let (pid, inode) = line.split_once(' ')?;
        let inode = inode.trim_matches(['[', ']']).parse().ok()?;
        // A socket may be held by several processes of one program; the first is the one that opened it.
        self.holders.entry(inode).or_insert(pid.parse().ok()?);
        Some(())
    }

    /// `PID NAME`
    pub fn process(&mut self, line: &str) -> Option<()> {
        let (pid, name) = line.split_once(' ').filter(|(_, name)| name.len() <= LONGEST_NAME)?;
        self.programs.insert(pid.parse().ok()?, name.to_owned());
        Some(())
    }

    /// `PID HIERARCHY:CONTROLLERS:/system.slice/NAME.service/…`; the unit of a user's systemd is below that systemd's
    /// own: `/user.slice/user-UID.slice/user@UID.service/app.slice/NAME.service`.
    pub fn group(&mut self, line: &str) -> Option<()> {
        let (pid, group) = line.split_once(' ')?;
        let mut services = group.split('/').filter_map(|part| part.strip_suffix(".service"));
        let outer = services.next()?;
        let manager = outer.strip_prefix("user@").and_then(|uid| uid.parse().ok());
        let inner = manager.and_then(|_| services.next());
        let (unit, manager) = inner.map_or((outer, None), |inner| (inner, manager));
        if unit.len() > LONGEST_NAME {
            return None;
        }
        self.units.insert(pid.parse().ok()?, (unit.to_owned(), manager));
        Some(())
    }

    pub fn listeners(self) -> Vec<Listener> {
        let mut listeners: Vec<Listener> = self
            .open
            .iter()
            .map(|&(ip, port, inode)| {
                let pid = self.holders.get(&inode).copied();
                let unit = pid.and_then(|pid| self.units.get(&pid)).cloned();
                Listener {
                    ip,
                    port,
                    pid,
                    program: pid.and_then(|pid| self.programs.get(&pid)).cloned().unwrap_or_default(),
                    manager: unit.as_ref().and_then(|(_, manager)| *manager),
                    unit: unit.map(|(unit, _)| unit),
                }
            })
            .collect();
        listeners.sort_by_key(|l| (l.port, l.ip));
        listeners
    }
}

/// The kernel prints addresses as 32-bit words in the machine's byte order; all our hosts are little-endian
/// (x86_64, aarch64), so each word is turned round.
fn address_of(hex: &str) -> Option<IpAddr> {
    let mut bytes = hex::decode(hex).ok()?;
    for word in bytes.chunks_mut(4) {
        word.reverse();
    }
    if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?);
    Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_finds_its_process_and_unit() {
        let mut sockets = Sockets::default();
        let line = "   1: 0100007F:6821 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0";
        assert!(sockets.socket(line).is_some() && sockets.holds("88 [4711]").is_some());
        assert!(sockets.process("88 cometbft").is_some());
        assert!(sockets.group("88 0::/system.slice/cometbft.service").is_some());
        let listeners = sockets.listeners();
        assert_eq!(listeners.len(), 1);
        assert_eq!((listeners[0].ip.to_string().as_str(), listeners[0].port), ("127.0.0.1", 26657));
        assert_eq!((listeners[0].pid, listeners[0].unit.as_deref()), (Some(88), Some("cometbft")));
    }

    #[test]
    fn a_users_unit_is_not_the_machines_unit_of_that_name() {
        let of = |group: &str| {
            let mut sockets = Sockets::default();
            assert!(sockets.group(&format!("88 {group}")).is_some());
            sockets.units[&88].clone()
        };
        let user = "/user.slice/user-1000.slice/user@1000.service";
        assert_eq!(of(&format!("0::{user}/app.slice/cometbft.service")), ("cometbft".into(), Some(1000)));
        assert_eq!(of(&format!("1:name=systemd:{user}/init.scope")), ("user@1000".into(), None));
        assert_eq!(of("0::/system.slice/a.service/b.service"), ("a".into(), None));
    }

    #[test]
    fn p7_a_name_that_is_no_name_is_dropped() {
        let (mut sockets, long) = (Sockets::default(), "x".repeat(LONGEST_NAME + 1));
        assert!(sockets.process(&format!("88 {long}")).is_none());
        assert!(sockets.group(&format!("88 0::/system.slice/{long}.service")).is_none());
        assert!(sockets.process(&format!("88 {}", &long[1..])).is_some());
    }

    #[test]
    fn addresses_of_both_families() {
        let any = |hex: &str| address_of(hex).map(|ip| ip.to_string());
        assert_eq!(any("00000000").as_deref(), Some("0.0.0.0"));
        assert_eq!(any("0A004D0A").as_deref(), Some("10.77.0.10"));
        assert_eq!(any(&"0".repeat(32)).as_deref(), Some("::"));
        assert_eq!(any("00000000000000000000000001000000").as_deref(), Some("::1"));
        assert_eq!(any("0000000000000000FFFF00000100007F").as_deref(), Some("127.0.0.1"));
        assert_eq!(any("xyz"), None);
    }
}
