//! Records of a gather script → facts. Pure; a line that does not fit is dropped, never guessed at.

use std::collections::BTreeMap;

use super::{
    Account, FileFact, FileKind, MachineFacts, NodeFacts, ask::NodeQuestion, manifest::Manifest,
    sockets::Sockets, texts,
};
use crate::{
    chain::identity,
    model::ids::{NodeId, RemotePath, Sha256, ValidatorKey, name_of},
    shell::record::Record,
};

/// A value is no longer than this, in bytes: two paths and a little.
const LONGEST_VALUE: usize = 16 << 10;
const LONGEST_PATH: usize = 4096;
/// Texts of one node: documents, configurations, what is kept of them.
const MOST_TEXTS: usize = 64;
/// Signs `|` in the path of a link that has its target told.
const MOST_BARS: usize = 16;
/// No clock shows more seconds: the end of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Collects the records of one machine.
#[derive(Debug, Default)]
pub struct Collector {
    machine: MachineFacts,
    sockets: Sockets,
    nodes: BTreeMap<usize, NodeFacts>,
    /// Whose text comes next, by node, and where our own files of a node are.
    texts: BTreeMap<usize, Vec<String>>,
    states: BTreeMap<usize, String>,
    /// Seconds since 1970 on our clock when its clock was read, at the earliest and at the latest.
    clock_window: (f64, f64),
}

impl Collector {
    /// `sent`: when the script was sent, on our clock in seconds since 1970.
    pub fn new(sent: f64) -> Self {
        Self { clock_window: (sent, sent), ..Self::default() }
    }

    /// Who the script runs as, once it has said so.
    pub fn uid(&self) -> &str {
        &self.machine.uid
    }

    /// `now`: when the line arrived.
    pub fn take(&mut self, record: Record, now: f64) {
        match record {
            Record::Fact { value, .. } if value.len() > LONGEST_VALUE => {}
            Record::Fact { scope, key, value } if scope == "host" => self.host_fact(&key, &value, now),
            Record::Fact { scope, key, value } if key == "text" => {
                if let Ok(scope) = scope.parse() {
                    let texts = self.texts.entry(scope).or_default();
                    texts.extend((texts.len() < MOST_TEXTS).then_some(value));
                }
            }
            Record::Fact { scope, key, value } if key == "state" => {
                if let Ok(scope) = scope.parse() {
                    self.states.insert(scope, value);
                }
            }
            Record::Fact { scope, key, value } => {
                if let Some(node) = self.node(&scope) {
                    node_fact(node, &key, &value);
                }
            }
            Record::Blob { scope, key, bytes } => {
                let Ok(scope) = scope.parse() else { return };
                let node = self.nodes.entry(scope).or_default();
                if key == "command" {
                    let text = String::from_utf8_lossy(&bytes);
                    node.unit.command = text.split_terminator('\0').map(str::to_owned).collect();
                } else if key == "seen" {
                    seen_by_hand(node, &bytes);
                } else if key == "texts" {
                    let state = self.states.get(&scope).map(String::as_str);
                    take_texts(node, state, &self.texts.remove(&scope).unwrap_or_default(), &bytes);
                }
            }
            _ => {}
        }
    }

    fn node(&mut self, scope: &str) -> Option<&mut NodeFacts> {
        Some(self.nodes.entry(scope.parse().ok()?).or_default())
    }

    /// The machine, and its nodes by the number of their question; or what it says that cannot be.
    pub fn finish(
        mut self,
        asked: &[NodeQuestion],
    ) -> Result<(MachineFacts, BTreeMap<usize, NodeFacts>), String> {
        self.machine.listeners = self.sockets.listeners();
        self.nodes.retain(|number, _| *number < asked.len());
        for (number, node) in &self.nodes {
            fits(&asked[*number], node)?;
        }
        Ok((self.machine, self.nodes))
    }

