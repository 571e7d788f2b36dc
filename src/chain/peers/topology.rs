//! Who may know whom: validators that stay behind sentries, seeds, and everybody else. By names alone, so that it can be
//! judged before a host is asked.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{placement::Placement, strategy::Strategy};
use crate::types::ids::NodeName;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Validator,
    /// No vote.
    Full,
    /// A full node that validators stay behind.
    Sentry,
    /// A full node that tells others whom there is to dial.
    Seed,
}

impl Role {
    /// As an inventory writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Full => "full",
            Self::Sentry => "sentry",
            Self::Seed => "seed",
        }
    }
}

/// A node's place among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    pub name: NodeName,
    pub role: Role,
    /// The sentries that alone know this validator; empty: everybody may know it.
    pub behind: Vec<NodeName>,
}

impl Spot {
    pub fn is_hidden(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Whether this node may have the other's address, and the other this one's.
    pub fn may_know(&self, other: &Self) -> bool {
        match (self.is_hidden(), other.is_hidden()) {
            (false, false) => true,
            (true, _) => self.behind.contains(&other.name),
            (false, true) => other.behind.contains(&self.name),
        }
    }
}

/// Who dials whom. Made once for all nodes: a look at all of them for each would grow with the square of the nodes.
pub struct Topology<'a> {
    strategy: Strategy,
    spots: BTreeMap<&'a NodeName, &'a Spot>,
    /// Those in the open who stay connected. A seed hangs up on who has dialled it and got its answer.
    staying: Placement<'a>,
    /// By sentry.
    hidden: BTreeMap<&'a NodeName, Vec<&'a NodeName>>,
}

impl<'a> Topology<'a> {
    pub fn of(all: impl IntoIterator<Item = &'a Spot>, strategy: Strategy) -> Self {
        let spots: BTreeMap<_, _> = all.into_iter().map(|spot| (&spot.name, spot)).collect();
        let mut hidden: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for spot in spots.values() {
            for sentry in &spot.behind {
                hidden.entry(sentry).or_default().push(&spot.name);
            }
        }
        let stays = |spot: &&&Spot| !spot.is_hidden() && spot.role != Role::Seed;
        let staying = Placement::of(spots.values().filter(stays).map(|spot| &spot.name));
        Self { strategy, spots, staying, hidden }
    }

    pub fn spot(&self, name: &NodeName) -> Option<&'a Spot> {
        self.spots.get(name).copied()
    }

    /// The nodes that `me` dials and stays with, in no order: all that it alone knows of, and of those in the open what
    /// the strategy says.
    pub fn dialled(&self, me: &Spot) -> Vec<&'a NodeName> {
        if me.is_hidden() {
            return me.behind.iter().filter_map(|sentry| Some(&self.spot(sentry)?.name)).collect();
        }
        let hidden = self.hidden.get(&me.name).into_iter().flatten().copied();
        self.staying.chosen(&me.name, self.strategy).into_iter().chain(hidden).collect()
    }
}

/// What is wrong with the network that the nodes' lists would make: a validator that strangers know, a node that nobody
/// reaches, two networks instead of one. One clause each, with the node that it is about.
pub fn problems(all: &[Spot], strategy: Strategy) -> Vec<(NodeName, String)> {
    // Where everybody may know everybody the lists are one network by their construction.
    if !all.iter().any(Spot::is_hidden) {
        return Vec::new();
    }
    let topology = Topology::of(all, strategy);
    let lists: Vec<_> = all.iter().map(|spot| (spot, topology.dialled(spot))).collect();
    graph_problems(&lists)
}

