//! What was seen → rows. Pure.

use super::{
    Row, Subject,
    ask::{HostAnswers, Reach},
};
use crate::{
    chain::peers::PeerInfo,
    cluster::{Cluster, Node},
    commands::io_log,
    facts::{MachineFacts, NodeFacts},
    plan::{adopt, preflight},
    session::read::ReadSession,
    types::{code::Code, diagnostic::Diagnostic, row::Verdict, scope::Scope},
};

/// Of memory and disk, in KiB: below the first a node will not live long, below the second it may not.
const MEMORY_KB: (u64, u64) = (256 << 10, 1 << 20);
const DISK_KB: (u64, u64) = (256 << 10, 5 << 20);
/// Open files that the profiles' units ask for (`LimitNOFILE`); more than the kernel allows, and a unit does not start.
const FILES: u64 = 500_000;
/// Seconds that clocks may be apart, as V9 has it.
const CLOCK: f64 = 0.5;

/// What a subject shows; with a code and a remedy where it is not well.
type Seen = (Verdict, String, Option<(Code, &'static str)>);

fn ok(seen: impl Into<String>) -> Seen {
    (Verdict::Ok, seen.into(), None)
}

fn failed(code: Code, seen: impl Into<String>, help: &'static str) -> Seen {
    (Verdict::Failed, seen.into(), Some((code, help)))
}

fn warning(code: Code, seen: impl Into<String>, help: &'static str) -> Seen {
    (Verdict::Warning, seen.into(), Some((code, help)))
}

fn unknown(why: impl Into<String>) -> Seen {
    (Verdict::NotKnown, format!("not known: {}", why.into()), None)
}

fn row(node: &Node, id: Subject, (verdict, seen, wrong): Seen) -> Row {
    let codes: Vec<Code> = wrong.iter().map(|(code, _)| *code).collect();
    let row = Row::new(id, &node.name, id.as_str()).found(verdict, &codes, seen);
    row.help(wrong.map(|(_, help)| help))
}

pub fn ssh(node: &Node) -> Row {
    row(node, Subject::Ssh, ok("connected"))
}

pub fn node(session: &ReadSession, node: &Node, answers: &HostAnswers, dials: &[PeerInfo]) -> Vec<Row> {
    let (no_machine, no_node) = (MachineFacts::default(), NodeFacts::default());
    let machine = session.facts.machines.get(&node.machine).unwrap_or(&no_machine);
    let seen = session.facts.nodes.get(&node.name).unwrap_or(&no_node);
    let text = |key: &str| answers.host.get(key).map_or("", String::as_str);
    let number = |member: &crate::fleet::Target| {
        member.questions.iter().position(|question| question.node == node.name)
    };
    let room = session.targets.iter().find_map(number).and_then(|number| answers.room.get(&number));
    let full = preflight::room(&session.cluster, node, machine, seen);
    let twice = preflight::machines::refusals(&session.cluster, &session.facts).into_iter().find(|refusal| {
        refusal.hosts.as_ref().is_some_and(|hosts| hosts.0 == [session.cluster.machine_name(node.machine)])
    });
    let mut rows = vec![
        twice.map_or_else(|| ssh(node), |twice| refused(node, Subject::Ssh, twice)),
        row(node, Subject::Sudo, rights(session.cluster.scope(node), machine, text("io_log"))),
        row(node, Subject::Systemd, systemd(&session.cluster, node, machine, seen)),
        row(node, Subject::Programs, programs(machine)),
        row(node, Subject::User, user(node, seen)),
        row(node, Subject::Architecture, architecture(node, machine)),
        full.map_or_else(
            || row(node, Subject::Disk, disk(room.map_or("", String::as_str))),
            |full| refused(node, Subject::Disk, full),
        ),
        row(node, Subject::Memory, memory(text("memory"))),
    ];
    let taken = preflight::ports_free(&session.cluster, node, machine, seen);
    if taken.is_empty() {
        let how = if seen.unit.is_running() { "its own node has them" } else { "free" };
        rows.push(row(node, Subject::Ports, ok(how)));
    }
    rows.extend(taken.into_iter().map(|refusal| refused(node, Subject::Ports, refusal)));
    rows.extend(unit(&session.cluster, node, seen));
    rows.extend([
        row(node, Subject::Clock, clock(session, machine)),
        row(node, Subject::Ntp, ntp(text("time"), text("container"))),
        preflight::knows_its_names(&session.cluster, node, machine).map_or_else(
            || row(node, Subject::Peers, peers(dials, answers)),
            |unknown| refused(node, Subject::Peers, unknown),
        ),
        row(node, Subject::Sessions, sessions(text("sshd"))),
        row(node, Subject::Limits, limits(text("files"))),
        row(node, Subject::Journal, journal(text("journal_conf"), text("journal_use"), text("journal_kept"))),
    ]);
    rows
}

fn unit(cluster: &Cluster, node: &Node, seen: &NodeFacts) -> Vec<Row> {
    if let Some(renamed) = preflight::renamed::refusal(cluster, node, seen) {
        return vec![refused(node, Subject::Unit, renamed)];
    }
    let from = preflight::units::elsewhere(cluster, node, cluster.main(node), seen);
    if from.is_none() && adopt::foreign(cluster, node, seen).is_some() {
        let help = "`loomctl up --adopt` takes it over: its keys, documents and configuration stay";
        return vec![row(
            node,
            Subject::Unit,
            warning(Code::ForeignNode, "the node is somebody else's", help),
        )];
    }
    let foreign = preflight::units::foreign(cluster, node, seen);
    if foreign.is_empty() {
        let there = if seen.unit.fragment.is_empty() { "its name is free" } else { "loomctl's own" };
        return vec![row(node, Subject::Unit, ok(there))];
    }
    foreign.into_iter().map(|refusal| refused(node, Subject::Unit, refusal)).collect()
}

fn refused(node: &Node, id: Subject, refusal: Diagnostic) -> Row {
    Row::new(id, &node.name, id.as_str()).failed(refusal.code, refusal.message).help(refusal.help)
}

fn rights(scope: &Scope, machine: &MachineFacts, io_log: &str) -> Seen {
    match (scope, machine.uid.as_str()) {
        (Scope::System, "0") if io_log::is_on(io_log) => warning(
            Code::IoLog,
            "root; sudo logs what it runs reads and prints",
            "`keys backup` and `keys restore` would put keys into that log: `Defaults:USER !log_output, !log_input` for the login",
        ),
        (Scope::System, "0") => ok("root"),
        (Scope::System, uid) => {
            failed(Code::NotRoot, format!("uid {uid}"), "sudo has to lead to root, or log in as root")
        }
        (Scope::User(user), _) if machine.lingers => ok(format!("none: user mode as {}", user.name)),
        (Scope::User(user), _) => failed(
            Code::NoLingering,
            format!("none: user mode as {}, without lingering", user.name),
            "ask the host's administrator for `sudo loginctl enable-linger USER`",
        ),
    }
}

fn systemd(cluster: &Cluster, node: &Node, machine: &MachineFacts, seen: &NodeFacts) -> Seen {
    if machine.systemd {
        return match (crate::plan::node::lacks(cluster, node, seen), seen.systemd) {
            (Some((version, lacks)), _) => warning(
                Code::OldSystemd,
                format!("{version}: {}", lacks.words()),
                "it works with less of a sandbox (docs/hardening.md); a newer release of the distribution has all of it",
            ),
            (None, Some(version)) => ok(format!("runs ({version})")),
            (None, None) => ok("runs"),
        };
    }
    failed(
        Code::NoSystemd,
        "not the init system",
        "loomctl installs systemd units: use a host that booted with systemd",
    )
}

fn programs(machine: &MachineFacts) -> Seen {
    let there = |tool: &&&str| machine.tools.iter().any(|name| name == **tool);
    let missing: Vec<&str> = preflight::TOOLS.iter().filter(|tool| !there(tool)).copied().collect();
    if missing.is_empty() {
        return ok("all there");
    }
    failed(
        Code::ProgramsMissing,
        format!("missing: {}", missing.join(", ")),
        "install coreutils, util-linux, findutils, sed and systemd",
    )
}

fn user(node: &Node, seen: &NodeFacts) -> Seen {
    match &seen.account {
        Some(_) => ok(node.user.as_str()),
        None => failed(
            Code::NoUser,
            format!("there is no user {:?}", node.user.as_str()),
            "create it (`useradd -m …`), or set `user` to one that exists",
        ),
    }
}

fn architecture(node: &Node, machine: &MachineFacts) -> Seen {
    match node.binary.local.as_ref().and_then(|local| local.arch) {
        None => {
            unknown(format!("the host is {}; the binary does not say for what it is built", machine.arch))
        }
        Some(arch) if arch == machine.arch => ok(arch),
        Some(arch) => failed(
            Code::Architecture,
            format!("the binary is built for {arch}, the host is {}", machine.arch),
            "set `binary` for this host to a build of its architecture",
        ),
    }
}

/// `BLOCKS BLOCKSIZE OPTIONS` of the node's folder.
fn disk(room: &str) -> Seen {
    let parts: Vec<&str> = room.split_whitespace().collect();
    let [blocks, size, options] = parts.as_slice() else { return unknown("the host did not say") };
    let (Ok(blocks), Ok(size)) = (blocks.parse::<u64>(), size.parse::<u64>()) else {
        return unknown("the host did not say");
    };
    let has = |option: &str| options.split(',').any(|is| is == option);
    if has("ro") || has("noexec") {
        let how = if has("ro") { "read-only" } else { "noexec" };
        let help = "mount the file system of the node's folder rw,exec, or set another `working_directory`";
        return failed(
            Code::FolderMount,
            format!("the file system of the node's folder is mounted {how}"),
            help,
        );
    }
    let free = blocks.saturating_mul(size) >> 10;
    let help = "make room (`df -h`, `journalctl --vacuum-size=100M`), or set another `working_directory`";
    amount(Code::DiskFull, free, DISK_KB, "free at the node's folder", help)
}

fn amount(code: Code, kb: u64, (least, enough): (u64, u64), what: &str, help: &'static str) -> Seen {
    let seen = format!(
        "{} {what}",
        if kb < 10 << 20 { format!("{} MiB", kb >> 10) } else { format!("{} GiB", kb >> 20) }
    );
    match kb {
        kb if kb < least => failed(code, seen, help),
        kb if kb < enough => warning(code, seen, help),
        _ => ok(seen),
    }
}

/// `MemTotal: N kB MemAvailable: N kB`
fn memory(text: &str) -> Seen {
    let mut words = text.split_whitespace();
    let available = words.by_ref().find(|word| *word == "MemAvailable:").and(words.next());
    match available.and_then(|kb| kb.parse().ok()) {
        Some(kb) => {
            let help = "end what else runs there, add swap, or take a larger machine";
            amount(Code::MemoryLow, kb, MEMORY_KB, "available", help)
        }
        None => unknown("the host did not say"),
    }
}

fn clock(session: &ReadSession, machine: &MachineFacts) -> Seen {
    let mut clocks: Vec<f64> = session.facts.machines.values().map(|machine| machine.clock_ahead).collect();
    clocks.sort_by(f64::total_cmp);
    let apart = machine.clock_ahead - clocks.get(clocks.len() / 2).copied().unwrap_or_default();
    if apart.abs() - machine.clock_uncertain <= CLOCK {
        return ok("within 500 ms of the others");
    }
    failed(Code::ClockOff, format!("{apart:+.1} s off the others"), "set it: `timedatectl set-ntp true`")
}

fn ntp(shown: &str, container: &str) -> Seen {
    let is = |what: &str| shown.split_whitespace().any(|word| word == what);
    if is("NTPSynchronized=yes") {
        return ok("synchronised");
    }
    if !container.is_empty() && container != "none" {
        return unknown(format!("a container ({container}) has its host's clock"));
    }
    match () {
        () if is("NTP=yes") => warning(
            Code::NoNtp,
            "on, not synchronised yet",
            "does it reach its servers? `timedatectl timesync-status`, `chronyc sources`",
        ),
        () if is("NTP=no") => failed(
            Code::NoNtp,
            "off",
            "`timedatectl set-ntp true`; for that, install systemd-timesyncd or chrony",
        ),
        () => unknown("there is no timedatectl that answers"),
    }
}

fn peers(dials: &[PeerInfo], answers: &HostAnswers) -> Seen {
    let help = "open that port between the hosts: security groups, ufw, nftables; is private_ip the address they see each other by?";
    let (mut wrong, mut not_known) = (Vec::new(), Vec::new());
    for peer in dials {
        let at = peer.addr.host.with_port(peer.addr.port);
        match answers.peers.get(&(peer.addr.host.to_string(), peer.addr.port)) {
            Some(Reach::Yes) => {}
            Some(Reach::No(why)) => wrong.push(format!("{} at {at}: {why}", peer.spot.name)),
            Some(Reach::NotKnown(why)) => not_known.push(why.clone()),
            None => not_known.push("the host did not say".to_owned()),
        }
    }
    match (wrong.is_empty(), not_known.first()) {
        (false, _) => failed(Code::PeerUnreachable, wrong.join("; "), help),
        (true, Some(why)) => unknown(why.clone()),
        (true, None) if dials.is_empty() => ok("no other host to reach"),
        (true, None) => ok(format!("reaches {}", dials.len())),
    }
}

fn sessions(sshd: &str) -> Seen {
    let words: Vec<&str> = sshd.split_whitespace().collect();
    let value = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
    let Some(most) = value("maxsessions").and_then(|most| most.parse::<u32>().ok()) else {
        return unknown("sshd does not show its settings (`sshd -T`)");
    };
    let seen = format!("MaxSessions {most}");
    if most < 4 {
        return warning(
            Code::SshdSessions,
            seen,
            "it works with connections of its own, slower: set MaxSessions 10 in sshd_config",
        );
    }
    if value("allowtcpforwarding").is_some_and(|is| *is == "no" || *is == "remote") {
        let help =
            "a program on the host asks the node instead (curl, wget, bash): set AllowTcpForwarding local";
        return warning(Code::SshdForwarding, format!("{seen}, no forwarding"), help);
    }
    ok(seen)
}

fn limits(files: &str) -> Seen {
    match files.parse::<u64>() {
        Err(_) => unknown("the host did not say"),
        Ok(most) if most < FILES => failed(
            Code::FewFiles,
            format!("at most {most} open files (fs.nr_open)"),
            "`sysctl -w fs.nr_open=1048576`, and in /etc/sysctl.d",
        ),
        Ok(most) => ok(format!("{most} open files")),
    }
}

/// Of several equal settings the last counts.
fn journal(conf: &str, used: &str, kept: &str) -> Seen {
    let value = |key: &str| {
        conf.split_whitespace()
            .rfind(|word| word.starts_with(key))
            .and_then(|word| word.split_once('=')?.1.into())
    };
    let storage: &str = value("Storage=").unwrap_or("auto");
    let used = if used.is_empty() { "" } else { &format!(", {used} used") };
    match storage {
        "none" => failed(
            Code::JournalLost,
            "journald keeps nothing (Storage=none)",
            "set Storage=persistent in journald.conf: without it nobody sees why a node fails",
        ),
        "volatile" => warning(
            Code::JournalLost,
            format!("gone with a reboot (Storage=volatile){used}"),
            "set Storage=persistent in journald.conf",
        ),
        "auto" if kept.is_empty() => warning(
            Code::JournalLost,
            format!("gone with a reboot{used}"),
            "`mkdir -p /var/log/journal && systemctl restart systemd-journald`",
        ),
        _ => {
            let most = value("SystemMaxUse=").unwrap_or("a tenth of the disk");
            ok(format!("at most {most}{used}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hosts_say_is_judged() {
        use Verdict::{Failed, NotKnown, Ok, Warning};
        assert_eq!(memory("MemTotal: 900000 kB MemAvailable: 100000 kB").0, Failed);
        assert_eq!(memory("MemTotal: 900000 kB MemAvailable: 800000 kB").0, Warning);
        assert_eq!(memory("MemTotal: 9000000 kB MemAvailable: 8000000 kB"), ok("7812 MiB available"));
        assert_eq!(
            (memory("").0, disk("").0, limits("").0, sessions("").0),
            (NotKnown, NotKnown, NotKnown, NotKnown)
        );
        assert_eq!(disk("90000000 4096 rw,relatime").0, Ok);
        assert_eq!((disk("90000000 4096 rw,noexec").0, disk("9 4096 rw").0), (Failed, Failed));
        assert_eq!(ntp("NTP=no NTPSynchronized=no", "none").0, Failed);
        assert_eq!(ntp("NTP=no NTPSynchronized=no", "lxc").0, NotKnown);
        assert_eq!(
            (ntp("NTP=yes NTPSynchronized=no", "").0, ntp("NTP=no NTPSynchronized=yes", "").0),
            (Warning, Ok)
        );
        assert_eq!(sessions("maxsessions 1 allowtcpforwarding yes").0, Warning);
        assert_eq!(sessions("maxsessions 10 allowtcpforwarding no").0, Warning);
        assert_eq!(sessions("maxsessions 10 allowtcpforwarding yes"), ok("MaxSessions 10"));
        assert_eq!((limits("1024").0, limits("1048576").0), (Failed, Ok));
        assert_eq!((journal("", "8.0M", "").0, journal("", "8.0M", "yes").0), (Warning, Ok));
        assert_eq!(
            journal("Storage=none Storage=persistent SystemMaxUse=1G", "8.0M", ""),
            ok("at most 1G, 8.0M used")
        );
    }
}
