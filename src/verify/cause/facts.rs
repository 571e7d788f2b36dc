//! Causes that facts give away, where no log line does.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{CheckId, Row, document, ports::holder, units, view::View, wait::Powers};
use crate::{
    chain::{genesis::Validator, ports::p2p},
    cluster::{Node, Role},
    facts::sockets::Listener,
    fleet::now,
    plan::endpoints,
    types::{code::Code, ids::NodeName},
};

/// Whether a unit's own log can explain it; V4, V5 and V9 are about files and clocks.
pub fn is_in_the_log(check: &Row) -> bool {
    use CheckId::{V1, V2, V3, V6, V7, V8, V10};
    matches!(check.id, V1 | V2 | V3 | V6 | V7 | V8 | V10)
}

/// Whether a document that was changed after the first start can explain it.
pub fn is_of_the_chain(check: &Row) -> bool {
    check.id != CheckId::V9
}

/// What is so whatever a log says.
pub fn certain(view: &View<'_>, node: &Node, check: &Row) -> Option<String> {
    if view.seen(node).is_none() {
        return Some("try the same with `ssh`, then `loomctl verify` again".to_owned());
    }
    match check.id {
        CheckId::V1 => unit(view, node),
        CheckId::V2 => held_port(view, node).or_else(|| elsewhere(view, node)).or_else(|| future(view, node)),
        CheckId::V3 => silent(view, node, check),
        CheckId::V4 => Some(documents(check)),
        CheckId::V7 => too_few(view).or_else(|| future(view, node)),
        CheckId::V8 => Some(two_chains(node)),
        CheckId::V9 => Some(
            "set the clock right: `timedatectl set-ntp true`, and look at `timedatectl timesync-status`"
                .to_owned(),
        ),
        _ => None,
    }
}

/// What it may be where nothing else is known.
pub fn likely(view: &View<'_>, node: &Node, check: &Row) -> Option<String> {
    let (unit, systemctl) = (units::at_fault(view, node), view.cluster.scope(node).systemctl());
    let journal = view.cluster.scope(node).journal_option();
    match check.id {
        CheckId::V1 | CheckId::V2 | CheckId::V3 if document_gone(view, node) => Some(
            "one of its genesis documents is gone (V4), and it does not start without it: `loomctl up` restores it from \
             hosts that agree"
                .to_owned(),
        ),
        CheckId::V2 | CheckId::V3 if stands(view, node) => Some("its unit does not run: see V1".to_owned()),
        CheckId::V1 => Some(format!("look at `{systemctl} status {unit}` and `journalctl {journal} {unit}`; `loomctl up` repairs what it manages")),
        CheckId::V2 if check.is_wrong(Code::PortUnannounced) => {
            Some("if that is wanted bind it to 127.0.0.1 with `settings:`, or name it in the profile's ports".to_owned())
        }
        CheckId::V3 if check.is_wrong(Code::RpcChain) || check.is_wrong(Code::RpcNode) => Some(
            "another process answers there, or the node's files were changed while it ran: restart it, or see V1".to_owned(),
        ),
        CheckId::V3 if view.answer(node).is_some_and(|rpc| rpc.status.is_none()) && listens(view, node) => Some(format!(
            "its process listens and says nothing: stopped, overloaded, or waiting for a disk. Look at its state in `ps` \
             (T: stopped, D: disk), then `{systemctl} restart {unit}`"
        )),
        CheckId::V6 if nobody_else(view, node) => Some("none of the other nodes answers: see their V1 and V3".to_owned()),
        CheckId::V6 => {
            let port = p2p(&endpoints::ports(view.cluster, node, view.seen(node)?))?;
            Some(format!("a firewall between the nodes? Port {port} of each must be reached by the others on its private_ip"))
        }
        CheckId::V7 if has_peers(view, node) == Some(false) => Some("it has no peers: see V6".to_owned()),
        CheckId::V7 => other_documents(view, node).map(str::to_owned),
        CheckId::V10 if has_peers(view, node) == Some(false) => {
            Some("it has no peers to fetch blocks from: see V6".to_owned())
        }
        CheckId::V10 => Some("it is still fetching old blocks: wait, and run `loomctl verify` again".to_owned()),
        _ => None,
    }
}

/// It does not run, or only from one restart to the next.
fn stands(view: &View<'_>, node: &Node) -> bool {
    let before = view.before.nodes.get(&node.name);
    view.seen(node).is_some_and(|seen| {
        view.cluster.programs(node).any(|program| {
            let unit = seen.unit_of(program.unit_name);
            let restarts = before.map_or(0, |before| before.unit_of(program.unit_name).restarts);
            unit.active != "active" || unit.restarts > restarts
        })
    })
}

/// Of a node that does not answer.
fn document_gone(view: &View<'_>, node: &Node) -> bool {
    let Some((seen, home)) = view.seen(node).and_then(|seen| Some((seen, seen.home.as_ref()?))) else {
        return false;
    };
    let silent = view.answer(node).is_none_or(|rpc| rpc.status.is_none());
    let mut documents = view.cluster.profile.documents.values();
    silent && documents.any(|document| seen.file(&document.path.under(home)).is_none())
}

