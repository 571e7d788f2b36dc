//! The commands that only look: history, logs, doctor, status.

use serde_json::Value;

use crate::support::{Lab, Suite, command::Run, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        history_says_who_changed_what,
        journals_are_one_stream,
        status_goes_on_looking,
        the_doctor_sees_what_a_rollout_would_meet,
        a_host_that_is_off_is_a_row_of_status,
        status_says_that_a_chain_stands
    ]);
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

    // What stands in a log goes to the terminal with what would move its cursor made visible; half a line is no entry.
    let line = r#"{"who":"x\u001b[2J\u0007y","stage":"start","result":"ok","time":"2999-01-01T00:00:00Z","changed":["z"]}"#;
    lab.root(0, &format!("printf '%s\\n{{\"who\":' '{line}' >>/var/lib/loomctl/labnet/node-0/audit.log"))
        .ok();
    let run = lab.loomctl(&["history", "-i", inventory, "--limit", "node-0"]).exits(0);
    let last = run.stdout.lines().next_back().unwrap();
    assert_eq!(
        last.split_whitespace().collect::<Vec<_>>(),
        ["2999-01-01T00:00:00Z", "node-0", r"x\u{1b}[2J\u{7}y", "start", "z"]
    );
    assert!(!run.stdout.contains("node-1"), "{run}");
}

