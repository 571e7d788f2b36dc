//! `loomctl inventory list|hosts|graph|check`: what an inventory says, without any host.

use std::{collections::HashSet, path::Path, time::Duration};

use super::{
    args::{Desired, Inventory as Command},
    start,
    view::{checked, inventory as view, offline, out},
};
use crate::{
    cluster::resolve::{self, Supplied},
    inventory::{
        self, Inventory, Purpose,
        listing::{self, Secrets},
        vagrant,
    },
    session::{binary, error},
    types::{diagnostic::Diagnostic, nearest::nearest, redact},
};

pub fn inventory(command: &Command) -> u8 {
    let done = match command {
        Command::List { desired, limit, reveal } => {
            list(desired, limit.as_deref(), *reveal).map(out::document)
        }
        Command::Hosts { desired, limit } => hosts(desired, limit.as_deref()).map(people),
        Command::Graph { desired, vars, reveal, group } => {
            graph(desired, vars.then(|| secrets(*reveal)), group).map(people)
        }
        Command::Check { desired, json } => check(desired, *json).map(people),
        Command::FromVagrant { folder, running_only } => {
            from_vagrant(folder, *running_only).map(out::document)
        }
    };
    match done {
        Ok(()) => error::OK,
        Err(problems) => offline::refuse(&problems),
    }
}

fn people(text: String) {
    out::print(text);
}

/// Reads the inventory and warns of what is odd in it.
fn read(desired: &Desired, purpose: Purpose) -> Result<Inventory, Vec<Diagnostic>> {
    let (inventory, warnings) = start::load(desired, purpose)?;
    offline::warn(&warnings);
    Ok(inventory)
}

/// What is asked for is shown, whatever else would star it out.
fn secrets(reveal: bool) -> Secrets {
    if reveal {
        redact::reveal();
        return Secrets::Revealed;
    }
    Secrets::Masked
}

fn from_vagrant(folder: &Path, running_only: bool) -> Result<String, Vec<Diagnostic>> {
    let (text, warnings) = vagrant::inventory(folder, running_only)?;
    offline::warn(&warnings);
    Ok(text)
}

fn list(desired: &Desired, limit: Option<&str>, reveal: bool) -> Result<String, Vec<Diagnostic>> {
    let secrets = secrets(reveal);
    let inventory = read(desired, Purpose::View { variables: true })?;
    let only: Option<HashSet<String>> = match limit {
        Some(limit) => Some(chosen(&inventory, Some(limit))?.into_iter().collect()),
        None => None,
    };
    let is_chosen = |name: &str| only.as_ref().is_none_or(|only| only.contains(name));
    Ok(view::document(listing::list(&inventory, secrets, is_chosen), secrets))
}

fn hosts(desired: &Desired, limit: Option<&str>) -> Result<String, Vec<Diagnostic>> {
    let inventory = read(desired, Purpose::View { variables: false })?;
    let names = chosen(&inventory, limit)?;
    match limit {
        Some(limit) if names.is_empty() => {
            Err(vec![Diagnostic::error(format!("--limit `{limit}` leaves no host"))])
        }
        _ => Ok(names.into_iter().map(|name| name + "\n").collect()),
    }
}

/// The hosts of a view: as Ansible it goes on where a part of the pattern matches nothing.
fn chosen(inventory: &Inventory, limit: Option<&str>) -> Result<Vec<String>, Vec<Diagnostic>> {
    let Some(limit) = limit else { return Ok(inventory.hosts.keys().cloned().collect()) };
    let (names, ignored) = inventory::select_to_view(inventory, limit).map_err(|problem| vec![problem])?;
    offline::warn(&ignored);
    Ok(names)
}

/// The cluster that comes of it. All that is wrong is an error, and with it nothing is shown.
fn check(desired: &Desired, json: bool) -> Result<String, Vec<Diagnostic>> {
    let inventory = read(desired, Purpose::Build)?;
    let supplied = Supplied { connect_timeout: Duration::default(), become_password: None };
    let (cluster, warnings) = resolve::resolve(&inventory, &supplied)?;
    let problems = binary::check(&cluster);
    if !problems.is_empty() {
        return Err(problems);
    }
    offline::warn(&inventory.unread);
    offline::warn(&warnings);
    if json {
        checked::json(&inventory, &cluster);
        return Ok(String::new());
    }
    Ok(checked::text(&inventory, &cluster))
}

fn graph(desired: &Desired, vars: Option<Secrets>, group: &str) -> Result<String, Vec<Diagnostic>> {
    let inventory = read(desired, Purpose::View { variables: vars.is_some() })?;
    if let Some(start) = inventory.groups.get(group) {
        return Ok(view::graph(&inventory, start, vars));
    }
    let problem = Diagnostic::error(format!("there is no group `{group}`"));
    Err(vec![match nearest(group, inventory.groups.keys().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`loomctl inventory graph` shows all groups"),
    }])
}
