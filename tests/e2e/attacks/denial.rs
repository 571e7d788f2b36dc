//! P2, P3: nothing that an account of a host does keeps an operator out, and the chain's programs get nothing from a run:
//! no lock, no descriptor, no right.

use std::time::{Duration, Instant};

use super::{Ground, UP, long, on_all_hosts};
use crate::support::{Lab, Suite, command::Running, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![locks_are_closed_to_others, init_gets_nothing_of_a_run]);
    long(suite, tests![files_without_an_end_hold_nobody_up, an_init_without_an_end_is_interrupted]);
}

/// P2
fn locks_are_closed_to_others(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    ground.born();
    let locks = ground.root("ls /run/loomctl/*.lock").ok();
    assert!(locks.lines().count() >= 3, "{locks}");
    for (number, lock) in locks.lines().enumerate() {
        ground.begin("mallory", &format!("grab-{number}"), &format!("/usr/local/bin/attack grab {lock}"));
    }
    ground.root("touch /run/naive.lock; chmod 644 /run/naive.lock").ok();
    ground.begin("mallory", "naive", "/usr/local/bin/attack grab /run/naive.lock");
    ground
        .root("for n in $(seq 600); do flock -n /run/naive.lock true || exit 0; sleep 0.1; done; exit 1")
        .ok();
    let run = ground.loomctl(UP);
    let said: String =
        (0..locks.lines().count()).map(|number| ground.end(&format!("grab-{number}"))).collect();
    assert_eq!(ground.end("naive"), "held\n", "control");
    assert_eq!(run.code, Some(0), "an account without rights keeps `up` out: {said}\n{run}");
    assert!(!said.contains("held"), "{said}");
    let modes =
        ground.root("stat -c '%U %a' /run/loomctl; stat -c '%U %a' /run/loomctl/*.lock | sort -u").ok();
    assert_eq!(modes, "root 700\nroot 600\n");
}

/// The node's user may do everything by sudo, as the login user of a cloud image does.
/// P3, P2
fn init_gets_nothing_of_a_run(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    let spy = "/usr/local/bin/attack spy $home/spied";
    let inventory =
        ground.hostile_program(spy).var("user", "ubuntu").var("working_directory", "/home/ubuntu/node");
    ground.loomctl_with(&inventory, UP).ok();
    let spied = ground.root("cat /home/ubuntu/node/spied").ok();
    let naive = "exec 9>/run/naive.lock; setpriv --reuid=ubuntu --regid=ubuntu --init-groups \
                 /usr/local/bin/attack spy /tmp/naive; cat /tmp/naive";
    let naive = ground.root(naive).ok();
    for words in ["fd 9 /run/naive.lock\n", "sudo works\n", "NoNewPrivs:\t0\n"] {
        assert!(naive.contains(words), "control: {words:?} is not in\n{naive}");
    }
    let has = |line: &&str| {
        let fd = line.strip_prefix("fd ").and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
        fd.is_some_and(|fd| fd > 2)
            || line.contains("/run/loomctl")
            || line.starts_with("env SUDO_")
            || line.starts_with("env SSH_")
    };
    let inherited: Vec<&str> = spied.lines().filter(has).collect();
    assert!(inherited.is_empty(), "init has inherited {inherited:?} in\n{spied}");
    for words in ["NoNewPrivs:\t1\n", "sudo refused\n", "terminal none\n"] {
        assert!(spied.contains(words), "{words:?} is not in\n{spied}");
    }
    assert!(!spied.contains("session-"), "init runs in the login's own control group:\n{spied}");
}

/// So long may a run take that meets a file which it cannot read to its end.
const PATIENCE: Duration = Duration::from_secs(60);
/// kB that programs on a host may take meanwhile.
const MEMORY: u64 = 600_000;

/// What the node's account makes of its files.
const ENDLESS: &[&str] = &[
    "truncate -s 60G config/genesis.json",
    "truncate -s 4G data/priv_validator_state.json",
    "truncate -s 20G config/config.toml",
    "truncate -s 4G config/priv_validator_key.json",
    "rm config/config.toml; mkfifo config/config.toml",
    "rm config/node_key.json; mkfifo config/node_key.json",
    "rm config/genesis.json; ln -s /dev/zero config/genesis.json",
    "rm data/priv_validator_state.json; mkfifo data/priv_validator_state.json",
];

/// Programs of the run that go on by themselves, one after another and by their own number.
const LEFT: &str = "for p in $(grep -lsxE '(sha256sum|sed|head|base64|dd|awk)' /proc/[0-9]*/comm); do echo \"$(cat $p)\"; \
                    p=${p%/comm}; kill -9 ${p#/proc/}; done 2>/dev/null; true";

