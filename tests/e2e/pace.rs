//! How many hosts work at once, whom a slow one holds up, and what is said of one that says nothing any more.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use super::{
    faults::until,
    life::{held_up, let_go, made_once, still_the_same},
};
use crate::support::{Lab, Suite, command::Run, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![
        forks_bound_what_works_at_once,
        a_slow_host_holds_up_itself_and_the_next_stage,
        a_binary_goes_up_while_another_host_is_still_asked,
        an_early_upload_ends_with_an_interrupt,
        a_host_over_its_deadline_is_named_with_its_step_and_the_next_run_goes_on,
        a_unit_that_takes_long_to_become_the_node_is_let_alone,
        whatever_hangs_is_named
    ]);
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or_default()
}

/// Each host notes by the kernel's clock, which all of a lab share, when its init was at work. It is until the host has `/run/go`.
fn noted_init(lab: &Lab) {
    let noted = "printf '#!/bin/sh\\ncase $* in start\\\\ loomctl-*) ;; *) exec /usr/bin/systemctl \"$@\" ;; esac\\n\
                 date +%%s.%%N >>/run/noted\\nuntil [ -e /run/go ]; do sleep 0.02; done\\n/usr/bin/systemctl \"$@\"\\nended=$?\\n\
                 date +%%s.%%N >>/run/noted\\nexit $ended\\n' >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl";
    for host in 0..lab.hosts() {
        lab.root(host, noted).ok();
    }
}

/// How many of these times overlap at the most.
fn most_at_once(mut times: Vec<(f64, i32)>) -> i32 {
    times.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    times
        .iter()
        .scan(0, |at_once, (_, change)| {
            *at_once += change;
            Some(*at_once)
        })
        .max()
        .unwrap_or(0)
}

fn forks_bound_what_works_at_once(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    noted_init(lab);
    // The last is the control: without a bound all four are at work together.
    for (forks, most) in [("1", 1), ("2", 2), ("64", 4)] {
        let run = lab.start_loomctl(&["up", "-i", inventory, "--no-verify", "--json", "-f", forks]);
        let at_work = |host: &usize| lab.root(*host, "test -s /run/noted").code == Some(0);
        until(|| (0..lab.hosts()).filter(at_work).count() >= usize::try_from(most).unwrap());
        // Time for one too many.
        std::thread::sleep(Duration::from_millis(300));
        (0..lab.hosts()).for_each(|host| drop(lab.root(host, "touch /run/go").ok()));
        let run = run.exits(0);
        assert_eq!(turns(&run), most, "-f {forks}: {run}");
        let noted = |host| lab.root(host, "cat /run/noted; rm /run/noted /run/go").ok();
        let times = (0..lab.hosts()).flat_map(|host| {
            let noted: Vec<f64> = noted(host).lines().map(|line| line.parse().unwrap()).collect();
            assert_eq!(noted.len(), 2, "one init a host");
            [(noted[0], 1), (noted[1], -1)]
        });
        assert_eq!(most_at_once(times.collect()), most, "-f {forks}: by the hosts' own clock");
        let down = ["down", "-i", inventory, "--destroy", "--delete-keys", "--yes", "--json", "-f", forks];
        assert!(turns(&lab.loomctl(&down).exits(0)) <= most);
    }
}

/// How many hosts have their turn at once at the most; nothing is told of a host that has none.
fn turns(run: &Run) -> i32 {
    let (mut at_work, mut most, mut ends) = (BTreeSet::new(), 0, Vec::new());
    for event in run.events() {
        let host = text(&event, "host").to_owned();
        match text(&event, "event") {
            "turn" => assert!(at_work.insert(host), "two turns at once: {event}"),
            "stage" => {
                assert!(at_work.remove(&host), "it has no turn: {event}");
                let (at, seconds) = (event["at"].as_f64().unwrap(), event["seconds"].as_f64().unwrap());
                // Both are told in whole milliseconds.
                ends.extend([(at - seconds + 0.002, 1), (at, -1)]);
            }
            "started" | "step" => assert!(at_work.contains(&host), "it has no turn: {event}"),
            _ => {}
        }
        most = most.max(at_work.len());
    }
    let most = i32::try_from(most).unwrap();
    assert!(most_at_once(ends) <= most, "{run}");
    most
}

