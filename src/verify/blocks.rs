//! V7: blocks are made. V8: they are the same ones everywhere, the only sign that it is one chain.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    CheckId, Row,
    majority::majority,
    view::{NO_BLOCK_YET, UNKNOWN, View},
};
use crate::{chain::rpc::Block, cluster::Node, types::code::Code};

pub fn rising(view: &View<'_>) -> Vec<Row> {
    let heights: Vec<u64> = view.looked_at().filter_map(|node| Some(view.answer(node)?.height())).collect();
    let row = |node: &Node| {
        let wanted = view.initial + 1;
        let check = Row::new(CheckId::V7, &node.name, "blocks")
            .expected(format!("height {wanted} or more, and rising"));
        let Some(rpc) = view.answer(node).filter(|rpc| rpc.status.is_some()) else {
            return check.not_known(UNKNOWN);
        };
        let height = rpc.height();
        if rpc.is_above(view.initial) {
            return check.ok(format!("height {} → {height}", rpc.first.unwrap_or_default()));
        }
        // A chain that makes no empty blocks stands as long as nobody wants anything of it.
        if rpc.rests(view.initial) && heights.iter().all(|other| *other == height) {
            return check.ok(format!("height {height}, and consensus waits for a transaction"));
        }
        let mut seen = format!("height {height} after {:.0} s", rpc.waited.as_secs_f64());
        if let Some(step) = &rpc.step {
            let _ = write!(seen, ", consensus at {step}");
        }
        if let Some(why) = &rpc.ended {
            let _ = write!(seen, ": {why}");
        }
        check.failed(Code::NoBlocks, seen)
    };
    view.looked_at().map(row).collect()
}

pub fn one_chain(view: &View<'_>) -> Vec<Row> {
    let mut at: BTreeMap<u64, Vec<Mark>> = BTreeMap::new();
    for block in view.looked_at().filter_map(|node| view.answer(node)).flat_map(|rpc| &rpc.blocks) {
        at.entry(block.height).or_default().push(mark(block));
    }
    let most: BTreeMap<u64, Mark> =
        at.iter().filter_map(|(height, marks)| Some((*height, majority(marks)?))).collect();
    let row = |node: &Node| {
        let check = Row::new(CheckId::V8, &node.name, "one chain");
        let Some(rpc) = view.answer(node).filter(|rpc| rpc.status.is_some()) else {
            return check.expected("the blocks of the others").not_known(UNKNOWN);
        };
        let own: Vec<Mark> = rpc.blocks.iter().map(mark).collect();
        let of_most: Vec<String> = own.iter().filter_map(|(height, ..)| most.get(height)).map(show).collect();
        let check = check.expected(of_most.join(", "));
        if let Some(why) = &rpc.no_block {
            return check.failed(Code::NoBlock, why.clone());
        }
        if own.is_empty() {
            return check.not_known(NO_BLOCK_YET);
        }
        let differ: Vec<String> = own.iter().filter(|own| most.get(&own.0) != Some(own)).map(show).collect();
        if differ.is_empty() {
            check.ok("the same blocks")
        } else {
            check.failed(Code::OtherChain, format!("another chain: {}", differ.join(", ")))
        }
    };
    view.looked_at().map(row).collect()
}

/// Height, block hash, app hash.
type Mark = (u64, String, String);

fn mark(block: &Block) -> Mark {
    (block.height, block.hash.clone(), block.app_hash.clone())
}

fn show((height, hash, app_hash): &Mark) -> String {
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    format!("block {height} {} (app {})", short(hash), short(app_hash))
}
