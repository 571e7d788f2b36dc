//! Where other nodes connect to a node: an address that a host can have and another can reach, as far as its form says.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    cluster::{Machine, Node},
    inventory::Inventory,
    types::{diagnostic::Diagnostic, ids::HostAddr},
};

/// Of every node, by its `private_ip` or, without one, the address that ssh connects to.
pub(super) fn refuse(
    machines: &[Machine],
    nodes: &[Node],
    inventory: &Inventory,
    problems: &mut Vec<Diagnostic>,
) {
    for node in nodes {
        let Some(why) = wrong(&node.private_ip, machines.len() > 1) else { continue };
        let vars = inventory.hosts.get(node.name.as_str()).map(|host| &host.vars);
        let place = vars.and_then(|vars| vars.get("private_ip")?.place.as_ref());
        let message = format!("private_ip {} {why}", node.private_ip);
        let problem = Diagnostic::error(message).of_host(node.name.as_str()).at(place);
        problems.push(problem.help(
            "set `private_ip` to the address at which the other hosts reach this one (without it, ansible_host is taken)",
        ));
    }
}

/// Why nobody can connect to it; `apart`: the nodes are on several machines.
fn wrong(address: &HostAddr, apart: bool) -> Option<&'static str> {
    let text = address.as_str();
    if text.contains('%') {
        return Some("has a zone, which is another one on every host");
    }
    let Some(ip) = address.ip() else { return name(text, apart) };
    let ip = ip.to_canonical();
    let is_everybody = |v4: Ipv4Addr| v4.is_broadcast() || v4.octets()[0] == 0;
    match ip {
        _ if ip.is_unspecified() => Some("is every address of a host, and none to connect to"),
        _ if ip.is_multicast() => Some("is a multicast address: no node listens there"),
        IpAddr::V4(v4) if is_everybody(v4) => Some("is no address of a host"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Some("is link-local: it cannot be reached without a zone, which is another one on every host")
        }
        _ if ip.is_loopback() && apart => Some(OWN),
        _ => None,
    }
}

const OWN: &str = "is each host's own loopback: from another one it leads nowhere";

fn name(text: &str, apart: bool) -> Option<&'static str> {
    let lower = text.trim_end_matches('.').to_ascii_lowercase();
    let last = lower.rsplit('.').next().unwrap_or_default();
    let is_number = |part: &str| {
        let hexadecimal =
            part.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        !part.is_empty() && (hexadecimal || part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_own = matches!(last, "localhost" | "localdomain" | "localhost4" | "localhost6")
        && lower.starts_with("localhost")
        || last == "localhost"
        || matches!(lower.as_str(), "ip6-localhost" | "ip6-loopback" | "localhost6.localdomain6");
    if is_number(last) {
        Some(
            "is no IPv4 address: that is four numbers from 0 to 255, in decimal and without zeros before them",
        )
    } else if is_own && apart {
        Some(OWN)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn is_refused(text: &str, apart: bool) -> bool {
        // What is no address of any kind never comes here.
        HostAddr::new(text).map_or(true, |address| wrong(&address, apart).is_some())
    }

    #[test]
    fn what_no_other_host_can_dial_is_refused() {
        for never in [
            "0.0.0.0",
            "255.255.255.255",
            "0.1.2.3",
            "224.0.0.1",
            "::",
            "ff02::1",
            "fe80::1%eth0",
            "fe80::1",
            "10.077.005.011",
            "010.0.0.1",
            "10.1",
            "0x7f000001",
            "2130706433",
            "10.0.0.256",
            "10.0.0.1.",
            "1.2.3.4.5",
            "::ffff:0.0.0.0",
            "::ffff:255.255.255.255",
        ] {
            assert!(is_refused(never, true) && is_refused(never, false), "{never}");
        }
        for own in [
            "127.0.0.1",
            "127.8.9.1",
            "::1",
            "::ffff:127.0.0.1",
            "localhost",
            "LocalHost.",
            "localhost.localdomain",
            "a.localhost",
            "ip6-localhost",
            "localhost6.localdomain6",
        ] {
            assert!(is_refused(own, true), "{own}");
            assert!(!is_refused(own, false), "{own}: several nodes of one machine");
        }
        for good in [
            "10.77.5.11",
            "192.0.2.1",
            "169.254.1.1",
            "fd00::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "node-1",
            "n1.example",
            "localhost-2.example",
            "1password.example",
            "h-0",
        ] {
            assert!(!is_refused(good, true), "{good}");
        }
    }
}
