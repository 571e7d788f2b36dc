//! Who stays behind whom, and whether the network that comes of it is one.

use crate::{
    chain::{
        peers::{
            Strategy,
            topology::{self, Spot},
        },
        profile::{Profile, RoleWords},
    },
    cluster::{Node, Role, read::Reader},
    inventory::Inventory,
    types::{diagnostic::Diagnostic, ids::NodeName, nearest::nearest},
};

/// Gives each validator its sentries: those that it names, else all that there are.
pub(super) fn place(
    nodes: &mut [Node],
    profile: &Profile,
    inventory: &Inventory,
    problems: &mut Vec<Diagnostic>,
) {
    let sentries: Vec<NodeName> =
        nodes.iter().filter(|node| node.role == Role::Sentry).map(|node| node.name.clone()).collect();
    for node in nodes.iter_mut() {
        let Some(host) = inventory.hosts.get(node.name.as_str()) else { continue };
        let mut reader = Reader { host, problems: &mut *problems };
        // Others may have the variable from a group: it says nothing about them.
        if node.role == Role::Validator {
            match reader.list("sentries") {
                None => node.behind.clone_from(&sentries),
                Some(names) => {
                    for name in names {
                        match sentries.iter().find(|sentry| sentry.as_str() == name) {
                            Some(sentry) => node.behind.push(sentry.clone()),
                            None => reader.wrong("sentries", no_sentry(&name, &sentries)),
                        }
                    }
                }
            }
        }
        if let Some(words) = RoleWords::of(&node.spot())
            && !profile.roles.contains_key(&words)
        {
            let why = format!("chain {} does not say how a node is set up for role {words:?}", profile.name);
            reader.wrong("role", why);
        }
    }
}

fn no_sentry(name: &str, sentries: &[NodeName]) -> String {
    match nearest(name, sentries.iter().map(NodeName::as_str)) {
        Some(near) => format!("sentries: {name:?} is no host with role sentry; did you mean `{near}`?"),
        None => format!("sentries: {name:?} is no host with role sentry"),
    }
}

/// The network that the nodes' peers lists would make, before anything is written (by names: no key is known yet).
pub(super) fn judge(nodes: &[Node], strategy: Strategy, problems: &mut Vec<Diagnostic>) {
    let spots: Vec<Spot> = nodes.iter().map(Node::spot).collect();
    for (node, why) in topology::problems(&spots, strategy) {
        let help = "give it a sentry, or another role; `loomctl peers` shows who dials whom";
        problems.push(Diagnostic::error(why).of_host(node.as_str()).help(help));
    }
}
