//! What loomctl makes of each host of an inventory, and where every variable comes from.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{columns, out};
use crate::{
    chain::ports,
    cluster::{Cluster, Node},
    inventory::{Host, Inventory, Origin, Var, listing},
    types::{diagnostic::Place, login::Via, redact},
};

/// Longer values are cut: this is about where they come from.
const WIDEST: usize = 60;

pub fn json(inventory: &Inventory, cluster: &Cluster) {
    for node in &cluster.nodes {
        let variables: Map<String, Value> = of_host(inventory, node).map(|(name, var)| {
            let place = var.place.as_ref();
            let file = place.map(|place| &*place.file);
            let variable = json!({"value": shown(name, var), "from": origin(var), "file": file, "line": place.map(|p| p.line)});
            (name.to_owned(), variable)
        }).collect();
        let login = &cluster.machines[node.machine].login;
        out::json(&json!({
            "event": "host", "host": node.name, "role": node.role.as_str(), "chain": cluster.profile.name,
            "chain_id": cluster.chain_id, "cluster": cluster.name, "address": login.host.as_str(), "port": login.port,
            "user": node.user, "unit": node.unit_name, "private_ip": node.private_ip.as_str(),
            "public_ip": node.public_ip.as_ref().map(crate::types::ids::HostAddr::as_str), "ports": listens(cluster, node),
            "variables": variables,
        }));
    }
}

pub fn text(inventory: &Inventory, cluster: &Cluster) -> String {
    let mut out = format!(
        "cluster {}: chain {}, chain id {}, {} nodes on {} machines\n",
        cluster.name,
        cluster.profile.name,
        cluster.chain_id,
        cluster.nodes.len(),
        cluster.machines.len()
    );
    for node in &cluster.nodes {
        let _ = writeln!(out, "\n{}", heading(cluster, node));
        let rows: Vec<[String; 3]> = of_host(inventory, node).map(|(name, var)| row(name, var)).collect();
        let widest = |column: usize| columns::width(rows.iter().map(|row| row[column].as_str()));
        let (first, second) = (widest(0), widest(1));
        for [name, value, from] in &rows {
            let _ = writeln!(out, "  {name:first$}  {value:second$}  {from}");
        }
    }
    out
}

/// `loom-0: validator, ubuntu@192.0.2.1:22, peers at 10.0.0.1, p2p 0.0.0.0:26656, rpc 127.0.0.1:26657`
fn heading(cluster: &Cluster, node: &Node) -> String {
    let login = &cluster.machines[node.machine].login;
    let user = login.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    let port = login.port.map(|port| format!(":{port}")).unwrap_or_default();
    let at = match login.via {
        Via::Local => "this machine".to_owned(),
        Via::Ssh => format!("{user}{}{port}", login.host),
    };
    let mut parts = vec![node.role.as_str().to_owned(), at, format!("peers at {}", node.private_ip)];
    parts.extend(node.public_ip.as_ref().map(|ip| format!("known outside as {ip}")));
    parts.extend(node.power.as_ref().map(|power| format!("power {}", power.get())));
    let listens = listens(cluster, node);
    parts.extend(
        listens.iter().map(|(name, listen)| format!("{name} {}", listen.as_str().unwrap_or_default())),
    );
    let units: Vec<String> =
        cluster.programs(node).map(|program| format!("{}.service", program.unit_name)).collect();
    parts.push(format!("runs as {} in {}", node.user, units.join(" and ")));
    format!("{}: {}", node.name, parts.join(", "))
}

/// Where it will listen, as far as that is known before `init`.
fn listens(cluster: &Cluster, node: &Node) -> Map<String, Value> {
    let none = std::collections::BTreeMap::new();
    let uses = ports::ports_of(&cluster.profile, &none, &node.ports, node.rpc_bind.as_ref());
    uses.into_iter()
        .filter(|(_, listen)| listen.expected)
        .map(|(name, listen)| (name, format!("{}:{}", listen.bind, listen.port).into()))
        .collect()
}

fn of_host<'i>(inventory: &'i Inventory, node: &Node) -> impl Iterator<Item = (&'i str, &'i Var)> {
    let host: Option<&Host> = inventory.hosts.get(node.name.as_str());
    let mut vars: Vec<(&str, &Var)> = host.into_iter().flat_map(|host| listing::shown(&host.vars)).collect();
    vars.sort_by_key(|(name, _)| *name);
    vars.into_iter()
}

fn shown(name: &str, var: &Var) -> Value {
    let mut value = listing::visible(var);
    redact::of_key(name, &mut value);
    value
}

fn row(name: &str, var: &Var) -> [String; 3] {
    let value = match shown(name, var) {
        Value::String(text) if !text.is_empty() => text,
        other => other.to_string(),
    };
    let value = value.replace('\n', "⏎");
    let value = columns::cut(&value, WIDEST).into_owned();
    let at = |place: &Place| format!("{}:{}, ", place.file, place.line);
    [name.to_owned(), value, format!("{}{}", var.place.as_ref().map(at).unwrap_or_default(), origin(var))]
}

fn origin(var: &Var) -> String {
    match &var.origin {
        Origin::Host => "host".to_owned(),
        Origin::Group(group) => format!("group {group}"),
        Origin::Extra => "extra variable".to_owned(),
    }
}
