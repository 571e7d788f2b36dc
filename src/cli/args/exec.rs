//! `loomctl exec`.

use clap::Args;

use super::{CONNECT, Hosts};

#[derive(Debug, Args)]
pub struct Exec {
    /// Run it on these hosts, named as --limit takes them: all, a name, a group, `db*`, `all:!web`
    #[arg(value_name = "PATTERN", conflicts_with = "limit")]
    pub pattern: String,
    /// The program and its arguments; no shell reads them (for pipes and variables: `-- sh -c '…'`)
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Run it as root, by the become of the inventory; without: as the login user
    #[arg(short = 'b', long = "become")]
    pub as_root: bool,
    #[command(flatten)]
    pub hosts: Hosts,
}

impl Exec {
    /// Seconds that the command has on a host; what is left of the flags is as every other command has it.
    pub fn take_limit(&mut self) -> Option<u64> {
        match self.hosts.timeout {
            NOT_GIVEN => {
                self.hosts.timeout = CONNECT;
                None
            }
            seconds => Some(seconds),
        }
    }
}

/// `--timeout`, where it is not there: to connect and to run have different ones.
const NOT_GIVEN: u64 = 0;

/// PATTERN takes the place of --limit, and --timeout is about more than the connection.
pub fn with_its_timeout(exec: clap::Command) -> clap::Command {
    let timeout = |timeout: clap::Arg| {
        timeout
            .help("Give a host so many seconds to connect (10 without it), and the command so many to end (no limit without it)")
            .default_value("0")
            .hide_default_value(true)
    };
    exec.mut_arg("limit", |limit| limit.hide(true)).mut_arg("timeout", timeout)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::FromArgMatches as _;

    use super::*;
    use crate::cli::args::{Cli, Command, command};

    fn parsed(line: &[&str]) -> Result<Exec, String> {
        let words = ["loomctl", "exec"].iter().chain(line);
        let cli = command().try_get_matches_from(words).and_then(|found| Cli::from_arg_matches(&found));
        match cli.map_err(|error| error.to_string())?.command {
            Command::Exec(exec) => Ok(exec),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_time_for_the_command_is_one_to_connect_as_well() {
        let of = |line: &[&str]| {
            let mut exec = parsed(line).unwrap();
            (exec.take_limit(), exec.hosts.timeout)
        };
        assert_eq!(of(&["all", "--", "id"]), (None, CONNECT));
        assert_eq!(of(&["all", "--timeout", "0", "--", "id"]), (None, CONNECT));
        assert_eq!(of(&["--timeout", "60", "all", "--", "id"]), (Some(60), 60));
    }

    #[test]
    fn what_follows_the_dashes_is_the_commands() {
        let exec = parsed(&["-b", "all:!n", "-f", "2", "--", "ls", "--json", "-b", "--", "", "-i"]).unwrap();
        assert_eq!(exec.command, ["ls", "--json", "-b", "--", "", "-i"]);
        assert_eq!((exec.pattern.as_str(), exec.as_root, exec.hosts.forks), ("all:!n", true, 2));
        assert!(!exec.hosts.json);
        for (line, words) in [
            (&["--", "id"][..], "<PATTERN>"),
            (&["all"], "<COMMAND>..."),
            (&["all", "--"], "<COMMAND>..."),
            (&["all", "id"], "'id'"),
            (&["all", "--limit", "n", "--", "id"], "--limit"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(words) && error.contains("Usage: loomctl exec"), "{line:?}: {error}");
        }
    }
}
