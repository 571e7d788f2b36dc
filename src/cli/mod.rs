//! Arguments in, exit code out: the only place that reads arguments and prints.

pub mod args;
mod chains;
mod down;
mod files;
mod genesis;
mod inventory;
mod keyfile;
mod keys;
mod logs;
mod look;
mod offline;
mod plan;
mod planfile;
mod question;
mod report;
mod start;
mod up;
pub mod view;
mod watch;

use clap::FromArgMatches as _;

use crate::error;
use args::{Cli, Command, Keys, SchemaOf};

/// Runs the command line; the exit code is the result.
pub fn main() -> u8 {
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

async fn dispatch(command: Command) -> u8 {
    match command {
        Command::Up(args) => up::up(args).await,
        Command::Plan(args) => plan::plan(args).await,
        Command::Verify(args) => look::verify(args).await,
        Command::Status(args) => look::status(args).await,
        Command::Facts(args) => look::facts(args).await,
        Command::Doctor(args) => look::doctor(args).await,
        Command::Logs(args) => logs::logs(args).await,
        Command::History(args) => look::history(args).await,
        Command::Keys(Keys::List(args)) => keys::list(args).await,
        Command::Keys(Keys::Backup(args)) => keys::backup(args).await,
        Command::Keys(Keys::Restore(args)) => keys::restore(args).await,
        Command::Down(args) => down::down(args).await,
        Command::Inventory(command) => inventory::inventory(&command),
        Command::Genesis { command } => genesis::genesis(command),
        Command::Peers(args) => offline::peers(&args),
        Command::Render(args) => offline::render(&args),
        Command::Chain { command } => chains::chain(&command),
        Command::Schema { what } => {
            match what {
                SchemaOf::Profile => view::out::document(crate::chain::profile::SCHEMA),
                SchemaOf::Inventory => {
                    view::out::document(format_args!("{:#}\n", crate::model::schema::schema()));
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
