//! A binary from a URL: each host pulls it for itself. What keeps one from it is a fact, and then the file goes through
//! this machine.

use std::collections::{BTreeMap, BTreeSet};

use super::{Options, Stage, ask};
use crate::{
    cluster::{Binary, Cluster, Node, Program, Source},
    facts::Facts,
    steps::{self, Step},
    types::{code::Code, diagnostic::Diagnostic, redact},
};

/// Why a node's host cannot pull a binary from its URL; `None`: it can, as far as anybody knows, or has nothing to pull.
pub fn hindrance(node: &Node, binary: &Binary, facts: &Facts) -> Option<String> {
    let Source::Url(url) = &binary.source else { return None };
    let machine = facts.machines.get(&node.machine)?;
    let tried = machine.unpulled.get(&url.name()).cloned();
    let has_tool = machine.tools.iter().any(|tool| tool == "curl" || tool == "wget");
    tried.or_else(|| (!has_tool).then(|| "neither curl nor wget is there".to_owned()))
}

/// The stage as it would be if every host pulled for itself; `None`: every host does.
pub fn undone(stage: &Stage) -> Option<Stage> {
    let mut stage = stage.clone();
    let mut undone = false;
    for planned in stage.steps.values_mut().flatten() {
        if let Step::Binary(steps::Binary { relayed, .. }) | Step::Fetch(steps::Fetch { relayed, .. }) =
            &mut planned.step
        {
            undone |= relayed.take().is_some();
        }
    }
    undone.then_some(stage)
}

/// Hosts that need a file that they cannot pull, while this machine cannot do it for them: one refusal a URL.
pub fn refusals(cluster: &Cluster, facts: &Facts, options: &Options) -> Vec<Diagnostic> {
    let mut stranded: BTreeMap<&str, (Vec<&str>, BTreeSet<String>)> = BTreeMap::new();
    if facts.downloads_here {
        return Vec::new();
    }
    let touched = cluster.nodes.iter().filter(|node| options.touches(&node.name));
    let programs = touched.flat_map(|node| cluster.programs(node).map(move |program| (node, program)));
    for (node, program) in programs {
        if let (Source::Url(url), Some(hindrance)) =
            (&program.binary.source, hindrance(node, program.binary, facts))
            && !is_there(cluster, node, program, facts)
        {
            let (nodes, hindrances) = stranded.entry(url.as_str()).or_default();
            nodes.push(node.name.as_str());
            hindrances.insert(hindrance);
        }
    }
    let refuse = |(url, (nodes, hindrances)): (&str, (Vec<&str>, BTreeSet<String>))| {
        let (nodes, url) = (nodes.join(", "), redact::line(url));
        let hindrances = hindrances.into_iter().collect::<Vec<_>>().join("; ");
        let message = format!(
            "{nodes} cannot pull {url} ({hindrances}), and this machine cannot do it for them: it has neither curl nor wget"
        );
        Diagnostic::refusal(Code::NoDownloader, None, message).help(
            "install curl or wget here or there, or set `binary` to a file of this machine: it is sent over ssh",
        )
    };
    stranded.into_iter().map(refuse).collect()
}

fn is_there(cluster: &Cluster, node: &Node, program: Program<'_>, facts: &Facts) -> bool {
    let seen = facts.nodes.get(&node.name);
    ask::sha256_of(node, program.binary, facts).is_some_and(|sum| {
        seen.is_some_and(|seen| seen.binaries.get(&cluster.binary_path(node, program, sum)) == Some(sum))
    })
}
