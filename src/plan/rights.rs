//! What a login may do on its machine: everything as root; without, what its user and that user's systemd can.

use super::endpoints;
use crate::{
    cluster::{Cluster, Node},
    facts::{MachineFacts, NodeFacts},
    types::scope::{LoginUser, Scope},
    types::{code::Code, diagnostic::Diagnostic},
};

/// What a refusal for want of root says at its end.
const OR_ROOT: &str = "or let loomctl be root there: remove `ansible_become: false`";

/// Why this login cannot have the node; nothing else needs to be looked at then.
pub fn missing(cluster: &Cluster, node: &Node, machine: &MachineFacts, seen: &NodeFacts) -> Vec<Diagnostic> {
    match cluster.scope(node) {
        Scope::System if machine.uid != "0" => {
            let message = format!("not enough rights: the script runs as uid {} there", machine.uid);
            vec![refuse(
                Code::NotRoot,
                node,
                message,
                "sudo has to lead to root, or log in as root".to_owned(),
            )]
        }
        Scope::System => closed_to_both(node, seen).into_iter().chain(hidden(node, seen)).collect(),
        Scope::User(user) => without_root(cluster, node, user, machine, seen),
    }
}

fn refuse(code: Code, node: &Node, message: String, advice: String) -> Diagnostic {
    Diagnostic::refusal(code, Some(&node.name), message).help(advice)
}

fn without_root(
    cluster: &Cluster,
    node: &Node,
    user: &LoginUser,
    machine: &MachineFacts,
    seen: &NodeFacts,
) -> Vec<Diagnostic> {
    let mut refusals = Vec::new();
    if node.user != user.name {
        let message =
            format!("without root a node runs as who logs in, {}; `user` is {}", user.name, node.user);
        let advice = format!("set `user: {}` or leave it out, {OR_ROOT}", user.name);
        refusals.push(refuse(Code::UserModeUser, node, message, advice));
    }
    if node.create_user {
        let message = "create_user: only root makes accounts".to_owned();
        refusals.push(refuse(Code::UserModeAccount, node, message, format!("leave it out, {OR_ROOT}")));
    }
    if !machine.lingers {
        let message = format!("the node would end with {}'s last session: lingering is off", user.name);
        let advice = format!(
            "ask the host's administrator for `sudo loginctl enable-linger {}`, {OR_ROOT}",
            user.name
        );
        refusals.push(refuse(Code::NoLingering, node, message, advice));
    }
    refusals.extend(low_ports(cluster, node, machine, seen));
    refusals.extend(closed_folder(node, seen));
    refusals
}

fn low_ports(cluster: &Cluster, node: &Node, machine: &MachineFacts, seen: &NodeFacts) -> Vec<Diagnostic> {
    let first = machine.first_port.unwrap_or(1024);
    let ports = endpoints::ports(cluster, node, seen);
    let low = ports.iter().filter(|(_, port)| port.expected && port.port < first);
    low.map(|(name, port)| {
        let message =
            format!("port {} ({name}) is below {first}: only root's programs listen there", port.port);
        refuse(Code::LowPort, node, message, format!("give it another: `ports: {{{name}: …}}`, {OR_ROOT}"))
    })
    .collect()
}

/// Systemd, which is root, has to show the node's folder to it, and cannot look at it: then one above it is shown. The
/// whole machine is none that a node may be shown.
fn hidden(node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let home =
        seen.home.as_ref().filter(|_| seen.shown.as_ref().is_some_and(|shown| shown.as_str() == "/"))?;
    let message = format!("root cannot look at {home}, nor at any folder on the way to it");
    let advice = "mount it one folder lower (/srv/…), or let root look at it (FUSE: allow_root; NFS: a folder above with x for others)";
    Some(refuse(Code::FolderHidden, node, message, advice.to_owned()))
}

/// Root makes a folder where nobody else can change the way to it, the node's user where it may; here is neither.
fn closed_to_both(node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let (home, folder) = (seen.home.as_ref()?, seen.closed.as_ref()?);
    let message = format!(
        "{home} is not there: {} may make nothing in {folder}, and root makes nothing where others may put a link",
        node.user
    );
    let advice = format!("have it made (`install -d -o {} {home}`), or set `working_directory`", node.user);
    Some(refuse(Code::FolderClosed, node, message, advice))
}

/// Its folder, or something in it, is somebody else's.
fn closed_folder(node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let home = seen.home.as_ref()?;
    if let Some(folder) = &seen.closed {
        let message = format!("{home} is not there, and {} may make nothing in {folder}", node.user);
        let advice = format!(
            "have it made (`install -d -o {} {home}`), set `working_directory`, {OR_ROOT}",
            node.user
        );
        return Some(refuse(Code::FolderClosed, node, message, advice));
    }
    let owned = |owner: &str| owner.split(':').next() == Some(node.user.as_str());
    let theirs = |at: &crate::types::ids::RemotePath| at == home || at.is_below(home);
    let (path, file) = seen.files.iter().find(|(at, file)| {
        theirs(at) && file.target.is_none() && !file.owner.is_empty() && !owned(&file.owner)
    })?;
    let message = format!("{path} belongs to {}: only root can give it to {}", file.owner, node.user);
    Some(refuse(
        Code::OthersFile,
        node,
        message,
        format!("have that done (`chown -R {} {home}`), {OR_ROOT}", node.user),
    ))
}

/// S13: the same node is another systemd's there; under both it would run twice, with one key.
pub fn kept_elsewhere(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Option<Diagnostic> {
    let other = seen.elsewhere.as_ref()?;
    let (whose, way) = match cluster.scope(node) {
        Scope::System => ("the systemd of its user", "with `ansible_become: false`"),
        Scope::User(_) => ("the machine's own systemd", "as root"),
    };
    let message = format!("{whose} has this node already: {other}");
    let advice = format!("go on as it was made ({way}), or end it that way first: `loomctl down --destroy`");
    Some(refuse(Code::KeptElsewhere, node, message, advice))
}