/// The port that its RPC is asked on.
fn listens(view: &View<'_>, node: &Node) -> bool {
    let port = view.seen(node).and_then(|seen| {
        endpoints::ports(view.cluster, node, seen).get(&view.cluster.profile.rpc_port()).map(|port| port.port)
    });
    view.machine(node).is_some_and(|machine| machine.listeners.iter().any(|l| Some(l.port) == port))
}

fn nobody_else(view: &View<'_>, node: &Node) -> bool {
    let answers = |other: &Node| view.answer(other).is_some_and(|rpc| rpc.status.is_some());
    !view.looked_at().any(|other| other.name != node.name && answers(other))
}

fn has_peers(view: &View<'_>, node: &Node) -> Option<bool> {
    let alone = view.cluster.nodes.len() < 2;
    view.answer(node)?.peers.as_ref().map(|peers| alone || !peers.is_empty())
}

fn other_documents(view: &View<'_>, node: &Node) -> Option<&'static str> {
    let own = document::text(view.cluster, view.seen(node)?)?;
    let other = view
        .looked_at()
        .filter_map(|other| document::text(view.cluster, view.seen(other)?))
        .any(|text| text != own);
    other.then_some("the genesis documents differ between the hosts: see V4")
}

fn unit(view: &View<'_>, node: &Node) -> Option<String> {
    let name = units::at_fault(view, node);
    let unit = view.seen(node)?.unit_of(&name);
    if unit.load == "not-found" {
        return Some("there is nothing there yet, or it was removed: `loomctl up`".to_owned());
    }
    if !unit.drop_ins.is_empty() && unit.active == "active" {
        return Some(format!("a drop-in changes the unit: {}", unit.drop_ins));
    }
    let status = match unit.exit_status.as_str() {
        _ if unit.result != "exit-code" => None,
        "203" => {
            Some("systemd could not execute the binary: missing, another architecture, or no exec there")
        }
        // With an account it is the log that knows more.
        "217" if view.seen(node)?.account.is_none() => {
            Some("the user that the unit runs as does not exist: create it, or set `user`")
        }
        "200" => Some("the working directory is not there, or closed to the node's user"),
        _ => None,
    };
    let stopped = (unit.active == "inactive").then(|| {
        let systemctl = view.cluster.scope(node).systemctl();
        format!("it was stopped: `{systemctl} start {name}`, or `loomctl up`")
    });
    let status = if unit.active == "active" { None } else { status.map(str::to_owned) };
    // The log tells an architecture from a missing file; the status alone does not.
    stopped.or(status.filter(|_| unit.exit_status != "203"))
}

fn held_port(view: &View<'_>, node: &Node) -> Option<String> {
    let ports = endpoints::ports(view.cluster, node, view.seen(node)?);
    let machine = view.machine(node)?;
    let held = ports.iter().filter(|(_, port)| port.expected).find_map(|(name, port)| {
        let unit = view.cluster.unit_of(node, port.service.as_ref());
        let own = |l: &&Listener| l.is_of(unit, view.cluster.scope(node));
        // Of a process that ended while it was looked at nobody knows whose it was: while the unit starts again and again, its own.
        let nobodys = |l: &Listener| l.unit.is_none() && l.program.is_empty();
        let restarts = stands(view, node);
        let there = machine.listeners.iter().filter(|l| l.port == port.port && !(restarts && nobodys(l)));
        let other = there.clone().find(|l| !own(l))?;
        (!there.clone().any(|l| own(&l))).then_some((name, port.port, other))
    });
    held.map(|(name, port, other)| {
        format!(
            "port {port} is taken by {}: stop it, or give the node another port (`ports: {{{name}: …}}`)",
            holder(other)
        )
    })
}

/// RPC on another address than the planned one, which is where it is asked.
fn elsewhere(view: &View<'_>, node: &Node) -> Option<String> {
    let ports = endpoints::ports(view.cluster, node, view.seen(node)?);
    let port = ports.get(&view.cluster.profile.rpc_port())?;
    let mut there = view.machine(node)?.listeners.iter().filter(|l| l.port == port.port).peekable();
    let first = there.peek()?.ip;
    let reached = there.any(|l| l.ip.is_unspecified() || l.ip.to_string() == port.bind || l.ip.is_loopback());
    (!reached).then(|| {
        format!(
            "RPC listens on {first}, not on {}: see `rpc_bind` and the laddr keys in `settings:`",
            port.bind
        )
    })
}

fn silent(view: &View<'_>, node: &Node, check: &Row) -> Option<String> {
    if check.is_wrong(Code::RpcUnasked) {
        return Some(
            "set `AllowTcpForwarding local` (or yes) in the host's sshd_config, or install curl, wget or bash there".to_owned(),
        );
    }
    let silent = view.answer(node)?.status.is_none();
    if silent {
        held_port(view, node).or_else(|| elsewhere(view, node)).or_else(|| future(view, node))
    } else {
        None
    }
}

fn future(view: &View<'_>, node: &Node) -> Option<String> {
    let opens = document::on_host(view.cluster, view.seen(node)?)?.genesis_time?;
    let left = opens - (now() + view.machine(node)?.clock_ahead);
    (left > 0.0).then(|| {
        format!("genesis_time is {left:.0} s in the future: until then the node opens no port and writes no block. Wait, or set the clock right")
    })
}

/// Below quorum: who is missing.
fn too_few(view: &View<'_>) -> Option<String> {
    let document = view.looked_at().find_map(|node| document::on_host(view.cluster, view.seen(node)?))?;
    let key = |node: &Node| {
        let seen = view.now.nodes.get(&node.name).or_else(|| view.before.nodes.get(&node.name))?;
        seen.validator_key.as_ref()
    };
    let is = |member: &Validator, node: &Node| key(node).is_some_and(|key| key.value == member.key.value);
    let quorum = view.cluster.profile.quorum;
    let power = |member: &Validator| quorum.weight(member.power.get());
    let known = |node: &Node| {
        let member = document.members.iter().find(|member| is(member, node))?;
        Some((node.name.clone(), power(member)))
    };
    let mut of: BTreeMap<NodeName, i128> = view.cluster.nodes.iter().filter_map(known).collect();
    // A node whose user is gone has nobody who could read its key: it is who is left over.
    let nobodys =
        document.members.iter().filter(|member| !view.cluster.nodes.iter().any(|node| is(member, node)));
    let unread = view.cluster.nodes.iter().filter(|node| node.role == Role::Validator && key(node).is_none());
    of.extend(unread.zip(nobodys).map(|(node, member)| (node.name.clone(), power(member))));
    let powers = Powers { quorum, total: document.members.iter().map(power).sum(), of };
    let down: Vec<&NodeName> = view
        .looked_at()
        .filter(|node| view.answer(node).is_none_or(|rpc| rpc.status.is_none()))
        .map(|node| &node.name)
        .collect();
    powers.too_few_without(&down).map(|why| format!("{why}. Start these first (V1, V3)"))
}

fn documents(check: &Row) -> String {
    if check.is_wrong(Code::DocumentMissing) {
        "a document is gone, and the node may not start again without it: `loomctl up` restores it from hosts that agree"
            .to_owned()
    } else {
        "this host's document is not the others'. Before the first block: `loomctl down --destroy` (keys stay), then \
         `loomctl up`; on a live chain put the others' in its place"
            .to_owned()
    }
}

fn two_chains(node: &Node) -> String {
    format!(
        "{0} is on a chain of its own: it ran before it got the common genesis, or with other documents. Throw its chain \
         data away: `loomctl down` (all nodes must stand), `loomctl down --destroy --limit {0}` (keys stay), then \
         `loomctl up`",
        node.name
    )
}

/// Go's: a node puts the time of its first start in its place.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// In what the document that a chain runs on is not the file; what the chain fills in by itself does not count.
pub fn other_document(running: &Value, file: &Value) -> Option<String> {
    if !running.is_object() {
        return None;
    }
    for key in ["chain_id", "genesis_time"] {
        let filled_in = file[key] == ZERO_TIME;
        if running[key].is_string() && file[key].is_string() && running[key] != file[key] && !filled_in {
            return Some(format!("{key} {} → {}", running[key], file[key]));
        }
    }
    let members = |document: &Value| -> Vec<(String, String)> {
        let list = document["validators"].as_array().map_or(&[][..], Vec::as_slice);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut members: Vec<_> =
            list.iter().map(|v| (text(&v["pub_key"]["value"]), text(&v["power"]))).collect();
        members.sort();
        members
    };
    let (then, now) = (members(running), members(file));
    let what = match (then.len(), now.len()) {
        (then, now) if then == now => "its validators or their powers".to_owned(),
        (then, now) => format!("its validators: {then} then, {now} now"),
    };
    (then != now).then_some(what)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_that_was_changed_after_the_first_start() {
        let running = json!({"genesis_time": "2026-11-21T04:11:52Z", "chain_id": "c", "app_hash": "",
            "validators": [{"pub_key": {"type": "t", "value": "a"}, "power": "10", "name": ""}]});
        let mut file = json!({"genesis_time": "2026-11-21T04:11:52Z", "chain_id": "c",
            "validators": [{"power": "10", "pub_key": {"value": "a", "type": "t"}}]});
        assert_eq!(other_document(&running, &file), None);
        file["validators"][0]["power"] = json!("20");
        assert_eq!(other_document(&running, &file).as_deref(), Some("its validators or their powers"));
        file["validators"] = json!([]);
        assert_eq!(other_document(&running, &file).as_deref(), Some("its validators: 1 then, 0 now"));
        file["chain_id"] = json!("d");
        assert_eq!(other_document(&running, &file).as_deref(), Some("chain_id \"c\" → \"d\""));
        assert_eq!(other_document(&Value::Null, &file), None);
        file = running.clone();
        file["genesis_time"] = json!(ZERO_TIME);
        assert_eq!(other_document(&running, &file), None, "the node has filled it in by itself");
    }
}