fn a_slow_host_holds_up_itself_and_the_next_stage(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    held_up(lab, 1, "start loomctl-*");
    let up = ["up", "-i", inventory.to_str().unwrap(), "--no-verify", "--json", "-f", "2"];
    let mut run = lab.start_loomctl(&up);
    for host in ["node-0", "node-2", "node-3"] {
        let ended = format!("\"event\":\"stage\",\"host\":\"{host}\",\"stage\":\"prepare\"");
        assert!(run.says(&ended), "{host} waits for node-1: {}", run.kill());
    }
    let_go(lab, 1);
    let run = run.exits(0);
    let events = run.events();
    let at = |kind: &str, host: &str, stage: &str| {
        let is = |e: &&Value| (text(e, "event"), text(e, "host"), text(e, "stage")) == (kind, host, stage);
        events.iter().find(is).unwrap_or_else(|| panic!("no {kind} of {host} in {stage}: {run}"))["at"]
            .as_f64()
            .unwrap()
    };
    let slow = at("stage", "node-1", "prepare");
    for host in ["node-0", "node-2", "node-3"] {
        assert!(at("stage", host, "prepare") < slow, "{host} waited for node-1: {run}");
        assert!(at("turn", host, "start") >= slow, "S6: {host} went on without node-1: {run}");
    }
}

fn a_binary_goes_up_while_another_host_is_still_asked(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let slow = "printf '#!/bin/sh\nuntil [ -e /run/go ]; do sleep 0.05; done\nexec /usr/bin/getent \"$@\"\n' >/usr/local/bin/getent; chmod 755 /usr/local/bin/getent";
    lab.root(1, slow).ok();
    let mut run = lab.start_loomctl(&["up", "-i", inventory.to_str().unwrap(), "--no-verify", "--json"]);
    for host in ["node-0", "node-2", "node-3"] {
        let sent = format!(
            "\"event\":\"step\",\"host\":\"{host}\",\"stage\":\"gather\",\"step\":\"upload cometbft\",\"result\":\"changed\""
        );
        assert!(run.says(&sent), "{host} has to wait for node-1: {}", run.kill());
    }
    lab.root(1, "touch /run/go").ok();
    let run = run.exits(0);
    let events = run.events();
    let asked = events
        .iter()
        .find(|e| (text(e, "event"), text(e, "host"), text(e, "stage")) == ("stage", "node-1", "gather"));
    let asked = asked.unwrap()["at"].as_f64().unwrap();
    for host in ["node-0", "node-1", "node-2", "node-3"] {
        let sent = |e: &&Value| {
            (text(e, "event"), text(e, "host"), text(e, "step")) == ("step", host, "upload cometbft")
        };
        let sent: Vec<&Value> = events.iter().filter(sent).collect();
        assert!(
            sent.len() == 1 && text(sent[0], "result") == "changed",
            "{host}: once, by whoever comes first: {run}"
        );
        let at = sent[0]["at"].as_f64().unwrap();
        assert!(at < asked || host == "node-1", "{host} had to wait for node-1: {run}");
    }
}

/// systemd counts a unit as started when it has forked. Here the fork waits for somebody to write into its standard input, longer
/// than the look that follows the start: it is not the node yet, and not «something else than its files say».
fn a_unit_that_takes_long_to_become_the_node_is_let_alone(lab: &Lab) {
    let late = serde_json::json!({"Service": {"StandardInput": "file:/run/late"}});
    let inventory = lab.inventory("cometbft").host_var("node-3", "unit", late).write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.root(3, "mkfifo /run/late").ok();
    lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(0);
    let limits = ["--listen-timeout", "2", "--blocks-timeout", "2"];
    let run = lab.loomctl(&[&["verify", "-i", inventory][..], &limits].concat()).exits(1);
    assert!(format!("{run}").contains("it is not the node yet"), "{run}");
    lab.root(3, "echo >/run/late").ok();
    lab.loomctl(&["up", "-i", inventory]).exits(0);
    let started = lab.root(3, "journalctl -b -u cometbft -o cat | grep -c '^Started'").ok();
    assert_eq!(started.trim(), "1", "started once and never again");
}

fn an_early_upload_ends_with_an_interrupt(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let up = ["up", "-i", inventory.to_str().unwrap(), "--no-verify", "--json"];
    hangs(lab, 1, "cat", "[ $# = 0 ]");
    let mut run = lab.start_loomctl(&up);
    assert!(
        run.says("\"event\":\"started\",\"host\":\"node-1\",\"stage\":\"gather\",\"step\":\"upload "),
        "{}",
        run.kill()
    );
    lab.root(1, "until [ -s /tmp/hanging ]; do sleep 0.05; done").ok();
    run.signal("INT");
    let run = run.wait().exits(130);
    assert!(run.seconds < 30.0, "{run}");
    goes_on(lab, 1, "cat");
    lab.loomctl(&up).exits(0);
}