    fn host_fact(&mut self, key: &str, value: &str, now: f64) {
        let m = &mut self.machine;
        match key {
            "clock" => {
                if let Some(there) = seconds(value) {
                    let (earliest, latest) = (self.clock_window.0, now);
                    m.clock_ahead = there - f64::midpoint(earliest, latest);
                    m.clock = there;
                    m.clock_uncertain = (latest - earliest) / 2.0;
                }
            }
            "uptime" => m.uptime = seconds(value).unwrap_or(0.0),
            "uname" => {
                let mut words = value.split_whitespace();
                let (system, name, release) = (words.next(), words.next(), words.next());
                name.unwrap_or_default().clone_into(&mut m.hostname);
                m.kernel = format!("{} {}", system.unwrap_or_default(), release.unwrap_or_default());
                words.next().unwrap_or_default().clone_into(&mut m.arch);
            }
            "uid" => value.clone_into(&mut m.uid),
            "machine_id" => value.clone_into(&mut m.machine_id),
            "boot_id" => value.clone_into(&mut m.boot_id),
            "lingers" => m.lingers = true,
            "first_port" => m.first_port = value.parse().ok(),
            "systemd" => m.systemd = true,
            "os" => value.trim().clone_into(&mut m.os),
            "tool" => m.tools.push(value.to_owned()),
            "free_kb" => m.free_kb = value.parse().ok(),
            "pulled" => {
                if let Some((sum, url)) = value.split_once(' ')
                    && let Ok(sum) = Sha256::new(sum)
                {
                    m.pulled.insert(name_of(url), sum);
                }
            }
            "socket" => drop(self.sockets.socket(value)),
            "holds" => drop(self.sockets.holds(value)),
            "process" => drop(self.sockets.process(value)),
            "group" => drop(self.sockets.group(value)),
            _ => {}
        }
    }
}

/// Texts of one node's folder at the most: a plan asks for a handful.
const TEXTS: usize = 64;
/// And records of it: a few for each path that was asked for.
const MOST_SEEN: usize = 4096;
/// What stands at the end of a look that nobody has cut off.
const WHOLE: &[u8] = b"\0whole\0";

/// What the node's user has seen in its folder (`look` in hand.sh): records that end with NUL, and the texts. It is that
/// account's word: it counts for what is in the folder and for its keys, and for nothing of root's.
fn seen_by_hand(node: &mut NodeFacts, bytes: &[u8]) {
    let Some(home) = node.home.clone() else { return };
    let whole = bytes.strip_suffix(WHOLE);
    node.cut_off = whole.is_none_or(|bytes| records(bytes) > MOST_SEEN);
    let Some(bytes) = whole.filter(|_| !node.cut_off) else { return };
    let (mut theirs, mut texts, mut rest) = (NodeFacts::default(), Vec::new(), bytes);
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let record = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        match record.split_once(' ') {
            None if record == "texts" => break,
            Some(("text", path)) => texts.push(path.to_owned()),
            Some((sum, _)) if Sha256::new(sum).is_ok() => set_sum(&mut theirs, &record),
            Some((key, value)) => node_fact(&mut theirs, key, value),
            None => {}
        }
    }
    texts.truncate(TEXTS);
    theirs.files.retain(|path, _| *path == home || path.is_below(&home));
    take_texts(&mut theirs, None, &texts, rest);
    node.files.append(&mut theirs.files);
    node.elsewhere = theirs.elsewhere;
    node.closed = theirs.closed;
    node.node_id = theirs.node_id;
    node.validator_key = theirs.validator_key;
    node.signed_height = theirs.signed_height;
}

/// How many there are before the texts.
fn records(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == 0).take_while(|record| *record != b"texts").count()
}

