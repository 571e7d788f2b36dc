//! Tables of what nodes say; and that one who lies never makes the verdict less cautious.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::plan::evidence::{Evidence, Signing};

fn key(number: usize) -> ValidatorKey {
    ValidatorKey { kind: "tendermint/PubKeyEd25519".into(), value: format!("key-{number}") }
}

fn name(number: usize) -> NodeName {
    NodeName::new(format!("n-{number}")).unwrap()
}

fn validators(powers: &[i64]) -> Vec<RpcValidator> {
    let validator = |(n, power): (usize, &i64)| RpcValidator {
        address: n.to_string(),
        key: key(n),
        power: *power,
        priority: None,
    };
    powers.iter().enumerate().map(validator).collect()
}

/// A node at this height that shows these last signatures, by validator.
fn at(height: u64, signed: &[u64]) -> Reading {
    let signed = signed.iter().enumerate().filter(|(_, last)| **last > 0);
    Reading {
        height,
        validators: Some(validators(&[10; 4])),
        signed: Some(signed.map(|(n, last)| (n.to_string(), *last)).collect()),
        ..Reading::default()
    }
}

fn table(readings: &[Reading]) -> Readings {
    readings.iter().enumerate().map(|(n, reading)| (name(n), reading.clone())).collect()
}

fn weighed(readings: &[Reading]) -> Voting {
    weigh(&table(readings)).unwrap()
}

/// P5
#[test]
fn who_signs_for_a_roll_is_confirmed_and_who_may_sign_elsewhere_is_shown_by_any() {
    let honest = at(50, &[49, 49, 49, 0]);
    let liar = at(50, &[0, 49, 49, 49]);
    let voting = weighed(&[honest.clone(), honest.clone(), honest.clone(), liar]);
    let of = |n: usize| voting.voters.iter().find(|voter| voter.key == key(n)).unwrap();
    assert!(of(0).signed && of(1).signed, "what one keeps back the others show");
    assert!(!of(3).signed && of(3).confirmed == 0, "nobody comes to life by the word of one");
    assert_eq!((of(3).last_signed, of(3).shown_by.clone()), (49, Some(name(3))), "but it may sign somewhere");
    assert!(voting.disagree.is_none() && voting.claims().is_none());

    // Two of seven do not confirm anything either; three do.
    let seven = |liars: usize| {
        let liars = vec![at(50, &[49, 49, 49, 49]); liars];
        weighed(&[vec![honest.clone(); 7 - liars.len()], liars].concat()).voters[3].signed
    };
    assert!(!seven(2) && seven(3));
}

/// P5
#[test]
fn a_lone_height_is_named_and_does_not_count() {
    let honest = at(640, &[639, 639, 639, 0]);
    let voting = weighed(&[honest.clone(), honest.clone(), at(812, &[811, 0, 0, 0]), honest]);
    assert_eq!(voting.height, 640);
    assert_eq!(voting.contradictions(), ["n-2 claims height 812, nobody else is above 640"]);
    let signed: Vec<bool> = voting.voters.iter().map(|voter| voter.signed).collect();
    assert_eq!(signed, [true, true, true, false]);
    assert_eq!(common(&voting.heights), 640, "where all can be compared");
}

/// P5
#[test]
fn who_does_not_agree_on_the_validators_is_named_with_what_it_says() {
    let honest = at(50, &[49; 4]);
    let owner = Reading { validators: Some(validators(&[10, 10, 10, 1_000_000])), ..honest.clone() };
    let said = weighed(&[honest.clone(), owner, honest.clone()]).disagree.unwrap();
    assert!(said.contains("who votes at height 50") && said.contains("n-0, n-2: 4 with power 40"), "{said}");
    assert!(said.contains("n-1: 4 with power 1000030") && said.contains("key-3 with 1000000"), "{said}");
    let silent = Reading { validators: None, ..honest.clone() };
    let voting = weighed(&[honest.clone(), silent, honest]);
    assert!(voting.disagree.is_none() && voting.voters.len() == 4, "who says nothing contradicts nobody");
    assert_eq!(weigh(&table(&[Reading { height: 5, ..Reading::default() }])), None);
}

/// P5
#[test]
fn a_node_alone_has_its_word_and_is_known_to_be_alone() {
    let voting = weighed(&[at(50, &[49, 49, 0, 0])]);
    assert!(voting.voters[0].signed && !voting.voters[2].signed);
    assert_eq!(voting.alone(), Some(&name(0)));
    let two = weighed(&[at(50, &[49, 49]), at(51, &[0, 50])]);
    assert!(two.alone().is_none() && !two.voters[0].signed && two.voters[1].signed);
    let unborn = weighed(&[Reading::default(), Reading::default()]);
    assert!(!unborn.has_block() && unborn.voters.is_empty());
    assert!(weighed(&[Reading::default(), at(1, &[])]).has_block(), "one that shows a block is enough");
    assert!(weigh(&Readings::new()).is_none());
}

/// P5
#[test]
fn a_cluster_of_many_is_read_at_seven_that_are_not_behind() {
    let heights: BTreeMap<NodeName, u64> =
        (0..64).map(|n| (name(n), if n % 2 == 0 { 900 } else { 3 })).collect();
    let asked = witnesses(&heights);
    assert!(asked.len() == WITNESSES && asked.iter().all(|name| heights[name] == 900));
    assert_eq!(common(&heights), 900);
    assert_eq!(witnesses(&heights.into_iter().take(4).collect()).len(), 2);
}

