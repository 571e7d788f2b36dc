//! What there is to know after a run has ended well.

use std::path::Path;

use crate::{
    cli::args::Desired,
    facts::removed::Tombstone,
    plan::{leaving::Leaves, restore::Restoration},
    types::{code::Code, diagnostic::Diagnostic, ids::NodeName},
};

/// After a cluster's birth.
pub fn birth(source: &Desired) -> String {
    let flags: Vec<String> = match &source.vagrant.folder {
        Some(folder) => vec![format!("--vagrant {}", folder.display())],
        None => source.inventory.iter().map(|path| format!("-i {}", path.display())).collect(),
    };
    format!(
        "The validator keys exist on these hosts only: a lost disk is a lost vote. To back them up:\n  \
         loomctl keys backup {} --recipient age1… -o FILE",
        flags.join(" ")
    )
}

pub fn backed_up(path: &Path, nodes: usize, tested: bool) -> String {
    let tested = if tested {
        "it was decrypted again and compared"
    } else {
        "that it can be decrypted was not tested (--identity FILE does)"
    };
    format!("keys of {nodes} node{} in {}; {tested}", if nodes == 1 { "" } else { "s" }, path.display())
}

/// A host on which keys go through a log of sudo's.
pub fn io_log(host: &str) -> Diagnostic {
    let message = "sudo logs what it runs reads and prints (log_input, log_output), and the keys are in that log then \
                   (/var/log/sudo-io, a log server)";
    let help = "`Defaults:USER !log_output, !log_input` for the login user avoids it";
    Diagnostic::warning(message).coded(Code::IoLog).of_host(host).help(help)
}

/// What is asked before keys go back.
pub fn consent(restorations: &[Restoration]) -> String {
    let line = |restoration: &Restoration| {
        let first = restoration.first.map_or_else(
            || "there is no block yet: its sign state is the backup's".to_owned(),
            |first| format!("it will sign from height {first} on"),
        );
        format!("{}: {first}{}\n", restoration.node, not_known(restoration))
    };
    let lines: String = restorations.iter().map(line).collect();
    format!("{lines}Put these keys back? Whatever signed with them before must never run again")
}

/// What a yes to this restoration passes over.
fn not_known(restoration: &Restoration) -> String {
    let stands = restoration
        .stands
        .then(|| "The chain stands, so nobody can see whether its key still signs elsewhere".to_owned());
    let alone = restoration
        .alone
        .as_ref()
        .map(|name| format!("Only {name} says how far the chain is and who signs, and nobody confirms it"));
    let unseen = restoration.unseen.then(|| "No node says who signs".to_owned());
    let words: Vec<String> = [stands, alone, unseen].into_iter().flatten().collect();
    if words.is_empty() { String::new() } else { format!(". {}", words.join(". ")) }
}

/// The same for those who have said yes before they were asked.
pub fn passed_over(restorations: &[Restoration]) -> Vec<Diagnostic> {
    let line = |restoration: &Restoration| match not_known(restoration) {
        words if words.is_empty() => None,
        words => {
            let warning = Diagnostic::warning(format!("not known{words}")).coded(Code::SignStateUnknown);
            Some(warning.of_host(restoration.node.as_str()))
        }
    };
    restorations.iter().filter_map(line).collect()
}

pub fn restored(nodes: usize) -> Option<String> {
    (nodes > 0).then(|| "the keys are back; `loomctl up` brings the node up".to_owned())
}

/// A node that leaves its cluster.
pub struct Told {
    pub stone: Tombstone,
    pub leaves: Leaves,
    /// Its host was there, so that it could be stopped.
    pub is_reached: bool,
}

/// Before anything is done.
pub fn not_stopped(node: &NodeName) -> Diagnostic {
    let message = "its host is not reached: it is not stopped, and nothing is written there";
    let help = "it must never be started again. If its host comes back, `loomctl remove` for it stops it, with the inventory as it is now";
    Diagnostic::warning(message).coded(Code::NotStopped).of_host(node.as_str()).help(help)
}

/// After a removal, and what is left to do for a person.
pub fn removed(told: &Told) -> Vec<String> {
    let node = &told.stone.node;
    let own = if told.is_reached {
        format!(
            "{node} is stopped and disabled; no later run starts it, or anybody with its keys. Take it out of the inventory"
        )
    } else {
        format!(
            "{node} was not stopped, since its host was not reached, and must never be started again: no later run does that, but \
             its host may at a boot. Take it out of the inventory; if the host comes back, run this command again first"
        )
    };
    [own].into_iter().chain(leaves(told)).collect()
}

/// What the chain itself has to be told.
pub fn leaves(told: &Told) -> Vec<String> {
    let (node, leaves) = (&told.stone.node, &told.leaves);
    let power = match leaves.power {
        Some(0) => return vec![format!("The chain counts no power of {node}: it has to be told nothing.")],
        Some(power) => format!("The chain counts {node} with a power of {power}"),
        None => format!("Nobody says whether the chain counts {node}; if it does"),
    };
    let Some(how) = &leaves.how else {
        return vec![format!(
            "{power}; the chain's profile does not know how to tell it that the node has left."
        )];
    };
    let on = leaves.on.as_ref().map_or("the host of another node", |on| on.as_str());
    let commands = leaves.commands.iter().map(|command| format!("\n  {command}"));
    let commands: String = commands.collect();
    let to_run = if commands.is_empty() { String::new() } else { format!(" (on {on}):{commands}") };
    vec![format!("{power}. {how}{to_run}")]
}

/// What is asked before a node comes back.
pub fn may_return(node: &NodeName) -> String {
    format!(
        "Bring {node} back? If its keys were moved elsewhere, what signs with them now must never run again"
    )
}

/// `frees`: only its name, since its host has other keys, or none.
pub fn returned(node: &NodeName, frees: bool) -> String {
    if frees {
        format!(
            "the name {node} is free for a new node, which `loomctl up` makes; with the keys that were removed nobody is started"
        )
    } else {
        format!("{node} is a node of the cluster again: `loomctl up` starts it, and the others dial it")
    }
}