fn node_fact(node: &mut NodeFacts, key: &str, value: &str) {
    match key {
        "user" => node.account = account(value),
        "home" => node.home = folder(value),
        "elsewhere" => node.elsewhere = folder(value),
        "closed" => node.closed = folder(value),
        "exchangeable" => node.exchangeable = folder(value),
        "stat" => drop(stat(value).map(|(path, file)| node.files.insert(path, file.into()))),
        "target" => {
            // Both may hold the sign between them: the path is one that was seen.
            let known = |(at, _): (usize, &str)| {
                let path = RemotePath::new(&value[..at]).ok().filter(|path| node.files.contains_key(path))?;
                Some((path, value[at + 1..].to_owned()))
            };
            if let Some((path, target)) = value.match_indices('|').take(MOST_BARS).find_map(known)
                && let Some(file) = node.file_mut(&path)
            {
                file.target = Some(target);
            }
        }
        "sum" => set_sum(node, value),
        "binary" => {
            if let Some((sum, path)) = value.split_once(' ')
                && let (Ok(sum), Ok(path)) = (Sha256::new(sum), RemotePath::new(path))
            {
                node.binaries.insert(path, sum);
            }
        }
        "node_id" => {
            node.node_id = match value.strip_prefix("secp256k1 ") {
                Some(public) => identity::evm_node_id(public),
                None => NodeId::new(value),
            }
            .ok();
        }
        "validator_key" => node.validator_key = validator_key(value),
        // Chains count in 63 bits.
        "signed_height" => {
            node.signed_height = value.parse().ok().filter(|height| i64::try_from(*height).is_ok());
        }
        "unit" => unit_fact(node, value),
        "started" => {
            if let Some((invocation, sum)) = value.split_once(' ')
                && let Ok(sum) = Sha256::new(sum)
            {
                node.started = Some((invocation.to_owned(), sum));
            }
        }
        "exe" => value.clone_into(&mut node.unit.exe),
        "exe_sum" => node.unit.exe_sha256 = Sha256::new(value).ok(),
        _ => {}
    }
}

/// Neither negative nor endless, nor no number at all.
fn seconds(value: &str) -> Option<f64> {
    value.parse().ok().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds))
}

/// A place where we work: what is shown of it is what it is.
fn folder(value: &str) -> Option<RemotePath> {
    let is_plain = value.len() <= LONGEST_PATH && !value.contains(char::is_control);
    RemotePath::new(value).ok().filter(|_| is_plain)
}

/// What the inventory says, or was seen before, no host can say otherwise.
fn fits(asked: &NodeQuestion, node: &NodeFacts) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{}: {what}", asked.node));
    if let Some(account) = &node.account {
        if asked.account.as_ref().is_some_and(|before| before != account) {
            return wrong(format!("the account {} is another one than a moment ago", asked.user));
        }
        if (account.uid == 0) != (asked.user.as_str() == "root") {
            return wrong(format!("the account {} has the uid {}", asked.user, account.uid));
        }
    }
    let home = asked.folder.as_ref().or(node.account.as_ref().map(|account| &account.home));
    match (&node.home, home) {
        (Some(seen), Some(home)) if seen != home => {
            wrong(format!("it works in {seen}, and the node's folder is {home}"))
        }
        (None, Some(home)) if node.account.is_some() => {
            wrong(format!("it does not say that it works in {home}"))
        }
        _ => Ok(()),
    }
}

/// `state`: our folder for the node, of texts that are root's own: the manifest, and what is kept pristine. The rest are files.
fn take_texts(node: &mut NodeFacts, state: Option<&str>, paths: &[String], stream: &[u8]) {
    let path = |path: &str| RemotePath::new(path).ok();
    let sizes: BTreeMap<_, _> = node.files.iter().map(|(path, file)| (path.clone(), file.size)).collect();
    for (at, bytes) in texts::split(stream, paths, |at| sizes.get(&path(at)?).copied()) {
        match state.and_then(|state| at.strip_prefix(state)?.strip_prefix('/')) {
            Some("manifest.json") => match Manifest::parse(&String::from_utf8_lossy(bytes)) {
                Ok(manifest) => node.manifest = Some(manifest.into()),
                Err(why) => node.manifest_error = Some(why),
            },
            Some(own) => {
                if let Some(name) = own.strip_prefix("pristine/") {
                    node.pristine.insert(name.to_owned(), String::from_utf8_lossy(bytes).into_owned().into());
                }
            }
            None => {
                let file = path(at).and_then(|path| node.file_mut(&path));
                if let (Some(file), Ok(text)) = (file, std::str::from_utf8(bytes)) {
                    file.content = Some(text.into());
                }
            }
        }
    }
}

/// `TYPE VALUE`; of a whole public key of secp256k1 its address counts.
fn validator_key(value: &str) -> Option<ValidatorKey> {
    match value.split_once(' ')? {
        ("secp256k1", public) => identity::evm_address(public).ok(),
        (kind, value) => Some(ValidatorKey { kind: kind.to_owned(), value: value.to_owned() }),
    }
}

/// `UID GROUP HOME`
fn account(value: &str) -> Option<Account> {
    let mut parts = value.splitn(3, ' ');
    let uid = parts.next()?.parse().ok()?;
    let group = parts.next()?.to_owned();
    Some(Account { uid, group, home: folder(parts.next()?)? })
}