/// P2
fn files_without_an_end_hold_nobody_up(lab: &Lab) {
    on_all_hosts(lab, ENDLESS, |ground, harm| {
        ground.clean();
        ground.born();
        // A node that runs writes its sign state anew.
        ground.root("systemctl stop cometbft").ok();
        ground.by("chain", &format!("cp -a node kept; cd node; {harm}")).ok();
        ground.begin("root", "peak", "/usr/local/bin/attack peak /run/peak");
        ground.root("echo 0 >/run/peak").ok();
        let mut through = Vec::new();
        for command in [UP, &["keys", "list"]] {
            if let Err(Unfinished::Never) = patiently(ground, command) {
                through.push(format!("`{}` does not end", command.join(" ")));
                break;
            }
        }
        let left = ground.root(LEFT).stdout;
        if !left.is_empty() {
            through.push(format!("{} goes on", left.trim().replace('\n', ", ")));
        }
        ground.end("peak");
        let peak = ground.root("cat /run/peak").ok();
        let kb: u64 = peak.split(' ').next().unwrap().parse().unwrap();
        if kb > MEMORY {
            through.push(format!("{} MB of memory ({})", kb / 1024, peak.trim()));
        }
        // Cleaned (it may run again, and write), and all is well.
        ground.root("systemctl stop cometbft").ok();
        ground
            .by("chain", "rm -rf node/config node/data; cp -a kept/config kept/data node; rm -rf kept")
            .ok();
        if let Err(why) = patiently(ground, &["up", "--no-verify", "--lock-wait", "40"]) {
            through.push(format!("the next run cannot do its work: {why:?}"));
        }
        (!through.is_empty()).then(|| format!("  {harm}: {}", through.join("; ")))
    });
    // Control: a naive reader is held up.
    let ground = Ground::new(lab, 0);
    ground.by("chain", "truncate -s 60G big").ok();
    assert_eq!(ground.root("timeout 5 sha256sum /home/chain/big").code, Some(124), "control");
}

#[derive(Debug)]
enum Unfinished {
    Never,
    #[expect(dead_code, reason = "shown where it is not expected")]
    Failed(String),
}

/// Whether it ended by itself, and with success.
fn patiently(ground: &Ground, arguments: &[&str]) -> Result<(), Unfinished> {
    let begun = Instant::now();
    let inventory = ground.write(&ground.inventory());
    let mut run = ground.lab.start_loomctl(&[arguments, &["-i", &inventory]].concat());
    while !run.is_over() && begun.elapsed() <= PATIENCE {
        std::thread::sleep(Duration::from_millis(50));
    }
    if !run.is_over() {
        drop(run.kill());
        return Err(Unfinished::Never);
    }
    let run = run.wait();
    if run.code == Some(0) { Ok(()) } else { Err(Unfinished::Failed(run.to_string())) }
}

/// What init does instead of ending; the last for a control.
const NEVER: &[[&str; 2]] = &[
    ["a daemon holds its output", "setsid sleep 4711 & true"],
    ["it never ends", "sleep 4711"],
    [
        "it hides in a session of its own and never ends",
        "trap '' TERM INT HUP; setsid sh -c \"trap '' TERM INT HUP; sleep 4711; sleep 4711\"",
    ],
    ["it prints without end", "while :; do head -c 20000000 /dev/zero | tr '\\0' x; sleep 1; done"],
];

/// P2, P3
fn an_init_without_an_end_is_interrupted(lab: &Lab) {
    on_all_hosts(lab, NEVER, |ground, [name, hook]| {
        ground.clean();
        let inventory = ground.hostile_program(hook);
        ground.root("echo 0 >/run/peak").ok();
        ground.begin("root", "peak", "/usr/local/bin/attack peak /run/peak");
        let file = ground.write(&inventory);
        let mut run = ground.lab.start_loomctl(&["up", "--no-verify", "--json", "-i", &file]);
        assert!(run.says("\"step\":\"init "), "init was not reached: {}", run.kill());
        std::thread::sleep(Duration::from_secs(8));
        let mut through = after_an_interrupt(ground, run);
        ground.end("peak");
        let peak = ground.root("cat /run/peak").ok();
        let kb: u64 = peak.split(' ').next().unwrap().parse().unwrap();
        if kb > MEMORY / 4 && name.contains("prints") {
            through.push(format!("{} MB of memory ({})", kb / 1024, peak.trim()));
        }
        ground.root(SLEEPERS_END);
        (!through.is_empty()).then(|| format!("  {name}: {}", through.join("; ")))
    });
    // Control: what an account starts in a session of its own outlives a naive script.
    let ground = Ground::new(lab, 0);
    ground.root("timeout 1 runuser -u chain -- sh -c 'setsid sleep 4711 >/dev/null & sleep 9'");
    assert_ne!(ground.root(SLEEPERS).stdout, "", "control");
    ground.root(SLEEPERS_END);
}

/// Processes of the node's account, but for the node itself, which a run may have started before it was interrupted.
const SLEEPERS: &str = "for p in $(find /proc -maxdepth 1 -user chain -name '[0-9]*'); do \
                        grep -qs '/cometbft.service$' $p/cgroup || { tr '\\0' ' ' <$p/cmdline; echo; }; done";
const SLEEPERS_END: &str =
    "for p in $(find /proc -maxdepth 1 -user chain -name '[0-9]*'); do kill -9 ${p#/proc/}; done";

fn after_an_interrupt(ground: &Ground, run: Running) -> Vec<String> {
    let mut through = Vec::new();
    run.signal("INT");
    let ended = run.wait_for(Duration::from_secs(20));
    if ended.code.is_none() {
        through.push("it cannot be interrupted".to_owned());
    }
    // What it is stuck in has twenty seconds after the life line's end (ARCHITECTURE): then nothing of the run is there.
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let held = ground.root("for l in /run/loomctl/*.lock; do flock -n $l true || echo $l; done").stdout;
        let left = ground.root(SLEEPERS).stdout;
        if held.is_empty() && left.is_empty() {
            return through;
        }
        if Instant::now() > end {
            let line = |text: &str| text.trim().replace('\n', ", ");
            through.push(format!("held: {}; still there: {}", line(&held), line(&left)));
            return through;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}
