//! The commands that only look: history, logs, doctor, status.

use serde_json::Value;

use crate::support::{Lab, Suite, command::Run, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![history_says_who_changed_what, a_host_that_is_off_is_a_row_of_status]);
}

fn of_kind(run: &Run, kind: &str) -> Vec<Value> {
    run.events().into_iter().filter(|event| event["event"] == kind).collect()
}

fn texts<'a>(events: &'a [Value], key: &str) -> Vec<&'a str> {
    events.iter().map(|event| event[key].as_str().unwrap_or_default()).collect()
}

fn history_says_who_changed_what(lab: &Lab) {
    let inventory = lab.inventory("cometbft").first(2).write(lab);
    let inventory = inventory.to_str().unwrap();
    assert_eq!(lab.loomctl(&["history", "-i", inventory]).ok(), "", "nothing has happened yet");

    lab.loomctl(&["up", "-i", inventory, "--no-verify"]).ok();
    lab.loomctl(&["up", "-i", inventory, "--no-verify"]).ok();
    let run = lab.loomctl(&["history", "-i", inventory, "--json"]).exits(0);
    let entries = of_kind(&run, "history");
    assert_eq!(texts(&entries, "stage"), ["prepare", "prepare", "start", "start"], "{run}");
    let hosts = texts(&entries, "host");
    assert!(
        hosts[0] != hosts[1] && hosts[2] != hosts[3],
        "each once a stage, and none by the second run: {run}"
    );
    assert!(
        texts(&entries, "time").is_sorted() && texts(&entries, "result").iter().all(|r| *r == "ok"),
        "{run}"
    );
    let changed = |entry: &Value| entry["changed"].to_string();
    assert!(changed(&entries[0]).contains("init /home/ubuntu/node"), "{run}");
    assert!(changed(&entries[3]).contains("unit cometbft start"), "{run}");

    // A stage that fails says what it had done by then.
    let broken = "rm /home/ubuntu/node/config/config.toml; systemctl stop cometbft; \
                  printf '#!/bin/sh\nexit 1\n' >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl";
    lab.root(1, broken).ok();
    lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(1);
    let run = lab.loomctl(&["history", "-i", inventory, "--json"]).exits(0);
    let last = of_kind(&run, "history").pop().unwrap();
    assert_eq!((&last["host"], &last["result"]), (&"node-1".into(), &"failed".into()), "{run}");
    assert!(changed(&last).contains("config.toml") && !changed(&last).contains("unit"), "{run}");

    // What stands in a log goes to the terminal without what moves its cursor; half a line is no entry.
    let line = r#"{"who":"x\u001b[2J\u0007y","stage":"start","result":"ok","time":"2999-01-01T00:00:00Z","changed":["z"]}"#;
    lab.root(0, &format!("printf '%s\\n{{\"who\":' '{line}' >>/var/lib/loomctl/labnet/node-0/audit.log"))
        .ok();
    let run = lab.loomctl(&["history", "-i", inventory, "--limit", "node-0"]).exits(0);
    let last = run.stdout.lines().next_back().unwrap();
    assert_eq!(
        last.split_whitespace().collect::<Vec<_>>(),
        ["2999-01-01T00:00:00Z", "node-0", "xy", "start", "z"]
    );
    assert!(!run.stdout.contains("node-1"), "{run}");
}

fn a_host_that_is_off_is_a_row_of_status(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    lab.kill(2);
    let look = |command: &str, more: &[&str]| {
        let mut arguments = vec![command, "-i", inventory, "--json", "--timeout", "3"];
        arguments.extend(more);
        lab.loomctl(&arguments)
    };
    let run = look("status", &[]).exits(1);
    let rows = of_kind(&run, "status");
    assert_eq!(texts(&rows, "host"), ["node-0", "node-1", "node-2", "node-3"], "{run}");
    assert!(
        rows[2]["rpc_error"].as_str().unwrap().starts_with("unreachable") && rows[2]["height"].is_null(),
        "{run}"
    );
    assert!([0, 1, 3].iter().all(|row| rows[*row]["height"].as_u64() > Some(0)), "{run}");
    assert_eq!(run.summary()["hosts"]["node-2"]["result"], "failed", "{run}");
    assert_eq!(of_kind(&look("facts", &[]).exits(1), "facts").len(), 4);

    // With --limit nobody else is even dialled.
    let rest = ["--limit", "all:!node-2"];
    for command in ["status", "facts"] {
        let run = look(command, &rest).exits(0);
        assert!(!run.stdout.contains("\"node-2\""), "{run}");
    }
    lab.start(2);
    let run = look("verify", &["--limit", "node-0:node-1"]).exits(0);
    assert!(
        texts(&of_kind(&run, "check"), "host").iter().all(|host| ["node-0", "node-1"].contains(host)),
        "{run}"
    );
}
