//! What every command on hosts begins and ends with.

use std::{collections::BTreeSet, io::IsTerminal as _, time::Duration};

use tracing::Level;
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use super::{
    args::{Desired, Hosts},
    view::{Style, View, out::Log},
};
use crate::{
    cluster::{
        Cluster,
        resolve::{self, Supplied},
    },
    inventory::{self, Asked, Inventory, Purpose, vagrant},
    plan::Options,
    session::{
        converge::{How, Run, Sends},
        error::Failure,
        read::ReadSession,
    },
    types::{diagnostic::Diagnostic, ids::NodeName, interrupt::Interrupt, login::Secret},
    verify::Limits,
};

pub struct Started {
    pub view: View,
    pub cluster: Cluster,
    pub options: Options,
    how: How,
}

/// Reads the inventory; prints its warnings. The error is the exit code: everything has been said.
pub fn read(hosts: &Hosts, command: &'static str, lock: Option<Duration>) -> Result<Started, u8> {
    log_to_stderr(hosts);
    let view = View::new(style(hosts), command);
    match on_hosts(hosts) {
        Ok((cluster, options, warnings)) => {
            view.problems(&warnings);
            let how = How {
                forks: hosts.forks,
                limit: Duration::from_secs(hosts.step_timeout),
                what: format!("loomctl {command}"),
                lock,
                sends: Sends::Never,
                proves: false,
                deep: false,
                lock_host: hosts.lock_host.clone(),
                only: options.limit.clone(),
                removes: None,
                limits: Limits::default(),
                interrupt: Interrupt::listen(),
            };
            Ok(Started { view, cluster, options, how })
        }
        Err(problems) => Err(view.end_with(&Failure::Input(problems))),
    }
}

/// The end of a command whose own files are wrong; the exit code.
pub fn refuse(hosts: &Hosts, command: &'static str, problems: Vec<Diagnostic>) -> u8 {
    View::new(style(hosts), command).end_with(&Failure::Input(problems))
}

fn style(hosts: &Hosts) -> Style {
    let verbose = hosts.verbose > 0 || std::env::var_os("RUST_LOG").is_some();
    Style { json: hosts.json, quiet: hosts.quiet, no_color: hosts.no_color, verbose }
}

impl Started {
    /// Binaries may go up while machines are still being asked: of a command that will need them there.
    pub fn sends_early(&mut self) {
        self.how.sends = Sends::Early;
    }

    /// Of a command that puts the inventory's binaries on hosts, or says that it would.
    pub fn sends(&mut self) {
        self.how.sends = Sends::Late;
    }

    /// It ends in a proof; `deep`: in which every binary is hashed again.
    pub fn proves(&mut self, deep: bool) {
        (self.how.proves, self.how.deep) = (true, deep);
    }

    /// Of a run that removes this node: it may be gone, and all others that the run may touch have to be there.
    pub fn removes(&mut self, node: &NodeName) {
        let others = self.cluster.nodes.iter().map(|node| &node.name).filter(|name| *name != node);
        self.how.only = Some(others.filter(|name| self.options.touches(name)).cloned().collect());
        self.how.removes = Some(node.clone());
    }

    /// Connects and gathers; the error is the exit code.
    pub async fn begin(self) -> Result<(View, Run, Options), u8> {
        let begun = self.connected().await;
        if let Ok((view, run, _)) = &begun {
            view.absent(run);
        }
        begun
    }

    /// The same for a command that touches nothing: any host may be missing, and what that means is for it to say.
    pub async fn begin_to_read(mut self) -> Result<(View, Run, Options), u8> {
        self.how.only = Some(BTreeSet::new());
        self.connected().await
    }

    /// Connects for a look at the nodes that `--limit` names.
    pub async fn reach(self) -> Result<(View, ReadSession), u8> {
        let Self { view, cluster, options, how } = self;
        match ReadSession::reach(cluster, view.events(), how, options.limit.as_ref()).await {
            Ok(session) => Ok((view, session)),
            Err(failure) => Err(view.end_with(&failure)),
        }
    }

    async fn connected(self) -> Result<(View, Run, Options), u8> {
        let Self { view, cluster, options, how } = self;
        match Run::begin(cluster, view.events(), how).await {
            Ok(run) => Ok((view, run, options)),
            Err((failure, fleet)) => {
                if let Some(fleet) = fleet {
                    fleet.close().await;
                }
                Err(view.end_with(&failure))
            }
        }
    }
}