fn a_host_over_its_deadline_is_named_with_its_step_and_the_next_run_goes_on(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    hangs(lab, 1, "systemctl", "case $* in start\\ loomctl-*) true ;; *) false ;; esac");
    let up = ["up", "-i", inventory, "--no-verify", "--json", "--step-timeout", "8"];
    let run = lab.loomctl(&up).exits(1);
    let step = "init /home/ubuntu/node";
    says(&run, &format!("node-1: no answer for 8 s while carrying out `{step}`"));
    says(&run, "let it be silent for longer with --step-timeout");
    assert!(run.seconds < 40.0, "{run}");
    let events = run.events();
    let failed = |e: &Value| {
        text(e, "result") == "failed" && (text(e, "event"), text(e, "host")) == ("step", "node-1")
    };
    let failed: Vec<&Value> = events.iter().filter(|event| failed(event)).collect();
    assert!(failed.len() == 1 && text(failed[0], "step") == step, "{run}");
    assert!(failed[0]["seconds"].as_f64().unwrap() >= 8.0, "{run}");
    assert_eq!(run.summary()["failed"], 1);
    for host in [0, 2, 3] {
        lab.root(host, "test -e /var/lib/loomctl/labnet/node-*/initialised").ok();
    }
    assert!(!events.iter().any(|event| text(event, "stage") == "start"), "S6: {run}");
    let mut known = made_once(lab, inventory);
    goes_on(lab, 1, "systemctl");
    lab.loomctl(&["up", "-i", inventory, "--step-timeout", "60"]).exits(0);
    still_the_same(&mut known, made_once(lab, inventory), "after the next run");
}

/// Each thing that a host can hang at, and the words for it. Bytes that go on arriving are no silence.
fn whatever_hangs_is_named(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let up = ["up", "-i", inventory, "--no-verify", "--step-timeout", "5"];

    // Of the binary five megabytes arrive at host 0, and all of it slowly at host 3.
    hangs(lab, 0, "cat", "[ $# = 0 ] && /usr/bin/head -c 5000000");
    let slowly = "cat >/usr/local/bin/cat <<'END'\n#!/bin/sh\n[ $# = 0 ] || exec /usr/bin/cat \"$@\"\n\
                  while /usr/bin/head -c 6000000 >/tmp/piece && [ -s /tmp/piece ]; do\n\
                  /usr/bin/cat /tmp/piece\n  sleep 1\ndone\nEND\nchmod 755 /usr/local/bin/cat";
    lab.root(3, slowly).ok();
    let run = lab.loomctl(&up).exits(1);
    let line = run.stderr.lines().find(|line| line.starts_with("error: node-0: ")).unwrap_or_default();
    let percent = line.split("while uploading cometbft: ").nth(1).and_then(|rest| rest.split_once(" % of "));
    let percent: u32 =
        percent.unwrap_or_else(|| panic!("it does not say how far it was: {run}")).0.parse().unwrap();
    assert!((10..90).contains(&percent), "{run}");
    assert!(run.seconds > 6.0 && !run.stderr.contains("error: node-3"), "{run}");
    lab.root(3, "test -e /var/lib/loomctl/labnet/node-3/initialised; rm /usr/local/bin/cat").ok();
    goes_on(lab, 0, "cat");
    lab.loomctl(&up).exits(0);

    hangs(lab, 2, "systemctl", "[ \"$1\" = show ]");
    let run = lab.loomctl(&up).exits(1);
    says(&run, "node-2: no answer for 5 s while gathering facts: the unit cometbft (systemctl)");
    goes_on(lab, 2, "systemctl");

    hangs(lab, 2, "getent", "true");
    let mine = lab.inventory("cometbft").host_var("node-2", "ansible_become", false).write(lab);
    let run = lab.loomctl(&["facts", "-i", mine.to_str().unwrap(), "--step-timeout", "8"]).exits(1);
    says(&run, "node-2: no answer for 8 s while asking who we are");
    goes_on(lab, 2, "getent");

    let inventory = lab.inventory("cometbft").write(lab);
    let run = lab.loomctl(&["up", "-i", inventory.to_str().unwrap(), "--json"]).exits(0);
    assert_eq!(run.summary()["changed"], 0, "{run}");
}

/// From now on this program of the host hangs whenever `when`, words of a shell, holds.
fn hangs(lab: &Lab, host: usize, program: &str, when: &str) {
    let script = format!(
        "cat >/usr/local/bin/{program} <<'END'\n#!/bin/sh\n\
         if {when}; then\n  echo $$ >>/tmp/hanging\n  exec sleep 600\nfi\nexec $(command -v /usr/bin/{program} || echo /bin/{program}) \"$@\"\nEND\n\
         chmod 755 /usr/local/bin/{program}; : >/tmp/hanging; chmod 666 /tmp/hanging"
    );
    lab.root(host, &script).ok();
}

fn goes_on(lab: &Lab, host: usize, program: &str) {
    lab.root(host, &format!("rm /usr/local/bin/{program}; kill $(cat /tmp/hanging)")).ok();
}

fn says(run: &Run, words: &str) {
    assert!(run.stderr.contains(words), "{words:?} is not in\n{run}");
}
