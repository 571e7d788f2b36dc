//! `vagrant up` gives a verified cluster: with a real Vagrant, machines of its lxc provider and a box of our own
//! (`make test-vagrant`); and what is said where something is missing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Suite, chain_binary,
    command::{self, Run},
    in_repository, tests,
};

pub fn register(suite: &mut Suite) {
    suite.plain(tests![what_is_missing_is_named]);
    if std::env::var_os("LOOMCTL_VAGRANT").is_some() {
        suite.with_labs(tests![
            two_machines_by_the_vagrantfile,
            one_of_four_loses_its_disk,
            loomctl_inside_the_last_machine
        ]);
    }
}

/// A folder with our Vagrantfile, and its machines until the end.
struct Project {
    folder: TempDir,
    home: PathBuf,
    machines: usize,
}

impl Project {
    fn new(machines: usize) -> Self {
        let setup = command::start(&mut Command::new(in_repository("tests/vagrant/setup")));
        let setup = setup.wait_for(Duration::from_secs(900)).ok();
        let home = setup.trim().strip_prefix("VAGRANT_HOME=").expect("the set-up names its folder").into();
        let folder = tempfile::Builder::new().prefix("loomctl-vagrant.").tempdir().unwrap();
        for file in ["Vagrantfile", "loomctl.rb"] {
            fs::copy(in_repository("vagrant").join(file), folder.path().join(file)).unwrap();
        }
        Self { folder, home, machines }
    }

    fn command(&self, program: &str, arguments: &str) -> Run {
        let mut command = Command::new(program);
        command.args(arguments.split(' ')).current_dir(self.folder.path());
        for name in ["SSH_AUTH_SOCK", "LOOMCTL_INVENTORY", "RUST_LOG"] {
            command.env_remove(name);
        }
        command
            .env("VAGRANT_HOME", &self.home)
            .env("VAGRANT_CHECKPOINT_DISABLE", "1")
            .env("NUM_INSTANCES", self.machines.to_string())
            .env("BOX", "loomctl-test")
            .env("PROVIDER", "lxc")
            .env("CHAIN", "cometbft")
            .env("BINARY", chain_binary("COMETBFT"))
            .env(
                "LOOMCTL",
                std::env::var("LOOMCTL_STATIC").unwrap_or_else(|_| env!("CARGO_BIN_EXE_loomctl").into()),
            );
        command::start(&mut command).wait_for(Duration::from_secs(600))
    }

    fn vagrant(&self, arguments: &str) -> Run {
        self.command("vagrant", arguments)
    }

    fn loomctl(&self, arguments: &str) -> Run {
        self.command(env!("CARGO_BIN_EXE_loomctl"), arguments)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.vagrant("destroy -f");
    }
}

/// How often loomctl was run in there.
fn runs(run: &Run) -> usize {
    run.stdout.lines().filter(|line| line.starts_with("==> ") && line.contains(" up --vagrant ")).count()
}

fn two_machines_by_the_vagrantfile() {
    let project = Project::new(2);
    for file in ["Vagrantfile", "loomctl.rb", "inside/Vagrantfile"] {
        command::run(Command::new("ruby").arg("-c").arg(in_repository("vagrant").join(file))).ok();
    }
    project.vagrant("validate").ok();
    let born = project.vagrant("up").exits(0);
    assert_eq!(runs(&born), 1, "once, not once a machine: {born}");
    assert!(born.stdout.contains("up ok: cometbft-local, 2 nodes"), "{born}");
    let again = project.vagrant("provision").exits(0);
    assert_eq!(runs(&again), 1, "{again}");
    assert!(again.stdout.contains("nothing to change"), "{again}");

    // One is off: nothing is half done, and what is left can be looked at.
    let halted = project.vagrant("halt loom-1").exits(0);
    assert!(halted.stdout.contains("starts by itself"), "{halted}");
    let refused = project.loomctl("status --vagrant").exits(2);
    assert!(
        refused.stderr.contains("not running: loom-1") && refused.stderr.contains("--running-only"),
        "{refused}"
    );
    let some = project.loomctl("status --vagrant . --running-only").exits(0);
    assert!(some.stdout.contains("loom-0") && !some.stdout.contains("loom-1"), "{some}");
    let partly = project.vagrant("provision loom-0").exits(0);
    assert!(
        partly.stdout.contains("loom-1 not up yet") || partly.stderr.contains("loom-1 not up yet"),
        "{partly}"
    );
    assert_eq!(runs(&partly), 0, "{partly}");

    // The unit is enabled: its node comes back with the machine, without us.
    let back = project.vagrant("up --no-provision").exits(0);
    assert_eq!(runs(&back), 0, "{back}");
    project.loomctl("verify --vagrant").exits(0);
    let reloaded = project.vagrant("reload loom-0").exits(0);
    assert_eq!(runs(&reloaded), 1, "{reloaded}");
    assert!(reloaded.stdout.contains("up ok: cometbft-local"), "{reloaded}");
}

