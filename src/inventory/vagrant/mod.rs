//! Vagrant's machines as an inventory: what `vagrant status` and `vagrant ssh-config` say, with the variables that the
//! Vagrantfile has written down, as the YAML that a person would have written.
//!
//! `ask` runs the programs; everything else is pure.

mod address;
mod ask;
mod compose;
mod ssh_config;
mod status;

use std::path::Path;

use crate::types::diagnostic::Diagnostic;
use status::Status;

/// The inventory of the machines of the Vagrantfile in or above `folder`, with warnings.
///
/// A machine that does not run is refused, or left out with `running_only`. Where machines are reached through a port of
/// this one (VirtualBox), their addresses among each other are asked of them, unless the Vagrantfile gives them.
pub fn inventory(folder: &Path, running_only: bool) -> Result<(String, Vec<Diagnostic>), Vec<Diagnostic>> {
    let status = status::read(&ask::status(folder)?);
    let mut warnings = leftovers(&ask::machine_folders(folder), &status);
    warnings.extend(not_running(&status, running_only)?);
    let names: Vec<&str> = status.running().collect();
    let text = ask::ssh_config(folder, &names)?;
    let machines = ssh_config::read(&text).map_err(|problem| vec![problem])?;
    // Vagrant has read the Vagrantfile by now, and so written down what it says of its hosts.
    let said = compose::ProjectVars::read(&ask::said(folder)?)?;
    let unknown: Vec<&str> = machines
        .iter()
        .filter(|m| m.is_forwarded() && !said.gives_address(&m.name))
        .map(|m| &*m.name)
        .collect();
    let local = if unknown.is_empty() { Vec::new() } else { ask::addresses(&text, &unknown)? };
    let addresses = address::choose(&local)?;
    Ok((compose::yaml(&machines, &addresses, &said), warnings))
}

/// Who does not run: an error each, or one warning for all.
fn not_running(status: &Status, left_out: bool) -> Result<Option<Diagnostic>, Vec<Diagnostic>> {
    let off: Vec<(&str, &str)> = status.off().collect();
    let named = |(name, state): &(&str, &str)| format!("{name} ({state})");
    let names = off.iter().map(named).collect::<Vec<_>>().join(", ");
    if status.running().next().is_none() {
        let problem =
            Diagnostic::error(format!("vagrant: no machine is running: {names}")).help("`vagrant up`");
        return Err(vec![problem]);
    }
    if off.is_empty() {
        return Ok(None);
    }
    if left_out {
        return Ok(Some(Diagnostic::warning(format!("left out, since they do not run: {names}"))));
    }
    let help = "`vagrant up`, or leave out what does not run with --running-only: the others then know nothing of it";
    Err(vec![Diagnostic::error(format!("vagrant: not running: {names}")).help(help)])
}

/// Machines that Vagrant has made and that its Vagrantfile no longer names.
fn leftovers(made: &[String], status: &Status) -> Vec<Diagnostic> {
    let stale = made.iter().filter(|name| !status.names().any(|known| known == *name));
    let warning = |name: &String| {
        let message = format!(
            "vagrant: {name} was made from this folder, and the Vagrantfile does not name it any more"
        );
        let help =
            "it is not part of the inventory; `vagrant global-status --prune`, then `vagrant destroy ID`";
        Diagnostic::warning(message).help(help)
    };
    stale.map(warning).collect()
}

#[cfg(test)]
mod tests;
