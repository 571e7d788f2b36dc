//! Who proposes the next blocks: whoever is stopped just before its turn costs the chain a round.

/// A validator as the chain's RPC has it: its power, and its priority after the block that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub power: i64,
    pub priority: i64,
}

/// Turns that are looked at, for each validator: enough that everybody but the weakest has come.
const AHEAD: usize = 4;
/// Beyond so many turns nobody waits.
const AT_MOST: usize = 1000;

/// For each validator how many blocks later it proposes, 1 being the next one; `None`: not soon.
///
/// Tendermint's rule (`types/validator_set.go`, `incrementProposerPriority`): everybody's priority rises by the power, the
/// highest proposes and loses the total. `validators` is in the set's own order, which decides between equals.
pub fn next_turns(validators: &[Turn]) -> Vec<Option<usize>> {
    let total: i128 = validators.iter().map(|turn| i128::from(turn.power)).sum();
    let mut priorities: Vec<i128> = validators.iter().map(|turn| i128::from(turn.priority)).collect();
    let mut turns = vec![None; validators.len()];
    for block in 1..=(validators.len() * AHEAD).min(AT_MOST) {
        for (priority, turn) in priorities.iter_mut().zip(validators) {
            *priority += i128::from(turn.power);
        }
        let highest = |best: Option<usize>, at: usize| match best {
            Some(best) if priorities[best] >= priorities[at] => Some(best),
            _ => Some(at),
        };
        let Some(proposer) = (0..validators.len()).fold(None, highest) else { break };
        priorities[proposer] -= total;
        turns[proposer].get_or_insert(block);
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_come_in_turn() {
        let of = |priorities: [i64; 4]| next_turns(&priorities.map(|priority| Turn { power: 10, priority }));
        assert_eq!(of([0; 4]), [Some(1), Some(2), Some(3), Some(4)]);
        // After the first one's block.
        assert_eq!(of([-30, 10, 10, 10]), [Some(4), Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn the_strong_come_more_often() {
        let turn = |power| Turn { power, priority: 0 };
        assert_eq!(next_turns(&[turn(1), turn(6), turn(1)]), [Some(3), Some(1), Some(6)]);
        assert_eq!(next_turns(&[turn(1), turn(1_000_000)]), [None, Some(1)]);
        assert_eq!(next_turns(&[]), []);
        assert_eq!(next_turns(&[turn(i64::MAX), turn(i64::MAX)]), [Some(1), Some(2)]);
    }
}
