//! What vagrant has printed on machines of three providers, and what becomes of it. The recordings are of Vagrant 2.3.4
//! (lxc) and of its templates for the other two.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{address, compose, leftovers, not_running, ssh_config, status};
use crate::{inventory, types::diagnostic::Diagnostic};

fn recorded(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/fixtures/vagrant/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn said(problems: &[Diagnostic]) -> String {
    let line =
        |problem: &Diagnostic| format!("{} | {}", problem.message, problem.help.as_deref().unwrap_or("-"));
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn machines(recording: &str) -> Vec<ssh_config::Machine> {
    ssh_config::read(&recorded(recording)).unwrap()
}

#[test]
fn machines_of_each_provider() {
    let lxc = machines("ssh-config-lxc");
    assert_eq!(lxc.len(), 2);
    assert_eq!((&*lxc[0].name, &*lxc[1].name), ("loom-0", "loom-1"));
    assert!(lxc.iter().all(|m| !m.is_forwarded() && m.user.as_deref() == Some("vagrant")));

    let virtualbox = machines("ssh-config-virtualbox");
    assert_eq!(virtualbox[1].port, Some(2200));
    assert_eq!(
        virtualbox[1].key.as_deref(),
        Some("/home/me/my chain/.vagrant/machines/loom-1/virtualbox/private_key")
    );
    assert!(virtualbox.iter().all(ssh_config::Machine::is_forwarded));

    let libvirt = machines("ssh-config-libvirt");
    let proxy = "ProxyCommand=ssh 'kvm.example' -l 'me' -i '/home/me/.ssh/id_rsa' -W %h:%p";
    assert!(libvirt[0].options.iter().any(|option| option == proxy), "{:?}", libvirt[0].options);
    assert!(libvirt[0].options.iter().all(|option| !option.starts_with("LogLevel")));
}

#[test]
fn an_inventory_that_the_reader_reads() {
    let addresses: BTreeMap<String, Ipv4Addr> =
        [("loom-0".to_owned(), "192.168.56.10".parse().unwrap())].into();
    let text = r#"{"vars": {"chain": "cometbft", "yes": "no", "settings": {"config.toml": {"p2p.pex": false}}},
        "host_vars": {"loom-1": {"private_ip": "192.168.56.99", "power": 5}, "gone": {"power": 1}},
        "groups": {"validators": ["loom-0", "gone"]}}"#;
    let said = compose::ProjectVars::read(text).unwrap();
    assert!(said.gives_address("loom-1") && !said.gives_address("loom-0"));
    let yaml = compose::yaml(&machines("ssh-config-virtualbox"), &addresses, &said);
    let (inventory, warnings) = inventory::parse_yaml("vagrant", &yaml).unwrap();
    assert!(warnings.is_empty());
    let get = |host: &str, name: &str| inventory.hosts[host].get(name).unwrap().unwrap_or_default();
    assert_eq!(inventory.hosts.keys().collect::<Vec<_>>(), ["loom-0", "loom-1"]);
    assert_eq!(get("loom-0", "private_ip"), "192.168.56.10");
    assert_eq!(get("loom-1", "private_ip"), "192.168.56.99");
    assert_eq!(get("loom-1", "power"), 5);
    assert_eq!(get("loom-0", "yes"), "no", "a text stays a text");
    assert_eq!(get("loom-0", "settings")["config.toml"]["p2p.pex"], false);
    assert_eq!(
        get("loom-1", "ansible_ssh_private_key_file"),
        "/home/me/my chain/.vagrant/machines/loom-1/virtualbox/private_key"
    );
    let arguments = get("loom-0", "ansible_ssh_common_args");
    let arguments = shell_words::split(arguments.as_str().unwrap()).unwrap();
    assert!(arguments.contains(&"StrictHostKeyChecking=no".to_owned()), "{arguments:?}");
    assert_eq!(inventory.groups["validators"].hosts, ["loom-0"]);
}

/// What Vagrant's own Ansible provisioner writes down (by its source; host variables and groups of the Vagrantfile).
#[test]
fn the_inventory_that_vagrant_makes_for_ansible() {
    let text = recorded("vagrant_ansible_inventory");
    let (inventory, warnings) = inventory::parse_yaml("vagrant_ansible_inventory", &text).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(inventory.groups["loom"].hosts, ["loom-0", "loom-1"]);
    let get = |name: &str| inventory.hosts["loom-1"].get(name).unwrap().unwrap_or_default();
    assert_eq!((get("ansible_port"), get("ansible_user")), (2200.into(), "vagrant".into()));
    assert_eq!((get("loom_build"), get("private_ip")), ("build-196".into(), "192.168.56.11".into()));
    let key = get("ansible_ssh_private_key_file");
    assert_eq!(key, "/home/me/my chain/.vagrant/machines/loom-1/virtualbox/private_key");
}

#[test]
fn the_address_that_the_others_know() {
    let trie = |addresses: &[&str]| {
        let leaf = |ip: &&str| format!("           |-- {ip}\n              /32 host LOCAL\n");
        format!(
            "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.2.0\n        /24 link UNICAST\n{}",
            addresses.iter().map(leaf).collect::<String>()
        )
    };
    let of = |all: &[(&str, &[&str])]| {
        let local: Vec<(String, Vec<Ipv4Addr>)> =
            all.iter().map(|(name, ips)| ((*name).to_owned(), address::read(&trie(ips)))).collect();
        address::choose(&local)
    };
    // VirtualBox: the same address behind each machine's own NAT; docker's bridge; a second network on one of them.
    let chosen = of(&[
        ("a", &["127.0.0.1", "10.0.2.15", "172.17.0.1", "192.168.56.10"]),
        ("b", &["10.0.2.15", "127.0.0.1", "10.9.9.9", "192.168.56.11", "172.17.0.1"]),
        ("c", &["10.0.2.15", "192.168.56.12", "169.254.1.1"]),
    ]);
    let texts: Vec<String> = chosen.unwrap().values().map(ToString::to_string).collect();
    assert_eq!(texts, ["192.168.56.10", "192.168.56.11", "192.168.56.12"]);
    let alone = of(&[("a", &["127.0.0.1", "10.0.2.15", "192.168.56.10"])]).unwrap();
    assert_eq!(alone["a"].to_string(), "192.168.56.10");
    let nowhere = said(&of(&[("a", &["10.0.2.15"]), ("b", &["10.0.2.15"])]).unwrap_err());
    assert!(nowhere.contains("a has no address") && nowhere.contains("b has no address"), "{nowhere}");
    assert!(nowhere.contains("private_network"));
}

#[test]
fn machines_that_do_not_run() {
    let some = status::read(&recorded("status-some"));
    assert_eq!(some.names().collect::<Vec<_>>(), ["loom-0", "loom-1"]);
    assert_eq!(some.running().collect::<Vec<_>>(), ["loom-0"]);
    let refused = said(&not_running(&some, false).unwrap_err());
    assert!(
        refused.contains("not running: loom-1 (stopped)") && refused.contains("--running-only"),
        "{refused}"
    );
    let warned = not_running(&some, true).unwrap().unwrap();
    assert!(!warned.is_error() && warned.message.contains("loom-1 (stopped)"));
    let none = status::read("1,a,state,not_created\n1,,ui,info,x\n");
    assert!(said(&not_running(&none, true).unwrap_err()).contains("no machine is running: a (not_created)"));
    let stale = leftovers(&["loom-0".into(), "loom-7".into()], &some);
    assert_eq!(stale.len(), 1);
    assert!(stale[0].message.contains("loom-7") && !stale[0].is_error());
}

#[test]
fn vagrants_own_words_for_what_is_missing() {
    let (class, message) = status::failure(&recorded("status-no-provider"), "");
    assert_eq!(class, "Vagrant::Errors::ProviderNotUsable");
    assert!(
        message.starts_with("The provider 'virtualbox'") && message.contains("\nVagrant could not detect"),
        "{message}"
    );
    let (class, message) = status::failure("1,,ui,warn,plugins\\n\\n  vagrant-foo\n", "needs a TTY\n");
    assert_eq!((&*class, &*message), ("", "plugins\n\n  vagrant-foo\nneeds a TTY"));
    assert!(ssh_config::read("Host a\n  Port x\n").unwrap_err().message.contains("line 2"));
    assert!(ssh_config::read("HostName a\n").unwrap_err().message.contains("before any Host"));
    assert!(ssh_config::read("Host a\n").unwrap_err().message.contains("no address of a"));
    assert!(compose::ProjectVars::read("{\"vras\": {}}").unwrap_err()[0].message.contains("vras"));
}