fn graph_problems(lists: &[(&Spot, Vec<&NodeName>)]) -> Vec<(NodeName, String)> {
    let mut problems = Vec::new();
    let by_name: BTreeMap<&NodeName, &Spot> = lists.iter().map(|(spot, _)| (&spot.name, *spot)).collect();
    let mut edges: BTreeMap<&NodeName, BTreeSet<&NodeName>> = BTreeMap::new();
    for (spot, dials) in lists {
        for other in dials {
            if by_name.get(other).is_some_and(|other| !spot.may_know(other)) {
                problems.push((
                    (*other).clone(),
                    format!("it stays behind its sentries, but {} would dial it", spot.name),
                ));
            }
            edges.entry(&spot.name).or_default().insert(other);
            edges.entry(other).or_default().insert(&spot.name);
        }
    }
    let Some((first, _)) = lists.first() else { return problems };
    let (mut reached, mut open) = (BTreeSet::new(), vec![&first.name]);
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(edges.get(name).into_iter().flatten());
        }
    }
    for (spot, _) in lists.iter().filter(|(spot, _)| !reached.contains(&spot.name)) {
        let message = if edges.contains_key(&spot.name) {
            format!("no way leads from it to {}", first.name)
        } else {
            "it dials nobody and nobody dials it".to_owned()
        };
        problems.push((spot.name.clone(), message));
    }
    problems
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::{Strategy, *};

    fn name(text: &str) -> NodeName {
        NodeName::new(text).unwrap()
    }

    fn spot(text: &str, role: Role, behind: &[&str]) -> Spot {
        Spot { name: name(text), role, behind: behind.iter().map(|text| name(text)).collect() }
    }

    fn names(me: &str, all: &[Spot]) -> Vec<String> {
        let me = all.iter().find(|spot| spot.name.as_str() == me).unwrap();
        let mut names: Vec<String> =
            Topology::of(all, Strategy::Auto).dialled(me).iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn a_validator_behind_sentries_knows_them_alone() {
        let all = [
            spot("v0", Role::Validator, &["s0", "s1"]),
            spot("v1", Role::Validator, &["s1"]),
            spot("v2", Role::Validator, &[]),
            spot("s0", Role::Sentry, &[]),
            spot("s1", Role::Sentry, &[]),
            spot("seed", Role::Seed, &[]),
        ];
        assert_eq!(names("v0", &all), ["s0", "s1"]);
        assert_eq!(names("v1", &all), ["s1"]);
        assert_eq!(names("v2", &all), ["s0", "s1"]);
        assert_eq!(names("s0", &all), ["s1", "v0", "v2"]);
        assert_eq!(names("s1", &all), ["s0", "v0", "v1", "v2"]);
        assert_eq!(names("seed", &all), ["s0", "s1", "v2"]);
        assert_eq!(problems(&all, Strategy::Auto), []);
    }

    #[test]
    fn a_network_that_is_none_is_seen() {
        let (a, b, c) =
            (spot("a", Role::Full, &[]), spot("b", Role::Validator, &["s"]), spot("c", Role::Full, &[]));
        let found = graph_problems(&[(&a, vec![&b.name]), (&b, vec![]), (&c, vec![])]);
        let words: Vec<String> = found.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        assert_eq!(
            words,
            [
                "b: it stays behind its sentries, but a would dial it",
                "c: it dials nobody and nobody dials it"
            ]
        );
    }

    proptest! {
        /// However many there are of each: one network, and nobody knows a hidden one but its sentries.
        #[test]
        fn every_topology_is_one_network(
            sentries in 1_usize..12, open in 0_usize..60, seeds in 0_usize..3, hidden in proptest::collection::vec(any::<u16>(), 0..20)
        ) {
            let mut all: Vec<Spot> = (0..sentries).map(|n| spot(&format!("s{n}"), Role::Sentry, &[])).collect();
            all.extend((0..open).map(|n| spot(&format!("o{n}"), Role::Full, &[])));
            all.extend((0..seeds).map(|n| spot(&format!("seed{n}"), Role::Seed, &[])));
            for (n, bits) in hidden.iter().enumerate() {
                let behind: Vec<String> = (0..sentries).filter(|s| *s == 0 || bits >> s & 1 == 1).map(|s| format!("s{s}")).collect();
                let behind: Vec<&str> = behind.iter().map(String::as_str).collect();
                all.push(spot(&format!("v{n}"), Role::Validator, &behind));
            }
            prop_assert_eq!(problems(&all, Strategy::Auto), []);
            prop_assert_eq!(problems(&all, Strategy::Ring), []);
        }
    }
}
