//! Every version of every chain that a profile promises, by its real binary (`make test-chains`); and topologies.

use std::{
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::keys_backup::identity;
use crate::support::{Lab, Suite, command, in_repository, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![sentries_hide_their_validators]);
    if std::env::var_os("LOOMCTL_CHAINS").is_some() {
        suite.on_lab(tests![
            tendermint_0_32,
            tendermint_0_34,
            cometbft_0_37,
            cometbft_0_39,
            cometbft_0_40,
            cometbft_1_0
        ]);
        suite.on_lab(tests![
            cosmos_0_50,
            cosmos_without_root_with_a_coin_of_its_own,
            s3_the_words_of_an_account_are_seen_by_nobody,
            s7_a_run_killed_while_the_tool_works_is_finished_by_the_next,
        ]);
        suite.on_lab(tests![a_full_node_joins_by_state_sync, kaia_1_0, s13_kaia_gets_its_key_back]);
    }
}

fn tendermint_0_32(lab: &Lab) {
    makes_blocks(lab, &plain(lab, "tendermint-0.32", "tendermint"), "tendermint", "0.32");
}

fn tendermint_0_34(lab: &Lab) {
    makes_blocks(lab, &plain(lab, "tendermint-0.34", "tendermint"), "tendermint", "0.34");
}

fn cometbft_0_37(lab: &Lab) {
    makes_blocks(lab, &plain(lab, "cometbft-0.37", "cometbft"), "cometbft", "0.37");
}

fn cometbft_0_39(lab: &Lab) {
    makes_blocks(lab, &plain(lab, "cometbft-0.39", "cometbft"), "cometbft", "0.39");
}

/// Its `version` says 0.39.0.
fn cometbft_0_40(lab: &Lab) {
    makes_blocks(lab, &plain(lab, "cometbft-0.40", "cometbft"), "cometbft", "0.");
}

fn cometbft_1_0(lab: &Lab) {
    makes_blocks(lab, &plain(lab, "cometbft-1.0", "cometbft"), "cometbft", "1.0");
}

/// simd signs and collects its own genesis; the accounts' keys stay on their hosts (S3), and nobody's words leave them.
fn cosmos_0_50(lab: &Lab) {
    let inventory = quick(plain(lab, "simd-0.50", "cosmos")).host_var("node-2", "power", 12);
    makes_blocks(lab, &inventory, "simd", "0.38");
    let file = lab.path("inventory.yaml");
    let said = [["plan", "--diff"], ["facts", "--json"], ["keys", "list"], ["up", "-v"]]
        .map(|words| {
            let run = lab.loomctl(&[words[0], "-i", file.to_str().unwrap(), words[1]]);
            run.stdout + &run.stderr
        })
        .concat();
    let mut addresses = Vec::new();
    for host in 0..lab.hosts() {
        let ring = "/home/ubuntu/node/keyring-test";
        let kept =
            lab.root(host, &format!("stat -c '%U %a' {ring}/validator.info; cat {ring}/validator.info")).ok();
        let (owner, key) = kept.split_once('\n').unwrap();
        assert!(owner == "ubuntu 600" && key.len() > 100 && !said.contains(&key[..100]), "{owner}");
        let address = lab.root(host, "cat /var/lib/loomctl/labnet/node-*/pristine/account").ok();
        addresses.push(address.trim().to_owned());
    }
    assert!(
        addresses.iter().all(|address| address.starts_with("cosmos1") && said.contains(address)),
        "{said}"
    );

    // The chain's own books: what each stakes is what the inventory says, and nobody has coins but these.
    let genesis: Value =
        serde_json::from_str(&lab.root(1, "cat /home/ubuntu/node/config/genesis.json").ok()).unwrap();
    let supply = &genesis["app_state"]["bank"]["supply"][0]["amount"];
    assert_eq!(*supply, (lab.hosts() * 1_000_000_000_000).to_string());
    let signed = genesis["app_state"]["genutil"]["gen_txs"].as_array().unwrap();
    let stake = |tx: &Value| tx["body"]["messages"][0]["value"]["amount"].as_str().unwrap().to_owned();
    assert_eq!(
        signed.iter().map(stake).collect::<Vec<_>>(),
        ["10000000", "10000000", "12000000", "10000000"]
    );
    let voters = lab.get(0, 26657, "/validators?height=1").unwrap()["result"]["validators"].clone();
    let powers = voters.as_array().unwrap().iter().map(|voter| voter["voting_power"].as_str().unwrap());
    assert_eq!(powers.collect::<Vec<_>>(), ["12", "10", "10", "10"]);
}

