//! A node leaves its cluster for good, and no later run starts it (S17).

use std::{
    collections::BTreeSet,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{Lab, Suite, command::Run, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        a_removed_node_is_left_out_until_it_is_brought_back,
        a_host_that_is_gone_for_good_is_removed_all_the_same
    ]);
}

const STONES: &str = "cat /var/lib/loomctl/*/.removed/*.json";

fn write(lab: &Lab, name: &str, inventory: &Inventory) -> String {
    let path: PathBuf = lab.path(name);
    std::fs::write(&path, inventory.yaml()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[track_caller]
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(180);
    while !holds() {
        assert!(Instant::now() < until, "not so after three minutes: {what}");
        sleep(Duration::from_millis(200));
    }
}

fn is_active(lab: &Lab, host: usize) -> bool {
    lab.root(host, "systemctl is-active -q cometbft").code == Some(0)
}

fn node_id(lab: &Lab, host: usize) -> String {
    let status = lab.get(host, 26657, "/status").unwrap();
    status["result"]["node_info"]["id"].as_str().unwrap().to_owned()
}

/// Hosts whose configuration names this peer.
fn dialled_by(lab: &Lab, id: &str) -> Vec<usize> {
    let names = |host: &usize| {
        let grep = format!("grep -q {id} /home/ubuntu/node/config/config.toml");
        lab.root(*host, &grep).code == Some(0)
    };
    (0..3).filter(names).collect()
}

fn warnings(run: &Run) -> Vec<(String, String)> {
    let events = run.events().into_iter().filter(|event| event["event"] == "warning");
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    events.map(|event| (text(&event, "code"), text(&event, "message"))).collect()
}

fn codes(run: &Run) -> BTreeSet<String> {
    let codes = run.summary()["codes"].clone();
    codes.as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

fn validators(lab: &Lab) -> usize {
    let answer = lab.get(0, 26657, "/validators").unwrap();
    answer["result"]["validators"].as_array().unwrap().len()
}

fn height(lab: &Lab) -> u64 {
    let status = lab.get(0, 26657, "/status").unwrap();
    status["result"]["sync_info"]["latest_block_height"].as_str().unwrap().parse().unwrap()
}

/// S8, S17: over the budget it is refused; once the chain has been told, nobody misses the vote.
fn a_removed_node_is_left_out_until_it_is_brought_back(lab: &Lab) {
    let whole = lab.inventory("cometbft");
    let (old, new) = (write(lab, "old.yaml", &whole), write(lab, "new.yaml", &whole.clone().first(3)));
    let (old, new) = (old.as_str(), new.as_str());
    let unknown = lab.loomctl(&["remove", "node-4", "-i", old]).exits(2);
    assert!(
        unknown.stderr.contains("no host node-4") && unknown.stderr.contains("did you mean"),
        "{unknown}"
    );
    let early = lab.loomctl(&["remove", "node-3", "-i", old]).exits(3);
    assert!(early.stderr.contains("no block yet"), "{early}");
    lab.loomctl(&["up", "-i", old]).ok();
    let id = node_id(lab, 3);
    assert_eq!(dialled_by(lab, &id), [0, 1, 2]);

    lab.loomctl(&["stop", "node-1", "-i", old]).ok();
    let much = lab.loomctl(&["remove", "node-3", "-i", old, "--json"]).exits(3);
    assert_eq!(codes(&much), ["S8/standstill".to_owned()].into(), "{much}");
    assert!(much.stderr.contains("`loomctl remove node-3 --check` says how"), "{much}");
    assert!(is_active(lab, 3) && lab.root(0, STONES).code != Some(0), "nothing of it is done");
    lab.loomctl(&["start", "node-1", "-i", old]).ok();

    // The plan says what is done, and what the chain has to be told; that is what the chain understands.
    let plan = lab.loomctl(&["remove", "node-3", "-i", old, "--check", "--exit-code"]).exits(10);
    for text in
        ["stopped cometbft", "tombstone /var/lib/loomctl/", "-persistent_peers", "power of 10", "curl -s"]
    {
        assert!(plan.stdout.contains(text), "{text}: {plan}");
    }
    let plan = lab.loomctl(&["remove", "node-3", "-i", old, "--check", "--json"]).exits(0);
    let leaves = plan.events().into_iter().find(|event| event["event"] == "leaves").unwrap();
    assert_eq!((&leaves["power"], &leaves["commands_on"]), (&10.into(), &"node-0".into()), "{leaves}");
    assert!(is_active(lab, 3) && lab.root(0, STONES).code != Some(0), "--check changes nothing");
    lab.lend(0, "curl");
    let told = lab.root(0, leaves["commands"][0].as_str().unwrap()).ok();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["result"]["check_tx"]["code"], &told["error"]), (&0.into(), &Value::Null), "{told}");
    eventually("the chain counts three validators", || validators(lab) == 3);
    // Those of the next block are three; whoever is asked about a block that there is says so a little later.
    let counted = height(lab);
    eventually("blocks are made by three", || height(lab) > counted + 2);

    let page = lab.path("report.html");
    let run =
        lab.loomctl(&["remove", "node-3", "-i", old, "--json", "--report", page.to_str().unwrap()]).exits(0);
    let summary = run.summary();
    assert_eq!(
        (&summary["pending"], &summary["hosts"]["node-3"]["result"]),
        (&3.into(), &"changed".into()),
        "{run}"
    );
    assert!(summary["notes"].to_string().contains("it has to be told nothing"), "{run}");
    assert!(std::fs::read_to_string(page).unwrap().contains("tombstone"));
    lab.root(3, "! systemctl is-active -q cometbft && ! systemctl is-enabled -q cometbft").ok();
    assert_eq!(dialled_by(lab, &id), Vec::<usize>::new());
    for host in 0..4 {
        let stone: Value = serde_json::from_str(&lab.root(host, STONES).ok()).unwrap();
        assert_eq!(
            (&stone["node"], &stone["node_id"], &stone["holds"]),
            (&"node-3".into(), &id.as_str().into(), &"node".into())
        );
        let owner = lab.root(host, "stat -c '%U %a' /var/lib/loomctl/*/.removed/*.json").ok();
        assert_eq!(owner.trim(), "root 644");
    }
    let history = lab.loomctl(&["history", "-i", old]).ok();
    assert!(
        history.lines().any(|line| line.contains("  remove  ") && line.contains("tombstone ")),
        "{history}"
    );
    assert_eq!(lab.loomctl(&["remove", "node-3", "-i", old, "--json"]).exits(0).summary()["changed"], 0);

    // The inventory that still has it: said, left out, and nothing else; by its own name refused.
    let up = lab.loomctl(&["up", "-i", old, "--json"]).exits(0);
    assert_eq!(up.summary()["changed"], 0, "{up}");
    let said = warnings(&up);
    let removed = said.iter().find(|(code, _)| code == "warning/removed-node").expect("a warning");
    assert!(removed.1.contains("was removed from the cluster at 2") && removed.1.contains(" by "), "{up}");
    assert!(up.stderr.contains("take it out of the inventory"), "{up}");
    for command in [&["start", "node-3"][..], &["restart", "node-3"], &["up", "--limit", "node-3"]] {
        let run = lab.loomctl(&[command, &["-i", old, "--json"]].concat()).exits(3);
        assert_eq!(codes(&run), ["S17/removed".to_owned()].into(), "{run}");
    }
    lab.loomctl(&["verify", "-i", old]).ok();
    assert!(!is_active(lab, 3));

    // Of three each is a third: the restarts are a standstill, which somebody accepts.
    let refused = lab.loomctl(&["up", "-i", new, "--roll", "--json"]).exits(3);
    assert_eq!(codes(&refused), ["S8/standstill".to_owned()].into(), "{refused}");
    lab.loomctl(&["remove", "node-3", "-i", old, "--roll", "--allow-halt"]).ok();
    let quiet = lab.loomctl(&["up", "-i", new, "--json"]).exits(0);
    assert_eq!(
        (quiet.summary()["changed"].clone(), quiet.summary()["pending"].clone()),
        (0.into(), 0.into()),
        "{quiet}"
    );
    assert_eq!(warnings(&quiet), [], "{quiet}");
    let peers = lab.get(0, 26657, "/net_info").unwrap();
    assert!(!peers.to_string().contains(&id), "{peers}");

    // Its key under another name.
    let key = "/home/ubuntu/node/config/priv_validator_key.json";
    let stolen = lab.root(3, &format!("cat {key}")).ok();
    let four = whole
        .clone()
        .first(3)
        .host("other", &whole.hosts["node-3"].clone().into_iter().collect::<serde_json::Map<_, _>>().into());
    lab.root(
        3,
        "mv /var/lib/loomctl/labnet/node-3 /var/lib/loomctl/labnet/other && sed -i 's/\"node-3\"/\"other\"/' \
                 /var/lib/loomctl/labnet/other/manifest.json && rm -r /var/lib/loomctl/labnet/.removed",
    )
    .ok();
    let other = write(lab, "other.yaml", &four);
    let moved = lab.loomctl(&["up", "-i", &other, "--json"]).exits(3);
    assert!(codes(&moved).contains("S17/removed-keys"), "{moved}");
    assert!(moved.stderr.contains("those of node-3, which was removed from the cluster"), "{moved}");
    assert_eq!(lab.root(3, &format!("cat {key}")).ok(), stolen);
    assert!(!is_active(lab, 3));
    lab.root(
        3,
        "mv /var/lib/loomctl/labnet/other /var/lib/loomctl/labnet/node-3 && sed -i 's/\"other\"/\"node-3\"/' \
                 /var/lib/loomctl/labnet/node-3/manifest.json",
    )
    .ok();

    // Brought back by its own command alone, after a yes.
    let asked = lab.loomctl(&["remove", "node-3", "--undo", "-i", old]).exits(3);
    assert!(asked.stderr.contains("Bring node-3 back?"), "{asked}");
    assert!(!is_active(lab, 3));
    lab.loomctl(&["remove", "node-3", "--undo", "--yes", "-i", old]).ok();
    let up = lab.loomctl(&["up", "-i", old, "--json"]).exits(0);
    assert!(
        is_active(lab, 3) && !warnings(&up).iter().any(|(code, _)| code == "warning/removed-node"),
        "{up}"
    );
    assert_eq!(dialled_by(lab, &id), [0, 1, 2]);
}

