//! P7: a host that has been taken says too much, for ever, or what no clock says. The control machine ends the run in time,
//! with little memory, and never by a panic.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    thread::sleep,
    time::{Duration, Instant},
};

use super::{Ground, UP, long, on_all_hosts};
use crate::support::{Lab, Suite, command::Running, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    long(
        suite,
        tests![
            words_without_an_end_are_given_up,
            a_journal_may_say_anything,
            an_rpc_may_have_any_number_of_pages
        ],
    );
}

/// kB of this machine, and the time, that a host may take.
const MEMORY: u64 = 300_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// How it ended, or what it took too much of.
fn within_limits(mut run: Running) -> Result<String, String> {
    let (begun, mut most) = (Instant::now(), 0);
    while !run.is_over() {
        most = memory(run.id()).max(most);
        let too_much = most > MEMORY;
        if too_much || begun.elapsed() > PATIENCE {
            run.kill();
            let why = if too_much {
                format!("{} MB after {:?}", most / 1024, begun.elapsed())
            } else {
                "no end".to_owned()
            };
            return Err(why);
        }
        sleep(Duration::from_millis(20));
    }
    let run = run.wait();
    if run.stderr.contains("panicked") || run.code == Some(101) {
        return Err(format!("a panic: {run}"));
    }
    Ok(run.stderr)
}

/// The most that it has had.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn start(ground: &Ground, inventory: &Inventory, arguments: &[&str]) -> Running {
    let path = ground.write(inventory);
    ground.lab.start_loomctl(&[arguments, &["-i", &path]].concat())
}

/// What the host says without an end: before our script, in its lines, in one line, beside it. `@` is its nonce.
const WORDS: &[[&str; 2]] = &[
    ["a line before a shell answers", "yes x | tr -d '\\n'"],
    ["lines before a shell answers", "yes warning: your system is out of date"],
    [
        "facts",
        "yes '@ fact host socket 0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1'",
    ],
    ["one fact", "printf '@ fact host os '; yes x | tr -d '\\n'"],
    ["one blob", "printf '@ blob 0 texts '; yes QUFB | tr -d '\\n'"],
    ["errors", "yes error: of some kind >&2"],
];

fn words_without_an_end_are_given_up(lab: &Lab) {
    on_all_hosts(lab, WORDS, |ground, [name, words]| {
        ground.clean();
        ground.root("cp -n /home/ubuntu/.bashrc /root/bashrc; cp /root/bashrc /home/ubuntu/.bashrc; rm -f /usr/local/bin/sudo").ok();
        ground.root("install -m 666 /dev/null /run/stream").ok();
        if words.contains('@') || words.contains("&2") {
            // sudo is the host's, and knows what goes through it.
            let say = words.replace('@', "'\"$n\"'");
            let sudo = format!(
                "#!/bin/sh\n{{ until n=$(grep -o \"NONCE='*[0-9a-z]*\" /run/stream | tail -n 1 | tr -d \"'\") && [ -n \"$n\" ]; do \
                 sleep 0.05; done; n=${{n#NONCE=}}; {say}; }} &\n/usr/bin/tee -a /run/stream | /usr/bin/sudo \"$@\"\n"
            );
            fs::write(ground.path("usr/local/bin/sudo"), sudo).unwrap();
            fs::set_permissions(ground.path("usr/local/bin/sudo"), fs::Permissions::from_mode(0o755))
                .unwrap();
        } else {
            ground.root(&format!("{{ echo \"{words}\"; cat /root/bashrc; }} >/home/ubuntu/.bashrc")).ok();
        }
        let ended = within_limits(start(ground, &ground.inventory(), UP));
        ground.root(
            "for p in $(grep -lsxE '(yes|tr)' /proc/[0-9]*/comm); do p=${p%/comm}; kill -9 ${p#/proc/}; done",
        );
        ground.root("cp /root/bashrc /home/ubuntu/.bashrc; rm -f /usr/local/bin/sudo").ok();
        // `up` may even do its work meanwhile.
        ended.err().map(|why| format!("  {name}: {why}"))
    });
    let ground = Ground::new(lab, 0);
    let naive = ground.root("timeout 5 sh -c \"yes x | tr -d '\\\\n'\" | wc -c").stdout;
    let kb = naive.trim().parse::<u64>().unwrap() / 1024;
    assert!(kb > MEMORY, "control: whoever keeps what he reads has {kb} kB after five seconds");
}

const LINES: &[&str] = &[
    r#"{"__REALTIME_TIMESTAMP":"999999999999999999","__CURSOR":"c","MESSAGE":"beyond 9999","_SYSTEMD_UNIT":"cometbft.service"}"#,
    r#"{"__REALTIME_TIMESTAMP":"18446744073709551615","__CURSOR":"c","MESSAGE":"the last one","_SYSTEMD_UNIT":"cometbft.service"}"#,
    r#"{"__REALTIME_TIMESTAMP":"-1","__CURSOR":"c","MESSAGE":"before all","_SYSTEMD_UNIT":"cometbft.service"}"#,
    r#"{"__REALTIME_TIMESTAMP":"1","__CURSOR":"c","MESSAGE":[27,93,48,300,-1],"PRIORITY":"999","_SYSTEMD_UNIT":["cometbft.service"]}"#,
];

fn a_journal_may_say_anything(lab: &Lab) {
    on_all_hosts(lab, LINES, |ground, line| {
        ground.clean();
        ground.born();
        fs::write(ground.path("usr/local/bin/journalctl"), format!("#!/bin/sh\ncat <<'END'\n{line}\nEND\n"))
            .unwrap();
        ground.root("chmod 755 /usr/local/bin/journalctl").ok();
        let mut through = Vec::new();
        for command in [
            &["logs"][..],
            &["logs", "--json"],
            &["verify", "--listen-timeout", "1", "--blocks-timeout", "1"],
            &["history"],
        ] {
            let ended = within_limits(start(ground, &ground.inventory(), command));
            through.extend(ended.err().map(|why| format!("  {}: {line}: {why}", command.join(" "))));
        }
        ground.root("rm /usr/local/bin/journalctl").ok();
        (!through.is_empty()).then(|| through.join("\n"))
    });
}

fn an_rpc_may_have_any_number_of_pages(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    let inventory = ground.hostile_program(":");
    ground.loomctl_with(&inventory, &["up"]).ok();
    ground.by("chain", "echo endless >node/lie").ok();
    ground.root("systemctl kill -s KILL cometbft; sleep 4").ok();
    let end = Instant::now() + Duration::from_secs(30);
    let total = || {
        lab.get(0, 26657, "/validators?per_page=100&page=77").unwrap_or_default()["result"]["total"].clone()
    };
    while total() != "4000000000" {
        assert!(Instant::now() < end, "control: {} {}", total(), lab.journals("cometbft"));
        sleep(Duration::from_millis(200));
    }
    let verify = ["verify", "--listen-timeout", "5", "--blocks-timeout", "5"];
    for command in [&verify[..], &["up", "--no-verify", "--roll"]] {
        let ended = within_limits(start(&ground, &inventory, command));
        assert!(ended.is_ok(), "{}: {ended:?}", command.join(" "));
    }
}
