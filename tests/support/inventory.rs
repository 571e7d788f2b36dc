//! Inventories of lab hosts, as a person would write them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{Lab, chain_binary};

type Vars = IndexMap<String, Value>;

/// Variables of all hosts, and each host's own; written as YAML.
#[derive(Debug, Clone)]
pub struct Inventory {
    pub vars: Vars,
    pub hosts: IndexMap<String, Vars>,
}

impl Inventory {
    pub fn of_lab(lab: &Lab, chain: &str) -> Self {
        let (prefix, own) = match chain {
            "loom" => {
                ("loom", json!({"loom_build": chain_binary("LOOM"), "working_directory": "/home/ubuntu"}))
            }
            "cometbft" => (
                "node",
                json!({"chain": "cometbft", "chain_id": "labnet", "binary": chain_binary("COMETBFT"),
                       "working_directory": "/home/ubuntu/node"}),
            ),
            other => panic!("the lab has no binary of a chain {other:?}"),
        };
        let shared = json!({
            "user": "ubuntu",
            "ansible_user": "ubuntu",
            "ansible_ssh_private_key_file": lab.key(),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
        });
        let host = |i| vars(&json!({"ansible_host": lab.address(i), "private_ip": lab.address(i)}));
        let hosts = (0..lab.hosts()).map(|i| (format!("{prefix}-{i}"), host(i))).collect();
        Self { vars: vars(&own).into_iter().chain(vars(&shared)).collect(), hosts }
    }

    #[must_use]
    pub fn var(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.vars.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.vars.shift_remove(name);
        self
    }

    #[must_use]
    pub fn host_var(mut self, host: &str, name: &str, value: impl Into<Value>) -> Self {
        self.hosts[host].insert(name.to_owned(), value.into());
        self
    }

    /// One more host; its variables as a JSON object.
    #[must_use]
    pub fn host(mut self, name: &str, own: &Value) -> Self {
        self.hosts.insert(name.to_owned(), vars(own));
        self
    }

    /// The first `n` hosts only.
    #[must_use]
    pub fn first(mut self, n: usize) -> Self {
        self.hosts.truncate(n);
        self
    }

    /// The text; every value in JSON's notation, which YAML understands.
    pub fn yaml(&self) -> String {
        let mut text = String::from("---\nall:\n  vars:\n");
        for (name, value) in &self.vars {
            let _ = writeln!(text, "    {name}: {value}");
        }
        text.push_str("  hosts:\n");
        for (host, own) in &self.hosts {
            let _ = writeln!(text, "    {host}:");
            for (name, value) in own {
                let _ = writeln!(text, "      {name}: {value}");
            }
        }
        // JSON leaves it as it is, YAML has none.
        text.replace('\u{7f}', "\\u007f")
    }

    /// Writes it as `inventory.yaml` into the lab's scratch folder, where `loomctl` finds it without being told.
    pub fn write(&self, lab: &Lab) -> PathBuf {
        let path = lab.path("inventory.yaml");
        fs::write(&path, self.yaml()).expect("the scratch folder can be written");
        path
    }
}

fn vars(object: &Value) -> Vars {
    let object = object.as_object().expect("variables are a JSON object");
    object.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}
