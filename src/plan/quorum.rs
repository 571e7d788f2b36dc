//! The quorum guard (S8): what goes offline on a live chain leaves it a quorum (`chain/quorum.rs`), or somebody has accepted
//! a standstill. Every stage that stops a node that votes asks here.

use std::collections::BTreeSet;

use super::{
    Options, Stage,
    lifecycle::{self, Life},
};
use crate::{
    chain::quorum::Quorum,
    cluster::{Cluster, Node},
    facts::{Facts, Voter, Voting},
    steps::Step,
    types::{code::Code, diagnostic::Diagnostic, ids::NodeName},
};

/// The voting power of a chain, in view of nodes that are about to leave it; validators where the quorum counts these.
pub struct Power {
    quorum: Quorum,
    pub total: i128,
    /// Of those who leave.
    pub own: i128,
    /// Of the others: whose unit does not run, or whom not several nodes show to have signed one of the last commits.
    pub off: i128,
    names: Vec<String>,
    /// Of these: those whom no node at all shows there. What blocks are expected of counts who may be there.
    pub silent: i128,
}

impl Power {
    pub fn of(cluster: &Cluster, facts: &Facts, voting: &Voting, leave: &BTreeSet<&NodeName>) -> Self {
        let quorum = cluster.profile.quorum;
        let mut power = Self { quorum, total: 0, own: 0, off: 0, names: Vec::new(), silent: 0 };
        let is_alone = voting.alone().is_some();
        // A node whose key is not known may be any voter that is no other node's.
        let any = leave.iter().any(|name| {
            facts.nodes.get(*name).is_none_or(|seen| seen.validator_key.is_none())
                && cluster.validators().any(|node| node.name == **name)
        });
        for voter in &voting.voters {
            let node = node_of(cluster, facts, voter);
            let runs = node.and_then(|n| facts.nodes.get(&n.name)).is_none_or(|seen| seen.unit.may_run());
            let weight = quorum.weight(voter.power);
            power.total += weight;
            if node.map_or(any, |node| leave.contains(&node.name)) {
                power.own += weight;
            } else if !runs || !voter.signed || is_alone {
                power.off += weight;
                power.names.push(node.map_or_else(|| voter.key.to_string(), |node| node.name.to_string()));
                let recent = |signed| Voting::is_recent(voting.height, signed);
                let disputed = recent(voter.last_signed) && !recent(voter.confirmed);
                power.silent += if runs && (voter.signed || disputed) { 0 } else { weight };
            }
        }
        power
    }

    /// Blocks stop when those who leave are gone.
    pub fn stops(&self) -> bool {
        self.own > 0 && self.quorum.stops(self.off + self.own, self.total)
    }

    /// Whether blocks are made at all, as far as anybody shows who is there.
    pub fn goes_on(&self) -> bool {
        self.quorum.goes_on(self.total - self.silent, self.total)
    }

    /// `20 of 40 voting power offline (n-0 down already): one third or more, and blocks stop`
    pub fn offline(&self, voting: &Voting) -> String {
        self.quorum.offline(self.off + self.own, self.total, &self.names) + &unconfirmed(voting)
    }
}

/// Whose key it is. A validator of the inventory goes before a full node that shows the same one.
pub fn node_of<'a>(cluster: &'a Cluster, facts: &Facts, voter: &Voter) -> Option<&'a Node> {
    let has = |node: &&Node| {
        facts.nodes.get(&node.name).and_then(|seen| seen.validator_key.as_ref()) == Some(&voter.key)
    };
    cluster.validators().find(has).or_else(|| cluster.nodes.iter().find(has))
}

/// Why less is known than the chain could show.
fn unconfirmed(voting: &Voting) -> String {
    let alone = voting.alone().map(|name| format!("only {name} answers, and nobody confirms what it says"));
    alone.or_else(|| voting.claims()).map_or_else(String::new, |why| format!(". {why}"))
}

/// Whether a part of the nodes of a chain that has begun is to be stopped, validators among them: then the chain is asked
/// first who votes. Whoever stops all nodes means the chain to stop.
pub fn wants_votes(cluster: &Cluster, facts: &Facts, options: &Options) -> bool {
    let stays = |node: &Node| !options.touches(&node.name);
    let runs = |node: &Node| facts.nodes.get(&node.name).is_some_and(|seen| seen.unit.may_run());
    cluster.profile.quorum.counts()
        && cluster.nodes.iter().any(stays)
        && cluster.validators().any(|node| options.touches(&node.name) && runs(node))
        && lifecycle::of_cluster(cluster, facts) >= Life::Started
}

/// The guard before a stage that stops nodes for good. A full node may always go.
pub fn may_stop(cluster: &Cluster, facts: &Facts, options: &Options, stage: &Stage) -> Option<Diagnostic> {
    if options.consent.halt || !wants_votes(cluster, facts, options) {
        return None;
    }
    let is_stopped =
        |name: &&NodeName| stage.steps[*name].iter().any(|planned| matches!(planned.step, Step::Stopped(_)));
    let leave: BTreeSet<&NodeName> = stage.steps.keys().filter(is_stopped).collect();
    if !cluster.validators().any(|node| leave.contains(&node.name)) {
        return None;
    }
    // All that answer are before the first block.
    if facts.voting.as_ref().is_some_and(|voting| !voting.heights.is_empty() && !voting.has_block()) {
        return None;
    }
    let refuse = |code, message: String, advice: &str| {
        let names: Vec<&str> = leave.iter().map(|name| name.as_str()).collect();
        let message = format!("stopping {} {message}", names.join(", "));
        Some(Diagnostic::refusal(code, None, message).help(advice))
    };
    let voting = match &facts.voting {
        Some(voting) if voting.disagree.is_none() => voting,
        unclear => {
            let why = unclear.as_ref().and_then(|voting| voting.disagree.clone());
            let why = why.unwrap_or_else(|| "no node says who votes".to_owned());
            return refuse(
                Code::NoVoters,
                format!("may stop the chain: {why}"),
                "look at the others first (`loomctl verify`), or accept a standstill with --allow-halt",
            );
        }
    };
    let power = Power::of(cluster, facts, voting, &leave);
    power.stops().then(|| {
        refuse(
            Code::Standstill,
            format!("would take {}", power.offline(voting)),
            "stop fewer at once, stop all of them without --limit, or accept a standstill with --allow-halt",
        )
    })?
}
