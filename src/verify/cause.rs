//! Why a line does not hold: signs in the journal, and what the facts give away. The table is "What goes wrong" of
//! real four-node chains, as far as loomctl cannot prevent it.

mod facts;

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{
    Row, document,
    journal::{self, Journal},
    observe::Asked,
    units,
    view::View,
};
use crate::types::{ids::NodeName, row::Verdict};

struct Cause {
    /// What stands in the log; small and capital letters are alike (Tendermint wrote `Wrong`, CometBFT writes `wrong`).
    sign: &'static str,
    why: &'static str,
    advice: &'static str,
}

const START_OVER: &str = "`loomctl down --destroy` on all nodes (keys stay), then `loomctl up`";
const DOCUMENT: &str = "`loomctl verify` compares the documents (V4); put the others' in its place, or start over: \
                        `loomctl down --destroy` (keys stay), then `loomctl up`";

/// Of several signs the first of the table counts: what explains most comes first.
const TABLE: &[Cause] = &[
    Cause {
        sign: "is not equal to genesis time",
        why: "genesis_time is not the same on all nodes (or is the zero time), so no first block is accepted",
        advice: START_OVER,
    },
    Cause {
        sign: "Genesis time is in the future",
        why: "genesis_time is in the future: the node sleeps until then, with no port open",
        advice: "wait, or start over with another genesis_time",
    },
    Cause {
        sign: "Wrong Block.Header.AppHash",
        why: "this node's application comes to another state than the others': its app genesis (validators, their \
                order, oracle or owner) or its binary differs",
        advice: DOCUMENT,
    },
    Cause {
        sign: "Wrong Block.Header.LastResultsHash",
        why: "this node's application answers otherwise than the others': another binary or app genesis",
        advice: DOCUMENT,
    },
    Cause {
        sign: "genesis doc hash in db does not match",
        why: "the genesis document was changed after the first start",
        advice: START_OVER,
    },
    Cause {
        sign: "Peer is on a different network",
        why: "its chain id and a peer's are not the same, so the two do not talk to each other",
        advice: DOCUMENT,
    },
    Cause {
        sign: "expects quoted values",
        why: "a power in the genesis document is a number, and this chain wants it quoted (`\"10\"`)",
        advice: START_OVER,
    },
    Cause {
        sign: "invalid 64-bit integer encoding",
        why: "a power or height in the genesis document is a number, and this chain wants it quoted (`\"10\"`)",
        advice: START_OVER,
    },
    Cause {
        sign: "validators with no voting power",
        why: "a validator in the genesis document has power 0",
        advice: START_OVER,
    },
    Cause {
        sign: "Cannot compare identical validators",
        why: "a validator stands twice in the genesis document",
        advice: START_OVER,
    },
    Cause {
        sign: "GenesisDoc file: open",
        why: "the genesis document is gone, or the node's user may not read it",
        advice: "`loomctl up` restores it from hosts that agree",
    },
    Cause {
        sign: "address already in use",
        why: "another process holds one of its ports",
        advice: "stop it, or give the node other ports (`ports:`)",
    },
    Cause {
        sign: "cannot assign requested address",
        why: "the address to listen on is not one of this host's",
        advice: "check `rpc_bind` and the laddr keys in `settings:`",
    },
    Cause {
        sign: "Exec format error",
        why: "the binary is of another architecture than the host",
        advice: "set `binary` for this host to a build of its architecture",
    },
    Cause {
        sign: "status=203/EXEC",
        why: "systemd could not execute the binary: missing, another architecture, or a file system without exec",
        advice: "`loomctl up` puts the binary back; check `binary` and the mount options",
    },
    Cause {
        sign: "Failed to set up user namespacing",
        why: "the host forbids user namespaces, which the unit's PrivateUsers= needs",
        advice: "`sysctl user.max_user_namespaces`, or `unit: {Service: {PrivateUsers: false}}`",
    },
    Cause {
        sign: "status=217/USER",
        why: "the user that the unit runs as does not exist",
        advice: "create it (`useradd -m …`), or set `user`",
    },
    Cause {
        sign: "status=200/CHDIR",
        why: "the working directory is not there, or closed to the node's user",
        advice: "check `working_directory` and the folders above it",
    },
    Cause {
        sign: "status=226/NAMESPACE",
        why: "systemd could not set up what the node sees: its working directory or a folder of `unit:` is not there, or \
              the host forbids mount namespaces",
        advice: "the log names the folder; check `working_directory`, `unit:`, and docs/hardening.md",
    },
    Cause {
        sign: "read-only file system",
        why: "the node writes outside of its folder, which its unit forbids, or its disk has become read-only",
        advice: "a folder that it needs: `unit: {Service: {ReadWritePaths: /THAT/FOLDER}}`; a disk: `dmesg`",
    },
    Cause {
        sign: "no space left on device",
        why: "the disk is full",
        advice: "make room (`df -h`, `journalctl --vacuum-size=100M`)",
    },
    Cause {
        sign: "permission denied",
        why: "the node's user may not read or write one of its files",
        advice: "`loomctl up` sets owners and modes of what it manages; look at the path in the log",
    },
    Cause {
        sign: "Failed with result 'oom-kill'",
        why: "the kernel killed it: the host has too little memory",
        advice: "give the host more memory, or fewer nodes",
    },
    Cause {
        sign: "resource temporarily unavailable",
        why: "another process uses this node's data folder: a second node on the same working directory",
        advice: "stop it (`systemctl list-units`, `ps`)",
    },
    Cause {
        sign: "conflicting vote from ourselves",
        why: "another process signs with this node's validator key",
        advice: "stop one of the two at once: double signing is punished",
    },
    Cause {
        sign: "error on broadcastTxCommit",
        why: "the application does not answer",
        advice: "look at the application's own log",
    },
    Cause {
        sign: "connection.go: error dialing app",
        why: "the node cannot reach its ABCI application",
        advice: "start the application, or set `proxy_app` in `settings:`",
    },
    Cause {
        sign: "Failed to connect to",
        why: "the node cannot reach its ABCI application",
        advice: "start the application, or set `proxy_app` in `settings:`",
    },
    // Says that, not why: so it comes last.
    Cause {
        sign: "CONSENSUS FAILURE",
        why: "consensus has failed for good; the process lives on and does nothing",
        advice: "the log line says why. If its documents differ from the others' (V4) start over; else restart it: \
                 `systemctl restart UNIT`",
    },
];

