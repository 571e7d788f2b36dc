//! Why a line does not hold: signs in the journal, and what the facts give away. The table, and that of each profile, is
//! "What goes wrong" of real four-node chains, as far as loomctl cannot prevent it.

mod facts;

use std::{borrow::Cow, collections::BTreeMap};

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{
    Row, document,
    journal::{self, Journal},
    observe::Asked,
    units,
    view::View,
};
use crate::{
    chain::profile::{COMPARE as COMPARE_WORD, JournalSign, START_OVER as START_OVER_WORD},
    types::{ids::NodeName, row::Verdict},
};

struct Cause {
    /// What stands in the log; small and capital letters are alike (Tendermint wrote `Wrong`, CometBFT writes `wrong`).
    sign: &'static str,
    why: &'static str,
    advice: &'static str,
}

const START_OVER: &str = "`loomctl down --destroy` on all nodes (keys stay), then `loomctl up`";
const DOCUMENT: &str = "`loomctl verify` compares the documents (V4); put the others' in its place, or start over: \
                        `loomctl down --destroy` (keys stay), then `loomctl up`";

const DATABASE: &str =
    "a database of the node is damaged (a disk that was full, a power cut, a file that was emptied)";
const AGAIN: &str = "restore it from a copy, or move the chain's databases away (never the sign state) and start it: it fetches the \
                     blocks from its peers";

/// Signs that say that something is wrong, not why: they count where no other is.
const VAGUE: &[Cause] = &[
    Cause {
        sign: "panic: ",
        why: "the program has ended in a panic",
        advice: "the line says why; `journalctl` has the goroutines below it",
    },
    Cause {
        sign: "fatal error: ",
        why: "the Go runtime has ended the program",
        advice: "the line says why; `journalctl` has the goroutines below it",
    },
];

/// Signs of no chain: systemd's, the kernel's, and those of files, ports and disks. A chain's own are in its profile
/// (`journal_signs`) and come first, but for the vague ones. Of several the first counts: what explains most.
const TABLE: &[Cause] = &[
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
    Cause { sign: "corrupted or incomplete CURRENT", why: DATABASE, advice: AGAIN },
    Cause { sign: "manifest corrupted", why: DATABASE, advice: AGAIN },
    Cause { sign: "leveldb/table: corruption", why: DATABASE, advice: AGAIN },
    Cause { sign: "leveldb/journal: ", why: DATABASE, advice: AGAIN },
    Cause {
        sign: "resource temporarily unavailable",
        why: "another process uses this node's data folder: a second node on the same working directory",
        advice: "stop it (`systemctl list-units`, `ps`)",
    },
];

/// One sign with what it means, in the order in which they count.
struct Sign<'a> {
    text: &'a str,
    why: &'a str,
    advice: Cow<'a, str>,
}

impl<'a> Sign<'a> {
    fn of(sign: &'a JournalSign) -> Self {
        Self { text: &sign.text, why: &sign.cause, advice: advice(&sign.help) }
    }
}

fn all_signs(own: &[JournalSign]) -> impl Iterator<Item = Sign<'_>> {
    let general =
        TABLE.iter().map(|cause| Sign { text: cause.sign, why: cause.why, advice: cause.advice.into() });
    let clear = own.iter().filter(|sign| !sign.vague).map(Sign::of);
    let vague =
        VAGUE.iter().map(|cause| Sign { text: cause.sign, why: cause.why, advice: cause.advice.into() });
    clear.chain(general).chain(own.iter().filter(|sign| sign.vague).map(Sign::of)).chain(vague)
}

/// The help of a profile with what loomctl advises for its words.
fn advice(help: &str) -> Cow<'_, str> {
    match help {
        START_OVER_WORD => START_OVER.into(),
        COMPARE_WORD => DOCUMENT.into(),
        _ => help.replace(START_OVER_WORD, START_OVER).replace(COMPARE_WORD, DOCUMENT).into(),
    }
}

/// What to look for in a journal.
fn signs(own: &[JournalSign]) -> impl Iterator<Item = &str> {
    let general = TABLE.iter().chain(VAGUE).map(|cause| cause.sign);
    own.iter().map(|sign| sign.text.as_str()).chain(general)
}

