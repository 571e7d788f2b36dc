//! simd's part in a genesis, over a host in memory: what each of its steps makes, and what it wants to see for it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CANARY, Host, Killed, Sim, path, plain};
use crate::{
    cluster::Node,
    facts::FileKind,
    steps::{TOOL_STAGING, Tool, made_from},
    types::ids::{RemotePath, Sha256},
};

const GENTX: &str = include_str!("../../../tests/fixtures/simd-0.50/gentx.json");

impl Sim {
    /// Each stop is one that `step_tool` names harmless.
    pub(super) fn tool(&mut self, node: &Node, address: &str, tool: &Tool) -> Result<(), Killed> {
        let below = |folder: &RemotePath, name: &str| folder.join(name).unwrap();
        let kept = below(&tool.state, &format!("pristine/{}", tool.name));
        let from = below(&tool.state, &format!("pristine/{}", made_from(&tool.name)));
        let text =
            |world: &Self, at| world.hosts[address].files.get(at).and_then(|file| file.content.clone());
        if let (Some(_), Some(made)) = (text(self, &kept), text(self, &from))
            && (tool.is_once() || made.trim() == tool.from().as_str())
        {
            return Ok(());
        }
        let staged = below(&tool.home, TOOL_STAGING);
        let complete = below(&staged, ".complete");
        if !tool.is_once() || text(self, &kept).is_none() {
            if !tool.is_once() || text(self, &complete).is_none() {
                self.drop_below(address, &staged)?;
                for (name, content) in self.made(address, tool) {
                    self.put(address, &below(&staged, &name), plain(content, node.user.as_str(), 0o600))?;
                }
                self.put(address, &complete, plain("", node.user.as_str(), 0o644))?;
            }
            let result = text(self, &below(&staged, &tool.work.gives)).unwrap();
            self.put(address, &kept, plain(result.clone(), "root:root", 0o644))?;
        }
        for left in &tool.work.leaves {
            self.rename(address, &below(&staged, left), &below(&tool.home, left))?;
        }
        self.drop_below(address, &staged)?;
        self.put(address, &from, plain(format!("{}\n", tool.from()), "root:root", 0o644))
    }

    fn drop_below(&mut self, address: &str, folder: &RemotePath) -> Result<(), Killed> {
        self.change(address, |host| host.files.retain(|at, _| at != folder && !at.is_below(folder)))
    }

    fn rename(&mut self, address: &str, from: &RemotePath, to: &RemotePath) -> Result<(), Killed> {
        if !self.hosts[address].files.contains_key(from) {
            return Ok(());
        }
        assert!(!self.hosts[address].files.contains_key(to), "{to} is there already");
        self.change(address, |host| {
            let moves = |at: &RemotePath| at == from || at.is_below(from);
            let moved: Vec<_> = host.files.keys().filter(|at| moves(at)).cloned().collect();
            for at in moved {
                let file = host.files.remove(&at).unwrap();
                host.files.insert(path(&at.as_str().replacen(from.as_str(), to.as_str(), 1)), file);
            }
        })
    }

    /// By the step's own name, from what it is given.
    fn made(&mut self, address: &str, tool: &Tool) -> Vec<(String, String)> {
        let host = &self.hosts[address];
        for link in &tool.work.links {
            assert!(host.files.contains_key(&tool.home.join(link).unwrap()), "{link} is missing");
        }
        let result = match tool.name.as_str() {
            "account" => {
                self.accounts += 1;
                let account = Sha256::of(format!("account {}", self.accounts)).to_string();
                let key = ("keyring-test/validator.info".to_owned(), CANARY.to_owned());
                let said = format!("{}\n", bech32_of("cosmos", &account));
                self.account_of.insert(address.to_owned(), account);
                return vec![key, (tool.work.gives.clone(), said)];
            }
            "gentx" => gentx(host, tool, &self.account_of[address]),
            "collect" => collect(tool),
            other => panic!("simd has no step {other}"),
        };
        vec![(tool.work.gives.clone(), result.to_string())]
    }
}

/// Of the first 20 bytes.
fn bech32_of(prefix: &str, account: &str) -> String {
    let prefix = bech32::Hrp::parse(prefix).unwrap();
    bech32::encode::<bech32::Bech32>(prefix, &hex::decode(&account[..40]).unwrap()).unwrap()
}

fn gentx(host: &Host, tool: &Tool, account: &str) -> Value {
    let words = &tool.work.commands.last().unwrap().argv;
    let moniker = words.iter().find_map(|word| word.strip_prefix("--moniker=")).unwrap();
    let signer = &host.files[&tool.home.join("config/priv_validator_key.json").unwrap()];
    let signer: Value = serde_json::from_str(signer.content.as_ref().unwrap()).unwrap();
    let mut gentx: Value = serde_json::from_str(GENTX).unwrap();
    let message = &mut gentx["body"]["messages"][0];
    message["description"]["moniker"] = moniker.into();
    message["validator_address"] = bech32_of("cosmosvaloper", account).into();
    message["pubkey"]["key"] = signer["pub_key"]["value"].clone();
    message["value"]["amount"] = words[3].strip_suffix("stake").unwrap().into();
    gentx
}

fn collect(tool: &Tool) -> Value {
    let texts: BTreeMap<&String, &String> = tool.work.puts.iter().map(|(at, text)| (at, text)).collect();
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut genesis = json(texts[&"config/genesis.json".to_owned()]);
    let signed = texts.iter().filter(|(at, _)| at.starts_with("gentx/"));
    genesis["app_state"]["genutil"]["gen_txs"] = signed.map(|(_, text)| json(text)).collect();
    let accounts: Vec<Value> = tool
        .work
        .commands
        .iter()
        .filter(|command| command.argv[1] == "add-genesis-account")
        .map(|command| {
            let amount = command.argv[3].strip_suffix("stake").unwrap();
            json!({"address": command.argv[2], "coins": [{"denom": "stake", "amount": amount}]})
        })
        .collect();
    assert_eq!(accounts.len(), texts.len() - 1, "every validator has an account and has signed");
    let addresses = accounts.iter().map(|balance| json!({"address": balance["address"]}));
    genesis["app_state"]["auth"]["accounts"] = addresses.collect();
    genesis["app_state"]["bank"]["balances"] = accounts.into();
    genesis
}

/// What a machine holds of its account: there once, and never another one.
pub fn accounts(host: &Host) -> Vec<&RemotePath> {
    let keys = host.files.iter().filter(|(at, file)| {
        file.kind == FileKind::File && at.as_str().ends_with("keyring-test/validator.info")
    });
    keys.map(|(at, _)| at).collect()
}
