//! What a person sees at a terminal while a run is at work: a real pseudo-terminal, and what a real one would make of it.

use std::{num::NonZero, process::Command};

use super::life::slow_init_on;
use crate::support::{
    Lab, Suite,
    command::{self, Run},
    tests,
};

pub fn register(suite: &mut Suite) {
    suite
        .on_lab(tests![each_host_has_a_line_and_nothing_is_left_of_it, ctrl_c_leaves_the_terminal_as_it_was]);
}

const COLUMNS: u16 = 80;

/// loomctl at a terminal of so many rows. `keys`: what a shell types there.
fn at_a_terminal(lab: &Lab, rows: u16, keys: &str, arguments: &str) -> Run {
    let inside =
        format!("stty rows {rows} cols {COLUMNS}; exec {} {arguments}", env!("CARGO_BIN_EXE_loomctl"));
    let outside = format!("({keys}) | script -qfec \"$INSIDE\" typed");
    let mut shell = lab.loomctl_command(&[]);
    let mut terminal = Command::new("sh");
    terminal.args(["-c", &outside]).env("INSIDE", inside).env("TERM", "xterm").current_dir(lab.path(""));
    for (name, value) in shell.env("TERM", "xterm").get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    command::run(&mut terminal)
}

/// The screen each time that it has been drawn, and all that is left in the end, what has scrolled away included.
fn screens(run: &Run, rows: u16) -> (Vec<String>, Vec<String>) {
    const CLEARS: &str = "\r\u{1b}[2K";
    let size = |number| NonZero::new(number).unwrap();
    let mut terminal = vt100::Parser::new(size(rows), size(COLUMNS), 10_000);
    let mut frames = Vec::new();
    for (number, drawn) in run.stdout.split(CLEARS).enumerate() {
        if number > 0 {
            terminal.process(CLEARS.as_bytes());
        }
        terminal.process(drawn.as_bytes());
        frames.push(terminal.screen().contents());
    }
    // What is cleared from the top of the screen on, some terminals keep above it: it would be left there.
    assert!(!run.stdout.contains("\u{1b}[0J") && !run.stdout.contains("\u{1b}[2J"), "{run}");
    let screen = terminal.screen_mut();
    assert!(!screen.hide_cursor() && screen.cursor_position().1 == 0, "{run}");
    screen.set_scrollback(usize::MAX);
    let mut left = Vec::new();
    for offset in (1..=screen.scrollback()).rev() {
        screen.set_scrollback(offset);
        left.extend(screen.rows(0, COLUMNS).next());
    }
    screen.set_scrollback(0);
    left.extend(screen.rows(0, COLUMNS));
    left.truncate(left.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
    (frames, left)
}

fn has(frames: &[String], all: &[&str]) -> bool {
    frames.iter().any(|frame| all.iter().all(|words| frame.contains(words)))
}

/// The same, the last of them being followed by seconds: how many depends on when the other hosts are done.
fn has_in_a_while(frames: &[String], all: &[&str]) -> bool {
    let (last, rest) = all.split_last().unwrap();
    (1..10).any(|second| has(frames, &[rest, &[format!("{last}{second}.").as_str()]].concat()))
}

fn each_host_has_a_line_and_nothing_is_left_of_it(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.display();
    slow_init_on(lab, 1, 10);
    let slowly = "cat >/usr/local/bin/cat <<'END'\n#!/bin/sh\n[ $# = 0 ] || exec /usr/bin/cat \"$@\"\n\
                  while /usr/bin/head -c 12000000 >/tmp/piece && [ -s /tmp/piece ]; do\n\
                  /usr/bin/cat /tmp/piece\n  sleep 0.7\ndone\nEND\nchmod 755 /usr/local/bin/cat";
    lab.root(1, slowly).ok();
    let up = format!("up -i {inventory} --no-verify --no-color");

    let run = at_a_terminal(lab, 24, "true", &up).exits(0);
    let (frames, left) = screens(&run, 24);
    let waits = ["  prepare  3 of 4 done\n", "\n  node-0  changed (", "\n  node-1  init /home/ubuntu/node ("];
    assert!(has_in_a_while(&frames, &waits), "{run}");
    lab.root(1, "rm /usr/local/bin/cat").ok();
    assert!(has(&frames, &["\n  node-1  upload cometbft ", " %, ", " MB/s ("]), "{run}");
    only_what_stays(&left, &run);
    assert!(!run.stdout.contains("\u{1b}[3") && !run.stdout.contains("\u{1b}[1m"), "--no-color: {run}");

    // Too low for a line each: the sum, and whom it waits for.
    lab.loomctl(&["down", "-i", &inventory.to_string(), "--destroy", "--delete-keys", "--yes"]).exits(0);
    let run = at_a_terminal(lab, 4, "true", &up).exits(0);
    let (frames, left) = screens(&run, 4);
    let waits = ["  prepare  [", "....]  3 of 4 done\n  waits for node-1: init /home/ubuntu/node ("];
    assert!(has_in_a_while(&frames, &waits), "{run}");
    only_what_stays(&left, &run);

    // Proven, and nothing to change: what it waits for, and then the table.
    let run = at_a_terminal(lab, 24, "true", &format!("up -i {inventory}")).exits(0);
    assert!(run.stdout.contains("gather  ") && run.stdout.contains("nothing to change"), "{run}");
    let quiet = at_a_terminal(lab, 24, "true", &format!("up -i {inventory} --no-verify -q")).exits(0);
    assert_eq!(quiet.stdout, "");
    for still in ["--json", "-v"] {
        let run = at_a_terminal(lab, 24, "true", &format!("up -i {inventory} --no-verify {still}")).exits(0);
        assert!(!run.stdout.contains("\u{1b}[2K"), "{still}: {run}");
    }
    let elsewhere = lab.loomctl(&["up", "-i", &inventory.to_string(), "--no-verify"]).exits(0);
    assert!(elsewhere.stderr.is_empty() && !elsewhere.stdout.contains('\u{1b}'), "{elsewhere}");
}

/// Each step that changed something, and the last line.
fn only_what_stays(left: &[String], run: &Run) {
    let end = left.iter().position(|line| line.starts_with("up ok: labnet, 4 nodes, "));
    let steps = &left[..end.unwrap_or_else(|| panic!("no end in {left:#?}\nof {run}"))];
    for step in steps {
        assert!(step.starts_with("changed  node-"), "{step:?} of {left:#?}\nof {run}");
    }
    let inits = steps.iter().filter(|step| step.contains(": init /home/ubuntu/node (")).count();
    assert_eq!(inits, 4, "{left:#?}\nof {run}");
}

fn ctrl_c_leaves_the_terminal_as_it_was(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    slow_init_on(lab, 1, 20);
    let keys = "until grep -q 'node-1  init ' typed; do sleep 0.05; done; printf '\\003'; \
                for n in $(seq 1200); do ! grep -q interrupted typed || break; sleep 0.05; done; sleep 1";
    let run = at_a_terminal(lab, 10, keys, &format!("up -i {} --no-verify", inventory.display())).exits(130);
    let (frames, left) = screens(&run, 10);
    assert!(has(&frames, &["  node-1  init /home/ubuntu/node ("]), "{run}");
    let left = left.join("\n");
    assert!(left.contains("interrupted") && !left.contains("node-1  init"), "{left}\nof {run}");
    assert!(!left.contains(" done") && !left.contains("^C"), "{left}\nof {run}");
}
