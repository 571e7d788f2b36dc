//! Who dials whom, as a circle of nodes.

use std::collections::BTreeSet;

use serde::Serialize;

/// Beyond that names would lie upon each other: they show when they are pointed at.
const MOST_NAMES: usize = 40;

#[derive(Serialize)]
pub struct Graph {
    pub nodes: Vec<Spot>,
    pub edges: Vec<Edge>,
    pub named: bool,
}

/// In a picture from -100 to 100 in both directions.
#[derive(Serialize)]
pub struct Spot {
    pub x: f64,
    pub y: f64,
    pub name: String,
    pub role: String,
    /// Where its name stands: `start` or `end` of the text at the spot.
    pub anchor: &'static str,
    pub label_x: f64,
    pub label_y: f64,
}

#[derive(Serialize)]
pub struct Edge {
    pub x1: f64,
    pub y1: f64,
    pub x2: f64,
    pub y2: f64,
}

impl Graph {
    /// `(name, role, whom it dials)`; one line a pair, whoever of them dials.
    pub fn of(nodes: &[(String, &str, Vec<String>)]) -> Self {
        #[allow(clippy::cast_precision_loss)]
        let angle = |number: usize| {
            std::f64::consts::TAU * number as f64 / nodes.len() as f64 - std::f64::consts::FRAC_PI_2
        };
        let at =
            |number: usize, far: f64| (tenths(angle(number).cos() * far), tenths(angle(number).sin() * far));
        let spot = |(number, (name, role, _)): (usize, &(String, &str, Vec<String>))| {
            let ((x, y), (label_x, label_y)) = (at(number, 80.0), at(number, 85.0));
            let anchor = match x {
                x if x > 5.0 => "start",
                x if x < -5.0 => "end",
                _ => "middle",
            };
            Spot { x, y, name: name.clone(), role: (*role).to_owned(), anchor, label_x, label_y }
        };
        let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (from, (_, _, dials)) in nodes.iter().enumerate() {
            let others = dials.iter().filter_map(|name| nodes.iter().position(|(other, ..)| other == name));
            pairs.extend(others.map(|to| (from.min(to), from.max(to))));
        }
        let edge = |(from, to): (usize, usize)| {
            let ((x1, y1), (x2, y2)) = (at(from, 80.0), at(to, 80.0));
            Edge { x1, y1, x2, y2 }
        };
        Self {
            nodes: nodes.iter().enumerate().map(spot).collect(),
            edges: pairs.into_iter().map(edge).collect(),
            named: nodes.len() <= MOST_NAMES,
        }
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
