//! Arguments in, exit code out: the only place that reads arguments and prints.

pub mod args;
mod chains;
mod doctor;
mod down;
mod exec;
mod facts;
mod files;
mod genesis;
mod history;
mod inventory;
mod keyfile;
mod keys;
mod logs;
mod nodes;
mod offline;
mod plan;
mod planfile;
mod question;
mod remove;
mod report;
mod start;
mod status;
mod up;
mod upgrade;
mod verify;
pub mod view;
mod watch;

use clap::FromArgMatches as _;

use crate::session::error;
use args::{Cli, Command, Keys, SchemaOf};

/// Runs the command line; the exit code is the result.
pub fn main() -> u8 {
    keep_memory_to_ourselves();
    let cli = match args::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { error::BAD_INPUT } else { error::OK };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            view::out::say(format!("loomctl: {e}"));
            return error::FAILED;
        }
    };
    runtime.block_on(dispatch(cli.command))
}

/// Passwords and keys are in it: no core dump of this process and what it starts, and no debugger of the same user. Where
/// that is refused (a sandbox), it is as it was.
fn keep_memory_to_ourselves() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

async fn dispatch(command: Command) -> u8 {
    match command {
        Command::Up(args) => up::up(args).await,
        Command::Plan(args) => plan::plan(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Facts(args) => facts::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Logs(args) => logs::logs(args).await,
        Command::History(args) => history::run(args).await,
        Command::Exec(args) => exec::run(args).await,
        Command::Keys(Keys::List(args)) => keys::list(args).await,
        Command::Keys(Keys::Backup(args)) => keys::backup(args).await,
        Command::Keys(Keys::Restore(args)) => keys::restore(args).await,
        Command::Start(args) => nodes::start(args).await,
        Command::Stop(args) => nodes::stop(args).await,
        Command::Restart(args) => nodes::restart(args).await,
        Command::Remove(args) => remove::remove(args).await,
        Command::Upgrade(args) => upgrade::upgrade(args).await,
        Command::Rollback(args) => upgrade::rollback(args).await,
        Command::Down(args) => down::down(args).await,
        Command::Inventory(command) => inventory::inventory(&command),
        Command::Genesis { command } => genesis::genesis(command),
        Command::Peers(args) => offline::peers(&args),
        Command::Render(args) => offline::render(&args).await,
        Command::Chain { command } => chains::chain(&command),
        Command::Schema { what } => {
            match what {
                SchemaOf::Profile => view::out::document(crate::chain::profile::SCHEMA),
                SchemaOf::Inventory => {
                    view::out::document(format_args!("{:#}\n", crate::cluster::schema::schema()));
                }
            }
            error::OK
        }
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut args::command(), "loomctl", &mut text);
            view::out::document(String::from_utf8_lossy(&text));
            error::OK
        }
        Command::Man => {
            let mut text = Vec::new();
            let made = clap_mangen::Man::new(args::command()).render(&mut text);
            view::out::document(String::from_utf8_lossy(&text));
            if made.is_ok() { error::OK } else { error::FAILED }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{io::Write as _, os::fd::AsRawFd as _, process::Command};

    use super::*;

    /// It holds for a whole process, so that this test is started once more; as somebody who is not root where that can be
    /// chosen, since what /proc says of a process that may not be dumped belongs to root.
    /// P6
    #[test]
    fn s3_there_is_no_core_dump_and_our_own_files_stay_readable() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        if std::env::var_os("LOOMCTL_TEST_DUMP").is_some() {
            keep_memory_to_ourselves();
            let limit = getrlimit(Resource::Core);
            assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
            assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
            // A download is uploaded from a file without a name; who we are is read there on hosts.
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"it").unwrap();
            let again =
                std::thread::spawn(move || std::fs::read(format!("/proc/self/fd/{}", file.as_raw_fd())));
            assert_eq!(again.join().unwrap().unwrap(), b"it");
            let child =
                Command::new("sh").args(["-c", "ulimit -c; cat /proc/self/environ >/dev/null"]).output();
            assert_eq!(child.unwrap().stdout, b"0\n");
            return;
        }
        let exe = std::env::current_exe().unwrap();
        let arguments = ["--exact", "cli::tests::s3_there_is_no_core_dump_and_our_own_files_stay_readable"];
        let copy = tempfile::tempdir().unwrap();
        let reachable = copy.path().join("tests");
        std::fs::copy(&exe, &reachable).unwrap();
        std::fs::set_permissions(copy.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut runs = vec![Command::new(&exe)];
        if rustix::process::geteuid().is_root() {
            let mut other = Command::new("setpriv");
            other.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&reachable).current_dir("/");
            runs.push(other);
        }
        for mut run in runs {
            let out = run.args(arguments).env("LOOMCTL_TEST_DUMP", "1").output().unwrap();
            let said = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success() && said.contains("1 passed"), "{said}");
        }
    }
}
