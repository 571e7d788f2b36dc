//! What one node's host says of it, a line a fact: root's own lines, and those that the node's user says of its folder.

use super::{folder, seconds};
use crate::{
    chain::identity,
    facts::{Account, FileFact, FileKind, NodeFacts, UnitFacts},
    types::ids::{NodeId, RemotePath, Sha256, ValidatorKey},
};

/// Signs `|` in the path of a link that has its target told.
const MOST_BARS: usize = 16;

pub(super) fn node_fact(node: &mut NodeFacts, key: &str, value: &str) {
    match key {
        "user" => node.account = account(value),
        "systemd" => node.systemd = value.parse().ok(),
        "home" => node.home = folder(value),
        "elsewhere" => node.elsewhere = folder(value),
        "closed" => node.closed = folder(value),
        "exchangeable" => node.exchangeable = folder(value),
        "sees" => node.shown = folder(value),
        "removed_error" => node.removed_error = Some(value.to_owned()),
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
        _ => unit_fact(&mut node.unit, &mut node.started, key, value),
    }
}

/// What is said of one unit, and what was last started as it.
pub(super) fn unit_fact(
    unit: &mut UnitFacts,
    started: &mut Option<(String, Sha256)>,
    key: &str,
    value: &str,
) {
    match key {
        "unit" => shown(unit, value),
        "started" => {
            if let Some((invocation, sum)) = value.split_once(' ')
                && let Ok(sum) = Sha256::new(sum)
            {
                *started = Some((invocation.to_owned(), sum));
            }
        }
        "exe" => value.clone_into(&mut unit.exe),
        "exe_sum" => unit.exe_sha256 = Sha256::new(value).ok(),
        _ => {}
    }
}

/// `TYPE VALUE`; of a whole public key of secp256k1 its address counts.
fn validator_key(value: &str) -> Option<ValidatorKey> {
    match value.split_once(' ')? {
        ("secp256k1", public) => identity::evm_address(public).ok(),
        (kind, value) => Some(ValidatorKey { kind: kind.to_owned(), value: value.to_owned() }),
    }
}

/// `UID GROUP HOME`; a group may have blanks in it (`domain users`), and a home begins with the first slash after one.
pub(super) fn account(value: &str) -> Option<Account> {
    let (uid, rest) = value.split_once(' ')?;
    let at = rest.find(" /")?;
    let (group, home) = (&rest[..at], &rest[at + 1..]);
    let is_name = !group.is_empty() && !group.contains([':', '/']) && !group.contains(char::is_control);
    is_name.then_some(())?;
    Some(Account { uid: uid.parse().ok()?, group: group.to_owned(), home: folder(home)? })
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
pub(super) fn set_sum(node: &mut NodeFacts, value: &str) {
    let (value, escaped) = value.strip_prefix('\\').map_or((value, false), |rest| (rest, true));
    let Some((sum, path)) = value.split_once("  ") else { return };
    let path = if escaped { path.replace("\\\\", "\\") } else { path.to_owned() };
    if let (Ok(sum), Ok(path)) = (Sha256::new(sum), RemotePath::new(path))
        && let Some(file) = node.file_mut(&path)
    {
        file.sha256 = Some(sum);
    }
}

/// A line of `systemctl show`.
fn shown(unit: &mut UnitFacts, value: &str) {
    let Some((key, value)) = value.split_once('=') else { return };
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
