//! What a command has printed on hosts. A line of it has a sign in front: none can be taken for one of ours, and none works in a
//! terminal.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{json::seconds, out::SafeText};
use crate::{
    commands::exec::{Output, Report, alike},
    types::{
        ranges::{all_named, in_order},
        redact,
    },
};

/// In front of lines of stdout and of stderr.
const STDOUT: &str = "| ";
const STDERR: &str = "! ";

pub fn json(report: &Report) -> Value {
    let error = report.error();
    let (stdout, stderr) = (&report.printed.stdout, &report.printed.stderr);
    json!({
        "event": "exec", "host": report.hosts.first(), "hosts": report.hosts,
        "result": if error.is_none() { "ok" } else { "failed" }, "status": report.end.as_ref().ok(),
        "stdout": stdout.text(), "stdout_bytes": stdout.total(),
        "stderr": stderr.text(), "stderr_bytes": stderr.total(),
        "truncated": stdout.left_out() > 0 || stderr.left_out() > 0, "held": report.printed.is_held,
        "error": error.as_ref().map(ToString::to_string), "code": error.map(|error| error.code()),
        "seconds": seconds(report.took),
    })
}

/// One a group of hosts. Of hosts that no command ran on there is nothing to show: their errors say why.
pub fn texts(reports: &[Report]) -> Vec<SafeText> {
    let groups = alike(reports).into_iter();
    let ran = |(_, report): &(Vec<String>, &Report)| report.end.is_ok() || has_printed(report);
    groups.filter(ran).map(|(hosts, report)| text(hosts, report)).collect()
}

fn has_printed(report: &Report) -> bool {
    report.printed.stdout.total() + report.printed.stderr.total() > 0
}

fn text(mut hosts: Vec<String>, report: &Report) -> SafeText {
    in_order(&mut hosts);
    let (colour, result) = match &report.end {
        Ok(0) => (anstyle::AnsiColor::Green, "ok".to_owned()),
        Ok(status) => (anstyle::AnsiColor::Red, format!("exit status {status}")),
        Err(error) => (anstyle::AnsiColor::Red, error.to_string()),
    };
    let mut out = SafeText::default();
    out.painted(colour.on_default() | anstyle::Effects::BOLD, &all_named(&hosts));
    let _ = writeln!(out, ": {}", result.replace('\n', " "));
    lines(&mut out, STDOUT, &report.printed.stdout);
    lines(&mut out, STDERR, &report.printed.stderr);
    for (name, output) in [("stdout", &report.printed.stdout), ("stderr", &report.printed.stderr)] {
        if output.left_out() > 0 {
            let _ = writeln!(out, "  {name}: {} more bytes are left out", output.left_out());
        }
    }
    if report.printed.is_held {
        let _ = writeln!(out, "  a process in the background holds the output open: not waited for");
    }
    out
}

/// What must not be shown may go over several lines, so it is looked for before they are taken apart.
fn lines(out: &mut SafeText, sign: &str, output: &Output) {
    let text = output.text();
    let text = redact::vaulted(&text);
    if text.is_empty() {
        return;
    }
    for line in text.strip_suffix('\n').unwrap_or(&text).split('\n') {
        let _ = writeln!(out, "{sign}{line}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{commands::exec::Printed, remote::error::HostError};

    fn report(hosts: &[&str], end: Result<i32, HostError>, stdout: &str, stderr: &str) -> Report {
        let mut printed = Printed::default();
        printed.stdout.push(stdout.as_bytes());
        printed.stderr.push(stderr.as_bytes());
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Report { hosts, end, printed, took: Duration::from_millis(1234) }
    }

    fn shown(reports: &[Report]) -> String {
        texts(reports).iter().map(SafeText::without_colours).collect()
    }

    #[test]
    fn alike_outputs_are_printed_once() {
        let mut long = report(&["node-4"], Ok(0), "begin", "");
        long.printed.stdout.leave_out(103_809_024);
        long.printed.is_held = true;
        let reports = [
            report(&["node-2"], Ok(0), "Linux\n\nx\n", ""),
            report(&["node-3"], Ok(2), "a", "no such file\n"),
            report(&["node-0", "node-1"], Ok(0), "Linux\n\nx\n", ""),
            long,
            report(&["node-5"], Err(HostError::Unreachable("it is off".into())), "", ""),
            report(&["node-6"], Err(HostError::Overdue(Duration::from_secs(2))), "so far", ""),
            report(&["node-7"], Ok(0), "", ""),
        ];
        let expected = "node-[0:2]: ok\n| Linux\n| \n| x\n\
                        node-3: exit status 2\n| a\n! no such file\n\
                        node-4: ok\n| begin\n  stdout: 103809024 more bytes are left out\n\
                        \u{20} a process in the background holds the output open: not waited for\n\
                        node-6: the command was ended after 2 s (--timeout)\n| so far\n\
                        node-7: ok\n";
        assert_eq!(shown(&reports), expected);
    }

    #[test]
    fn p4_no_output_works_in_a_terminal_or_looks_like_ours() {
        let text = shown(&[report(&["n"], Ok(0), "\u{1b}[2J\rgone\u{9b}2J\nm: ok\n", "  stdout: 1\r\n")]);
        assert_eq!(text, "n: ok\n| \\u{1b}[2J\\rgone\\u{9b}2J\n| m: ok\n!   stdout: 1\\r\n");
    }

    #[test]
    fn json_has_one_object_a_machine() {
        let mut of_two = report(&["node-0", "node-1"], Ok(3), "a\u{1b}\n", "b");
        of_two.printed.stderr.leave_out(10);
        let value = json(&of_two);
        let expected = serde_json::json!({
            "event": "exec", "host": "node-0", "hosts": ["node-0", "node-1"], "result": "failed", "status": 3,
            "stdout": "a\u{1b}\n", "stdout_bytes": 3, "stderr": "b", "stderr_bytes": 11, "truncated": true, "held": false,
            "error": "the command ended with exit status 3", "code": "host/command-failed", "seconds": 1.234,
        });
        assert_eq!(value, expected);
        let ok = json(&report(&["n"], Ok(0), "", ""));
        assert_eq!((&ok["result"], &ok["status"], &ok["error"]), (&"ok".into(), &0.into(), &Value::Null));
        let off = json(&report(&["n"], Err(HostError::CutOff), "half", ""));
        assert_eq!((&off["status"], &off["code"]), (&Value::Null, &"host/connection-lost".into()));
        assert_eq!((&off["result"], &off["stdout"]), (&"failed".into(), &"half".into()));
    }
}
