//! What `vagrant ssh-config` prints: a block of ssh_config for each machine.

use std::net::IpAddr;

use crate::types::diagnostic::Diagnostic;

/// How one machine is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    pub name: String,
    pub host: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    /// The first key; others are among the options.
    pub key: Option<String>,
    /// All else, as `Option=value`.
    pub options: Vec<String>,
    /// A file of ssh's options that the Vagrantfile names (`config.ssh.config`).
    pub include: Option<String>,
}

impl Machine {
    /// Reached through a port of this machine: its address is no address for others.
    pub fn is_forwarded(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

/// The error names the line that is no option.
pub fn read(text: &str) -> Result<Vec<Machine>, Diagnostic> {
    let mut machines: Vec<Machine> = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |what: &str| {
            Err(Diagnostic::error(format!("`vagrant ssh-config`, line {}: {what}: {line}", number + 1)))
        };
        let Some((option, value)) = line.trim().split_once(|c: char| c.is_whitespace() || c == '=') else {
            return wrong("an option without a value");
        };
        let value = unquoted(value.trim());
        if option.eq_ignore_ascii_case("host") {
            machines.push(Machine { name: value.to_owned(), ..Machine::default() });
            continue;
        }
        let Some(machine) = machines.last_mut() else { return wrong("an option before any Host") };
        match option.to_ascii_lowercase().as_str() {
            "hostname" => value.clone_into(&mut machine.host),
            "port" => match value.parse() {
                Ok(port) => machine.port = Some(port),
                Err(_) => return wrong("no port"),
            },
            "user" => machine.user = Some(value.to_owned()),
            "identityfile" if machine.key.is_none() => machine.key = Some(value.to_owned()),
            "include" => machine.include = Some(value.to_owned()),
            // Vagrant's FATAL would hide why a connection fails.
            "loglevel" => {}
            _ => machine.options.push(format!("{option}={value}")),
        }
    }
    match machines.iter().find(|machine| machine.host.is_empty()) {
        Some(machine) => {
            Err(Diagnostic::error(format!("`vagrant ssh-config` names no address of {}", machine.name)))
        }
        None => Ok(machines),
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}