fn journals_are_one_stream(lab: &Lab) {
    let inventory = lab.inventory("cometbft").first(3).write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    let logs = |more: &[&str]| {
        let mut arguments = vec!["logs", "-i", inventory];
        arguments.extend(more);
        lab.loomctl(&arguments)
    };

    // What each host's journal had before the run asked for it.
    let of_host = |number| {
        let lines = lab.root(number, "journalctl -q -u cometbft -o cat | grep -c . || true").ok();
        lines.trim().parse::<usize>().unwrap()
    };
    let there: Vec<usize> = (0..3).map(of_host).collect();
    let run = logs(&["--json"]).exits(0);
    let lines = of_kind(&run, "log");
    let times = texts(&lines, "time");
    assert!(times.is_sorted(), "in time order");
    for (host, there) in ["node-0", "node-1", "node-2"].into_iter().zip(there) {
        let all = lines.iter().filter(|line| line["host"] == host).count();
        assert!(there > 0 && all + 5 > there, "every line of {host}: {all} of {there}");
    }
    assert!(lines.iter().any(|line| line["identifier"] == "systemd" && line["unit"] == "cometbft"));

    // The last of all together, and of those that match. Nothing of it is for a shell.
    let run = logs(&["-n", "7"]).exits(0);
    assert_eq!(run.stdout.lines().count(), 7, "{run}");
    assert!(run.stdout.lines().all(|line| line.starts_with("node-")), "{run}");
    let run = logs(&["--grep", "Started comet|Starting comet", "--json"]).exits(0);
    assert!(texts(&of_kind(&run, "log"), "message").iter().all(|text| text.contains("omet")), "{run}");
    let run =
        logs(&["--grep", "$(touch /tmp/hit)`touch /tmp/hit`';touch /tmp/hit;'", "--since", "-1h"]).exits(0);
    assert_eq!(run.stdout, "");
    assert_eq!(logs(&["--since", "2999-01-01 00:00"]).ok(), "");
    let run = logs(&["--since", "'; touch /tmp/hit; '"]).exits(1);
    assert!(run.stderr.contains("node-[0:2]: journalctl: Failed to parse timestamp"), "{run}");
    (0..3).for_each(|host| drop(lab.root(host, "test ! -e /tmp/hit").ok()));

    // Following goes on where what was there ends, until Ctrl-C, and leaves nothing behind.
    let mut follow = lab.start_loomctl(&[
        "logs",
        "-i",
        inventory,
        "-f",
        "--limit",
        "node-0:node-1",
        "--grep",
        "MARK|Stopped",
    ]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    for (host, mark, seen) in [(1, "MARK-1\\033[2J", "MARK-1"), (0, "MARK-2", "MARK-2")] {
        lab.root(
            host,
            &format!("printf 'MESSAGE={mark}\nOBJECT_SYSTEMD_UNIT=cometbft.service\n' | logger --journald"),
        )
        .ok();
        assert!(follow.says(seen), "{}", follow.kill());
    }
    lab.root(2, "systemctl stop cometbft").ok();
    follow.signal("INT");
    let run = follow.exits(130);
    let marks: Vec<&str> = run.stdout.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(marks, [r"MARK-1\u{1b}[2J", "MARK-2"], "{run}");
    assert!(run.stdout.starts_with("node-1 ") && !run.stdout.contains('\u{1b}'), "{run}");
    for host in 0..2 {
        lab.root(host, "for i in $(seq 100); do pgrep -x journalctl || exit 0; sleep 0.3; done; exit 1").ok();
    }
}

fn the_doctor_sees_what_a_rollout_would_meet(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let doctor = || lab.loomctl(&["doctor", "-i", inventory, "--json", "--timeout", "3"]);
    let run = doctor().exits(0);
    let rows = of_kind(&run, "doctor");
    let ids = [
        "ssh",
        "sudo",
        "systemd",
        "programs",
        "user",
        "architecture",
        "disk",
        "memory",
        "ports",
        "unit",
        "clock",
        "ntp",
        "peers",
        "sessions",
        "limits",
        "journal",
    ];
    for host in ["node-0", "node-1", "node-2", "node-3"] {
        let of_host: Vec<&str> =
            rows.iter().filter(|row| row["host"] == host).map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(of_host, ids, "{run}");
    }
    assert!(rows.iter().filter(|row| row["id"] == "peers").all(|row| row["seen"] == "reaches 3"), "{run}");
    (0..4).for_each(|host| {
        drop(lab.root(host, "test ! -e /var/lib/loomctl && test ! -e /home/ubuntu/node").ok());
    });

    // What is not well on each host, at once; what is well stays well.
    lab.root(0, "systemd-run -q --unit=squatter systemd-socket-activate -l 26656 cat").ok();
    lab.root(0, "timeout 60 sh -c 'until grep -Eq \":6820 0+:0000 0A\" /proc/net/tcp /proc/net/tcp6; do sleep 0.05; done'").ok();
    lab.root(0, &format!("ip route add blackhole {}/32", lab.address(2))).ok();
    lab.root(1, "rm -f /etc/sudoers.d/ubuntu").ok();
    lab.sshd(2, "MaxSessions 1");
    lab.root(2, "mv /usr/bin/setpriv /root; rm -rf /var/log/journal").ok();
    lab.kill(3);
    let run = doctor().exits(1);
    let rows = of_kind(&run, "doctor");
    let row = |host: &str, id: &str| {
        let row = rows.iter().find(|row| row["host"] == host && row["id"] == id);
        row.unwrap_or_else(|| panic!("no {id} of {host} in {run}")).clone()
    };
    for (host, id, result, seen, help) in [
        ("node-0", "ports", "failed", "port 26656 (p2p) is taken by systemd-socket-", "ports: {p2p: …}"),
        ("node-0", "peers", "failed", "node-2 at 10.77.", "private_ip"),
        ("node-2", "peers", "failed", ":26656: no answer", "private_ip"),
        ("node-1", "ssh", "ok", "connected", ""),
        ("node-1", "sudo", "failed", "sudo", ""),
        ("node-2", "programs", "failed", "missing: setpriv", "util-linux"),
        ("node-2", "sessions", "warning", "MaxSessions 1", "sshd_config"),
        ("node-2", "journal", "warning", "gone with a reboot", "/var/log/journal"),
        ("node-3", "ssh", "failed", "unreachable", "is the machine up"),
    ] {
        let row = row(host, id);
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        assert!(
            row["result"] == result && text("seen").contains(seen) && text("help").contains(help),
            "{row}"
        );
    }
    assert_eq!(rows.iter().filter(|row| row["host"] == "node-3").count(), 1, "{run}");
    lab.root(2, "mv /root/setpriv /usr/bin").ok();
    lab.start(3);
}

fn status_goes_on_looking(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    lab.kill(3);
    let mut watch = lab.start_loomctl(&["status", "-i", inventory, "--watch", "1", "--timeout", "3"]);
    let row =
        |host: &str, state: &str| format!("\"host\":\"{host}\",\"unit\":\"cometbft\",\"state\":\"{state}");
    assert!(watch.says(&row("node-3", "\"")) && watch.says("\"power_online\":30"));
    lab.start(3);
    assert!(watch.says(&row("node-3", "active")), "it is found again");
    lab.kill(2);
    assert!(watch.says(&row("node-2", "\"")), "and another one lost");
    watch.signal("INT");
    lab.start(2);
    let run = watch.exits(130);
    let rows = of_kind(&run, "status");
    let of_first: Vec<&Value> = rows.iter().filter(|row| row["host"] == "node-0").collect();
    assert!(of_first.len() >= 3 && of_first[0]["rate"].is_null(), "{run}");
    assert!(of_first.iter().skip(1).any(|row| row["rate"].as_f64().unwrap_or(0.0) > 0.1), "{run}");
    assert!(of_kind(&run, "cluster").iter().any(|cluster| cluster["power_total"] == 40), "{run}");
    assert!(!run.stdout.contains("interrupted"), "{run}");
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

/// Two of four are down: `status` names the power that is online against what a block needs, and since when there is none.
fn status_says_that_a_chain_stands(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    let goes_on = lab.loomctl(&["status", "-i", inventory, "--json"]).exits(0);
    assert!(of_kind(&goes_on, "standing").is_empty(), "{goes_on}");
    for host in [2, 3] {
        lab.root(host, "systemctl stop cometbft").ok();
    }
    let run = lab.loomctl(&["status", "-i", inventory, "--json"]).exits(0);
    let standing = of_kind(&run, "standing");
    assert_eq!(standing.len(), 1, "{run}");
    let of = |key: &str| standing[0][key].as_i64().unwrap();
    assert_eq!((of("power_online"), of("power_total"), of("power_needed")), (20, 40, 27), "{run}");
    assert_eq!(standing[0]["missing"], serde_json::json!(["node-2", "node-3"]));
    assert!(
        of("height") > 0 && standing[0]["since"].as_str().is_some_and(|since| since.ends_with('Z')),
        "{run}"
    );
    let text = lab.loomctl(&["status", "-i", inventory]).ok();
    assert!(
        text.contains("the chain stands at height")
            && text.contains("only 20 of 40 voting power is up, blocks need more than two thirds (27 needed); not running: node-2, node-3"),
        "{text}"
    );
    // Nobody answers: by the genesis document.
    for host in [0, 1] {
        lab.root(host, "systemctl stop cometbft").ok();
    }
    let text = lab.loomctl(&["status", "-i", inventory]).ok();
    assert!(text.contains("only 0 of 40 voting power is up"), "{text}");
}
