//! `exec`: one command on many hosts.

use serde_json::Value;

use crate::support::{Lab, Suite, command::Run, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        a_command_runs_on_every_host_as_it_is_written,
        a_command_that_has_to_end_leaves_no_process
    ]);
}

/// `loomctl exec`, its own words split at spaces, and then the command's.
fn exec_words(own: &str, command: &[&str]) -> Vec<String> {
    let own = own.split_whitespace().chain(["--"]).chain(command.iter().copied());
    ["exec"].into_iter().chain(own).map(str::to_owned).collect()
}

fn exec(lab: &Lab, own: &str, command: &[&str]) -> Run {
    let words = exec_words(own, command);
    lab.loomctl(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// One event a machine, in inventory order.
fn reports(run: &Run) -> Vec<Value> {
    let mut found: Vec<Value> = run.events().into_iter().filter(|event| event["event"] == "exec").collect();
    found.sort_by_key(|report| report["host"].to_string());
    found
}

/// S9, P4, P7
fn a_command_runs_on_every_host_as_it_is_written(lab: &Lab) {
    let inventory = lab.inventory("cometbft");
    inventory.write(lab);
    // Words arrive as they are, and what is alike is printed once.
    let words = ["it's", "a  \"b\"", "$HOME;`id`", "two\nlines", "ünï ✓", "*", "", "-n", "\\"];
    let argv: Vec<&str> = ["printf", "[%s]"].into_iter().chain(words).collect();
    let run = exec(lab, "all --json", &argv).exits(0);
    let expected = format!("[{}]", words.join("]["));
    let all = reports(&run);
    assert!(all.len() == 4 && all.iter().all(|report| report["stdout"] == expected.as_str()), "{run}");
    assert!(all.iter().all(|report| report["status"] == 0 && report["truncated"] == false), "{run}");
    assert_eq!(run.summary()["exit"], 0);
    let run = exec(lab, "all", &["sh", "-c", "echo same; cat"]).exits(0);
    assert_eq!(run.stdout, "node-[0:3]: ok\n| same\n");

    // The login user, and root by the inventory's become.
    assert_eq!(exec(lab, "all", &["id", "-un"]).ok(), "node-[0:3]: ok\n| ubuntu\n");
    assert_eq!(exec(lab, "-b node-1:node-2", &["id", "-un"]).ok(), "node-1, node-2: ok\n| root\n");
    let refused = exec(lab, "-b all -e ansible_become=false", &["id"]).exits(2);
    assert!(refused.stderr.contains("node-[0:3]: -b needs root"), "{refused}");
    // Nothing of a run is left: no lock, no folder.
    (0..4).for_each(|host| drop(lab.root(host, "test ! -e /run/loomctl && test ! -e /var/lib/loomctl").ok()));

    // One that fails is named, and the others have done it.
    let odd = "hostname >/tmp/done; [ $(hostname) != \"$0\" ] || { echo no >&2; exit 3; }";
    let name = lab.root(2, "hostname").ok();
    let run = exec(lab, "all", &["sh", "-c", odd, name.trim()]).exits(1);
    assert_eq!(run.stdout, "node-0, node-1, node-3: ok\nnode-2: exit status 3\n! no\n");
    assert!(run.stderr.contains("node-2: the command ended with exit status 3"), "{run}");
    (0..4).for_each(|host| drop(lab.root(host, "test -e /tmp/done").ok()));
    let run = exec(lab, "node-0 --json", &["frobnicate"]).exits(1);
    let report = &reports(&run)[0];
    assert_eq!((&report["status"], &report["code"]), (&127.into(), &"host/command-failed".into()));
    assert_eq!(report["stderr"], "frobnicate: command not found\n");
    assert_eq!(run.summary()["hosts"]["node-0"]["result"], "failed");

    // What a host prints works in no terminal, and is not kept without an end.
    let run = exec(lab, "node-3", &["printf", "\\033[2J\\033]0;x\\007\\r\\nnode-0: ok\\n"]).exits(0);
    assert_eq!(run.stdout, "node-3: ok\n| \\u{1b}[2J\\u{1b}]0;x\\u{7}\\r\n| node-0: ok\n");
    let run = exec(lab, "all --json", &["sh", "-c", "yes | head -c 100000000"]).exits(0);
    for report in reports(&run) {
        assert_eq!(report["stdout"].as_str().unwrap().len(), 1 << 20);
        assert_eq!((&report["stdout_bytes"], &report["truncated"]), (&100_000_000.into(), &true.into()));
    }

    // Two nodes of one machine: once, by both their names.
    let shared = inventory.clone().host("node-4", &serde_json::json!({
        "ansible_host": lab.address(3), "private_ip": lab.address(3), "working_directory": "/home/ubuntu/other",
        "ports": {"p2p": 36656, "rpc": 36657},
    }));
    shared.write(lab);
    let run = exec(lab, "node-3,node-4", &["sh", "-c", "echo x >>/tmp/once; wc -l </tmp/once"]).exits(0);
    assert_eq!(run.stdout, "node-3, node-4: ok\n| 1\n");
    assert_eq!(exec(lab, "node-4", &["true"]).ok(), "node-4: ok\n");

    let usage = lab.loomctl(&["exec", "--", "true"]).exits(2);
    assert!(usage.stderr.contains("<PATTERN>") && usage.stderr.contains("Usage: loomctl exec"), "{usage}");
}

/// Processes on a host whose command line is exactly this.
fn left(lab: &Lab, host: usize, command: &str) -> usize {
    let count = lab.root(host, &format!("ps -eo args | grep -cx '{command}' || true")).ok();
    count.trim().parse().unwrap()
}

/// By its time, by Ctrl-C, by the death of loomctl; and a host that is off holds up nobody.
fn a_command_that_has_to_end_leaves_no_process(lab: &Lab) {
    lab.inventory("cometbft").write(lab);
    // A shell in between, and one that takes no notice of TERM.
    let hangs = ["sh", "-c", "echo begun; [ ! -e /tmp/deaf ] || trap '' TERM; sleep 4711; sleep 4711"];
    lab.root(2, "touch /tmp/deaf").ok();
    let run = exec(lab, "all --timeout 10 --json", &hangs).exits(1);
    for (host, report) in reports(&run).iter().enumerate() {
        let (status, code) = (&report["status"], &report["code"]);
        assert_eq!((status, code), (&Value::Null, &"host/command-overdue".into()), "{run}");
        assert_eq!(report["stdout"], "begun\n", "{run}");
        assert_eq!(left(lab, host, "sleep 4711"), 0);
    }
    // One host hangs: the others are done, and the run ends by itself.
    let one = ["sh", "-c", "[ ! -e /tmp/deaf ] || sleep 4712; echo done"];
    let run = exec(lab, "all --timeout 10", &one).exits(1);
    assert_eq!(run.stdout, "node-0, node-1, node-3: ok\n| done\n");
    assert!(run.stderr.contains("node-2: the command was ended after 10 s (--timeout)"), "{run}");

    for signal in ["INT", "KILL"] {
        let command = exec_words("-b all", &["sh", "-c", "echo $$ >/tmp/begun; exec sleep 4713"]);
        let mut run = lab.loomctl_command(&command.iter().map(String::as_str).collect::<Vec<_>>());
        let run = crate::support::command::start(&mut run);
        for host in 0..4 {
            lab.root(host, "until [ -s /tmp/begun ]; do sleep 0.05; done").ok();
        }
        run.signal(signal);
        let run = run.wait();
        let expected = if signal == "INT" { Some(130) } else { None };
        assert_eq!(run.code, expected, "{run}");
        if signal == "INT" {
            assert!(run.stderr.contains("node-[0:3]: interrupted"), "{run}");
            assert!((0..4).all(|host| left(lab, host, "sleep 4713") == 0));
        }
        for host in 0..4 {
            lab.root(host, "rm /tmp/begun; while ps -eo args | grep -qx 'sleep 4713'; do sleep 0.1; done")
                .ok();
        }
    }

    lab.kill(1);
    let run = exec(lab, "all", &["echo", "here"]).exits(1);
    assert_eq!(run.stdout, "node-0, node-2, node-3: ok\n| here\n");
    assert!(run.stderr.contains("node-1: unreachable"), "{run}");
    let run = exec(lab, "all --json", &["echo", "here"]).exits(1);
    let off = &reports(&run)[1];
    assert_eq!((&off["host"], &off["code"]), (&"node-1".into(), &"host/unreachable".into()), "{run}");
    assert_eq!(run.summary()["failed"], 1);
}