#[test]
fn p4_a_key_of_a_node_begins_no_line_and_has_an_end() {
    let honest = at(50, &[49; 4]);
    let mut forged = honest.clone();
    let value = format!("k\nwarning: all is well{}", "x".repeat(1 << 20));
    forged.validators.as_mut().unwrap()[0].key.value = value;
    let said = weighed(&[honest, forged]).disagree.unwrap();
    assert!(said.contains("k\\nwarning") && !said.contains('\n') && said.len() < 1000, "{said}");
}

/// Ten thousand for each of seven liars took minutes.
#[test]
fn p7_as_many_validators_as_can_be_named_are_weighed_at_once() {
    let liar = |liar: usize| {
        let named = |n: usize| RpcValidator {
            address: n.to_string(),
            key: key(liar * 10_000 + n),
            power: 1,
            priority: None,
        };
        let validators: Vec<_> = (0..10_000).map(named).collect();
        let signed = validators.iter().map(|validator| (validator.address.clone(), 49)).collect();
        Reading { height: 50, validators: Some(validators), signed: Some(signed), ..Reading::default() }
    };
    let readings = table(&(0..7).map(liar).collect::<Vec<_>>());
    let begun = crate::fuzz::cpu();
    assert_eq!(weigh(&readings).unwrap().voters.len(), 70_000);
    assert!(crate::fuzz::cpu().saturating_sub(begun) < std::time::Duration::from_secs(20));
}

/// What anybody may answer.
fn any_reading() -> impl Strategy<Value = Reading> {
    let height = prop_oneof![0..80_u64, Just(u64::MAX), any::<u64>()];
    let powers = prop::option::of(prop::collection::vec(prop_oneof![Just(10), any::<i64>()], 0..6));
    let last = prop_oneof![0..80_u64, Just(u64::MAX), any::<u64>()];
    let signed = prop::option::of(prop::collection::btree_map("[0-5]", last, 0..6));
    (height, powers, signed).prop_map(|(height, powers, signed)| Reading {
        height,
        validators: powers.map(|powers| validators(&powers)),
        signed,
        ..Reading::default()
    })
}

/// Honest nodes, each a block behind at most, of a chain at this height where the four have signed this last.
fn honest(height: u64, last: [u64; 4], behind: &[bool]) -> Vec<Reading> {
    let node = |behind: &bool| {
        let own = height - u64::from(*behind);
        at(own, &last.map(|last| last.min(own - 1)))
    };
    behind.iter().map(node).collect()
}

fn is_refusal(signing: Signing) -> bool {
    matches!(signing, Signing::Signs(_) | Signing::NotKnown)
}

proptest! {
    #[test]
    fn one_liar_never_makes_the_verdict_less_cautious(
        height in 20..60_u64,
        last in prop::array::uniform4(0..60_u64),
        behind in prop::collection::vec(any::<bool>(), 3..8),
        liar in any_reading(),
        place in 0..9_usize,
    ) {
        let last = last.map(|last| last.min(height - 1));
        let truth = honest(height, last, &behind);
        let mut said = truth.clone();
        said.insert(place.min(said.len()), liar.clone());
        let (alone, all) = (weighed(&truth), weighed(&said));
        let tops = || truth.iter().map(|reading| reading.height);
        prop_assert!(all.height <= tops().max().unwrap() && all.height >= tops().min().unwrap());
        for (n, last) in last.iter().enumerate() {
            let voter = |voting: &Voting| voting.voters.iter().find(|voter| voter.key == key(n)).cloned().unwrap();
            let (with, without) = (voter(&all), voter(&alone));
            // For a roll: whoever counts as there has signed one of the last commits that an honest node has.
            prop_assert!(!with.signed || Voting::is_recent(height, last + 1), "{with:?}");
            prop_assert!(with.confirmed <= *last);
            // For a key that goes back: nothing that an honest node shows is lost.
            prop_assert!(with.last_signed >= without.last_signed);
            prop_assert!(with.power >= without.power);
        }
        // Other validators, or other powers, than the honest ones say: it does not pass unseen.
        let other = liar.validators.as_ref().is_some_and(|said| *said != validators(&[10; 4]));
        prop_assert_eq!(other, all.disagree.is_some());
    }

    /// P5
    #[test]
    fn s13_one_liar_never_gives_a_key_back_that_the_others_would_not(
        first in 20..40_u64,
        risen in 0..12_u64,
        signs in any::<bool>(),
        ago in 0..8_u64,
        behind in prop::collection::vec((any::<bool>(), any::<bool>()), 3..6),
        lies in (any_reading(), any_reading()),
    ) {
        let last = first + risen;
        let (then, now) = if signs { (first - 1, last - 1) } else { (first - 1 - ago, first - 1 - ago) };
        let (a, b): (Vec<bool>, Vec<bool>) = behind.into_iter().unzip();
        let looks = (honest(first, [then; 4], &a), honest(last, [now; 4], &b));
        let shown = |first: &[Reading], last: &[Reading]| {
            let (first, last) = (weigh(&table(first)), weigh(&table(last)));
            Evidence { first, last, ..Evidence::default() }
        };
        // As the honest node that has come furthest has it, confirmed by two more.
        let best = |look: &[Reading], last: u64| {
            honest(look.iter().map(|reading| reading.height).max().unwrap(), [last; 4], &[false; 3])
        };
        let truth = shown(&best(&looks.0, then), &best(&looks.1, now)).signing(&key(0));
        let with = |look: &[Reading], lie: &Reading| [look, std::slice::from_ref(lie)].concat();
        let all = shown(&with(&looks.0, &lies.0), &with(&looks.1, &lies.1)).signing(&key(0));
        prop_assert!(!is_refusal(truth) || is_refusal(all), "{truth:?} became {all:?}");
        prop_assert!(truth != Signing::Stands || all != Signing::Silent, "{truth:?} became {all:?}");
    }
}
