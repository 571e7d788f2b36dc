//! Who a node is: its id from its public key, its validator's address, and what the hosts report of both.

use base64::{Engine, engine::general_purpose::STANDARD};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use ripemd::Ripemd160;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sha3::{Digest as _, Keccak256};

use crate::types::ids::{Invalid, NodeId, ValidatorKey};

/// The type names that mean an ed25519 key: Amino's JSON name, its route prefix in old documents, and the names
/// that CometBFT 1.0 and the Cosmos SDK use.
const ED25519: [&str; 4] =
    ["tendermint/PubKeyEd25519", "AC26791624DE60", "cometbft/PubKeyEd25519", "/cosmos.crypto.ed25519.PubKey"];

/// The same for secp256k1.
const SECP256K1: [&str; 4] = [
    "tendermint/PubKeySecp256k1",
    "EB5AE98721",
    "cometbft/PubKeySecp256k1",
    "/cosmos.crypto.secp256k1.PubKey",
];

/// The type that a validator has whom its chain knows by an address alone: 0x and 40 lower-case hex digits.
pub const EVM_ADDRESS: &str = "evm-address";

/// The address of Ethereum's family: the last 20 bytes of the keccak256 of a secp256k1 public key, 128 hex digits.
pub fn evm_address(public: &str) -> Result<ValidatorKey, Invalid> {
    Ok(address_key(&last_20_of_keccak(&whole_public(public)?)))
}

/// What the whole public key is to its peers: itself.
pub fn evm_node_id(public: &str) -> Result<NodeId, Invalid> {
    NodeId::new(hex::encode(whole_public(public)?))
}

/// An address as a validator; in any letters, with 0x or without.
pub fn evm_validator(address: &str) -> Result<ValidatorKey, Invalid> {
    let bad = |why: String| Invalid { what: "address", why };
    let digits = address.strip_prefix("0x").unwrap_or(address);
    let bytes = hex::decode(digits).map_err(|error| bad(format!("{address:?} is not hex: {error}")))?;
    let length = bytes.len();
    let bytes: [u8; 20] = bytes.try_into().map_err(|_| bad(format!("{length} bytes, an address has 20")))?;
    Ok(address_key(&bytes))
}

/// Whose key has signed the digest: 64 bytes and the recovery id.
pub fn evm_signer(digest: &[u8; 32], signature: &[u8]) -> Option<ValidatorKey> {
    let (signature, recovery) = signature.split_at_checked(64)?;
    let recovery = RecoveryId::from_byte(*recovery.first()?)?;
    let signature = Signature::from_slice(signature).ok()?;
    let key = VerifyingKey::recover_from_prehash(digest, &signature, recovery).ok()?;
    let point = key.to_encoded_point(false);
    Some(address_key(&last_20_of_keccak(point.as_bytes().get(1..)?)))
}

pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

fn address_key(address: &[u8; 20]) -> ValidatorKey {
    ValidatorKey { kind: EVM_ADDRESS.to_owned(), value: format!("0x{}", hex::encode(address)) }
}

fn last_20_of_keccak(public: &[u8]) -> [u8; 20] {
    let mut last = [0; 20];
    last.copy_from_slice(&keccak256(public)[12..]);
    last
}

fn whole_public(text: &str) -> Result<[u8; 64], Invalid> {
    let bad = |why: String| Invalid { what: "public key", why };
    let bytes = hex::decode(text.trim()).map_err(|error| bad(format!("not hex: {error}")))?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| bad(format!("{length} bytes, a whole secp256k1 key has 64")))
}

/// The address by which people know a validator, where its key's type is known.
pub fn address(key: &ValidatorKey) -> Option<String> {
    if key.kind == EVM_ADDRESS { Some(key.value.clone()) } else { tendermint_address(key) }
}

/// The validator's address as the documents hold it, 40 upper-case hex digits: of an ed25519 key the first 20 bytes of its
/// sha256, of a secp256k1 key (compressed) the ripemd160 of its sha256. None for other types, or bytes that are no key.
pub fn tendermint_address(key: &ValidatorKey) -> Option<String> {
    let address = match key.kind.as_str() {
        kind if ED25519.contains(&kind) => first_20_of_sha256(&ed25519_bytes(&key.value).ok()?),
        kind if SECP256K1.contains(&kind) => {
            Ripemd160::digest(Sha256::digest(secp256k1_bytes(&key.value).ok()?)).into()
        }
        _ => return None,
    };
    Some(hex::encode_upper(address))
}

/// A key of a type that we know must have that type's shape.
pub fn check_key(key: &ValidatorKey) -> Result<(), Invalid> {
    match key.kind.as_str() {
        kind if ED25519.contains(&kind) => ed25519_bytes(&key.value).map(drop),
        kind if SECP256K1.contains(&kind) => secp256k1_bytes(&key.value).map(drop),
        EVM_ADDRESS => evm_validator(&key.value).map(drop),
        _ => Ok(()),
    }
}

/// The node id that belongs to a node key's public half, the base64 of 32 bytes.
pub fn node_id_of_pubkey(public_key: &str) -> Result<NodeId, Invalid> {
    NodeId::new(hex::encode(first_20_of_sha256(&ed25519_bytes(public_key)?)))
}

/// A node id as a host reports it, with the white space of a command's output around it.
pub fn parse_node_id(text: &str) -> Result<NodeId, Invalid> {
    NodeId::new(text.trim().to_ascii_lowercase())
}