/// Its key went with its disk, so it is not made up again: the others go on, and it follows them without a vote.
fn one_of_four_loses_its_disk() {
    let project = Project::new(4);
    let born = project.vagrant("up").exits(0);
    assert_eq!(runs(&born), 1, "{born}");
    let said = project.vagrant("destroy -f loom-1").exits(0);
    assert!(said.stdout.contains("keys are gone with its disk"), "{said}");
    let back = project.vagrant("up loom-1").exits(0);
    assert_eq!(runs(&back), 1, "{back}");
    assert!(back.stderr.contains("loom-1: it joins a chain that lives without it: a full node"), "{back}");
    assert!(back.stdout.contains("up ok: cometbft-local, 4 nodes"), "{back}");
    let keys = project.loomctl("keys list --vagrant").exits(0);
    assert!(keys.stdout.contains("loom-1"), "{keys}");
}

/// Nothing of ours runs here but vagrant: programs and keys go into the last machine, and it does the work.
fn loomctl_inside_the_last_machine() {
    let project = Project::new(2);
    fs::copy(in_repository("vagrant/inside/Vagrantfile"), project.folder.path().join("Vagrantfile")).unwrap();
    project.vagrant("validate").ok();
    project.vagrant("up loom-0").exits(0);
    fs::write(project.folder.path().join("inventory.yaml"), "").unwrap();
    let empty = project.vagrant("up loom-1");
    assert!(
        empty.code != Some(0) && empty.stdout.contains("the inventory inventory.yaml is empty"),
        "{empty}"
    );
    // lxc gives the addresses.
    let known: Value =
        serde_json::from_str(&project.loomctl("inventory list --vagrant").exits(0).stdout).unwrap();
    let host = |name: &str| {
        let address = &known["_meta"]["hostvars"][name]["ansible_host"];
        assert!(address.is_string(), "{known}");
        (name.to_owned(), json!({"ansible_host": address}))
    };
    let hosts: serde_json::Map<_, _> = ["loom-0", "loom-1"].into_iter().map(host).collect();
    let inventory = json!({"all": {"hosts": hosts, "vars": {
        "chain": "cometbft", "binary": "chain", "ansible_user": "vagrant",
        "ansible_ssh_private_key_file": "{{ 'keys/' ~ inventory_hostname }}",
        "ansible_ssh_common_args": "-o StrictHostKeyChecking=accept-new",
    }}});
    fs::write(project.folder.path().join("inventory.yaml"), inventory.to_string()).unwrap();

    let born = project.vagrant("provision").exits(0);
    assert!(born.stdout.contains("up ok: cometbft-local, 2 nodes"), "{born}");
    let keys = project.vagrant("ssh loom-1 -c ls${IFS}-ld${IFS}keys").exits(0);
    assert!(keys.stdout.starts_with("drwx------"), "{keys}");
    let again = project.vagrant("provision").exits(0);
    assert!(again.stdout.contains("nothing to change"), "{again}");
}

fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let loomctl = |programs: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loomctl"));
        command.args(["status", "--vagrant"]).arg(path).env("PATH", programs).env_remove("LOOMCTL_INVENTORY");
        command::run(&mut command).exits(2).stderr
    };
    let none = loomctl(&path.join("none"));
    assert!(none.contains("no `vagrant` on this machine's PATH") && none.contains("-i"), "{none}");

    // A program that says what a real one has said.
    let says = |text: &str| {
        let script = format!("#!/bin/sh\n{text}\n");
        let program = path.join("vagrant");
        fs::write(&program, script).unwrap();
        command::run(Command::new("chmod").arg("+x").arg(&program)).ok();
        loomctl(path)
    };
    let recorded = |name: &str| in_repository("tests/fixtures/vagrant").join(name).display().to_string();
    let read = |name: &str| format!("while IFS= read -r line; do echo \"$line\"; done <'{}'", recorded(name));
    let provider = says(&format!("{}; exit 1", read("status-no-provider")));
    assert!(
        provider.contains("The provider 'virtualbox'") && provider.contains("VAGRANT_DEFAULT_PROVIDER"),
        "{provider}"
    );
    let off = says(&read("status-some"));
    assert!(off.contains("not running: loom-1 (stopped)"), "{off}");
    let no_file = says(
        "echo '1,,error-exit,Vagrant::Errors::NoEnvironmentError,A Vagrant environment is required'; exit 1",
    );
    assert!(no_file.contains("--vagrant DIR"), "{no_file}");
}
