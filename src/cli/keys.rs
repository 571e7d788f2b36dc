//! `loomctl keys list|backup|restore`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use super::{
    args::{KeysBackup, KeysList, KeysRestore},
    keyfile, question, start,
    start::end,
    view::{View, notes},
};
use crate::{
    cluster::{
        Cluster,
        backup::{Backup, FORMAT, Kept},
    },
    commands::{
        encryption::{self, Identities, Recipients},
        io_log, keys,
    },
    fleet::Fleet,
    plan::{Course, Options, Pending, restore, world::KeysBack},
    session::{converge::Run, error::Failure, read::ReadSession},
    types::{code::Code, diagnostic::Diagnostic, ids::NodeName, login::Secret},
};

pub async fn list(args: KeysList) -> u8 {
    match start::read_session(&args.hosts, "keys list").await {
        Ok((view, mut session)) => {
            session.gather().await;
            view.keys(&keys::list(&session));
            end(view, session).await
        }
        Err(exit) => exit,
    }
}

/// Everything that is wrong here is said before a host is asked for a key.
pub async fn backup(args: KeysBackup) -> u8 {
    const COMMAND: &str = "keys backup";
    let identities = args.identity.as_deref().map(keyfile::identities).transpose();
    let (recipients, identities) = match (Recipients::parse(&args.recipient), identities) {
        (Ok(recipients), Ok(identities)) => (recipients, identities),
        (recipients, identities) => {
            let problems = recipients.err().into_iter().flatten().chain(identities.err());
            return start::refuse(&args.hosts, COMMAND, problems.collect());
        }
    };
    if let Err(problem) = keyfile::may_write(&args.output) {
        return start::refuse(&args.hosts, COMMAND, vec![problem]);
    }
    let (view, mut session) = match start::read_session(&args.hosts, COMMAND).await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    let machines: Vec<usize> = session.nodes().map(|node| node.machine).collect();
    warn_of_io_logs(&view, &session.cluster, &session.fleet, machines).await;
    let written = write(&args, &mut session, &recipients, identities.as_ref()).await;
    let notes: Vec<String> =
        written.iter().map(|nodes| notes::backed_up(&args.output, *nodes, identities.is_some())).collect();
    let exit = view.finish_reading_with(&session, written.as_ref().err(), &notes);
    session.fleet.close().await;
    exit
}

/// Said before a key is read or written there.
async fn warn_of_io_logs(view: &View, cluster: &Cluster, fleet: &Fleet, machines: Vec<usize>) {
    let logged = io_log::machines(fleet, machines).await;
    let warning = |machine| notes::io_log(&cluster.machine_name(machine));
    view.warnings(logged.into_iter().map(warning).collect());
}

/// All nodes or none; how many there are.
async fn write(
    args: &KeysBackup,
    session: &mut ReadSession,
    recipients: &Recipients,
    identities: Option<&Identities>,
) -> Result<usize, Failure> {
    session.gather().await;
    all_there(session)?;
    let lacking = keys::without_keys(session);
    if !lacking.is_empty() {
        return Err(Failure::Refused(lacking));
    }
    let mut interrupt = session.fleet.interrupt.clone();
    let nodes = tokio::select! {
        nodes = keys::read(session) => nodes.map_err(Failure::Refused)?,
        () = interrupt.wait() => return Err(Failure::Interrupted),
    };
    all_there(session)?;
    let count = nodes.len();
    let text = document(session, nodes);
    let sealed = encryption::seal(&text, recipients).map_err(Failure::Here)?;
    let test = identities.map(|identities| (identities, &text));
    keyfile::write(&args.output, &sealed, test).map_err(|problem| Failure::Input(vec![problem]))?;
    Ok(count)
}

fn all_there(session: &ReadSession) -> Result<(), Failure> {
    session.failure().map_or(Ok(()), Err)
}

fn document(session: &ReadSession, nodes: BTreeMap<NodeName, Kept>) -> Secret {
    let backup = Backup {
        format: FORMAT,
        cluster: session.cluster.name.clone(),
        chain_id: session.cluster.chain_id.clone(),
        time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        nodes,
    };
    backup.to_text()
}

pub async fn restore(args: KeysRestore) -> u8 {
    const COMMAND: &str = "keys restore";
    let read = keyfile::identities(&args.identity).and_then(|own| keyfile::read(&args.backup, &own));
    let backup = match read {
        Ok(backup) => backup,
        Err(problem) => return start::refuse(&args.hosts, COMMAND, vec![problem]),
    };
    let started = match start::read(&args.hosts, COMMAND, Some(Duration::from_secs(args.lock_wait))) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let (view, mut run, options) = match started.begin().await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    let result = put_back(&args, &view, &mut run, &options, &backup).await;
    let notes: Vec<String> = match &result {
        Ok(count) => notes::restored(*count).into_iter().collect(),
        Err(_) => Vec::new(),
    };
    let none: &[Pending] = &[];
    let exit = view.finish(&run, result.as_ref().err(), none, &notes);
    run.fleet.close().await;
    exit
}

/// How many nodes have their keys back.
async fn put_back(
    args: &KeysRestore,
    view: &View,
    run: &mut Run,
    options: &Options,
    backup: &Backup,
) -> Result<usize, Failure> {
    let lacking = restore::lacking(&run.cluster, &run.facts, options, backup);
    let mut interrupt = run.fleet.interrupt.clone();
    let shown = tokio::select! {
        shown = run.shown(&lacking) => shown,
        () = interrupt.wait() => return Err(Failure::Interrupted),
    };
    let planned =
        restore::plan(&run.cluster, &run.facts, options, backup, &shown).map_err(Failure::Refused)?;
    if args.yes {
        view.warnings(notes::passed_over(&planned));
    }
    if !planned.is_empty() && !args.yes {
        let question = notes::consent(&planned);
        if !question::yes(view, &question) {
            let refusal = Diagnostic::refusal(Code::NotConfirmed, None, question);
            let advice = "nothing was done; answer yes at a terminal, or give --yes";
            return Err(Failure::Refused(vec![refusal.help(advice)]));
        }
    }
    let to_write: BTreeSet<usize> = planned
        .iter()
        .filter_map(|back| run.cluster.nodes.iter().find(|node| node.name == back.node))
        .map(|node| node.machine)
        .collect();
    warn_of_io_logs(view, &run.cluster, &run.fleet, to_write.into_iter().collect()).await;
    let mut course = Course::restoring(options, KeysBack { backup, evidence: &shown });
    run.converge(|cluster, facts| course.next(cluster, facts)).await?;
    Ok(planned.len())
}