/// Another denomination, parameters that the tool itself judges, a node without a vote, and nobody is root.
fn cosmos_without_root_with_a_coin_of_its_own(lab: &Lab) {
    for host in 0..lab.hosts() {
        let alone = "rm -f /etc/sudoers.d/* && chmod 0 /usr/bin/sudo && loginctl enable-linger ubuntu";
        lab.root(host, alone).ok();
    }
    let inventory = quick(plain(lab, "simd-0.50", "cosmos"))
        .without("user")
        .var("ansible_become", false)
        .var("working_directory", "/home/ubuntu/my node")
        .var("genesis_values", json!({"denom": "uatom", "balance": 50_000_000}))
        .host_var("node-2", "role", "full");
    let period = |more: &str| {
        let set = format!(r#"{{"app_state.gov.params.voting_period": "30s"{more}}}"#);
        let inventory = inventory.clone();
        inventory.var("genesis", json!({"chain": serde_json::from_str::<Value>(&set).unwrap()})).write(lab)
    };
    let file = period("");
    let file = file.to_str().unwrap();
    let refused = lab.loomctl(&["up", "-i", file]).exits(1);
    assert!(refused.stderr.contains("expedited voting period 24h0m0s must be"), "{refused}");
    assert!(
        refused.stderr.contains("`simd genesis gentx validator 10000000uatom` ended with status 1"),
        "{refused}"
    );

    period(r#", "app_state.gov.params.expedited_voting_period": "10s""#);
    lab.loomctl(&["up", "-i", file]).ok();
    let genesis = lab.ssh(2, "cat '/home/ubuntu/my node/config/genesis.json'").ok();
    let genesis: Value = serde_json::from_str(&genesis).unwrap();
    let app = &genesis["app_state"];
    assert_eq!(app["bank"]["supply"], json!([{"denom": "uatom", "amount": "150000000"}]));
    assert_eq!(
        (&app["staking"]["params"]["bond_denom"], &app["gov"]["params"]["voting_period"]),
        (&json!("uatom"), &json!("30s"))
    );
    lab.ssh(2, "test ! -e '/home/ubuntu/my node/keyring-test'").ok();
    assert_eq!(lab.loomctl(&["up", "-i", file, "--json"]).summary()["changed"], 0);
}

/// With a simd that prints what it should not (as `keys add` without `--no-backup` does), on a host where it fails as well.
fn s3_the_words_of_an_account_are_seen_by_nobody(lab: &Lab) {
    let inventory = quick(plain(lab, "simd-0.50", "cosmos"));
    let simd = inventory.vars["binary"].as_str().unwrap().to_owned();
    for host in 0..lab.hosts() {
        std::fs::copy(&simd, lab.folder().join(format!("h{host}/root/opt/simd"))).unwrap();
    }
    let canary = "abandon abandon ability canary";
    let script = lab.path("simd");
    let text = format!(
        "#!/bin/sh\ncase $1-$2 in keys-add)\n  echo '{canary}'; echo '{canary}' >&2; echo x >>\"$HOME/../said\"\n  \
         [ ! -e /opt/fails ] || exit 7\nesac\n/opt/simd \"$@\"\n"
    );
    std::fs::write(&script, text).unwrap();
    let inventory = inventory.var("binary", script.to_str().unwrap()).write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.root(2, "touch /opt/fails").ok();
    let failed = lab.loomctl(&["up", "-i", inventory, "-v"]).exits(1);
    assert!(failed.stderr.contains("ended with status 7"), "{failed}");
    lab.root(2, "rm /opt/fails").ok();
    let born = lab.loomctl(&["up", "-i", inventory, "--json", "-v"]).exits(0);
    let facts = lab.loomctl(&["facts", "-i", inventory, "--json"]).exits(0);
    for run in [&failed, &born, &facts] {
        assert!(!run.stdout.contains("canary") && !run.stderr.contains("canary"), "{run}");
    }
    for host in 0..lab.hosts() {
        let times = lab.root(host, "cat /home/ubuntu/*/said | wc -l; grep -rl 'ability canary' /home/ubuntu /var/lib/loomctl /var/log | grep -v /bin/").stdout;
        assert_eq!(
            times.trim(),
            if host == 2 { "2" } else { "1" },
            "it has said so, and nothing has kept it"
        );
    }
}

/// loomctl killed at each of the tool's steps, and a host without power in the middle of one: the same accounts.
fn s7_a_run_killed_while_the_tool_works_is_finished_by_the_next(lab: &Lab) {
    let inventory = quick(plain(lab, "simd-0.50", "cosmos")).write(lab);
    let inventory = inventory.to_str().unwrap();
    let account = |host: usize| lab.root(host, "cat /var/lib/loomctl/labnet/node-*/pristine/account").stdout;
    let mut known = vec![String::new(); lab.hosts()];
    let mut cut = 0;
    // A host that lost its power has the step still to do: the next run is cut at it, too.
    for (step, host) in [
        ("account", Some(1)),
        ("account", None),
        ("gentx", Some(2)),
        ("gentx", None),
        ("collect", Some(0)),
        ("collect", None),
    ] {
        let mut run = lab.start_loomctl(&["up", "-i", inventory, "--no-verify", "--json"]);
        if !run.says(&format!("\"step\":\"tool {step}\"")) {
            run.wait().exits(0);
            continue;
        }
        if let Some(host) = host {
            lab.kill(host);
            lab.start(host);
        }
        cut += usize::from(!run.kill().stdout.contains("\"event\":\"summary\""));
        for (host, known) in known.iter_mut().enumerate() {
            let seen = account(host);
            assert!(known.is_empty() || *known == seen, "{step}: the account of host {host} was made anew");
            *known = seen;
        }
    }
    assert!(cut >= 2, "{cut} runs were cut");
    lab.loomctl(&["up", "-i", inventory]).ok();
    for (host, known) in known.iter().enumerate() {
        assert!(known.is_empty() || *known == account(host), "host {host}");
        let left = lab.root(host, "find /home /var/lib/loomctl -name '*loomctl-*' -o -name '*.new'").ok();
        assert_eq!(left, "", "temporary files of killed runs");
        lab.root(host, "set -- /home/ubuntu/node/keyring-test/*.info; [ $# = 1 ] && [ -s \"$1\" ]").ok();
    }
    assert_eq!(lab.loomctl(&["up", "-i", inventory, "--json"]).summary()["changed"], 0);
}

/// A block holds three of four seals: who is slow may be in none of the last five, counts as down then, and nothing is
/// restarted until it is seen again.
fn rolled(lab: &Lab, file: &str) {
    for _ in 0..5 {
        let run = lab.loomctl(&["up", "-i", file, "--roll"]);
        if run.code == Some(0) {
            return;
        }
        let run = run.exits(3);
        assert!(run.stderr.contains("voting power offline"), "{run}");
    }
    panic!("never all were seen to sign");
}

/// Another family, by data and named mechanisms: a key whose public half kcn prints, a genesis that is encoded, peers in a
/// file, JSON-RPC, no sign state.
/// S1, S3, S7, S13
fn kaia_1_0(lab: &Lab) {
    let inventory = plain(lab, "kaia-1.0", "kaia").var("chain_id", "2024").var("cluster", "labnet");
    let file = inventory.write(lab);
    let file = file.to_str().unwrap();
    let ask =
        |host: usize, method: &str, params: Value| lab.call(host, 8551, method, &params).unwrap_or_default();
    let id = |host: usize| ask(host, "admin_nodeInfo", json!([]))["id"].as_str().unwrap().to_owned();
    let key = |host: usize| lab.root(host, "cat /home/ubuntu/node/klay/nodekey").stdout;

    // S7: cut off while the keys are made, and again at the start.
    let mut known = Vec::new();
    for step in ["\"step\":\"init ", "\"step\":\"unit "] {
        let mut run = lab.start_loomctl(&["up", "-i", file, "--no-verify", "--json"]);
        assert!(run.says(step), "{step}");
        run.kill();
        let keys: Vec<String> = (0..lab.hosts()).map(key).collect();
        assert!(known.iter().zip(&keys).all(|(was, is): (&String, _)| was.is_empty() || was == is));
        known = keys;
    }
    let born = lab.loomctl(&["up", "-i", file, "--json", "-v"]).exits(0);
    let checks: Vec<Value> = born.events().into_iter().filter(|event| event["event"] == "check").collect();
    assert!(checks.len() >= 40 && checks.iter().all(|check| check["result"] == "ok"), "{born}");
    let again = lab.loomctl(&["up", "-i", file, "--json"]).exits(0);
    assert_eq!(again.summary()["changed"], 0, "{again}");

    // By the nodes themselves: who they are, whom they know, on which chain.
    let council = ask(3, "kaia_getCouncil", json!(["0x0"]));
    let own = |host| ask(host, "admin_nodeInfo", json!([]))["nodeAddress"].as_str().unwrap().to_lowercase();
    assert_eq!(council, json!((0..lab.hosts()).map(own).collect::<Vec<_>>()));
    // Two that dial each other at the same moment both hang up, and try again half a minute later.
    let until = Instant::now() + Duration::from_secs(100);
    while ask(1, "net_peerCount", json!([])) != "0x3" && Instant::now() < until {
        sleep(Duration::from_secs(1));
    }
    assert_eq!(ask(1, "net_peerCount", json!([])), "0x3");
    assert_eq!(ask(2, "eth_chainId", json!([])), "0x7e8");

    // S3: keys are seen by nobody.
    let facts = lab.loomctl(&["facts", "-i", file, "--json"]).ok();
    let said = [["plan", "--diff"], ["keys", "list"]]
        .map(|words| lab.loomctl(&[words[0], words[1], "-i", file]))
        .map(|run| run.stdout + &run.stderr)
        .concat()
        + &facts
        + &born.stdout
        + &born.stderr;
    for host in 0..lab.hosts() {
        let key = key(host);
        assert!(key.len() == 64 && !said.contains(&key) && said.contains(&id(host)), "host {host}");
        assert_eq!(lab.root(host, "stat -c '%U %a' /home/ubuntu/node/klay/nodekey").ok(), "ubuntu 600\n");
    }

    // Damage is mended, and nobody is restarted for it; another configuration waits for consent (S8).
    let pids = || -> Vec<String> {
        (0..lab.hosts()).map(|host| lab.root(host, "systemctl show -p MainPID --value kcn").ok()).collect()
    };
    let before = pids();
    lab.root(1, "cd /home/ubuntu/node; rm genesis.json static-nodes.json; echo >>kcn.yaml").ok();
    lab.loomctl(&["up", "-i", file]).ok();
    let settings = json!({"kcn.yaml": {"p2p.max-connections": 90}});
    inventory.clone().var("settings", settings).write(lab);
    let waits = lab.loomctl(&["up", "-i", file, "--json"]).exits(0).summary();
    assert_eq!((&waits["pending"], pids()), (&json!(lab.hosts()), before.clone()));
    rolled(lab, file);
    assert!(pids().iter().zip(&before).all(|(now, then)| now != then));

    // S1: another genesis.
    inventory.clone().var("genesis", json!({"chain": {"config.unitPrice": 1}})).write(lab);
    let refused = lab.loomctl(&["up", "-i", file]).exits(3);
    assert!(refused.stderr.contains("the genesis of a live chain is never written"), "{refused}");
    inventory.write(lab);

    // S13: a key that the node cannot read is neither started nor, by kcn itself, replaced.
    let was = key(2);
    lab.root(2, "systemctl stop kcn; chown root: /home/ubuntu/node/klay/nodekey").ok();
    let refused = lab.loomctl(&["up", "-i", file]).exits(3);
    assert!(refused.stderr.contains("klay/nodekey belongs to root"), "{refused}");
    let log =
        lab.root(2, "systemctl start kcn; sleep 6; systemctl stop kcn; journalctl -u kcn -n 300 -o cat").ok();
    assert!(log.contains("Fatal: Option \"nodekey\""), "{log}");
    assert_eq!(key(2), was);
    let other =
        "printf %064d 7 >/home/ubuntu/node/klay/nodekey; chown ubuntu: /home/ubuntu/node/klay/nodekey";
    lab.root(2, other).ok();
    let refused = lab.loomctl(&["up", "-i", file]).exits(3);
    assert!(refused.stderr.contains("is not the one whose public part was kept"), "{refused}");
    lab.root(2, &format!("printf %s {was} >/home/ubuntu/node/klay/nodekey")).ok();
    rolled(lab, file);

    // Without its data the chain begins again, of the same keys.
    let same = id(2);
    lab.loomctl(&["down", "-i", file, "--destroy"]).ok();
    let left = "cd /home/ubuntu/node && find . -type f | sort";
    assert_eq!(lab.root(2, left).ok(), "./klay/nodekey\n./nodekey.public\n");
    lab.loomctl(&["up", "-i", file]).ok();
    assert_eq!(id(2), same);
    lab.loomctl(&["down", "-i", file, "--destroy", "--delete-keys", "--yes"]).ok();
    assert_eq!(
        lab.root(2, "ls -A /home/ubuntu/node /var/lib/loomctl/labnet 2>/dev/null | grep -v :").stdout.trim(),
        ""
    );
}

/// A key without a sign state: it comes back to a host that has lost its disk, and to no host where it may still sign.
fn s13_kaia_gets_its_key_back(lab: &Lab) {
    let inventory =
        plain(lab, "kaia-1.0", "kaia").var("chain_id", "2024").var("cluster", "labnet").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    let (own, recipient) = identity(lab, "own.txt");
    let file = lab.path("keys.age");
    let file = file.to_str().unwrap();
    let backup =
        ["keys", "backup", "--recipient", &recipient, "--identity", &own, "-o", file, "-i", inventory];
    lab.loomctl(&backup).ok();
    let restore = ["keys", "restore", file, "--identity", &own, "-i", inventory, "--yes"];
    assert!(lab.loomctl(&restore).ok().contains("nothing to change"));
    let key = lab.root(3, "cat /home/ubuntu/node/klay/nodekey").ok();
    assert!(!String::from_utf8_lossy(&std::fs::read(file).unwrap()).contains(&key));

    let gone = "systemctl stop kcn; rm -rf /home/ubuntu/node /var/lib/loomctl /etc/systemd/system/kcn.service \
                /etc/systemd/system/*/kcn.service; systemctl daemon-reload";
    lab.root(3, "mv /home/ubuntu/node/klay/nodekey /home/ubuntu/node/klay/away").ok();
    let runs = lab.loomctl(&restore).exits(3);
    assert!(runs.stderr.contains("node-3: kcn.service is active"), "{runs}");
    lab.root(3, gone).ok();
    let lost = lab.loomctl(&["up", "-i", inventory]).exits(3);
    assert!(lost.stderr.contains("node-3: the others know it as"), "{lost}");
    lab.loomctl(&restore).ok();
    let kept = "cd /home/ubuntu/node; stat -c '%a %U %n' klay/nodekey nodekey.public; cat klay/nodekey";
    assert_eq!(lab.root(3, kept).ok(), format!("600 ubuntu klay/nodekey\n600 ubuntu nodekey.public\n{key}"));
    lab.loomctl(&["up", "-i", inventory]).ok();
    let address = lab.call(3, 8551, "admin_nodeInfo", &json!([])).unwrap()["nodeAddress"].clone();
    let council = lab.call(0, 8551, "kaia_getCouncil", &json!(["latest"])).unwrap();
    assert!(council.to_string().contains(&address.as_str().unwrap().to_lowercase()), "{council}");
    assert_eq!(lab.loomctl(&["up", "-i", inventory, "--json"]).summary()["changed"], 0);
}

fn plain(lab: &Lab, binary: &str, profile: &str) -> Inventory {
    let built = command::run(Command::new(in_repository("tests/lab/chains")).arg(binary)).ok();
    let path = built.trim().strip_prefix(&format!("{binary}=")).unwrap();
    lab.inventory("cometbft").var("chain", profile).var("binary", path)
}

/// The SDK waits five seconds for every block.
fn quick(inventory: Inventory) -> Inventory {
    inventory.var("settings", json!({"config.toml": {"consensus.timeout_commit": "500ms"}}))
}

/// Born, proven, left alone, repaired, moved to another setting with consent; then a second life with the same keys.
fn makes_blocks(lab: &Lab, inventory: &Inventory, unit: &str, version: &str) {
    let file = inventory.write(lab);
    let file = file.to_str().unwrap();
    let status = |host: usize| lab.get(host, 26657, "/status").unwrap()["result"].clone();
    let height = |status: &Value| -> u64 {
        status["sync_info"]["latest_block_height"].as_str().unwrap().parse().unwrap()
    };

    let born = lab.loomctl(&["up", "-i", file, "--json"]).exits(0);
    let checks: Vec<Value> = born.events().into_iter().filter(|event| event["event"] == "check").collect();
    assert!(checks.len() >= 40 && checks.iter().all(|check| check["result"] == "ok"), "{born}");
    assert!(status(0)["node_info"]["version"].as_str().unwrap().starts_with(version), "{}", status(0));
    let again = lab.loomctl(&["up", "-i", file, "--json"]).exits(0);
    assert_eq!(again.summary()["changed"], 0, "{again}");

    // Damage is mended, and nobody is restarted for it.
    let unit = format!("systemctl show -p MainPID --value {unit}");
    let before: Vec<String> = (0..lab.hosts()).map(|host| lab.root(host, &unit).ok()).collect();
    lab.root(1, "rm /home/ubuntu/node/config/genesis.json; echo >>/home/ubuntu/node/config/config.toml").ok();
    lab.loomctl(&["up", "-i", file]).ok();
    let after: Vec<String> = (0..lab.hosts()).map(|host| lab.root(host, &unit).ok()).collect();
    assert_eq!(before, after);

    // A change of the configuration rolls through, and blocks go on.
    let mut settings = inventory.vars.get("settings").cloned().unwrap_or_else(|| json!({}));
    settings["config.toml"]["p2p.max_num_inbound_peers"] = 39.into();
    inventory.clone().var("settings", settings).write(lab);
    lab.loomctl(&["up", "-i", file, "--roll"]).ok();
    assert!(height(&status(0)) >= 3, "{}", status(0));

    // Without its data the chain is another one, of the same keys.
    let id = status(2)["node_info"]["id"].clone();
    lab.loomctl(&["down", "-i", file, "--destroy"]).ok();
    lab.loomctl(&["up", "-i", file]).ok();
    assert_eq!(status(2)["node_info"]["id"], id);
}

/// Two validators behind a sentry, a seed in the open: who knows whom, as the nodes themselves say it.
fn sentries_hide_their_validators(lab: &Lab) {
    let plain =
        lab.inventory("cometbft").host_var("node-2", "role", "sentry").host_var("node-3", "role", "seed");
    let lost = plain.clone().host_var("node-0", "sentries", "node-3").write(lab);
    let refused = lab.loomctl(&["up", "-i", lost.to_str().unwrap()]).exits(2);
    assert!(refused.stderr.contains("\"node-3\" is no host with role sentry"), "{refused}");

    let inventory = plain.write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    let peers = |host: usize| -> Vec<String> {
        let info = lab.get(host, 26657, "/net_info").unwrap();
        let name = |peer: &Value| peer["node_info"]["moniker"].as_str().unwrap().to_owned();
        let mut names: Vec<String> = info["result"]["peers"].as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    };
    assert_eq!(peers(0), ["node-2"]);
    assert_eq!(peers(1), ["node-2"]);
    assert_eq!(peers(2), ["node-0", "node-1", "node-3"]);
    // The seed has heard of nobody who stays hidden.
    let hidden =
        [0, 1].map(|host| lab.get(host, 26657, "/status").unwrap()["result"]["node_info"]["id"].clone());
    let book =
        lab.root(3, "cat /home/ubuntu/node/config/addrbook.json /home/ubuntu/node/config/config.toml").ok();
    assert!(hidden.iter().all(|id| !book.contains(id.as_str().unwrap())), "{book}");
    assert_eq!(lab.loomctl(&["up", "-i", inventory, "--json"]).summary()["changed"], 0);
}

/// A full node takes a snapshot instead of the blocks, from two nodes whose RPC it reaches and that agree on a block. Of the
/// built-in applications only CometBFT's own `e2e` offers snapshots, one in a hundred blocks; kvstore has none.
/// V5: of a node whose blocks begin later.
fn a_full_node_joins_by_state_sync(lab: &Lab) {
    let quick = json!({"proxy_app": "e2e", "consensus.timeout_commit": "50ms"});
    let mut inventory = lab
        .inventory("cometbft")
        .var("settings", json!({"config.toml": quick}))
        // What that application says of itself, and what a snapshot is compared with.
        .var("genesis", json!({"chain": {"consensus_params.version.app": "1"}}))
        .host_var("node-3", "role", "full");
    for server in [0, 1] {
        inventory = inventory.host_var(&format!("node-{server}"), "rpc_bind", lab.address(server));
    }
    let file = inventory.clone().first(3).write(lab);
    lab.loomctl(&["up", "-i", file.to_str().unwrap()]).ok();
    let until = Instant::now() + Duration::from_secs(170);
    while Instant::now() < until {
        let status = lab.get(2, 26657, "/status").unwrap()["result"]["sync_info"].clone();
        if status["latest_block_height"].as_str().unwrap().parse::<u64>().unwrap() > 105 {
            break;
        }
        sleep(Duration::from_secs(1));
    }
    let mut joining = quick;
    joining["statesync.discovery_time"] = json!("5s");
    let inventory = inventory.host_var("node-3", "settings", json!({"config.toml": joining}));
    let file = inventory.host_var("node-3", "state_sync", true).write(lab);
    let file = file.to_str().unwrap();
    let grown = lab.loomctl(&["up", "-i", file, "--json"]).exits(0);
    let checks: Vec<Value> = grown.events().into_iter().filter(|event| event["event"] == "check").collect();
    assert!(checks.len() >= 40 && checks.iter().all(|check| check["result"] == "ok"), "{grown}");
    let status = lab.get(3, 26657, "/status").unwrap()["result"]["sync_info"].clone();
    let earliest: u64 = status["earliest_block_height"].as_str().unwrap().parse().unwrap();
    assert!(earliest > 100 && status["catching_up"] == false, "{status}");
    let own = lab.root(3, "cat /home/ubuntu/node/config/config.toml").ok();
    let servers = [0, 1].map(|server| format!("{}:26657", lab.address(server))).join(",");
    assert!(own.contains(&format!("rpc_servers = \"{servers}\"")), "{own}");
    let again = lab.loomctl(&["up", "-i", file, "--json"]).exits(0);
    let summary = again.summary();
    // The others are to dial it; that waits for consent.
    assert_eq!(
        (&summary["changed"], &summary["hosts"]["node-3"]["pending"]),
        (&json!(0), &Value::Null),
        "{again}"
    );
}