/// Reads the inventory and connects for a look at the nodes that `--limit` names; hosts that cannot be reached do not
/// end it.
pub async fn read_session(hosts: &Hosts, command: &'static str) -> Result<(View, ReadSession), u8> {
    read(hosts, command, None)?.reach().await
}

type OnHosts = (Cluster, Options, Vec<Diagnostic>);

/// What the command line names as the inventory, with warnings: files, or Vagrant's machines.
pub fn load(desired: &Desired, purpose: Purpose) -> Result<(Inventory, Vec<Diagnostic>), Vec<Diagnostic>> {
    let ask = |label: &str| password(&format!("Vault password ({label}): "), "--vault-id");
    let mut ids = desired.vault_id.clone();
    if desired.ask_vault_pass {
        ids.push("default@prompt".to_owned());
    }
    let vault = inventory::passwords(&ids, &desired.vault_password_file, ask)?;
    let paths = desired.inventories();
    let asked =
        Asked { paths: &paths, extra: &desired.extra_vars, vault: vault.into(), purpose, ..Asked::default() };
    let Some(folder) = &desired.vagrant.folder else { return inventory::load(&asked) };
    // What the environment says gives way.
    if !desired.inventory.is_empty() {
        let both =
            Diagnostic::error("-i and --vagrant: both name an inventory").help("leave one of them out");
        return Err(vec![both]);
    }
    let (text, mut warnings) = vagrant::inventory(folder, desired.vagrant.running_only)?;
    let (inventory, more) =
        inventory::load_text(&Asked { paths: &[folder.join("Vagrantfile")], ..asked }, &text)?;
    warnings.extend(more);
    Ok((inventory, warnings))
}

/// The cluster that an inventory wants, with warnings; for commands that open no connection.
pub fn desired(source: &Desired) -> Result<(Cluster, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (inventory, mut warnings) = load(source, Purpose::Build)?;
    let supplied = Supplied { connect_timeout: Duration::default(), become_password: None };
    let (cluster, more) = resolve::resolve(&inventory, &supplied)?;
    warnings.extend(more);
    Ok((cluster, warnings))
}

fn on_hosts(hosts: &Hosts) -> Result<OnHosts, Vec<Diagnostic>> {
    let (inventory, mut warnings) = load(&hosts.desired, Purpose::Build)?;
    let become_password = if hosts.ask_become_pass { Some(ask_password()?) } else { None };
    let supplied = Supplied { connect_timeout: Duration::from_secs(hosts.timeout), become_password };
    let (cluster, more) = resolve::resolve(&inventory, &supplied)?;
    warnings.extend(more);
    let mut options = Options::default();
    if let Some(pattern) = &hosts.limit {
        let names = inventory::select(&inventory, pattern).map_err(|problem| vec![problem])?;
        let names: BTreeSet<NodeName> =
            names.into_iter().filter_map(|name| NodeName::new(name).ok()).collect();
        options.limit = Some(names);
    }
    Ok((cluster, options, warnings))
}

fn ask_password() -> Result<Secret, Vec<Diagnostic>> {
    let help = "without a terminal, set ansible_become_password (a vault or `-e @file` keeps it out of the inventory)";
    password("BECOME password: ", "-K").map(Secret::new).map_err(|problem| vec![problem.help(help)])
}

fn password(question: &str, flag: &str) -> Result<String, Diagnostic> {
    if !std::io::stdin().is_terminal() {
        return Err(Diagnostic::error(format!("{flag}: there is no terminal to ask for the password")));
    }
    rpassword::prompt_password(question).map_err(|error| Diagnostic::error(format!("{flag}: {error}")))
}

fn log_to_stderr(hosts: &Hosts) {
    let level = match hosts.verbose {
        0 => Targets::new().with_default(Level::WARN),
        1 => Targets::new().with_default(Level::WARN).with_target("loomctl", Level::DEBUG),
        _ => Targets::new().with_default(Level::DEBUG),
    };
    let wanted = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok()).unwrap_or(level);
    let lines = tracing_subscriber::fmt::layer().with_writer(Log::default).with_ansi(false).without_time();
    let _ = tracing_subscriber::registry().with(lines.with_filter(wanted)).try_init();
}

/// Hosts that were lost on the way are the command's failure.
pub async fn end(view: View, session: ReadSession) -> u8 {
    let exit = view.finish_reading(&session, session.failure().as_ref());
    session.fleet.close().await;
    exit
}