/// Neither its host nor its name is there: the others are told, and it stays out when it comes back.
fn a_host_that_is_gone_for_good_is_removed_all_the_same(lab: &Lab) {
    let whole = lab.inventory("cometbft");
    let there = write(lab, "there.yaml", &whole);
    lab.loomctl(&["up", "-i", &there]).ok();
    let id = node_id(lab, 3);
    let gone = write(lab, "gone.yaml", &whole.clone().host_var("node-3", "ansible_host", "gone.invalid"));
    let new = write(lab, "new.yaml", &whole.first(3));
    lab.kill(3);
    let stops = lab.loomctl(&["up", "-i", &gone, "--timeout", "5"]).exits(1);
    assert!(stops.stderr.contains("node-3"), "{stops}");
    let run = lab.loomctl(&["remove", "node-3", "-i", &gone, "--timeout", "5", "--json"]).exits(0);
    assert!(warnings(&run).iter().any(|(code, _)| code == "warning/not-stopped"), "{run}");
    let notes = run.summary()["notes"].to_string();
    assert!(notes.contains("was not stopped") && notes.contains("must never be started again"), "{run}");
    let leaves = run.events().into_iter().find(|event| event["event"] == "leaves").unwrap();
    assert_eq!(
        (&leaves["node_id"], &leaves["power"], &leaves["reached"]),
        (&id.as_str().into(), &10.into(), &false.into())
    );
    assert_eq!(dialled_by(lab, &id), Vec::<usize>::new());
    for host in 0..3 {
        let stone: Value = serde_json::from_str(&lab.root(host, STONES).ok()).unwrap();
        assert_eq!(
            (&stone["node_id"], &stone["validator_key"]),
            (&id.as_str().into(), &leaves["validator_key"])
        );
        assert!(stone["validator_key"]["value"].is_string(), "the genesis knows it: {stone}");
    }
    assert_eq!(
        lab.loomctl(&["remove", "node-3", "-i", &gone, "--timeout", "5", "--json"]).exits(0).summary()["changed"],
        0
    );

    // The inventory that still has it does without its host; the new one has nothing to say.
    let up = lab.loomctl(&["up", "-i", &gone, "--timeout", "5", "--json"]).exits(0);
    assert_eq!(up.summary()["changed"], 0, "{up}");
    assert!(warnings(&up).iter().any(|(code, _)| code == "warning/removed-node"), "{up}");
    let quiet = lab.loomctl(&["up", "-i", &new, "--json"]).exits(0);
    assert_eq!((quiet.summary()["changed"].clone(), warnings(&quiet)), (0.into(), vec![]), "{quiet}");

    // Its boot has started it: that is seen, nobody restarts it, and the same command ends it.
    lab.start(3);
    eventually("its boot starts it", || is_active(lab, 3));
    let up = lab.loomctl(&["up", "-i", &there]).exits(0);
    assert!(up.stderr.contains("it runs there all the same"), "{up}");
    assert!(up.stderr.contains("`loomctl remove node-3` has stopped it"), "{up}");
    lab.loomctl(&["remove", "node-3", "-i", &there]).ok();
    lab.root(3, "! systemctl is-active -q cometbft && ! systemctl is-enabled -q cometbft").ok();
    lab.root(3, STONES).ok();
}