/// What to look for in a journal.
pub fn signs() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|cause| cause.sign)
}

/// The likely cause by the lines of a journal.
pub fn of_journal(lines: &[String]) -> Option<String> {
    let last = |cause: &Cause| lines.iter().rev().find_map(|line| Some((line, place(line, cause.sign)?)));
    let found = TABLE.iter().find_map(|cause| Some((cause, last(cause)?)));
    found.map(|(cause, (line, at))| {
        format!("{}: {} (the log says `{}`)", cause.why, cause.advice, excerpt(line, at, cause.sign))
    })
}

/// Where the sign stands. ASCII letters only are folded, so the place is the line's own.
fn place(line: &str, sign: &str) -> Option<usize> {
    line.to_ascii_lowercase().find(&sign.to_ascii_lowercase())
}

/// The line around the sign, shortened.
fn excerpt(line: &str, at: usize, sign: &str) -> String {
    let from = line[..at].char_indices().rev().nth(60).map_or(0, |(from, _)| from);
    let shown: String = line[from..].chars().take(60 + sign.chars().count() + 80).collect();
    shown.trim().to_owned()
}

/// Gives the checks that do not hold their help, and each of their hosts' journals once.
pub async fn explain(asked: &[Asked], view: &View<'_>, checks: &mut [Row]) {
    let failing =
        |name: &NodeName| checks.iter().any(|check| is_own_failure(check) && check.host == name.as_str());
    let all: FuturesUnordered<_> =
        asked.iter().filter(|asked| failing(&asked.name)).map(|asked| look(asked, view)).collect();
    let found: BTreeMap<String, (Journal, Option<String>)> = all.collect().await;
    for check in checks.iter_mut().filter(|check| is_own_failure(check)) {
        let Some(node) = view.looked_at().find(|node| node.name.as_str() == check.host) else { continue };
        let (journal, changed) = found.get(&check.host).cloned().unwrap_or_default();
        let by_log = facts::is_in_the_log(check).then(|| of_journal(&journal.signs)).flatten();
        let changed = changed.filter(|_| facts::is_of_the_chain(check));
        check.help = changed
            .or_else(|| facts::certain(view, node, check))
            .or(by_log)
            .or_else(|| facts::likely(view, node, check));
    }
    for (host, (journal, _)) in found {
        if let Some(check) = bearer(checks, &host) {
            check.journal = journal.last;
        }
    }
}

