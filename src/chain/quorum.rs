//! What makes blocks, as the profile has it: how much may be offline, and how that is worded. The only place that counts
//! thirds.

use schemars::JsonSchema;
use serde::Deserialize;

/// Who has to agree on a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Quorum {
    /// More than two thirds of the voting power (Tendermint).
    #[default]
    Bft,
    /// Two thirds of the validators, rounded up; all of them where there are fewer than four. Every vote is equal.
    Istanbul(Istanbul),
    /// Nobody is counted: no node that goes offline stops the others.
    None,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Istanbul {
    #[serde(default)]
    pub seals: Seals,
}

/// How many signatures a block shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Seals {
    /// All that came before the next block.
    #[default]
    All,
    /// As many as make the quorum, and no more: who is slow is in none.
    Quorum,
}

impl Quorum {
    /// What a validator counts, which has this power.
    pub fn weight(self, power: i64) -> i128 {
        match self {
            Self::Bft => power.into(),
            Self::Istanbul(_) | Self::None => i128::from(power > 0),
        }
    }

    /// The least of `total` that makes blocks.
    pub fn needed(self, total: i128) -> i128 {
        match self {
            Self::Bft => total * 2 / 3 + 1,
            Self::Istanbul(_) if total < 4 => total.max(1),
            Self::Istanbul(_) => (total * 2 + 2) / 3,
            Self::None => 0,
        }
    }

    /// Whether these alone make blocks.
    pub fn goes_on(self, up: i128, total: i128) -> bool {
        up >= self.needed(total)
    }

    /// Whether blocks stop when these are offline.
    pub fn stops(self, off: i128, total: i128) -> bool {
        !self.goes_on(total - off, total)
    }

    /// Whether anybody is counted at all.
    pub fn counts(self) -> bool {
        self != Self::None
    }

    /// `20 of 40 voting power offline (n-0 down already): one third or more, and blocks stop`
    pub fn offline(self, off: i128, total: i128, down: &[String]) -> String {
        let down = match down {
            [] => String::new(),
            names => format!(" ({} down already)", names.join(", ")),
        };
        let much = match self {
            Self::Bft => "one third or more".to_owned(),
            _ => format!("blocks need {}", self.needed(total)),
        };
        format!(
            "{off} of {total} {} offline{down}: {much}, and blocks stop{}",
            self.unit(),
            self.unshown(total)
        )
    }

    /// `only 20 of 40 voting power is up, blocks need more than two thirds`
    pub fn too_few(self, up: i128, total: i128) -> String {
        let (is, needs) = match self {
            Self::Bft => ("is", "more than two thirds".to_owned()),
            _ => ("are", self.needed(total).to_string()),
        };
        format!("only {up} of {total} {} {is} up, blocks need {needs}", self.unit())
    }

    /// Why one that runs may look as if it were down.
    fn unshown(self, total: i128) -> String {
        match self {
            Self::Istanbul(Istanbul { seals: Seals::Quorum }) if self.needed(total) < total => {
                let shown = self.needed(total);
                format!(
                    ". A block shows {shown} of {total} signatures, so a slow validator may look down for a while"
                )
            }
            _ => String::new(),
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Bft => "voting power",
            Self::Istanbul(_) | Self::None => "validators",
        }
    }
}

/// Of so many nodes: how many have to show the same before one of them must be honest, as long as fewer than a third lie. Two
/// at least.
pub fn beyond_liars(nodes: usize) -> usize {
    (nodes / 3 + 1).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KAIA: Quorum = Quorum::Istanbul(Istanbul { seals: Seals::Quorum });

    #[test]
    fn s8_exactly_one_third_offline_stops_a_bft_chain() {
        for total in 0..200 {
            for off in 0..=total {
                assert_eq!(Quorum::Bft.stops(off, total), off * 3 >= total, "{off} of {total}");
                assert_eq!(Quorum::Bft.goes_on(off, total), off * 3 > total * 2, "{off} of {total}");
            }
        }
        let all = i128::from(i64::MAX);
        assert!(!Quorum::Bft.stops(all / 3 - 1, all) && Quorum::Bft.stops(all / 3 + 1, all));
    }

    /// As Kaia counts its messages: all below four, then two thirds rounded up.
    #[test]
    fn s8_istanbul_counts_validators() {
        let needed: Vec<i128> = (1..=10).map(|total| KAIA.needed(total)).collect();
        assert_eq!(needed, [1, 2, 3, 3, 4, 4, 5, 6, 6, 7]);
        assert!(!KAIA.stops(1, 4) && KAIA.stops(2, 4) && KAIA.stops(1, 3) && KAIA.stops(0, 0));
        assert_eq!((KAIA.weight(1_000_000), KAIA.weight(0), Quorum::Bft.weight(7)), (1, 0, 7));
    }

    #[test]
    fn s8_no_quorum_stops_nobody() {
        assert!(!Quorum::None.stops(4, 4) && Quorum::None.goes_on(0, 4) && !Quorum::None.counts());
    }

    #[test]
    fn it_is_said_in_what_is_counted() {
        let down = ["n-0".to_owned()];
        assert_eq!(
            Quorum::Bft.offline(20, 40, &down),
            "20 of 40 voting power offline (n-0 down already): one third or more, and blocks stop"
        );
        assert_eq!(
            KAIA.offline(2, 4, &down),
            "2 of 4 validators offline (n-0 down already): blocks need 3, and blocks stop. A block shows 3 of 4 \
             signatures, so a slow validator may look down for a while"
        );
        let all = Quorum::Istanbul(Istanbul::default());
        assert_eq!(all.offline(2, 4, &[]), "2 of 4 validators offline: blocks need 3, and blocks stop");
        assert_eq!(KAIA.too_few(2, 4), "only 2 of 4 validators are up, blocks need 3");
        assert_eq!(
            Quorum::Bft.too_few(20, 40),
            "only 20 of 40 voting power is up, blocks need more than two thirds"
        );
    }

    #[test]
    fn p5_so_many_that_liars_are_too_few() {
        assert_eq!([1, 2, 5, 6, 7].map(beyond_liars), [2, 2, 2, 3, 3]);
    }
}