/// A validator's public key as a host reports it: `{"type","value"}`, or the SDK's `{"@type","key"}`.
pub fn parse_validator_key(text: &str) -> Result<ValidatorKey, Invalid> {
    let bad = |why: String| Invalid { what: "validator key", why };
    let json: Value = serde_json::from_str(text).map_err(|error| bad(format!("not JSON: {error}")))?;
    let field = |name: &str, other: &str| {
        json.get(name).or_else(|| json.get(other)).and_then(Value::as_str).map(str::to_owned)
    };
    let (Some(kind), Some(value)) = (field("type", "@type"), field("value", "key")) else {
        return Err(bad(format!("{} has no `type` and `value`", shape(&json))));
    };
    let key = ValidatorKey { kind, value };
    check_key(&key)?;
    Ok(key)
}

/// A height, round or step of a sign state: a number, or a quoted one, as the release writes it.
pub fn parse_sign_number(text: &str) -> Result<i64, Invalid> {
    let bare = text.trim().trim_matches('"');
    match bare.parse() {
        Ok(number) if number >= 0 => Ok(number),
        _ => Err(Invalid { what: "sign state", why: format!("{bare:?} is not a height, round or step") }),
    }
}

fn ed25519_bytes(base64: &str) -> Result<[u8; 32], Invalid> {
    let bad = |why: String| Invalid { what: "public key", why };
    let bytes = STANDARD.decode(base64.trim()).map_err(|error| bad(format!("not base64: {error}")))?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| bad(format!("{length} bytes, an ed25519 key has 32")))
}

/// A point on the curve, compressed: its sign as 2 or 3, then 32 bytes.
fn secp256k1_bytes(base64: &str) -> Result<[u8; 33], Invalid> {
    let bad = |why: String| Invalid { what: "public key", why };
    let bytes = STANDARD.decode(base64.trim()).map_err(|error| bad(format!("not base64: {error}")))?;
    let length = bytes.len();
    match <[u8; 33]>::try_from(bytes) {
        Ok(bytes) if matches!(bytes[0], 2 | 3) => Ok(bytes),
        Ok(_) => Err(bad("a compressed secp256k1 key begins with 2 or 3".to_owned())),
        Err(_) => Err(bad(format!("{length} bytes, a compressed secp256k1 key has 33"))),
    }
}

fn first_20_of_sha256(bytes: &[u8]) -> [u8; 20] {
    let mut first = [0; 20];
    first.copy_from_slice(&Sha256::digest(bytes)[..20]);
    first
}

/// The keys only: the text may have come from a file with a private key in it.
fn shape(json: &Value) -> String {
    match json {
        Value::Object(map) => {
            format!("an object with {}", map.keys().cloned().collect::<Vec<_>>().join(", "))
        }
        _ => "it".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_those_of_real_documents() {
        let key = |kind: &str, value: &str| ValidatorKey { kind: kind.into(), value: value.into() };
        let real = "8/3nX2Hi47/zlXWgBWoP1A7gKRa0PqCnfacWhqIAIOc=";
        for kind in ["tendermint/PubKeyEd25519", "AC26791624DE60"] {
            let address = tendermint_address(&key(kind, real));
            assert_eq!(address.as_deref(), Some("929CB5A14D6568A87D111C52BC0E1B63C2DC187F"));
        }
        // Made by CometBFT's own library.
        let real = "A50jd/+vrHx9/pPM+I5pL61tPCRXXol2PxAlpW9tESXg";
        for kind in ["tendermint/PubKeySecp256k1", "EB5AE98721"] {
            let address = tendermint_address(&key(kind, real));
            assert_eq!(address.as_deref(), Some("57A7583993CE6B7F6460690818C2688EE78B0C45"));
        }
        assert!(check_key(&key("tendermint/PubKeySecp256k1", &real.replace("A50", "AA0"))).is_err());
        assert_eq!(tendermint_address(&key("tendermint/PubKeySr25519", real)), None);
        assert_eq!(tendermint_address(&key("tendermint/PubKeyEd25519", "AAAA")), None);
    }

    #[test]
    fn node_ids_come_from_the_public_half() {
        // Read off a node: the last 32 bytes of node_key.json's 64, and what show-node-id printed.
        let id = node_id_of_pubkey("kmblzluOCHcoalreFKiXSnXZKBhV5TAM5yEDcsdgdPU=").unwrap();
        assert_eq!(id.as_str(), "32fa7e27d0260147aac7d7fd3e92842866b4075b");
        assert_eq!(parse_node_id(&format!("{id}\n")).unwrap(), id);
        assert!(parse_node_id("Error in determining Node Key").is_err());
    }

    #[test]
    fn reported_keys_are_read_in_both_spellings() {
        let value = "8/3nX2Hi47/zlXWgBWoP1A7gKRa0PqCnfacWhqIAIOc=";
        let amino = format!(r#"{{"type":"tendermint/PubKeyEd25519","value":"{value}"}}"#);
        let sdk = format!(r#"{{"@type":"/cosmos.crypto.ed25519.PubKey","key":"{value}"}}"#);
        for text in [amino, sdk] {
            assert_eq!(parse_validator_key(&text).unwrap().value, value);
        }
        assert!(parse_validator_key(r#"{"type":"tendermint/PubKeyEd25519","value":"AA=="}"#).is_err());
        let unknown = parse_validator_key(r#"{"type":"new/Key","value":"anything"}"#).unwrap();
        assert_eq!(unknown.value, "anything");
        assert_eq!((parse_sign_number("\"12\"").unwrap(), parse_sign_number(" 0\n").unwrap()), (12, 0));
        assert!(parse_sign_number("-1").is_err() && parse_sign_number("").is_err());
    }
}
