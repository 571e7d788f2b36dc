//! V9: clocks agree.

use super::{CheckId, Row, view::View};
use crate::{cluster::Node, facts::MachineFacts, types::code::Code};

/// Seconds that a clock may be off the median.
const LIMIT: f64 = 0.5;

pub fn agree(view: &View<'_>) -> Vec<Row> {
    let mut clocks: Vec<f64> =
        view.now.machines.keys().filter_map(|number| best(view, *number)).map(|m| m.clock_ahead).collect();
    clocks.sort_by(f64::total_cmp);
    let median = clocks.get(clocks.len() / 2).copied().unwrap_or_default();
    let row = |node: &Node| {
        let check =
            Row::new(CheckId::V9, &node.name, "clock").expected("within 500 ms of the others' median");
        let Some(machine) = best(view, node.machine) else {
            return check.failed(view.lost_by(node), view.why_lost(node));
        };
        let apart = machine.clock_ahead - median;
        let seen = format!("{:+.0} ms (± {:.0} ms)", apart * 1e3, machine.clock_uncertain * 1e3);
        if apart.abs() - machine.clock_uncertain <= LIMIT {
            check.ok(seen)
        } else {
            check.failed(Code::ClockApart, seen)
        }
    };
    view.looked_at().map(row).collect()
}

/// Of the readings at the beginning and the end, the one over the shorter round trip.
fn best<'a>(view: &'a View<'_>, machine: usize) -> Option<&'a MachineFacts> {
    let now = view.now.machines.get(&machine)?;
    let before = view.before.machines.get(&machine).filter(|m| m.clock_uncertain < now.clock_uncertain);
    Some(before.unwrap_or(now))
}
