//! P1: no file of root's is read for a node. Each file that a run looks at is a link to a secret; it must come out nowhere.

use std::fs;

use super::{Ground, SECRET, long, on_all_hosts};
use crate::{
    e2e::keys_backup::identity,
    support::{Lab, Suite, tests},
};

pub fn register(suite: &mut Suite) {
    long(suite, tests![files_that_are_links_to_secrets_are_not_read]);
}

/// A height that only root's file has.
const HEIGHT: &str = "424242424";

/// A node's file, and a secret in a form that a reader of it takes.
const FILES: &[[&str; 2]] = &[
    ["config/config.toml", "moniker = \"CANARY-of-root\""],
    ["config/genesis.json", "{\"chain_id\": \"CANARY-of-root\"}"],
    [
        "config/priv_validator_key.json",
        "{\"address\": \"CANARY-of-root\", \"pub_key\": {\"type\": \"CANARY-of-root\", \"value\": \"Q0FOQVJZ\"}}",
    ],
    [
        "config/node_key.json",
        "{\"CANARY-of-root\": 0, \"priv_key\": {\"type\": \"tendermint/PrivKeyEd25519\", \"value\": \"Q0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQ0FOQQ==\"}}",
    ],
    [
        "data/priv_validator_state.json",
        "{\"height\": \"424242424\", \"round\": 0, \"step\": 3, \"signature\": \"CANARY-of-root\"}",
    ],
];

/// All that comes out of looking at the node: words, a backup's content.
fn said(ground: &Ground) -> String {
    let (own, recipient) = identity(ground.lab, &format!("own-{}.txt", ground.host));
    let file = ground.lab.path(&format!("keys-{}.age", ground.host));
    let _ = fs::remove_file(&file);
    let backup = ["keys", "backup", "-r", &recipient, "-o", file.to_str().unwrap(), "-vv"];
    let looks: [&[&str]; 4] =
        [&["plan", "-vv"], &["facts", "--json", "-vv"], &["keys", "list", "--json"], &backup];
    let mut said = String::new();
    for look in looks {
        let run = ground.loomctl(look);
        said += &run.stdout;
        said += &run.stderr;
    }
    if let Ok(sealed) = fs::read(&file) {
        let own: age::x25519::Identity = fs::read_to_string(own).unwrap().trim().parse().unwrap();
        said += &String::from_utf8_lossy(&age::decrypt(&own, &sealed).unwrap());
    }
    said
}

fn is_in(said: &str) -> bool {
    said.contains(SECRET) || said.contains(HEIGHT)
}

fn files_that_are_links_to_secrets_are_not_read(lab: &Lab) {
    on_all_hosts(lab, FILES, |ground, [file, secret]| {
        ground.clean();
        ground.born();
        // A node that runs writes its sign state anew.
        ground.root("systemctl stop cometbft").ok();
        ground.root(&format!("echo '{secret}' >/etc/canary/secret")).ok();
        ground.by("chain", &format!("cd node; mv {file} kept; ln -s /etc/canary/secret {file}")).ok();
        let said_of_link = said(ground);
        let leaks =
            ground.root(&format!("grep -rlsF -e {SECRET} /var/lib/loomctl /run /tmp --devices=skip")).stdout;

        // Control: the node's own file is read, and shown by somebody.
        ground.by("chain", &format!("cd node; rm {file}; echo '{secret}' >{file}")).ok();
        let shown = is_in(&said(ground)) || file.ends_with("node_key.json"); // of that one only an id is ever said
        assert!(shown, "control: {file} is shown by nobody");
        let at = said_of_link.find(SECRET).or_else(|| said_of_link.find(HEIGHT));
        let shown = at.map(|at| {
            let before: String = said_of_link[..at].chars().rev().take(60).collect();
            before.chars().rev().chain(said_of_link[at..].chars().take(40)).collect::<String>()
        });
        match (shown, leaks.as_str()) {
            (None, "") => None,
            (shown, leaks) => Some(format!("  {file}: {} {leaks}", shown.unwrap_or_default())),
        }
    });
}
