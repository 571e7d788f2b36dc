//! Vagrant asked, and its machines where Vagrant does not say: the only file here that runs or reads anything.

use std::{
    fs,
    io::Write as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
};

use super::{address, status};
use crate::types::{diagnostic::Diagnostic, limited};

/// `vagrant status`, for machines.
pub fn status(folder: &Path) -> Result<String, Vec<Diagnostic>> {
    vagrant(folder, &["status", "--machine-readable"])
}

pub fn ssh_config(folder: &Path, machines: &[&str]) -> Result<String, Vec<Diagnostic>> {
    let words: Vec<&str> = ["ssh-config"].into_iter().chain(machines.iter().copied()).collect();
    vagrant(folder, &words)
}

/// What the Vagrantfile has written down of its hosts; empty where it has not.
pub fn said(folder: &Path) -> Result<String, Vec<Diagnostic>> {
    let path = root(folder).join(".vagrant/loomctl.json");
    match limited::text(&path, limited::SMALL) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(vec![Diagnostic::error(format!("{}: {e}", path.display()))]),
    }
}

/// The machines that Vagrant has made from this folder, whatever its Vagrantfile says now.
pub fn machine_folders(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(root(folder).join(".vagrant/machines")).into_iter().flatten().flatten();
    // MACHINE/PROVIDER/id
    let made = |entry: &fs::DirEntry| {
        fs::read_dir(entry.path()).into_iter().flatten().flatten().any(|it| it.path().join("id").exists())
    };
    let mut names: Vec<String> =
        entries.filter(made).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Each machine's own IPv4 addresses, all asked at once with the system's ssh.
pub fn addresses(
    ssh_config: &str,
    machines: &[&str],
) -> Result<Vec<(String, Vec<Ipv4Addr>)>, Vec<Diagnostic>> {
    let here =
        |e: std::io::Error| vec![Diagnostic::error(format!("no temporary file for ssh's options: {e}"))];
    let mut config = tempfile::NamedTempFile::new().map_err(here)?;
    // Vagrant's LogLevel FATAL would hide why a connection fails; of two values ssh takes the first.
    write!(config, "LogLevel ERROR\n{ssh_config}").map_err(here)?;
    let ask = |machine: &str| {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(config.path()).args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", machine]);
        let ran = limited::output(ssh.arg("cat /proc/net/fib_trie"), limited::SMALL, limited::PROGRAM);
        (machine.to_owned(), ran)
    };
    let answers = thread::scope(|scope| {
        let asking: Vec<_> = machines.iter().map(|machine| scope.spawn(move || ask(machine))).collect();
        asking.into_iter().filter_map(|answer| answer.join().ok()).collect::<Vec<_>>()
    });
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for (machine, answer) in answers {
        match answer {
            Ok(out) if out.status.success() => {
                found.push((machine, address::read(&String::from_utf8_lossy(&out.stdout))));
            }
            Ok(out) => problems.push(unasked(&machine, String::from_utf8_lossy(&out.stderr).trim())),
            Err(e) => problems.push(unasked(&machine, &e.to_string())),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

fn unasked(machine: &str, why: &str) -> Diagnostic {
    let help =
        format!("does `vagrant ssh {machine}` work? Or give its private_ip in the Vagrantfile's host_vars");
    Diagnostic::error(format!("vagrant: {machine} cannot be asked for its addresses: {why}")).help(help)
}

/// The folder with the Vagrantfile: this one, or the nearest above, as Vagrant looks for it.
fn root(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let has = |folder: &&Path| folder.join("Vagrantfile").exists();
    absolute.ancestors().find(has).unwrap_or(&absolute).to_owned()
}

fn vagrant(folder: &Path, words: &[&str]) -> Result<String, Vec<Diagnostic>> {
    if !folder.is_dir() {
        return Err(vec![Diagnostic::error(format!("--vagrant: there is no folder {}", folder.display()))]);
    }
    let mut command = Command::new("vagrant");
    command.args(words).current_dir(folder);
    command.env("VAGRANT_CHECKPOINT_DISABLE", "1").env_remove("VAGRANT_CWD");
    match limited::output(&mut command, limited::SMALL, limited::PROGRAM) {
        Ok(out) if out.status.success() => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        Ok(out) => Err(vec![failed(words[0], &out)]),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let help = "install Vagrant, or write an inventory and name it with -i";
            Err(vec![Diagnostic::error("there is no `vagrant` on this machine's PATH").help(help)])
        }
        Err(e) => Err(vec![Diagnostic::error(format!("vagrant: {e}"))]),
    }
}

fn failed(word: &str, out: &Output) -> Diagnostic {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (class, message) = status::failure(&text(&out.stdout), &text(&out.stderr));
    let help = match class.rsplit("::").next().unwrap_or_default() {
        "NoEnvironmentError" => "name the folder with the Vagrantfile: --vagrant DIR",
        "ProviderNotUsable" | "ProviderNotFound" => {
            "install that provider, or choose another: VAGRANT_DEFAULT_PROVIDER=libvirt, =lxc, …"
        }
        "SSHNotReady" => "is the machine up? `vagrant status`",
        _ if message.contains("plugins") => "`vagrant plugin install NAME`",
        _ => "the same by hand shows more: `vagrant status`",
    };
    Diagnostic::error(format!("`vagrant {word}` failed: {}", message.trim())).help(help)
}