/// The likely cause by the lines of a journal.
fn of_journal(lines: &[String], own: &[JournalSign]) -> Option<String> {
    let last = |sign: &Sign<'_>| lines.iter().rev().find_map(|line| Some((line, place(line, sign.text)?)));
    let found = all_signs(own).find_map(|sign| last(&sign).map(|found| (found, sign)));
    found.map(|((line, at), sign)| {
        format!("{}: {} (the log says `{}`)", sign.why, sign.advice, excerpt(line, at, sign.text))
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
        let by_log = facts::is_in_the_log(check)
            .then(|| of_journal(&journal.signs, &view.cluster.profile.journal_signs))
            .flatten();
        let changed = changed.filter(|_| facts::is_of_the_chain(check));
        check.help = changed
            .or_else(|| facts::certain(view, node, check))
            .or(by_log)
            .or_else(|| facts::likely(view, node, check));
    }
    for (host, (journal, _)) in found {
        if let Some(check) = bearer(checks, &host) {
            check.journal = journal.shown();
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
    let signs: Vec<&str> = signs(&view.cluster.profile.journal_signs).collect();
    let (journal, changed) =
        futures::join!(journal::of_unit(&asked.client.host, &unit, &signs), changed_since(asked, view));
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
    use crate::{
        architecture::pages,
        chain::profile::{Profile, builtin_names},
    };

    fn own(chain: &str) -> Vec<JournalSign> {
        Profile::builtin(chain).map(|profile| profile.journal_signs).unwrap_or_default()
    }

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
            "panic: Error reading file /home/ubuntu/node/config/addrbook.json: EOF",
            "its address book is empty or damaged",
        ),
        (
            "ERROR: failed to create node: failed to initialize database: leveldb/storage: corrupted or incomplete CURRENT file",
            "a database of the node is damaged",
        ),
        (
            "ERROR: failed to create node: failed to initialize database: leveldb: manifest corrupted (field 'comparer'): missing [file=MANIFEST-000000]",
            "a database of the node is damaged",
        ),
        (
            "panic: state (5) and store (0) height mismatch, stores were left in an inconsistent state",
            "do not belong together",
        ),
        (
            "Error reading PrivValidator state from /n/data/priv_validator_state.json: unexpected end of JSON input",
            "its sign state is cut short",
        ),
        (
            "Error reading PrivValidator state from /n/data/priv_validator_state.json: json: cannot unmarshal string into Go value of type int32",
            "another release's notation",
        ),
        (
            "ERROR: failed to create node: error with private validator socket client: can't get pubkey: send: endpoint connection timed out",
            "no remote signer has connected",
        ),
        ("panic: runtime error: index out of range [3] with length 2", "has ended in a panic"),
        (
            "cometbft.service: Main process exited, code=exited, status=226/NAMESPACE",
            "or a folder of `unit:`",
        ),
    ];

    #[test]
    fn real_log_lines_name_their_cause() {
        for chain in ["cometbft", "loom", "cosmos", "tendermint"] {
            let own = own(chain);
            for (line, cause) in REAL {
                let hint = of_journal(&["I[2026] Started node".to_owned(), (*line).to_owned()], &own);
                assert!(hint.as_ref().is_some_and(|hint| hint.contains(cause)), "{chain}: {line}: {hint:?}");
            }
            let fine = "I[2026-11-21] executed block height=5 module=state".to_owned();
            assert_eq!(of_journal(&[fine], &own), None);
        }
    }

    #[test]
    fn a_chains_words_are_its_own() {
        let stale = "Fatal: database already contains an incompatible genesis block".to_owned();
        assert!(
            of_journal(std::slice::from_ref(&stale), &own("kaia"))
                .is_some_and(|hint| hint.contains("another genesis"))
        );
        assert_eq!(of_journal(&[stale, REAL[0].0.to_owned()], &[]), None, "systemd writes neither");
        let full = "write: no space left on device".to_owned();
        assert!(of_journal(&[full], &[]).is_some_and(|hint| hint.starts_with("the disk is full: make room")));
    }

    /// `INSTA_UPDATE=always` writes it again. A sign that a line of `REAL` shows has a mark.
    #[test]
    fn the_published_causes_are_those_of_the_table() {
        let all: Vec<(&str, Vec<JournalSign>)> =
            builtin_names().into_iter().map(|chain| (chain, own(chain))).collect();
        let mut signs: Vec<&JournalSign> = Vec::new();
        for sign in all.iter().flat_map(|(_, signs)| signs) {
            if !signs.contains(&sign) {
                signs.push(sign);
            }
        }
        let chains = |sign: &JournalSign| {
            let with = all.iter().filter(|(_, signs)| signs.contains(sign)).map(|(chain, _)| *chain);
            with.collect::<Vec<_>>().join(", ")
        };
        let seen: BTreeSet<&str> = REAL
            .iter()
            .filter_map(|(line, _)| {
                let texts = signs.iter().filter(|sign| !sign.vague).map(|sign| sign.text.as_str());
                let texts = texts.chain(TABLE.iter().map(|cause| cause.sign));
                let vague = signs.iter().filter(|sign| sign.vague).map(|sign| sign.text.as_str());
                texts
                    .chain(vague)
                    .chain(VAGUE.iter().map(|cause| cause.sign))
                    .find(|text| place(line, text).is_some())
            })
            .collect();
        let mut text = "\n| in the journal | of | cause | how to go on |\n|---|---|---|---|\n".to_owned();
        let mut row = |sign: &str, of: &str, why: &str, advice: &str| {
            let mark = if seen.contains(sign) { " •" } else { "" };
            let advice =
                advice.replace(START_OVER_WORD, "start over").replace(COMPARE_WORD, "compare, or start over");
            let _ = writeln!(text, "| `{sign}`{mark} | {of} | {why} | {advice} |");
        };
        for sign in signs.iter().filter(|sign| !sign.vague) {
            row(&sign.text, &chains(sign), &sign.cause, &sign.help);
        }
        for cause in TABLE {
            row(cause.sign, "all", cause.why, cause.advice);
        }
        for sign in signs.iter().filter(|sign| sign.vague) {
            row(&sign.text, &chains(sign), &sign.cause, &sign.help);
        }
        for cause in VAGUE {
            row(cause.sign, "all", cause.why, cause.advice);
        }
        text.push('\n');
        pages::holds("docs/faults.md", "causes", &text);
    }

    #[test]
    fn the_reason_goes_before_the_fact_that_consensus_failed() {
        let failed = "E[2026-11-21] CONSENSUS FAILURE!!! err=\"runtime error\"".to_owned();
        let lines = [failed.clone(), REAL[0].0.to_owned(), failed];
        assert!(
            of_journal(&lines, &own("cometbft"))
                .is_some_and(|hint| hint.contains("genesis_time is not the same"))
        );
    }

    #[test]
    fn an_excerpt_is_cut_between_characters() {
        let line = "ü".repeat(200) + "address already in use" + &"ß".repeat(200);
        let hint = of_journal(&[line], &[]).unwrap_or_default();
        assert!(hint.contains("üaddress already in useß") && hint.chars().count() <= 300, "{hint}");
    }
}
