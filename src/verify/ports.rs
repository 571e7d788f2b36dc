//! V2: the node listens where it should, by its own process, and nowhere else in public.

use std::{collections::BTreeMap, fmt::Write as _, net::IpAddr};

use super::{CheckId, Row, view::View};
use crate::{
    chain::ports::PortUse,
    cluster::Node,
    facts::sockets::Listener,
    plan::endpoints,
    types::{code::Code, ids::ServiceName},
};

pub fn listen(view: &View<'_>) -> Vec<Row> {
    let row = |node: &Node| {
        let check = Row::new(CheckId::V2, &node.name, "ports");
        let (Some(seen), Some(machine)) = (view.seen(node), view.machine(node)) else {
            return check.failed(view.lost_by(node), view.why_lost(node));
        };
        let ports = endpoints::ports(view.cluster, node, seen);
        let expected = ports.iter().filter(|(_, port)| port.expected).map(|(name, port)| planned(name, port));
        let check = check.expected(expected.collect::<Vec<_>>().join(", "));
        let own = |l: &Listener, service: Option<&ServiceName>| {
            l.is_of(view.cluster.unit_of(node, service), view.cluster.scope(node))
        };
        let any =
            |l: &Listener| own(l, None) || node.services.iter().any(|service| own(l, Some(&service.name)));
        let mut wrong: Vec<(Code, String)> = ports
            .iter()
            .filter(|(_, port)| port.expected)
            .filter_map(|(name, port)| {
                missing(name, port, &machine.listeners, &|l| own(l, port.service.as_ref()))
            })
            .collect();
        let others = unannounced(&ports, &machine.listeners, &any);
        wrong.extend(others.into_iter().map(|why| (Code::PortUnannounced, why)));
        check.judged(wrong, "; ", "all listen")
    };
    view.looked_at().map(row).collect()
}

/// So many ports that nobody has announced are named.
const NAMED: usize = 10;

/// Whether it is the node's own unit that listens.
type Own<'a> = &'a dyn Fn(&Listener) -> bool;

fn planned(name: &str, port: &PortUse) -> String {
    format!("{name} {}", address(&port.bind, port.port))
}

fn address(ip: &str, port: u16) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

/// Where the node's programs listen in public beside their ports.
fn unannounced(ports: &BTreeMap<String, PortUse>, listeners: &[Listener], own: Own<'_>) -> Vec<String> {
    let is_unannounced =
        |l: &&Listener| own(l) && !l.ip.is_loopback() && ports.values().all(|port| port.port != l.port);
    let mut others = listeners.iter().filter(is_unannounced);
    let name =
        |l: &Listener| format!("{} listens on {} unannounced", l.program, address(&l.ip.to_string(), l.port));
    let mut wrong: Vec<String> = others.by_ref().take(NAMED).map(name).collect();
    match others.count() {
        0 => {}
        more => wrong.push(format!("and {more} more")),
    }
    wrong
}

/// Why a port that is expected does not count as listening.
fn missing(name: &str, port: &PortUse, listeners: &[Listener], own: Own<'_>) -> Option<(Code, String)> {
    let there: Vec<&Listener> = listeners.iter().filter(|l| l.port == port.port).collect();
    let own: Vec<&&Listener> = there.iter().filter(|l| own(l)).collect();
    if own.iter().any(|l| is_planned(&port.bind, l.ip)) {
        return None;
    }
    Some(match (own.first(), there.first()) {
        (Some(own), _) => {
            let seen = address(&own.ip.to_string(), own.port);
            let planned = address(&port.bind, port.port);
            (Code::PortElsewhere, format!("{name} listens on {seen}, not on {planned}"))
        }
        (None, Some(other)) => (Code::PortHeld, format!("{name} {} is held by {}", port.port, holder(other))),
        (None, None) => (Code::PortClosed, format!("{name} {} does not listen", port.port)),
    })
}

pub(super) fn holder(listener: &Listener) -> String {
    let mut who =
        if listener.program.is_empty() { "another program".to_owned() } else { listener.program.clone() };
    if let Some(pid) = listener.pid {
        let _ = write!(who, " (pid {pid})");
    }
    if let Some(unit) = &listener.unit {
        let _ = write!(who, " of {unit}.service");
    }
    who
}

/// `0.0.0.0` and `::` are one: which of them a program shows depends on how it asked for "every address".
fn is_planned(bind: &str, ip: IpAddr) -> bool {
    match bind.parse::<IpAddr>() {
        Ok(planned) if planned.is_unspecified() => ip.is_unspecified(),
        Ok(planned) => planned == ip,
        Err(_) if bind == "localhost" => ip.is_loopback(),
        Err(_) if bind.is_empty() => ip.is_unspecified(),
        // A name: which address it has there is the host's to know.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wrong(ports: &BTreeMap<String, PortUse>, listeners: &[Listener], own: Own<'_>) -> Vec<String> {
        let missing = ports.iter().filter_map(|(name, port)| missing(name, port, listeners, own));
        missing.map(|(_, why)| why).chain(unannounced(ports, listeners, own)).collect()
    }

    fn port(bind: &str, port: u16) -> PortUse {
        PortUse { bind: bind.into(), port, public: false, service: None, expected: true }
    }

    fn listener(ip: &str, port: u16, unit: &str) -> Listener {
        let (program, unit) = ("cometbft".to_owned(), Some(unit.to_owned()));
        Listener { ip: ip.parse().unwrap(), port, pid: Some(7), program, unit, manager: None }
    }

    #[test]
    fn v2_the_units_own_process_on_the_planned_address_and_nowhere_else() {
        let ports = BTreeMap::from([
            ("p2p".into(), port("0.0.0.0", 26656)),
            ("rpc".into(), port("127.0.0.1", 26657)),
        ]);
        let good = [listener("::", 26656, "c"), listener("127.0.0.1", 26657, "c"), listener("::", 22, "ssh")];
        let own = |l: &Listener| l.unit.as_deref() == Some("c");
        assert!(wrong(&ports, &good, &own).is_empty());
        let held = [listener("::", 26656, "c"), listener("127.0.0.1", 26657, "old")];
        assert_eq!(wrong(&ports, &held, &own), ["rpc 26657 is held by cometbft (pid 7) of old.service"]);
        let open = [listener("::", 26656, "c"), listener("0.0.0.0", 26657, "c"), listener("::", 6060, "c")];
        assert_eq!(
            wrong(&ports, &open, &own),
            [
                "rpc listens on 0.0.0.0:26657, not on 127.0.0.1:26657",
                "cometbft listens on [::]:6060 unannounced"
            ]
        );
        assert_eq!(wrong(&ports, &[], &own).len(), 2);
        let many: Vec<_> = (0..5000).map(|port| listener("::", port, "c")).collect();
        let said = wrong(&BTreeMap::new(), &many, &own);
        assert_eq!((said.len(), said.last().map(String::as_str)), (NAMED + 1, Some("and 4990 more")));
    }
}