/// A host's journal goes with one of its failures: the first that a log can explain, else the first.
fn bearer<'a>(checks: &'a mut [Row], host: &str) -> Option<&'a mut Row> {
    let mut failed: Vec<&mut Row> =
        checks.iter_mut().filter(|check| is_own_failure(check) && check.host == host).collect();
    let at = failed.iter().position(|check| facts::is_in_the_log(check)).unwrap_or(0);
    (at < failed.len()).then(|| failed.swap_remove(at))
}

/// What is not known follows from another check.
fn is_own_failure(check: &Row) -> bool {
    check.verdict == Verdict::Failed
}

async fn look(asked: &Asked, view: &View<'_>) -> (String, (Journal, Option<String>)) {
    // Whose journal says why.
    let node = view.cluster.node(&asked.name);
    let unit = node.map_or_else(|| asked.unit.clone(), |node| units::at_fault(view, node));
    let (journal, changed) =
        futures::join!(journal::of_unit(&asked.client.host, &unit), changed_since(asked, view));
    (asked.name.to_string(), (journal, changed))
}

/// The chain runs on the copy that its first start has kept: if that is not the file, the file was changed since.
async fn changed_since(asked: &Asked, view: &View<'_>) -> Option<String> {
    view.rpc.get(&asked.name)?.status.as_ref()?;
    let running = asked.client.genesis().await.ok()?;
    let file = document::text(view.cluster, view.now.nodes.get(&asked.name)?)?;
    let file: serde_json::Value = serde_json::from_str(file).ok()?;
    let what = facts::other_document(&running, &file)?;
    Some(format!(
        "the genesis document was changed after the first start ({what}); the node goes on with the copy in its \
         state: {START_OVER}"
    ))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write as _};

    use super::*;
    use crate::architecture::pages;

    /// Lines that real nodes wrote: CometBFT 0.38.17, loom 2.0.0 (Tendermint 0.27.3), systemd 252.
    const REAL: &[(&str, &str)] = &[
        (
            "E[2026-11-21|04:12:01.011] enterPrevote: ProposalBlock is invalid module=consensus height=1 round=0 err=\"Invalid block. Block time 2026-11-21 04:11:52.319323076 +0000 UTC is not equal to genesis time 2026-11-21 04:11:50.1 +0000 UTC\"",
            "genesis_time is not the same",
        ),
        (
            "I[2026-11-21|07:24:52.029] Genesis time is in the future. Sleeping until then... module=main genTime=\"3026-11-21 07:24:47.86565906 +0000 UTC\"",
            "genesis_time is in the future",
        ),
        (
            "E[2026-11-21] CONSENSUS FAILURE!!! module=consensus err=\"+2/3 committed an invalid block: Wrong Block.Header.AppHash.  Expected 00, got 01\"",
            "another state than the others'",
        ),
        (
            "ERROR: failed to create node: error reading GenesisDoc at b/config/genesis.json: invalid 64-bit integer encoding \"10\", expected string",
            "wants it quoted",
        ),
        (
            "Error: Error reading GenesisDoc at config/genesis.json: Amino:JSON int/int64/uint/uint64 expects quoted values for javascript numeric support, got: 10",
            "wants it quoted",
        ),
        (
            "ERROR: failed to create node: error reading GenesisDoc at b/config/genesis.json: the genesis file cannot contain validators with no voting power: {F486 PubKeyEd25519{A6} 0 }",
            "has power 0",
        ),
        ("panic: Cannot compare identical validators", "stands twice"),
        (
            "E[2026-11-21] Dialing failed module=pex err=\"incompatible: Peer is on a different network. Got a, expected b\"",
            "chain id and a peer's are not the same",
        ),
        (
            "I[2026-11-21|11:37:40.409] error dialing peer module=p2p err=\"incompatible: peer is on a different network. Got a, expected b\"",
            "chain id and a peer's are not the same",
        ),
        (
            "E[2026-11-21] CONSENSUS FAILURE!!! module=consensus err=\"+2/3 committed an invalid block: wrong Block.Header.AppHash.  Expected 00, got 01\"",
            "another state than the others'",
        ),
        (
            "E[2026-11-21|11:36:54.671] Found conflicting vote from ourselves. Did you unsafe_reset a validator? module=consensus height=3 round=0 type=2",
            "signs with this node's validator key",
        ),
        (
            "ERROR: failed to create node: couldn't read GenesisDoc file: open b/config/genesis.json: no such file or directory",
            "is gone",
        ),
        (
            "ERROR: failed to start node: listen tcp 0.0.0.0:26656: bind: address already in use",
            "holds one of its ports",
        ),
        (
            "cometbft.service: Failed at step EXEC spawning /n/cometbft: Exec format error",
            "another architecture",
        ),
        ("cometbft.service: Main process exited, code=exited, status=203/EXEC", "could not execute"),
        ("cometbft.service: Main process exited, code=exited, status=217/USER", "does not exist"),
        ("ERROR: failed to create node: open /n/config/node_key.json: permission denied", "may not read"),
        (
            "E[2026-11-21] CONSENSUS FAILURE!!! module=consensus err=\"runtime error: index out of range\"",
            "failed for good",
        ),
        (
            "ERROR: failed to create node: failed to initialize database: open /home/ubuntu/node/data/blockstore.db/LOCK: read-only file system",
            "outside of its folder",
        ),
        (
            "cometbft.service: Main process exited, code=exited, status=226/NAMESPACE",
            "or a folder of `unit:`",
        ),
    ];

    #[test]
    fn real_log_lines_name_their_cause() {
        for (line, cause) in REAL {
            let hint = of_journal(&["I[2026] Started node".to_owned(), (*line).to_owned()]);
            assert!(hint.as_ref().is_some_and(|hint| hint.contains(cause)), "{line}: {hint:?}");
        }
        assert_eq!(of_journal(&["I[2026-11-21] executed block height=5 module=state".to_owned()]), None);
    }

    /// `INSTA_UPDATE=always` writes it again. A sign that a line of `REAL` shows has a mark.
    #[test]
    fn the_published_causes_are_those_of_the_table() {
        let sign_of = |line| TABLE.iter().map(|cause| cause.sign).find(|sign| place(line, sign).is_some());
        let seen: BTreeSet<&str> = REAL.iter().filter_map(|(line, _)| sign_of(line)).collect();
        let mut text = "\n| in the journal | cause | how to go on |\n|---|---|---|\n".to_owned();
        for Cause { sign, why, advice } in TABLE {
            let mark = if seen.contains(sign) { " •" } else { "" };
            let advice = match *advice {
                START_OVER => "start over",
                DOCUMENT => "compare, or start over",
                other => other,
            };
            let _ = writeln!(text, "| `{sign}`{mark} | {why} | {advice} |");
        }
        text.push('\n');
        pages::holds("docs/faults.md", "causes", &text);
    }

    #[test]
    fn the_reason_goes_before_the_fact_that_consensus_failed() {
        let failed = "E[2026-11-21] CONSENSUS FAILURE!!! err=\"runtime error\"".to_owned();
        let lines = [failed.clone(), REAL[0].0.to_owned(), failed];
        assert!(of_journal(&lines).is_some_and(|hint| hint.contains("genesis_time is not the same")));
    }

    #[test]
    fn an_excerpt_is_cut_between_characters() {
        let line = "ü".repeat(200) + "address already in use" + &"ß".repeat(200);
        let hint = of_journal(&[line]).unwrap_or_default();
        assert!(hint.contains("üaddress already in useß") && hint.chars().count() <= 300, "{hint}");
    }
}