/// `KIND|MODE|OWNER|SIZE|INODE|MTIME|CTIME|PATH`
fn stat(value: &str) -> Option<(RemotePath, FileFact)> {
    let parts: Vec<&str> = value.splitn(8, '|').collect();
    let [kind, mode, owner, size, inode, mtime, ctime, path] = parts.as_slice() else { return None };
    let kind = match *kind {
        "regular file" | "regular empty file" => FileKind::File,
        "directory" => FileKind::Folder,
        "symbolic link" => FileKind::Link,
        _ => FileKind::Other,
    };
    let file = FileFact {
        kind,
        mode: u32::from_str_radix(mode, 8).ok()?,
        owner: (*owner).to_owned(),
        size: size.parse().ok()?,
        inode: inode.parse().ok()?,
        mtime: (*mtime).to_owned(),
        ctime: (*ctime).to_owned(),
        sha256: None,
        target: None,
        content: None,
    };
    Some((RemotePath::new(*path).ok()?, file))
}

/// `SUM  PATH`; sha256sum puts a backslash in front where the name holds one.
fn set_sum(node: &mut NodeFacts, value: &str) {
    let (value, escaped) = value.strip_prefix('\\').map_or((value, false), |rest| (rest, true));
    let Some((sum, path)) = value.split_once("  ") else { return };
    let path = if escaped { path.replace("\\\\", "\\") } else { path.to_owned() };
    if let (Ok(sum), Ok(path)) = (Sha256::new(sum), RemotePath::new(path))
        && let Some(file) = node.file_mut(&path)
    {
        file.sha256 = Some(sum);
    }
}

