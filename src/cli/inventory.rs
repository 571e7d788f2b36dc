//! `loomctl inventory list|hosts|graph|check`: what an inventory says, without any host.

use std::{collections::HashSet, path::Path, time::Duration};

use super::{
    args::{Desired, Inventory as Command},
    start,
    view::{checked, inventory as view, offline, out},
};
use crate::{
    cluster::resolve::{self, Supplied},
    inventory::{self, Inventory, listing, vagrant},
    session::{binary, error},
    types::{diagnostic::Diagnostic, nearest::nearest},
};

pub fn inventory(command: &Command) -> u8 {
    let done = match command {
        Command::List { desired, limit } => list(desired, limit.as_deref()).map(out::document),
        Command::Hosts { desired, limit } => hosts(desired, limit.as_deref()).map(people),
        Command::Graph { desired, vars, group } => graph(desired, *vars, group).map(people),
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
fn read(desired: &Desired) -> Result<Inventory, Vec<Diagnostic>> {
    let (inventory, warnings) = start::load(desired)?;
    offline::warn(&warnings);
    Ok(inventory)
}

fn from_vagrant(folder: &Path, running_only: bool) -> Result<String, Vec<Diagnostic>> {
    let (text, warnings) = vagrant::inventory(folder, running_only)?;
    offline::warn(&warnings);
    Ok(text)
}

fn list(desired: &Desired, limit: Option<&str>) -> Result<String, Vec<Diagnostic>> {
    let inventory = read(desired)?;
    let only: Option<HashSet<String>> = match limit {
        Some(limit) => Some(chosen(&inventory, Some(limit))?.into_iter().collect()),
        None => None,
    };
    Ok(view::document(listing::list(&inventory, |name| only.as_ref().is_none_or(|only| only.contains(name)))))
}

fn hosts(desired: &Desired, limit: Option<&str>) -> Result<String, Vec<Diagnostic>> {
    let inventory = read(desired)?;
    Ok(chosen(&inventory, limit)?.join("\n") + "\n")
}

fn chosen(inventory: &Inventory, limit: Option<&str>) -> Result<Vec<String>, Vec<Diagnostic>> {
    match limit {
        Some(limit) => inventory::select(inventory, limit).map_err(|problem| vec![problem]),
        None => Ok(inventory.hosts.keys().cloned().collect()),
    }
}

/// The cluster that comes of it. All that is wrong is an error, and with it nothing is shown.
fn check(desired: &Desired, json: bool) -> Result<String, Vec<Diagnostic>> {
    let inventory = read(desired)?;
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

fn graph(desired: &Desired, vars: bool, group: &str) -> Result<String, Vec<Diagnostic>> {
    let inventory = read(desired)?;
    if let Some(start) = inventory.groups.get(group) {
        return Ok(view::graph(&inventory, start, vars));
    }
    let problem = Diagnostic::error(format!("there is no group `{group}`"));
    Err(vec![match nearest(group, inventory.groups.keys().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`loomctl inventory graph` shows all groups"),
    }])
}
