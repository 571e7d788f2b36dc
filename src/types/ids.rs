//! Newtypes: made only by a checked constructor, so that inside the program a value is what its type says.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// Why a text is not a value of the wanted type: one clause, put behind the name of what was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Invalid {
    pub what: &'static str,
    pub why: String,
}

fn invalid<T>(what: &'static str, why: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid { what, why: why.into() })
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(d)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

mod url;
pub use url::{Url, name_of};

/// Whether a text can be the name of one thing in a folder and nothing else: of a file, a cluster, a node, a document.
fn is_name(text: &str, longest: usize) -> bool {
    let bad = |c: char| c.is_control() || c == '/' || c.is_whitespace();
    !text.is_empty() && text.len() <= longest && !text.starts_with(['.', '-']) && !text.contains(bad)
}

text_newtype! {
    /// A file's name, without its folder.
    FileName
}

impl FileName {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        if is_name(&text, 255) {
            return Ok(Self(text));
        }
        let why =
            format!("{text:?} must be 1–255 bytes without slash or space, and not begin with a dot or dash");
        invalid("name", why)
    }
}

text_newtype! {
    /// A host of the inventory: one node. Also a folder name on the host, so no slash and no control character.
    NodeName
}

impl NodeName {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        if !is_name(&text, 100) {
            return invalid(
                "node name",
                format!(
                    "{text:?} must be 1–100 bytes without slash or space, and not begin with a dot or dash"
                ),
            );
        }
        Ok(Self(text))
    }
}

text_newtype! {
    /// A cluster's name: a folder on the hosts and part of a lock's name.
    ClusterName
}

impl ClusterName {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        NodeName::new(text.as_str()).map_err(|e| Invalid { what: "cluster", why: e.why }).map(|_| Self(text))
    }
}

text_newtype! {
    /// Lower-case hex digits: 40 of Tendermint (the first 20 bytes of the public key's sha256), 128 of Ethereum's family (the
    /// public key itself).
    NodeId
}

impl NodeId {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        if matches!(text.len(), 40 | 128) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text));
        }
        invalid("node id", format!("{text:?} is not 40 or 128 lower-case hex digits"))
    }
}

text_newtype! {
    /// At most 50 bytes (Tendermint's MaxChainIDLen).
    ChainId
}

impl ChainId {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        if text.is_empty() || text.len() > 50 || text.contains(char::is_control) {
            return invalid(
                "chain_id",
                format!("{text:?} must have 1 to 50 printable characters (50 bytes)"),
            );
        }
        Ok(Self(text))
    }
}

text_newtype! {
    /// 64 lower-case hex digits.
    Sha256
}

impl Sha256 {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into().to_ascii_lowercase();
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self(text));
        }
        invalid("sha256", format!("{text:?} is not 64 hex digits"))
    }

    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        use sha2::Digest;
        Self(hex::encode(sha2::Sha256::digest(bytes)))
    }

    /// The first digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

text_newtype! {
    /// An absolute path on a host, in normal form; never joined by hand.
    RemotePath
}

impl RemotePath {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text: String = text.into();
        let is_normal = |part: &[u8]| {
            !matches!(part, b"" | b"." | b"..") && !part.iter().any(|byte| matches!(byte, 0 | b'\n'))
        };
        // Nearly always, and a plan makes thousands of them.
        if text
            .as_bytes()
            .strip_prefix(b"/")
            .is_some_and(|path| path.split(|byte| *byte == b'/').all(is_normal))
        {
            return Ok(Self(text));
        }
        if !text.starts_with('/') {
            return invalid("path", format!("{text:?} is not absolute"));
        }
        if text.bytes().any(|byte| matches!(byte, 0 | b'\n')) {
            return invalid("path", format!("{text:?} holds a NUL or a newline"));
        }
        if text.split('/').any(|part| part == "..") {
            return invalid("path", format!("{text:?} holds `..`"));
        }
        let parts: Vec<_> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        Ok(Self(format!("/{}", parts.join("/"))))
    }

    /// Below this folder; `relative` may have several parts, but may not climb out.
    pub fn join(&self, relative: &str) -> Result<Self, Invalid> {
        Self::new([&self.0, "/", relative].concat())
    }

    pub fn parent(&self) -> Option<Self> {
        let cut = self.0.rfind('/')?;
        (self.0.len() > 1).then(|| Self(if cut == 0 { "/".into() } else { self.0[..cut].into() }))
    }

    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// `folder`: a path without a slash at its end.
    pub fn is_at_or_below(&self, folder: &str) -> bool {
        self.0.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub fn is_below(&self, folder: &Self) -> bool {
        folder.0 == "/" || self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

text_newtype! {
    /// A login or service account on a host, as useradd(8) allows it, or a directory service: `svc@corp.example`, `CORP\\svc`.
    UserName
}

impl UserName {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '@' | '\\' | '+');
        // systemd and Linux know names of up to 255 bytes. A plus in front would make it a number for chown, a backslash at the
        // end would swallow a unit's next line.
        let misread = text.starts_with(['-', '+', '@', '\\'])
            || text.ends_with('\\')
            || matches!(text.as_str(), "." | "..");
        if text.is_empty() || text.len() > 255 || misread || !text.chars().all(good) {
            return invalid("user", format!("{text:?} is not a user name"));
        }
        Ok(Self(text))
    }
}

