//! Istanbul's `extraData`: 32 bytes of anybody's choice, then the RLP of validators, seal and committed seals.

use alloy_rlp::{Encodable as _, Header};

use crate::{
    chain::{
        MOST_VALIDATORS,
        identity::{evm_signer, evm_validator, keccak256},
    },
    types::ids::ValidatorKey,
};

const VANITY: usize = 32;
const SEAL: usize = 65;
/// The message that a validator signs a block's hash with when it commits.
const COMMIT: u8 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    pub validators: Vec<ValidatorKey>,
    /// Of those who have committed the block; none in a genesis.
    pub committed: Vec<Vec<u8>>,
}

impl Extra {
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = text.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
        let bytes = bytes.ok_or("is not 0x and hex digits")?;
        let rest = bytes
            .get(VANITY..)
            .ok_or_else(|| format!("{} bytes, at least {VANITY} belong here", bytes.len()))?;
        let (validators, committed) =
            parts(rest).map_err(|why| format!("is not Istanbul's extra data: {why}"))?;
        let validators = validators.iter().map(|address| evm_validator(&hex::encode(address)));
        let validators = validators.collect::<Result<_, _>>().map_err(|why| format!("a validator: {why}"))?;
        Ok(Self { validators, committed })
    }

    /// Who has committed the block with this hash.
    pub fn signers(&self, hash: &[u8; 32]) -> Vec<ValidatorKey> {
        let digest = keccak256(&[hash.as_slice(), &[COMMIT]].concat());
        self.committed.iter().filter_map(|seal| evm_signer(&digest, seal)).collect()
    }
}

/// That of a genesis: no vanity, and a seal of zeros.
pub fn of_genesis(validators: &[ValidatorKey]) -> Result<String, String> {
    let mut addresses = Vec::new();
    for key in validators {
        let address = evm_validator(&key.value).map_err(|error| error.why)?;
        let bytes = hex::decode(&address.value[2..]).map_err(|error| error.to_string())?;
        bytes.as_slice().encode(&mut addresses);
    }
    let mut inner = Vec::new();
    list(&addresses, &mut inner);
    [0; SEAL].as_slice().encode(&mut inner);
    list(&[], &mut inner);
    let mut extra = vec![0; VANITY];
    list(&inner, &mut extra);
    Ok(format!("0x{}", hex::encode(extra)))
}

fn list(payload: &[u8], out: &mut Vec<u8>) {
    Header { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(payload);
}

type Parts = (Vec<Vec<u8>>, Vec<Vec<u8>>);

fn parts(mut rest: &[u8]) -> alloy_rlp::Result<Parts> {
    let mut inner = Header::decode_bytes(&mut rest, true)?;
    if !rest.is_empty() {
        return Err(alloy_rlp::Error::UnexpectedLength);
    }
    let validators = texts(Header::decode_bytes(&mut inner, true)?)?;
    Header::decode_bytes(&mut inner, false)?;
    let committed = texts(Header::decode_bytes(&mut inner, true)?)?;
    if inner.is_empty() { Ok((validators, committed)) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

fn texts(mut list: &[u8]) -> alloy_rlp::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while !list.is_empty() {
        // To find out who has made a seal is work.
        if found.len() == MOST_VALIDATORS {
            return Err(alloy_rlp::Error::Custom("it has more of them than a chain has validators"));
        }
        found.push(Header::decode_bytes(&mut list, false)?.to_vec());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// `homi extra encode --validators …` of Kaia 1.0.3.
    const BY_HOMI: &str = include_str!("../../../tests/fixtures/kaia-1.0/extra-data");
    const VALIDATORS: [&str; 4] = [
        "0x1111111111111111111111111111111111111111",
        "0x2222222222222222222222222222222222222222",
        "0xAbCdEf0123456789aBcDeF0123456789abcdef01",
        "0x4444444444444444444444444444444444444444",
    ];

    fn keys(addresses: &[&str]) -> Vec<ValidatorKey> {
        addresses.iter().map(|address| evm_validator(address).unwrap()).collect()
    }

    #[test]
    fn s5_it_is_what_the_chains_own_tool_makes() {
        assert_eq!(of_genesis(&keys(&VALIDATORS)).unwrap(), BY_HOMI.trim());
        let read = Extra::parse(BY_HOMI.trim()).unwrap();
        assert_eq!(read, Extra { validators: keys(&VALIDATORS), committed: Vec::new() });
        assert_eq!(read.validators[2].value, VALIDATORS[2].to_lowercase());
    }

    #[test]
    fn p7_seals_and_validators_are_no_more_than_a_chain_has() {
        let extra = |validators: usize, seals: usize| {
            let (mut inner, mut all) = (Vec::new(), Vec::new());
            let (mut addresses, mut committed) = (Vec::new(), Vec::new());
            (0..validators).for_each(|_| [1_u8; 20].as_slice().encode(&mut addresses));
            (0..seals).for_each(|_| [1_u8].as_slice().encode(&mut committed));
            list(&addresses, &mut inner);
            [0; SEAL].as_slice().encode(&mut inner);
            list(&committed, &mut inner);
            list(&inner, &mut all);
            Extra::parse(&format!("0x{}{}", hex::encode([0; VANITY]), hex::encode(all)))
        };
        assert_eq!(extra(4, MOST_VALIDATORS).unwrap().committed.len(), MOST_VALIDATORS);
        assert!(extra(MOST_VALIDATORS + 1, 0).is_err());
        assert!(extra(4, MOST_VALIDATORS + 1).unwrap_err().contains("more of them"));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let whole = BY_HOMI.trim();
        for wrong in ["", "0x", "00", "0xzz", &whole[2..], &whole[..whole.len() - 2], &format!("{whole}00")] {
            assert!(Extra::parse(wrong).is_err(), "{wrong}");
        }
        let nineteen = whole.replacen("941111", "931111", 1);
        assert!(Extra::parse(&nineteen).is_err());
    }

    proptest! {
        #[test]
        fn s5_any_number_of_validators_comes_back(addresses in prop::collection::vec(any::<[u8; 20]>(), 0..40)) {
            let keys: Vec<_> = addresses.iter().map(|a| evm_validator(&hex::encode(a)).unwrap()).collect();
            prop_assert_eq!(Extra::parse(&of_genesis(&keys).unwrap()).unwrap().validators, keys);
        }

        #[test]
        fn no_text_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Extra::parse(&format!("0x{}", hex::encode(bytes)));
        }
    }
}
