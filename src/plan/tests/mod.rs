//! The plan over hosts in memory: what the contract promises of every inventory, not of one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod adopt;
mod birth;
mod early;
mod encoded;
mod hostile;
mod hosts;
mod joined;
mod lifecycle;
mod real;
mod refusals;
mod relay;
mod remove;
mod repair;
mod restart;
mod restore;
mod roll;
mod rootless;
mod saved;
mod services;
mod size;
mod sync;
mod tool;
mod upgrade;

use std::{collections::BTreeSet, fmt::Write as _};

use proptest::prelude::*;

use super::{
    Course, Goal, Next, Options, Planned, Stage,
    sim::{Ended, Sim, cluster},
};
use crate::{
    cluster::Cluster,
    steps::{File, Run, Step, Unit},
    types::{ids::NodeName, text::Text},
};

/// What such a run does next.
fn toward(cluster: &Cluster, facts: &crate::facts::Facts, options: &Options, goal: Goal) -> Next {
    super::next(cluster, facts, &Options { goal, ..options.clone() })
}

fn destroying(keys: bool) -> Goal {
    if keys { Goal::DestroyKeys } else { Goal::Destroy }
}

/// One node of a random inventory.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its number among all nodes ever: its name, addresses and ports come from it.
    pub number: usize,
    pub full: bool,
    pub power: Option<u32>,
    pub private_ip: bool,
    /// On the machine of the node before it, with ports and a folder of its own.
    pub shares: bool,
}

#[derive(Debug, Clone)]
pub struct Wishes {
    pub chain: &'static str,
    pub url: bool,
    pub nodes: Vec<Wish>,
}

pub fn wishes(most: usize) -> impl Strategy<Value = Wishes> {
    let node =
        (prop::bool::weighted(0.2), prop::option::of(1..1000_u32), any::<bool>(), prop::bool::weighted(0.3));
    let nodes = prop::collection::vec(node, 1..=most);
    let chain = prop::sample::select(vec!["loom", "cometbft", "cometbft-app"]);
    (chain, any::<bool>(), nodes).prop_map(|(chain, url, nodes)| {
        let wish = |(number, (full, power, private_ip, shares))| Wish {
            number,
            full: full && number > 0,
            power,
            private_ip,
            shares: shares && number > 0,
        };
        let nodes = nodes.into_iter().enumerate().map(wish).collect();
        Wishes { chain, url, nodes }
    })
}

/// So many validators, each on a machine of its own.
pub fn plain(chain: &'static str, count: usize) -> Wishes {
    let wish = |number| Wish { number, full: false, power: None, private_ip: false, shares: false };
    Wishes { chain, url: false, nodes: (0..count).map(wish).collect() }
}

impl Wishes {
    pub fn yaml(&self) -> String {
        // Any file that is there will do: what it holds is made up.
        let binary = if self.url { "http://builds.invalid/chain" } else { "/bin/sh" };
        let app = if self.url { "http://builds.invalid/app" } else { "/bin/cat" };
        let services = match self.chain {
            "cometbft-app" => format!(", services: {{app: {{binary: '{app}'}}}}"),
            _ => String::new(),
        };
        let mut text = format!(
            "all:\n  vars: {{chain: {}, user: ubuntu, binary: '{binary}'{services}}}\n  hosts:\n",
            self.chain
        );
        let mut machine = 0;
        for wish in &self.nodes {
            if !wish.shares {
                machine = wish.number;
            }
            let _ = write!(
                text,
                "    n-{}: {{ansible_host: 10.0.{}.{}",
                wish.number,
                machine / 250,
                machine % 250 + 1
            );
            if wish.private_ip {
                let _ = write!(text, ", private_ip: 10.9.{}.{}", wish.number / 250, wish.number % 250 + 1);
            }
            if wish.full {
                text += ", role: full";
            }
            if let Some(power) = wish.power {
                let _ = write!(text, ", power: {power}");
            }
            if wish.shares {
                let port = 20000 + wish.number * 4;
                let more = match self.chain {
                    "loom" => format!(", tm_rpc: {}", port + 2),
                    "cometbft-app" => format!(", app: {}", port + 2),
                    "cosmos" => format!(", pprof: {}, grpc: {}", port + 2, port + 3),
                    _ => String::new(),
                };
                let (n, rpc) = (wish.number, port + 1);
                let _ =
                    write!(text, ", working_directory: /srv/n-{n}, ports: {{p2p: {port}, rpc: {rpc}{more}}}");
            }
            text += "}\n";
        }
        text
    }

    pub fn cluster(&self) -> Cluster {
        cluster(&self.yaml())
    }
}

/// A cluster that was born, and whose validators have signed up to `height` (0: not yet).
pub fn born(cluster: &Cluster, height: u64) -> (Sim, Ended) {
    let mut world = Sim::default();
    let outcome = world.up(cluster, &Options::default()).unwrap();
    assert!(outcome.is_done(), "{:?}", outcome.end);
    if height > 0 {
        world.sign(cluster, height);
    }
    (world, outcome)
}

pub fn again(world: &mut Sim, cluster: &Cluster) -> Ended {
    world.up(cluster, &Options::default()).unwrap()
}

pub fn steps(stages: &[Stage]) -> impl Iterator<Item = (&NodeName, &Planned)> {
    stages
        .iter()
        .flat_map(|stage| &stage.steps)
        .flat_map(|(node, list)| list.iter().map(move |step| (node, step)))
}

pub fn touched(stages: &[Stage]) -> BTreeSet<String> {
    steps(stages).map(|(node, _)| node.to_string()).collect()
}

pub fn restarts(stages: &[Stage]) -> usize {
    steps(stages)
        .filter(|(_, planned)| matches!(planned.step, Step::Unit(Unit { run: Run::Restart, .. })))
        .count()
}

pub fn inits(stages: &[Stage]) -> usize {
    steps(stages).filter(|(_, planned)| matches!(planned.step, Step::Init(_))).count()
}

/// Whether a stage writes a genesis document over one that is there.
pub fn writes_genesis(cluster: &Cluster, stages: &[Stage]) -> Vec<String> {
    let is_document = |step: &Step| match step {
        Step::File(File { path, .. }) => {
            cluster.profile.documents.values().any(|d| path.as_str().ends_with(d.path.as_str()))
        }
        _ => false,
    };
    steps(stages)
        .filter(|(_, planned)| is_document(&planned.step))
        .map(|(node, _)| node.to_string())
        .collect()
}

pub fn options(names: &[&str]) -> Options {
    Options {
        limit: Some(names.iter().map(|name| NodeName::new(*name).unwrap()).collect()),
        ..Options::default()
    }
}

/// The refusals' texts with their class and advice.
pub fn refused(end: &Next) -> String {
    let Next::Refused(refusals) = end else { panic!("not refused: {end:?}") };
    let line = |r: &super::Diagnostic| {
        let node = r.hosts.as_ref().map_or("-", |hosts| hosts.0[0].as_str());
        format!("{:?} {node}: {} | {}", r.class(), r.message, r.help.as_deref().unwrap_or("-"))
    };
    refusals.iter().map(line).collect::<Vec<_>>().join("\n")
}