text_newtype! {
    /// A systemd service name without its `.service` suffix.
    UnitName
}

impl UnitName {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let text = text.strip_suffix(".service").unwrap_or(&text).to_owned();
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\');
        if text.is_empty() || text.len() > 200 || text.starts_with(['-', '.']) || !text.chars().all(good) {
            return invalid("unit_name", format!("{text:?}: systemd allows letters, digits and :-_.\\"));
        }
        Ok(Self(text))
    }
}

text_newtype! {
    /// A service of a node, as its profile calls it: also a part of its unit's name.
    ServiceName
}

impl ServiceName {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || text.len() > 40 || !text.chars().all(good) {
            return invalid(
                "service",
                format!("{text:?}: small letters, digits and -, beginning with a letter"),
            );
        }
        Ok(Self(text))
    }
}

text_newtype! {
    /// A name or address of one host, without port: what ssh connects to, or what peers dial.
    HostAddr
}

impl HostAddr {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(&text);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Self(ip.to_string()));
        }
        // Colons are an IPv6 address's, with a zone or without; anything else with one has a port behind it, which
        // Ansible hands to ssh as part of the name.
        let zoned = bare.split_once('%').is_some_and(|(ip, _)| ip.parse::<std::net::Ipv6Addr>().is_ok());
        let name = text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        if let Some((name, port)) =
            name.filter(|(name, _)| !zoned && (name.ends_with(']') || !name.contains(':')))
        {
            let why = format!(
                "{text:?} has a port in it: the address is {:?} alone; {port} belongs into `ansible_port` or `ports`",
                name.trim_start_matches('[').trim_end_matches(']')
            );
            return invalid("address", why);
        }
        let good =
            |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_') || zoned && matches!(c, '%' | ':');
        if bare.is_empty() || bare.len() > 253 || bare.starts_with('-') || !bare.chars().all(good) {
            return invalid("address", format!("{text:?} is neither an address nor a host name"));
        }
        Ok(Self(bare.to_owned()))
    }

    pub fn ip(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// Neither private, loopback, link-local, carrier-grade NAT nor documentation: routable, as Tendermint's address
    /// book means it. A name may be anything, so it does not count as public.
    pub fn is_public(&self) -> bool {
        match self.ip() {
            Some(IpAddr::V4(ip)) => {
                let [a, b, ..] = ip.octets();
                let shared = a == 100 && (64..128).contains(&b);
                let local = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified();
                !(local || shared || ip.is_documentation())
            }
            Some(IpAddr::V6(ip)) => {
                let local = ip.is_unique_local() || ip.is_unicast_link_local();
                !(local || ip.is_loopback() || ip.is_unspecified())
            }
            None => false,
        }
    }

    /// `host:port`, an IPv6 address in brackets.
    pub fn with_port(&self, port: u16) -> String {
        match self.ip() {
            Some(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
            _ => format!("{}:{port}", self.0),
        }
    }
}

/// Where peers connect to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerAddr {
    pub host: HostAddr,
    pub port: u16,
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host.with_port(self.port))
    }
}

/// A validator's public key: the type's name as the chain writes it (`tendermint/PubKeyEd25519`) and the key as
/// it stands in the documents (base64). Types that we do not know pass through untouched.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ValidatorKey {
    #[serde(rename = "type")]
    pub kind: String,
    pub value: String,
}

