//! `tcp://0.0.0.0:26656`, `:26660`, `26656`: where something listens, as the configuration files write it.

use std::net::IpAddr;

use crate::types::ids::HostAddr;

/// An address to listen on, in the notation that it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `tcp://` or nothing.
    scheme: String,
    /// Without brackets; empty for every address.
    host: String,
    /// False for a bare port number.
    colon: bool,
    port: u16,
}

impl Listen {
    /// None for what has no port: an empty text, a Unix socket.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), text),
        };
        let (host, port, colon) = match rest.rsplit_once(':') {
            Some((host, port)) => (host, port, true),
            None => ("", rest, false),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.is_none() && host.contains([':', '/', '[', ']']) || !port.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        Some(Self { scheme, host: bare.unwrap_or(host).to_owned(), colon, port: port.parse().ok()? })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address; `0.0.0.0` where none is written, as for all of these chains.
    pub fn bind(&self) -> &str {
        if self.host.is_empty() { "0.0.0.0" } else { &self.host }
    }

    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A bare port number has no place for an address and stays as it is.
    #[must_use]
    pub fn with_bind(mut self, bind: &HostAddr) -> Self {
        if self.colon {
            bind.as_str().clone_into(&mut self.host);
        }
        self
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (open, close) =
            if self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) { ("[", "]") } else { ("", "") };
        let colon = if self.colon { ":" } else { "" };
        write!(f, "{}{open}{}{close}{colon}{}", self.scheme, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_notation_is_kept() {
        for text in
            ["tcp://0.0.0.0:26656", ":26660", "26656", "tcp://[::1]:1", "[::]:2", "localhost:3", "tcp://:4"]
        {
            assert_eq!(Listen::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["", "unix:///run/x.sock", "tcp://", "host:", "host:99999", "::1", "tcp://a/b:1", "x", "host:+1"]
        {
            assert_eq!(Listen::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_part_that_is_asked_for_changes() {
        let any = HostAddr::new("::1").unwrap();
        let moved = Listen::parse("tcp://127.0.0.1:26657").unwrap().with_port(9);
        assert_eq!(moved.to_string(), "tcp://127.0.0.1:9");
        assert_eq!(moved.with_bind(&any).to_string(), "tcp://[::1]:9");
        assert_eq!(Listen::parse("46658").unwrap().with_bind(&any).with_port(7).to_string(), "7");
        assert_eq!(Listen::parse(":26660").unwrap().bind(), "0.0.0.0");
    }
}
