//! Where a binary is downloaded from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, Sha256, invalid};

const WHAT: &str = "URL";
/// Those that a host's curl or wget fetches a file by.
const SCHEMES: [&str; 5] = ["http", "https", "ftp", "ftps", "file"];
const LONGEST: usize = 4096;
/// What no URL holds as it is: a configuration of curl ends a value at some of it, and its patterns begin with others.
const NEVER: [char; 9] = ['"', '\\', '<', '>', '^', '`', '{', '|', '}'];

text_newtype! {
    /// An absolute URL of a known scheme, without white space, control characters and quotes. It may hold a password.
    Url
}

impl Url {
    /// The reasons do not repeat the text: it may hold a password.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let Some((scheme, rest)) = text.split_once("://") else {
            return invalid(WHAT, "it has no `://`");
        };
        if text.len() > LONGEST {
            return invalid(WHAT, format!("it is longer than {LONGEST} bytes"));
        }
        if !SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return invalid(WHAT, format!("its scheme is none of {}", SCHEMES.join(", ")));
        }
        let bad = |c: &char| c.is_control() || c.is_whitespace() || NEVER.contains(c);
        if let Some(bad) = text.chars().find(bad) {
            let bytes: Vec<String> = bad.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
            return invalid(WHAT, format!("it holds {bad:?}, which is written as {}", bytes.concat()));
        }
        let authority = authority(rest);
        let host = authority.rsplit('@').next().unwrap_or_default();
        let after_ip = host.split_once(']').filter(|(ip, _)| ip.starts_with('[')).map(|(_, port)| port);
        let (named, port) = match after_ip {
            Some(port) => (true, port.strip_prefix(':').unwrap_or(port)),
            None => {
                host.split_once(':').map_or((!host.is_empty(), ""), |(host, port)| (!host.is_empty(), port))
            }
        };
        if !named && !scheme.eq_ignore_ascii_case("file") {
            return invalid(WHAT, "it names no host");
        }
        if !port.is_empty() && port.parse::<u16>().is_err() {
            return invalid(
                WHAT,
                "what follows the host's `:` is no port (a `/`, `?` or `#` of a password is written as %2F, %3F, %23)",
            );
        }
        Ok(Self(text))
    }

    /// What it is called where others may read: without user, password and query. Two that differ in these have names that
    /// differ. `named` of pull.sh makes the same of it.
    pub fn name(&self) -> String {
        let plain = self.shown();
        if plain == self.0 { plain } else { format!("{plain}#sha256={}", Sha256::of(&self.0)) }
    }

    /// What is shown of it.
    pub fn shown(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let authority = authority(rest);
        let host = authority.rsplit('@').next().unwrap_or_default();
        let path = &rest[authority.len()..];
        let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
        format!("{scheme}://{host}{path}")
    }
}

/// Up to the path, the query or the fragment.
fn authority(rest: &str) -> &str {
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

/// The name of what a host says that it has pulled from: older ones of ours have kept the URL itself.
pub fn name_of(kept: &str) -> String {
    let is_name = kept.split_once("#sha256=").is_some_and(|(plain, sum)| {
        Sha256::new(sum).is_ok() && Url::new(plain).is_ok_and(|url| url.shown() == plain)
    });
    if is_name { kept.to_owned() } else { Url::new(kept).map_or_else(|_| kept.to_owned(), |url| url.name()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for good in [
            "http://h",
            "https://me:pw@h:8443/a/b?token=x&y=[1]#z",
            "HTTPS://[fd00::1]:80/x",
            "https://[fd00::1]/x",
            "file:///srv/x",
            "https://h/ü;a=b,c*~'()",
        ] {
            assert!(Url::new(good).is_ok(), "{good}: {:?}", Url::new(good));
        }
        for bad in [
            "canary",
            "javascript://canary/x",
            "s3://canary/x",
            "http://",
            "http:///canary",
            "https://me:canary@/x",
            "https://h/canary\nurl = \"http://evil\"",
            "https://h/canary\r",
            "https://h/canary\u{85}x",
            "https://h/canary\u{2028}x",
            "https://h/canary x",
            "https://h/canary\"",
            "https://h/canary\\",
            "https://h/{canary,b}",
            "https://h:99999/canary",
            "https://me:can/ary@h/x",
            "https://me:can?ary@h/x",
            "https://me:can#ary@h/x",
        ] {
            let why = Url::new(bad).unwrap_err().to_string();
            assert!(!why.contains("canary") && !why.contains("ary@"), "{why}");
        }
        assert!(Url::new(format!("https://h/{}", "x".repeat(5000))).is_err());
    }

    #[test]
    fn s3_a_name_holds_no_secret_and_tells_urls_apart() {
        let name = |url: &str| Url::new(url).unwrap().name();
        assert_eq!(name("https://h:1/a/b"), "https://h:1/a/b");
        let secret = [
            "https://me:canary@h/a",
            "https://canary@h/a",
            "https://h/a?t=canary",
            "https://h/a#canary",
            "https://a@canary@h/a",
        ];
        let names: std::collections::BTreeSet<String> = secret.iter().map(|url| name(url)).collect();
        assert_eq!(names.len(), secret.len());
        for name in &names {
            assert!(name.starts_with("https://h/a#sha256=") && !name.contains("canary"), "{name}");
            assert_eq!(name_of(name), *name, "a name is its own");
        }
        // Of an older loomctl.
        assert_eq!(name_of(secret[0]), name(secret[0]));
        assert_eq!(name_of("https://h/a"), "https://h/a");
        assert_eq!(name_of("what ever"), "what ever");
        // Nobody's URL passes for the name of another.
        let forged = format!("https://me@h/a#sha256={}", Sha256::of("x"));
        assert_ne!(name_of(&forged), forged);
    }
}