impl fmt::Display for ValidatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

/// Voting power: an int64 > 0, with the notation that it came in (Amino refuses a number where it wants `"10"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Value", into = "serde_json::Value")]
pub struct Power {
    value: i64,
    quoted: bool,
}

impl Power {
    /// What each has where all votes are equal.
    pub const ONE: Self = Self { value: 1, quoted: false };

    pub fn new(value: i64, quoted: bool) -> Result<Self, Invalid> {
        if value > 0 {
            Ok(Self { value, quoted })
        } else {
            invalid("power", format!("{value} is not above zero"))
        }
    }

    pub fn get(self) -> i64 {
        self.value
    }

    /// Another amount in the notation of this one.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { value: other.value, quoted: self.quoted }
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl TryFrom<serde_json::Value> for Power {
    type Error = Invalid;
    fn try_from(json: serde_json::Value) -> Result<Self, Invalid> {
        let (text, quoted) = match &json {
            serde_json::Value::String(text) => (text.clone(), true),
            serde_json::Value::Number(number) => (number.to_string(), false),
            other => return invalid("power", format!("{other} is not a number")),
        };
        match text.parse() {
            Ok(value) => Self::new(value, quoted),
            Err(_) => invalid("power", format!("{text:?} is not a whole number that fits int64")),
        }
    }
}

impl From<Power> for serde_json::Value {
    fn from(power: Power) -> Self {
        if power.quoted { power.value.to_string().into() } else { power.value.into() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_are_normal_and_do_not_climb() {
        let home = RemotePath::new("/home//ubuntu/./node/").unwrap();
        assert_eq!(home.as_str(), "/home/ubuntu/node");
        assert_eq!(home.join("config/x").unwrap().as_str(), "/home/ubuntu/node/config/x");
        assert!(
            home.join("../x").is_err() && RemotePath::new("x").is_err() && RemotePath::new("/a\nb").is_err()
        );
        assert_eq!(home.parent().unwrap().as_str(), "/home/ubuntu");
        assert!(home.is_below(&RemotePath::new("/home").unwrap()));
        assert!(!RemotePath::new("/home2").unwrap().is_below(&RemotePath::new("/home").unwrap()));
    }

    #[test]
    fn what_becomes_a_file_is_one_name() {
        let longest = "x".repeat(255);
        for good in ["loomd", "a.b-c_1", "ünï", longest.as_str()] {
            assert!(FileName::new(good).is_ok(), "{good}");
        }
        let longer = "x".repeat(256);
        for bad in [
            "", ".", "..", "...", ".hidden", "-rf", "../../x", "a/b", "/", "a b", "a\tb", "a\nb", "a\0b",
            "a\u{85}b", &longer,
        ] {
            assert!(FileName::new(bad).is_err(), "{bad:?}");
            assert!(NodeName::new(bad).is_err() && ClusterName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn power_keeps_its_notation() {
        for json in ["\"10\"", "10"] {
            let power: Power = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&power).unwrap(), json);
        }
        for json in ["0", "\"-1\"", "1.5", "\"9223372036854775808\"", "null", "\"ten\""] {
            assert!(serde_json::from_str::<Power>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn addresses_carry_brackets_only_with_a_port() {
        assert_eq!(HostAddr::new("[fd00::1]").unwrap().with_port(1).as_str(), "[fd00::1]:1");
        assert_eq!(HostAddr::new("10.0.0.1").unwrap().with_port(1).as_str(), "10.0.0.1:1");
        assert!(HostAddr::new("fe80::1%eth0").is_ok() && HostAddr::new("fd00::1").is_ok());
        for (with, alone) in [
            ("[fd00::1]:22", "\"fd00::1\" alone"),
            ("10.0.0.1:22", "\"10.0.0.1\" alone"),
            ("host:22", "ansible_port"),
        ] {
            let said = HostAddr::new(with).unwrap_err().to_string();
            assert!(said.contains("has a port in it") && said.contains(alone), "{said}");
        }
        assert!(
            HostAddr::new("a:b").is_err()
                && HostAddr::new("[fd00::1").is_err()
                && HostAddr::new("x%y").is_err()
        );
        assert!(HostAddr::new("-oProxyCommand=x").is_err() && HostAddr::new("a b").is_err());
    }
}