fn unit_fact(node: &mut NodeFacts, value: &str) {
    let Some((key, value)) = value.split_once('=') else { return };
    let unit = &mut node.unit;
    match key {
        "LoadState" => value.clone_into(&mut unit.load),
        "ActiveState" => value.clone_into(&mut unit.active),
        "SubState" => value.clone_into(&mut unit.sub),
        "UnitFileState" => value.clone_into(&mut unit.file_state),
        "MainPID" => unit.main_pid = value.parse().unwrap_or(0),
        "NRestarts" => unit.restarts = value.parse().unwrap_or(0),
        "InvocationID" => value.clone_into(&mut unit.invocation),
        "NeedDaemonReload" => unit.needs_reload = value == "yes",
        "FragmentPath" => value.clone_into(&mut unit.fragment),
        "DropInPaths" => value.clone_into(&mut unit.drop_ins),
        "Result" => value.clone_into(&mut unit.result),
        "ExecMainStatus" => value.clone_into(&mut unit.exit_status),
        "ExecMainStartTimestampMonotonic" => {
            unit.started_monotonic =
                value.parse().ok().and_then(|us: u64| seconds(&us.to_string())).map_or(0.0, |us| us / 1e6);
        }
        "ExecMainStartTimestamp" => value.clone_into(&mut unit.started),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::{
        facts::ask::KeyPlace,
        model::ids::{NodeName, UnitName, UserName},
    };

    fn question(user: &str, folder: Option<&str>) -> NodeQuestion {
        NodeQuestion {
            node: NodeName::new("n-0").unwrap(),
            user: UserName::new(user).unwrap(),
            account: None,
            folder: folder.map(|folder| RemotePath::new(folder).unwrap()),
            unit: UnitName::new("cometbft").unwrap(),
            unit_absent: false,
            state: RemotePath::new("/var/lib/loomctl/c/n-0").unwrap(),
            paths: Vec::new(),
            texts: Vec::new(),
            pristine: Vec::new(),
            node_key: KeyPlace::File("k".into()),
            validator_key: KeyPlace::File("v".into()),
            sign_state: None,
            binary_name: "b".into(),
            binary: None,
        }
    }

    fn said(
        facts: &[(&str, &str, &str)],
        question: NodeQuestion,
    ) -> Result<(MachineFacts, BTreeMap<usize, NodeFacts>), String> {
        let mut collector = Collector::new(1.0);
        for (scope, key, value) in facts {
            let record = Record::Fact { scope: (*scope).into(), key: (*key).into(), value: (*value).into() };
            collector.take(record, 2.0);
        }
        collector.finish(&[question])
    }

    #[test]
    fn p4_a_host_cannot_move_a_node_to_another_folder_or_user() {
        let own = ("0", "user", "1000 loom /home/loom");
        let home = ("0", "home", "/home/loom");
        assert!(said(&[own, home], question("loom", None)).is_ok());
        assert!(said(&[own, ("0", "home", "/srv/x")], question("loom", Some("/srv/x"))).is_ok());
        assert!(said(&[("0", "home", "")], question("loom", None)).is_ok(), "there is no such user");
        let long = format!("/{}", "x".repeat(LONGEST_PATH));
        for forged in
            ["/etc", "etc", "/home/loom/../../etc", "/home/loom\u{1b}[2J", "/home/\rloom", "", &long]
        {
            for folder in [None, Some("/srv/x")] {
                let error = said(&[own, ("0", "home", forged)], question("loom", folder)).unwrap_err();
                assert!(error.starts_with("n-0: it "), "{forged:?}: {error}");
            }
        }
        let root = said(&[("0", "user", "0 root /root"), ("0", "home", "/root")], question("loom", None));
        assert_eq!(root.unwrap_err(), "n-0: the account loom has the uid 0");
        assert!(said(&[own, home], question("root", None)).is_err());
        let account = account("1000 loom /home/loom");
        let moved = NodeQuestion { account, ..question("loom", None) };
        assert!(said(&[("0", "user", "1001 loom /home/loom"), home], moved).is_err());
    }

    #[test]
    fn p7_what_is_too_long_or_about_nobody_is_dropped() {
        let long = "x".repeat(LONGEST_VALUE + 1);
        let (machine, nodes) =
            said(&[("host", "os", &long), ("7", "exe", "/x")], question("loom", None)).unwrap();
        assert!(machine.os.is_empty() && nodes.is_empty());
        let bars = format!("/{}|x", "|".repeat(10_000));
        assert!(said(&[("0", "target", &bars)], question("loom", None)).is_ok());
    }

    const NUMBERS: [&str; 14] = [
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775808",
        "-1",
        "-9223372036854775808",
        "NaN",
        "-inf",
        "inf",
        "1e309",
        "1e-320",
        "4294967296",
        "65536",
        "0",
        "",
    ];

    proptest! {
        #[test]
        fn p7_no_number_makes_it_panic_or_is_more_than_a_clock_shows(
            number in prop::sample::select(&NUMBERS[..]),
            other in prop::sample::select(&NUMBERS[..]),
            any in ".{0,40}",
        ) {
            let columns = format!("0: 0100007F:{number} 0 0A 0 0 0 0 0 {other} 1");
            let file = format!("regular file|{number}|{any}|{other}|{number}|{other}|{number}|/x");
            let user = format!("{number} {any} /{other}");
            let units = ["MainPID", "NRestarts", "ExecMainStartTimestampMonotonic"].map(|key| format!("{key}={number}"));
            let facts = [
                ("host", "clock", number), ("host", "uptime", other), ("host", "first_port", number), ("host", "free_kb", number),
                ("host", "socket", &columns), ("host", "holds", number), ("host", "process", &any), ("host", "group", &any),
                ("0", "stat", &file), ("0", "user", &user), ("0", "signed_height", number), ("0", "sum", &any),
                ("0", "target", &any), ("0", "node_id", &any), ("0", "validator_key", &any), ("0", "started", &any),
                ("0", "unit", &units[0]), ("0", "unit", &units[1]), ("0", "unit", &units[2]), (number, "exe", &any),
            ];
            if let Ok((machine, nodes)) = said(&facts, question("loom", None)) {
                for seconds in [machine.clock, machine.uptime, machine.clock_ahead] {
                    prop_assert!(seconds.is_finite() && seconds.abs() <= LAST_SECOND);
                }
                for node in nodes.values() {
                    prop_assert!(node.unit.started_monotonic.is_finite());
                    prop_assert!(node.signed_height.is_none_or(|height| height.checked_add(1 << 62).is_some()));
                }
                let facts = serde_json::to_string(&nodes).unwrap();
                prop_assert_eq!(serde_json::from_str::<BTreeMap<usize, NodeFacts>>(&facts).unwrap(), nodes);
            }
        }
    }
}
